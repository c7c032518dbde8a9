//! What one change set does inside the writer's transaction: first everything is compared, then everything is written.

use std::collections::BTreeMap;

use memoryscope_domain::audit_chain::{Hash32, Head, Seq, SignedCheckpoint, link};
use memoryscope_domain::change::{Expect, PolicyDocument};
use memoryscope_domain::ids::{BridgeId, GrantId, MemoryId, TenantId};
use memoryscope_domain::memory::SubjectRef;
use memoryscope_engine::port::{Receipt, StoreError};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::error::Failure;
use super::rights::{consent_version, keep_consent, suppress};
use crate::common::conflict::{
    BRIDGE, BRIDGE_ID, CHECKPOINT, CHILDREN, CONSENT, GRANT, GRANT_TOKEN, IDEMPOTENCY_KEY, MEMORY, MEMORY_ID,
    POLICY, RECORD, SCHEMA, SCHEMA_ID, SUBJECT_KEY,
};
use crate::common::prepare::{GrantRow, IdempotencyRow, MemoryRow, Prepared, SpiralRow, Step};
use crate::common::row::{self, corrupt};

/// The change sets of one transaction.
pub(super) struct Batch<'c> {
    conn: &'c Connection,
    tenants: BTreeMap<TenantId, TenantState>,
}

/// What is read once per tenant and transaction.
struct TenantState {
    head: Head,
    active_policy: Option<String>,
    moved: bool,
}

impl<'c> Batch<'c> {
    /// In a transaction that has begun.
    pub(super) const fn new(conn: &'c Connection) -> Self {
        Self { conn, tenants: BTreeMap::new() }
    }

    /// Applies a change set. The inner error is the change set's own: nothing of it was written. The outer one
    /// spoils the transaction.
    pub(super) fn apply(&mut self, set: &Prepared) -> Result<Result<Receipt, StoreError>, Failure> {
        let conn = self.conn;
        let state = self.tenant(&set.tenant)?;
        match check(conn, set, state) {
            Ok(()) => {}
            Err(Failure::Store(why)) => return Ok(Err(why)),
            Err(why @ Failure::Engine(_)) => return Err(why),
        }
        let entry = link(&state.head, &set.entry);
        for step in &set.steps {
            write(conn, &set.tenant, entry.seq, step)?;
            if let Step::ActivatePolicy(hash) = step {
                state.active_policy = Some(hash.clone());
            }
        }
        execute(
            conn,
            "INSERT INTO audit_events (tenant, seq, id, operation, prev_hash, hash, text, private)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                set.tenant.as_str(),
                row::whole(entry.seq.0)?,
                entry.id.uuid().as_bytes(),
                set.entry.operation.as_str(),
                entry.prev_hash.0,
                entry.hash.0,
                entry.text,
                set.private.as_str(),
            ],
        )?;
        state.head = entry.head();
        state.moved = true;
        Ok(Ok(Receipt { seq: entry.seq }))
    }

    /// Writes the heads: the last thing before the commit.
    pub(super) fn finish(self) -> Result<(), Failure> {
        for (tenant, state) in self.tenants.iter().filter(|(_, state)| state.moved) {
            execute(
                self.conn,
                "INSERT INTO audit_heads (tenant, seq, hash) VALUES (?1, ?2, ?3)
                 ON CONFLICT (tenant) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
                params![tenant.as_str(), row::whole(state.head.seq.0)?, state.head.hash.0],
            )?;
        }
        Ok(())
    }

    fn tenant(&mut self, tenant: &TenantId) -> Result<&mut TenantState, Failure> {
        if !self.tenants.contains_key(tenant) {
            let state = TenantState {
                head: head(self.conn, tenant)?,
                active_policy: active_policy(self.conn, tenant)?,
                moved: false,
            };
            self.tenants.insert(tenant.clone(), state);
        }
        let state = self.tenants.get_mut(tenant);
        state.ok_or_else(|| StoreError::Corrupt("a tenant's state was lost".to_owned()).into())
    }
}

