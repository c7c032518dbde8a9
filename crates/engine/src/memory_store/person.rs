//! What there is of a person, and forgetting it.

use std::ops::Bound;
use std::sync::Arc;

use memoryscope_domain::audit_chain::Private;
use memoryscope_domain::change::{Forgotten, IdempotencyKey};
use memoryscope_domain::govern::{ErasedValues, Facts};
use memoryscope_domain::grant::ReadGrant;
use memoryscope_domain::ids::{MemoryId, UserId};
use memoryscope_domain::memory::{Memory, SubjectRef};
use memoryscope_domain::time::Timestamp;

use super::Tenant;
use crate::port::{PersonSelect, Rights, With, WithinSelect};

impl Tenant {
    pub(super) fn person(&self, select: &PersonSelect, facts: &mut Facts) {
        let rows = self.rows_behind(select.after, select.scan, facts);
        let mut found: Vec<Arc<Memory>> =
            rows.into_iter().filter(|memory| select.wants(memory)).map(Arc::clone).collect();
        facts.more = found.len() > select.limit;
        found.truncate(select.limit);
        if let With::Kin(limit) = select.with {
            let with_kin = |memory: Arc<Memory>| {
                let family = self.family(&memory, limit);
                (memory, family)
            };
            facts.kindred = found.into_iter().map(with_kin).collect();
            return;
        }
        if select.with == With::Everything {
            for memory in &found {
                let versions = self.versions.range((memory.id, 0)..=(memory.id, u64::MAX));
                let versions: Vec<Arc<Memory>> =
                    versions.map(|(_, (version, _))| Arc::clone(&version.memory)).collect();
                facts.earlier.insert(memory.id, versions);
            }
            facts.grants = self.grants_of(&select.user);
            facts.bridges = self.bridges_of_person(&select.user);
            facts.entries = self.entries.iter().filter(|stored| select.is_about(stored)).cloned().collect();
            let longest = facts.grants.len().max(facts.entries.len()).max(facts.bridges.len());
            facts.more |= longest > select.limit;
            facts.grants.truncate(select.limit);
            facts.bridges.truncate(select.limit);
            facts.entries.truncate(select.limit);
        }
        facts.memories = found;
    }

    pub(super) fn within(&self, select: &WithinSelect, facts: &mut Facts) {
        let rows = self.rows_behind(select.after, Some(select.scan), facts);
        let wanted = rows.into_iter().filter(|memory| !memory.is_tombstone() && select.wants(memory));
        facts.memories = wanted.map(Arc::clone).collect();
        facts.more = facts.memories.len() > select.limit;
        facts.memories.truncate(select.limit);
    }

    /// Memories in order of their ids, as far as is to be looked.
    fn rows_behind(
        &self,
        after: Option<MemoryId>,
        scan: Option<usize>,
        facts: &mut Facts,
    ) -> Vec<&Arc<Memory>> {
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.memories.range((behind, Bound::Unbounded)).map(|(_, version)| &version.memory);
        let mut rows: Vec<&Arc<Memory>> = rows.collect();
        if let Some(scan) = scan.map(|scan| scan.max(1)).filter(|scan| rows.len() > *scan) {
            rows.truncate(scan);
            facts.scan_end = rows.last().map(|last| (Timestamp::from_unix_micros(0), last.id));
        }
        rows
    }

    /// What is asked of persons' rights.
    pub(super) fn rights(&self, rights: &Rights, facts: &mut Facts) {
        facts.consents =
            rights.persons.iter().filter_map(|person| self.consents.get(person).cloned()).collect();
        if rights.erased {
            facts.suppressed = ErasedValues {
                key: self.subject_keys.get(&SubjectRef::TENANT).cloned(),
                any: !self.suppressions.is_empty(),
                known: self
                    .suppressions
                    .intersection(&rights.digests.iter().copied().collect())
                    .copied()
                    .collect(),
            };
        }
    }

    fn grants_of(&self, user: &UserId) -> Vec<ReadGrant> {
        let mut grants: Vec<ReadGrant> =
            self.grants.values().filter(|grant| grant.user == *user).cloned().collect();
        grants.sort_by_key(|grant| grant.id);
        grants
    }

    pub(super) fn belongings(
        &self,
        user: &UserId,
        after: Option<&IdempotencyKey>,
        limit: usize,
        facts: &mut Facts,
    ) {
        facts.grants = self.grants_of(user);
        facts.grants.truncate(limit);
        facts.bridges = self.bridges_of_person(user);
        facts.bridges.truncate(limit);
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut records = self.idempotency.range((behind, Bound::Unbounded)).map(|(_, record)| record);
        facts.idempotency = records.by_ref().take(limit).cloned().collect();
        facts.more = records.next().is_some();
    }

    pub(super) fn forget(&mut self, forgotten: Forgotten) {
        for id in forgotten.versions {
            let Some(current) = self.memory(id) else { continue };
            for (_, (version, _)) in self.versions.range_mut((id, 0)..=(id, u64::MAX)) {
                let (state, number) = (version.memory.state, version.memory.version);
                version.memory = Arc::new(Memory { state, version: number, ..current.wiped() });
            }
        }
        self.grants.retain(|_, grant| !forgotten.grants.contains(&grant.id));
        self.bridges.retain(|id, _| !forgotten.bridges.contains(id));
        forgotten.keys.iter().for_each(|key| drop(self.idempotency.remove(key)));
        for stored in &mut self.entries {
            let is_last = forgotten.last.as_ref().is_some_and(|last| {
                let is_named =
                    |private: &Private| last.marks.iter().any(|mark| private.as_str().contains(mark));
                stored.entry.seq > last.after && stored.private.as_ref().is_some_and(is_named)
            });
            if is_last || forgotten.entries.contains(&stored.entry.seq) {
                stored.private = None;
            }
        }
        if let Some(last) = forgotten.last {
            self.subject_keys.remove(&last.subject);
            self.consents.remove(&last.subject);
            self.records.retain(|_, record| record.subject != Some(last.subject));
        }
    }
}
