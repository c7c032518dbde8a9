//! A change set as rows. Made on the caller's thread: the one writer is the narrowest place, and writing JSON would
//! be half of its work.

use std::collections::BTreeSet;

use memoryscope_domain::audit_chain::{AuditKey, Draft, Hash32, Private};
use memoryscope_domain::bridge::Bridge;
use memoryscope_domain::change::{Change, ChangeSet, Expect, Forgotten, IdempotencyRecord, PolicyDocument};
use memoryscope_domain::consent::Consents;
use memoryscope_domain::grant::ReadGrant;
use memoryscope_domain::graph::schema::StoredSchema;
use memoryscope_domain::ids::{BridgeId, GrantId, MemoryId, SchemaId, SpiralId, TenantId};
use memoryscope_domain::lifecycle::PendingMark;
use memoryscope_domain::memory::{Memory, StoredMemory, SubjectRef};
use memoryscope_domain::object::Derivation;
use memoryscope_domain::record::{Record, RecordKind};
use memoryscope_domain::spiral::ThoughtPatternArtifact;
use memoryscope_domain::vector::KeptVector;
use memoryscope_engine::port::StoreError;

use super::fill::Keys;
use super::row::{self, state_number};

/// A row of `memories`, but for what the commit adds.
#[derive(Debug)]
pub(crate) struct MemoryRow {
    pub(crate) id: MemoryId,
    pub(crate) version: i64,
    pub(crate) partition: [u8; 16],
    pub(crate) memory_type: &'static str,
    pub(crate) kind: Option<&'static str>,
    pub(crate) domain_key: Option<[u8; 16]>,
    pub(crate) state: i64,
    pub(crate) created: i64,
    pub(crate) expires: Option<i64>,
    pub(crate) occurred: Option<i64>,
    pub(crate) facets: Option<i64>,
    pub(crate) keys: Keys,
    /// The text that a vector of it must be of.
    pub(crate) text: Option<[u8; 8]>,
    pub(crate) stored: StoredMemory,
    /// What it is looked up by.
    pub(crate) index: Vec<[u8; 16]>,
    /// From what it was derived; it is said once, when the memory is new.
    pub(crate) links: Vec<LinkRow>,
}

/// A row of `vectors`, but for the scope and the commit.
#[derive(Debug)]
pub(crate) struct VectorRow {
    pub(crate) memory: MemoryId,
    pub(crate) model: [u8; 8],
    pub(crate) text: [u8; 8],
    pub(crate) vector: Vec<u8>,
}

/// A row of `links`, but for the child.
#[derive(Debug)]
pub(crate) struct LinkRow {
    pub(crate) parent: MemoryId,
    pub(crate) kind: i64,
    pub(crate) transform: Option<String>,
}

/// A row of `read_grants`.
#[derive(Debug)]
pub(crate) struct GrantRow {
    pub(crate) id: GrantId,
    pub(crate) token_hash: [u8; 32],
    pub(crate) version: i64,
    pub(crate) expires: i64,
    pub(crate) document: String,
}

/// A row of `idempotency_keys`.
#[derive(Debug)]
pub(crate) struct IdempotencyRow {
    pub(crate) client: String,
    pub(crate) key: String,
    pub(crate) used: i64,
    pub(crate) document: String,
}

/// A row of `spiral_artifacts`.
#[derive(Debug)]
pub(crate) struct SpiralRow {
    pub(crate) partition: [u8; 16],
    pub(crate) id: SpiralId,
    pub(crate) expires: i64,
    pub(crate) document: String,
}

/// A row of `bridges`, but for what the commit adds.
#[derive(Debug)]
pub(crate) struct BridgeRow {
    pub(crate) id: BridgeId,
    pub(crate) source: [u8; 16],
    pub(crate) target: [u8; 16],
    pub(crate) expires: Option<i64>,
    pub(crate) document: String,
}

/// A row of `consents`.
#[derive(Debug)]
pub(crate) struct ConsentRow {
    pub(crate) subject: SubjectRef,
    pub(crate) version: i64,
    pub(crate) document: String,
}

