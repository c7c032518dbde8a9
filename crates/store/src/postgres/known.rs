//! What stands where a batch wants to write: read once for the whole batch, kept up to date with its winners, and
//! compared with what each change set expects.

use std::collections::{BTreeMap, BTreeSet};

use memoryscope_domain::audit_chain::{Hash32, KeyedDigest, SignedCheckpoint};
use memoryscope_domain::change::{Expect, Forgotten};
use memoryscope_domain::ids::{BridgeId, GrantId, MemoryId, SchemaId};
use memoryscope_domain::memory::SubjectRef;
use memoryscope_engine::port::StoreError;
use tokio_postgres::Row;
use uuid::Uuid;

use super::error::Failure;
use super::session::Call;
use super::value::{Bytes, Value};
use crate::common::conflict::{
    BRIDGE, BRIDGE_ID, CHECKPOINT, CHILDREN, CONSENT, GRANT, GRANT_TOKEN, IDEMPOTENCY_KEY, MEMORY, MEMORY_ID,
    POLICY, RECORD, SCHEMA, SCHEMA_ID, SUBJECT_KEY,
};
use crate::common::prepare::{GrantRow, Prepared, Step};
use crate::common::row::{self, corrupt};

/// One row for everything that stands under a name of the batch. The first column says what kind of thing it is.
///
/// `OFFSET 0` keeps each lookup whole: one descent of an index with the whole key. As a join, or with `= ANY`, a plan
/// that was made while the tables were empty walks everything that the tenant has.
const SQL: &str = "
    SELECT 1::bigint, m.id, NULL::bytea, NULL::text, NULL::text, m.version, 0::bigint
    FROM unnest($2::bytea[]) AS w (id) CROSS JOIN LATERAL
        (SELECT id, version FROM memories WHERE tenant = $1 AND id = w.id OFFSET 0) AS m
    UNION ALL SELECT 2, g.id, g.token_hash, NULL, NULL, g.version, g.expires
    FROM unnest($3::bytea[]) AS w (id) CROSS JOIN LATERAL
        (SELECT id, token_hash, version, expires FROM read_grants WHERE tenant = $1 AND id = w.id OFFSET 0) AS g
    UNION ALL SELECT 2, g.id, g.token_hash, NULL, NULL, g.version, g.expires
    FROM unnest($4::bytea[]) AS w (token) CROSS JOIN LATERAL
        (SELECT id, token_hash, version, expires FROM read_grants
         WHERE tenant = $1 AND token_hash = w.token OFFSET 0) AS g
    UNION ALL SELECT 3, s.subject, s.key, NULL, NULL, 0, 0
    FROM unnest($5::bytea[]) AS w (subject) CROSS JOIN LATERAL
        (SELECT subject, key FROM subject_keys WHERE tenant = $1 AND subject = w.subject OFFSET 0) AS s
    UNION ALL SELECT 4, NULL, NULL, k.client, k.key, k.used, 0
    FROM unnest($6::text[], $7::text[]) AS w (client, key) CROSS JOIN LATERAL
        (SELECT client, key, used FROM idempotency_keys
         WHERE tenant = $1 AND client = w.client AND key = w.key OFFSET 0) AS k
    UNION ALL SELECT 5, NULL, NULL, hash, NULL, 0, 0
    FROM active_policy WHERE tenant = $1
    UNION ALL SELECT 6, NULL, NULL, c.text, NULL, 0, 0
    FROM (SELECT text FROM checkpoints WHERE tenant = $1 AND $8 ORDER BY number DESC LIMIT 1) AS c
    UNION ALL SELECT 7, w.parent, NULL, NULL, NULL, n.children, 0
    FROM unnest($9::bytea[]) AS w (parent) CROSS JOIN LATERAL
        (SELECT count(*) AS children FROM links WHERE tenant = $1 AND parent = w.parent OFFSET 0) AS n
    UNION ALL SELECT 8, c.subject, NULL, NULL, NULL, c.version, 0
    FROM unnest($10::bytea[]) AS w (subject) CROSS JOIN LATERAL
        (SELECT subject, version FROM consents WHERE tenant = $1 AND subject = w.subject OFFSET 0) AS c
    UNION ALL SELECT 9, b.id, NULL, NULL, NULL, (b.valid_to_seq IS NULL)::int::bigint, 0
    FROM unnest($11::bytea[]) AS w (id) CROSS JOIN LATERAL
        (SELECT id, valid_to_seq FROM bridges WHERE tenant = $1 AND id = w.id OFFSET 0) AS b
    UNION ALL SELECT 10, s.id, NULL, NULL, NULL, s.version, 0
    FROM unnest($12::bytea[]) AS w (id) CROSS JOIN LATERAL
        (SELECT id, version FROM schemas WHERE tenant = $1 AND id = w.id OFFSET 0) AS s
    UNION ALL SELECT 11, r.subject, NULL, r.kind, r.id, r.version, 0
    FROM unnest($13::text[], $14::text[]) AS w (kind, id) CROSS JOIN LATERAL
        (SELECT kind, id, subject, version FROM records
         WHERE tenant = $1 AND kind = w.kind AND id = w.id OFFSET 0) AS r";

