-- Small things that are kept beside memories, each under a kind and an id (crates/domain/src/record.rs): what a record says is in its
-- document; beside it stands what it is looked up by. `group_name` is what it is listed under, `subject` whose it is, `due` when
-- something is to be done with it.
CREATE TABLE records (
    tenant     TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    group_name TEXT    NOT NULL,
    subject    BLOB,
    due        INTEGER,
    version    INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    document   TEXT    NOT NULL,
    PRIMARY KEY (tenant, kind, id)
) STRICT;

CREATE INDEX records_by_group ON records (tenant, kind, group_name, id) WHERE group_name <> '';

CREATE INDEX records_by_due ON records (tenant, kind, due, id) WHERE due IS NOT NULL;

CREATE INDEX records_by_subject ON records (tenant, subject) WHERE subject IS NOT NULL;
