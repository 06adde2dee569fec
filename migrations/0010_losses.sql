-- What the brake looks back at: recovery points that Lifeboat let go within a day without a person's word.
CREATE TABLE losses (
    account     TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    destination TEXT    NOT NULL,                        -- a Region; '' for backups
    lost_at     INTEGER NOT NULL,                        -- when that was decided
    came_at     INTEGER NOT NULL,                        -- when it became a recovery point
    id          TEXT    NOT NULL,
    PRIMARY KEY (account, source, destination, lost_at, id)
) STRICT, WITHOUT ROWID;

-- A person let it go, which the brake does not count.
ALTER TABLE deletions ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0 CHECK (confirmed IN (0, 1));
