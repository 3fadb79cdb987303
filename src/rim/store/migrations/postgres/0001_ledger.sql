-- The ledger. Times are milliseconds since 1970, UTC. What the core's types serialise to is kept
-- as JSON text, everything that is searched has its own column.

-- Who may read a source and write what comes of it.
CREATE TABLE leases (
    source TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,               -- empty once it was given back
    number BIGINT NOT NULL,            -- grows at each change of holder
    until BIGINT NOT NULL
);

-- How far a source has been read.
CREATE TABLE cursors (
    source TEXT NOT NULL PRIMARY KEY,
    epoch BIGINT NOT NULL,
    uid BIGINT NOT NULL
);

-- One row a mail, with the decision that is current.
CREATE TABLE tickets (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key BYTEA NOT NULL UNIQUE CHECK (octet_length(key) = 32),
    message_id TEXT,
    sender TEXT,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    oddities TEXT NOT NULL,             -- JSON
    size BIGINT NOT NULL,
    received BIGINT,
    recorded BIGINT NOT NULL,
    revision BIGINT NOT NULL,          -- the number of the current decision, from 1
    target TEXT NOT NULL,
    addressee TEXT,
    reason TEXT NOT NULL,
    confidence DOUBLE PRECISION,
    best_team TEXT
);

-- Lists by target, and the counts without a look at the table.
CREATE INDEX tickets_by_target ON tickets (target, id, reason);
CREATE INDEX tickets_by_addressee ON tickets (addressee, id) WHERE addressee IS NOT NULL;

-- The text that was classified; the row goes when its retention time is over.
CREATE TABLE texts (
    ticket BIGINT NOT NULL PRIMARY KEY REFERENCES tickets (id),
    text TEXT NOT NULL                  -- JSON
);

-- Every decision that was ever made.
CREATE TABLE decisions (
    ticket BIGINT NOT NULL REFERENCES tickets (id),
    revision BIGINT NOT NULL,
    target TEXT NOT NULL,
    addressee TEXT,
    reason TEXT NOT NULL,
    evidence TEXT,                      -- JSON; null: that of the decision before
    made_by TEXT NOT NULL,
    made BIGINT NOT NULL,
    PRIMARY KEY (ticket, revision)
);

-- Where the copies of a mail lie.
CREATE TABLE places (
    ticket BIGINT NOT NULL REFERENCES tickets (id),
    copy BIGINT NOT NULL,              -- from 1, the one that was seen first
    source TEXT NOT NULL,
    folder TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    name TEXT NOT NULL,                 -- empty: moved there, and nobody said under which name
    PRIMARY KEY (ticket, copy)
);

CREATE UNIQUE INDEX places_by_name ON places (source, folder, epoch, name) WHERE name <> '';

-- The outbox.
CREATE TABLE jobs (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ticket BIGINT NOT NULL,
    copy BIGINT NOT NULL,
    revision BIGINT NOT NULL,          -- the decision that it delivers; 0 for a repeat's
    source TEXT NOT NULL,
    action TEXT NOT NULL,               -- JSON
    state TEXT NOT NULL CHECK (state IN ('waiting', 'claimed', 'done', 'failed', 'dropped')),
    attempt BIGINT NOT NULL,           -- how often it was claimed
    due BIGINT NOT NULL,               -- waiting: not before
    fence BIGINT,                      -- claimed: under which number
    claimed BIGINT,                    -- claimed: when
    made BIGINT NOT NULL,
    FOREIGN KEY (ticket, copy) REFERENCES places (ticket, copy)
);

CREATE INDEX jobs_open ON jobs (source, id) WHERE state IN ('waiting', 'claimed');
CREATE INDEX jobs_by_ticket ON jobs (ticket, revision);

-- All that happened.
CREATE TABLE events (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ticket BIGINT NOT NULL REFERENCES tickets (id),
    at BIGINT NOT NULL,
    what TEXT NOT NULL                  -- JSON
);

CREATE INDEX events_by_ticket ON events (ticket, id);

CREATE FUNCTION events_are_only_ever_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are only ever added';
END
$$;

CREATE TRIGGER events_never_change BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION events_are_only_ever_added();

CREATE TRIGGER events_never_go BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION events_are_only_ever_added();

-- Tickets whose mail is to be read again.
CREATE TABLE retries (
    ticket BIGINT NOT NULL PRIMARY KEY REFERENCES tickets (id),
    asked BIGINT NOT NULL
);

-- The files of every dictionary version that decided something.
CREATE TABLE dictionaries (
    version TEXT NOT NULL PRIMARY KEY,
    files TEXT NOT NULL,                -- JSON: name to text
    kept BIGINT NOT NULL
);
