//! The store in a PostgreSQL database that any number of servers share.
//!
//! Some connections write (`writer`), some read (`pool`). What keeps the servers apart is one row per tenant, its
//! chain's head (`transact`). `docs/storage.md` says what is promised and how it was measured.

mod apply;
mod as_of;
pub mod backup;
mod bridges;
mod config;
mod entries;
mod error;
mod family;
#[cfg(feature = "faults")]
mod fault;
mod filter_sql;
mod frame;
mod keyed;
mod known;
mod listing;
mod load;
mod matching;
mod migrate;
mod pending;
mod person;
mod policies;
mod pool;
mod programs;
mod records;
mod rights;
mod session;
mod tls;
mod transact;
pub(crate) mod transfer;
mod value;
mod vectors;
mod walk;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use memoryscope_domain::change::{ChangeSet, PolicyDocument};
use memoryscope_domain::govern::Decided;
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::memory::Key;
use memoryscope_domain::record::RecordKind;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::port::{Due, Health, Load, Receipt, Select, Snapshot, Store, StoreError};
use tokio::sync::Semaphore;
use tokio_postgres::Row;

pub use config::PostgresConfig;
#[cfg(feature = "faults")]
pub use fault::{Fault, Faults, When};

use error::{Failure, Remedy};
use pool::{Connector, Pool, Use};
use session::{Call, Session};
use value::Bytes;
use writer::Writer;

use crate::common::migration::MigrationStatus;
use crate::common::packed::VectorCache;
use crate::common::prepare::Prepared;
use crate::common::row;

/// How often a read is tried: once more than connections go stale together.
const READS_MAX: u32 = 3;

const POLICY: &str = "SELECT version, hash, text FROM policies WHERE tenant = $1 AND hash = $2";

/// Whoever wrote anything has a head.
const TENANTS_WITH: &str = "
    SELECT h.tenant FROM audit_heads AS h
    WHERE h.tenant > $1 AND EXISTS (SELECT 1 FROM memory_keys AS k WHERE k.tenant = h.tenant AND k.key = $2)
    ORDER BY h.tenant LIMIT $3";

/// Whoever has a head or an entry: a chain that lost either is still one to be walked. Of the entries only the first of
/// each tenant is looked up, and no more of them than are wanted.
const TENANTS: &str = "
    WITH RECURSIVE entered (tenant) AS (
        SELECT min(tenant) FROM audit_events WHERE tenant > $1
        UNION ALL
        SELECT (SELECT min(e.tenant) FROM audit_events AS e WHERE e.tenant > entered.tenant)
        FROM entered WHERE entered.tenant IS NOT NULL
    )
    SELECT tenant FROM (SELECT tenant FROM audit_heads WHERE tenant > $1 ORDER BY tenant LIMIT $2) AS headed
    UNION SELECT tenant FROM (SELECT tenant FROM entered WHERE tenant IS NOT NULL LIMIT $2) AS first
    ORDER BY tenant LIMIT $2";

/// Whoever wrote anything has a head, so the heads are walked, and each asks three indexes.
const TENANTS_DUE: &str = "
    SELECT tenant FROM audit_heads AS h
    WHERE EXISTS (SELECT 1 FROM memories AS m WHERE m.tenant = h.tenant
                  AND m.expires IS NOT NULL AND m.state < 4 AND m.expires <= $1)
       OR EXISTS (SELECT 1 FROM read_grants AS g WHERE g.tenant = h.tenant AND g.expires < $2)
       OR EXISTS (SELECT 1 FROM idempotency_keys AS i WHERE i.tenant = h.tenant AND i.used < $3)
    ORDER BY tenant LIMIT $4";

/// They are skipped through by the key, one look each.
const TENANTS_PENDING: &str = "
    WITH RECURSIVE marked (tenant) AS (
        SELECT min(tenant) FROM pending_revocations WHERE tenant > $1
        UNION ALL
        SELECT (SELECT min(p.tenant) FROM pending_revocations AS p WHERE p.tenant > marked.tenant)
        FROM marked WHERE marked.tenant IS NOT NULL
    )
    SELECT tenant FROM marked WHERE tenant IS NOT NULL ORDER BY tenant LIMIT $2";

