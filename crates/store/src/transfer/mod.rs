//! Everything of one database, brought into another one, of whichever engine.
//!
//! The source is held still and read in one snapshot: tenant by tenant, table by table in the order of the keys, page
//! by page; each page is one transaction of the target. While it goes on, a table that is not part of the schema stands
//! in the target, [`PROGRESS_TABLE`]; whoever finds it refuses to work with that database. It says where the chain of
//! each tenant ended when the tenant's turn came, so a copy that was stopped and is called again knows what is whole:
//! no change is ever made without an entry, so a tenant whose chain has not moved is copied on behind the last key that
//! arrived, and one whose chain has grown is copied anew. At the end all rows are compared, the target's chains are
//! walked, and only then the table is dropped.

mod side;
mod tables;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::PathBuf;

use memoryscope_domain::audit_chain::Verification;
use memoryscope_domain::ids::TenantId;
use memoryscope_engine::port::StoreError;

pub(crate) use tables::tenants_of;
pub use tables::{Column, Kind, TABLES, Table};

use crate::common::row;
use crate::postgres::PostgresConfig;
use side::Side;
use tables::{EVENTS, HEADS};

/// The table that stands in a database as long as only a part of a copy is in it.
pub const PROGRESS_TABLE: &str = "transfer_progress";

/// How [`PROGRESS_TABLE`] is made, on both engines.
pub(crate) const PROGRESS_SQL: &str = "CREATE TABLE transfer_progress (
    tenant TEXT NOT NULL PRIMARY KEY, seq BIGINT NOT NULL, hash TEXT NOT NULL)";

/// Rows that are read and written at once.
const PAGE_ROWS: usize = 500;

/// What a column of a row holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A row, in the order of [`Table::columns`].
pub(crate) type Row = Vec<Value>;

/// Where a chain ended: its last place, and that entry's hash in hexadecimal digits. No chain ends at 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct End {
    pub(crate) seq: i64,
    pub(crate) hash: String,
}

impl End {
    fn of(row: &Row) -> Result<Self, StoreError> {
        match row.as_slice() {
            [_, Value::Number(seq), Value::Bytes(hash)] => Ok(Self { seq: *seq, hash: hex(hash) }),
            _ => Err(row::corrupt("head")),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A database.
#[derive(Debug, Clone)]
pub enum Place {
    /// In a SQLite file.
    Sqlite(PathBuf),
    /// On a PostgreSQL server.
    Postgres(Box<PostgresConfig>),
}

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// So many rows are in the source, and so many of them are in the target already.
    Counted {
        /// In the source.
        rows: u64,
        /// In the target.
        done: u64,
    },
    /// A tenant whose chain has moved since the part that was copied earlier: it is copied anew.
    Again(&'a Moved),
    /// A page has arrived for good.
    Copied {
        /// Of which table.
        table: &'static str,
        /// How many rows.
        rows: u64,
    },
    /// So many rows of both sides were compared.
    Compared {
        /// Of which table.
        table: &'static str,
        /// How many rows.
        rows: u64,
    },
    /// The chain of one more tenant is walked: which, counted from 1, and of how many.
    Chain(usize, usize),
}

/// A chain that has moved between two parts of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Whose.
    pub tenant: TenantId,
    /// Where it ended when a part of it was copied.
    pub was: u64,
    /// Where it ends now.
    pub is: u64,
}

/// What became of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Its name.
    pub table: &'static str,
    /// Rows in the source.
    pub source: u64,
    /// Rows in the target.
    pub target: u64,
    /// Rows that were written now, and not by an earlier part.
    pub written: u64,
}

/// A table of a tenant that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub table: &'static str,
}

/// What a copy came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Every table.
    pub tables: Vec<Copied>,
    /// Tenants that were copied anew, because their chains had moved.
    pub moved: Vec<Moved>,
    /// What is not the same on both sides.
    pub differences: Vec<Difference>,
    /// Every tenant, and what a walk of its chain on the target found.
    pub chains: Vec<(TenantId, Verification)>,
}

impl Report {
    /// Whether everything arrived as it was, and every chain holds. Only then the target can be used.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.differences.is_empty()
            && self.chains.iter().all(|(_, found)| found.ok)
            && self.tables.iter().all(|table| table.source == table.target)
    }
}

/// Copies one database into another, which is made, or is empty, or holds a part of the same copy.
#[derive(Debug, Clone)]
pub struct Transfer {
    from: Place,
    to: Place,
    page_rows: usize,
}

