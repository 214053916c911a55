-- The owner's endpoints, and what is told to them. Enumerations are numbers given in
-- the domain. Programs that do not know it work on beside it; what they do is told to
-- nobody.

CREATE TABLE webhook (
    id             uuid       PRIMARY KEY,
    url            text       NOT NULL,
    description    text       NOT NULL,
    accounts       bigint[]   NOT NULL, -- {} = all
    events         smallint[] NOT NULL, -- {} = all
    why_disabled   smallint,
    disabled_at    bigint,
    secret         bytea      NOT NULL, -- sealed
    former_secret  bytea,               -- sealed
    former_ends_at bigint,
    failing_since  bigint,
    rests_until    bigint,
    created_at     bigint     NOT NULL,
    updated_at     bigint     NOT NULL,
    removed        boolean    NOT NULL DEFAULT false -- what was told to it is still being cleared away
);

-- Written with the change it tells of; ids begin with the time they were made at.
CREATE TABLE webhook_delivery (
    id              uuid     NOT NULL,
    webhook         uuid     NOT NULL,
    account         bigint,
    event           smallint NOT NULL,
    subject         uuid,               -- the id of what it is about
    detail          text,               -- JSON, where that has no id
    at              bigint   NOT NULL,
    due_at          bigint,             -- absent = it is over
    attempts        integer  NOT NULL DEFAULT 0,
    lease_token     bigint   NOT NULL DEFAULT 0,
    last_at         bigint,
    last_elapsed_ms bigint,
    last_status     integer,
    last_error      text,
    PRIMARY KEY (webhook, id)
) WITH (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_threshold = 5000
);
-- The condition holds for every row. It is there to be left out: where a statement
-- lists what is told to one endpoint, the planner cannot walk through what is told to
-- all.
CREATE UNIQUE INDEX webhook_delivery_id ON webhook_delivery (id) WHERE attempts >= 0;
CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_delivery_failed ON webhook_delivery (webhook, id)
    WHERE due_at IS NULL AND last_error IS NOT NULL;
CREATE INDEX webhook_delivery_subject ON webhook_delivery (subject) WHERE subject IS NOT NULL;
