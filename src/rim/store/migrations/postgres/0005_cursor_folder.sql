-- Which folder the cursor is about; null where that was not kept: then it is the one that is watched.
ALTER TABLE cursors ADD COLUMN folder TEXT;
