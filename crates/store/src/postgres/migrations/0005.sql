-- Every kind of message to one person or a million: broadcasts, further ways to a
-- person, caps, quotas, files, menus, codes, followers. Programs that do not know
-- it work on beside it. Enumerations are numbers given in codes.rs and in the
-- domain.

ALTER TABLE account ADD COLUMN breaker text; -- JSON

ALTER TABLE message ADD COLUMN broadcast uuid;
ALTER TABLE message ADD COLUMN handling text; -- JSON; absent for most
CREATE INDEX message_broadcast ON message (broadcast, id, account) WHERE broadcast IS NOT NULL;

-- Rows of broadcasts refer to no other table: a million of them are cleared away
-- in steps.
CREATE TABLE broadcast (
    id           uuid     PRIMARY KEY,
    account      bigint   NOT NULL,
    name         text     NOT NULL,
    state        smallint NOT NULL,
    spec         text     NOT NULL, -- JSON
    recipients   bigint   NOT NULL,
    chunks       bigint   NOT NULL,
    expanded     bigint   NOT NULL,
    messages     bigint   NOT NULL,
    skipped      bigint   NOT NULL,
    load_cursor  text,
    problem      text,
    created_at   bigint   NOT NULL,
    created_by   uuid,
    started_at   bigint,
    finished_at  bigint,
    node         uuid,              -- who works on it
    leased_until bigint   NOT NULL DEFAULT 0,
    has_rest     boolean  NOT NULL DEFAULT true -- chunks or members, which go when it is over
) WITH (fillfactor = 50);
CREATE INDEX broadcast_of_account ON broadcast (account, id);
CREATE INDEX broadcast_working ON broadcast (id) WHERE state < 4;
CREATE INDEX broadcast_rest ON broadcast (id) WHERE state >= 4 AND has_rest;

CREATE TABLE broadcast_chunk (
    broadcast uuid   NOT NULL,
    n         bigint NOT NULL, -- from 0
    people    text   NOT NULL, -- JSON
    PRIMARY KEY (broadcast, n)
);

-- Who has a message of a broadcast that is not over: nobody has two.
CREATE TABLE broadcast_member (
    broadcast uuid NOT NULL,
    openid    text COLLATE "C" NOT NULL,
    PRIMARY KEY (broadcast, openid)
);

CREATE TABLE broadcast_skip (
    broadcast uuid     NOT NULL,
    n         bigint   GENERATED ALWAYS AS IDENTITY,
    why       smallint NOT NULL,
    who       text     NOT NULL,
    detail    text,
    PRIMARY KEY (broadcast, n)
);

-- What messages were counted against a cap. A message stands here with all its
-- keys at once.
CREATE TABLE tally (
    message uuid   NOT NULL,
    key     uuid   NOT NULL, -- a digest
    account bigint NOT NULL,
    at      bigint NOT NULL,
    PRIMARY KEY (message, key)
);
CREATE INDEX tally_key ON tally (account, key, at);
-- The condition holds for every row; see awaited_since.
CREATE INDEX tally_age ON tally (at) WHERE at >= 0;

CREATE TABLE template_change (
    account     bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    n           bigint GENERATED ALWAYS AS IDENTITY,
    template_id text   NOT NULL,
    at          bigint NOT NULL,
    before      text,            -- JSON
    after       text,            -- JSON
    senders     text   NOT NULL, -- JSON
    PRIMARY KEY (account, n)
);

CREATE TABLE template_use (
    account     bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    template_id text   COLLATE "C" NOT NULL,
    key         uuid   NOT NULL, -- of the caller; nil = none
    messages    bigint NOT NULL,
    last_at     bigint NOT NULL,
    PRIMARY KEY (account, template_id, key)
) WITH (fillfactor = 50);

ALTER TABLE contact ADD COLUMN details text;      -- JSON
ALTER TABLE contact ADD COLUMN listed_run bigint; -- the last sync whose list named them
CREATE INDEX contact_undescribed ON contact (account, openid) WHERE follow = 1 AND details IS NULL;

CREATE TABLE follower_sync (
    account bigint PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    state   text   NOT NULL -- JSON
);

CREATE TABLE menu_version (
    account    bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    version    bigint NOT NULL, -- from 1
    document   text,            -- JSON
    note       text,
    applied_by uuid,
    applied_at bigint NOT NULL,
    PRIMARY KEY (account, version)
);

CREATE TABLE qrcode (
    account    bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    scene      text   COLLATE "C" NOT NULL,
    name       text,
    ticket     text   NOT NULL,
    url        text   NOT NULL,
    expires_at bigint,
    created_at bigint NOT NULL,
    scans      bigint NOT NULL,
    follows    bigint NOT NULL,
    PRIMARY KEY (account, scene)
) WITH (fillfactor = 80);

CREATE TABLE media (
    id           uuid     PRIMARY KEY,
    account      bigint   NOT NULL REFERENCES account ON DELETE CASCADE,
    kind         smallint NOT NULL,
    file_name    text     NOT NULL,
    content_type text     NOT NULL,
    size         bigint   NOT NULL,
    digest       bytea    NOT NULL,
    created_at   bigint   NOT NULL,
    wechat_id    text,
    wechat_at    bigint,
    UNIQUE (account, kind, digest)
);
CREATE INDEX media_of_account ON media (account, id);

CREATE TABLE media_bytes (
    id    uuid  PRIMARY KEY REFERENCES media ON DELETE CASCADE,
    bytes bytea NOT NULL
);
-- Pictures and films are packed already.
ALTER TABLE media_bytes ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE call_count (
    account     bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    day         bigint NOT NULL, -- Beijing days since 1970-01-01
    path        text   COLLATE "C" NOT NULL,
    ours        bigint NOT NULL DEFAULT 0,
    daily_limit bigint,
    used        bigint,
    reported_at bigint,
    ours_then   bigint,
    PRIMARY KEY (account, day, path)
) WITH (fillfactor = 50);
CREATE INDEX call_count_day ON call_count (day);

CREATE TABLE clearing (
    account bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    month   bigint NOT NULL, -- such as 202611
    count   bigint NOT NULL,
    PRIMARY KEY (account, month)
);

-- Who may use the console, and their sessions.
CREATE TABLE operator (
    id         uuid     PRIMARY KEY,
    name       text     COLLATE "C" NOT NULL CONSTRAINT operator_name UNIQUE,
    role       smallint NOT NULL,
    password   bytea    NOT NULL, -- its hash, sealed
    created_at bigint   NOT NULL,
    seen_at    bigint
);

CREATE TABLE session (
    digest     bytea  PRIMARY KEY,
    operator   uuid   NOT NULL REFERENCES operator ON DELETE CASCADE,
    created_at bigint NOT NULL,
    ends_at    bigint NOT NULL
);
CREATE INDEX session_end ON session (ends_at);
CREATE INDEX session_of ON session (operator);

-- What happened, by the minute; in order of time, as it is read.
CREATE TABLE history (
    minute  bigint   NOT NULL,
    account bigint   NOT NULL REFERENCES account ON DELETE CASCADE,
    errcode bigint   NOT NULL, -- 0 = none
    times   bigint   NOT NULL,
    what    smallint NOT NULL,
    PRIMARY KEY (minute, account, what, errcode)
) WITH (fillfactor = 70);
CREATE INDEX history_account ON history (account);
