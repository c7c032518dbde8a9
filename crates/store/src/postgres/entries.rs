//! Audit entries, by their id and in the order of the chain.

use memoryscope_domain::audit_chain::{Code, Entry, Private, Seq};
use memoryscope_domain::govern::StoredEntry;
use memoryscope_domain::ids::AuditId;
use tokio_postgres::Row;

use super::error::Failure;
use super::session::Call;
use super::value::{Bytes, Value};
use crate::common::row;

const ENTRIES: &str = "
    SELECT seq, id, prev_hash, hash, text, private FROM audit_events
    WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3";

const ENTRIES_OF: &str = "
    SELECT seq, id, prev_hash, hash, text, private FROM audit_events
    WHERE tenant = $1 AND seq > $2 AND operation = ANY ($4::text[]) ORDER BY seq LIMIT $3";

const ENTRY: &str = "
    SELECT seq, id, prev_hash, hash, text, private FROM audit_events WHERE tenant = $1 AND id = $2";

/// Activations are rare and rarely asked for: the chain is walked backwards to the last one.
pub(super) const LATEST_ENTRY: &str = "
    SELECT seq, id, prev_hash, hash, text, private FROM audit_events
    WHERE tenant = $1 AND operation = $2 ORDER BY seq DESC LIMIT 1";

pub(super) fn entry_call(tenant: String, id: AuditId) -> Call<'static> {
    Call::new(ENTRY, vec![Box::new(tenant), Box::new(Bytes::of(id.uuid()))])
}

pub(super) fn entries_call(tenant: String, after: Seq, operations: &[Code], limit: usize) -> Call<'static> {
    let after = row::whole(after.0).unwrap_or(i64::MAX);
    let bound = row::limit(limit.saturating_add(1));
    let mut values: Vec<Value<'static>> = vec![Box::new(tenant), Box::new(after), Box::new(bound)];
    if operations.is_empty() {
        return Call::new(ENTRIES, values);
    }
    let operations: Vec<String> = operations.iter().map(|code| code.as_str().to_owned()).collect();
    values.push(Box::new(operations));
    Call::new(ENTRIES_OF, values)
}

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