/// A row of `schemas`.
#[derive(Debug)]
pub(crate) struct SchemaRow {
    pub(crate) id: SchemaId,
    pub(crate) version: i64,
    pub(crate) document: String,
}

/// A row of `records`.
#[derive(Debug)]
pub(crate) struct RecordRow {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) group: String,
    pub(crate) subject: Option<[u8; 16]>,
    pub(crate) due: Option<i64>,
    pub(crate) version: i64,
    pub(crate) created: i64,
    pub(crate) document: String,
}

/// One change as rows.
#[derive(Debug)]
pub(crate) enum Step {
    InsertMemory(MemoryRow),
    ReplaceMemory(MemoryRow),
    EraseMemory(MemoryRow),
    TouchSeeds { ids: Vec<MemoryId>, at: i64 },
    InsertGrant(GrantRow),
    ReplaceGrant(GrantRow),
    InsertSubjectKey(SubjectRef, AuditKey),
    KeepPolicy(PolicyDocument),
    ActivatePolicy(String),
    InsertIdempotency(IdempotencyRow),
    ForgetIdempotencyBefore(i64),
    ForgetGrantsExpiredBefore(i64),
    Forget(Box<Forgotten>),
    InsertCheckpoint { seq: i64, text: String, follows: Option<Hash32> },
    InsertSpiral(SpiralRow),
    ForgetSpiral([u8; 16]),
    InsertBridge(BridgeRow),
    RemoveBridge(BridgeRow),
    MarkPending(PendingMark),
    UnmarkPending(MemoryId),
    KeepConsent(ConsentRow),
    Suppress(Vec<[u8; 32]>),
    KeepVectors(Vec<VectorRow>),
    InsertSchema(SchemaRow),
    ReplaceSchema(SchemaRow),
    KeepRecord(RecordRow),
    ForgetRecord { kind: RecordKind, id: String },
}

/// A change set, ready to be applied.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) tenant: TenantId,
    pub(crate) expects: Vec<Expect>,
    pub(crate) steps: Vec<Step>,
    pub(crate) entry: Draft,
    pub(crate) private: Private,
}

impl Prepared {
    /// Turns a change set into rows.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it mixes tenants or touches a record twice: no operation asks for that.
    pub(crate) fn new(set: ChangeSet) -> Result<Self, StoreError> {
        if set.entry.tenant != set.tenant {
            return Err(misuse("its audit entry is another tenant's"));
        }
        let mut touched = Touched::default();
        let mut steps = Vec::with_capacity(set.changes.len());
        for change in set.changes {
            steps.push(step(&set.tenant, change, &mut touched)?);
        }
        Ok(Self { tenant: set.tenant, expects: set.expects, steps, entry: set.entry, private: set.private })
    }

    /// Whether content is to leave the files.
    pub(crate) fn erases(&self) -> bool {
        self.steps.iter().any(|step| match step {
            Step::EraseMemory(_) | Step::Forget(_) => true,
            Step::ForgetRecord { kind, .. } => kind.holds_content(),
            _ => false,
        })
    }
}

/// What a change set has named so far: expectations are compared before anything is written, so each record may
/// change once.
#[derive(Default)]
struct Touched {
    memories: BTreeSet<MemoryId>,
    grants: BTreeSet<GrantId>,
    bridges: BTreeSet<BridgeId>,
    schemas: BTreeSet<SchemaId>,
    records: BTreeSet<(RecordKind, String)>,
}

fn misuse(why: &str) -> StoreError {
    StoreError::Corrupt(format!("a change set was refused: {why}"))
}

