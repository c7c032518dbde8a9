-- What an event, an impact or a seed is found by, as sorted keys of fixed length (crates/domain/src/memory/keyset.rs): `words`
-- its distinct terms, NULL where it cannot be found by words; `tags` the members of its sets (categories, labels, owners,
-- subjects, readers). The program fills both for the rows that are there, in the same transaction. `activated` is when a seed
-- last sprouted.
--
-- They are read from the row: an entry of an index may have 2,704 bytes, and either can be longer. Their bytes are as good as
-- random, so compressing them would cost time and save nothing.
ALTER TABLE memories ADD COLUMN words bytea;
ALTER TABLE memories ADD COLUMN tags bytea;
ALTER TABLE memories ADD COLUMN activated bigint;

ALTER TABLE memories ALTER COLUMN words SET STORAGE EXTERNAL;
ALTER TABLE memories ALTER COLUMN tags SET STORAGE EXTERNAL;
