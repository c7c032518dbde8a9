//! What the engine needs from outside. A port belongs to its user, so they stand here and not with their makers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use memoryscope_domain::audit_chain::{AuditKey, Code, Head, Seq, Verdict};
use memoryscope_domain::bridge::Bridge;
use memoryscope_domain::change::{ChangeSet, IdempotencyKey, IdempotencyRecord, PolicyDocument};
use memoryscope_domain::govern::{Decided, Facts};
use memoryscope_domain::grant::{ReadGrant, Token, TokenHash};
use memoryscope_domain::ids::{AuditId, IdSeed, MemoryId, TenantId, UserId};
use memoryscope_domain::memory::{DomainKey, Key, SubjectRef};
use memoryscope_domain::place::Place;
use memoryscope_domain::policy::Filter;
use memoryscope_domain::preference::Kind;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::record::RecordKind;
use memoryscope_domain::scope::{Partition, Scope};
use memoryscope_domain::spiral::ThoughtPatternArtifact;
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::vector::ModelKey;
use memoryscope_domain::words::TermKey;

pub use self::beside::{Around, Near};
pub use self::bridged::{BridgeSelect, BridgesTo, Source};
pub use self::health::{Health, PoolUse};
pub use self::keyed::{KeyedSelect, PolicySelect, SchemaSelect};
pub use self::person::{PersonSelect, With, WithinSelect};
pub use self::records::{RecordPage, WantedRecords};
pub use self::rights::Rights;

mod beside;
mod bridged;
mod health;
mod keyed;
mod person;
mod records;
mod rights;

/// Where the time comes from. Read once per request.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Where identifiers come from: a seed per request, kept with its audit entry, so that a replay mints the same ones.
pub trait Ids: Send + Sync + fmt::Debug {
    /// A seed that was never given before.
    fn seed(&self) -> IdSeed;
}

/// The operating system's randomness, for what must not be guessed. Never seeded, never logged.
pub trait Secrets: Send + Sync + fmt::Debug {
    /// A revocation token.
    fn token(&self) -> Token;
    /// A subject's audit key.
    fn audit_key(&self) -> AuditKey;
}

/// Where measurements go. What it is told is named by closed lists or by numbers: no content, no person and no request
/// ever. It must not wait: it is called between a commit and its answer.
pub trait Meter: Send + Sync + fmt::Debug {
    /// A decision was made, and its audit entry is durable.
    fn decided(&self, _decision: &Decision<'_>) {}

    /// A transaction of so many change sets is durable.
    fn committed(&self, _change_sets: usize, _took: Duration) {}

    /// The expiry job has gone through all tenants.
    fn expired(&self, _run: ExpiryRun) {}
}

/// A meter that measures nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMeter;

impl Meter for NoMeter {}

/// A decision, as it is measured.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    /// Whose chain it is in.
    pub tenant: &'a TenantId,
    /// Its place there.
    pub seq: Seq,
    /// The operation's name, of [`crate::op::ALL`].
    pub operation: &'static str,
    /// How it was decided.
    pub outcome: Verdict,
    /// What for.
    pub purpose: Option<Purpose>,
}

/// A run of the expiry job, as it is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpiryRun {
    /// How many memories it erased.
    pub erased: usize,
    /// For how long the one that was longest due had been so; zero when none was.
    pub lag: Duration,
    /// Whether something that was due could not be erased.
    pub failed: bool,
}

