//! What is below a memory that changed follows it, some of it at a time.

use std::collections::BTreeMap;

use super::changing::follow;
use super::{Ask, Details, Done, Facts, Ruling, Verdict, allowed, partly_allowed};
use crate::change::Expect;
use crate::lifecycle::{Following, PendingMark, withhold};
use crate::memory::Memory;
use crate::policy::Policy;

/// What follows of what was loaded below a mark. The memory at the mark is as it will be.
pub(super) fn decide(policy: &Policy, ask: &Ask<'_>, facts: Facts) -> Verdict {
    let Some(Following { mark, reached }) = facts.following else {
        return allowed(ask, facts, Ruling::default());
    };
    let mut done = Done::default();
    if let Some(memory) = facts.memories.first().filter(|memory| memory.id == mark.id) {
        let mut following = follow(policy, ask, &facts.family, &facts.child_ids, memory);
        // What consent is withdrawn for may be what is to follow, alone or beside another change.
        for withheld in withhold(memory, &facts.family) {
            match following.iter_mut().find(|next| next.id == withheld.id) {
                Some(next) => next.marks.inherited = withheld.marks.inherited,
                None => following.push(withheld),
            }
        }
        let (made, versions): (Vec<Memory>, Vec<Memory>) =
            following.into_iter().partition(|memory| memory.version == 1);
        // What is below these was not loaded: it is their turn next.
        if facts.family.is_partial {
            done.marks.extend(versions.iter().map(|next| PendingMark::new(next.id, mark.root)));
        }
        done.relied_on.push(Expect::Memory { id: memory.id, version: memory.version });
        (done.versions, done.made) = (versions, made);
    }
    match reached {
        Some(after) => done.marks.push(PendingMark { after: Some(after), ..mark }),
        None => done.unmarked = Some(mark.id),
    }
    let details = Details { done: Some(done), ..Details::default() };
    partly_allowed(ask, facts, BTreeMap::new(), details, Ruling::default())
}
