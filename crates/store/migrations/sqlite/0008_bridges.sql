-- Bridges from one scope to another (docs/bridges.md). One that was removed stays, so that it is known what stood when; an
-- erased person's are deleted.
CREATE TABLE bridges (
    tenant         TEXT    NOT NULL,
    id             BLOB    NOT NULL,
    source_key     BLOB    NOT NULL,
    target_key     BLOB    NOT NULL,
    valid_from_seq INTEGER NOT NULL,
    valid_to_seq   INTEGER,
    expires        INTEGER,
    document       TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX bridges_by_target ON bridges (tenant, target_key, id);
CREATE INDEX bridges_by_source ON bridges (tenant, source_key, id);
