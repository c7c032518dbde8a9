//! What the engine asks for, read in one transaction: everything in an answer is as of one commit.

use std::sync::Arc;

use memoryscope_domain::audit_chain::{Code, Seq, Verification};
use memoryscope_domain::change::{IdempotencyKey, IdempotencyRecord, PolicyDocument};
use memoryscope_domain::govern::{Facts, MemoryView, StoredEntry};
use memoryscope_domain::grant::{ReadGrant, TokenHash};
use memoryscope_domain::ids::{AuditId, MemoryId, TenantId};
use memoryscope_domain::lifecycle::Ancestry;
use memoryscope_domain::memory::{Memory, StoredMemory, SubjectRef};
use memoryscope_domain::policy::Filter;
use memoryscope_domain::scope::Partition;
use memoryscope_domain::spiral::ThoughtPatternArtifact;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::as_of::Listed;
use memoryscope_engine::port::{Due, Load, ObjectSelect, PreferenceSelect, Select, Snapshot, StoreError};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params, params_from_iter};
use uuid::Uuid;

use super::apply::{active_policy, head, one};
use super::cache::Cache;
use super::error::Failure;
use super::filter_sql::Condition;
use super::listing::{OBJECTS, SHELF, object_rows, shelf_rows};
use super::pending::ancestry;
use super::row::{audit_key, blob, entry, text};
use super::walk;
use crate::common::filter::Rows;
use crate::common::packed::VectorCache;
use crate::common::row::{self, corrupt};
use crate::common::walk::verification;

/// A reader's connection and what it remembers.
pub(super) struct Reader {
    pub(super) conn: Connection,
    pub(super) cache: Cache,
    pub(super) vectors: Arc<VectorCache>,
}

impl Reader {
    /// Answers a load, in the transaction that is open, or in one of its own.
    pub(super) fn load(&mut self, load: &Load) -> Result<Snapshot, Failure> {
        self.cache.follow_erasures();
        let Self { conn, cache, vectors } = self;
        let own = if conn.is_autocommit() { Some(conn.unchecked_transaction()?) } else { None };
        let answer = View { conn, cache, vectors, load, ancestry: Ancestry::default() }.snapshot();
        own.map_or(Ok(()), rusqlite::Transaction::finish)?;
        answer
    }

    /// Walks a tenant's chain.
    pub(super) fn verify(&mut self, tenant: &TenantId) -> Result<Verification, StoreError> {
        let found = self.load(&verification(tenant))?.facts.verification;
        found.ok_or_else(|| StoreError::Corrupt("a chain was not walked".to_owned()))
    }

    /// The text of a kept policy.
    pub(super) fn policy(&self, tenant: &TenantId, hash: &str) -> Result<Option<PolicyDocument>, Failure> {
        let sql = "SELECT version, hash, text FROM policies WHERE tenant = ?1 AND hash = ?2";
        one(&self.conn, sql, [tenant.as_str(), hash], |row| {
            Ok(PolicyDocument { version: row.get(0)?, hash: row.get(1)?, text: row.get(2)? })
        })
    }

    /// The tenants that have a chain, from the one behind `after`: a head or entries, whichever was left. The entries'
    /// tenants are skipped through by their key, one look each.
    pub(super) fn tenants(&self, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, Failure> {
        let mut statement = self.conn.prepare_cached(
            "WITH RECURSIVE entered (tenant) AS (
                 SELECT min(tenant) FROM audit_events WHERE tenant > ?1
                 UNION ALL
                 SELECT (SELECT min(e.tenant) FROM audit_events AS e WHERE e.tenant > entered.tenant)
                 FROM entered WHERE entered.tenant IS NOT NULL LIMIT ?2
             )
             SELECT tenant FROM (SELECT tenant FROM audit_heads WHERE tenant > ?1 ORDER BY tenant LIMIT ?2)
             UNION SELECT tenant FROM entered WHERE tenant IS NOT NULL
             ORDER BY tenant LIMIT ?2",
        )?;
        let after = after.map_or("", TenantId::as_str);
        let mut rows = statement.query(params![after, row::limit(limit)])?;
        let mut tenants = Vec::new();
        while let Some(row) = rows.next()? {
            tenants.push(row::tenant(text(row, 0)?)?);
        }
        Ok(tenants)
    }

