//! What has not followed yet: who is below a mark, and what is to follow next.

use std::collections::{BTreeMap, BTreeSet};

use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::lifecycle::{Family, Following, Kin, PAGES, PendingMark};
use memoryscope_domain::memory::Memory;
use tokio_postgres::Row;
use uuid::Uuid;

use super::error::Failure;
use super::family::keys;
use super::load::View;
use super::session::Call;
use super::value::{Bytes, Value};
use crate::common::row::{self, corrupt};

/// The kinds of links: what a client says follows, and what we computed.
const ASSERTED: i64 = 0;
const COMPUTED: i64 = 1;

const PARENTS: &str = "
    SELECT l.child, l.parent FROM unnest($2::bytea[]) AS w (child) CROSS JOIN LATERAL
        (SELECT child, parent FROM links WHERE tenant = $1 AND child = w.child OFFSET 0) AS l
    ORDER BY l.child, l.parent";

const BEGAN_HERE: &str = "SELECT id FROM pending_revocations WHERE tenant = $1 AND root = $2 LIMIT 1";

const FIRST_MARK: &str =
    "SELECT id, root, after FROM pending_revocations WHERE tenant = $1 ORDER BY id LIMIT 2";

const CHILDREN_BEHIND: &str = "
    SELECT child FROM links WHERE tenant = $1 AND parent = $2 AND child > $3 AND kind = $4
    ORDER BY child LIMIT $5";

/// The marks of a frame.
pub(super) fn marks(frame: &[Row], column: usize) -> Result<BTreeSet<MemoryId>, Failure> {
    let Some(row) = frame.first() else { return Ok(BTreeSet::new()) };
    let ids: Vec<&[u8]> = row.try_get(column)?;
    ids.into_iter().map(id).collect()
}

pub(super) fn id(bytes: &[u8]) -> Result<MemoryId, Failure> {
    Ok(MemoryId::from_uuid(Uuid::from_slice(bytes).map_err(|_| corrupt("memory id"))?))
}

impl View<'_> {
    /// Finds out which of these are below a mark: `ancestry` says it from then on.
    pub(super) async fn look_up(&mut self, ids: impl Iterator<Item = MemoryId>) -> Result<(), Failure> {
        if self.ancestry.is_free() {
            return Ok(());
        }
        self.ancestry.ask(ids);
        while let Some(generation) = self.ancestry.generation() {
            let values = vec![Box::new(self.tenant()) as Value<'static>, keys(&generation)];
            let rows = self.session.query(Call::new(PARENTS, values)).await?;
            let mut parents: BTreeMap<MemoryId, Vec<MemoryId>> = BTreeMap::new();
            for row in &rows {
                parents.entry(id(row.try_get(0)?)?).or_default().push(id(row.try_get(1)?)?);
            }
            for child in generation {
                self.ancestry.add(child, parents.remove(&child).unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Who is below a mark, of the memories that a load asks for by name.
    pub(super) async fn say_what_is_pending(&mut self, facts: &mut Facts) -> Result<(), Failure> {
        if self.ancestry.is_free() {
            return Ok(());
        }
        let named = facts.memories.iter().chain(&facts.evidence).map(|memory| memory.id);
        let named: Vec<MemoryId> = named.collect();
        self.look_up(named.iter().copied()).await?;
        facts.pending = named.into_iter().filter(|id| self.ancestry.is_below(*id)).collect();
        if let Some(begun) = facts.memories.first() {
            let values: Vec<Value<'_>> = vec![Box::new(self.tenant()), Box::new(Bytes::of(begun.id.uuid()))];
            facts.is_unfinished = !self.session.query(Call::new(BEGAN_HERE, values)).await?.is_empty();
        }
        Ok(())
    }

    /// The first mark, and a page of what is below it.
    pub(super) async fn next_mark(&mut self, limit: usize, facts: &mut Facts) -> Result<(), Failure> {
        let rows = self.session.query(Call::new(FIRST_MARK, vec![Box::new(self.tenant())])).await?;
        let Some(first) = rows.first() else { return Ok(()) };
        let after: Option<&[u8]> = first.try_get(2)?;
        let after = after.map(id).transpose()?;
        let mark = PendingMark { id: id(first.try_get(0)?)?, root: id(first.try_get(1)?)?, after };
        facts.more = rows.len() > 1;
        let mut reached = None;
        if let Some(memory) = self.all_of(vec![mark.id]).await?.pop() {
            (facts.family, reached) = self.page(&memory, mark, limit).await?;
            facts.memories.push(memory);
        }
        facts.following = Some(Following { mark, reached });
        Ok(())
    }

    async fn page(
        &mut self,
        memory: &Memory,
        mark: PendingMark,
        limit: usize,
    ) -> Result<(Family, Option<MemoryId>), Failure> {
        if mark.after.is_none() {
            let whole = self.walked(Kin::of(memory.id, limit)).await?;
            if !whole.is_partial() {
                return Ok((self.family_of(whole, memory).await?, None));
            }
            let computed = self.children_by(memory.id, COMPUTED, PendingMark::FIRST, usize::MAX).await?;
            if !computed.is_empty() {
                let kin = self.walked(Kin::page(memory.id, computed.clone(), true, limit)).await?;
                let kin = if kin.is_partial() { Kin::alone(memory.id, computed, true) } else { kin };
                return Ok((self.family_of(kin, memory).await?, Some(PendingMark::FIRST)));
            }
        }
        let after = mark.after.unwrap_or(PendingMark::FIRST);
        for size in PAGES {
            let mut children = self.children_by(memory.id, ASSERTED, after, size + 1).await?;
            let more = children.len() > size;
            children.truncate(size);
            let reached = children.last().copied().filter(|_| more);
            let kin = self.walked(Kin::page(memory.id, children.clone(), false, limit)).await?;
            if !kin.is_partial() {
                return Ok((self.family_of(kin, memory).await?, reached));
            }
            if size == 1 {
                let alone = Kin::alone(memory.id, children, false);
                return Ok((self.family_of(alone, memory).await?, reached));
            }
        }
        Ok((Family::default(), None))
    }

    async fn children_by(
        &mut self,
        parent: MemoryId,
        kind: i64,
        after: MemoryId,
        limit: usize,
    ) -> Result<Vec<MemoryId>, Failure> {
        let [parent, after] = [parent, after].map(|id| Box::new(Bytes::of(id.uuid())));
        let values: Vec<Value<'_>> =
            vec![Box::new(self.tenant()), parent, after, Box::new(kind), Box::new(row::limit(limit))];
        let rows = self.session.query(Call::new(CHILDREN_BEHIND, values)).await?;
        rows.iter().map(|row| id(row.try_get(0)?)).collect()
    }
}