/// What a batch names.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    memories: BTreeSet<Bytes<16>>,
    grants: BTreeSet<Bytes<16>>,
    tokens: BTreeSet<Bytes<32>>,
    subjects: BTreeSet<Bytes<16>>,
    keys: BTreeSet<(&'a str, &'a str)>,
    checkpoint: bool,
    parents: BTreeSet<Bytes<16>>,
    consents: BTreeSet<Bytes<16>>,
    bridges: BTreeSet<Bytes<16>>,
    schemas: BTreeSet<Bytes<16>>,
    records: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Names<'a> {
    /// Everything that these change sets expect or change.
    pub(super) fn of(sets: &[&'a Prepared]) -> Self {
        let mut names = Self::default();
        for set in sets {
            set.expects.iter().for_each(|expect| names.expect(expect));
            set.steps.iter().for_each(|step| names.step(step));
        }
        names
    }

    fn expect(&mut self, expect: &'a Expect) {
        match expect {
            Expect::ActivePolicy(_) => {}
            Expect::Memory { id, .. } => _ = self.memories.insert(Bytes::of(id.uuid())),
            Expect::Children { parent, .. } => _ = self.parents.insert(Bytes::of(parent.uuid())),
            Expect::Grant { id, .. } => _ = self.grants.insert(Bytes::of(id.uuid())),
            Expect::NoSubjectKey(subject) | Expect::SubjectKey { subject, .. } => {
                self.subjects.insert(Bytes(subject.0));
            }
            Expect::Consent { subject, .. } => _ = self.consents.insert(Bytes(subject.0)),
            Expect::Record { kind, id, .. } => _ = self.records.insert((kind.name(), id)),
            Expect::NoIdempotencyKey(key) => _ = self.keys.insert((&key.client, &key.key)),
        }
    }

    fn step(&mut self, step: &'a Step) {
        match step {
            Step::InsertMemory(memory) | Step::ReplaceMemory(memory) | Step::EraseMemory(memory) => {
                self.memories.insert(Bytes::of(memory.id.uuid()));
            }
            Step::InsertGrant(grant) => {
                self.grants.insert(Bytes::of(grant.id.uuid()));
                self.tokens.insert(Bytes(grant.token_hash));
            }
            Step::ReplaceGrant(grant) => _ = self.grants.insert(Bytes::of(grant.id.uuid())),
            Step::InsertSubjectKey(subject, _) => _ = self.subjects.insert(Bytes(subject.0)),
            Step::InsertIdempotency(record) => _ = self.keys.insert((&record.client, &record.key)),
            Step::InsertBridge(bridge) | Step::RemoveBridge(bridge) => {
                self.bridges.insert(Bytes::of(bridge.id.uuid()));
            }
            Step::KeepRecord(record) => _ = self.records.insert((record.kind, &record.id)),
            Step::ForgetRecord { kind, id } => _ = self.records.insert((kind.name(), id)),
            Step::InsertCheckpoint { .. } => self.checkpoint = true,
            Step::KeepConsent(consent) => _ = self.consents.insert(Bytes(consent.subject.0)),
            Step::InsertSchema(schema) | Step::ReplaceSchema(schema) => {
                self.schemas.insert(Bytes::of(schema.id.uuid()));
            }
            Step::TouchSeeds { .. }
            | Step::Suppress(_)
            | Step::Forget(_)
            | Step::KeepVectors(_)
            | Step::KeepPolicy(_)
            | Step::ActivatePolicy(_)
            | Step::ForgetIdempotencyBefore(_)
            | Step::ForgetGrantsExpiredBefore(_)
            | Step::InsertSpiral(_)
            | Step::ForgetSpiral(_)
            | Step::MarkPending(_)
            | Step::UnmarkPending(_) => {}
        }
    }

    /// The statement that reads all of it, for a transaction that holds the tenant's head.
    pub(super) fn call(&self, tenant: String) -> Call<'static> {
        fn all<const N: usize>(set: &BTreeSet<Bytes<N>>) -> Value<'static> {
            Box::new(Vec::from_iter(set.iter().copied()))
        }
        fn pairs(set: &BTreeSet<(&str, &str)>) -> (Vec<String>, Vec<String>) {
            set.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).unzip()
        }
        let ((clients, keys), (kinds, names)) = (pairs(&self.keys), pairs(&self.records));
        Call::new(
            SQL,
            vec![
                Box::new(tenant),
                all(&self.memories),
                all(&self.grants),
                all(&self.tokens),
                all(&self.subjects),
                Box::new(clients),
                Box::new(keys),
                Box::new(self.checkpoint),
                all(&self.parents),
                all(&self.consents),
                all(&self.bridges),
                all(&self.schemas),
                Box::new(kinds),
                Box::new(names),
            ],
        )
    }
}