const PROBE: &str = "SELECT tenant FROM audit_heads LIMIT 1";

/// The store in a PostgreSQL database.
///
/// Dropping it waits for what was sent to be written; what was acknowledged is in the database in any case.
#[derive(Debug)]
pub struct PostgresStore {
    pool: Arc<Pool>,
    walks: Arc<Semaphore>,
    writer: Writer,
    vectors: Arc<VectorCache>,
    schema: u32,
}

impl PostgresStore {
    /// Opens the store.
    ///
    /// # Errors
    /// When the database cannot be reached, or its schema is newer than this program; or older, if it must not be
    /// migrated.
    pub async fn open(config: &PostgresConfig) -> Result<Self, StoreError> {
        let connector = Connector::new(config)?;
        let mut session = connector.connect(Use::Schema).await?;
        if config.migrate {
            for number in migrate::run(&mut session).await? {
                tracing::info!(number, "applied a migration");
            }
        }
        let schema = migrate::require_newest(&mut session).await?;
        Ok(Self {
            writer: Writer::start(&connector)?,
            pool: Arc::new(Pool::new(connector)),
            // Walks of a whole chain take seconds: several of them would stop every read.
            walks: Arc::new(Semaphore::new(1)),
            vectors: Arc::new(VectorCache::new(config.vector_bytes)),
            schema,
        })
    }

    /// Brings the schema up to date and gives back the numbers of the migrations that this took.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn migrate(config: &PostgresConfig) -> Result<Vec<u32>, StoreError> {
        let mut session = Connector::new(config)?.connect(Use::Schema).await?;
        Ok(migrate::run(&mut session).await?)
    }

    /// Every migration and whether it was applied. Changes nothing.
    ///
    /// # Errors
    /// When the database cannot be reached or read.
    pub async fn migration_status(config: &PostgresConfig) -> Result<Vec<MigrationStatus>, StoreError> {
        let mut session = Connector::new(config)?.connect(Use::Schema).await?;
        Ok(migrate::status(&mut session).await?)
    }

    /// Reads something on a free connection. It runs on a task of its own: a caller who gives up does not leave a
    /// connection in the middle of something.
    async fn read<T, R>(&self, read: R) -> Result<T, StoreError>
    where
        T: Send + 'static,
        R: for<'s> Fn(&'s mut Session) -> BoxFuture<'s, Result<T, Failure>> + Send + Sync + 'static,
    {
        let pool = Arc::clone(&self.pool);
        let task = tokio::spawn(async move {
            let mut tries = 1;
            loop {
                let why = match try_read(&pool, &read).await {
                    Ok(done) => return Ok(done),
                    Err(why) => why,
                };
                let again = matches!(why.remedy(), Remedy::Reconnect | Remedy::Repeat);
                if !again || tries >= READS_MAX {
                    return Err(StoreError::from(why));
                }
                pool.forget_idle();
                tries += 1;
            }
        });
        task.await.map_err(|_| StoreError::Unavailable("a reader failed on it".to_owned()))?
    }

    async fn rows(
        &self,
        call: impl Fn() -> Call<'static> + Send + Sync + 'static,
    ) -> Result<Vec<Row>, StoreError> {
        self.read(move |session| {
            let call = call();
            Box::pin(async move { session.query(call).await })
        })
        .await
    }
}

/// Once. A connection on which something failed is closed.
async fn try_read<T, R>(pool: &Pool, read: &R) -> Result<T, Failure>
where
    R: for<'s> Fn(&'s mut Session) -> BoxFuture<'s, Result<T, Failure>>,
{
    let mut lease = pool.lease().await?;
    let answer = read(&mut lease.session).await;
    if answer.is_ok() {
        lease.give_back();
    }
    answer
}

fn tenants_of(rows: &[Row]) -> Result<Vec<TenantId>, StoreError> {
    rows.iter().map(|row| row::tenant(row.try_get(0).map_err(Failure::from)?)).collect()
}

