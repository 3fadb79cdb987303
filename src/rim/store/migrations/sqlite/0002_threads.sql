-- Threads: a mail that answers another goes where that one is.

-- The customer whose mail it is, if it is one's beyond doubt.
ALTER TABLE tickets ADD COLUMN customer TEXT;

-- The ticket at the beginning of the thread, if the mail followed one.
ALTER TABLE tickets ADD COLUMN follows INTEGER;

-- Longer ids are none, and don't fit into an index of PostgreSQL's.
CREATE INDEX tickets_by_message_id ON tickets (message_id)
    WHERE octet_length(message_id) <= 998;
