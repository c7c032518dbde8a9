//! The store over ordered maps: the executable specification of [`Store`], and the test double.
//!
//! Where another store differs from it, one of the two is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use memoryscope_domain::audit_chain::{
    self, AuditKey, Code, Head, KeyedDigest, Private, Row, Seq, SignedCheckpoint, Verifier,
};
use memoryscope_domain::change::{
    Change, ChangeSet, Expect, IdempotencyKey, IdempotencyRecord, PolicyDocument,
};
use memoryscope_domain::consent::Consents;
use memoryscope_domain::govern::{Decided, Facts, StoredEntry};
use memoryscope_domain::grant::{ReadGrant, TokenHash};
use memoryscope_domain::graph::schema::StoredSchema;
use memoryscope_domain::ids::{AuditId, BridgeId, GrantId, MemoryId, SchemaId, TenantId};
use memoryscope_domain::lifecycle::PendingMark;
use memoryscope_domain::memory::{Key, Memory, State, SubjectRef};
use memoryscope_domain::record::{Record, RecordKind};
use memoryscope_domain::scope::Partition;
use memoryscope_domain::spiral::ThoughtPatternArtifact;
use memoryscope_domain::time::Timestamp;

use crate::port::{
    Due, Health, Load, PolicySelect, PreferenceSelect, Receipt, Select, Snapshot, Store, StoreError,
};

mod apply;
mod bridges;
mod family;
mod keyed;
mod list;
mod pending;
mod person;
mod records;
mod vectors;

/// A store that lives as long as its process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tenants: Mutex<BTreeMap<TenantId, Tenant>>,
}

/// Everything that one tenant has.
#[derive(Debug, Clone, Default)]
struct Tenant {
    memories: BTreeMap<MemoryId, Version>,
    versions: BTreeMap<(MemoryId, u64), (Version, Seq)>,
    activated: BTreeMap<MemoryId, Timestamp>,
    grants: BTreeMap<TokenHash, ReadGrant>,
    subject_keys: BTreeMap<SubjectRef, AuditKey>,
    policies: BTreeMap<String, PolicyDocument>,
    active_policy: Option<String>,
    idempotency: BTreeMap<IdempotencyKey, IdempotencyRecord>,
    checkpoints: Vec<SignedCheckpoint>,
    consents: BTreeMap<SubjectRef, Consents>,
    suppressions: BTreeSet<KeyedDigest>,
    spirals: BTreeMap<Partition, ThoughtPatternArtifact>,
    bridges: BTreeMap<BridgeId, bridges::Kept>,
    pending: BTreeMap<MemoryId, PendingMark>,
    /// Who was derived from whom, as they said when they were stored and until they are erased.
    children: BTreeMap<MemoryId, BTreeSet<MemoryId>>,
    schemas: BTreeMap<SchemaId, StoredSchema>,
    records: BTreeMap<(RecordKind, String), Record>,
    vectors: BTreeMap<MemoryId, vectors::Kept>,
    /// By scope: the last commit at which a vector went.
    dropped: BTreeMap<Partition, Seq>,
    entries: Vec<StoredEntry>,
    head: Head,
}

/// A version of a memory, and the commit that it is valid from.
#[derive(Debug, Clone)]
struct Version {
    memory: Arc<Memory>,
    valid_from: Seq,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn tenants(&self) -> MutexGuard<'_, BTreeMap<TenantId, Tenant>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The versions of a memory before its current one, oldest first, each with the commits that it was valid from
    /// and until.
    #[must_use]
    pub fn versions(&self, tenant: &TenantId, id: MemoryId) -> Vec<(Arc<Memory>, Seq, Seq)> {
        let tenants = self.tenants();
        let Some(tenant) = tenants.get(tenant) else { return Vec::new() };
        let range = tenant.versions.range((id, 0)..=(id, u64::MAX));
        range.map(|(_, (version, until))| (Arc::clone(&version.memory), version.valid_from, *until)).collect()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self, load: &Load) -> Result<Snapshot, StoreError> {
        let empty = Tenant::default();
        let tenants = self.tenants();
        let tenant = tenants.get(&load.tenant).unwrap_or(&empty);
        let mut facts = tenant.facts(load);
        tenant.rights(&load.rights, &mut facts);
        facts.records = tenant.records_of(&load.records);
        let subject = facts.grant.as_ref().map_or(load.subject, |grant| SubjectRef::of_user(&grant.user));
        Ok(Snapshot {
            head: tenant.head,
            active_policy: tenant.active_policy.clone(),
            subject,
            subject_key: tenant.subject_keys.get(&subject).cloned(),
            idempotency: load.idempotency.as_ref().and_then(|key| tenant.idempotency.get(key).cloned()),
            spirals: tenant.spirals_of(load),
            bridges: tenant.bridges_of(load),
            facts,
        })
    }

