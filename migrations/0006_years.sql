-- What is no more must not weigh on what is: `points` holds what AWS has, and the little that still counts of what was
-- deleted. The rest of the past lies apart, small, and in the order in which it is read and forgotten. Times are
-- milliseconds since 1970-01-01T00:00Z.

-- Recovery points of one source in one place, by a number.
CREATE TABLE routes (
    number  INTEGER PRIMARY KEY,
    account TEXT    NOT NULL,
    source  TEXT    NOT NULL,
    region  TEXT    NOT NULL,
    is_copy INTEGER NOT NULL CHECK (is_copy IN (0, 1)),
    used_at INTEGER NOT NULL,                        -- forgotten so long after that nothing can name it any more
    UNIQUE (account, source, region, is_copy)
) STRICT;

-- Texts that thousands of rows share, by a number: reasons, and names of policies.
CREATE TABLE texts (
    number  INTEGER PRIMARY KEY,
    text    TEXT    NOT NULL UNIQUE,
    used_at INTEGER NOT NULL
) STRICT;

-- Recovery points that are no more, as reports need them. One route's lie together, the first gone first.
CREATE TABLE past_points (
    route      INTEGER NOT NULL,
    gone_at    INTEGER NOT NULL,                     -- found to be none any more
    taken_at   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,                     -- first seen AVAILABLE
    PRIMARY KEY (route, gone_at, taken_at, created_at)
) STRICT, WITHOUT ROWID;

-- Backups and copies that are gone, as the history tells of them, in the order in which they went.
CREATE TABLE removals (
    gone_at    INTEGER NOT NULL,
    route      INTEGER NOT NULL,
    id         TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    "trigger"  TEXT    NOT NULL CHECK ("trigger" IN ('schedule', 'manual')),
    policy     INTEGER,                              -- a number of `texts`, as the reason is
    reason     INTEGER,                              -- NULL: not deleted by Lifeboat
    decided_at INTEGER,
    PRIMARY KEY (gone_at, route, id)
) STRICT, WITHOUT ROWID;

-- Occurrences of one day (UTC), source, policy and outcome, once they are old, as one line.
CREATE TABLE past_occurrences (
    last_at   INTEGER NOT NULL,                      -- the latest of them
    account   TEXT    NOT NULL,
    source    TEXT    NOT NULL,
    "trigger" TEXT    NOT NULL CHECK ("trigger" IN ('schedule', 'manual')),
    policy    INTEGER NOT NULL,                      -- a number of `texts`
    outcome   TEXT    NOT NULL CHECK (outcome IN ('completed', 'skipped', 'coalesced', 'missed', 'failed')),
    closed_at INTEGER NOT NULL,                      -- of the latest
    count     INTEGER NOT NULL CHECK (count > 0),
    PRIMARY KEY (last_at, account, source, "trigger", policy, outcome)
) STRICT, WITHOUT ROWID;

CREATE INDEX past_occurrences_by_source ON past_occurrences (account, source, last_at);

INSERT INTO routes (account, source, region, is_copy, used_at)
SELECT account, source, region, is_copy, max(coalesce(gone_at, created_at)) FROM held
GROUP BY account, source, region, is_copy;

INSERT INTO routes (account, source, region, is_copy, used_at)
SELECT account, source, region, origin_id IS NOT NULL, max(settled_at) FROM points
WHERE lifecycle = 'DELETED' AND settled_at IS NOT NULL GROUP BY account, source, region, origin_id IS NOT NULL
ON CONFLICT DO UPDATE SET used_at = max(used_at, excluded.used_at);

INSERT OR IGNORE INTO past_points (route, gone_at, taken_at, created_at, seen_at)
SELECT r.number, h.gone_at, h.taken_at, h.created_at, h.seen_at
FROM held AS h JOIN routes AS r USING (account, source, region, is_copy)
WHERE h.gone_at IS NOT NULL AND h.seen_at IS NOT NULL
ORDER BY r.number, h.gone_at;

