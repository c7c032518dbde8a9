-- The spiral that was found last in a scope (docs/spirals.md). A newer one takes its place. Nothing of what an event says
-- is in it.
CREATE TABLE spiral_artifacts (
    tenant        TEXT    NOT NULL,
    partition_key BLOB    NOT NULL,
    id            BLOB    NOT NULL,
    expires       INTEGER NOT NULL,
    document      TEXT    NOT NULL,
    PRIMARY KEY (tenant, partition_key)
) STRICT;
