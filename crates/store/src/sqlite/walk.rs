//! The walk of a whole chain, row by row. Only SQLite's own failures stop it.

use std::slice;

use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::TenantId;
use rusqlite::{Connection, Row, params};

use super::apply::{head, one};
use super::error::Failure;
use super::row::audit_key;
use crate::common::walk::{Stored, Walk};

/// Walks a tenant's chain in constant memory.
pub(super) fn walk(conn: &Connection, tenant: &TenantId, facts: &mut Facts) -> Result<(), Failure> {
    let mut walk = Walk::new(tenant.clone());
    let sql = "SELECT seq, text FROM checkpoints WHERE tenant = ?1 ORDER BY number";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([tenant.as_str()])?;
    while let Some(row) = rows.next()? {
        walk.checkpoint(row.get(0)?, bytes(row, 1)?);
    }
    walk.begin(Failure::unless_unreadable(head(conn, tenant))?);
    let mut statement = conn.prepare_cached(
        "SELECT seq, prev_hash, hash, text, id, operation, private
         FROM audit_events WHERE tenant = ?1 ORDER BY seq",
    )?;
    let mut rows = statement.query([tenant.as_str()])?;
    while let Some(row) = rows.next()? {
        let stored = stored(row)?;
        for subject in walk.keys_missing(slice::from_ref(&stored)) {
            let sql = "SELECT key FROM subject_keys WHERE tenant = ?1 AND subject = ?2";
            let key = one(conn, sql, params![tenant.as_str(), subject.0], audit_key);
            walk.keep_key(subject, Failure::unless_unreadable(key)?.flatten());
        }
        walk.push(&stored);
    }
    walk.finish(facts);
    Ok(())
}

/// A row from the columns (seq, `prev_hash`, hash, text, id, operation, private).
fn stored<'a>(row: &'a Row<'_>) -> Result<Stored<'a>, Failure> {
    let private = row.get_ref(6)?.as_bytes_or_null().unwrap_or(Some(&[]));
    Ok(Stored::new(row.get(0)?, bytes(row, 1)?, bytes(row, 2)?, bytes(row, 3)?)
        .with_index(bytes(row, 4)?, bytes(row, 5)?)
        .with_private(private))
}

/// A column's bytes, whatever they are; none for a number, which no column of bytes holds.
fn bytes<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a [u8], Failure> {
    Ok(row.get_ref(column)?.as_bytes().unwrap_or_default())
}
