//! What there is of a person, and forgetting it.

use std::sync::Arc;

use memoryscope_domain::change::{Forgotten, IdempotencyKey};
use memoryscope_domain::govern::Facts;
use memoryscope_domain::grant::ReadGrant;
use memoryscope_domain::ids::{MemoryId, UserId};
use memoryscope_domain::memory::Memory;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::port::{PersonSelect, With, WithinSelect};
use rusqlite::{Connection, params};

use super::apply::execute;
use super::error::Failure;
use super::load::{View, memory_id};
use super::row::{entry, text};
use crate::common::person::{mark_in_grant, mark_in_private, mark_of_namespace, tags};
use crate::common::row::{self, corrupt};

/// The rows of one tenant between two ids.
const BETWEEN: &str = "
    SELECT id FROM memories
    WHERE tenant = ?1 AND id > ?2 AND id <= ?3 AND state < 4
      AND (partition_key = ?4 OR instr(coalesce(tags, x''), ?5) > 0 OR instr(coalesce(tags, x''), ?6) > 0)
    ORDER BY id";

/// The rows of one tenant between two ids that may be in a namespace.
const WITHIN: &str = "
    SELECT id FROM memories
    WHERE tenant = ?1 AND id > ?2 AND id <= ?3 AND state < 4 AND instr(document, ?4) > 0
    ORDER BY id";

/// Behind every id.
const LAST_ID: [u8; 17] = [0xff; 17];

impl View<'_> {
    /// A walk by the primary key: a person is named in tags of any scope.
    pub(super) fn person(&mut self, select: &PersonSelect, facts: &mut Facts) -> Result<(), Failure> {
        let end = select.scan.map(|scan| self.walk_end(select.after, scan)).transpose()?.flatten();
        facts.scan_end = end.map(|id| (Timestamp::from_unix_micros(0), id));
        let mut found: Vec<Arc<Memory>> = Vec::new();
        for id in self.ids_between(select, end)? {
            let memory = self.memory(id)?.filter(|memory| select.wants(memory));
            if found.len() == select.limit && memory.is_some() {
                facts.more = true;
                break;
            }
            found.extend(memory);
        }
        match select.with {
            With::Nothing => facts.memories = found,
            With::Kin(limit) => {
                for memory in found {
                    let family = self.family(&memory, limit)?;
                    facts.kindred.push((memory, family));
                }
            }
            With::Everything => {
                for memory in &found {
                    facts.earlier.insert(memory.id, self.versions(memory, 0, usize::MAX)?);
                }
                facts.memories = found;
                facts.grants = self.grants_of(&select.user, select.limit.saturating_add(1))?;
                self.entries_about(select, facts)?;
                facts.bridges = self.bridges_of_person(&select.user, select.limit.saturating_add(1))?;
                let longest = facts.grants.len().max(facts.entries.len()).max(facts.bridges.len());
                facts.more |= longest > select.limit;
                facts.grants.truncate(select.limit);
                facts.bridges.truncate(select.limit);
                facts.entries.truncate(select.limit);
            }
        }
        Ok(())
    }

    /// A walk by the primary key: what is in a namespace is in any scope.
    pub(super) fn within(&mut self, select: &WithinSelect, facts: &mut Facts) -> Result<(), Failure> {
        let end = self.walk_end(select.after, select.scan)?;
        facts.scan_end = end.map(|id| (Timestamp::from_unix_micros(0), id));
        for id in self.ids_within(select, end)? {
            let memory = self.memory(id)?.filter(|memory| select.wants(memory));
            if facts.memories.len() == select.limit && memory.is_some() {
                facts.more = true;
                break;
            }
            facts.memories.extend(memory);
        }
        Ok(())
    }

    fn ids_within(&self, select: &WithinSelect, end: Option<MemoryId>) -> Result<Vec<MemoryId>, Failure> {
        let end = end.map_or(LAST_ID.to_vec(), |id| id.uuid().as_bytes().to_vec());
        let mark = mark_of_namespace(&select.namespace);
        let mut statement = self.conn.prepare_cached(WITHIN)?;
        let mut rows =
            statement.query(params![self.load.tenant.as_str(), behind(select.after), end, mark])?;
        let mut ids = Vec::new();
        while let Some(row) = rows.next()? {
            ids.push(memory_id(row, 0)?);
        }
        Ok(ids)
    }

    fn walk_end(&self, after: Option<MemoryId>, scan: usize) -> Result<Option<MemoryId>, Failure> {
        let sql = "SELECT id FROM memories WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT 2 OFFSET ?3";
        let mut statement = self.conn.prepare_cached(sql)?;
        let offset = row::limit(scan.saturating_sub(1));
        let mut rows = statement.query(params![self.load.tenant.as_str(), behind(after), offset])?;
        let Some(last) = rows.next()?.map(|row| memory_id(row, 0)).transpose()? else { return Ok(None) };
        Ok(rows.next()?.map(|_| last))
    }

    fn ids_between(&self, select: &PersonSelect, end: Option<MemoryId>) -> Result<Vec<MemoryId>, Failure> {
        let end = end.map_or(LAST_ID.to_vec(), |id| id.uuid().as_bytes().to_vec());
        let [owner, subject] = tags(&select.user);
        let mut statement = self.conn.prepare_cached(BETWEEN)?;
        let values = params![
            self.load.tenant.as_str(),
            behind(select.after),
            end,
            select.partition().0,
            owner,
            subject
        ];
        let mut rows = statement.query(values)?;
        let mut ids = Vec::new();
        while let Some(row) = rows.next()? {
            ids.push(memory_id(row, 0)?);
        }
        Ok(ids)
    }

    fn entries_about(&self, select: &PersonSelect, facts: &mut Facts) -> Result<(), Failure> {
        let mut statement = self.conn.prepare_cached(
            "SELECT seq, id, prev_hash, hash, text, private FROM audit_events
             WHERE tenant = ?1 AND instr(private, ?2) > 0 ORDER BY seq",
        )?;
        let mut rows = statement.query(params![self.load.tenant.as_str(), mark_in_private(&select.user)])?;
        while let Some(row) = rows.next()? {
            let stored = entry(row)?;
            if select.is_about(&stored) {
                facts.entries.push(stored);
            }
            if facts.entries.len() > select.limit {
                break;
            }
        }
        Ok(())
    }

    /// Of the tenant's grants those that were given for the person.
    fn grants_of(&self, user: &UserId, limit: usize) -> Result<Vec<ReadGrant>, Failure> {
        let mut statement = self.conn.prepare_cached(
            "SELECT document FROM read_grants WHERE tenant = ?1 AND instr(document, ?2) > 0 ORDER BY id",
        )?;
        let mut rows = statement.query(params![self.load.tenant.as_str(), mark_in_grant(user)])?;
        let mut grants = Vec::new();
        while let (Some(row), true) = (rows.next()?, grants.len() < limit) {
            let grant = ReadGrant::read(text(row, 0)?)?;
            if grant.tenant != self.load.tenant {
                return Err(corrupt("grant").into());
            }
            grants.extend(Some(grant).filter(|grant| grant.user == *user));
        }
        Ok(grants)
    }

    pub(super) fn belongings(
        &self,
        user: &UserId,
        after: Option<&IdempotencyKey>,
        limit: usize,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        facts.grants = self.grants_of(user, limit)?;
        facts.bridges = self.bridges_of_person(user, limit)?;
        let mut statement = self.conn.prepare_cached(
            "SELECT document FROM idempotency_keys
             WHERE tenant = ?1 AND (client, key) > (?2, ?3) ORDER BY client, key LIMIT ?4",
        )?;
        let (client, key) = after.map_or(("", ""), |after| (&after.client, &after.key));
        let bound = row::limit(limit.saturating_add(1));
        let mut rows = statement.query(params![self.load.tenant.as_str(), client, key, bound])?;
        while let Some(row) = rows.next()? {
            let record = serde_json::from_str(text(row, 0)?).map_err(|_| corrupt("idempotency record"))?;
            facts.idempotency.push(record);
        }
        facts.more = facts.idempotency.len() > limit;
        facts.idempotency.truncate(limit);
        Ok(())
    }
}

