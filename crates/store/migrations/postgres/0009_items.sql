-- What memories of the items dialect are looked up by (crates/domain/src/memory/key.rs): a key is the first 16 bytes of a
-- SHA-256. Other memories have no rows here, so storing them costs what it did.
CREATE TABLE memory_keys (
    tenant    text  COLLATE "C" NOT NULL,
    key       bytea NOT NULL,
    memory_id bytea NOT NULL,
    PRIMARY KEY (tenant, key, memory_id)
);

-- A memory's keys are written anew with each of its versions.
CREATE INDEX memory_keys_by_memory ON memory_keys (tenant, memory_id);

-- Which types of nodes and relationships there are, as their users write them (docs/graph.md).
CREATE TABLE schemas (
    tenant   text   COLLATE "C" NOT NULL,
    id       bytea  NOT NULL,
    version  bigint NOT NULL,
    document text   COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id)
);