impl Transfer {
    /// From one place to another.
    #[must_use]
    pub fn new(from: Place, to: Place) -> Self {
        Self { from, to, page_rows: PAGE_ROWS }
    }

    /// How many rows are read and written at once; at least one.
    #[must_use]
    pub fn page_rows(self, rows: usize) -> Self {
        Self { page_rows: rows.max(1), ..self }
    }

    /// Copies. SQLite is used on the calling thread: run it on a runtime of its own. Whenever `progress` breaks, it
    /// stops, as if it had been killed.
    ///
    /// # Errors
    /// When a side cannot be used, is in use, or has another schema; when the target holds something that is no part of
    /// this copy; or when it was stopped. What is not the same at the end is in the report.
    pub async fn run(
        &self,
        progress: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Report, StoreError> {
        if let (Place::Sqlite(from), Place::Sqlite(to)) = (&self.from, &self.to)
            && let (Ok(from), Ok(to)) = (from.canonicalize(), to.canonicalize())
            && from == to
        {
            return Err(StoreError::Unavailable("the source is the target itself".to_owned()));
        }
        let source = Side::source(&self.from).await.map_err(|why| at("the source", why))?;
        let target = Side::target(&self.to).await.map_err(|why| at("the target", why))?;
        let mut run = Run { source, target, page_rows: self.page_rows, progress, report: Report::default() };
        let tenants = run.tenants().await?;
        run.count().await?;
        run.settle(&tenants).await?;
        for tenant in &tenants {
            run.copy(tenant).await?;
        }
        for tenant in &tenants {
            run.compare(tenant).await?;
        }
        run.recount().await?;
        run.walk(&tenants).await?;
        run.finish(&tenants).await
    }
}

fn at(side: &str, why: StoreError) -> StoreError {
    match why {
        StoreError::Unavailable(why) => StoreError::Unavailable(format!("{side}: {why}")),
        StoreError::Corrupt(why) => StoreError::Corrupt(format!("{side}: {why}")),
        conflict @ StoreError::Conflict(_) => conflict,
    }
}

fn source_failed(why: StoreError) -> StoreError {
    at("the source", why)
}

fn target_failed(why: StoreError) -> StoreError {
    at("the target", why)
}

struct Run<'a> {
    source: Side,
    target: Side,
    page_rows: usize,
    progress: &'a mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
    report: Report,
}

