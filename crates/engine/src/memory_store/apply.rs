//! What each change does.

use std::sync::Arc;

use memoryscope_domain::audit_chain::Seq;
use memoryscope_domain::change::Change;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::{Memory, State};

use super::{Tenant, Version, parents};

impl Tenant {
    pub(super) fn apply(&mut self, change: Change, seq: Seq) {
        match change {
            Change::InsertMemory(memory) => {
                for parent in parents(&memory) {
                    self.children.entry(*parent).or_default().insert(memory.id);
                }
                let version = Version { memory: Arc::new(memory), valid_from: seq };
                self.memories.insert(version.memory.id, version);
            }
            Change::ReplaceMemory(memory) => self.replace(memory, seq),
            Change::EraseMemory(memory) => {
                let id = memory.id;
                if let Some(erased) = self.memory(id) {
                    for parent in parents(&erased) {
                        self.children.get_mut(parent).map(|children| children.remove(&id));
                    }
                }
                self.replace(memory, seq);
                self.activated.remove(&id);
                self.forget_opinions(id);
                for (_, (version, _)) in self.versions.range_mut((id, 0)..=(id, u64::MAX)) {
                    version.memory = Arc::new(version.memory.wiped());
                }
            }
            Change::TouchSeeds { ids, at } => {
                let is_there = |id: &MemoryId| {
                    self.memories.get(id).is_some_and(|version| version.memory.state != State::Tombstoned)
                };
                let there: Vec<MemoryId> = ids.into_iter().filter(is_there).collect();
                self.activated.extend(there.into_iter().map(|id| (id, at)));
            }
            Change::Forget(forgotten) => self.forget(*forgotten),
            Change::KeepConsent(consents) => _ = self.consents.insert(consents.subject, consents),
            Change::Suppress(digests) => self.suppressions.extend(digests),
            Change::InsertGrant(grant) | Change::ReplaceGrant(grant) => {
                self.grants.insert(grant.token_hash, grant);
            }
            Change::InsertSubjectKey { subject, key } => {
                self.subject_keys.insert(subject, key);
            }
            Change::KeepPolicy(document) => {
                self.policies.insert(document.hash.clone(), document);
            }
            Change::ActivatePolicy { hash } => self.active_policy = Some(hash),
            Change::InsertIdempotency(record) => {
                self.idempotency.insert(record.key.clone(), record);
            }
            Change::ForgetIdempotencyBefore(time) => self.idempotency.retain(|_, record| record.used >= time),
            Change::ForgetGrantsExpiredBefore(time) => self.grants.retain(|_, grant| grant.expires >= time),
            Change::InsertCheckpoint(signed) => self.checkpoints.push(signed),
            Change::MarkPending(mark) => _ = self.pending.insert(mark.id, mark),
            Change::UnmarkPending(id) => _ = self.pending.remove(&id),
            Change::InsertSpiral(spiral) => _ = self.spirals.insert(spiral.partition, spiral),
            Change::ForgetSpiral(partition) => _ = self.spirals.remove(&partition),
            Change::InsertBridge(bridge) => self.insert_bridge(bridge, seq),
            Change::RemoveBridge(bridge) => self.remove_bridge(bridge, seq),
            Change::InsertSchema(schema) | Change::ReplaceSchema(schema) => {
                self.schemas.insert(schema.id, *schema);
            }
            Change::KeepVectors(vectors) => self.keep_vectors(vectors, seq),
            Change::KeepRecord(record) => {
                self.records.insert((record.kind, record.id.clone()), *record);
            }
            Change::ForgetRecord { kind, id } => _ = self.records.remove(&(kind, id)),
        }
    }

    fn replace(&mut self, memory: Memory, seq: Seq) {
        self.drop_vector_unless_of(&memory, seq);
        let next = Version { memory: Arc::new(memory), valid_from: seq };
        if let Some(last) = self.memories.insert(next.memory.id, next) {
            self.versions.insert((last.memory.id, last.memory.version), (last, seq));
        }
    }
}
