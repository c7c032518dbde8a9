//! A memory's kin, found by its links.

use std::sync::Arc;

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::lifecycle::{Family, Kin};
use memoryscope_domain::memory::Memory;
use rusqlite::params;
use uuid::Uuid;

use super::error::Failure;
use super::load::View;
use super::row::blob;
use crate::common::row::corrupt;

impl View<'_> {
    /// Everything that was derived from a memory, at most `limit`, and what else that was derived from.
    pub(super) fn family(&mut self, memory: &Memory, limit: usize) -> Result<Family, Failure> {
        let mut kin = Kin::of(memory.id, limit);
        while let Some(generation) = kin.generation() {
            for parent in generation {
                kin.add(parent, self.children(parent)?);
            }
        }
        let descendants = self.all_of(kin.descendants())?;
        let supporters = kin.supporters(descendants.iter().map(|one| &**one).chain([memory]));
        let supporters = self.all_of(supporters)?;
        Ok(kin.family(descendants, supporters))
    }

    fn children(&self, parent: MemoryId) -> Result<Vec<MemoryId>, Failure> {
        let sql = "SELECT child FROM links WHERE tenant = ?1 AND parent = ?2 ORDER BY child";
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(params![self.load.tenant.as_str(), parent.uuid().as_bytes()])?;
        let mut children = Vec::new();
        while let Some(row) = rows.next()? {
            let id = Uuid::from_slice(blob(row, 0)?).map_err(|_| corrupt("link"))?;
            children.push(MemoryId::from_uuid(id));
        }
        Ok(children)
    }

    fn all_of(&mut self, ids: Vec<MemoryId>) -> Result<Vec<Arc<Memory>>, Failure> {
        let found = ids.into_iter().map(|id| self.memory(id)).collect::<Result<Vec<_>, _>>()?;
        Ok(found.into_iter().flatten().collect())
    }
}