/// The tenant's head.
pub(super) fn head(conn: &Connection, tenant: &TenantId) -> Result<Head, Failure> {
    let sql = "SELECT seq, hash FROM audit_heads WHERE tenant = ?1";
    Ok(one(conn, sql, [tenant.as_str()], super::row::head)?.unwrap_or_default())
}

/// The hash of the tenant's active policy.
pub(super) fn active_policy(conn: &Connection, tenant: &TenantId) -> Result<Option<String>, Failure> {
    let sql = "SELECT hash FROM active_policy WHERE tenant = ?1";
    one(conn, sql, [tenant.as_str()], |row| Ok(row.get(0)?))
}

/// The first row of a statement that is prepared once.
pub(super) fn one<T>(
    conn: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    rows.next()?.map(read).transpose()
}

pub(super) fn execute(conn: &Connection, sql: &str, values: impl Params) -> rusqlite::Result<usize> {
    conn.prepare_cached(sql)?.execute(values)
}

pub(super) fn exists(conn: &Connection, sql: &str, values: impl Params) -> rusqlite::Result<bool> {
    conn.prepare_cached(sql)?.exists(values)
}

fn hold(holds: bool, what: &'static str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(StoreError::Conflict(what).into()) }
}

/// Compares everything that the change set expects, said or implied.
fn check(conn: &Connection, set: &Prepared, state: &TenantState) -> Result<(), Failure> {
    let tenant = set.tenant.as_str();
    for expect in &set.expects {
        match expect {
            Expect::ActivePolicy(hash) => hold(*hash == state.active_policy, POLICY)?,
            Expect::Memory { id, version } => {
                hold(memory_version(conn, tenant, *id)? == Some(row::whole(*version)?), MEMORY)?;
            }
            Expect::Children { parent, count } => {
                hold(children_of(conn, tenant, *parent)? == row::whole(*count)?, CHILDREN)?;
            }
            Expect::Grant { id, version } => {
                hold(grant_version(conn, tenant, *id)? == Some(row::whole(*version)?), GRANT)?;
            }
            Expect::NoSubjectKey(subject) => hold(!has_subject_key(conn, tenant, *subject)?, SUBJECT_KEY)?,
            Expect::SubjectKey { subject, mark } => {
                let sql = "SELECT key FROM subject_keys WHERE tenant = ?1 AND subject = ?2";
                let key = one(conn, sql, params![tenant, subject.0], super::row::audit_key)?;
                hold(key.is_some_and(|key| key.mark() == *mark), SUBJECT_KEY)?;
            }
            Expect::Consent { subject, version } => {
                hold(consent_version(conn, tenant, *subject)? == row::whole(*version)?, CONSENT)?;
            }
            Expect::Record { kind, id, version } => {
                let stands_at = super::records::version(conn, tenant, kind.name(), id)?;
                hold(stands_at == row::whole(*version)?, RECORD)?;
            }
            Expect::NoIdempotencyKey(key) => {
                hold(!has_idempotency_key(conn, tenant, &key.client, &key.key)?, IDEMPOTENCY_KEY)?;
            }
        }
    }
    set.steps.iter().try_for_each(|step| check_step(conn, tenant, step))
}