/// Behind which id a listing begins: no id is empty.
fn behind(after: Option<MemoryId>) -> Vec<u8> {
    after.map_or(Vec::new(), |id| id.uuid().as_bytes().to_vec())
}

/// Forgets it; secure deletion zeroes where it stood.
pub(super) fn forget(conn: &Connection, tenant: &str, forgotten: &Forgotten) -> Result<usize, Failure> {
    for id in &forgotten.versions {
        let sql = "UPDATE memory_versions SET document = NULL, body = NULL WHERE tenant = ?1 AND id = ?2";
        execute(conn, sql, params![tenant, id.uuid().as_bytes()])?;
    }
    for id in &forgotten.grants {
        let sql = "DELETE FROM read_grants WHERE tenant = ?1 AND id = ?2";
        execute(conn, sql, params![tenant, id.uuid().as_bytes()])?;
    }
    for id in &forgotten.bridges {
        let sql = "DELETE FROM bridges WHERE tenant = ?1 AND id = ?2";
        execute(conn, sql, params![tenant, id.uuid().as_bytes()])?;
    }
    for key in &forgotten.keys {
        let sql = "DELETE FROM idempotency_keys WHERE tenant = ?1 AND client = ?2 AND key = ?3";
        execute(conn, sql, params![tenant, key.client, key.key])?;
    }
    for seq in &forgotten.entries {
        let sql = "UPDATE audit_events SET private = NULL WHERE tenant = ?1 AND seq = ?2";
        execute(conn, sql, params![tenant, row::whole(seq.0)?])?;
    }
    let Some(last) = &forgotten.last else { return Ok(0) };
    for mark in &last.marks {
        let sql = "UPDATE audit_events SET private = NULL
                   WHERE tenant = ?1 AND seq > ?2 AND instr(private, ?3) > 0";
        execute(conn, sql, params![tenant, row::whole(last.after.0)?, mark])?;
    }
    let sql = "DELETE FROM consents WHERE tenant = ?1 AND subject = ?2";
    execute(conn, sql, params![tenant, last.subject.0])?;
    let sql = "DELETE FROM records WHERE tenant = ?1 AND subject = ?2";
    execute(conn, sql, params![tenant, last.subject.0])?;
    let sql = "DELETE FROM subject_keys WHERE tenant = ?1 AND subject = ?2";
    Ok(execute(conn, sql, params![tenant, last.subject.0])?)
}
