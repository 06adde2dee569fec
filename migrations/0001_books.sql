-- What Lifeboat must not forget between two calls to AWS. Times are milliseconds since 1970-01-01T00:00Z.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sources (
    account      TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    region       TEXT    NOT NULL,
    policy       TEXT,                               -- NULL once it left
    destinations TEXT CHECK (destinations IS NULL OR json_valid(destinations)),
    since        INTEGER,
    returned     INTEGER NOT NULL DEFAULT 0 CHECK (returned IN (0, 1)),
    has_left     INTEGER NOT NULL DEFAULT 0 CHECK (has_left IN (0, 1)),
    cursor       INTEGER,                            -- the newest scheduled occurrence ever recorded
    PRIMARY KEY (account, source),
    CHECK ((policy IS NULL) = (since IS NULL) AND (policy IS NULL) = (destinations IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE occurrences (
    account   TEXT    NOT NULL,
    source    TEXT    NOT NULL,
    "trigger" TEXT    NOT NULL CHECK ("trigger" IN ('schedule', 'manual')),
    at        INTEGER NOT NULL,
    policy    TEXT    NOT NULL,
    opened_at INTEGER NOT NULL,
    caught_up INTEGER NOT NULL CHECK (caught_up IN (0, 1)),
    adopted   INTEGER NOT NULL CHECK (adopted IN (0, 1)),
    outcome   TEXT CHECK (outcome IN ('completed', 'skipped', 'coalesced', 'missed', 'failed')),
    reason    TEXT,
    closed_at INTEGER,
    earlier   INTEGER NOT NULL DEFAULT 0 CHECK (earlier >= 0),
    PRIMARY KEY (account, source, "trigger", at),
    CHECK ((outcome IS NULL) = (closed_at IS NULL) AND (outcome IS NULL) = (reason IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX occurrences_open ON occurrences (account, source) WHERE outcome IS NULL;
CREATE INDEX occurrences_by_time ON occurrences (at);

-- An intent is committed before its call. `open` = 1: it may exist at AWS.
CREATE TABLE asks (
    account        TEXT    NOT NULL,
    source         TEXT    NOT NULL,
    "trigger"      TEXT    NOT NULL CHECK ("trigger" IN ('schedule', 'manual')),
    at             INTEGER NOT NULL,
    destination    TEXT    NOT NULL,                 -- '' for the backup itself
    attempt        INTEGER NOT NULL CHECK (attempt BETWEEN 1 AND 4294967295),
    request        TEXT    NOT NULL CHECK (json_valid(request)),
    open           INTEGER NOT NULL CHECK (open IN (0, 1)),
    first_asked_at INTEGER NOT NULL,
    last_asked_at  INTEGER NOT NULL,
    asks           INTEGER NOT NULL CHECK (asks BETWEEN 0 AND 4294967295),
    failures       INTEGER NOT NULL DEFAULT 0 CHECK (failures BETWEEN 0 AND 4294967295),
    not_before     INTEGER NOT NULL,
    fault_class    TEXT,
    fault_code     TEXT,
    fault_message  TEXT,
    PRIMARY KEY (account, source, "trigger", at, destination)
) STRICT, WITHOUT ROWID;

CREATE TABLE points (
    account          TEXT    NOT NULL,
    region           TEXT    NOT NULL,
    id               TEXT    NOT NULL,
    source           TEXT    NOT NULL,
    "trigger"        TEXT    NOT NULL CHECK ("trigger" IN ('schedule', 'manual')),
    at               INTEGER NOT NULL,
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
    PRIMARY KEY (account, region, id),
    CHECK ((origin_region IS NULL) = (origin_id IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX points_by_work ON points (account, source, at);

CREATE TABLE totals (
    kind   TEXT    NOT NULL CHECK (kind IN ('occurrences', 'backups', 'copies')),
    policy TEXT    NOT NULL,
    region TEXT    NOT NULL,
    result TEXT    NOT NULL,
    value  INTEGER NOT NULL CHECK (value >= 0),
    PRIMARY KEY (kind, policy, region, result)
) STRICT, WITHOUT ROWID;

CREATE TABLE places (
    account      TEXT    NOT NULL,
    region       TEXT    NOT NULL,
    listed_at    INTEGER NOT NULL,                   -- when the last complete listing began
    pages        INTEGER NOT NULL CHECK (pages BETWEEN 0 AND 4294967295),
    user_backups INTEGER NOT NULL CHECK (user_backups >= 0),
    PRIMARY KEY (account, region)
) STRICT, WITHOUT ROWID;