/// What a change implies: an insertion that the record is absent, a replacement that the version before it stands.
fn check_step(conn: &Connection, tenant: &str, step: &Step) -> Result<(), Failure> {
    match step {
        Step::InsertMemory(memory) => hold(memory_version(conn, tenant, memory.id)?.is_none(), MEMORY_ID),
        Step::ReplaceMemory(memory) | Step::EraseMemory(memory) => {
            hold(memory_version(conn, tenant, memory.id)? == Some(memory.version - 1), MEMORY)
        }
        Step::InsertGrant(grant) => {
            hold(grant_version(conn, tenant, grant.id)?.is_none(), GRANT_TOKEN)?;
            let sql = "SELECT 1 FROM read_grants WHERE tenant = ?1 AND token_hash = ?2";
            hold(!exists(conn, sql, params![tenant, grant.token_hash])?, GRANT_TOKEN)
        }
        Step::ReplaceGrant(grant) => {
            hold(grant_version(conn, tenant, grant.id)? == Some(grant.version - 1), GRANT)
        }
        Step::InsertSubjectKey(subject, _) => hold(!has_subject_key(conn, tenant, *subject)?, SUBJECT_KEY),
        Step::InsertIdempotency(record) => {
            hold(!has_idempotency_key(conn, tenant, &record.client, &record.key)?, IDEMPOTENCY_KEY)
        }
        Step::KeepConsent(consent) => {
            hold(consent_version(conn, tenant, consent.subject)? == consent.version - 1, CONSENT)
        }
        Step::KeepRecord(record) => {
            let stands_at = super::records::version(conn, tenant, record.kind, &record.id)?;
            hold(stands_at == record.version - 1, RECORD)
        }
        Step::InsertSchema(schema) => {
            hold(super::keyed::schema_version(conn, tenant, schema.id)?.is_none(), SCHEMA_ID)
        }
        Step::ReplaceSchema(schema) => {
            let stands_at = super::keyed::schema_version(conn, tenant, schema.id)?;
            hold(stands_at == Some(schema.version - 1), SCHEMA)
        }
        Step::TouchSeeds { .. }
        | Step::Suppress(_)
        | Step::Forget(_)
        | Step::KeepVectors(_)
        | Step::KeepPolicy(_)
        | Step::ActivatePolicy(_)
        | Step::ForgetIdempotencyBefore(_)
        | Step::ForgetGrantsExpiredBefore(_)
        | Step::InsertSpiral(_)
        | Step::ForgetSpiral(_)
        | Step::MarkPending(_)
        | Step::UnmarkPending(_)
        | Step::ForgetRecord { .. } => Ok(()),
        Step::InsertBridge(bridge) => hold(bridge_stands(conn, tenant, bridge.id)?.is_none(), BRIDGE_ID),
        Step::RemoveBridge(bridge) => hold(bridge_stands(conn, tenant, bridge.id)? == Some(true), BRIDGE),
        Step::InsertCheckpoint { follows, .. } => {
            hold(last_checkpoint(conn, tenant)? == *follows, CHECKPOINT)
        }
    }
}

/// The hash of the newest checkpoint. One that cannot be read is followed by none.
fn last_checkpoint(conn: &Connection, tenant: &str) -> Result<Option<Hash32>, Failure> {
    let sql = "SELECT text FROM checkpoints WHERE tenant = ?1 ORDER BY number DESC LIMIT 1";
    let mut statement = conn.prepare_cached(sql)?;
    let text: Option<String> = statement.query_row([tenant], |row| row.get(0)).optional()?;
    let Some(text) = text else { return Ok(None) };
    let signed = SignedCheckpoint::parse(&text).map_err(|_| corrupt("checkpoint"))?;
    Ok(Some(signed.checkpoint.hash()))
}

pub(super) fn version(
    conn: &Connection,
    sql: &str,
    tenant: &str,
    id: &[u8; 16],
) -> Result<Option<i64>, Failure> {
    let mut statement = conn.prepare_cached(sql)?;
    Ok(statement.query_row(params![tenant, id], |row| row.get(0)).optional()?)
}

fn memory_version(conn: &Connection, tenant: &str, id: MemoryId) -> Result<Option<i64>, Failure> {
    let sql = "SELECT version FROM memories WHERE tenant = ?1 AND id = ?2";
    version(conn, sql, tenant, id.uuid().as_bytes())
}

fn children_of(conn: &Connection, tenant: &str, parent: MemoryId) -> rusqlite::Result<i64> {
    let sql = "SELECT count(*) FROM links WHERE tenant = ?1 AND parent = ?2";
    conn.prepare_cached(sql)?.query_row(params![tenant, parent.uuid().as_bytes()], |row| row.get(0))
}