fn step(tenant: &TenantId, change: Change, touched: &mut Touched) -> Result<Step, StoreError> {
    Ok(match change {
        Change::InsertMemory(memory) => Step::InsertMemory(memory_row(tenant, &memory, touched)?),
        Change::ReplaceMemory(memory) => Step::ReplaceMemory(memory_row(tenant, &memory, touched)?),
        Change::EraseMemory(memory) => Step::EraseMemory(memory_row(tenant, &memory, touched)?),
        Change::TouchSeeds { ids, at } => Step::TouchSeeds { ids, at: at.unix_micros() },
        Change::InsertGrant(grant) => Step::InsertGrant(grant_row(tenant, &grant, touched)?),
        Change::ReplaceGrant(grant) => Step::ReplaceGrant(grant_row(tenant, &grant, touched)?),
        Change::InsertSubjectKey { subject, key } => Step::InsertSubjectKey(subject, key),
        Change::KeepPolicy(policy) => Step::KeepPolicy(policy),
        Change::ActivatePolicy { hash } => Step::ActivatePolicy(hash),
        Change::InsertIdempotency(record) => Step::InsertIdempotency(idempotency_row(&record)?),
        Change::ForgetIdempotencyBefore(time) => Step::ForgetIdempotencyBefore(time.unix_micros()),
        Change::ForgetGrantsExpiredBefore(time) => Step::ForgetGrantsExpiredBefore(time.unix_micros()),
        Change::InsertSpiral(spiral) => Step::InsertSpiral(spiral_row(tenant, &spiral)?),
        Change::ForgetSpiral(partition) => Step::ForgetSpiral(partition.0),
        Change::InsertBridge(bridge) => Step::InsertBridge(bridge_row(tenant, &bridge, touched)?),
        Change::RemoveBridge(bridge) => Step::RemoveBridge(bridge_row(tenant, &bridge, touched)?),
        Change::MarkPending(mark) => Step::MarkPending(mark),
        Change::UnmarkPending(id) => Step::UnmarkPending(id),
        Change::KeepConsent(consents) => Step::KeepConsent(consent_row(tenant, &consents)?),
        Change::Suppress(digests) => Step::Suppress(digests.iter().map(|digest| digest.hash().0).collect()),
        Change::KeepVectors(vectors) => Step::KeepVectors(vectors.iter().map(vector_row).collect()),
        Change::InsertSchema(schema) => Step::InsertSchema(schema_row(tenant, &schema, touched)?),
        Change::ReplaceSchema(schema) => Step::ReplaceSchema(schema_row(tenant, &schema, touched)?),
        Change::KeepRecord(record) => Step::KeepRecord(record_row(*record, touched)?),
        Change::ForgetRecord { kind, id } => Step::ForgetRecord { kind, id: touched.record(kind, id)? },
        Change::Forget(forgotten) => Step::Forget(forgotten),
        Change::InsertCheckpoint(signed) => {
            if signed.checkpoint.tenant != *tenant {
                return Err(misuse("a checkpoint is another tenant's"));
            }
            let follows = signed.checkpoint.prev_checkpoint;
            Step::InsertCheckpoint {
                seq: row::whole(signed.checkpoint.head.seq.0)?,
                text: signed.text(),
                follows,
            }
        }
    })
}

fn memory_row(tenant: &TenantId, memory: &Memory, touched: &mut Touched) -> Result<MemoryRow, StoreError> {
    if memory.tenant != *tenant {
        return Err(misuse("a memory is another tenant's"));
    }
    if !touched.memories.insert(memory.id) {
        return Err(misuse("a memory is changed twice"));
    }
    let shelf = memory.shelf();
    Ok(MemoryRow {
        id: memory.id,
        version: row::whole(memory.version)?,
        partition: memory.partition.0,
        memory_type: memory.body.memory_type().name(),
        kind: shelf.map(|shelf| shelf.kind.name()),
        domain_key: shelf.map(|shelf| shelf.domain.0),
        state: state_number(memory.state),
        created: memory.created.unix_micros(),
        expires: memory.expires.map(|end| end.unix_micros()),
        occurred: memory.placed.map(|at| at.unix_micros()),
        facets: memory.facets(),
        keys: Keys::of(memory),
        text: memory.text_key().map(|text| text.0),
        stored: StoredMemory::write(memory)?,
        index: memory.keys().into_iter().map(|key| key.0).collect(),
        links: link_rows(memory),
    })
}

fn vector_row(kept: &KeptVector) -> VectorRow {
    VectorRow { memory: kept.memory, model: kept.model.0, text: kept.text.0, vector: kept.vector.to_bytes() }
}

