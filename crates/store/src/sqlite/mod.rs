//! The store in one SQLite file.
//!
//! One thread writes (`writer`), some read (`reader`), one moves the log into the database (`checkpoint`); the
//! async side only sends and waits. `docs/storage.md` says what is promised and how it was measured.

mod apply;
mod as_of;
pub mod backup;
mod bridges;
mod cache;
mod checkpoint;
mod connection;
mod error;
mod family;
mod filter_sql;
mod keyed;
mod listing;
mod load;
mod matching;
mod migrate;
mod pending;
mod person;
mod policies;
mod reader;
mod records;
mod restore;
mod rights;
mod row;
pub(crate) mod transfer;
mod vectors;
mod walk;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use memoryscope_domain::change::{ChangeSet, PolicyDocument};
use memoryscope_domain::govern::Decided;
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::limits;
use memoryscope_domain::memory::Key;
use memoryscope_domain::record::RecordKind;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::port::{
    Due, Health, Load, Meter, NoMeter, Receipt, Select, Snapshot, Store, StoreError,
};

pub use restore::restore;

use cache::{Erasures, Forgetting};
use checkpoint::{CheckpointThread, Checkpointer};
use connection::{Place, Use};
use reader::Readers;
use writer::Writer;

use crate::common::migration::MigrationStatus;
use crate::common::packed::VectorCache;
use crate::common::prepare::Prepared;

/// The most threads that read unless more are asked for. Half as many as processors are best (docs/performance.md): the
/// others are busy with what was read.
const READERS_MAX: usize = 8;

/// How the store is opened.
#[derive(Debug, Clone)]
pub struct SqliteConfig {
    place: Place,
    migrate: bool,
    readers: usize,
    vector_bytes: usize,
    meter: Arc<dyn Meter>,
}

impl SqliteConfig {
    /// In this file, which is made if it is not there.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::at(Place::File(path.into()))
    }

    /// In memory: gone with the store. For tests and trials.
    #[must_use]
    pub fn memory() -> Self {
        Self::at(Place::fresh_memory())
    }

    fn at(place: Place) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let readers = (processors / 2).clamp(1, READERS_MAX);
        let vector_bytes = limits::VECTOR_BYTES;
        Self { place, migrate: true, readers, vector_bytes, meter: Arc::new(NoMeter) }
    }

    /// Where the writer's measurements go.
    #[must_use]
    pub fn measured_by(self, meter: Arc<dyn Meter>) -> Self {
        Self { meter, ..self }
    }

    /// Whether the schema is brought up to date when the store is opened; if not, an older one is refused.
    #[must_use]
    pub fn migrate(self, migrate: bool) -> Self {
        Self { migrate, ..self }
    }

    /// How much memory the vectors of scopes that are searched may take, in bytes.
    #[must_use]
    pub fn vector_bytes(self, vector_bytes: usize) -> Self {
        Self { vector_bytes, ..self }
    }

    /// How many threads read; at least one does.
    #[must_use]
    pub fn readers(self, readers: usize) -> Self {
        Self { readers: readers.max(1), ..self }
    }
}

/// The store in one SQLite file.
///
/// Dropping it waits for what was sent to be written; what was acknowledged is on the disk in any case.
#[derive(Debug)]
pub struct SqliteStore {
    // In the order in which they end: the checkpoint thread last, when nobody uses the file any more.
    readers: Readers,
    walker: Readers,
    writer: Writer,
    checkpointer: Option<Checkpointer>,
    _checkpoint_thread: Option<CheckpointThread>,
    schema: u32,
}