fn grant_version(conn: &Connection, tenant: &str, id: GrantId) -> Result<Option<i64>, Failure> {
    let sql = "SELECT version FROM read_grants WHERE tenant = ?1 AND id = ?2";
    version(conn, sql, tenant, id.uuid().as_bytes())
}

/// Whether a bridge stands, where there is or was one.
fn bridge_stands(conn: &Connection, tenant: &str, id: BridgeId) -> Result<Option<bool>, Failure> {
    let sql = "SELECT valid_to_seq IS NULL FROM bridges WHERE tenant = ?1 AND id = ?2";
    let stands = |row: &Row<'_>| row.get(0);
    Ok(conn.prepare_cached(sql)?.query_row(params![tenant, id.uuid().as_bytes()], stands).optional()?)
}

fn has_subject_key(conn: &Connection, tenant: &str, subject: SubjectRef) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM subject_keys WHERE tenant = ?1 AND subject = ?2";
    exists(conn, sql, params![tenant, subject.0])
}

fn has_idempotency_key(conn: &Connection, tenant: &str, client: &str, key: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM idempotency_keys WHERE tenant = ?1 AND client = ?2 AND key = ?3";
    exists(conn, sql, [tenant, client, key])
}

/// Writes one change under the commit's number.
fn write(conn: &Connection, tenant: &TenantId, seq: Seq, step: &Step) -> Result<(), Failure> {
    let tenant = tenant.as_str();
    let seq = row::whole(seq.0)?;
    match step {
        Step::InsertMemory(memory) => insert_memory(conn, tenant, seq, memory)?,
        Step::ReplaceMemory(memory) => replace_memory(conn, tenant, seq, memory)?,
        Step::EraseMemory(memory) => erase_memory(conn, tenant, seq, memory)?,
        Step::TouchSeeds { ids, at } => touch_seeds(conn, tenant, ids, *at)?,
        Step::InsertGrant(grant) => write_grant(conn, INSERT_GRANT, tenant, grant)?,
        Step::ReplaceGrant(grant) => write_grant(conn, UPDATE_GRANT, tenant, grant)?,
        Step::InsertSubjectKey(subject, key) => {
            let sql = "INSERT INTO subject_keys (tenant, subject, key) VALUES (?1, ?2, ?3)";
            execute(conn, sql, params![tenant, subject.0, key.expose()])?
        }
        Step::KeepPolicy(policy) => keep_policy(conn, tenant, policy)?,
        Step::ActivatePolicy(hash) => {
            let sql = "INSERT INTO active_policy (tenant, hash) VALUES (?1, ?2)
                       ON CONFLICT (tenant) DO UPDATE SET hash = excluded.hash";
            execute(conn, sql, params![tenant, hash])?
        }
        Step::InsertIdempotency(record) => insert_idempotency(conn, tenant, record)?,
        Step::ForgetIdempotencyBefore(time) => execute(
            conn,
            "DELETE FROM idempotency_keys WHERE tenant = ?1 AND used < ?2",
            params![tenant, time],
        )?,
        Step::ForgetGrantsExpiredBefore(time) => execute(
            conn,
            "DELETE FROM read_grants WHERE tenant = ?1 AND expires < ?2",
            params![tenant, time],
        )?,
        Step::InsertSpiral(spiral) => insert_spiral(conn, tenant, spiral)?,
        Step::ForgetSpiral(partition) => {
            let sql = "DELETE FROM spiral_artifacts WHERE tenant = ?1 AND partition_key = ?2";
            execute(conn, sql, params![tenant, partition])?
        }
        Step::InsertBridge(bridge) => super::bridges::insert(conn, tenant, seq, bridge)?,
        Step::RemoveBridge(bridge) => super::bridges::remove(conn, tenant, seq, bridge)?,
        Step::MarkPending(mark) => super::pending::mark(conn, tenant, mark)?,
        Step::UnmarkPending(id) => super::pending::unmark(conn, tenant, *id)?,
        Step::KeepConsent(consent) => keep_consent(conn, tenant, consent)?,
        Step::Suppress(digests) => suppress(conn, tenant, digests)?,
        Step::InsertSchema(schema) | Step::ReplaceSchema(schema) => {
            super::keyed::write_schema(conn, tenant, schema)?
        }
        Step::KeepRecord(record) => super::records::keep(conn, tenant, record)?,
        Step::ForgetRecord { kind, id } => super::records::forget(conn, tenant, kind.name(), id)?,
        Step::KeepVectors(vectors) => super::vectors::keep(conn, tenant, seq, vectors)?,
        Step::Forget(forgotten) => super::person::forget(conn, tenant, forgotten)?,
        Step::InsertCheckpoint { seq, text, .. } => {
            let sql = "INSERT INTO checkpoints (tenant, number, seq, text)
                       SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3 FROM checkpoints WHERE tenant = ?1";
            execute(conn, sql, params![tenant, seq, text])?
        }
    };
    Ok(())
}

