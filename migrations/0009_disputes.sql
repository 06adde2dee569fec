-- What carries Lifeboat's tags and is not counted: a field of AWS or the record contradicts them.
CREATE TABLE disputes (
    account   TEXT    NOT NULL,
    region    TEXT    NOT NULL,
    id        TEXT    NOT NULL,
    objection TEXT    NOT NULL,                          -- disputed or unconfirmed
    what      TEXT    NOT NULL,                          -- for people
    since     INTEGER NOT NULL,
    claim     TEXT,                                      -- JSON: what its tags make of it, unless it is in points
    PRIMARY KEY (account, region, id)
) STRICT, WITHOUT ROWID;
