-- What changed lately, for whoever holds accounts in memory.
ALTER TABLE account ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

-- Who may ask WeChat for an account's token.
CREATE TABLE credential_lease (
    account INTEGER PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    node    BLOB,             -- absent = given back
    fence   INTEGER NOT NULL,
    until   INTEGER NOT NULL
) STRICT;

-- How often a token of ours was made useless by a program that is not ours.
ALTER TABLE refresh_count ADD COLUMN foreign_used INTEGER NOT NULL DEFAULT 0;
