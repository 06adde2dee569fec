-- What is deleted and why, what a person holds, and a count of deletions.

-- An intent is committed before its call; the row stays as history once `deleted_at` is set.
CREATE TABLE deletions (
    account       TEXT    NOT NULL,
    region        TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    condemned_at  INTEGER NOT NULL,
    asked_at      INTEGER,                           -- when DeleteBackup was last called
    failures      INTEGER NOT NULL DEFAULT 0 CHECK (failures BETWEEN 0 AND 4294967295),
    not_before    INTEGER NOT NULL DEFAULT 0,
    fault_class   TEXT,
    fault_code    TEXT,
    fault_message TEXT,
    deleted_at    INTEGER,                           -- when it was known to be gone
    PRIMARY KEY (account, region, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX deletions_open ON deletions (account, region) WHERE deleted_at IS NULL;

-- A person's wish, until AWS's books show it.
CREATE TABLE wishes (
    account       TEXT    NOT NULL,
    region        TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    hold          TEXT,                              -- NULL lifts the hold
    wished_at     INTEGER NOT NULL,
    failures      INTEGER NOT NULL DEFAULT 0 CHECK (failures BETWEEN 0 AND 4294967295),
    not_before    INTEGER NOT NULL DEFAULT 0,
    fault_class   TEXT,
    fault_code    TEXT,
    fault_message TEXT,
    PRIMARY KEY (account, region, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE totals_with_deletions (
    kind   TEXT    NOT NULL CHECK (kind IN ('occurrences', 'backups', 'copies', 'deletions')),
    policy TEXT    NOT NULL,
    region TEXT    NOT NULL,
    result TEXT    NOT NULL,
    value  INTEGER NOT NULL CHECK (value >= 0),
    PRIMARY KEY (kind, policy, region, result)
) STRICT, WITHOUT ROWID;
INSERT INTO totals_with_deletions SELECT kind, policy, region, result, value FROM totals;
DROP TABLE totals;
ALTER TABLE totals_with_deletions RENAME TO totals;
