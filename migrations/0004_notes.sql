-- What is kept for people alone: what auditors ask for, and what was told. Times are milliseconds since
-- 1970-01-01T00:00Z.

-- What was promised of each route, from when until when.
CREATE TABLE promises (
    account     TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    destination TEXT    NOT NULL,                    -- '' for the source's own Region
    since       INTEGER NOT NULL,
    until       INTEGER,                             -- NULL while it stands
    region      TEXT    NOT NULL,
    policy      TEXT    NOT NULL,
    rpo         INTEGER CHECK (rpo >= 0),            -- milliseconds; NULL if nothing is promised
    PRIMARY KEY (account, source, destination, since)
) STRICT, WITHOUT ROWID;

-- Every recovery point that ever was, also after it was deleted.
CREATE TABLE held (
    account    TEXT    NOT NULL,
    region     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    is_copy    INTEGER NOT NULL CHECK (is_copy IN (0, 1)),
    taken_at   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER,                              -- first seen AVAILABLE; NULL while in flight
    gone_at    INTEGER,                              -- found to be no recovery point any more
    PRIMARY KEY (account, region, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX held_by_route ON held (account, source, region, is_copy);

INSERT INTO held (account, region, id, source, is_copy, taken_at, created_at, seen_at)
SELECT account, region, id, source, origin_id IS NOT NULL, taken_at, created_at,
       CASE lifecycle WHEN 'AVAILABLE' THEN coalesce(settled_at, created_at) END
FROM points WHERE lifecycle NOT IN ('FAILED', 'DELETED');

-- From when until when AWS's books of a place were read without a break.
CREATE TABLE readings (
    account    TEXT    NOT NULL,
    region     TEXT    NOT NULL,
    since      INTEGER NOT NULL,
    through    INTEGER NOT NULL,
    good_until INTEGER NOT NULL,                     -- what was read last is relied on until then
    PRIMARY KEY (account, region, since)
) STRICT, WITHOUT ROWID;

-- Routes of which it was told that they are late.
CREATE TABLE late (
    account     TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    destination TEXT    NOT NULL,
    since       INTEGER NOT NULL,
    PRIMARY KEY (account, source, destination)
) STRICT, WITHOUT ROWID;

-- Notifications that were not delivered yet.
CREATE TABLE notices (
    id   TEXT PRIMARY KEY,
    at   INTEGER NOT NULL,
    body TEXT    NOT NULL CHECK (json_valid(body))
) STRICT, WITHOUT ROWID;

-- The history shows what was deleted, by when.
CREATE INDEX points_gone ON points (settled_at) WHERE lifecycle = 'DELETED';
