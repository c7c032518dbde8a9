//! A memory's kin, found by its links: one statement for each generation.

use std::collections::BTreeMap;
use std::sync::Arc;

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::lifecycle::{Family, Kin};
use memoryscope_domain::memory::Memory;
use uuid::Uuid;

use super::error::Failure;
use super::load::{MEMORIES, View};
use super::session::Call;
use super::value::Bytes;
use crate::common::row::corrupt;

const CHILDREN: &str = "
    SELECT l.parent, l.child FROM unnest($2::bytea[]) AS w (parent) CROSS JOIN LATERAL
        (SELECT parent, child FROM links WHERE tenant = $1 AND parent = w.parent OFFSET 0) AS l
    ORDER BY l.parent, l.child";

impl View<'_> {
    /// Everything that was derived from a memory, at most `limit`, and what else that was derived from.
    pub(super) async fn family(&mut self, memory: &Memory, limit: usize) -> Result<Family, Failure> {
        let mut kin = Kin::of(memory.id, limit);
        while let Some(generation) = kin.generation() {
            let mut children = self.children(&generation).await?;
            for parent in generation {
                kin.add(parent, children.remove(&parent).unwrap_or_default());
            }
        }
        let descendants = self.all_of(kin.descendants()).await?;
        let supporters = kin.supporters(descendants.iter().map(|one| &**one).chain([memory]));
        let supporters = self.all_of(supporters).await?;
        Ok(kin.family(descendants, supporters))
    }

    async fn children(&mut self, parents: &[MemoryId]) -> Result<BTreeMap<MemoryId, Vec<MemoryId>>, Failure> {
        let rows =
            self.session.query(Call::new(CHILDREN, vec![Box::new(self.tenant()), keys(parents)])).await?;
        let mut children: BTreeMap<MemoryId, Vec<MemoryId>> = BTreeMap::new();
        for row in rows {
            let id = |at: usize| -> Result<MemoryId, Failure> {
                let id = Uuid::from_slice(row.try_get(at)?).map_err(|_| corrupt("link"))?;
                Ok(MemoryId::from_uuid(id))
            };
            children.entry(id(0)?).or_default().push(id(1)?);
        }
        Ok(children)
    }

    async fn all_of(&mut self, ids: Vec<MemoryId>) -> Result<Vec<Arc<Memory>>, Failure> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.session.query(Call::new(MEMORIES, vec![Box::new(self.tenant()), keys(&ids)])).await?;
        let mut found = BTreeMap::new();
        for row in &rows {
            let memory = self.memory(row, 0)?;
            found.insert(memory.id, Arc::new(memory));
        }
        Ok(ids.into_iter().filter_map(|id| found.remove(&id)).collect())
    }
}

fn keys(ids: &[MemoryId]) -> super::value::Value<'static> {
    Box::new(ids.iter().map(|id| Bytes::of(id.uuid())).collect::<Vec<_>>())
}
