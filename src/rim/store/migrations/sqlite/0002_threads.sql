-- Threads: a mail that answers another goes where that one is.

-- The customer whose mail it is, if it is one's beyond doubt.
ALTER TABLE tickets ADD COLUMN customer TEXT;

-- The ticket at the beginning of the thread, if the mail followed one.
ALTER TABLE tickets ADD COLUMN follows INTEGER;

-- Longer ids are none, and don't fit into an index of PostgreSQL's.
CREATE INDEX tickets_by_message_id ON tickets (message_id)
    WHERE octet_length(message_id) <= 998;

-- What followed a ticket, to follow it to where a person moves it.
CREATE INDEX tickets_by_thread ON tickets (follows) WHERE follows IS NOT NULL;

-- Keys that are made once and never shown. `mark` signs the field on Postroom's own mail, so that
-- nobody else can write one.
CREATE TABLE keys (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
);
INSERT INTO keys (name, value) VALUES ('mark', randomblob(32));