#[async_trait]
impl Store for PostgresStore {
    async fn load(&self, load: &Load) -> Result<Snapshot, StoreError> {
        let load = Arc::new(load.clone());
        let stopped = |_| StoreError::Unavailable("the store is being closed".to_owned());
        let _walk = match load.select {
            Select::Verification | Select::Unembedded { .. } => {
                Some(self.walks.acquire().await.map_err(stopped)?)
            }
            _ => None,
        };
        let vectors = Arc::clone(&self.vectors);
        self.read(move |session| {
            let (load, vectors) = (Arc::clone(&load), Arc::clone(&vectors));
            Box::pin(async move { load::load(session, &load, &vectors).await })
        })
        .await
    }

    async fn commit(&self, decided: Decided<ChangeSet>) -> Result<Receipt, StoreError> {
        let set = Prepared::new(decided.into_inner())?;
        let erased_of = set.erases().then(|| set.tenant.clone());
        let receipt = self.writer.commit(set).await;
        if let Some(tenant) = erased_of.filter(|_| receipt.is_ok()) {
            self.vectors.forget(&tenant);
        }
        receipt
    }

    async fn policy(&self, tenant: &TenantId, hash: &str) -> Result<Option<PolicyDocument>, StoreError> {
        let (tenant, hash) = (tenant.as_str().to_owned(), hash.to_owned());
        let call = move || Call::new(POLICY, vec![Box::new(tenant.clone()), Box::new(hash.clone())]);
        let rows = self.rows(call).await?;
        let policy = rows.first().map(|row| {
            Ok::<_, tokio_postgres::Error>(PolicyDocument {
                version: row.try_get(0)?,
                hash: row.try_get(1)?,
                text: row.try_get(2)?,
            })
        });
        Ok(policy.transpose().map_err(Failure::from)?)
    }

    async fn tenants(&self, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        let after = after.map_or_else(String::new, |tenant| tenant.as_str().to_owned());
        let call = move || Call::new(TENANTS, vec![Box::new(after.clone()), Box::new(row::limit(limit))]);
        tenants_of(&self.rows(call).await?)
    }

    async fn tenants_due(&self, due: &Due, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        let times = [due.memories_expired_by, due.grants_expired_before, due.idempotency_before]
            .map(|time| time.unix_micros());
        let call = move || {
            let [memories, grants, keys] = times;
            let limit = Box::new(row::limit(limit));
            Call::new(TENANTS_DUE, vec![Box::new(memories), Box::new(grants), Box::new(keys), limit])
        };
        tenants_of(&self.rows(call).await?)
    }

    async fn tenants_pending(
        &self,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        let after = after.map_or_else(String::new, |tenant| tenant.as_str().to_owned());
        let call =
            move || Call::new(TENANTS_PENDING, vec![Box::new(after.clone()), Box::new(row::limit(limit))]);
        tenants_of(&self.rows(call).await?)
    }

    async fn tenants_with(
        &self,
        key: Key,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        let after = after.map_or_else(String::new, |tenant| tenant.as_str().to_owned());
        let call = move || {
            let limit = Box::new(row::limit(limit));
            Call::new(TENANTS_WITH, vec![Box::new(after.clone()), Box::new(Bytes(key.0)), limit])
        };
        tenants_of(&self.rows(call).await?)
    }

    async fn tenants_awaiting(
        &self,
        kind: RecordKind,
        by: Timestamp,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        let after = after.map_or_else(String::new, |tenant| tenant.as_str().to_owned());
        let call = move || {
            let (kind, by, limit) = (Box::new(kind.name()), by.unix_micros(), Box::new(row::limit(limit)));
            Call::new(records::TENANTS_AWAITING, vec![Box::new(after.clone()), kind, Box::new(by), limit])
        };
        tenants_of(&self.rows(call).await?)
    }

    async fn probe(&self) -> Result<Health, StoreError> {
        self.rows(|| Call::new(PROBE, Vec::new())).await?;
        self.writer.probe().await?;
        let pool = Some(self.pool.in_use());
        Ok(Health { engine: "postgresql", schema: (self.schema, migrate::newest()), pool })
    }
}
