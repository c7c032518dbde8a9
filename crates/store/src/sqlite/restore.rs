//! Puts a copy back in the place of a database that nobody uses.

use std::fs;
use std::path::Path;

use memoryscope_engine::port::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use super::backup::{check, open_unchanging};
use super::connection::APPLICATION_ID;
use crate::backup::{self, Checked, Progress, beside, failed};

/// Copies the file `from`, which was [`check`]ed, into the place of the database `to`, and looks through what
/// arrived before it gets that name. With `replace`, what stood there is gone; without it there must be nothing.
///
/// # Errors
/// When there is something and `replace` is false, when somebody uses it, when it is another program's, when it knows of
/// erased values that the copy would bring back, or when what arrived is not what was sent; `to` is then as it was.
pub fn restore(
    from: &Path,
    sent: &Checked,
    to: &Path,
    replace: bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Checked, StoreError> {
    let (log, shared) = (beside(to, "-wal"), beside(to, "-shm"));
    if !replace && let Some(there) = [to, &log].into_iter().find(|path| path.exists()) {
        return Err(StoreError::Unavailable(format!(
            "{} exists: stop its server and give --force to replace it",
            there.display()
        )));
    }
    let arriving = beside(to, ".restoring");
    let mut take_place = || {
        let arrived = fetch(from, sent, &arriving, progress)?;
        // Only now: a database that is taken and then kept would have to be given back as it was.
        let alone = if to.exists() { hold_alone(to)? } else { None };
        if let Some(conn) = &alone {
            require_erasures(conn, &arriving).inspect_err(|_| drop(give_back(conn)))?;
        }
        Ok((arrived, alone))
    };
    let taken: Result<_, StoreError> = take_place();
    let (arrived, alone) = taken.inspect_err(|_| drop(fs::remove_file(&arriving)))?;
    // A log that stayed would be taken for that of the new file.
    for old in [&log, &shared] {
        match fs::remove_file(old) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(failed("remove", old, why)),
            _ => {}
        }
    }
    backup::put_in_place(&arriving, to)?;
    drop(alone);
    Ok(arrived)
}

fn fetch(
    from: &Path,
    sent: &Checked,
    arriving: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Checked, StoreError> {
    // What an earlier try left that was killed.
    let _ = fs::remove_file(arriving);
    let mut file = backup::create_private(arriving)?;
    let copied = backup::hash_into(from, &mut file, progress).map_err(|why| failed("copy", from, why))?;
    drop(file);
    backup::sync(arriving)?;
    let arrived = check(arriving, progress)?;
    if copied.1 != sent.sha256 || arrived != *sent {
        return Err(StoreError::Corrupt(
            "what arrived is not what was sent: nothing was replaced".to_owned(),
        ));
    }
    Ok(arrived)
}

/// A connection that keeps everybody else out; `None` where the file is too damaged for anybody to use.
fn hold_alone(path: &Path) -> Result<Option<Connection>, StoreError> {
    let opened = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE);
    let conn = opened.map_err(|why| failed("open", path, why))?;
    match take(&conn) {
        Ok(true) => Ok(Some(conn)),
        Ok(false) => Err(failed("replace", path, "it is a database of another program")),
        Err(why) => match why.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Ok(None),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Err(failed("replace", path, "it is in use: stop its server first"))
            }
            _ => Err(failed("replace", path, why)),
        },
    }
}

/// What arrives knows of every value that was erased from what it is to replace: else it would bring some back.
fn require_erasures(conn: &Connection, arriving: &Path) -> Result<(), StoreError> {
    let read = |why| failed("compare", arriving, why);
    let of = |conn: &Connection| conn.table_exists(None, "suppressions");
    if !of(conn).map_err(read)? {
        return Ok(());
    }
    let other = open_unchanging(arriving)?;
    let is_known_there = of(&other).map_err(read)?;
    let lost = || -> rusqlite::Result<usize> {
        // Of all tenants: the whole database is replaced.
        let mut all = conn.prepare("SELECT tenant, digest FROM suppressions")?;
        let mut rows = all.query([])?;
        let mut lost = 0;
        while let Some(row) = rows.next()? {
            let (tenant, digest): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let sql = "SELECT 1 FROM suppressions WHERE tenant = ?1 AND digest = ?2";
            let is_known = is_known_there && other.prepare_cached(sql)?.exists(params![tenant, digest])?;
            lost += usize::from(!is_known);
        }
        Ok(lost)
    };
    match lost().map_err(read)? {
        0 => Ok(()),
        count => Err(backup::brings_back(count)),
    }
}

/// Leaves a database that was taken as it was.
fn give_back(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch("ROLLBACK")?;
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)).map(drop)
}

/// Whether the database is ours, and taken.
fn take(conn: &Connection) -> rusqlite::Result<bool> {
    conn.busy_timeout(std::time::Duration::ZERO)?;
    let mark: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let things: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if mark != APPLICATION_ID && (mark != 0 || things != 0) {
        return Ok(false);
    }
    // Leaving the log needs the file alone: it fails while any other connection is open.
    conn.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get::<_, String>(0))?;
    conn.execute_batch("BEGIN EXCLUSIVE")?;
    Ok(true)
}