/// Links follow from what a memory says of itself, so that no child is ever without them.
fn link_rows(memory: &Memory) -> Vec<LinkRow> {
    let Some(provenance) = memory.object().map(|object| &object.provenance) else { return Vec::new() };
    let kind = match provenance.derivation {
        Derivation::Asserted => 0,
        Derivation::Computed => 1,
    };
    let transform = provenance.transform_chain.last().map(|step| step.transform_id.as_str().to_owned());
    let row = |parent: &MemoryId| LinkRow { parent: *parent, kind, transform: transform.clone() };
    provenance.derived_from.iter().map(row).collect()
}

fn grant_row(tenant: &TenantId, grant: &ReadGrant, touched: &mut Touched) -> Result<GrantRow, StoreError> {
    if grant.tenant != *tenant {
        return Err(misuse("a grant is another tenant's"));
    }
    if !touched.grants.insert(grant.id) {
        return Err(misuse("a grant is changed twice"));
    }
    Ok(GrantRow {
        id: grant.id,
        token_hash: grant.token_hash.0,
        version: row::whole(grant.version)?,
        expires: grant.expires.unix_micros(),
        document: grant.write()?,
    })
}

fn spiral_row(tenant: &TenantId, spiral: &ThoughtPatternArtifact) -> Result<SpiralRow, StoreError> {
    if spiral.tenant != *tenant {
        return Err(misuse("a spiral is another tenant's"));
    }
    Ok(SpiralRow {
        partition: spiral.partition.0,
        id: spiral.id,
        expires: spiral.expires.unix_micros(),
        document: spiral.write()?,
    })
}

fn bridge_row(tenant: &TenantId, bridge: &Bridge, touched: &mut Touched) -> Result<BridgeRow, StoreError> {
    if bridge.tenant != *tenant {
        return Err(misuse("a bridge is another tenant's"));
    }
    if !touched.bridges.insert(bridge.id) {
        return Err(misuse("a bridge is changed twice"));
    }
    Ok(BridgeRow {
        id: bridge.id,
        source: bridge.source.partition().0,
        target: bridge.target.partition().0,
        expires: bridge.expires.map(|end| end.unix_micros()),
        document: bridge.write()?,
    })
}

fn consent_row(tenant: &TenantId, consents: &Consents) -> Result<ConsentRow, StoreError> {
    if consents.tenant != *tenant {
        return Err(misuse("a consent is another tenant's"));
    }
    let version = row::whole(consents.version)?;
    Ok(ConsentRow { subject: consents.subject, version, document: consents.write()? })
}

fn schema_row(
    tenant: &TenantId,
    schema: &StoredSchema,
    touched: &mut Touched,
) -> Result<SchemaRow, StoreError> {
    if schema.tenant != *tenant {
        return Err(misuse("a schema is another tenant's"));
    }
    if !touched.schemas.insert(schema.id) {
        return Err(misuse("a schema is changed twice"));
    }
    Ok(SchemaRow { id: schema.id, version: row::whole(schema.version)?, document: schema.write()? })
}

impl Touched {
    fn record(&mut self, kind: RecordKind, id: String) -> Result<String, StoreError> {
        if self.records.insert((kind, id.clone())) {
            Ok(id)
        } else {
            Err(misuse("a record is changed twice"))
        }
    }
}

fn record_row(record: Record, touched: &mut Touched) -> Result<RecordRow, StoreError> {
    if let Some(flaw) = record.flaw() {
        return Err(misuse(flaw));
    }
    Ok(RecordRow {
        kind: record.kind.name(),
        id: touched.record(record.kind, record.id)?,
        group: record.group,
        subject: record.subject.map(|subject| subject.0),
        due: record.due.map(|due| due.unix_micros()),
        version: row::whole(record.version)?,
        created: record.created.unix_micros(),
        document: record.document,
    })
}

fn idempotency_row(record: &IdempotencyRecord) -> Result<IdempotencyRow, StoreError> {
    let document =
        serde_json::to_string(record).map_err(|_| misuse("an idempotency record cannot be written"))?;
    Ok(IdempotencyRow {
        client: record.key.client.clone(),
        key: record.key.key.clone(),
        used: record.used.unix_micros(),
        document,
    })
}
