-- What an event, an impact or a seed is found by, as sorted keys of fixed length (crates/domain/src/memory/keyset.rs): `words`
-- its distinct terms, NULL where it cannot be found by words; `tags` the members of its sets (categories, labels, owners,
-- subjects, readers). The program fills both for the rows that are there, in the same transaction. `activated` is when a seed
-- last sprouted.
ALTER TABLE memories ADD COLUMN words BLOB;
ALTER TABLE memories ADD COLUMN tags BLOB;
ALTER TABLE memories ADD COLUMN activated INTEGER;

-- Both stand in the index, so that a row is turned down, or matched, by the index alone. The words come last: they are the
-- longest, and what does not fit a page is read only when they are.
DROP INDEX memories_by_occurrence;

CREATE INDEX memories_by_occurrence
ON memories (tenant, partition_key, occurred DESC, id, facets, expires, tags, words)
WHERE occurred IS NOT NULL;