#[derive(Debug, Clone)]
struct Grant {
    token_hash: Vec<u8>,
    version: i64,
    expires: i64,
}

/// How a record stands, and whose it is.
#[derive(Debug)]
struct Stands {
    version: i64,
    subject: Option<Vec<u8>>,
}

/// What stands there.
#[derive(Debug)]
pub(super) struct Known {
    memories: BTreeMap<MemoryId, i64>,
    grants: BTreeMap<GrantId, Grant>,
    /// The audit keys that there are, by what they are known by.
    subjects: BTreeMap<Vec<u8>, KeyedDigest>,
    keys: BTreeMap<(String, String), i64>,
    /// At which versions the consents stand that there are.
    consents: BTreeMap<Vec<u8>, i64>,
    active_policy: Option<String>,
    /// How many children those have that a change set says something of.
    children: BTreeMap<MemoryId, i64>,
    /// Whether the bridges stand that there are or were.
    bridges: BTreeMap<BridgeId, bool>,
    schemas: BTreeMap<SchemaId, i64>,
    /// By kind and id: at which versions the records stand that there are, and whose they are.
    records: BTreeMap<(String, String), Stands>,
    /// The hash of the newest checkpoint. One that cannot be read is followed by none.
    last_checkpoint: Result<Option<Hash32>, StoreError>,
}

fn hold(holds: bool, what: &'static str) -> Result<(), StoreError> {
    if holds { Ok(()) } else { Err(StoreError::Conflict(what)) }
}

impl Known {
    /// From the rows of [`Names::call`].
    pub(super) fn read(rows: &[Row]) -> Result<Self, Failure> {
        let mut known = Self {
            memories: BTreeMap::new(),
            grants: BTreeMap::new(),
            subjects: BTreeMap::new(),
            keys: BTreeMap::new(),
            consents: BTreeMap::new(),
            active_policy: None,
            children: BTreeMap::new(),
            bridges: BTreeMap::new(),
            schemas: BTreeMap::new(),
            records: BTreeMap::new(),
            last_checkpoint: Ok(None),
        };
        for row in rows {
            known.read_row(row)?;
        }
        Ok(known)
    }

    fn read_row(&mut self, row: &Row) -> Result<(), Failure> {
        let id =
            || -> Result<Uuid, Failure> { Ok(Uuid::from_slice(row.try_get(1)?).map_err(|_| corrupt("id"))?) };
        match row.try_get::<_, i64>(0)? {
            1 => _ = self.memories.insert(MemoryId::from_uuid(id()?), row.try_get(5)?),
            2 => {
                let (token_hash, version, expires) = (row.try_get(2)?, row.try_get(5)?, row.try_get(6)?);
                self.grants.insert(GrantId::from_uuid(id()?), Grant { token_hash, version, expires });
            }
            3 => {
                let key = row::audit_key(row.try_get(2)?)?;
                self.subjects.insert(row.try_get(1)?, key.mark());
            }
            4 => _ = self.keys.insert((row.try_get(3)?, row.try_get(4)?), row.try_get(5)?),
            5 => self.active_policy = row.try_get(3)?,
            8 => _ = self.consents.insert(row.try_get(1)?, row.try_get(5)?),
            9 => _ = self.bridges.insert(BridgeId::from_uuid(id()?), row.try_get::<_, i64>(5)? != 0),
            10 => _ = self.schemas.insert(SchemaId::from_uuid(id()?), row.try_get(5)?),
            11 => {
                let stands = Stands { version: row.try_get(5)?, subject: row.try_get(1)? };
                self.records.insert((row.try_get(3)?, row.try_get(4)?), stands);
            }
            7 => _ = self.children.insert(MemoryId::from_uuid(id()?), row.try_get(5)?),
            _ => {
                let signed = SignedCheckpoint::parse(row.try_get(3)?).map_err(|_| corrupt("checkpoint"));
                self.last_checkpoint = signed.map(|signed| Some(signed.checkpoint.hash()));
            }
        }
        Ok(())
    }

