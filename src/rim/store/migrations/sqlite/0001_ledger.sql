-- The ledger. Times are milliseconds since 1970, UTC. What the core's types serialise to is kept
-- as JSON text, everything that is searched has its own column.

-- Who may read a source and write what comes of it.
CREATE TABLE leases (
    source TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,               -- empty once it was given back
    number INTEGER NOT NULL,            -- grows at each change of holder
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How far a source has been read.
CREATE TABLE cursors (
    source TEXT NOT NULL PRIMARY KEY,
    epoch INTEGER NOT NULL,
    uid INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a mail, with the decision that is current.
CREATE TABLE tickets (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL UNIQUE CHECK (length(key) = 32),
    message_id TEXT,
    sender TEXT,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    oddities TEXT NOT NULL,             -- JSON
    size INTEGER NOT NULL,
    received INTEGER,
    recorded INTEGER NOT NULL,
    revision INTEGER NOT NULL,          -- the number of the current decision, from 1
    target TEXT NOT NULL,
    addressee TEXT,
    reason TEXT NOT NULL,
    confidence REAL,
    best_team TEXT
) STRICT;

-- Lists by target, and the counts without a look at the table.
CREATE INDEX tickets_by_target ON tickets (target, id, reason);
CREATE INDEX tickets_by_addressee ON tickets (addressee, id) WHERE addressee IS NOT NULL;

-- The text that was classified; the row goes when its retention time is over.
CREATE TABLE texts (
    ticket INTEGER NOT NULL PRIMARY KEY REFERENCES tickets (id),
    text TEXT NOT NULL                  -- JSON
) STRICT;

-- Every decision that was ever made.
CREATE TABLE decisions (
    ticket INTEGER NOT NULL REFERENCES tickets (id),
    revision INTEGER NOT NULL,
    target TEXT NOT NULL,
    addressee TEXT,
    reason TEXT NOT NULL,
    evidence TEXT,                      -- JSON; null: that of the decision before
    made_by TEXT NOT NULL,
    made INTEGER NOT NULL,
    PRIMARY KEY (ticket, revision)
) STRICT;

-- Where the copies of a mail lie.
CREATE TABLE places (
    ticket INTEGER NOT NULL REFERENCES tickets (id),
    copy INTEGER NOT NULL,              -- from 1, the one that was seen first
    source TEXT NOT NULL,
    folder TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    name TEXT NOT NULL,                 -- empty: moved there, and nobody said under which name
    PRIMARY KEY (ticket, copy)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX places_by_name ON places (source, folder, epoch, name) WHERE name <> '';

-- The outbox.
CREATE TABLE jobs (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    ticket INTEGER NOT NULL,
    copy INTEGER NOT NULL,
    revision INTEGER NOT NULL,          -- the decision that it delivers; 0 for a repeat's
    source TEXT NOT NULL,
    action TEXT NOT NULL,               -- JSON
    state TEXT NOT NULL CHECK (state IN ('waiting', 'claimed', 'done', 'failed', 'dropped')),
    attempt INTEGER NOT NULL,           -- how often it was claimed
    due INTEGER NOT NULL,               -- waiting: not before
    fence INTEGER,                      -- claimed: under which number
    claimed INTEGER,                    -- claimed: when
    made INTEGER NOT NULL,
    FOREIGN KEY (ticket, copy) REFERENCES places (ticket, copy)
) STRICT;

CREATE INDEX jobs_open ON jobs (source, id) WHERE state IN ('waiting', 'claimed');
CREATE INDEX jobs_by_ticket ON jobs (ticket, revision);

-- All that happened.
CREATE TABLE events (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    ticket INTEGER NOT NULL REFERENCES tickets (id),
    at INTEGER NOT NULL,
    what TEXT NOT NULL                  -- JSON
) STRICT;

CREATE INDEX events_by_ticket ON events (ticket, id);

CREATE TRIGGER events_never_change BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are only ever added');
END;

CREATE TRIGGER events_never_go BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are only ever added');
END;

-- Tickets whose mail is to be read again.
CREATE TABLE retries (
    ticket INTEGER NOT NULL PRIMARY KEY REFERENCES tickets (id),
    asked INTEGER NOT NULL
) STRICT;

-- The files of every dictionary version that decided something.
CREATE TABLE dictionaries (
    version TEXT NOT NULL PRIMARY KEY,
    files TEXT NOT NULL,                -- JSON: name to text
    kept INTEGER NOT NULL
) STRICT;