/// Where memories are kept. Every method names the tenant first; none of them decides anything.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// Reads what an operation needs, in one snapshot.
    ///
    /// # Errors
    /// When the store cannot be read now ([`StoreError::Unavailable`]) or holds what this program did not write.
    async fn load(&self, load: &Load) -> Result<Snapshot, StoreError>;

    /// Applies a change set whole, or not at all; when it returns, it is durable.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when an expectation no longer holds: nothing was written.
    async fn commit(&self, decided: Decided<ChangeSet>) -> Result<Receipt, StoreError>;

    /// The text of a policy that was kept for the tenant.
    ///
    /// # Errors
    /// As [`Store::load`].
    async fn policy(&self, tenant: &TenantId, hash: &str) -> Result<Option<PolicyDocument>, StoreError>;

    /// The tenants that have a chain, in the order of their ids, from the one behind `after`, at most `limit`.
    ///
    /// # Errors
    /// As [`Store::load`].
    async fn tenants(&self, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError>;

    /// At most `limit` tenants that hold something whose time is over, in the order of their ids.
    ///
    /// # Errors
    /// As [`Store::load`].
    async fn tenants_due(&self, due: &Due, limit: usize) -> Result<Vec<TenantId>, StoreError>;

    /// At most `limit` tenants in which something is still to follow ([`Select::Pending`]), in the order of their ids, from the one
    /// behind `after`.
    ///
    /// # Errors
    /// As [`Store::load`].
    async fn tenants_pending(
        &self,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError>;

    /// At most `limit` tenants that have a memory with that key, in the order of their ids, from the one behind `after`.
    ///
    /// # Errors
    /// As [`Store::load`].
    async fn tenants_with(
        &self,
        key: Key,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError>;

    /// At most `limit` tenants that have a record of that kind that is due by then, in the order of their ids, from the one behind
    /// `after`.
    ///
    /// # Errors
    /// As [`Store::load`].
    async fn tenants_awaiting(
        &self,
        kind: RecordKind,
        by: Timestamp,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError>;

    /// Whether it can be written and read now.
    ///
    /// # Errors
    /// When it can't.
    async fn probe(&self) -> Result<Health, StoreError>;
}

/// What is read, for whom.
#[derive(Debug, Clone)]
pub struct Load {
    /// Whose data.
    pub tenant: TenantId,
    /// The request's time: what has expired by then is invisible.
    pub now: Timestamp,
    /// Which records.
    pub select: Select,
    /// What the policy lets through, over-approximated; a store may let more through, never less.
    pub filter: Filter,
    /// Whose audit key is wanted, unless a grant names its own user.
    pub subject: SubjectRef,
    /// The idempotency key whose record is wanted.
    pub idempotency: Option<IdempotencyKey>,
    /// The commit as of which memories are wanted, in the versions that were current then; `None`: the current ones.
    /// What has been erased since is in [`Facts::erased`] instead. It bears on what lists a scope, on the bridges that stand,
    /// on [`Select::Versions`], [`Select::Memories`] and [`Select::Evidence`], and on nothing else.
    pub as_of: Option<Seq>,
    /// The scopes whose spirals are wanted.
    pub spirals: Vec<Partition>,
    /// The bridges that are wanted, and what is looked at behind them.
    pub bridges: BridgesTo,
    /// What is wanted of persons' rights.
    pub rights: Rights,
    /// The records that are wanted.
    pub records: WantedRecords,
}

/// Which records an operation asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Select {
    /// None.
    Nothing,
    /// Live preferences of one scope, oldest first (created, then id).
    Preferences(PreferenceSelect),
    /// Events, impacts and seeds of one scope that have not expired and are below no mark, whatever their state, the latest
    /// first (when they happened, then the lower id).
    Objects(ObjectSelect),
    /// A memory in its current version, whatever its state, and the versions before it.
    Versions {
        /// Which.
        id: MemoryId,
        /// Only versions behind this number.
        after: u64,
        /// At most so many earlier versions, oldest first; [`Facts::more`] says whether there were more.
        limit: usize,
    },
    /// These memories, whatever their state; ids that the tenant lacks are left out.
    Memories(Vec<MemoryId>),
    /// These memories, whatever their state, as [`Facts::evidence`], and with them objects of a scope.
    Evidence {
        /// Which memories; ids that the tenant lacks are left out.
        ids: Vec<MemoryId>,
        /// Which objects.
        objects: ObjectSelect,
    },
    /// A memory, whatever its state, and its kin ([`Facts::family`]); of kin that are more than the limit, nobody.
    Family {
        /// Which.
        id: MemoryId,
        /// At most so many descendants.
        limit: usize,
    },
    /// The memory of the mark with the lowest id, as [`Facts::following`] and the only one of [`Facts::memories`], and some of
    /// what is below it: all of it, where that is no more than the limit and nothing of it was done before; else
    /// what is computed of it, and what is below that; else, behind its [`PendingMark::after`] and in order of the ids, as many
    /// of [`PAGES`] of what was asserted of it, with all that is below. Where even that is more than the limit, these
    /// children alone.
    ///
    /// [`PendingMark::after`]: memoryscope_domain::lifecycle::PendingMark::after
    /// [`PAGES`]: memoryscope_domain::lifecycle::PAGES
    Pending {
        /// At most so many descendants.
        limit: usize,
    },
    /// What is about a person and not erased, in order of the ids.
    Person(PersonSelect),
    /// What is in a namespace and not erased, in order of the ids.
    Within(WithinSelect),
    /// What there is of a person beside memories: grants ([`Facts::grants`]), bridges from or to their scope, whether or not
    /// they stand ([`Facts::bridges`]), both in order of their ids, and, whosever they are, what idempotency keys did
    /// ([`Facts::idempotency`]), by client and key.
    Belongings {
        /// Whose grants.
        user: UserId,
        /// Only keys behind this one.
        after: Option<IdempotencyKey>,
        /// At most so many of each; [`Facts::more`] says whether there were more keys.
        limit: usize,
    },
    /// Bridges ([`Facts::bridges`]).
    Bridges(BridgeSelect),
    /// The grant of that token, and, where asked, the live preferences it stands for.
    Grant {
        /// What the token hashes to.
        token_hash: TokenHash,
        /// How its memories are bounded; `None` where they are not wanted.
        memories: Option<GrantMemories>,
    },
    /// Memories that expired before now and are not yet tombstones, earliest first.
    Expired {
        /// At most so many.
        limit: usize,
    },
    /// Audit entries in the order of the chain.
    Entries {
        /// From the one behind this.
        after: Seq,
        /// Only entries of these operations; empty means all.
        operations: Vec<Code>,
        /// At most so many.
        limit: usize,
    },
    /// One audit entry.
    Entry(AuditId),
    /// One audit entry, and these memories, whatever their state; ids that the tenant lacks are left out.
    Logged {
        /// Which entry.
        entry: AuditId,
        /// Which memories.
        ids: Vec<MemoryId>,
    },
    /// Policies that are kept for the tenant.
    Policies(PolicySelect),
    /// Events, impacts and seeds that have one of some keys and have not expired, whatever their state and their scope, in
    /// order of their ids.
    Keyed(KeyedSelect),
    /// Objects of a scope, and behind them those of any scope that have one of some keys, in order of their ids: each once. As
    /// of an earlier commit the latter are those that have the keys now, as they were then.
    Shared {
        /// Which objects.
        objects: ObjectSelect,
        /// Which others.
        keyed: KeyedSelect,
    },
    /// Schemas that are kept for the tenant.
    Schemas(SchemaSelect),
    /// Memories that have words and no vector of this model, the first of them behind that place, by scope, by when they happened (the latest first) and by id; of those
    /// that have words, some may have no text to embed.
    Unembedded {
        /// Which model.
        model: ModelKey,
        /// Behind this scope and place.
        after: Option<(Partition, Place)>,
        /// At most so many.
        limit: usize,
    },
    /// The latest audit entry of an operation, if there is one.
    LatestEntry(Code),
    /// The whole chain, walked by the store through the domain's verifier with the checkpoints it keeps; no entries.
    Verification,
}

/// Whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Memories that expired at or before this time and are not yet tombstones.
    pub memories_expired_by: Timestamp,
    /// Grants that expired before this time.
    pub grants_expired_before: Timestamp,
    /// Idempotency keys that were used before this time.
    pub idempotency_before: Timestamp,
}

/// Which preferences of a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreferenceSelect {
    /// Whose.
    pub partition: Partition,
    /// Which kind.
    pub kind: Kind,
    /// Which domain; `None` means all of them.
    pub domain: Option<DomainKey>,
    /// Only those created at or after this time.
    pub created_from: Option<Timestamp>,
    /// Only those behind this one.
    pub after: Option<Place>,
    /// How far to look: at so many rows of the shelf behind `after`, at least one, expired ones and those that a filter
    /// turns down included. [`Facts::scan_end`] says where that was, if there are rows behind. None looks at all.
    pub scan: Option<usize>,
    /// At most so many; [`Facts::more`] says whether there were more among those that were looked at.
    pub limit: usize,
}

