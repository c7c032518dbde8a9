//! The closed list of what a store can be told.

use serde::{Deserialize, Serialize};

use crate::audit_chain::{AuditKey, Draft, KeyedDigest, Private, Seq, SignedCheckpoint};
use crate::bridge::Bridge;
use crate::consent::Consents;
use crate::grant::ReadGrant;
use crate::graph::schema::StoredSchema;
use crate::ids::{BridgeId, GrantId, MemoryId, TenantId};
use crate::lifecycle::PendingMark;
use crate::memory::{Memory, SubjectRef};
use crate::record::{Record, RecordKind};
use crate::scope::Partition;
use crate::spiral::ThoughtPatternArtifact;
use crate::time::Timestamp;
use crate::vector::KeptVector;

/// What must still be so when a change set is applied; if it is not, nothing of it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// The content hash of the tenant's active policy; `None` means the server's default.
    ActivePolicy(Option<String>),
    /// A memory stands at this version.
    Memory {
        /// Which.
        id: MemoryId,
        /// Its version when it was loaded.
        version: u64,
    },
    /// As many memories name this one as what they were derived from.
    Children {
        /// Which.
        parent: MemoryId,
        /// How many did when it was loaded.
        count: u64,
    },
    /// A grant stands at this version.
    Grant {
        /// Which.
        id: GrantId,
        /// Its version when it was loaded.
        version: u64,
    },
    /// Nobody has made this subject's audit key meanwhile.
    NoSubjectKey(SubjectRef),
    /// A subject's audit key is still this one: erasure destroys it, and what stands under it then would be unreadable.
    SubjectKey {
        /// Whose.
        subject: SubjectRef,
        /// What the key is known by.
        mark: KeyedDigest,
    },
    /// A person's consent stands at this version; 0 where they have said nothing.
    Consent {
        /// Whose.
        subject: SubjectRef,
        /// Its version when it was loaded.
        version: u64,
    },
    /// Nobody has used this idempotency key meanwhile.
    NoIdempotencyKey(IdempotencyKey),
    /// A record stands at this version; 0 where there is none.
    Record {
        /// What it is of.
        kind: RecordKind,
        /// Its name.
        id: String,
        /// Its version when it was loaded.
        version: u64,
    },
}

/// One thing that a store is told to do.
#[derive(Debug, Clone)]
pub enum Change {
    /// Keep a new memory.
    InsertMemory(Memory),
    /// Keep the next version of a memory; the one before moves to the versions.
    ReplaceMemory(Memory),
    /// Keep a tombstone in a memory's place and wipe what every version of it said; and forget what anybody thinks of it: the records
    /// of opinions that are listed under its prefixed id.
    EraseMemory(Memory),
    /// Keep beside these memories when they last sprouted, for seeds that just did. That is no new version of them; the last one
    /// who says it is right, and of what is not there, or is erased, nothing is kept.
    TouchSeeds {
        /// Which.
        ids: Vec<MemoryId>,
        /// When.
        at: Timestamp,
    },
    /// Keep a new read grant.
    InsertGrant(ReadGrant),
    /// Keep the next version of a grant.
    ReplaceGrant(ReadGrant),
    /// Keep a subject's audit key.
    InsertSubjectKey {
        /// Whose.
        subject: SubjectRef,
        /// The key.
        key: AuditKey,
    },
    /// Keep the text of the policy that decided, so that traces can point at it. Does nothing where it is kept.
    KeepPolicy(PolicyDocument),
    /// From now on the tenant's decisions are made by the kept policy of this content hash.
    ActivatePolicy {
        /// Which.
        hash: String,
    },
    /// Remember what an idempotency key did.
    InsertIdempotency(IdempotencyRecord),
    /// Forget what idempotency keys did that were used before this time.
    ForgetIdempotencyBefore(Timestamp),
    /// Forget read grants that expired before this time.
    ForgetGrantsExpiredBefore(Timestamp),
    /// Keep what a person says about purposes, in the place of what they said before.
    KeepConsent(Consents),
    /// Keep what is left of erased values. What is kept already is kept once.
    Suppress(Vec<KeyedDigest>),
    /// Forget what there is of a person beside their memories.
    Forget(Box<Forgotten>),
    /// Keep that the descendants of a memory have not all followed it, in the place of what was kept of that before.
    MarkPending(PendingMark),
    /// The descendants of this memory have followed it. Does nothing where that was not in doubt.
    UnmarkPending(MemoryId),
    /// Keep a signed checkpoint. It names the last one that is kept, or it comes too late: checkpoints are a chain.
    InsertCheckpoint(SignedCheckpoint),
    /// Keep a spiral that was found, in the place of an earlier one of its scope.
    InsertSpiral(ThoughtPatternArtifact),
    /// Forget a scope's spiral. Does nothing where there is none.
    ForgetSpiral(Partition),
    /// Keep a new bridge.
    InsertBridge(Bridge),
    /// Keep that a bridge that stood was removed.
    RemoveBridge(Bridge),
    /// Keep a new schema.
    InsertSchema(Box<StoredSchema>),
    /// Keep the next version of a schema in the place of the one before.
    ReplaceSchema(Box<StoredSchema>),
    /// Keep vectors of memories, in the place of those that were kept for them. A memory's next version keeps its vector where that is
    /// of the text it still has ([`Memory::text_key`]), and loses it otherwise.
    KeepVectors(Vec<KeptVector>),
    /// Keep a record: its first version, or the next one in the place of the one before.
    KeepRecord(Box<Record>),
    /// Forget a record. Does nothing where there is none.
    ForgetRecord {
        /// What it is of.
        kind: RecordKind,
        /// Its name.
        id: String,
    },
}

