//! What every load reads, whatever it asks for.

use memoryscope_domain::audit_chain::Head;
use memoryscope_domain::change::IdempotencyRecord;
use memoryscope_domain::limits;
use memoryscope_domain::scope::Partition;
use memoryscope_engine::port::{Load, Select, Snapshot, StoreError};
use tokio_postgres::Row;

use super::error::Failure;
use super::pending::marks;
use super::rights;
use super::value::{Bytes, Value};
use crate::common::row::{self, corrupt};

/// What every load reads, in one row.
pub(super) const FRAME: &str = "
    SELECT (SELECT seq FROM audit_heads WHERE tenant = $1),
           (SELECT hash FROM audit_heads WHERE tenant = $1),
           (SELECT hash FROM active_policy WHERE tenant = $1),
           (SELECT key FROM subject_keys WHERE tenant = $1 AND subject = $2),
           (SELECT document FROM idempotency_keys WHERE tenant = $1 AND client = $3 AND key = $4),
           ARRAY(SELECT s.document FROM unnest($5::bytea[]) AS w (scope) CROSS JOIN LATERAL
                    (SELECT document FROM spiral_artifacts
                     WHERE tenant = $1 AND partition_key = w.scope AND expires > $6 OFFSET 0) AS s),
           ARRAY(SELECT c.subject FROM unnest($7::bytea[]) AS w (subject) CROSS JOIN LATERAL
                    (SELECT subject FROM consents WHERE tenant = $1 AND subject = w.subject OFFSET 0) AS c
                 ORDER BY 1),
           ARRAY(SELECT c.document FROM unnest($7::bytea[]) AS w (subject) CROSS JOIN LATERAL
                    (SELECT subject, document FROM consents WHERE tenant = $1 AND subject = w.subject OFFSET 0) AS c
                 ORDER BY c.subject),
           (SELECT key FROM subject_keys WHERE $8 AND tenant = $1 AND subject = $9),
           $8 AND EXISTS (SELECT 1 FROM suppressions WHERE tenant = $1),
           ARRAY(SELECT k.digest FROM unnest($10::bytea[]) AS w (digest) CROSS JOIN LATERAL
                    (SELECT digest FROM suppressions WHERE tenant = $1 AND digest = w.digest OFFSET 0) AS k),
           ARRAY(SELECT b.document FROM (
               (SELECT id, document FROM bridges WHERE tenant = $1 AND target_key = $11
                AND valid_from_seq <= $13 AND (valid_to_seq IS NULL OR valid_to_seq > $13)
                AND (expires IS NULL OR expires > $6) ORDER BY id LIMIT $14)
               UNION
               (SELECT id, document FROM bridges WHERE tenant = $1 AND source_key = $12
                AND valid_from_seq <= $13 AND (valid_to_seq IS NULL OR valid_to_seq > $13)
                AND (expires IS NULL OR expires > $6) ORDER BY id LIMIT $15)
           ) AS b ORDER BY b.id),
           ARRAY(SELECT id FROM pending_revocations WHERE tenant = $1)";

/// The columns of [`FRAME`], and behind them those of the end of a scan.
pub(super) const FRAME_COLUMNS: usize = 13;
/// Where the bridges stand in it.
const BRIDGES: usize = 11;
/// Where the marks stand in it.
pub(super) const MARKS: usize = 12;

/// The snapshot that a frame is of, without records.
pub(super) fn frame(rows: &[Row], load: &Load) -> Result<Snapshot, Failure> {
    let row = rows.first().ok_or_else(|| corrupt("head"))?;
    let head = match row.try_get(0)? {
        Some(seq) => unless_walking(load, row::head(seq, row.try_get(1)?))?,
        None => Head::GENESIS,
    };
    let key: Option<&[u8]> = row.try_get(3)?;
    let key = key.map(row::audit_key).transpose();
    let record: Option<&str> = row.try_get(4)?;
    let idempotency = record
        .map(serde_json::from_str::<IdempotencyRecord>)
        .transpose()
        .map_err(|_| corrupt("idempotency record"))?;
    let spirals: Vec<&str> = row.try_get(5)?;
    let spirals = spirals.into_iter().map(|text| row::spiral(text, load)).collect::<Result<_, _>>()?;
    let bridges: Vec<&str> = row.try_get(BRIDGES)?;
    let bridges =
        bridges.into_iter().map(|text| row::standing_bridge(text, load)).collect::<Result<_, _>>()?;
    let mut facts = rights::facts(row, load)?;
    facts.has_pending = load.as_of.is_none() && !marks(rows, MARKS)?.is_empty();
    Ok(Snapshot {
        head,
        active_policy: row.try_get(2)?,
        subject: load.subject,
        subject_key: unless_walking(load, key)?,
        idempotency,
        spirals,
        bridges,
        facts,
    })
}

/// A walk of the chain says what is wrong, and is not stopped by a value that cannot be read.
fn unless_walking<T: Default>(load: &Load, read: Result<T, StoreError>) -> Result<T, Failure> {
    let read = read.map_err(Failure::from);
    match load.select {
        Select::Verification => Ok(Failure::unless_unreadable(read)?.unwrap_or_default()),
        _ => read,
    }
}

/// The values of [`FRAME`].
pub(super) fn frame_values(load: &Load) -> Vec<Value<'static>> {
    let key = load.idempotency.as_ref();
    let (client, key) = (key.map(|key| key.client.clone()), key.map(|key| key.key.clone()));
    let tenant = load.tenant.as_str().to_owned();
    let scopes: Vec<Bytes<16>> = load.spirals.iter().map(|partition| Bytes(partition.0)).collect();
    let now = load.now.unix_micros();
    let subject = Box::new(Bytes(load.subject.0));
    let mut values: Vec<Value<'static>> =
        vec![Box::new(tenant), subject, Box::new(client), Box::new(key), Box::new(scopes), Box::new(now)];
    values.extend(rights::values(&load.rights));
    let end = |scope: Option<Partition>| Box::new(scope.map(|scope| Bytes(scope.0)));
    let limit = |ends: usize| Box::new(row::limit(2 * ends));
    values.extend::<[Value<'static>; 5]>([
        end(load.bridges.to),
        end(load.bridges.from),
        Box::new(row::stood_at(load)),
        limit(limits::BRIDGES_TO_MAX),
        limit(limits::BRIDGES_FROM_MAX),
    ]);
    values
}
