-- The owner's endpoints, and what is told to them. Enumerations are numbers given in
-- the domain.

CREATE TABLE webhook (
    id             BLOB    PRIMARY KEY,
    url            TEXT    NOT NULL,
    description    TEXT    NOT NULL,
    accounts       TEXT    NOT NULL, -- JSON; [] = all
    events         TEXT    NOT NULL, -- JSON; [] = all
    why_disabled   INTEGER,
    disabled_at    INTEGER,
    secret         BLOB    NOT NULL, -- sealed
    former_secret  BLOB,             -- sealed
    former_ends_at INTEGER,
    failing_since  INTEGER,
    rests_until    INTEGER,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    removed        INTEGER NOT NULL  -- what was told to it is still being cleared away
) STRICT, WITHOUT ROWID;

-- Written with the change it tells of; ids begin with the time they were made at.
CREATE TABLE webhook_delivery (
    id              BLOB    PRIMARY KEY,
    webhook         BLOB    NOT NULL,
    account         INTEGER,
    event           INTEGER NOT NULL,
    subject         BLOB,             -- the id of what it is about
    detail          TEXT,             -- JSON, where that has no id
    at              INTEGER NOT NULL,
    due_at          INTEGER,          -- absent = it is over
    attempts        INTEGER NOT NULL,
    lease_token     INTEGER NOT NULL,
    last_at         INTEGER,
    last_elapsed_ms INTEGER,
    last_status     INTEGER,
    last_error      TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_delivery_of ON webhook_delivery (webhook, id);
CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_delivery_failed ON webhook_delivery (webhook, id)
    WHERE due_at IS NULL AND last_error IS NOT NULL;
CREATE INDEX webhook_delivery_subject ON webhook_delivery (subject) WHERE subject IS NOT NULL;