impl Run<'_> {
    fn tell(&mut self, progress: Progress<'_>) -> Result<(), StoreError> {
        match (self.progress)(progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => {
                Err(StoreError::Unavailable("the copy was stopped; called again, it goes on".to_owned()))
            }
        }
    }

    /// Everybody whose name stands in any table of the source.
    async fn tenants(&mut self) -> Result<Vec<TenantId>, StoreError> {
        let mut names = BTreeSet::new();
        for table in &TABLES {
            names.extend(self.source.tenants(table).await.map_err(source_failed)?);
        }
        names.iter().map(|name| row::tenant(name).map_err(source_failed)).collect()
    }

    async fn count(&mut self) -> Result<(), StoreError> {
        for table in &TABLES {
            let source = self.source.count(table).await.map_err(source_failed)?;
            let target = self.target.count(table).await.map_err(target_failed)?;
            self.report.tables.push(Copied { table: table.name, source, target, written: 0 });
        }
        let rows = self.report.tables.iter().map(|table| table.source).sum();
        let done = self.report.tables.iter().map(|table| table.target).sum();
        self.tell(Progress::Counted { rows, done })
    }

    /// Compares what the target has of an earlier part with the source: what is another database's is refused, and
    /// what is no longer so goes.
    async fn settle(&mut self, tenants: &[TenantId]) -> Result<(), StoreError> {
        let recorded = self.target.recorded().await.map_err(target_failed)?;
        let mut moved = Vec::new();
        for (name, was) in recorded {
            let tenant = row::tenant(&name).map_err(target_failed)?;
            let is = self.end(&tenant).await?;
            if was == is && tenants.binary_search(&tenant).is_ok() {
                continue;
            }
            if was.seq > 0 && self.hash_at(&tenant, was.seq).await?.as_ref() != Some(&was.hash) {
                return Err(StoreError::Unavailable(format!(
                    "the target holds a part of a copy of another database: its chain of {name} is not the \
                     source's up to {}. Name another target",
                    was.seq
                )));
            }
            moved.push((tenant, was, is));
        }
        // Nothing is taken away before all of it is known to be ours.
        for (tenant, was, is) in moved {
            self.target.forget(tenant.as_str()).await.map_err(target_failed)?;
            let moved = Moved { tenant, was: row::count(was.seq)?, is: row::count(is.seq)? };
            self.tell(Progress::Again(&moved))?;
            self.report.moved.push(moved);
        }
        Ok(())
    }

    /// Where the tenant's chain ends in the source.
    async fn end(&mut self, tenant: &TenantId) -> Result<End, StoreError> {
        let heads = self.source.page(&HEADS, tenant.as_str(), None, 1).await.map_err(source_failed)?;
        heads.first().map_or_else(|| Ok(End::default()), End::of).map_err(source_failed)
    }

    /// The hash of the source's entry at that place.
    async fn hash_at(&mut self, tenant: &TenantId, seq: i64) -> Result<Option<String>, StoreError> {
        let before = [Value::Number(seq - 1)];
        let page = self.source.page(&EVENTS, tenant.as_str(), Some(&before), 1).await;
        let page = page.map_err(source_failed)?;
        Ok(match page.first().map(|row| (&row[1], &row[5])) {
            Some((Value::Number(found), Value::Bytes(hash))) if *found == seq => Some(hex(hash)),
            _ => None,
        })
    }

    /// Copies what the target does not have yet.
    async fn copy(&mut self, tenant: &TenantId) -> Result<(), StoreError> {
        let end = self.end(tenant).await?;
        self.target.record(tenant.as_str(), &end).await.map_err(target_failed)?;
        for (at, table) in TABLES.iter().enumerate() {
            let last = self.target.last(table, tenant.as_str()).await.map_err(target_failed)?;
            let mut after = last.map(|row| key_of(table, &row));
            loop {
                let page = self.source.page(table, tenant.as_str(), after.as_deref(), self.page_rows).await;
                let page = page.map_err(source_failed)?;
                let Some(last) = page.last() else { break };
                after = Some(key_of(table, last));
                let whole = table.key == 0 || page.len() < self.page_rows;
                let rows = page.len() as u64;
                self.target.write(table, page).await.map_err(target_failed)?;
                self.report.tables[at].written += rows;
                self.tell(Progress::Copied { table: table.name, rows })?;
                if whole {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Compares every row of both sides, page by page.
    async fn compare(&mut self, tenant: &TenantId) -> Result<(), StoreError> {
        for table in &TABLES {
            let mut after: Option<Vec<Value>> = None;
            loop {
                let (name, limit) = (tenant.as_str(), self.page_rows);
                let sent = self.source.page(table, name, after.as_deref(), limit).await;
                let sent = sent.map_err(source_failed)?;
                let arrived = self.target.page(table, name, after.as_deref(), limit).await;
                if sent != arrived.map_err(target_failed)? {
                    self.report.differences.push(Difference { tenant: tenant.clone(), table: table.name });
                    break;
                }
                self.tell(Progress::Compared { table: table.name, rows: sent.len() as u64 })?;
                match sent.last() {
                    Some(last) if table.key > 0 && sent.len() == limit => {
                        after = Some(key_of(table, last));
                    }
                    _ => break,
                }
            }
        }
        Ok(())
    }

    /// What the target has now: rows of tenants that the source does not have would show here.
    async fn recount(&mut self) -> Result<(), StoreError> {
        for (at, table) in TABLES.iter().enumerate() {
            self.report.tables[at].target = self.target.count(table).await.map_err(target_failed)?;
        }
        Ok(())
    }

    /// Walks every chain of the target.
    async fn walk(&mut self, tenants: &[TenantId]) -> Result<(), StoreError> {
        for (at, tenant) in tenants.iter().enumerate() {
            self.tell(Progress::Chain(at + 1, tenants.len()))?;
            let found = self.target.verify(tenant).await.map_err(target_failed)?;
            self.report.chains.push((tenant.clone(), found));
        }
        Ok(())
    }

    /// Lets the target be used, if everything is in it.
    async fn finish(mut self, tenants: &[TenantId]) -> Result<Report, StoreError> {
        if self.report.is_good() {
            let mut ends = Vec::with_capacity(tenants.len());
            for tenant in tenants {
                ends.push((tenant.as_str().to_owned(), self.end(tenant).await?));
            }
            ends.retain(|(_, end)| *end != End::default());
            self.target.finish(&ends).await.map_err(target_failed)?;
        }
        Ok(self.report)
    }
}

fn key_of(table: &Table, row: &Row) -> Vec<Value> {
    row[1..=table.key].to_vec()
}
