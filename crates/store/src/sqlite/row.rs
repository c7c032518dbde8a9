//! Between SQLite's rows and the domain's types.

use memoryscope_domain::audit_chain::{AuditKey, Entry, Head, Private, Seq};
use memoryscope_domain::govern::StoredEntry;
use rusqlite::Row;

use super::error::Failure;
use crate::common::row::{self, corrupt};

/// A head from the columns (seq, hash).
pub(super) fn head(row: &Row<'_>) -> Result<Head, Failure> {
    Ok(row::head(row.get(0)?, blob(row, 1)?)?)
}

/// An audit key from its column.
pub(super) fn audit_key(row: &Row<'_>) -> Result<AuditKey, Failure> {
    Ok(row::audit_key(blob(row, 0)?)?)
}

/// An entry from the columns (seq, id, `prev_hash`, hash, text, private).
pub(super) fn entry(row: &Row<'_>) -> Result<StoredEntry, Failure> {
    let entry = Entry {
        id: row::audit_id(blob(row, 1)?)?,
        seq: Seq(row::count(row.get(0)?)?),
        prev_hash: row::hash(blob(row, 2)?)?,
        hash: row::hash(blob(row, 3)?)?,
        text: row.get(4)?,
    };
    let private: Option<String> = row.get(5)?;
    Ok(StoredEntry { entry, private: private.map(Private::from_stored) })
}

/// A column's bytes, without a copy.
pub(super) fn blob<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a [u8], Failure> {
    row.get_ref(column)?.as_blob().map_err(|_| corrupt("value").into())
}

/// A column's text, without a copy.
pub(super) fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, Failure> {
    row.get_ref(column)?.as_str().map_err(|_| corrupt("text").into())
}
