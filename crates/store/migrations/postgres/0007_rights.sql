-- What a person says about purposes (docs/subjects.md), once for each who said anything.
CREATE TABLE consents (
    tenant   text   COLLATE "C" NOT NULL,
    subject  bytea  NOT NULL,
    version  bigint NOT NULL,
    document text   COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, subject)
);

-- What is left of erased values: digests under the tenant's own key. Nothing of what a value was can be read from one.
CREATE TABLE suppressions (
    tenant text  COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (tenant, digest)
);
