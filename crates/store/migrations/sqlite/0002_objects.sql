-- Events, impacts and seeds are listed by when they happened. Preferences and tombstones have neither value, and so no
-- entry in the index: storing a preference costs what it did. `facets` holds the closed attributes, a few bits each
-- (crates/domain/src/memory/facet.rs): a row is turned down by the index alone, without its document.
ALTER TABLE memories ADD COLUMN occurred INTEGER;
ALTER TABLE memories ADD COLUMN facets INTEGER;

CREATE INDEX memories_by_occurrence ON memories (tenant, partition_key, occurred DESC, id, facets, expires)
WHERE occurred IS NOT NULL;

-- From which memories one was derived. kind: 0 where a client says so, 1 where our transforms made it.
CREATE TABLE links (
    tenant    TEXT    NOT NULL,
    parent    BLOB    NOT NULL,
    child     BLOB    NOT NULL,
    kind      INTEGER NOT NULL,
    transform TEXT,
    PRIMARY KEY (tenant, parent, child)
) STRICT;

CREATE INDEX links_by_child ON links (tenant, child);
