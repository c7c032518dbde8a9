-- What a person says about purposes (docs/subjects.md), once for each who said anything.
CREATE TABLE consents (
    tenant   TEXT    NOT NULL,
    subject  BLOB    NOT NULL,
    version  INTEGER NOT NULL,
    document TEXT    NOT NULL,
    PRIMARY KEY (tenant, subject)
) STRICT;

-- What is left of erased values: digests under the tenant's own key. Nothing of what a value was can be read from one.
CREATE TABLE suppressions (
    tenant TEXT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (tenant, digest)
) STRICT, WITHOUT ROWID;
