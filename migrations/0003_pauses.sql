-- Policies that a person stopped for a while. One that ended stays until what came due in it is on record.
CREATE TABLE pauses (
    policy  TEXT    NOT NULL,
    since   INTEGER NOT NULL,
    until   INTEGER,                                 -- NULL: until a person ends it
    reason  TEXT,
    resumed INTEGER NOT NULL CHECK (resumed IN (0, 1)),
    PRIMARY KEY (policy, since)
) STRICT, WITHOUT ROWID;