    async fn commit(&self, decided: Decided<ChangeSet>) -> Result<Receipt, StoreError> {
        let set = decided.into_inner();
        let mut tenants = self.tenants();
        let tenant = tenants.entry(set.tenant.clone()).or_default();
        tenant.check(&set)?;
        let seq = tenant.head.seq.next();
        for change in set.changes {
            tenant.apply(change, seq);
        }
        let entry = audit_chain::link(&tenant.head, &set.entry);
        tenant.head = entry.head();
        tenant.entries.push(StoredEntry { entry, private: Some(set.private) });
        Ok(Receipt { seq })
    }

    async fn policy(&self, tenant: &TenantId, hash: &str) -> Result<Option<PolicyDocument>, StoreError> {
        Ok(self.tenants().get(tenant).and_then(|tenant| tenant.policies.get(hash).cloned()))
    }

    async fn tenants(&self, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        let tenants = self.tenants();
        // A tenant whose only change set lost has a place in the map and no chain.
        let with_chain = tenants.iter().filter(|(_, tenant)| tenant.head.seq > Seq::ZERO).map(|(id, _)| id);
        Ok(with_chain.filter(|id| after.is_none_or(|after| *id > after)).take(limit).cloned().collect())
    }

    async fn tenants_due(&self, due: &Due, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        let tenants = self.tenants();
        let with_due = tenants.iter().filter(|(_, tenant)| tenant.has_due(due));
        Ok(with_due.map(|(id, _)| id.clone()).take(limit).collect())
    }

    async fn tenants_pending(
        &self,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        let tenants = self.tenants();
        let with_marks = tenants.iter().filter(|(_, tenant)| !tenant.pending.is_empty()).map(|(id, _)| id);
        Ok(with_marks.filter(|id| after.is_none_or(|after| *id > after)).take(limit).cloned().collect())
    }

    async fn tenants_with(
        &self,
        key: Key,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        let tenants = self.tenants();
        let behind = tenants.iter().filter(|(id, _)| after.is_none_or(|after| *id > after));
        let with_key =
            behind.filter(|(_, tenant)| tenant.current().any(|memory| memory.keys().contains(&key)));
        Ok(with_key.map(|(id, _)| id.clone()).take(limit).collect())
    }

    async fn tenants_awaiting(
        &self,
        kind: RecordKind,
        by: Timestamp,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        let tenants = self.tenants();
        let behind = tenants.iter().filter(|(id, _)| after.is_none_or(|after| *id > after));
        let with_due = behind.filter(|(_, tenant)| tenant.has_due_record(kind, by));
        Ok(with_due.map(|(id, _)| id.clone()).take(limit).collect())
    }

    async fn probe(&self) -> Result<Health, StoreError> {
        Ok(Health { engine: "memory", schema: (0, 0), pool: None })
    }
}

