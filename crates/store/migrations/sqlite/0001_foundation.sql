-- Every primary key and every index begins with the tenant: it is the isolation boundary, and the same schema can be
-- distributed by it. Times are microseconds since 1970 in UTC. Identifiers are their 16 bytes.

-- The current version of every memory. The indexed columns repeat what the document says; the body stands in a column
-- of its own, in an envelope whose first byte says how it is sealed.
CREATE TABLE memories (
    tenant         TEXT    NOT NULL,
    id             BLOB    NOT NULL,
    version        INTEGER NOT NULL,
    valid_from_seq INTEGER NOT NULL,
    partition_key  BLOB    NOT NULL,
    type           TEXT    NOT NULL,
    kind           TEXT,
    domain_key     BLOB,
    state          INTEGER NOT NULL,
    created        INTEGER NOT NULL,
    expires        INTEGER,
    document       TEXT    NOT NULL,
    body           BLOB    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;

-- What a scope holds, oldest first. Revoked and erased memories (state 3 and 4) leave it.
CREATE INDEX memories_by_shelf ON memories (tenant, partition_key, kind, domain_key, created, id) WHERE state < 3;

-- What the expiry job walks. Tombstones (state 4) leave it.
CREATE INDEX memories_by_expiry ON memories (tenant, expires) WHERE expires IS NOT NULL AND state < 4;

-- Replaced versions. They were current for the audit entries from valid_from_seq to before valid_to_seq. Erasure keeps
-- the row and takes its document and body.
CREATE TABLE memory_versions (
    tenant         TEXT    NOT NULL,
    id             BLOB    NOT NULL,
    version        INTEGER NOT NULL,
    valid_from_seq INTEGER NOT NULL,
    valid_to_seq   INTEGER NOT NULL,
    state          INTEGER NOT NULL,
    document       TEXT,
    body           BLOB,
    PRIMARY KEY (tenant, id, version)
) STRICT;

-- The hash of a token, never the token.
CREATE TABLE read_grants (
    tenant     TEXT    NOT NULL,
    id         BLOB    NOT NULL,
    token_hash BLOB    NOT NULL,
    version    INTEGER NOT NULL,
    expires    INTEGER NOT NULL,
    document   TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE UNIQUE INDEX read_grants_by_token ON read_grants (tenant, token_hash);

CREATE INDEX read_grants_by_expiry ON read_grants (tenant, expires);

-- The chain. text is the entry's canonical form, byte for byte; private stands beside it, unhashed and erasable.
CREATE TABLE audit_events (
    tenant    TEXT    NOT NULL,
    seq       INTEGER NOT NULL,
    id        BLOB    NOT NULL,
    operation TEXT    NOT NULL,
    prev_hash BLOB    NOT NULL,
    hash      BLOB    NOT NULL,
    text      TEXT    NOT NULL,
    private   TEXT,
    PRIMARY KEY (tenant, seq)
) STRICT;

CREATE UNIQUE INDEX audit_events_by_id ON audit_events (tenant, id);

CREATE TABLE audit_heads (
    tenant TEXT    NOT NULL PRIMARY KEY,
    seq    INTEGER NOT NULL,
    hash   BLOB    NOT NULL
) STRICT;

-- Signed statements of where a chain stood, in the order of their making.
CREATE TABLE checkpoints (
    tenant  TEXT    NOT NULL,
    number  INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    text    TEXT    NOT NULL,
    PRIMARY KEY (tenant, number)
) STRICT;

CREATE TABLE subject_keys (
    tenant  TEXT NOT NULL,
    subject BLOB NOT NULL,
    key     BLOB NOT NULL,
    PRIMARY KEY (tenant, subject)
) STRICT;

CREATE TABLE policies (
    tenant  TEXT NOT NULL,
    hash    TEXT NOT NULL,
    version TEXT NOT NULL,
    text    TEXT NOT NULL,
    PRIMARY KEY (tenant, hash)
) STRICT;

CREATE TABLE active_policy (
    tenant TEXT NOT NULL PRIMARY KEY,
    hash   TEXT NOT NULL
) STRICT;

CREATE TABLE idempotency_keys (
    tenant   TEXT    NOT NULL,
    client   TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    used     INTEGER NOT NULL,
    document TEXT    NOT NULL,
    PRIMARY KEY (tenant, client, key)
) STRICT;

CREATE INDEX idempotency_keys_by_use ON idempotency_keys (tenant, used);
