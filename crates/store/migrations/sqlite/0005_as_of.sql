-- What a scope held at an earlier commit is what has not changed since, and the versions that were replaced since. The
-- latter are found by their scope's key, which a memory keeps for ever. Only replacing a memory writes to this index.
ALTER TABLE memory_versions ADD COLUMN partition_key BLOB;

UPDATE memory_versions SET partition_key =
    (SELECT m.partition_key FROM memories AS m WHERE m.tenant = memory_versions.tenant AND m.id = memory_versions.id);

CREATE INDEX memory_versions_by_end ON memory_versions (tenant, partition_key, valid_to_seq);