impl Tenant {
    fn facts(&self, load: &Load) -> Facts {
        let mut facts = Facts::default();
        match &load.select {
            Select::Nothing => {}
            Select::Preferences(select) => self.preferences(load, select, &mut facts),
            Select::Objects(select) => self.objects(load, select, &mut facts),
            Select::Versions { id, after, limit } => {
                self.versions_behind(load, (*id, *after), *limit, &mut facts);
            }
            Select::Evidence { ids, objects } => {
                facts.evidence = self.named(load, ids, &mut facts.erased);
                self.objects(load, objects, &mut facts);
            }
            Select::Family { id, limit } => {
                facts.memories.extend(self.memory(*id));
                if let Some(memory) = facts.memories.first() {
                    facts.family = self.family(memory, *limit);
                }
            }
            Select::Bridges(select) => self.bridges(load, select, &mut facts),
            Select::Pending { limit } => self.next_mark(*limit, &mut facts),
            Select::Person(select) => self.person(select, &mut facts),
            Select::Within(select) => self.within(select, &mut facts),
            Select::Belongings { user, after, limit } => {
                self.belongings(user, after.as_ref(), *limit, &mut facts);
            }
            Select::Memories(ids) => facts.memories = self.named(load, ids, &mut facts.erased),
            Select::Grant { token_hash, memories } => {
                facts.grant = self.grants.get(token_hash).cloned();
                if let (Some(grant), Some(bounds)) = (facts.grant.clone(), memories) {
                    let select = PreferenceSelect::of_grant(&grant, bounds, load.now);
                    self.preferences(load, &select, &mut facts);
                }
            }
            Select::Expired { limit } => self.expired(load, *limit, &mut facts),
            Select::Entries { after, operations, limit } => {
                let wanted = |stored: &&StoredEntry| {
                    let record = stored.entry.parse();
                    operations.is_empty() || record.is_ok_and(|r| operations.contains(&r.draft.operation))
                };
                let behind = self.entries.iter().filter(|stored| stored.entry.seq > *after);
                let page: Vec<&StoredEntry> = behind.filter(wanted).take(limit + 1).collect();
                facts.more = page.len() > *limit;
                facts.entries = page.into_iter().take(*limit).cloned().collect();
            }
            Select::Entry(id) => facts.entries.extend(self.entry(*id)),
            Select::Logged { entry, ids } => {
                facts.entries.extend(self.entry(*entry));
                facts.memories = ids.iter().filter_map(|id| self.memory(*id)).collect();
            }
            Select::Policies(select) => self.kept_policies(select, &mut facts),
            Select::Keyed(select) => self.keyed(load, select, &mut facts),
            Select::Shared { objects, keyed } => {
                self.objects(load, objects, &mut facts);
                facts.add_shared(self.shared(load, keyed));
                self.say_how_near(load, objects, &mut facts);
            }
            Select::Schemas(select) => self.kept_schemas(select, &mut facts),
            Select::Unembedded { model, after, limit } => self.unembedded(*model, *after, *limit, &mut facts),
            Select::LatestEntry(operation) => facts.entries.extend(self.latest_entry(operation)),
            Select::Verification => {
                facts.checkpoints = self.checkpoints.clone();
                facts.verification = Some(self.verify(&load.tenant));
            }
        }
        self.say_what_is_pending(load, &mut facts);
        facts
    }

    fn versions_behind(&self, load: &Load, (id, after): (MemoryId, u64), limit: usize, facts: &mut Facts) {
        facts.memories = self.named(load, &[id], &mut facts.erased);
        let before = facts.memories.first().map_or(0, |memory| memory.version);
        let earlier = self.versions.range((id, 0)..(id, before));
        let behind = earlier.filter(|((_, version), _)| *version > after);
        facts.versions = behind.map(|(_, (version, _))| Arc::clone(&version.memory)).collect();
        facts.more = facts.versions.len() > limit;
        facts.versions.truncate(limit);
    }

    fn expired(&self, load: &Load, limit: usize, facts: &mut Facts) {
        let mut expired: Vec<&Arc<Memory>> =
            self.current().filter(|memory| has_expired(memory, load.now)).collect();
        expired.sort_by_key(|memory| (memory.expires, memory.id));
        facts.more = expired.len() > limit;
        facts.memories = expired.into_iter().take(limit).cloned().collect();
    }

