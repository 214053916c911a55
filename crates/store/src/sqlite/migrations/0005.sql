-- Broadcasts, ways a message goes, counts and quotas, menus, media, followers.
-- Enumerations are numbers given in codes.rs and in the domain.

ALTER TABLE account ADD COLUMN breaker TEXT; -- JSON

ALTER TABLE message ADD COLUMN broadcast BLOB; -- its id
ALTER TABLE message ADD COLUMN handling  TEXT; -- JSON
CREATE INDEX message_broadcast ON message (broadcast) WHERE broadcast IS NOT NULL;

ALTER TABLE contact ADD COLUMN details    TEXT;    -- JSON
ALTER TABLE contact ADD COLUMN listed_run INTEGER; -- the last follower sync that listed them
CREATE INDEX contact_undescribed ON contact (account, openid)
    WHERE follow = 1 AND details IS NULL;

CREATE TABLE follower_sync (
    account INTEGER PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    sync    TEXT    NOT NULL -- JSON
) STRICT;

CREATE TABLE broadcast (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice
    id           BLOB    NOT NULL UNIQUE,
    account      INTEGER NOT NULL,
    name         TEXT    NOT NULL,
    state        INTEGER NOT NULL,
    spec         TEXT    NOT NULL, -- JSON
    recipients   INTEGER NOT NULL,
    chunks       INTEGER NOT NULL,
    expanded     INTEGER NOT NULL,
    messages     INTEGER NOT NULL,
    skipped      INTEGER NOT NULL,
    load_cursor  TEXT,
    problem      TEXT,
    created_at   INTEGER NOT NULL,
    created_by   BLOB,
    started_at   INTEGER,
    finished_at  INTEGER,
    node         BLOB,             -- who works on it
    leased_until INTEGER
) STRICT;
CREATE INDEX broadcast_account ON broadcast (account);
CREATE INDEX broadcast_under_way ON broadcast (state) WHERE state < 4;

CREATE TABLE broadcast_chunk (
    seq       INTEGER PRIMARY KEY,
    broadcast INTEGER NOT NULL,
    n         INTEGER NOT NULL, -- from 0
    people    TEXT    NOT NULL, -- JSON
    UNIQUE (broadcast, n)
) STRICT;

-- Who has a message of a broadcast that is not over: sorted hashes of openids, in
-- runs. A chunk makes a run of level 0; where there are eight of a level they become
-- one of the next. A row for each person would take each of them to a random page of
-- a tree as large as the audience.
CREATE TABLE broadcast_told (
    seq       INTEGER PRIMARY KEY,
    broadcast INTEGER NOT NULL,
    level     INTEGER NOT NULL,
    people    BLOB    NOT NULL -- 8 bytes each, big-endian, ascending
) STRICT;
CREATE INDEX broadcast_told_of ON broadcast_told (broadcast, level);

CREATE TABLE broadcast_skip (
    seq       INTEGER PRIMARY KEY,
    broadcast INTEGER NOT NULL,
    who       TEXT    NOT NULL,
    why       INTEGER NOT NULL,
    detail    TEXT
) STRICT;
CREATE INDEX broadcast_skip_of ON broadcast_skip (broadcast);

-- Broadcasts that are over or gone while what they kept is still being cleared away.
CREATE TABLE ended_broadcast (
    seq INTEGER PRIMARY KEY
) STRICT;

-- Messages let through under a cap. Found by message to be taken back, by key to be
-- counted, by end to be forgotten.
CREATE TABLE tally (
    message BLOB    NOT NULL, -- its id
    key     BLOB    NOT NULL,
    account INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    ends_at INTEGER NOT NULL, -- nobody looks back so far any more
    PRIMARY KEY (message, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX tally_key ON tally (account, key, at);
CREATE INDEX tally_end ON tally (ends_at);

CREATE TABLE quota (
    account     INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
    day         INTEGER NOT NULL, -- Beijing days since 1970-01-01
    path        TEXT    NOT NULL,
    ours        INTEGER NOT NULL,
    daily_limit INTEGER,
    used        INTEGER,
    reported_at INTEGER,
    ours_then   INTEGER,
    PRIMARY KEY (account, day, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE quota_clearing (
    account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
    month   INTEGER NOT NULL, -- such as 202611
    used    INTEGER NOT NULL,
    PRIMARY KEY (account, month)
) STRICT, WITHOUT ROWID;

CREATE TABLE menu_version (
    account    INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
    version    INTEGER NOT NULL,
    document   TEXT, -- JSON
    note       TEXT,
    applied_by BLOB,
    applied_at INTEGER NOT NULL,
    PRIMARY KEY (account, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE qrcode (
    account    INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
    scene      TEXT    NOT NULL,
    name       TEXT,
    ticket     TEXT    NOT NULL,
    url        TEXT    NOT NULL,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    scans      INTEGER NOT NULL,
    follows    INTEGER NOT NULL,
    PRIMARY KEY (account, scene)
) STRICT, WITHOUT ROWID;

CREATE TABLE media (
    seq          INTEGER PRIMARY KEY,
    id           BLOB    NOT NULL UNIQUE,
    account      INTEGER NOT NULL,
    kind         INTEGER NOT NULL,
    digest       BLOB    NOT NULL,
    file_name    TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    size         INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    wechat_id    TEXT,
    handed_at    INTEGER,
    UNIQUE (account, kind, digest)
) STRICT;
CREATE INDEX media_of_account ON media (account, id);

-- Beside them, so that lists need not walk past the bytes.
CREATE TABLE media_bytes (
    seq   INTEGER PRIMARY KEY REFERENCES media ON DELETE CASCADE,
    bytes BLOB    NOT NULL
) STRICT;

CREATE TABLE template_change (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    account     INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
    template_id TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    before      TEXT,             -- JSON; absent = it is new
    after       TEXT,             -- JSON; absent = it is gone
    senders     TEXT    NOT NULL  -- JSON
) STRICT;
CREATE INDEX template_change_of ON template_change (account);

CREATE TABLE template_use (
    account     INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
    template_id TEXT    NOT NULL,
    key         BLOB    NOT NULL, -- of the API; empty = none
    messages    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    PRIMARY KEY (account, template_id, key)
) STRICT, WITHOUT ROWID;

-- Who may use the console, and their sessions.
CREATE TABLE operator (
    id         BLOB    PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    role       INTEGER NOT NULL,
    password   BLOB    NOT NULL, -- its hash, sealed
    created_at INTEGER NOT NULL,
    seen_at    INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    digest     BLOB    PRIMARY KEY,
    operator   BLOB    NOT NULL REFERENCES operator ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_end ON session (ends_at);
CREATE INDEX session_of ON session (operator);

-- What happened, by the minute; in order of time, as it is read.
CREATE TABLE history (
    minute  INTEGER NOT NULL,
    account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
    what    INTEGER NOT NULL,
    errcode INTEGER NOT NULL, -- 0 = none
    times   INTEGER NOT NULL,
    PRIMARY KEY (minute, account, what, errcode)
) STRICT, WITHOUT ROWID;
CREATE INDEX history_account ON history (account);
