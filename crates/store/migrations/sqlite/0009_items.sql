-- What memories of the items dialect are looked up by (crates/domain/src/memory/key.rs): a key is the first 16 bytes of a
-- SHA-256. Other memories have rows here only while they wait for a review, so storing them costs what it did.
CREATE TABLE memory_keys (
    tenant    TEXT NOT NULL,
    key       BLOB NOT NULL,
    memory_id BLOB NOT NULL,
    PRIMARY KEY (tenant, key, memory_id)
) STRICT, WITHOUT ROWID;

-- A memory's keys are written anew with each of its versions.
CREATE INDEX memory_keys_by_memory ON memory_keys (tenant, memory_id);

-- What is restricted (state 1) waits for a review, unless our transforms made it (kind 1), and is looked up by the one key
-- of all that does.
INSERT INTO memory_keys (tenant, key, memory_id)
SELECT tenant, X'0387c62457ecdbef32913fa56015236a', id FROM memories
WHERE state = 1 AND occurred IS NOT NULL AND NOT EXISTS
    (SELECT 1 FROM links WHERE links.tenant = memories.tenant AND links.child = memories.id AND links.kind = 1);

-- Which types of nodes and relationships there are, as their users write them (docs/graph.md).
CREATE TABLE schemas (
    tenant   TEXT    NOT NULL,
    id       BLOB    NOT NULL,
    version  INTEGER NOT NULL,
    document TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
