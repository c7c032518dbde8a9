//! Between the domain's types and columns.

use memoryscope_domain::audit_chain::{AuditKey, Entry, Hash32, Head, Private, Seq};
use memoryscope_domain::govern::StoredEntry;
use memoryscope_domain::ids::AuditId;
use memoryscope_domain::memory::State;
use memoryscope_engine::port::StoreError;
use rusqlite::Row;
use uuid::Uuid;

use super::error::{Failure, corrupt};

/// A state as it is stored. The order is the order of restriction, so that queries may compare.
pub(super) const fn state_number(state: State) -> i64 {
    match state {
        State::Active => 0,
        State::Restricted => 1,
        State::Sealed => 2,
        State::Revoked => 3,
        State::Tombstoned => 4,
    }
}

/// A count as SQLite keeps it.
pub(super) fn whole(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Corrupt("a number is too large to be stored".to_owned()))
}

/// A limit as SQLite takes it.
pub(super) fn limit(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A count that SQLite has kept.
pub(super) fn count(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| corrupt("number"))
}

/// A hash that SQLite has kept.
pub(super) fn hash(bytes: &[u8]) -> Result<Hash32, StoreError> {
    Hash32::from_slice(bytes).map_err(|_| corrupt("hash"))
}

/// A head from the columns (seq, hash).
pub(super) fn head(row: &Row<'_>) -> Result<Head, Failure> {
    Ok(Head { seq: Seq(count(row.get(0)?)?), hash: hash(blob(row, 1)?)? })
}

/// An audit key from its column.
pub(super) fn audit_key(row: &Row<'_>) -> Result<AuditKey, Failure> {
    let bytes: [u8; 32] = blob(row, 0)?.try_into().map_err(|_| corrupt("audit key"))?;
    Ok(AuditKey::from_bytes(bytes))
}

/// An entry from the columns (seq, id, `prev_hash`, hash, text, private).
pub(super) fn entry(row: &Row<'_>) -> Result<StoredEntry, Failure> {
    let id = Uuid::from_slice(blob(row, 1)?).map_err(|_| corrupt("audit id"))?;
    let entry = Entry {
        id: AuditId::from_uuid(id),
        seq: Seq(count(row.get(0)?)?),
        prev_hash: hash(blob(row, 2)?)?,
        hash: hash(blob(row, 3)?)?,
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
