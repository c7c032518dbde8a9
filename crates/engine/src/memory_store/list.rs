//! Lists of what lives and passes, now or as of an earlier commit.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::{Body, Memory, MemoryType, State};
use memoryscope_domain::place::Place;
use memoryscope_domain::policy::Filter;
use memoryscope_domain::words::{Match, choose};

use super::Tenant;
use crate::as_of::{Listed, lives, passes};
use crate::port::{Load, ObjectSelect, PreferenceSelect};

impl Tenant {
    pub(super) fn preferences(&self, load: &Load, select: &PreferenceSelect, facts: &mut Facts) {
        let rows = self.rows(load, Listed::Preferences(select), &mut facts.erased);
        list(rows, select.scan, &load.filter, select.limit, load, facts, |_| true);
        self.say_when_activated(facts);
    }

    pub(super) fn objects_of(&self, load: &Load, select: &ObjectSelect, facts: &mut Facts) {
        let rows = self.rows(load, Listed::Objects(select), &mut facts.erased);
        let filter = select.filter(load);
        let mut ancestry = self.ancestry(load);
        let mut follows = |memory: &Memory| !self.is_pending(&mut ancestry, memory.id);
        match &select.words {
            None => {
                list(rows, select.scan, &filter, select.limit, load, facts, follows);
                self.say_when_activated(facts);
                self.say_how_near(load, select, facts);
            }
            Some(keys) => {
                let passing = rows
                    .into_iter()
                    .filter(|(_, memory)| lives(memory, load) && passes(&filter, memory, load))
                    .filter(|(_, memory)| follows(memory));
                let matched = passing.filter_map(|(_, memory)| {
                    Some((Match::of(memory.words()?.as_bytes(), keys)?, Arc::clone(memory)))
                });
                let (matches, matched): (Vec<Match>, Vec<Arc<Memory>>) = matched.unzip();
                facts.more = matched.len() > select.limit;
                let chosen = choose(&matches, select.limit);
                facts.memories = chosen.into_iter().map(|place| Arc::clone(&matched[place])).collect();
                self.add_nearest(load, select, facts);
                self.add_neighbours(load, select, facts);
                self.say_how_near(load, select, facts);
                facts.memories.sort_by_key(|memory| (memory.placed.map(Reverse), memory.id));
            }
        }
    }

    /// A listing's rows in order, hidden ones included.
    fn rows(
        &self,
        load: &Load,
        listed: Listed<'_>,
        erased: &mut BTreeSet<MemoryId>,
    ) -> Vec<(Place, &Arc<Memory>)> {
        let mut rows = Vec::new();
        for memory in self.memories.keys().filter_map(|id| self.version_for(load, *id)) {
            if self.was_erased_since(load, memory) {
                let is_preference = memory.body.memory_type() == MemoryType::Preference;
                if memory.partition == listed.partition() && is_preference == listed.is_of_preferences() {
                    erased.insert(memory.id);
                }
            } else if let Some(place) = listed.place_of(load, memory) {
                rows.push((place, memory));
            }
        }
        match listed {
            Listed::Preferences(_) => rows.sort_by_key(|(place, _)| *place),
            Listed::Objects(_) => rows.sort_by_key(|((placed, id), _)| (Reverse(*placed), *id)),
        }
        rows
    }

    fn say_when_activated(&self, facts: &mut Facts) {
        let activated = |memory: &Arc<Memory>| Some((memory.id, *self.activated.get(&memory.id)?));
        facts.activated = facts.memories.iter().filter_map(activated).collect();
    }

    /// The version that a load sees; of one that was erased since, only that it was there.
    pub(super) fn version_for(&self, load: &Load, id: MemoryId) -> Option<&Arc<Memory>> {
        let current = self.memories.get(&id)?;
        match load.as_of {
            Some(seq) if current.valid_from > seq => {
                let mut former = self.versions.range((id, 0)..=(id, u64::MAX));
                let then = former.find(|(_, (version, until))| version.valid_from <= seq && seq < *until);
                then.map(|(_, (version, _))| &version.memory)
            }
            _ => Some(&current.memory),
        }
    }

    /// Whether it is a former version, and nothing is left of what it said.
    fn was_erased_since(&self, load: &Load, version: &Memory) -> bool {
        let is_former = self
            .memories
            .get(&version.id)
            .is_some_and(|current| load.as_of.is_some_and(|seq| current.valid_from > seq));
        is_former && matches!(version.body, Body::Erased { .. }) && version.state != State::Tombstoned
    }

    /// Memories by their ids; what was erased since is only named.
    pub(super) fn named(
        &self,
        load: &Load,
        ids: &[MemoryId],
        erased: &mut BTreeSet<MemoryId>,
    ) -> Vec<Arc<Memory>> {
        let mut found = Vec::new();
        for memory in ids.iter().filter_map(|id| self.version_for(load, *id)) {
            if self.was_erased_since(load, memory) {
                erased.insert(memory.id);
            } else {
                found.push(Arc::clone(memory));
            }
        }
        found
    }
}

/// Looks at rows in their order, as far as it is to look, and keeps what lives and passes.
fn list(
    mut rows: Vec<(Place, &Arc<Memory>)>,
    scan: Option<usize>,
    filter: &Filter,
    limit: usize,
    load: &Load,
    facts: &mut Facts,
    mut follows: impl FnMut(&Memory) -> bool,
) {
    if let Some(scan) = scan.filter(|scan| rows.len() > *scan) {
        rows.truncate(scan);
        facts.scan_end = rows.last().map(|(place, _)| *place);
    }
    let found = rows.into_iter().map(|(_, memory)| memory);
    let shown = found.filter(|memory| lives(memory, load) && passes(filter, memory, load));
    for memory in shown.filter(|memory| follows(memory)) {
        if facts.memories.len() == limit {
            facts.more = true;
            break;
        }
        facts.memories.push(Arc::clone(memory));
    }
}