    /// The tenants that hold something whose time is over. Whoever wrote anything has a head, so the heads are
    /// walked, and each asks three indexes.
    pub(super) fn tenants_due(&self, due: &Due, limit: usize) -> Result<Vec<TenantId>, Failure> {
        let mut statement = self.conn.prepare_cached(
            "SELECT tenant FROM audit_heads AS h
             WHERE EXISTS (SELECT 1 FROM memories AS m WHERE m.tenant = h.tenant
                           AND m.expires IS NOT NULL AND m.state < 4 AND m.expires <= ?1)
                OR EXISTS (SELECT 1 FROM read_grants AS g WHERE g.tenant = h.tenant AND g.expires < ?2)
                OR EXISTS (SELECT 1 FROM idempotency_keys AS i WHERE i.tenant = h.tenant AND i.used < ?3)
             ORDER BY tenant LIMIT ?4",
        )?;
        let mut rows = statement.query(params![
            due.memories_expired_by.unix_micros(),
            due.grants_expired_before.unix_micros(),
            due.idempotency_before.unix_micros(),
            row::limit(limit),
        ])?;
        let mut tenants = Vec::new();
        while let Some(row) = rows.next()? {
            tenants.push(row::tenant(text(row, 0)?)?);
        }
        Ok(tenants)
    }
}

/// One load in its transaction.
pub(super) struct View<'a> {
    pub(super) conn: &'a Connection,
    pub(super) cache: &'a mut Cache,
    pub(super) vectors: &'a VectorCache,
    pub(super) load: &'a Load,
    /// Who is below a mark, as far as it was asked.
    pub(super) ancestry: Ancestry,
}

/// Where a current version stands.
pub(super) struct Found {
    pub(super) rowid: i64,
    pub(super) id: MemoryId,
    pub(super) version: u64,
}

