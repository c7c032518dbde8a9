//! Under which ids objects come in that bring ids of their own, and which of them do not come in.
//!
//! Of a memory that the caller may not see only its envelope takes part: that its id is taken, in which scope, and whether it is
//! erased. What it says changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Ask, reading};
use crate::ids::MemoryId;
use crate::items::omo;
use crate::memory::{Memory, State};
use crate::policy::Policy;
use crate::scope::Partition;

/// Why an object that is imported is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindered {
    /// It is there already. As what it stands there does not change, be it restricted, sealed or revoked.
    Known(MemoryId),
    /// It was erased, or what it says was.
    Erased,
    /// Others have the ids that it could have.
    Taken,
}

/// The objects of one import, as they come in one after the other.
pub(super) struct Importing<'a> {
    policy: &'a Policy,
    ask: &'a Ask<'a>,
    stored: BTreeMap<MemoryId, &'a Memory>,
    pending: &'a BTreeSet<MemoryId>,
    taken: BTreeMap<MemoryId, Partition>,
}

impl<'a> Importing<'a> {
    pub(super) fn new(
        policy: &'a Policy,
        ask: &'a Ask<'a>,
        stored: &'a [Arc<Memory>],
        pending: &'a BTreeSet<MemoryId>,
    ) -> Self {
        let stored = stored.iter().map(|memory| (memory.id, &**memory)).collect();
        Self { policy, ask, stored, pending, taken: BTreeMap::new() }
    }

    /// Why a proposal cannot come in; it has the id under which it can, where it can.
    pub(super) fn hindered(&self, memory: &mut Memory) -> Option<Hindered> {
        let origin = omo::origin_of(memory);
        for id in omo::ids_of(&origin, memory.partition) {
            match self.stored.get(&id) {
                // What is pending was left out of what was loaded.
                _ if self.pending.contains(&id) => {}
                Some(stored) if stored.state == State::Tombstoned => return Some(Hindered::Erased),
                Some(stored) if stored.partition == memory.partition || self.is_seen(stored) => {
                    return Some(Hindered::Known(id));
                }
                Some(_) => {}
                None => match self.taken.get(&id) {
                    Some(partition) if *partition == memory.partition => return Some(Hindered::Known(id)),
                    Some(_) => {}
                    None if memory.marks.was_erased => return Some(Hindered::Erased),
                    None => {
                        omo::give_id(memory, id, &origin);
                        return None;
                    }
                },
            }
        }
        Some(Hindered::Taken)
    }

    /// A proposal comes in.
    pub(super) fn took(&mut self, memory: &Memory) {
        self.taken.insert(memory.id, memory.partition);
    }

    fn is_seen(&self, stored: &Memory) -> bool {
        let principal = reading::reader_of(self.ask, stored);
        let ask = Ask { principal: &principal, ..self.ask.clone() };
        stored.is_live(ask.now)
            && stored.is_readable_by(ask.principal)
            && reading::is_read_for_some_purpose(self.policy, &ask, stored)
    }
}
