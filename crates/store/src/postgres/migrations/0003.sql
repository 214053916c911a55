-- What WeChat tells us, and what follows: receipts, people, consents, windows,
-- pages. Enumerations are numbers given in codes.rs and in the domain. Programs
-- that do not know it work on beside it.

ALTER TABLE account ADD COLUMN options text NOT NULL DEFAULT '{}'; -- JSON
ALTER TABLE account ADD COLUMN callback_previous bytea;            -- sealed JSON

-- People. Those who stopped following are the ones asked for before a send.
CREATE TABLE contact (
    account       bigint   NOT NULL,
    openid        text     COLLATE "C" NOT NULL,
    unionid       text     COLLATE "C",
    follow        smallint NOT NULL,
    followed_at   bigint,
    unfollowed_at bigint,
    scene         text,
    seen_at       bigint   NOT NULL,
    created_at    bigint   NOT NULL,
    session_key   bytea,            -- sealed
    session_at    bigint,
    PRIMARY KEY (account, openid)
) WITH (fillfactor = 80);
CREATE INDEX contact_unionid ON contact (unionid) WHERE unionid IS NOT NULL;
CREATE INDEX contact_unfollowed ON contact (account, openid) WHERE follow = 2;

CREATE TABLE app_user (
    id         text   COLLATE "C" PRIMARY KEY,
    unionid    text   COLLATE "C",
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE INDEX app_user_unionid ON app_user (unionid) WHERE unionid IS NOT NULL;

CREATE TABLE app_user_openid (
    user_id text   COLLATE "C" NOT NULL REFERENCES app_user ON DELETE CASCADE,
    account bigint NOT NULL,
    openid  text   COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, account)
);
CREATE UNIQUE INDEX app_user_of ON app_user_openid (account, openid);

-- The ledger of consents.
CREATE TABLE consent (
    account     bigint  NOT NULL,
    openid      text    COLLATE "C" NOT NULL,
    template_id text    COLLATE "C" NOT NULL,
    scene       integer NOT NULL, -- -1 = none
    count       bigint  NOT NULL DEFAULT 0,
    held        bigint  NOT NULL DEFAULT 0,
    in_doubt    bigint  NOT NULL DEFAULT 0,
    long_term   boolean NOT NULL DEFAULT false,
    refused     boolean NOT NULL DEFAULT false,
    banned      boolean NOT NULL DEFAULT false,
    is_fed      boolean NOT NULL DEFAULT false,
    unpaired    text,             -- JSON; absent = none
    changed_at  bigint,
    PRIMARY KEY (account, openid, template_id, scene),
    CHECK (held >= 0 AND held <= count AND in_doubt >= 0)
) WITH (fillfactor = 80);

-- Which open message holds which consent.
CREATE TABLE hold (
    id          uuid    PRIMARY KEY, -- of the message
    account     bigint  NOT NULL,
    openid      text    COLLATE "C" NOT NULL,
    template_id text    COLLATE "C" NOT NULL,
    scene       integer NOT NULL
);

CREATE TABLE service_window (
    account   bigint   NOT NULL,
    openid    text     COLLATE "C" NOT NULL,
    cause     smallint NOT NULL,
    opened_at bigint   NOT NULL,
    allowed   bigint   NOT NULL,
    used      bigint   NOT NULL,
    closes_at bigint   NOT NULL,
    PRIMARY KEY (account, openid, cause)
) WITH (fillfactor = 80);

-- Callbacks. Thousands a second may come: what is looked up by a hash is kept in
-- spans of time, so that a new row goes to one of the few pages of the newest
-- span (the shifts are those of inbox.rs). A repeat carries the CreateTime of
-- what it repeats, so it falls into the same span.
CREATE TABLE callback (
    id           uuid     PRIMARY KEY,
    account      bigint   NOT NULL,
    received_at  bigint   NOT NULL,
    created_at   bigint   NOT NULL,
    dedupe       uuid     NOT NULL, -- digest of account and dedupe_key
    repeats      integer  NOT NULL DEFAULT 0,
    mode         smallint NOT NULL,
    dedupe_key   text     NOT NULL,
    openid       text     COLLATE "C",
    msg_type     text     COLLATE "C" NOT NULL,
    event        text     COLLATE "C",
    event_key    text,
    query        text     NOT NULL,
    content_type text,
    reply        text,
    body         bytea    NOT NULL,
    text         text               -- absent = the body is the text
);
CREATE UNIQUE INDEX callback_dedupe ON callback ((created_at >> 20), dedupe);
CREATE INDEX callback_person ON callback ((received_at >> 22), hashtextextended(openid, 0))
    WHERE openid IS NOT NULL;
