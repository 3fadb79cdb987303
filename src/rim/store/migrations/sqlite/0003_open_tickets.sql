-- How many recent tickets are whose, for people who have a cap.
CREATE INDEX tickets_of_people ON tickets (target, recorded, addressee)
    WHERE target = 'person' AND reason <> 'follow_up';
