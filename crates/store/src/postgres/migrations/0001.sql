-- Times are milliseconds since 1970 by the database's clock. Enumerations are
-- numbers given in codes.rs. What is called sealed is ciphertext made by
-- seal.rs. Texts that are only compared have the collation "C": theirs is the
-- order of bytes everywhere.

CREATE TABLE meta (
    name  text PRIMARY KEY,
    value text NOT NULL
);

CREATE SEQUENCE account_id; -- never goes back: a number is never given twice

CREATE TABLE account (
    id               bigint  PRIMARY KEY DEFAULT nextval('account_id'),
    name             text    COLLATE "C" NOT NULL CONSTRAINT account_name UNIQUE,
    kind             smallint NOT NULL,
    appid            text    COLLATE "C" NOT NULL CONSTRAINT account_appid UNIQUE,
    secret           bytea   NOT NULL, -- sealed
    original_id      text,
    token_mode       smallint NOT NULL,
    callback_token   bytea,            -- sealed
    callback_aes_key bytea,            -- sealed
    rate_per_second  bigint,
    max_in_flight    bigint  NOT NULL,
    disabled         boolean NOT NULL,
    parked           text,             -- JSON
    illness          text,             -- JSON
    revision         bigint  NOT NULL DEFAULT 0, -- counts changes, for those who hold accounts in memory
    created_at       bigint  NOT NULL,
    updated_at       bigint  NOT NULL
);

-- Accounts that are gone while their messages are still being cleared away.
CREATE TABLE removed_account (
    id bigint PRIMARY KEY
);

-- What all nodes together may send for an account. Who claims for it holds this
-- row: claims of one account come one after the other, whichever node asks.
CREATE TABLE lane (
    account   bigint PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    tokens    double precision NOT NULL DEFAULT 0,
    filled_at bigint -- absent = never
) WITH (fillfactor = 50);

CREATE TABLE credential (
    account     bigint PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    token       bytea, -- sealed; absent = forgotten
    obtained_at bigint NOT NULL,
    expires_at  bigint NOT NULL,
    generation  bigint NOT NULL
);

-- Who may ask WeChat for an account's token.
CREATE TABLE credential_lease (
    account bigint PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    node    uuid, -- absent = given back
    fence   bigint NOT NULL,
    until   bigint NOT NULL
);

CREATE TABLE refresh_count (
    account      bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    day          bigint NOT NULL, -- Beijing days since 1970-01-01
    used         bigint NOT NULL,
    foreign_used bigint NOT NULL,
    PRIMARY KEY (account, day)
);

CREATE TABLE template (
    account      bigint   NOT NULL REFERENCES account ON DELETE CASCADE,
    id           text     COLLATE "C" NOT NULL,
    kind         smallint NOT NULL,
    title        text     COLLATE "C" NOT NULL,
    content      text     NOT NULL,
    example      text     NOT NULL,
    fields       text     NOT NULL, -- JSON
    subscription smallint,
    synced_at    bigint   NOT NULL,
    PRIMARY KEY (account, id)
);

CREATE TABLE api_key (
    id         uuid   PRIMARY KEY,
    name       text   COLLATE "C" NOT NULL CONSTRAINT api_key_name UNIQUE,
    digest     bytea  NOT NULL CONSTRAINT api_key_digest UNIQUE,
    scopes     text   NOT NULL, -- JSON
    accounts   text   NOT NULL, -- JSON
    created_at bigint NOT NULL,
    expires_at bigint
);

