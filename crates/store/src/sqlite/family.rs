//! A memory's kin, found by its links.

use std::sync::Arc;

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::lifecycle::{Family, Kin};
use memoryscope_domain::memory::Memory;
use rusqlite::{Params, params};

use super::error::Failure;
use super::load::{View, memory_id};
use crate::common::row;

impl View<'_> {
    /// Everything that was derived from a memory, at most `limit`, and what else that was derived from.
    pub(super) fn family(&mut self, memory: &Memory, limit: usize) -> Result<Family, Failure> {
        let kin = self.walked(Kin::of(memory.id, limit))?;
        self.family_of(kin, memory)
    }

    /// The walk to its end.
    pub(super) fn walked(&self, mut kin: Kin) -> Result<Kin, Failure> {
        while let Some(generation) = kin.generation() {
            for parent in generation {
                kin.add(parent, self.children(parent, kin.children_wanted())?);
            }
        }
        Ok(kin)
    }

    /// What was found, read.
    pub(super) fn family_of(&mut self, kin: Kin, memory: &Memory) -> Result<Family, Failure> {
        let descendants = self.all_of(kin.descendants())?;
        let supporters = kin.supporters(descendants.iter().map(|one| &**one).chain([memory]));
        let supporters = self.all_of(supporters)?;
        Ok(kin.family(descendants, supporters))
    }

    fn children(&self, parent: MemoryId, limit: usize) -> Result<Vec<MemoryId>, Failure> {
        let sql = "SELECT child FROM links WHERE tenant = ?1 AND parent = ?2 ORDER BY child LIMIT ?3";
        self.ids(sql, params![self.load.tenant.as_str(), parent.uuid().as_bytes(), row::limit(limit)])
    }

    /// A column of ids.
    pub(super) fn ids(&self, sql: &str, values: impl Params) -> Result<Vec<MemoryId>, Failure> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        let mut ids = Vec::new();
        while let Some(row) = rows.next()? {
            ids.push(memory_id(row, 0)?);
        }
        Ok(ids)
    }

    fn all_of(&mut self, ids: Vec<MemoryId>) -> Result<Vec<Arc<Memory>>, Failure> {
        let found = ids.into_iter().map(|id| self.memory(id)).collect::<Result<Vec<_>, _>>()?;
        Ok(found.into_iter().flatten().collect())
    }
}
