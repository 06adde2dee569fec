-- The schedules that count for a source, and from when: an edit makes nothing due that was not scheduled, and takes nothing
-- away that was. The one with the highest number is what the policy says; those before it stay until what they made due
-- is on record.
CREATE TABLE schedules (
    account TEXT    NOT NULL,
    source  TEXT    NOT NULL,
    number  INTEGER NOT NULL CHECK (number >= 0),    -- in the order of time
    line    TEXT    NOT NULL,
    zone    TEXT    NOT NULL,
    since   INTEGER,                                 -- NULL: it was there when the source was first seen
    PRIMARY KEY (account, source, number)
) STRICT, WITHOUT ROWID;
