//! Between PostgreSQL's rows and the domain's types.

use memoryscope_domain::audit_chain::{Entry, Private, Seq};
use memoryscope_domain::govern::StoredEntry;
use tokio_postgres::Row;

use super::error::Failure;
use crate::common::row;

/// An entry from the columns (seq, id, `prev_hash`, hash, text, private).
pub(super) fn entry(row: &Row) -> Result<StoredEntry, Failure> {
    let entry = Entry {
        id: row::audit_id(row.try_get(1)?)?,
        seq: Seq(row::count(row.try_get(0)?)?),
        prev_hash: row::hash(row.try_get(2)?)?,
        hash: row::hash(row.try_get(3)?)?,
        text: row.try_get(4)?,
    };
    let private: Option<String> = row.try_get(5)?;
    Ok(StoredEntry { entry, private: private.map(Private::from_stored) })
}
