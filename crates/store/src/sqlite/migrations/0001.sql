-- Times are milliseconds since 1970. Enumerations are numbers given in codes.rs.
-- What is called sealed is ciphertext made by seal.rs.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    id               INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice
    name             TEXT    NOT NULL UNIQUE,
    kind             INTEGER NOT NULL,
    appid            TEXT    NOT NULL UNIQUE,
    secret           BLOB    NOT NULL, -- sealed
    original_id      TEXT,
    token_mode       INTEGER NOT NULL,
    callback_token   BLOB,             -- sealed
    callback_aes_key BLOB,             -- sealed
    rate_per_second  INTEGER,
    max_in_flight    INTEGER NOT NULL,
    disabled         INTEGER NOT NULL,
    parked           TEXT,             -- JSON
    illness          TEXT,             -- JSON
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;

-- Accounts that are gone while their messages are still being cleared away.
CREATE TABLE removed_account (
    id INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE credential (
    account     INTEGER PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    token       BLOB,             -- sealed; absent = forgotten
    obtained_at INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    generation  INTEGER NOT NULL
) STRICT;

CREATE TABLE refresh_count (
    account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
    day     INTEGER NOT NULL, -- Beijing days since 1970-01-01
    used    INTEGER NOT NULL,
    PRIMARY KEY (account, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE template (
    account      INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
    id           TEXT    NOT NULL,
    kind         INTEGER NOT NULL,
    title        TEXT    NOT NULL,
    content      TEXT    NOT NULL,
    example      TEXT    NOT NULL,
    fields       TEXT    NOT NULL, -- JSON
    subscription INTEGER,
    synced_at    INTEGER NOT NULL,
    PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_key (
    id         BLOB    PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    digest     BLOB    NOT NULL UNIQUE,
    scopes     TEXT    NOT NULL, -- JSON
    accounts   TEXT    NOT NULL, -- JSON
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    seq         INTEGER PRIMARY KEY, -- in order of time: the old ones lie together
    caller      BLOB    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    status      INTEGER NOT NULL,
    body        BLOB    NOT NULL,    -- sealed
    created_at  INTEGER NOT NULL,
    UNIQUE (caller, key)
) STRICT;

-- Messages as they were accepted: written once, in order of arrival, and hardly
-- touched again. What happens to one lies beside it, in exactly one of `work`
-- (it is open) and `outcome` (it is over), both small.
CREATE TABLE message (
    seq        INTEGER PRIMARY KEY,
    id         BLOB    NOT NULL UNIQUE,
    account    INTEGER NOT NULL,
    kind       INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    openid     TEXT    NOT NULL,
    reference  TEXT,
    priority   INTEGER NOT NULL,
    on_unknown INTEGER NOT NULL,
    send_at    INTEGER,
    expires_at INTEGER,
    created_by BLOB,
    content    TEXT    NOT NULL, -- JSON
    metadata   TEXT              -- JSON
) STRICT;
CREATE INDEX message_of_account ON message (account, kind);

CREATE TABLE work (
    seq                INTEGER PRIMARY KEY, -- of the message
    account            INTEGER NOT NULL,
    band               INTEGER NOT NULL,
    due_at             INTEGER NOT NULL,
    lease_token        INTEGER NOT NULL,
    claimed_at         INTEGER,             -- present = claimed and not settled
    interrupted_at     INTEGER,             -- when the first claim was made that was never settled
    attempts           INTEGER NOT NULL,    -- that count against the limit
    first_uncertain_at INTEGER,
    doubted            INTEGER NOT NULL DEFAULT 0, -- queued again by hand, may have gone out before
    attempt_count      INTEGER NOT NULL,    -- rows in `attempt`
    last_errcode       INTEGER,
    expires_at         INTEGER              -- the message's, to find those whose time is over
) STRICT;
CREATE INDEX work_expiry ON work (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX work_due ON work (account, band, due_at);
CREATE INDEX work_errcode ON work (account, last_errcode) WHERE last_errcode IS NOT NULL;

CREATE TABLE outcome (
    seq            INTEGER PRIMARY KEY, -- of the message
    account        INTEGER NOT NULL,
    state          INTEGER NOT NULL,
    settled_at     INTEGER NOT NULL,
    lease_token    INTEGER NOT NULL,    -- goes on growing if it is queued again
    attempt_count  INTEGER NOT NULL,
    last_errcode   INTEGER,
    wechat_msgid   INTEGER,             -- 64 bits, the sign is one of them
    receipt_status TEXT,
    receipt_at     INTEGER
) STRICT;
-- All but "accepted", the usual outcome of a send, which would only make every
-- settlement dearer.
CREATE INDEX outcome_state ON outcome (account, state) WHERE state <> 1;
CREATE INDEX outcome_errcode ON outcome (account, last_errcode) WHERE last_errcode IS NOT NULL;

CREATE TABLE attempt (
    seq        INTEGER NOT NULL, -- of the message
    n          INTEGER NOT NULL, -- from 1
    at         INTEGER NOT NULL,
    outcome    INTEGER NOT NULL,
    elapsed_ms INTEGER NOT NULL,
    errcode    INTEGER,
    errmsg     TEXT,
    rid        TEXT,
    PRIMARY KEY (seq, n)
) STRICT, WITHOUT ROWID;

-- The words messages are searched by (openid, reference), in spans of 4096
-- messages each. An index over all words would take every new message to a
-- random page of a tree that grows with the archive; here it goes to one of the
-- few pages of the newest span, and a search looks into each span once.
CREATE TABLE term (
    span INTEGER NOT NULL,
    term INTEGER NOT NULL, -- hash of field and text
    seq  INTEGER NOT NULL, -- of the message
    PRIMARY KEY (span, term, seq)
) STRICT, WITHOUT ROWID;

-- What times a span's messages were made at, to bound searches by time.
CREATE TABLE span (
    n      INTEGER PRIMARY KEY,
    oldest INTEGER NOT NULL,
    newest INTEGER NOT NULL
) STRICT;