impl SqliteStore {
    /// Opens the store. This blocks: call it before serving, or on a thread for blocking work.
    ///
    /// # Errors
    /// When the file cannot be opened, is another program's, or its schema is newer than this program; or older,
    /// if it must not be migrated.
    pub fn open(config: &SqliteConfig) -> Result<Self, StoreError> {
        let place = &config.place;
        let first = if config.migrate { Use::Create } else { Use::Write };
        let mut conn = connection::open(place, first)?;
        if config.migrate {
            for number in migrate::run(&mut conn)? {
                tracing::info!(number, "applied a migration");
            }
        }
        let schema = migrate::require_newest(&conn)?;
        let vectors = Arc::new(VectorCache::new(config.vector_bytes));
        let forgetting = Forgetting { erasures: Arc::new(Erasures::default()), vectors };
        let (checkpointer, thread) = if place.has_wal() {
            let (checkpointer, thread) = Checkpointer::start(place)?;
            (Some(checkpointer), Some(thread))
        } else {
            (None, None)
        };
        Ok(Self {
            readers: Readers::start(config.readers, place, &forgetting)?,
            // Walks of a whole chain take seconds: on the other threads two of them would stop every read.
            walker: Readers::start_walker(place, &forgetting)?,
            writer: Writer::start(
                place.clone(),
                forgetting,
                checkpointer.clone(),
                Arc::clone(&config.meter),
            )?,
            checkpointer,
            _checkpoint_thread: thread,
            schema,
        })
    }

    /// Brings the schema up to date and gives back the numbers of the migrations that this took.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn migrate(config: &SqliteConfig) -> Result<Vec<u32>, StoreError> {
        migrate::run(&mut connection::open(&config.place, Use::Create)?)
    }

    /// Every migration and whether it was applied. Makes no file.
    ///
    /// # Errors
    /// When there is a file that cannot be read.
    pub fn migration_status(config: &SqliteConfig) -> Result<Vec<MigrationStatus>, StoreError> {
        match &config.place {
            Place::File(path) if path.exists() => {
                migrate::status(Some(&connection::open(&config.place, Use::Read)?))
            }
            _ => migrate::status(None),
        }
    }

    /// Moves the whole log into the database and empties it: what was erased is then in neither.
    ///
    /// # Errors
    /// When readers or another process keep the log in use.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        match &self.checkpointer {
            Some(checkpointer) => checkpointer.truncate().await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn load(&self, load: &Load) -> Result<Snapshot, StoreError> {
        let load = load.clone();
        // What looks through all of a tenant's would keep others waiting.
        let is_long = matches!(load.select, Select::Verification | Select::Unembedded { .. });
        let threads = if is_long { &self.walker } else { &self.readers };
        threads.read(move |reader| reader.load(&load)).await
    }

    async fn commit(&self, decided: Decided<ChangeSet>) -> Result<Receipt, StoreError> {
        self.writer.commit(Prepared::new(decided.into_inner())?).await
    }

    async fn policy(&self, tenant: &TenantId, hash: &str) -> Result<Option<PolicyDocument>, StoreError> {
        let (tenant, hash) = (tenant.clone(), hash.to_owned());
        self.readers.read(move |reader| reader.policy(&tenant, &hash)).await
    }

    async fn tenants(&self, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        let after = after.cloned();
        self.readers.read(move |reader| reader.tenants(after.as_ref(), limit)).await
    }

    async fn tenants_due(&self, due: &Due, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        let due = *due;
        self.readers.read(move |reader| reader.tenants_due(&due, limit)).await
    }

    async fn tenants_pending(
        &self,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        let after = after.cloned();
        self.readers.read(move |reader| reader.tenants_pending(after.as_ref(), limit)).await
    }

    async fn tenants_with(
        &self,
        key: Key,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        let after = after.cloned();
        self.readers.read(move |reader| reader.tenants_with(key, after.as_ref(), limit)).await
    }

    async fn tenants_awaiting(
        &self,
        kind: RecordKind,
        by: Timestamp,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        let after = after.cloned();
        self.readers.read(move |reader| reader.tenants_awaiting(kind, by, after.as_ref(), limit)).await
    }

    async fn probe(&self) -> Result<Health, StoreError> {
        self.readers
            .read(|reader| Ok(reader.conn.execute_batch("SELECT count(*) FROM audit_heads LIMIT 1")?))
            .await?;
        self.writer.probe().await?;
        Ok(Health { engine: "sqlite", schema: (self.schema, migrate::newest()), pool: None })
    }
}
