//! What has not followed yet: who is below a mark, and what is to follow next.

use std::collections::BTreeSet;

use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::{MemoryId, TenantId};
use memoryscope_domain::lifecycle::{Ancestry, Family, Following, Kin, PAGES, PendingMark};
use memoryscope_domain::memory::Memory;
use rusqlite::{Connection, params};

use super::apply::execute;
use super::error::Failure;
use super::load::{Reader, View, memory_id};
use super::row::text;
use crate::common::row;

/// The kinds of links: what a client says follows, and what we computed.
const ASSERTED: i64 = 0;
const COMPUTED: i64 = 1;

/// The tenant's marks.
pub(super) fn ancestry(conn: &Connection, tenant: &TenantId) -> Result<Ancestry, Failure> {
    let mut statement = conn.prepare_cached("SELECT id FROM pending_revocations WHERE tenant = ?1")?;
    let mut rows = statement.query([tenant.as_str()])?;
    let mut marks = BTreeSet::new();
    while let Some(row) = rows.next()? {
        marks.insert(memory_id(row, 0)?);
    }
    Ok(Ancestry::new(marks))
}

impl View<'_> {
    /// Whether a memory is below a mark.
    pub(super) fn is_pending(&mut self, id: MemoryId) -> Result<bool, Failure> {
        if self.ancestry.is_free() {
            return Ok(false);
        }
        self.ancestry.ask([id]);
        while let Some(generation) = self.ancestry.generation() {
            for id in generation {
                let sql = "SELECT parent FROM links WHERE tenant = ?1 AND child = ?2";
                let parents = self.ids(sql, params![self.load.tenant.as_str(), id.uuid().as_bytes()])?;
                self.ancestry.add(id, parents);
            }
        }
        Ok(self.ancestry.is_below(id))
    }

    /// Who is below a mark, of the memories that a load asks for by name.
    pub(super) fn say_what_is_pending(&mut self, facts: &mut Facts) -> Result<(), Failure> {
        if self.ancestry.is_free() {
            return Ok(());
        }
        facts.has_pending = true;
        let named: Vec<MemoryId> =
            facts.memories.iter().chain(&facts.evidence).map(|memory| memory.id).collect();
        for id in named {
            if self.is_pending(id)? {
                facts.pending.insert(id);
            }
        }
        if let Some(begun) = facts.memories.first() {
            let sql = "SELECT 1 FROM pending_revocations WHERE tenant = ?1 AND root = ?2 LIMIT 1";
            let id = begun.id.uuid();
            let values = params![self.load.tenant.as_str(), id.as_bytes()];
            facts.is_unfinished = self.conn.prepare_cached(sql)?.exists(values)?;
        }
        Ok(())
    }

    /// The first mark, and a page of what is below it.
    pub(super) fn next_mark(&mut self, limit: usize, facts: &mut Facts) -> Result<(), Failure> {
        let Some((mark, more)) = self.first_mark()? else { return Ok(()) };
        facts.more = more;
        let mut reached = None;
        if let Some(memory) = self.memory(mark.id)? {
            (facts.family, reached) = self.page(&memory, mark, limit)?;
            facts.memories.push(memory);
        }
        facts.following = Some(Following { mark, reached });
        Ok(())
    }

    fn first_mark(&self) -> Result<Option<(PendingMark, bool)>, Failure> {
        let sql = "SELECT id, root, after FROM pending_revocations WHERE tenant = ?1 ORDER BY id LIMIT 2";
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query([self.load.tenant.as_str()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let after = match row.get_ref(2)? {
            rusqlite::types::ValueRef::Null => None,
            _ => Some(memory_id(row, 2)?),
        };
        let mark = PendingMark { id: memory_id(row, 0)?, root: memory_id(row, 1)?, after };
        Ok(Some((mark, rows.next()?.is_some())))
    }

    fn page(
        &mut self,
        memory: &Memory,
        mark: PendingMark,
        limit: usize,
    ) -> Result<(Family, Option<MemoryId>), Failure> {
        if mark.after.is_none() {
            let whole = self.walked(Kin::of(memory.id, limit))?;
            if !whole.is_partial() {
                return Ok((self.family_of(whole, memory)?, None));
            }
            let computed = self.children_by(memory.id, COMPUTED, PendingMark::FIRST, usize::MAX)?;
            if !computed.is_empty() {
                let kin = self.walked(Kin::page(memory.id, computed.clone(), true, limit))?;
                let kin = if kin.is_partial() { Kin::alone(memory.id, computed, true) } else { kin };
                return Ok((self.family_of(kin, memory)?, Some(PendingMark::FIRST)));
            }
        }
        let after = mark.after.unwrap_or(PendingMark::FIRST);
        for size in PAGES {
            let mut children = self.children_by(memory.id, ASSERTED, after, size + 1)?;
            let more = children.len() > size;
            children.truncate(size);
            let reached = children.last().copied().filter(|_| more);
            let kin = self.walked(Kin::page(memory.id, children.clone(), false, limit))?;
            if !kin.is_partial() {
                return Ok((self.family_of(kin, memory)?, reached));
            }
            if size == 1 {
                let alone = Kin::alone(memory.id, children, false);
                return Ok((self.family_of(alone, memory)?, reached));
            }
        }
        Ok((Family::default(), None))
    }

    fn children_by(
        &self,
        parent: MemoryId,
        kind: i64,
        after: MemoryId,
        limit: usize,
    ) -> Result<Vec<MemoryId>, Failure> {
        let sql = "SELECT child FROM links WHERE tenant = ?1 AND parent = ?2 AND child > ?3 AND kind = ?4
                   ORDER BY child LIMIT ?5";
        let (tenant, parent, after) = (self.load.tenant.as_str(), parent.uuid(), after.uuid());
        self.ids(sql, params![tenant, parent.as_bytes(), after.as_bytes(), kind, row::limit(limit)])
    }
}

impl Reader {
    /// The tenants that have marks, skipped through by the key, one look each.
    pub(super) fn tenants_pending(
        &self,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, Failure> {
        let mut statement = self.conn.prepare_cached(
            "WITH RECURSIVE marked (tenant) AS (
                 SELECT min(tenant) FROM pending_revocations WHERE tenant > ?1
                 UNION ALL
                 SELECT (SELECT min(p.tenant) FROM pending_revocations AS p WHERE p.tenant > marked.tenant)
                 FROM marked WHERE marked.tenant IS NOT NULL LIMIT ?2
             )
             SELECT tenant FROM marked WHERE tenant IS NOT NULL ORDER BY tenant LIMIT ?2",
        )?;
        let after = after.map_or("", TenantId::as_str);
        let mut rows = statement.query(params![after, row::limit(limit)])?;
        let mut tenants = Vec::new();
        while let Some(row) = rows.next()? {
            tenants.push(row::tenant(text(row, 0)?)?);
        }
        Ok(tenants)
    }
}

/// In the place of an earlier mark at the same memory.
pub(super) fn mark(conn: &Connection, tenant: &str, mark: &PendingMark) -> rusqlite::Result<usize> {
    let after = mark.after.map(|after| after.uuid().as_bytes().to_vec());
    execute(
        conn,
        "INSERT INTO pending_revocations (tenant, id, root, after) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant, id) DO UPDATE SET root = excluded.root, after = excluded.after",
        params![tenant, mark.id.uuid().as_bytes(), mark.root.uuid().as_bytes(), after],
    )
}

pub(super) fn unmark(conn: &Connection, tenant: &str, id: MemoryId) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM pending_revocations WHERE tenant = ?1 AND id = ?2";
    execute(conn, sql, params![tenant, id.uuid().as_bytes()])
}
