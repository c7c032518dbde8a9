//! What another policy would have made of recorded decisions.

use std::collections::{BTreeMap, BTreeSet};

use memoryscope_domain::audit_chain::{Seq, Verdict as Outcome};
use memoryscope_domain::govern::StoredEntry;
use memoryscope_domain::ids::{AuditId, MemoryId};
use memoryscope_domain::limits;
use memoryscope_domain::policy::Policy;
use memoryscope_domain::principal::Caller;
use memoryscope_domain::purpose::Purpose;

use super::again::{Again, Explains};
use super::{NotReplayable, as_of_now, replayable};
use crate::context::Context;
use crate::engine::Engine;
use crate::op::query::Item;
use crate::port::{Select, StoreError};

/// What two policies make of the same recorded request, as of what it saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    /// The decision.
    pub log: AuditId,
    /// Its operation.
    pub operation: &'static str,
    /// What it was for.
    pub purpose: Purpose,
    /// How it ends by the first policy and by the second.
    pub decision: [Outcome; 2],
    /// How many memories it returns by the first and by the second.
    pub returned: [usize; 2],
    /// How many are returned only by the second.
    pub added: usize,
    /// How many are returned only by the first.
    pub removed: usize,
    /// How many are shown otherwise.
    pub changed: usize,
    /// Whether a tool's gate or a context comes out otherwise though the memories are the same.
    pub answer_differs: bool,
}

impl Simulated {
    /// Whether both come to the same.
    #[must_use]
    pub fn is_same(&self) -> bool {
        let [before, after] = self.decision;
        before == after && self.added + self.removed + self.changed == 0 && !self.answer_differs
    }
}

impl Engine {
    /// The last decisions that can be made again and that the caller may look at, the last of them first, at most so many.
    /// Nothing is written: whoever asks has been allowed to.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn recent_decisions(&self, cx: &Context, most: usize) -> Result<Vec<StoredEntry>, StoreError> {
        let store = &*self.ports().store;
        let (tenant, now) = (&cx.principal.tenant, cx.now);
        let head = store.load(&as_of_now(tenant, now, Select::Nothing)).await?.head.seq.0;
        let mut found = Vec::new();
        let mut until = head;
        while until > 0 && found.len() < most {
            let after = until.saturating_sub(limits::AUDIT_PAGE_ITEMS_MAX as u64);
            let limit = usize::try_from(until - after).unwrap_or(limits::AUDIT_PAGE_ITEMS_MAX);
            let select = Select::Entries { after: Seq(after), operations: replayable(), limit };
            let page = store.load(&as_of_now(tenant, now, select)).await?.facts.entries;
            let is_looked_at =
                |stored: &StoredEntry| stored.entry.seq.0 <= until && cx.principal.may_look_at(stored);
            found.extend(page.into_iter().filter(is_looked_at).rev());
            until = after;
        }
        found.truncate(most);
        Ok(found)
    }

    /// Makes a recorded decision by one policy and by another, of what the caller may see now: nothing of the rest may show
    /// in what changes. Only the system's own operator compares over everything.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn simulate(
        &self,
        caller: &Context,
        stored: &StoredEntry,
        policies: [&Policy; 2],
    ) -> Result<Result<Simulated, NotReplayable>, StoreError> {
        let recorded = match self.recorded(stored).await? {
            Ok(recorded) => recorded,
            Err(why) => return Ok(Err(why)),
        };
        let (cx, request) = (&recorded.cx, &recorded.request);
        let [first, second] = policies;
        let among = (caller.principal.caller != Caller::System).then_some(caller);
        let before = self.again(&recorded, cx, request, first, among, Explains::Nothing).await?;
        let after = self.again(&recorded, cx, request, second, among, Explains::Nothing).await?;
        let ids = |again: &Again| again.memory_ids.iter().copied().collect::<BTreeSet<MemoryId>>();
        let (old, new) = (ids(&before), ids(&after));
        let shown: BTreeMap<MemoryId, &Item> =
            before.items().into_iter().map(|item| (item.memory.id, item)).collect();
        let is_changed =
            |item: &&&Item| shown.get(&item.memory.id).is_some_and(|earlier| **earlier != ***item);
        let changed = after.items().iter().filter(is_changed).count();
        let is_told_otherwise = before.canonical != after.canonical && old == new && changed == 0;
        Ok(Ok(Simulated {
            log: recorded.draft.id,
            operation: request.operation(),
            purpose: request.purpose(),
            decision: [before.decision, after.decision],
            returned: [old.len(), new.len()],
            added: new.difference(&old).count(),
            removed: old.difference(&new).count(),
            changed,
            answer_differs: is_told_otherwise && before.decision == after.decision,
        }))
    }
}