impl PreferenceSelect {
    /// The shelf that a grant stands for, bounded as asked.
    #[must_use]
    pub fn of_grant(grant: &ReadGrant, bounds: &GrantMemories, now: Timestamp) -> Self {
        Self {
            partition: Scope::of_user(&grant.user).partition(),
            kind: grant.kind,
            domain: Some(DomainKey::of(grant.domain.as_ref())),
            created_from: grant.clamp_age(bounds.max_age_days).map(|days| now.plus_days(-days)),
            after: None,
            scan: None,
            limit: bounds.limit,
        }
    }
}

/// Which events, impacts and seeds of a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectSelect {
    /// Whose.
    pub partition: Partition,
    /// Which of the scope's rows there are for this listing: on what hidden ones do not hide, their type.
    pub among: Filter,
    /// What the operation asks for, beside what the policy lets through: exact, like [`Load::filter`].
    pub wanted: Filter,
    /// Only those that happened at or after this time.
    pub since: Option<Timestamp>,
    /// Only those that happened before this time.
    pub until: Option<Timestamp>,
    /// Only those behind this one: earlier, or of the same time and with a higher id.
    pub after: Option<Place>,
    /// How far to look: at so many rows of `among` behind `after`, at least one, expired ones and those that a filter
    /// turns down included. [`Facts::scan_end`] says where that was, if there are rows behind. None looks at all.
    pub scan: Option<usize>,
    /// Only those whose words hold one of these keys at least, of which there are at most
    /// [`memoryscope_domain::limits::QUERY_TERMS_MAX`]; where more do than `limit`, those that
    /// [`memoryscope_domain::words::choose`] names. Then `scan` is none.
    pub words: Option<Vec<TermKey>>,
    /// Where words are named, those that are nearest to this beside those that hold one. In any case [`Facts::nearest`] says how near
    /// all of the memories are that have vectors.
    pub near: Option<Near>,
    /// And those beside these in their conversations.
    pub around: Around,
    /// At most so many; [`Facts::more`] says whether there were more among those that were looked at.
    pub limit: usize,
}

