//! The walk of a whole chain. What it cannot read is what it is there to find: only SQLite's own failures stop it.

use std::collections::BTreeMap;
use std::str::from_utf8;

use memoryscope_domain::audit_chain::{
    AuditKey, Private, Reason, Record, Row, Seq, SignedCheckpoint, Verifier,
};
use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::memory::SubjectRef;
use memoryscope_engine::port::StoreError;
use rusqlite::{Connection, params};

use super::apply::{head, one};
use super::error::Failure;
use super::row;
use crate::common::row as common_row;

/// Subjects' keys that a walk keeps at hand.
const KEYS_KEPT_MAX: usize = 4_096;

/// Walks a tenant's chain row by row, in constant memory.
pub(super) fn walk(conn: &Connection, tenant: &TenantId, facts: &mut Facts) -> Result<(), Failure> {
    let mut verifier = Verifier::new(tenant.clone());
    facts.checkpoints = checkpoints(conn, tenant, &mut verifier)?;
    verifier.expect_stored(&facts.checkpoints);
    let recorded = found(head(conn, tenant))?;
    if let Some(recorded) = recorded {
        verifier.expect_head(recorded);
    }
    let mut keys = Keys { conn, tenant, kept: BTreeMap::new() };
    let mut statement = conn.prepare_cached(
        "SELECT seq, prev_hash, hash, text, id, operation, private
         FROM audit_events WHERE tenant = ?1 ORDER BY seq",
    )?;
    let mut rows = statement.query([tenant.as_str()])?;
    let mut strays = false;
    while let Some(row) = rows.next()? {
        let Ok(seq @ 1..) = common_row::count(row.get(0)?) else {
            // No entry has such a place: it is missing from its own, or was never one.
            strays = true;
            continue;
        };
        if let Some(record) = take(&mut verifier, Seq(seq), row)? {
            verifier.check_index(&record, bytes(row, 4)?, bytes(row, 5)?);
            check_private(&mut verifier, &record, row, &mut keys)?;
        }
    }
    if strays {
        verifier.refuse_next(Reason::Reordered);
    }
    if recorded.is_none() {
        verifier.refuse_next(Reason::HeadDiffers);
    }
    facts.verification = Some(verifier.finish());
    Ok(())
}

/// Gives the verifier the next row; answers what it says if it is in order.
fn take(verifier: &mut Verifier, seq: Seq, row: &rusqlite::Row<'_>) -> Result<Option<Record>, Failure> {
    // A hash of another length and a text that is none are not what was hashed.
    let (Ok(prev_hash), Ok(hash), Ok(text)) =
        (common_row::hash(bytes(row, 1)?), common_row::hash(bytes(row, 2)?), from_utf8(bytes(row, 3)?))
    else {
        verifier.refuse_next(Reason::Edited);
        return Ok(None);
    };
    Ok(verifier.push(&Row { seq, prev_hash, hash, text }))
}

fn check_private(
    verifier: &mut Verifier,
    record: &Record,
    row: &rusqlite::Row<'_>,
    keys: &mut Keys<'_>,
) -> Result<(), Failure> {
    let private = match row.get_ref(6)?.as_bytes_or_null() {
        Ok(None) => None,
        // A text that is none gets a digest of its own.
        Ok(Some(text)) => Some(Private::from_stored(String::from_utf8_lossy(text).into_owned())),
        Err(_) => Some(Private::from_stored(String::new())),
    };
    let key = match private.as_ref().and_then(Private::subject) {
        Some(subject) => keys.of(subject)?,
        None => None,
    };
    verifier.check_private_kept(record, private.as_ref(), key);
    Ok(())
}

/// The tenant's audit keys, as they are asked for.
struct Keys<'a> {
    conn: &'a Connection,
    tenant: &'a TenantId,
    kept: BTreeMap<SubjectRef, Option<AuditKey>>,
}

impl Keys<'_> {
    fn of(&mut self, subject: SubjectRef) -> Result<Option<&AuditKey>, Failure> {
        if !self.kept.contains_key(&subject) {
            if self.kept.len() >= KEYS_KEPT_MAX {
                self.kept.clear();
            }
            let sql = "SELECT key FROM subject_keys WHERE tenant = ?1 AND subject = ?2";
            let key = found(one(self.conn, sql, params![self.tenant.as_str(), subject.0], row::audit_key))?;
            self.kept.insert(subject, key.flatten());
        }
        Ok(self.kept.get(&subject).and_then(Option::as_ref))
    }
}

/// The checkpoints that can be read; the verifier is told of those that cannot.
fn checkpoints(
    conn: &Connection,
    tenant: &TenantId,
    verifier: &mut Verifier,
) -> Result<Vec<SignedCheckpoint>, Failure> {
    let sql = "SELECT seq, text FROM checkpoints WHERE tenant = ?1 ORDER BY number";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([tenant.as_str()])?;
    let mut checkpoints = Vec::new();
    while let Some(row) = rows.next()? {
        let signed = from_utf8(bytes(row, 1)?).ok().and_then(|text| SignedCheckpoint::parse(text).ok());
        match signed {
            Some(checkpoint) => checkpoints.push(checkpoint),
            None => {
                let seq = common_row::count(row.get(0)?).unwrap_or_default();
                verifier.refuse_checkpoint(Seq(seq), Reason::CheckpointInvalid);
            }
        }
    }
    Ok(checkpoints)
}

/// What was read, or nothing where it could not be understood.
fn found<T>(read: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Failure::Store(StoreError::Corrupt(_))) => Ok(None),
        Err(why) => Err(why),
    }
}

/// A column's bytes, whatever they are; none for a number, which no column of bytes holds.
fn bytes<'a>(row: &'a rusqlite::Row<'_>, column: usize) -> Result<&'a [u8], Failure> {
    Ok(row.get_ref(column)?.as_bytes().unwrap_or_default())
}