    fn kept_policies(&self, select: &PolicySelect, facts: &mut Facts) {
        let mut policies: Vec<PolicyDocument> = self.policies.values().cloned().collect();
        policies.sort_by(|a, b| (&a.version, &a.hash).cmp(&(&b.version, &b.hash)));
        match select {
            PolicySelect::All(limit) => {
                facts.more = policies.len() > *limit;
                policies.truncate(*limit);
                policies.iter_mut().for_each(|policy| policy.text.clear());
            }
            PolicySelect::Version(version) => policies.retain(|policy| policy.version == *version),
        }
        facts.policies = policies;
    }

    fn latest_entry(&self, operation: &Code) -> Option<StoredEntry> {
        let is_of = |stored: &&StoredEntry| {
            stored.entry.parse().is_ok_and(|record| record.draft.operation == *operation)
        };
        self.entries.iter().rev().find(is_of).cloned()
    }

    fn spirals_of(&self, load: &Load) -> Vec<ThoughtPatternArtifact> {
        let kept = load.spirals.iter().filter_map(|scope| self.spirals.get(scope));
        kept.filter(|spiral| spiral.is_live(load.now)).cloned().collect()
    }

    fn current(&self) -> impl Iterator<Item = &Arc<Memory>> {
        self.memories.values().map(|version| &version.memory)
    }

    fn memory(&self, id: MemoryId) -> Option<Arc<Memory>> {
        self.memories.get(&id).map(|version| Arc::clone(&version.memory))
    }

    fn entry(&self, id: AuditId) -> Option<StoredEntry> {
        self.entries.iter().find(|stored| stored.entry.id == id).cloned()
    }

    fn verify(&self, tenant: &TenantId) -> audit_chain::Verification {
        let mut verifier = Verifier::new(tenant.clone());
        verifier.expect_stored(&self.checkpoints);
        verifier.expect_head(self.head);
        for StoredEntry { entry, private } in &self.entries {
            let (seq, prev_hash, hash) = (entry.seq, entry.prev_hash, entry.hash);
            let Some(record) = verifier.push(&Row { seq, prev_hash, hash, text: &entry.text }) else {
                continue;
            };
            let operation = record.draft.operation.as_str().as_bytes();
            verifier.check_index(&record, entry.id.uuid().as_bytes(), operation);
            let subject = private.as_ref().and_then(Private::subject);
            let key = subject.and_then(|subject| self.subject_keys.get(&subject));
            verifier.check_private_kept(&record, private.as_ref(), key);
        }
        verifier.finish()
    }

    fn grant(&self, id: GrantId) -> Option<&ReadGrant> {
        self.grants.values().find(|grant| grant.id == id)
    }