const INSERT_MEMORY: &str = "
    INSERT INTO memories (tenant, id, version, valid_from_seq, partition_key, type, kind, domain_key, state,
                          created, expires, document, body, occurred, facets, words, tags, conversation)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";

const UPDATE_MEMORY: &str = "
    UPDATE memories SET version = ?3, valid_from_seq = ?4, partition_key = ?5, type = ?6, kind = ?7,
                        domain_key = ?8, state = ?9, created = ?10, expires = ?11, document = ?12, body = ?13,
                        occurred = ?14, facets = ?15, words = ?16, tags = ?17, conversation = ?18,
                        activated = CASE WHEN ?9 = 4 THEN NULL ELSE activated END
    WHERE tenant = ?1 AND id = ?2";

const INSERT_GRANT: &str = "
    INSERT INTO read_grants (tenant, id, token_hash, version, expires, document)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const UPDATE_GRANT: &str = "
    UPDATE read_grants SET token_hash = ?3, version = ?4, expires = ?5, document = ?6
    WHERE tenant = ?1 AND id = ?2";

/// Inserts or updates: both statements take the row's values in one order.
fn write_memory(
    conn: &Connection,
    sql: &str,
    tenant: &str,
    seq: i64,
    memory: &MemoryRow,
) -> rusqlite::Result<usize> {
    execute(
        conn,
        sql,
        params![
            tenant,
            memory.id.uuid().as_bytes(),
            memory.version,
            seq,
            memory.partition,
            memory.memory_type,
            memory.kind,
            memory.domain_key,
            memory.state,
            memory.created,
            memory.expires,
            memory.stored.document,
            memory.stored.body,
            memory.occurred,
            memory.facets,
            memory.keys.words,
            memory.keys.tags,
            memory.keys.conversation,
        ],
    )
}

/// With what it was derived from.
fn insert_memory(conn: &Connection, tenant: &str, seq: i64, memory: &MemoryRow) -> rusqlite::Result<usize> {
    for link in &memory.links {
        execute(
            conn,
            "INSERT INTO links (tenant, parent, child, kind, transform) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                tenant,
                link.parent.uuid().as_bytes(),
                memory.id.uuid().as_bytes(),
                link.kind,
                link.transform
            ],
        )?;
    }
    super::keyed::insert_keys(conn, tenant, memory)?;
    write_memory(conn, INSERT_MEMORY, tenant, seq, memory)
}

