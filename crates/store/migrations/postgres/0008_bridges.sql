-- Bridges from one scope to another (docs/bridges.md). One that was removed stays, so that it is known what stood when; an
-- erased person's are deleted.
CREATE TABLE bridges (
    tenant         text   COLLATE "C" NOT NULL,
    id             bytea  NOT NULL,
    source_key     bytea  NOT NULL,
    target_key     bytea  NOT NULL,
    valid_from_seq bigint NOT NULL,
    valid_to_seq   bigint,
    expires        bigint,
    document       text   COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX bridges_by_target ON bridges (tenant, target_key, id);
CREATE INDEX bridges_by_source ON bridges (tenant, source_key, id);
