//! Either engine, as a copy uses it.

use memoryscope_domain::audit_chain::Verification;
use memoryscope_domain::ids::TenantId;
use memoryscope_engine::port::StoreError;

use super::{End, Place, Row, Table, Value};
use crate::{postgres, sqlite};

/// A database that a copy reads or writes.
pub(super) enum Side {
    Sqlite(Box<sqlite::transfer::Side>),
    Postgres(Box<postgres::transfer::Side>),
}

impl Side {
    /// Held still, for reading.
    pub(super) async fn source(place: &Place) -> Result<Self, StoreError> {
        Ok(match place {
            Place::Sqlite(path) => Self::Sqlite(Box::new(sqlite::transfer::Side::source(path)?)),
            Place::Postgres(config) => {
                Self::Postgres(Box::new(postgres::transfer::Side::source(config).await?))
            }
        })
    }

    /// Marked as holding a part only, for writing.
    pub(super) async fn target(place: &Place) -> Result<Self, StoreError> {
        Ok(match place {
            Place::Sqlite(path) => Self::Sqlite(Box::new(sqlite::transfer::Side::target(path)?)),
            Place::Postgres(config) => {
                Self::Postgres(Box::new(postgres::transfer::Side::target(config).await?))
            }
        })
    }

    /// The tenants that have rows in a table.
    pub(super) async fn tenants(&mut self, table: &Table) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Sqlite(side) => Ok(side.tenants(table)?),
            Self::Postgres(side) => Ok(side.tenants(table).await?),
        }
    }

    /// How many rows a table has.
    pub(super) async fn count(&mut self, table: &Table) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(side) => Ok(side.count(table)?),
            Self::Postgres(side) => Ok(side.count(table).await?),
        }
    }

    /// A tenant's rows behind a key, in the order of their keys.
    pub(super) async fn page(
        &mut self,
        table: &Table,
        tenant: &str,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        // A table with one row a tenant has nothing behind it.
        if table.key == 0 && after.is_some() {
            return Ok(Vec::new());
        }
        match self {
            Self::Sqlite(side) => Ok(side.page(table, tenant, after, limit)?),
            Self::Postgres(side) => Ok(side.page(table, tenant, after, limit).await?),
        }
    }

    /// A tenant's last row.
    pub(super) async fn last(&mut self, table: &Table, tenant: &str) -> Result<Option<Row>, StoreError> {
        match self {
            Self::Sqlite(side) => Ok(side.last(table, tenant)?),
            Self::Postgres(side) => Ok(side.last(table, tenant).await?),
        }
    }

    /// Whom an earlier part began with, and where their chains ended then.
    pub(super) async fn recorded(&mut self) -> Result<Vec<(String, End)>, StoreError> {
        match self {
            Self::Sqlite(side) => Ok(side.recorded()?),
            Self::Postgres(side) => Ok(side.recorded().await?),
        }
    }

    /// Begins with a tenant, or goes on with it.
    pub(super) async fn record(&mut self, tenant: &str, end: &End) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(side) => Ok(side.record(tenant, end)?),
            Self::Postgres(side) => Ok(side.record(tenant, end).await?),
        }
    }

    /// Takes all of a tenant away, in one transaction.
    pub(super) async fn forget(&mut self, tenant: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(side) => Ok(side.forget(tenant)?),
            Self::Postgres(side) => Ok(side.forget(tenant).await?),
        }
    }

    /// Writes a page in one transaction.
    pub(super) async fn write(&mut self, table: &Table, rows: Vec<Row>) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(side) => Ok(side.write(table, &rows)?),
            Self::Postgres(side) => Ok(side.write(table, rows).await?),
        }
    }

    /// Walks a tenant's chain.
    pub(super) async fn verify(&mut self, tenant: &TenantId) -> Result<Verification, StoreError> {
        match self {
            Self::Sqlite(side) => side.verify(tenant),
            Self::Postgres(side) => side.verify(tenant).await,
        }
    }

    /// Lets the database be used, if its chains still end where they should.
    pub(super) async fn finish(&mut self, ends: &[(String, End)]) -> Result<(), StoreError> {
        match self {
            // Nobody else can have written to the file.
            Self::Sqlite(side) => Ok(side.finish()?),
            Self::Postgres(side) => Ok(side.finish(ends).await?),
        }
    }
}
