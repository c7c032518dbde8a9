-- What memories of the items dialect are looked up by (crates/domain/src/memory/key.rs): a key is the first 16 bytes of a
-- SHA-256. Other memories have no rows here, so storing them costs what it did.
CREATE TABLE memory_keys (
    tenant    TEXT NOT NULL,
    key       BLOB NOT NULL,
    memory_id BLOB NOT NULL,
    PRIMARY KEY (tenant, key, memory_id)
) STRICT, WITHOUT ROWID;

-- A memory's keys are written anew with each of its versions.
CREATE INDEX memory_keys_by_memory ON memory_keys (tenant, memory_id);

-- Which types of nodes and relationships there are, as their users write them (docs/graph.md).
CREATE TABLE schemas (
    tenant   TEXT    NOT NULL,
    id       BLOB    NOT NULL,
    version  INTEGER NOT NULL,
    document TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
