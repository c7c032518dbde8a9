-- The spiral that was found last in a scope (docs/spirals.md). A newer one takes its place. Nothing of what an event says
-- is in it.
CREATE TABLE spiral_artifacts (
    tenant        text   COLLATE "C" NOT NULL,
    partition_key bytea  NOT NULL,
    id            bytea  NOT NULL,
    expires       bigint NOT NULL,
    document      text   COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, partition_key)
);
