-- The account that AWS's answers named first, by the name that the policy file has for it: what comes from another one is
-- not believed.
CREATE TABLE accounts (
    account     TEXT    NOT NULL PRIMARY KEY,
    id          TEXT    NOT NULL,                        -- twelve digits
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Occurrences that a person ordered and a person cancelled, until they end.
CREATE TABLE cancelled (
    account TEXT    NOT NULL,
    source  TEXT    NOT NULL,
    at      INTEGER NOT NULL,                            -- the time by which the occurrence is known
    cancelled_at INTEGER NOT NULL,
    PRIMARY KEY (account, source, at)
) STRICT, WITHOUT ROWID;