    /// Compares everything that a change set expects, said or implied; if all of it holds, what the change set does is
    /// known from now on.
    pub(super) fn judge(&mut self, set: &Prepared) -> Result<(), StoreError> {
        set.expects.iter().try_for_each(|expect| self.check(expect))?;
        set.steps.iter().try_for_each(|step| self.check_step(step))?;
        set.steps.iter().for_each(|step| self.follow(step));
        Ok(())
    }

    fn check(&self, expect: &Expect) -> Result<(), StoreError> {
        match expect {
            Expect::ActivePolicy(hash) => hold(*hash == self.active_policy, POLICY),
            Expect::Memory { id, version } => hold(self.stands_at(*id, row::whole(*version)?), MEMORY),
            Expect::Children { parent, count } => {
                hold(self.children.get(parent).copied().unwrap_or(0) == row::whole(*count)?, CHILDREN)
            }
            Expect::Grant { id, version } => hold(self.grant_stands_at(*id, row::whole(*version)?), GRANT),
            Expect::NoSubjectKey(subject) => hold(self.lacks_subject(*subject), SUBJECT_KEY),
            Expect::SubjectKey { subject, mark } => {
                hold(self.subjects.get(subject.0.as_slice()) == Some(mark), SUBJECT_KEY)
            }
            Expect::Consent { subject, version } => {
                hold(self.consent_version(*subject) == row::whole(*version)?, CONSENT)
            }
            Expect::Record { kind, id, version } => {
                hold(self.record_version(kind.name(), id) == row::whole(*version)?, RECORD)
            }
            Expect::NoIdempotencyKey(key) => hold(self.lacks_key(&key.client, &key.key), IDEMPOTENCY_KEY),
        }
    }

    /// What a change implies: an insertion that the record is absent, a replacement that the version before it stands.
    fn check_step(&self, step: &Step) -> Result<(), StoreError> {
        match step {
            Step::InsertMemory(memory) => hold(!self.memories.contains_key(&memory.id), MEMORY_ID),
            Step::ReplaceMemory(memory) | Step::EraseMemory(memory) => {
                hold(self.stands_at(memory.id, memory.version - 1), MEMORY)
            }
            Step::InsertGrant(grant) => {
                let is_new = !self.grants.contains_key(&grant.id)
                    && self.grants.values().all(|other| other.token_hash != grant.token_hash);
                hold(is_new, GRANT_TOKEN)
            }
            Step::ReplaceGrant(grant) => hold(self.grant_stands_at(grant.id, grant.version - 1), GRANT),
            Step::InsertSubjectKey(subject, _) => hold(self.lacks_subject(*subject), SUBJECT_KEY),
            Step::InsertSchema(schema) => hold(!self.schemas.contains_key(&schema.id), SCHEMA_ID),
            Step::ReplaceSchema(schema) => {
                hold(self.schemas.get(&schema.id) == Some(&(schema.version - 1)), SCHEMA)
            }
            Step::KeepRecord(record) => {
                hold(self.record_version(record.kind, &record.id) == record.version - 1, RECORD)
            }
            Step::InsertIdempotency(record) => {
                hold(self.lacks_key(&record.client, &record.key), IDEMPOTENCY_KEY)
            }
            Step::InsertBridge(bridge) => hold(!self.bridges.contains_key(&bridge.id), BRIDGE_ID),
            Step::RemoveBridge(bridge) => hold(self.bridges.get(&bridge.id) == Some(&true), BRIDGE),
            Step::KeepConsent(consent) => {
                hold(self.consent_version(consent.subject) == consent.version - 1, CONSENT)
            }
            Step::InsertCheckpoint { follows, .. } => {
                hold(self.last_checkpoint.clone()? == *follows, CHECKPOINT)
            }
            Step::TouchSeeds { .. }
            | Step::Suppress(_)
            | Step::Forget(_)
            | Step::KeepVectors(_)
            | Step::KeepPolicy(_)
            | Step::ActivatePolicy(_)
            | Step::ForgetIdempotencyBefore(_)
            | Step::ForgetGrantsExpiredBefore(_)
            | Step::InsertSpiral(_)
            | Step::ForgetSpiral(_)
            | Step::MarkPending(_)
            | Step::UnmarkPending(_)
            | Step::ForgetRecord { .. } => Ok(()),
        }
    }