CREATE TABLE idempotency (
    caller      uuid    NOT NULL,
    key         text    COLLATE "C" NOT NULL,
    fingerprint bytea   NOT NULL,
    status      integer NOT NULL,
    body        bytea   NOT NULL, -- sealed
    created_at  bigint  NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

-- Messages as they were accepted: written once and hardly touched again. What
-- happens to one lies beside it, in exactly one of `work` (it is open) and
-- `outcome` (it is over), both small. Ids begin with the time they were made at,
-- so these tables can be cut into ranges of time by `id`; no table of messages
-- refers to another, so each may live wherever its account does.

-- Counts messages, roughly in the order of their arrival.
CREATE SEQUENCE message_seq CACHE 256;

CREATE TABLE message (
    id         uuid     NOT NULL,
    account    bigint   NOT NULL,
    seq        bigint   NOT NULL DEFAULT nextval('message_seq'),
    created_at bigint   NOT NULL,
    send_at    bigint,
    expires_at bigint,
    kind       smallint NOT NULL,
    priority   smallint NOT NULL,
    on_unknown smallint NOT NULL,
    created_by uuid,
    openid     text     COLLATE "C" NOT NULL,
    reference  text     COLLATE "C",
    content    text     NOT NULL, -- JSON
    metadata   text,              -- JSON
    PRIMARY KEY (id, account)
);
-- The condition holds for every row. It is there to be left out: where a
-- statement looks up messages by id, the planner cannot take this index for as
-- good as the primary key, which it does while it believes the table to be empty.
CREATE INDEX message_of_account ON message (account, kind, id) WHERE kind > 0;
-- The words messages are searched by. An index over the words alone would take
-- every new message to a random page of a tree that grows with the archive. In
-- spans of 65536 messages it goes to one of the few pages of the newest span,
-- and a search looks into each span once.
CREATE INDEX message_person ON message ((seq >> 16), hashtextextended(openid, 0));
CREATE INDEX message_reference ON message ((seq >> 16), hashtextextended(reference, 0))
    WHERE reference IS NOT NULL;

CREATE TABLE work (
    id                 uuid     NOT NULL, -- of the message
    account            bigint   NOT NULL,
    due_at             bigint   NOT NULL,
    lease_token        bigint   NOT NULL DEFAULT 0,
    claimed_at         bigint,            -- present = claimed and not settled
    claim              bigint,            -- the number of that claim, by which a node finds what it claimed without learning of it
    interrupted_at     bigint,            -- when the first claim was made that was never settled
    first_uncertain_at bigint,
    last_errcode       bigint,
    expires_at         bigint,            -- the message's, to find those whose time is over
    attempts           integer  NOT NULL DEFAULT 0, -- that count against the limit
    attempt_count      integer  NOT NULL DEFAULT 0, -- rows in `attempt`
    band               smallint NOT NULL,
    doubted            boolean  NOT NULL DEFAULT false, -- queued again by hand, may have gone out before
    PRIMARY KEY (id, account)
) WITH (
    -- Each row is changed twice and then goes: what is left behind must go soon.
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0.5,
    autovacuum_analyze_scale_factor = 0.2,
    autovacuum_analyze_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0
);
-- Again a condition that always holds: this table is empty at one moment and has
-- a million rows at the next, and is only ever to be looked up by id or claimed
-- from in this order.
CREATE INDEX work_due ON work (account, band, due_at, id) WHERE band >= 0;
CREATE INDEX work_held ON work (account, due_at) WHERE claimed_at IS NOT NULL;
CREATE INDEX work_expiry ON work (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX work_errcode ON work (account, last_errcode, id) WHERE last_errcode IS NOT NULL;

CREATE TABLE outcome (
    id             uuid     NOT NULL, -- of the message
    account        bigint   NOT NULL,
    settled_at     bigint   NOT NULL,
    lease_token    bigint   NOT NULL, -- goes on growing if it is queued again
    last_errcode   bigint,
    wechat_msgid   bigint,            -- 64 bits, the sign is one of them
    receipt_at     bigint,
    receipt_status text,
    attempt_count  integer  NOT NULL,
    state          smallint NOT NULL,
    PRIMARY KEY (id, account)
);
-- All but "accepted", the usual outcome of a send, which would only make every
-- settlement dearer.
CREATE INDEX outcome_state ON outcome (account, state, id) WHERE state <> 1;
CREATE INDEX outcome_errcode ON outcome (account, last_errcode, id) WHERE last_errcode IS NOT NULL;

CREATE TABLE attempt (
    id         uuid     NOT NULL, -- of the message
    account    bigint   NOT NULL,
    at         bigint   NOT NULL,
    elapsed_ms bigint   NOT NULL,
    errcode    bigint,
    n          integer  NOT NULL, -- from 1
    outcome    smallint NOT NULL,
    errmsg     text,
    rid        text,
    PRIMARY KEY (id, n, account)
);

-- The oldest program that can work beside this schema.
INSERT INTO meta (name, value) VALUES ('compatible_from', '1');
