-- What WeChat tells us, and what follows: receipts, people, consents, windows,
-- pages. Enumerations are numbers given in codes.rs and in the domain.

ALTER TABLE account ADD COLUMN options TEXT NOT NULL DEFAULT '{}'; -- JSON
ALTER TABLE account ADD COLUMN callback_previous BLOB;             -- sealed JSON

-- People. Those who stopped following are the ones asked for before a send.
CREATE TABLE contact (
    account       INTEGER NOT NULL,
    openid        TEXT    NOT NULL,
    unionid       TEXT,
    follow        INTEGER NOT NULL,
    followed_at   INTEGER,
    unfollowed_at INTEGER,
    scene         TEXT,
    seen_at       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    session_key   BLOB,             -- sealed
    session_at    INTEGER,
    PRIMARY KEY (account, openid)
) STRICT, WITHOUT ROWID;
CREATE INDEX contact_unionid ON contact (unionid) WHERE unionid IS NOT NULL;
CREATE INDEX contact_unfollowed ON contact (account, openid) WHERE follow = 2;

CREATE TABLE app_user (
    id         TEXT    PRIMARY KEY,
    unionid    TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX app_user_unionid ON app_user (unionid) WHERE unionid IS NOT NULL;

CREATE TABLE app_user_openid (
    user_id TEXT    NOT NULL REFERENCES app_user ON DELETE CASCADE,
    account INTEGER NOT NULL,
    openid  TEXT    NOT NULL,
    PRIMARY KEY (user_id, account)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX app_user_of ON app_user_openid (account, openid);

-- The ledger of consents.
CREATE TABLE consent (
    account     INTEGER NOT NULL,
    openid      TEXT    NOT NULL,
    template_id TEXT    NOT NULL,
    scene       INTEGER NOT NULL, -- -1 = none
    count       INTEGER NOT NULL,
    held        INTEGER NOT NULL,
    in_doubt    INTEGER NOT NULL,
    long_term   INTEGER NOT NULL,
    refused     INTEGER NOT NULL,
    banned      INTEGER NOT NULL,
    is_fed      INTEGER NOT NULL,
    unpaired    TEXT,             -- JSON; absent = none
    changed_at  INTEGER,
    PRIMARY KEY (account, openid, template_id, scene),
    CHECK (held >= 0 AND held <= count AND in_doubt >= 0)
) STRICT, WITHOUT ROWID;

-- Which open message holds which consent.
CREATE TABLE hold (
    seq         INTEGER PRIMARY KEY, -- of the message
    account     INTEGER NOT NULL,
    openid      TEXT    NOT NULL,
    template_id TEXT    NOT NULL,
    scene       INTEGER NOT NULL
) STRICT;

CREATE TABLE service_window (
    account   INTEGER NOT NULL,
    openid    TEXT    NOT NULL,
    cause     INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    allowed   INTEGER NOT NULL,
    used      INTEGER NOT NULL,
    closes_at INTEGER NOT NULL,
    PRIMARY KEY (account, openid, cause)
) STRICT, WITHOUT ROWID;

-- Callbacks in order of arrival. Thousands a second may come: what is looked up
-- by a hash is kept in spans of time, so that a new row goes to one of the few
-- pages of the newest span (the shifts are those of inbox.rs). A repeat carries
-- the CreateTime of what it repeats, so it is looked for in its span and the two
-- beside it.
CREATE TABLE callback (
    seq          INTEGER PRIMARY KEY,
    id           BLOB    NOT NULL UNIQUE,
    account      INTEGER NOT NULL,
    received_at  INTEGER NOT NULL,
    dedupe       INTEGER NOT NULL, -- hash of account and dedupe_key
    person       INTEGER,          -- hash of openid
    created_at   INTEGER NOT NULL,
    mode         INTEGER NOT NULL,
    repeats      INTEGER NOT NULL,
    dedupe_key   TEXT    NOT NULL,
    openid       TEXT,
    msg_type     TEXT    NOT NULL,
    event        TEXT,
    event_key    TEXT,
    query        TEXT    NOT NULL,
    content_type TEXT,
    reply        TEXT,
    body         BLOB    NOT NULL,
    text         TEXT              -- absent = the body is the text
) STRICT;
CREATE INDEX callback_dedupe ON callback (created_at >> 20, dedupe);
CREATE INDEX callback_person ON callback (received_at >> 22, person) WHERE person IS NOT NULL;
CREATE INDEX callback_of_account ON callback (account, id);

-- Accepted messages of which WeChat will tell what became of them.
CREATE TABLE awaited (
    seq         INTEGER PRIMARY KEY, -- of the message
    account     INTEGER NOT NULL,
    settled_at  INTEGER NOT NULL,
    msgid       INTEGER,             -- absent = the receipt tells it
    openid      TEXT,                -- where msgid is absent
    template_id TEXT                 -- where msgid is absent
) STRICT;
CREATE INDEX awaited_msgid ON awaited (account, msgid) WHERE msgid IS NOT NULL;
CREATE INDEX awaited_notice ON awaited (account, openid, template_id, settled_at) WHERE msgid IS NULL;
CREATE INDEX awaited_since ON awaited (account, settled_at);

-- Receipts that came before their messages were settled, or for messages that
-- are not ours.
CREATE TABLE early_receipt (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    account     INTEGER NOT NULL,
    msgid       INTEGER NOT NULL,
    openid      TEXT    NOT NULL,
    template_id TEXT,
    delivered   INTEGER NOT NULL,
    status      TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    joined      INTEGER NOT NULL, -- told a message its number; kept so that a second one is known
    UNIQUE (account, msgid)
) STRICT;

CREATE TABLE forward (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    account     INTEGER NOT NULL,
    callback    BLOB    NOT NULL,
    url         TEXT    NOT NULL,
    due_at      INTEGER,          -- absent = it is over
    attempts    INTEGER NOT NULL,
    lease_token INTEGER NOT NULL,
    last_status INTEGER,
    last_error  TEXT
) STRICT;
CREATE INDEX forward_due ON forward (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX forward_of ON forward (callback);
CREATE INDEX forward_account ON forward (account);

CREATE TABLE reply_rules (
    account    INTEGER PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    rules      TEXT    NOT NULL, -- JSON
    updated_at INTEGER NOT NULL
) STRICT;

-- What pages and logins remember for a while.
CREATE TABLE walk (
    digest  BLOB    PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
    purpose TEXT    NOT NULL, -- JSON
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX walk_end ON walk (ends_at);
CREATE INDEX walk_account ON walk (account);

CREATE TABLE ticket (
    digest  BLOB    PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
    openid  TEXT    NOT NULL,
    unionid TEXT,
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ticket_end ON ticket (ends_at);
CREATE INDEX ticket_account ON ticket (account);

CREATE TABLE login (
    account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
    digest  BLOB    NOT NULL, -- of the code
    openid  TEXT    NOT NULL,
    unionid TEXT,
    is_new  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    PRIMARY KEY (digest, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX login_end ON login (ends_at);
CREATE INDEX login_account ON login (account);

CREATE TABLE js_ticket (
    account INTEGER PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    ticket  BLOB    NOT NULL, -- sealed
    ends_at INTEGER NOT NULL
) STRICT;