/// What is forgotten of a person. What is not there is forgotten already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// What the earlier versions of these memories said; their current ones stay.
    pub versions: Vec<MemoryId>,
    /// These grants.
    pub grants: Vec<GrantId>,
    /// These bridges, whether or not they stand.
    pub bridges: Vec<BridgeId>,
    /// What these idempotency keys did.
    pub keys: Vec<IdempotencyKey>,
    /// What stands beside these audit entries.
    pub entries: Vec<Seq>,
    /// At last the person's audit key, their consent, their records, and what stands beside later entries that name the person.
    pub last: Option<Last>,
}

/// The end of a person: nothing that was written under their key can be told any more from what never was about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last {
    /// Whose key.
    pub subject: SubjectRef,
    /// The texts by which what stands beside an entry names the person ([`Private::marks_of`]): one is enough.
    pub marks: Vec<String>,
    /// Only what stands beside entries behind this one.
    pub after: Seq,
}

/// A policy's text under its version and content hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDocument {
    /// `policy_version` of the document.
    pub version: String,
    /// Hexadecimal SHA-256 of `text`.
    pub hash: String,
    /// The YAML as it was loaded.
    pub text: String,
}

/// The key that a client gave a request, so that repeating it does nothing twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// Who gave it.
    pub client: String,
    /// The key.
    pub key: String,
}

/// What an idempotency key did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// Which key.
    pub key: IdempotencyKey,
    /// SHA-256 over the request that it came with.
    pub request_digest: [u8; 32],
    /// The operation's name.
    pub operation: String,
    /// The memories it made or changed, in order.
    pub memory_ids: Vec<MemoryId>,
    /// The grant it made or changed.
    pub grant: Option<GrantId>,
    /// The bridge it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<BridgeId>,
    /// When it was first used.
    pub used: Timestamp,
}

/// Everything that one operation does to a tenant, with the audit entry that says so. It is applied whole or not at
/// all, and durable when the store says it is.
#[derive(Debug, Clone)]
pub struct ChangeSet {
    /// Whose data.
    pub tenant: TenantId,
    /// What must still be so.
    pub expects: Vec<Expect>,
    /// What is done, in order.
    pub changes: Vec<Change>,
    /// What the audit chain says about it, before the store numbers it.
    pub entry: Draft,
    /// What stands beside the entry, erasable and not hashed.
    pub private: Private,
}
