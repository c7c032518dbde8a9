//! How connections are opened: one set of pragmas for all of them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use memoryscope_engine::port::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::common::failure::EngineError as _;

/// How long a statement waits for another process's lock.
pub(super) const BUSY_MS: u64 = 5_000;
/// Prepared statements kept per connection: more than there are.
const STATEMENTS_KEPT: usize = 96;
/// How often switching to the write-ahead log is tried while others open the same new file.
const WAL_SWITCH_TRIES: u32 = 500;
/// The pause between two such tries.
const WAL_SWITCH_PAUSE_MS: u64 = 10;
/// `MSCP`: marks a file as ours, so that a foreign database is never written to.
pub(super) const APPLICATION_ID: i32 = 0x4d53_4350;

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In a file, with its log beside it.
    File(PathBuf),
    /// In memory that this process's connections share under a name.
    Memory(String),
}

impl Place {
    /// A database in memory of its own.
    pub(super) fn fresh_memory() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self::Memory(format!("file:/memoryscope-{number}?vfs=memdb"))
    }

    /// Whether it has a write-ahead log.
    pub(super) const fn has_wal(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// The first one, which may make the file.
    Create,
    /// Writing.
    Write,
    /// Reading: it refuses to write.
    Read,
}

impl Use {
    /// Page cache in KiB. The writer's was measured: below 4 MiB it spills.
    const fn cache_kib(self) -> i64 {
        match self {
            Self::Create => 2_048,
            Self::Write => 16_384,
            Self::Read => 8_192,
        }
    }
}

/// Opens a connection.
pub(super) fn open(place: &Place, purpose: Use) -> Result<Connection, StoreError> {
    let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_READ_WRITE;
    if purpose == Use::Create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let opened = match place {
        Place::File(path) => {
            if purpose == Use::Create {
                require_no_orphaned_log(place, path)?;
                create_private(path)?;
            }
            Connection::open_with_flags(path, flags)
        }
        Place::Memory(uri) => Connection::open_with_flags(
            uri,
            flags | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_CREATE,
        ),
    };
    let conn = opened.map_err(|why| unavailable(place, &why.to_string()))?;
    let explained = |why: rusqlite::Error| match why.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => unavailable(place, "it is not a SQLite database"),
        _ => why.describe(),
    };
    conn.busy_timeout(Duration::from_millis(BUSY_MS)).map_err(explained)?;
    if purpose == Use::Create && is_ours(&conn).map_err(explained)? == Some(false) {
        return Err(unavailable(place, "it is a database of another program"));
    }
    configure(&conn, place, purpose).map_err(explained)?;
    Ok(conn)
}

/// Whether our mark is in the file, `None` where nothing is: looked at before anything is written to it.
pub(super) fn is_ours(conn: &Connection) -> rusqlite::Result<Option<bool>> {
    let look = conn.unchecked_transaction()?;
    let mark: i32 = look.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let things: i64 = look.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    look.commit()?;
    Ok(match mark {
        APPLICATION_ID => Some(true),
        0 if things == 0 => None,
        _ => Some(false),
    })
}

/// A log beside no database holds what was acknowledged: a new database in its place would throw it away.
fn require_no_orphaned_log(place: &Place, path: &Path) -> Result<(), StoreError> {
    let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    let log = crate::backup::beside(path, "-wal");
    if bytes(path) > 0 || bytes(&log) == 0 {
        return Ok(());
    }
    let why = format!(
        "{} holds acknowledged data of a database that is not here: put the database back beside it, or move it away",
        log.display()
    );
    Err(unavailable(place, &why))
}

/// Makes the file so that only its owner may read it; its log takes the file's permissions over.
fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(why) => Err(StoreError::Unavailable(format!("cannot make {}: {why}", path.display()))),
    }
}

fn unavailable(place: &Place, why: &str) -> StoreError {
    match place {
        Place::File(path) => StoreError::Unavailable(format!("cannot open {}: {why}", path.display())),
        Place::Memory(_) => StoreError::Unavailable(format!("cannot open a database in memory: {why}")),
    }
}

/// Sets the pragmas.
pub(super) fn configure(conn: &Connection, place: &Place, purpose: Use) -> rusqlite::Result<()> {
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // Without it a statement is planned anew whenever a parameter that a partial index could depend on is bound.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Deleted content is overwritten with zeros, or erasure would leave it in free pages.
    conn.pragma_update(None, "secure_delete", true)?;
    if place.has_wal() {
        if purpose == Use::Create {
            switch_to_wal(conn)?;
        }
        // A commit returns when its log is on the disk: NORMAL would lose the last ones with the power.
        conn.pragma_update(None, "synchronous", "FULL")?;
        // A thread of its own moves the log into the database; nobody else does in passing.
        conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    }
    conn.pragma_update(None, "cache_size", -purpose.cache_kib())?;
    conn.pragma_update(None, "trusted_schema", false)?;
    super::matching::add_function(conn)?;
    if purpose == Use::Read {
        conn.pragma_update(None, "query_only", true)?;
    }
    Ok(())
}

/// The switch needs the file alone and does not always wait for it, so it is tried again while others open it too.
fn switch_to_wal(conn: &Connection) -> rusqlite::Result<()> {
    let mut tries = 0;
    loop {
        match conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Ok(_) => return Ok(()),
            Err(why)
                if tries < WAL_SWITCH_TRIES
                    && matches!(
                        why.sqlite_error_code(),
                        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
                    ) =>
            {
                tries += 1;
                std::thread::sleep(Duration::from_millis(WAL_SWITCH_PAUSE_MS));
            }
            Err(why) => return Err(why),
        }
    }
}