    /// Whether everything that the change set expects is so, what it inserts is new, and what it replaces is there.
    fn check(&self, set: &ChangeSet) -> Result<(), StoreError> {
        let version_of = |id: &MemoryId| self.memories.get(id).map(|version| version.memory.version);
        let said = |subject: &SubjectRef| self.consents.get(subject).map_or(0, |consents| consents.version);
        self.check_expected(set)?;
        for change in &set.changes {
            match change {
                Change::InsertMemory(memory) => require(version_of(&memory.id).is_none(), "a memory's id")?,
                Change::ReplaceMemory(memory) | Change::EraseMemory(memory) => {
                    require(version_of(&memory.id) == Some(memory.version - 1), "a memory")?;
                }
                Change::InsertGrant(grant) => {
                    let is_new =
                        !self.grants.contains_key(&grant.token_hash) && self.grant(grant.id).is_none();
                    require(is_new, "a grant's token")?;
                }
                Change::ReplaceGrant(grant) => {
                    let stored = self.grant(grant.id);
                    require(stored.is_some_and(|stored| stored.version + 1 == grant.version), "a grant")?;
                }
                Change::InsertSubjectKey { subject, .. } => {
                    require(!self.subject_keys.contains_key(subject), "a subject's key")?;
                }
                Change::InsertBridge(bridge) => {
                    require(self.bridge_stands(bridge.id).is_none(), "a bridge's id")?;
                }
                Change::RemoveBridge(bridge) => {
                    require(self.bridge_stands(bridge.id) == Some(true), "a bridge")?;
                }
                Change::InsertCheckpoint(signed) => {
                    let last = self.checkpoints.last().map(|last| last.checkpoint.hash());
                    require(signed.checkpoint.prev_checkpoint == last, "the last checkpoint")?;
                }
                Change::InsertSchema(schema) => {
                    require(!self.schemas.contains_key(&schema.id), "a schema's id")?;
                }
                Change::ReplaceSchema(schema) => {
                    let stored = self.schemas.get(&schema.id);
                    require(stored.is_some_and(|stored| stored.version + 1 == schema.version), "a schema")?;
                }
                Change::InsertIdempotency(record) => {
                    require(!self.idempotency.contains_key(&record.key), "an idempotency key")?;
                }
                Change::KeepRecord(next) => self.check_record(next)?,
                Change::KeepConsent(next) => require(said(&next.subject) + 1 == next.version, "a consent")?,
                Change::TouchSeeds { .. }
                | Change::Suppress(_)
                | Change::Forget(_)
                | Change::KeepVectors(_)
                | Change::KeepPolicy(_)
                | Change::ActivatePolicy { .. }
                | Change::ForgetIdempotencyBefore(_)
                | Change::ForgetGrantsExpiredBefore(_)
                | Change::InsertSpiral(_)
                | Change::ForgetSpiral(_)
                | Change::MarkPending(_)
                | Change::UnmarkPending(_)
                | Change::ForgetRecord { .. } => {}
            }
        }
        Ok(())
    }

    fn check_expected(&self, set: &ChangeSet) -> Result<(), StoreError> {
        let version_of = |id: &MemoryId| self.memories.get(id).map(|version| version.memory.version);
        let said = |subject: &SubjectRef| self.consents.get(subject).map_or(0, |consents| consents.version);
        for expect in &set.expects {
            match expect {
                Expect::ActivePolicy(hash) => require(self.active_policy == *hash, "the active policy")?,
                Expect::Memory { id, version } => require(version_of(id) == Some(*version), "a memory")?,
                Expect::Children { parent, count } => {
                    require(self.children_of(*parent) == *count, "a memory's children")?;
                }
                Expect::Grant { id, version } => {
                    require(self.grant(*id).is_some_and(|grant| grant.version == *version), "a grant")?;
                }
                Expect::NoSubjectKey(subject) => {
                    require(!self.subject_keys.contains_key(subject), "a subject's key")?;
                }
                Expect::SubjectKey { subject, mark } => {
                    let key = self.subject_keys.get(subject);
                    require(key.is_some_and(|key| key.mark() == *mark), "a subject's key")?;
                }
                Expect::Record { kind, id, version } => self.expect_record(*kind, id, *version)?,
                Expect::Consent { subject, version } => require(said(subject) == *version, "a consent")?,
                Expect::NoIdempotencyKey(key) => {
                    require(!self.idempotency.contains_key(key), "an idempotency key")?;
                }
            }
        }
        Ok(())
    }

    fn has_due(&self, due: &Due) -> bool {
        self.current().any(|memory| has_expired(memory, due.memories_expired_by))
            || self.grants.values().any(|grant| grant.expires < due.grants_expired_before)
            || self.idempotency.values().any(|record| record.used < due.idempotency_before)
    }
}

fn parents(memory: &Memory) -> &[MemoryId] {
    memory.object().map_or(&[], |object| &object.provenance.derived_from)
}

fn has_expired(memory: &Memory, now: Timestamp) -> bool {
    memory.state != State::Tombstoned && memory.expires.is_some_and(|end| end <= now)
}

fn require(so: bool, what: &'static str) -> Result<(), StoreError> {
    if so { Ok(()) } else { Err(StoreError::Conflict(what)) }
}