fn replace_memory(conn: &Connection, tenant: &str, seq: i64, memory: &MemoryRow) -> rusqlite::Result<usize> {
    execute(
        conn,
        "INSERT INTO memory_versions
             (tenant, id, version, valid_from_seq, valid_to_seq, state, document, body, partition_key)
         SELECT tenant, id, version, valid_from_seq, ?3, state, document, body, partition_key
         FROM memories WHERE tenant = ?1 AND id = ?2",
        params![tenant, memory.id.uuid().as_bytes(), seq],
    )?;
    super::keyed::replace_keys(conn, tenant, memory)?;
    super::vectors::drop_unless_of(conn, tenant, seq, memory)?;
    write_memory(conn, UPDATE_MEMORY, tenant, seq, memory)
}

/// Nothing of any version's content stays, nor from what it was derived; secure deletion zeroes where it stood.
fn erase_memory(conn: &Connection, tenant: &str, seq: i64, memory: &MemoryRow) -> rusqlite::Result<usize> {
    execute(
        conn,
        "DELETE FROM links WHERE tenant = ?1 AND child = ?2",
        params![tenant, memory.id.uuid().as_bytes()],
    )?;
    execute(
        conn,
        "UPDATE memory_versions SET document = NULL, body = NULL WHERE tenant = ?1 AND id = ?2",
        params![tenant, memory.id.uuid().as_bytes()],
    )?;
    execute(
        conn,
        "INSERT INTO memory_versions (tenant, id, version, valid_from_seq, valid_to_seq, state, partition_key)
         SELECT tenant, id, version, valid_from_seq, ?3, state, partition_key
         FROM memories WHERE tenant = ?1 AND id = ?2",
        params![tenant, memory.id.uuid().as_bytes(), seq],
    )?;
    super::keyed::replace_keys(conn, tenant, memory)?;
    super::records::forget_opinions(conn, tenant, memory.id)?;
    super::vectors::drop_unless_of(conn, tenant, seq, memory)?;
    write_memory(conn, UPDATE_MEMORY, tenant, seq, memory)
}

/// Beside what stands there; a tombstone (state 4) keeps nothing.
fn touch_seeds(conn: &Connection, tenant: &str, ids: &[MemoryId], at: i64) -> rusqlite::Result<usize> {
    let sql = "UPDATE memories SET activated = ?3 WHERE tenant = ?1 AND id = ?2 AND state < 4";
    ids.iter()
        .try_fold(0, |rows, id| Ok(rows + execute(conn, sql, params![tenant, id.uuid().as_bytes(), at])?))
}

/// Inserts or updates, as [`write_memory`].
fn write_grant(conn: &Connection, sql: &str, tenant: &str, grant: &GrantRow) -> rusqlite::Result<usize> {
    let id = grant.id.uuid();
    execute(
        conn,
        sql,
        params![tenant, id.as_bytes(), grant.token_hash, grant.version, grant.expires, grant.document],
    )
}

/// One text has one hash: another text under it is a damaged one, which keeping it again repairs.
fn keep_policy(conn: &Connection, tenant: &str, policy: &PolicyDocument) -> rusqlite::Result<usize> {
    execute(
        conn,
        "INSERT INTO policies (tenant, hash, version, text) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant, hash) DO UPDATE SET version = excluded.version, text = excluded.text
         WHERE text IS NOT excluded.text",
        params![tenant, policy.hash, policy.version, policy.text],
    )
}

fn insert_idempotency(conn: &Connection, tenant: &str, record: &IdempotencyRow) -> rusqlite::Result<usize> {
    execute(
        conn,
        "INSERT INTO idempotency_keys (tenant, client, key, used, document) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![tenant, record.client, record.key, record.used, record.document],
    )
}

/// A newer one takes the place of its scope's last.
fn insert_spiral(conn: &Connection, tenant: &str, spiral: &SpiralRow) -> rusqlite::Result<usize> {
    execute(
        conn,
        "INSERT INTO spiral_artifacts (tenant, partition_key, id, expires, document) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (tenant, partition_key) DO UPDATE
         SET id = excluded.id, expires = excluded.expires, document = excluded.document",
        params![tenant, spiral.partition, spiral.id.uuid().as_bytes(), spiral.expires, spiral.document],
    )
}