INSERT INTO texts (text, used_at)
SELECT policy, max(settled_at) FROM points
WHERE lifecycle = 'DELETED' AND settled_at IS NOT NULL AND policy IS NOT NULL GROUP BY policy
ON CONFLICT DO UPDATE SET used_at = max(used_at, excluded.used_at);

INSERT INTO texts (text, used_at)
SELECT reason, max(deleted_at) FROM deletions WHERE deleted_at IS NOT NULL GROUP BY reason
ON CONFLICT DO UPDATE SET used_at = max(used_at, excluded.used_at);

INSERT OR IGNORE INTO removals (gone_at, route, id, at, "trigger", policy, reason, decided_at)
SELECT p.settled_at, r.number, p.id, p.at, p."trigger", (SELECT number FROM texts WHERE text = p.policy),
       (SELECT number FROM texts WHERE text = d.reason), d.condemned_at
FROM points AS p
JOIN routes AS r ON r.account = p.account AND r.source = p.source AND r.region = p.region
                AND r.is_copy = (p.origin_id IS NOT NULL)
LEFT JOIN deletions AS d ON d.account = p.account AND d.region = p.region AND d.id = p.id
WHERE p.lifecycle = 'DELETED' AND p.settled_at IS NOT NULL
ORDER BY p.settled_at;

DELETE FROM deletions WHERE deleted_at IS NOT NULL;
DROP INDEX deletions_open;
ALTER TABLE deletions DROP COLUMN deleted_at;

-- One source's lie together, since that is how they are read at a start.
CREATE TABLE points_by_source (
    account          TEXT    NOT NULL,
    source           TEXT    NOT NULL,
    at               INTEGER NOT NULL,
    region           TEXT    NOT NULL,
    id               TEXT    NOT NULL,
    "trigger"        TEXT    NOT NULL CHECK ("trigger" IN ('schedule', 'manual')),
    attempt          INTEGER NOT NULL CHECK (attempt BETWEEN 1 AND 4294967295),
    policy           TEXT,
    origin_region    TEXT,
    origin_id        TEXT,
    taken_at         INTEGER NOT NULL,
    hold             TEXT,
    lifecycle        TEXT    NOT NULL,
    created_at       INTEGER NOT NULL,
    settled_at       INTEGER,
    failure          TEXT,
    progress_percent INTEGER CHECK (progress_percent BETWEEN 0 AND 255),
    size_bytes       INTEGER,
    kms_key          TEXT,
    kind             TEXT    NOT NULL,
    carried          TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(carried)),
    asked_key        TEXT,
    PRIMARY KEY (account, source, at, region, id),
    CHECK ((origin_region IS NULL) = (origin_id IS NULL))
) STRICT, WITHOUT ROWID;

-- What was deleted counts its attempt as long as another one is possible: while its occurrence is open, or the backup is
-- there to be copied.
INSERT INTO points_by_source
SELECT account, source, at, region, id, "trigger", attempt, policy, origin_region, origin_id, taken_at, hold, lifecycle,
       created_at, settled_at, failure, progress_percent, size_bytes, kms_key, kind, carried, asked_key
FROM points AS p WHERE p.lifecycle <> 'DELETED'
OR EXISTS (SELECT 1 FROM points AS b INDEXED BY points_by_work
           WHERE b.account = p.account AND b.source = p.source AND b.at = p.at AND b."trigger" = p."trigger"
           AND b.origin_id IS NULL AND b.lifecycle <> 'DELETED')
OR EXISTS (SELECT 1 FROM occurrences AS o WHERE o.account = p.account AND o.source = p.source
           AND o."trigger" = p."trigger" AND o.at = p.at AND o.outcome IS NULL)
ORDER BY account, source, at;

DROP TABLE points;
ALTER TABLE points_by_source RENAME TO points;
CREATE UNIQUE INDEX points_by_id ON points (account, region, id);
CREATE INDEX points_deleted ON points (settled_at) WHERE lifecycle = 'DELETED';

CREATE INDEX promises_standing ON promises (account, source, destination) WHERE until IS NULL;

DROP TABLE held;
