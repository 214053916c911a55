-- What each node is sending for an account, as it said when it last claimed. Until
-- it claims again it can only be less, so the sum never hides a send. A node that
-- is gone says nothing any more, and its word ends with its leases.
CREATE TABLE lane_node (
    account   bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    node      bigint NOT NULL,
    in_flight bigint NOT NULL,
    until     bigint NOT NULL,
    PRIMARY KEY (account, node)
) WITH (fillfactor = 50);

-- Counting what is claimed was its only use, and each claim and each settlement
-- paid for it. A program of the version before still counts, only slower.
DROP INDEX work_held;
