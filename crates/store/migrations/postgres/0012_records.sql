-- Small things that are kept beside memories, each under a kind and an id (crates/domain/src/record.rs): what a record says is in its
-- document; beside it stands what it is looked up by. `group_name` is what it is listed under, `subject` whose it is, `due` when
-- something is to be done with it.
CREATE TABLE records (
    tenant     text   COLLATE "C" NOT NULL,
    kind       text   COLLATE "C" NOT NULL,
    id         text   COLLATE "C" NOT NULL,
    group_name text   COLLATE "C" NOT NULL,
    subject    bytea,
    due        bigint,
    version    bigint NOT NULL,
    created    bigint NOT NULL,
    document   text   COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, kind, id)
);

CREATE INDEX records_by_group ON records (tenant, kind, group_name, id) WHERE group_name <> '';

CREATE INDEX records_by_due ON records (tenant, kind, due, id) WHERE due IS NOT NULL;

CREATE INDEX records_by_subject ON records (tenant, subject) WHERE subject IS NOT NULL;
