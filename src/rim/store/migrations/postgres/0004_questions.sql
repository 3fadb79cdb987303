-- Since when a ticket waits for a person; null for those that don't.
ALTER TABLE tickets ADD COLUMN waits_since BIGINT;

-- It has waited since the first of the decisions that made it a question without a break.
UPDATE tickets SET waits_since = (
    SELECT min(asked.made) FROM decisions AS asked
    WHERE asked.ticket = tickets.id AND asked.target = 'assist' AND NOT EXISTS (
        SELECT 1 FROM decisions AS settled
        WHERE settled.ticket = asked.ticket AND settled.revision > asked.revision
            AND settled.target <> 'assist'))
    WHERE target = 'assist';

CREATE INDEX tickets_that_wait ON tickets (waits_since, id) WHERE waits_since IS NOT NULL;
