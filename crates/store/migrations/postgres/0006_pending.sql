-- A memory whose descendants have not all followed it, because they are too many for one commit (docs/lifecycle.md). Everything
-- below it is hidden for as long as the row is there. `root` is the memory with whose change it began, `after` the child behind
-- which to go on.
CREATE TABLE pending_revocations (
    tenant text  COLLATE "C" NOT NULL,
    id     bytea NOT NULL,
    root   bytea NOT NULL,
    after  bytea,
    PRIMARY KEY (tenant, id)
);
