-- The second version of the analyser: stems of English words, pairs of characters of scripts without spaces. The program fills
-- the words of the rows that are there anew, in the same transaction, and with them of which conversation each is: the first 16
-- bytes of the SHA-256 of its name.
ALTER TABLE memories ADD COLUMN conversation BLOB;

CREATE INDEX memories_by_conversation
ON memories (tenant, partition_key, conversation, occurred, id)
WHERE conversation IS NOT NULL;

-- What memories are found by in meaning, in the order in which they were kept: `seq` is the commit, `model` and `text_key` the
-- beginnings of the SHA-256 of the model's name and of the text, `vector` a scale of four bytes and a byte for each number
-- (crates/domain/src/vector). A memory that is sealed, revoked or erased has no row.
CREATE TABLE vectors (
    tenant        TEXT    NOT NULL,
    partition_key BLOB    NOT NULL,
    seq           INTEGER NOT NULL,
    memory_id     BLOB    NOT NULL,
    model         BLOB    NOT NULL,
    text_key      BLOB    NOT NULL,
    vector        BLOB    NOT NULL,
    PRIMARY KEY (tenant, partition_key, seq, memory_id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX vectors_by_memory ON vectors (tenant, memory_id, model);

-- By scope: the commits at which a vector last came and last went. Who has read the others reads only those that came since.
CREATE TABLE vector_scopes (
    tenant        TEXT    NOT NULL,
    partition_key BLOB    NOT NULL,
    kept          INTEGER NOT NULL,
    dropped       INTEGER NOT NULL,
    PRIMARY KEY (tenant, partition_key)
) STRICT, WITHOUT ROWID;