-- The condition holds for every row; see awaited_since.
CREATE INDEX callback_of_account ON callback (account, id) WHERE repeats >= 0;

-- Accepted messages of which WeChat will tell what became of them.
CREATE TABLE awaited (
    id          uuid   NOT NULL, -- of the message
    account     bigint NOT NULL,
    settled_at  bigint NOT NULL,
    msgid       bigint,          -- absent = the receipt tells it
    openid      text   COLLATE "C", -- where msgid is absent
    template_id text   COLLATE "C", -- where msgid is absent
    PRIMARY KEY (id, account)
) WITH (
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_threshold = 5000
);
CREATE INDEX awaited_msgid ON awaited (account, msgid) WHERE msgid IS NOT NULL;
CREATE INDEX awaited_notice ON awaited (account, openid, template_id, settled_at) WHERE msgid IS NULL;
-- The conditions hold for every row. They are there to be left out: where a
-- statement looks up rows by other columns, the planner cannot take this index
-- for as good, which it does while it believes the table to be empty.
CREATE INDEX awaited_since ON awaited (account, settled_at) WHERE settled_at >= 0;

-- Receipts that came before their messages were settled, or for messages that
-- are not ours.
CREATE TABLE early_receipt (
    seq         bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account     bigint  NOT NULL,
    msgid       bigint  NOT NULL,
    openid      text    COLLATE "C" NOT NULL,
    template_id text    COLLATE "C",
    delivered   boolean NOT NULL,
    status      text    NOT NULL,
    at          bigint  NOT NULL,
    received_at bigint  NOT NULL,
    joined      boolean NOT NULL -- told a message its number; kept so that a second one is known
);
CREATE UNIQUE INDEX early_receipt_msgid ON early_receipt (account, msgid);

CREATE TABLE forward (
    id          bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account     bigint  NOT NULL,
    callback    uuid    NOT NULL,
    url         text    NOT NULL,
    due_at      bigint,           -- absent = it is over
    attempts    integer NOT NULL DEFAULT 0,
    lease_token bigint  NOT NULL DEFAULT 0,
    ordered     bigint,           -- which order to repeat it made it
    last_status integer,
    last_error  text
);
CREATE INDEX forward_due ON forward (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX forward_of ON forward (callback);
CREATE INDEX forward_account ON forward (account) WHERE attempts >= 0; -- every row

CREATE TABLE reply_rules (
    account    bigint PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    rules      text   NOT NULL, -- JSON
    updated_at bigint NOT NULL
);

-- What pages and logins remember for a while. What can be used once is marked by
-- its use and goes when its time is over: who does not learn that he used it can
-- ask again.
CREATE TABLE walk (
    digest  bytea  PRIMARY KEY,
    account bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    purpose text   NOT NULL, -- JSON
    ends_at bigint NOT NULL,
    used_by bigint           -- absent = not used
);
CREATE INDEX walk_end ON walk (ends_at);
CREATE INDEX walk_account ON walk (account);

CREATE TABLE ticket (
    digest  bytea  PRIMARY KEY,
    account bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    openid  text   NOT NULL,
    unionid text,
    ends_at bigint NOT NULL,
    used_by bigint           -- absent = not used
);
CREATE INDEX ticket_end ON ticket (ends_at);
CREATE INDEX ticket_account ON ticket (account);

CREATE TABLE login (
    account bigint  NOT NULL REFERENCES account ON DELETE CASCADE,
    digest  bytea   NOT NULL, -- of the code
    openid  text    NOT NULL,
    unionid text,
    is_new  boolean NOT NULL,
    at      bigint  NOT NULL,
    ends_at bigint  NOT NULL,
    PRIMARY KEY (account, digest)
);
CREATE INDEX login_end ON login (ends_at);

CREATE TABLE js_ticket (
    account bigint PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    ticket  bytea  NOT NULL, -- sealed
    ends_at bigint NOT NULL
);