impl View<'_> {
    fn snapshot(mut self) -> Result<Snapshot, Failure> {
        let tenant = &self.load.tenant;
        // The head first: it fixes the snapshot.
        let head = self.unless_walking(head(self.conn, tenant))?;
        let active_policy = active_policy(self.conn, tenant)?;
        // What is looked at as of an earlier commit is decided as it was then.
        if self.load.as_of.is_none() {
            self.ancestry = ancestry(self.conn, tenant)?;
        }
        let idempotency = self.load.idempotency.as_ref();
        let idempotency = idempotency.map(|key| self.idempotency(key)).transpose()?.flatten();
        let mut spirals = Vec::new();
        for partition in &self.load.spirals {
            spirals.extend(self.spiral(*partition)?);
        }
        let bridges = self.bridges_beside()?;
        let mut facts = self.facts()?;
        self.say_what_is_pending(&mut facts)?;
        self.rights(&mut facts)?;
        self.records(&mut facts)?;
        let subject =
            facts.grant.as_ref().map_or(self.load.subject, |grant| SubjectRef::of_user(&grant.user));
        let sql = "SELECT key FROM subject_keys WHERE tenant = ?1 AND subject = ?2";
        let subject_key = one(self.conn, sql, params![tenant.as_str(), subject.0], audit_key);
        let subject_key = self.unless_walking(subject_key)?;
        Ok(Snapshot { head, active_policy, subject, subject_key, idempotency, spirals, bridges, facts })
    }

    /// A walk of the chain says what is wrong, and is not stopped by a value that cannot be read.
    fn unless_walking<T: Default>(&self, read: Result<T, Failure>) -> Result<T, Failure> {
        match self.load.select {
            Select::Verification => Ok(Failure::unless_unreadable(read)?.unwrap_or_default()),
            _ => read,
        }
    }

    fn facts(&mut self) -> Result<Facts, Failure> {
        let mut facts = Facts::default();
        match &self.load.select {
            Select::Nothing => {}
            Select::Preferences(select) => self.preferences(select, &mut facts)?,
            Select::Objects(select) => self.objects(select, &mut facts)?,
            Select::Versions { id, after, limit } => {
                facts.memories.extend(self.version(*id, &mut facts.erased)?);
                if let Some(current) = facts.memories.first() {
                    facts.versions = self.versions(current, *after, limit.saturating_add(1))?;
                }
                facts.more = facts.versions.len() > *limit;
                facts.versions.truncate(*limit);
            }
            Select::Evidence { ids, objects } => {
                for id in ids {
                    facts.evidence.extend(self.version(*id, &mut facts.erased)?);
                }
                self.objects(objects, &mut facts)?;
            }
            Select::Family { id, limit } => {
                if let Some(memory) = self.memory(*id)? {
                    facts.family = self.family(&memory, *limit)?;
                    facts.memories.push(memory);
                }
            }
            Select::Bridges(select) => facts.bridges = self.bridges(select)?,
            Select::Pending { limit } => self.next_mark(*limit, &mut facts)?,
            Select::Person(select) => self.person(select, &mut facts)?,
            Select::Within(select) => self.within(select, &mut facts)?,
            Select::Belongings { user, after, limit } => {
                self.belongings(user, after.as_ref(), *limit, &mut facts)?;
            }
            Select::Memories(ids) => self.named(ids, &mut facts)?,
            Select::Grant { token_hash, memories } => {
                facts.grant = self.grant(token_hash)?;
                if let (Some(grant), Some(bounds)) = (&facts.grant, memories) {
                    let select = PreferenceSelect::of_grant(grant, bounds, self.load.now);
                    self.preferences(&select, &mut facts)?;
                }
            }
            Select::Expired { limit } => self.expired(*limit, &mut facts)?,
            Select::Entries { after, operations, limit } => {
                facts.entries = self.entries(*after, operations, *limit)?;
                facts.more = facts.entries.len() > *limit;
                facts.entries.truncate(*limit);
            }
            Select::Entry(id) => facts.entries.extend(self.entry(*id)?),
            Select::Logged { entry, ids } => {
                facts.entries.extend(self.entry(*entry)?);
                for id in ids {
                    facts.memories.extend(self.memory(*id)?);
                }
            }
            Select::Policies(select) => self.policies(select, &mut facts)?,
            Select::Keyed(select) => self.keyed(select, &mut facts)?,
            Select::Shared { objects, keyed } => {
                self.objects(objects, &mut facts)?;
                facts.add_shared(self.shared(keyed)?);
                self.say_how_near_shared(objects, &mut facts)?;
            }
            Select::Unembedded { model, after, limit } => {
                self.unembedded(*model, *after, *limit, &mut facts)?;
            }
            Select::Schemas(select) => self.schemas(select, &mut facts)?,
            Select::LatestEntry(operation) => facts.entries.extend(self.latest_entry(operation)?),
            Select::Verification => walk::walk(self.conn, &self.load.tenant, &mut facts)?,
        }
        Ok(facts)
    }

    fn named(&mut self, ids: &[MemoryId], facts: &mut Facts) -> Result<(), Failure> {
        for id in ids {
            facts.memories.extend(self.version(*id, &mut facts.erased)?);
        }
        Ok(())
    }

    fn idempotency(&self, key: &IdempotencyKey) -> Result<Option<IdempotencyRecord>, Failure> {
        let sql = "SELECT document FROM idempotency_keys WHERE tenant = ?1 AND client = ?2 AND key = ?3";
        one(self.conn, sql, [self.load.tenant.as_str(), &key.client, &key.key], |row| {
            Ok(serde_json::from_str(text(row, 0)?).map_err(|_| corrupt("idempotency record"))?)
        })
    }

    fn spiral(&self, partition: Partition) -> Result<Option<ThoughtPatternArtifact>, Failure> {
        let sql = "SELECT document FROM spiral_artifacts
                   WHERE tenant = ?1 AND partition_key = ?2 AND expires > ?3";
        let values = params![self.load.tenant.as_str(), partition.0, self.load.now.unix_micros()];
        one(self.conn, sql, values, |row| Ok(row::spiral(text(row, 0)?, self.load)?))
    }

    fn grant(&self, token_hash: &TokenHash) -> Result<Option<ReadGrant>, Failure> {
        let sql = "SELECT document FROM read_grants WHERE tenant = ?1 AND token_hash = ?2";
        let values = params![self.load.tenant.as_str(), token_hash.0];
        let grant = one(self.conn, sql, values, |row| Ok(ReadGrant::read(text(row, 0)?)?))?;
        match grant {
            Some(grant) if grant.tenant != self.load.tenant => Err(corrupt("grant").into()),
            grant => Ok(grant),
        }
    }

    /// Live ones, oldest first. The filter is tested twice: as SQL, so that little is read, and on what was read, so
    /// that the answer is exact.
    fn preferences(&mut self, select: &PreferenceSelect, facts: &mut Facts) -> Result<(), Failure> {
        let rows = shelf_rows(self.load, select);
        let listed = Listed::Preferences(select);
        let former = self.former_of(listed)?;
        facts.scan_end = self.scan_end(&rows, listed, SHELF, &former)?;
        let condition = rows.living(self.load, &self.load.filter, Rows::Shelf, facts.scan_end, SHELF);
        self.list(condition, &self.load.filter, select.limit, facts)?;
        self.add_former(listed, former, facts);
        Ok(())
    }

    /// The latest first, filtered as preferences are.
    pub(super) fn objects_of(&mut self, select: &ObjectSelect, facts: &mut Facts) -> Result<(), Failure> {
        if let Some(keys) = &select.words {
            return self.matched(select, keys, facts);
        }
        let rows = object_rows(self.load, select);
        let listed = Listed::Objects(select);
        let former = self.former_of(listed)?;
        facts.scan_end = self.scan_end(&rows, listed, OBJECTS, &former)?;
        let filter = select.filter(self.load);
        let condition = rows.living(self.load, &filter, Rows::Objects, facts.scan_end, OBJECTS);
        self.list(condition, &filter, select.limit, facts)?;
        self.add_former(listed, former, facts);
        self.say_how_near(select, facts)
    }

    fn list(
        &mut self,
        condition: Condition,
        filter: &Filter,
        limit: usize,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        let conn = self.conn;
        let mut statement = conn.prepare_cached(&condition.sql)?;
        let mut rows = statement.query(params_from_iter(condition.values))?;
        while let Some(row) = rows.next()? {
            let memory = self.fetch(&found(row)?)?;
            let activated: Option<i64> = row.get(3)?;
            if !filter.matches(&MemoryView::stored(&memory, self.load.now)) {
                continue;
            }
            if self.is_pending(memory.id)? {
                continue;
            }
            if facts.memories.len() == limit {
                facts.more = true;
                break;
            }
            if let Some(at) = activated {
                facts.activated.insert(memory.id, Timestamp::from_unix_micros(at));
            }
            facts.memories.push(memory);
        }
        Ok(())
    }

    /// The versions before the current one, oldest first. What was erased is what the tombstone in its place says.
    pub(super) fn versions(
        &self,
        current: &Memory,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Arc<Memory>>, Failure> {
        let mut statement = self.conn.prepare_cached(
            "SELECT version, state, document, body FROM memory_versions
             WHERE tenant = ?1 AND id = ?2 AND version > ?3 AND version < ?5 ORDER BY version LIMIT ?4",
        )?;
        let (tenant, after) = (self.load.tenant.as_str(), row::whole(after).unwrap_or(i64::MAX));
        let (id, limit, before) = (current.id.uuid(), row::limit(limit), row::whole(current.version)?);
        let mut rows = statement.query(params![tenant, id.as_bytes(), after, limit, before])?;
        let mut versions = Vec::new();
        while let Some(row) = rows.next()? {
            let stored = match (row.get_ref(2)?, row.get_ref(3)?) {
                (ValueRef::Null, ValueRef::Null) => None,
                _ => Some(StoredMemory::read(text(row, 2)?, blob(row, 3)?)?),
            };
            let version = row::earlier(current, row.get(0)?, row.get(1)?, stored)?;
            versions.push(Arc::new(version));
        }
        Ok(versions)
    }

    pub(super) fn memory(&mut self, id: MemoryId) -> Result<Option<Arc<Memory>>, Failure> {
        let sql = "SELECT rowid, id, version FROM memories WHERE tenant = ?1 AND id = ?2";
        let found = one(self.conn, sql, params![self.load.tenant.as_str(), id.uuid().as_bytes()], found)?;
        found.map(|found| self.fetch(&found)).transpose()
    }

    fn expired(&mut self, limit: usize, facts: &mut Facts) -> Result<(), Failure> {
        let conn = self.conn;
        let mut statement = conn.prepare_cached(
            "SELECT rowid, id, version FROM memories
             WHERE tenant = ?1 AND expires IS NOT NULL AND state < 4 AND expires <= ?2
             ORDER BY expires, id LIMIT ?3",
        )?;
        let now = self.load.now.unix_micros();
        let bound = row::limit(limit.saturating_add(1));
        let mut rows = statement.query(params![self.load.tenant.as_str(), now, bound])?;
        while let Some(row) = rows.next()? {
            if facts.memories.len() == limit {
                facts.more = true;
                break;
            }
            facts.memories.push(self.fetch(&found(row)?)?);
        }
        Ok(())
    }

    /// A current version, from the cache or from its row.
    pub(super) fn fetch(&mut self, found: &Found) -> Result<Arc<Memory>, Failure> {
        let tenant = &self.load.tenant;
        if let Some(memory) = self.cache.get(tenant, found.id, found.version) {
            return Ok(memory);
        }
        let sql = "SELECT document, body FROM memories WHERE tenant = ?1 AND rowid = ?2";
        let read = one(self.conn, sql, params![tenant.as_str(), found.rowid], |row| {
            let (document, body) = (text(row, 0)?, blob(row, 1)?);
            Ok((StoredMemory::read(document, body)?, document.len() + body.len()))
        })?;
        let (memory, bytes) = read.ok_or_else(|| corrupt("memory"))?;
        // A row that was copied to another place must not be believed.
        if memory.tenant != *tenant || memory.id != found.id || memory.version != found.version {
            return Err(corrupt("memory").into());
        }
        let memory = Arc::new(memory);
        self.cache.put(&memory, bytes);
        Ok(memory)
    }

    fn entries(&self, after: Seq, operations: &[Code], limit: usize) -> Result<Vec<StoredEntry>, Failure> {
        let mut sql = "SELECT seq, id, prev_hash, hash, text, private FROM audit_events
                       WHERE tenant = ? AND seq > ?"
            .to_owned();
        let after = row::whole(after.0).unwrap_or(i64::MAX);
        let mut values = vec![Value::Text(self.load.tenant.as_str().to_owned()), Value::Integer(after)];
        if !operations.is_empty() {
            sql.push_str(" AND operation IN (");
            for (at, operation) in operations.iter().enumerate() {
                sql.push_str(if at > 0 { ",?" } else { "?" });
                values.push(Value::Text(operation.as_str().to_owned()));
            }
            sql.push(')');
        }
        sql.push_str(" ORDER BY seq LIMIT ?");
        values.push(Value::Integer(row::limit(limit.saturating_add(1))));
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            entries.push(entry(row)?);
        }
        Ok(entries)
    }

    fn entry(&self, id: AuditId) -> Result<Option<StoredEntry>, Failure> {
        let sql =
            "SELECT seq, id, prev_hash, hash, text, private FROM audit_events WHERE tenant = ?1 AND id = ?2";
        one(self.conn, sql, params![self.load.tenant.as_str(), id.uuid().as_bytes()], entry)
    }
}

pub(super) fn found(row: &rusqlite::Row<'_>) -> Result<Found, Failure> {
    Ok(Found { rowid: row.get(0)?, id: memory_id(row, 1)?, version: row::count(row.get(2)?)? })
}

/// A memory's id from its column.
pub(super) fn memory_id(row: &rusqlite::Row<'_>, column: usize) -> Result<MemoryId, Failure> {
    let id = Uuid::from_slice(blob(row, column)?).map_err(|_| corrupt("memory id"))?;
    Ok(MemoryId::from_uuid(id))
}
