-- A memory whose descendants have not all followed it, because they are too many for one commit (docs/lifecycle.md). Everything
-- below it is hidden for as long as the row is there. `root` is the memory with whose change it began, `after` the child behind
-- which to go on.
CREATE TABLE pending_revocations (
    tenant TEXT NOT NULL,
    id     BLOB NOT NULL,
    root   BLOB NOT NULL,
    after  BLOB,
    PRIMARY KEY (tenant, id)
) STRICT;