    fn follow(&mut self, step: &Step) {
        match step {
            Step::InsertMemory(memory) => {
                self.memories.insert(memory.id, memory.version);
                for link in &memory.links {
                    self.children.entry(link.parent).and_modify(|children| *children += 1);
                }
            }
            Step::ReplaceMemory(memory) => _ = self.memories.insert(memory.id, memory.version),
            Step::EraseMemory(memory) => {
                self.memories.insert(memory.id, memory.version);
                // Whose child it was is not known here: whoever counts on a number of children decides again.
                self.children.values_mut().for_each(|children| *children = -1);
            }
            Step::InsertGrant(grant) | Step::ReplaceGrant(grant) => {
                self.grants.insert(grant.id, Grant::of(grant));
            }
            Step::InsertSubjectKey(subject, key) => {
                self.subjects.insert(subject.0.to_vec(), key.mark());
            }
            Step::InsertBridge(bridge) => _ = self.bridges.insert(bridge.id, true),
            Step::RemoveBridge(bridge) => _ = self.bridges.insert(bridge.id, false),
            Step::InsertSchema(schema) | Step::ReplaceSchema(schema) => {
                self.schemas.insert(schema.id, schema.version);
            }
            Step::KeepRecord(record) => {
                let stands = Stands { version: record.version, subject: record.subject.map(Vec::from) };
                self.records.insert((record.kind.to_owned(), record.id.clone()), stands);
            }
            Step::ForgetRecord { kind, id } => {
                self.records.remove(&(kind.name().to_owned(), id.clone()));
            }
            Step::Forget(forgotten) => self.forget(forgotten),
            Step::InsertIdempotency(record) => {
                self.keys.insert((record.client.clone(), record.key.clone()), record.used);
            }
            Step::ActivatePolicy(hash) => self.active_policy = Some(hash.clone()),
            Step::ForgetIdempotencyBefore(time) => self.keys.retain(|_, used| *used >= *time),
            Step::ForgetGrantsExpiredBefore(time) => self.grants.retain(|_, grant| grant.expires >= *time),
            Step::InsertCheckpoint { text, .. } => {
                let signed = SignedCheckpoint::parse(text).map_err(|_| corrupt("checkpoint"));
                self.last_checkpoint = signed.map(|signed| Some(signed.checkpoint.hash()));
            }
            Step::KeepConsent(consent) => {
                self.consents.insert(consent.subject.0.to_vec(), consent.version);
            }
            Step::TouchSeeds { .. }
            | Step::Suppress(_)
            | Step::KeepVectors(_)
            | Step::KeepPolicy(_)
            | Step::InsertSpiral(_)
            | Step::ForgetSpiral(_)
            | Step::MarkPending(_)
            | Step::UnmarkPending(_) => {}
        }
    }

    fn forget(&mut self, forgotten: &Forgotten) {
        self.grants.retain(|id, _| !forgotten.grants.contains(id));
        self.bridges.retain(|id, _| !forgotten.bridges.contains(id));
        for key in &forgotten.keys {
            self.keys.remove(&(key.client.clone(), key.key.clone()));
        }
        if let Some(last) = &forgotten.last {
            self.subjects.remove(last.subject.0.as_slice());
            self.consents.remove(last.subject.0.as_slice());
            self.records.retain(|_, stands| stands.subject.as_deref() != Some(last.subject.0.as_slice()));
        }
    }

    fn stands_at(&self, id: MemoryId, version: i64) -> bool {
        self.memories.get(&id) == Some(&version)
    }

    fn grant_stands_at(&self, id: GrantId, version: i64) -> bool {
        self.grants.get(&id).is_some_and(|grant| grant.version == version)
    }

    fn consent_version(&self, subject: SubjectRef) -> i64 {
        self.consents.get(subject.0.as_slice()).copied().unwrap_or(0)
    }

    fn record_version(&self, kind: &str, id: &str) -> i64 {
        self.records.get(&(kind.to_owned(), id.to_owned())).map_or(0, |stands| stands.version)
    }

    fn lacks_subject(&self, subject: SubjectRef) -> bool {
        !self.subjects.contains_key(subject.0.as_slice())
    }

    fn lacks_key(&self, client: &str, key: &str) -> bool {
        !self.keys.contains_key(&(client.to_owned(), key.to_owned()))
    }
}

impl Grant {
    fn of(grant: &GrantRow) -> Self {
        Self { token_hash: grant.token_hash.to_vec(), version: grant.version, expires: grant.expires }
    }
}
