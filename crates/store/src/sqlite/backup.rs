//! Copies of the file that can be relied on: taken as of one commit while others write, and looked through to the end.
//!
//! A copy is looked at read-only: asking the engine whether its chains hold would be written into them.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use memoryscope_domain::ids::TenantId;
use memoryscope_domain::limits;
use memoryscope_engine::port::StoreError;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::cache::Cache;
use super::connection::{self, APPLICATION_ID, Place, Use};
use super::error::Failure;
use super::load::Reader;
use super::migrate;
use crate::backup::{Checked, Progress, beside, create_private, digest, failed, sync};
use crate::common::failure::EngineError;
use crate::common::packed::VectorCache;

/// Pages (4 MiB) that are copied between two looks at the progress.
const STEP_PAGES: i32 = 1_024;

/// Copies the database `from` to the new file `to`, which only its owner may read, and looks through the copy.
/// Others may read and write meanwhile: it is the state of one commit, and everything acknowledged before is in it.
///
/// # Errors
/// When a file cannot be read or written, `to` exists, or the copy is not what the schema says. A chain that does
/// not hold is in the answer.
pub fn copy(from: &Path, to: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Checked, StoreError> {
    let source = connection::open(&Place::File(from.to_owned()), Use::Read)?;
    migrate::require_known(&source)?;
    create_private(to)?;
    copy_pages(&source, to, progress).map_err(StoreError::from)?;
    drop(source);
    sync(to)?;
    check(to, progress)
}

fn copy_pages(source: &Connection, to: &Path, progress: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
    // Held to the end: the copy is of this snapshot, and no commit makes it begin again.
    let snapshot = source.unchecked_transaction()?;
    let page: u32 = source.pragma_query_value(None, "page_size", |row| row.get(0))?;
    source.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Whoever is killed here leaves a file that nobody takes for a copy; it is synced when it is whole.
    target.pragma_update(None, "synchronous", "OFF")?;
    let backup = Backup::new(source, &mut target)?;
    loop {
        let step = backup.step(STEP_PAGES)?;
        let found = backup.progress();
        let pages = |count: i32| u64::try_from(count).unwrap_or(0) * u64::from(page);
        progress(Progress::Bytes(pages(found.pagecount - found.remaining), pages(found.pagecount)));
        match step {
            StepResult::Done => break,
            StepResult::Busy | StepResult::Locked => std::thread::yield_now(),
            _ => {}
        }
    }
    drop(backup);
    snapshot.finish()?;
    Ok(())
}

/// Looks through a copy without writing to it: its bytes, the structure, each tenant's chain.
///
/// # Errors
/// When it is not one of our databases, not whole, newer than this program, or has a log beside it. A chain that does not
/// hold is in the answer.
pub fn check(path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Checked, StoreError> {
    let log = beside(path, "-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Err(StoreError::Unavailable(format!(
            "{} holds a part of its data: it is a database in use, or one that was killed, and no backup",
            log.display()
        )));
    }
    require_sqlite(path)?;
    let (bytes, sha256) = digest(path, progress)?;
    let conn = open_unchanging(path)?;
    look_through(conn, bytes, sha256, progress).map_err(StoreError::from)
}

fn require_sqlite(path: &Path) -> Result<(), StoreError> {
    let mut begin = [0; 16];
    let mut file = fs::File::open(path).map_err(|why| failed("read", path, why))?;
    let count = file.read(&mut begin).map_err(|why| failed("read", path, why))?;
    let why = if begin[..count].starts_with(b"PGDMP") {
        "it is the backup of a PostgreSQL database: restore it to one"
    } else if begin[..count] != *b"SQLite format 3\0" {
        "it is no SQLite database"
    } else {
        return Ok(());
    };
    Err(StoreError::Unavailable(why.to_owned()))
}

fn look_through(
    conn: Connection,
    bytes: u64,
    sha256: String,
    progress: &mut dyn FnMut(Progress),
) -> Result<Checked, Failure> {
    let mark: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if mark != APPLICATION_ID {
        return Err(StoreError::Unavailable("it is no database of this program".to_owned()).into());
    }
    let schema = migrate::require_known(&conn)?;
    progress(Progress::Structure);
    let first: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if first != "ok" {
        return Err(StoreError::Corrupt("it is damaged: its structure contradicts itself".to_owned()).into());
    }
    let mut reader =
        Reader { conn, cache: Cache::new(std::sync::Arc::default()), vectors: VectorCache::none() };
    let mut tenants: Vec<TenantId> = Vec::new();
    loop {
        let page = reader.tenants(tenants.last(), limits::TENANTS_PAGE_ITEMS)?;
        let last = page.len() < limits::TENANTS_PAGE_ITEMS;
        tenants.extend(page);
        if last {
            break;
        }
    }
    let count = tenants.len();
    let mut chains = Vec::with_capacity(count);
    for (at, tenant) in tenants.into_iter().enumerate() {
        progress(Progress::Chain(at + 1, count));
        let found = reader.verify(&tenant)?;
        chains.push((tenant, found));
    }
    Ok(Checked { bytes, sha256, schema, chains })
}

/// A connection to a file that nobody writes to: it makes no files beside it and takes no locks.
pub(super) fn open_unchanging(path: &Path) -> Result<Connection, StoreError> {
    let text = path.to_str().ok_or_else(|| failed("open", path, "its name is not UTF-8"))?;
    let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)
        .map_err(EngineError::describe)?;
    conn.pragma_update(None, "trusted_schema", false).map_err(EngineError::describe)?;
    Ok(conn)
}
