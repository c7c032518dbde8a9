-- Every primary key and every index begins with the tenant: it is the isolation boundary, and the same schema can be
-- distributed by it. Times are microseconds since 1970 in UTC. Identifiers are their 16 bytes. Text is compared byte by
-- byte, so that every server orders it alike. Documents are text: jsonb would order keys and change numbers.

-- The current version of every memory. The indexed columns repeat what the document says; the body stands in a column
-- of its own, in an envelope whose first byte says how it is sealed.
CREATE TABLE memories (
    tenant         text   COLLATE "C" NOT NULL,
    id             bytea  NOT NULL,
    version        bigint NOT NULL,
    valid_from_seq bigint NOT NULL,
    partition_key  bytea  NOT NULL,
    type           text   COLLATE "C" NOT NULL,
    kind           text   COLLATE "C",
    domain_key     bytea,
    state          bigint NOT NULL,
    created        bigint NOT NULL,
    expires        bigint,
    document       text   COLLATE "C" NOT NULL,
    body           bytea  NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- What a scope holds, oldest first. Revoked and erased memories (state 3 and 4) leave it.
CREATE INDEX memories_by_shelf ON memories (tenant, partition_key, kind, domain_key, created, id) WHERE state < 3;

-- What the expiry job walks. Tombstones (state 4) leave it.
CREATE INDEX memories_by_expiry ON memories (tenant, expires) WHERE expires IS NOT NULL AND state < 4;

-- Replaced versions. They were current for the audit entries from valid_from_seq to before valid_to_seq. Erasure keeps
-- the row and takes its document and body.
CREATE TABLE memory_versions (
    tenant         text   COLLATE "C" NOT NULL,
    id             bytea  NOT NULL,
    version        bigint NOT NULL,
    valid_from_seq bigint NOT NULL,
    valid_to_seq   bigint NOT NULL,
    state          bigint NOT NULL,
    document       text   COLLATE "C",
    body           bytea,
    PRIMARY KEY (tenant, id, version)
);

-- The hash of a token, never the token.
CREATE TABLE read_grants (
    tenant     text   COLLATE "C" NOT NULL,
    id         bytea  NOT NULL,
    token_hash bytea  NOT NULL,
    version    bigint NOT NULL,
    expires    bigint NOT NULL,
    document   text   COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE UNIQUE INDEX read_grants_by_token ON read_grants (tenant, token_hash);

CREATE INDEX read_grants_by_expiry ON read_grants (tenant, expires);

-- The chain. text is the entry's canonical form, byte for byte; private stands beside it, unhashed and erasable.
CREATE TABLE audit_events (
    tenant    text   COLLATE "C" NOT NULL,
    seq       bigint NOT NULL,
    id        bytea  NOT NULL,
    operation text   COLLATE "C" NOT NULL,
    prev_hash bytea  NOT NULL,
    hash      bytea  NOT NULL,
    text      text   COLLATE "C" NOT NULL,
    private   text   COLLATE "C",
    PRIMARY KEY (tenant, seq)
);

CREATE UNIQUE INDEX audit_events_by_id ON audit_events (tenant, id);

-- The end of each chain. Whoever writes for a tenant locks its row first, and it is replaced by every commit: half of
-- each page is left free, so that a new version finds room beside the old one.
CREATE TABLE audit_heads (
    tenant text   COLLATE "C" NOT NULL PRIMARY KEY,
    seq    bigint NOT NULL,
    hash   bytea  NOT NULL
) WITH (fillfactor = 50);

-- Signed statements of where a chain stood, in the order of their making.
CREATE TABLE checkpoints (
    tenant text   COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    seq    bigint NOT NULL,
    text   text   COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, number)
);

CREATE TABLE subject_keys (
    tenant  text  COLLATE "C" NOT NULL,
    subject bytea NOT NULL,
    key     bytea NOT NULL,
    PRIMARY KEY (tenant, subject)
);

CREATE TABLE policies (
    tenant  text COLLATE "C" NOT NULL,
    hash    text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    text    text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, hash)
);

CREATE TABLE active_policy (
    tenant text COLLATE "C" NOT NULL PRIMARY KEY,
    hash   text COLLATE "C" NOT NULL
);

CREATE TABLE idempotency_keys (
    tenant   text   COLLATE "C" NOT NULL,
    client   text   COLLATE "C" NOT NULL,
    key      text   COLLATE "C" NOT NULL,
    used     bigint NOT NULL,
    document text   COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, client, key)
);

CREATE INDEX idempotency_keys_by_use ON idempotency_keys (tenant, used);
