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
use super::value::{Bytes, Value};
use crate::common::row::{self, corrupt};

const CHILDREN: &str = "
    SELECT l.parent, l.child FROM unnest($2::bytea[]) AS w (parent) CROSS JOIN LATERAL
        (SELECT parent, child FROM links WHERE tenant = $1 AND parent = w.parent ORDER BY child LIMIT $3) AS l
    ORDER BY l.parent, l.child";

/// What somebody was derived from.
pub(super) const FORGET_PARENTS: &str = "DELETE FROM links WHERE tenant = $1 AND child = $2";

impl View<'_> {
    /// Everything that was derived from a memory, at most `limit`, and what else that was derived from.
    pub(super) async fn family(&mut self, memory: &Memory, limit: usize) -> Result<Family, Failure> {
        let kin = self.walked(Kin::of(memory.id, limit)).await?;
        self.family_of(kin, memory).await
    }

    /// The walk to its end.
    pub(super) async fn walked(&mut self, mut kin: Kin) -> Result<Kin, Failure> {
        while let Some(generation) = kin.generation() {
            let mut children = self.children(&generation, kin.children_wanted()).await?;
            for parent in generation {
                kin.add(parent, children.remove(&parent).unwrap_or_default());
            }
        }
        Ok(kin)
    }

    /// What was found, read.
    pub(super) async fn family_of(&mut self, kin: Kin, memory: &Memory) -> Result<Family, Failure> {
        let descendants = self.all_of(kin.descendants()).await?;
        let supporters = kin.supporters(descendants.iter().map(|one| &**one).chain([memory]));
        let supporters = self.all_of(supporters).await?;
        Ok(kin.family(descendants, supporters))
    }

    /// The children of each, at most so many.
    async fn children(
        &mut self,
        parents: &[MemoryId],
        limit: usize,
    ) -> Result<BTreeMap<MemoryId, Vec<MemoryId>>, Failure> {
        let values: Vec<Value<'_>> =
            vec![Box::new(self.tenant()), keys(parents), Box::new(row::limit(limit))];
        let rows = self.session.query(Call::new(CHILDREN, values)).await?;
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

    pub(super) async fn all_of(&mut self, ids: Vec<MemoryId>) -> Result<Vec<Arc<Memory>>, Failure> {
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

/// A list of ids as a value.
pub(super) fn keys(ids: &[MemoryId]) -> Value<'static> {
    Box::new(ids.iter().map(|id| Bytes::of(id.uuid())).collect::<Vec<_>>())
}