impl ObjectSelect {
    /// What the policy and the operation let through together.
    #[must_use]
    pub fn filter(&self, load: &Load) -> Filter {
        Filter::and([self.among.clone(), self.wanted.clone(), load.filter.clone()])
    }
}

/// How the memories of a grant are bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantMemories {
    /// A smaller age than was granted, if one is asked for.
    pub max_age_days: Option<i64>,
    /// At most so many; [`Facts::more`] says whether there were more.
    pub limit: usize,
}

/// What was read, as of one commit.
#[derive(Debug)]
pub struct Snapshot {
    /// The head of the tenant's chain at that moment.
    pub head: Head,
    /// The content hash of the tenant's active policy; `None` means the server's default.
    pub active_policy: Option<String>,
    /// Whose key `subject_key` is.
    pub subject: SubjectRef,
    /// That subject's audit key, if it has one.
    pub subject_key: Option<AuditKey>,
    /// What the idempotency key did, if it was used.
    pub idempotency: Option<IdempotencyRecord>,
    /// The spirals of the scopes that were named, those that have not expired, in any order.
    pub spirals: Vec<ThoughtPatternArtifact>,
    /// The bridges that were wanted, in order of their ids.
    pub bridges: Vec<Bridge>,
    /// The records.
    pub facts: Facts,
}

/// What a commit was numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The audit entry's place in the tenant's chain.
    pub seq: Seq,
}

/// Why a store did not do what it was told.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// An expectation no longer holds; nothing was written. Load and decide again.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// It can't be reached or written now; nothing is known to be written.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// It holds what this program did not write, or refuses what this program should not have asked.
    #[error("the store is corrupt or was misused: {0}")]
    Corrupt(String),
}

impl From<memoryscope_domain::memory::Unreadable> for StoreError {
    fn from(why: memoryscope_domain::memory::Unreadable) -> Self {
        Self::Corrupt(why.to_string())
    }
}

/// The ports that an engine stands on.
#[derive(Debug, Clone)]
pub struct Ports {
    /// Where memories are kept.
    pub store: Arc<dyn Store>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where identifiers come from.
    pub ids: Arc<dyn Ids>,
    /// Where secrets come from.
    pub secrets: Arc<dyn Secrets>,
}
