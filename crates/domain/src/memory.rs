//! A memory: what every dialect writes and reads (model.md, "Memory").

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{MemoryId, TenantId, UserId};
use crate::policy::IngestState;
use crate::preference::{Domain, Kind, Preference};
use crate::principal::Principal;
use crate::scope::{Partition, Scope, ScopeType};
use crate::time::Timestamp;

/// What may still be done with a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Usable as the policy says.
    Active,
    /// Only rules that name the state grant it.
    Restricted,
    /// Its narrative is never returned, searched, quoted, counted or hinted at.
    Sealed,
    /// Unusable from the instant of its revocation.
    Revoked,
    /// Its content is erased; its id, its times and its audit remain.
    Tombstoned,
}

impl State {
    /// Every stored state, from the least to the most restrictive.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Restricted, Self::Sealed, Self::Revoked, Self::Tombstoned];

    /// Its name in requests, policies and stores.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Restricted => "restricted",
            Self::Sealed => "sealed",
            Self::Revoked => "revoked",
            Self::Tombstoned => "tombstoned",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl From<IngestState> for State {
    fn from(state: IngestState) -> Self {
        match state {
            IngestState::Active => Self::Active,
            IngestState::Restricted => Self::Restricted,
            IngestState::Sealed => Self::Sealed,
        }
    }
}

/// What kind of thing is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryType {
    /// A setting, a taste, a rule: what the scoped dialect keeps.
    Preference,
}

impl MemoryType {
    /// Its name in requests, policies and stores.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preference => "preference",
        }
    }
}

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    /// What the scoped dialect keeps.
    Preference(Preference),
    /// Nothing any more: what a tombstone holds in its content's place.
    Erased {
        /// What it was.
        was: MemoryType,
    },
}

impl Body {
    /// What kind of thing it is, or was.
    #[must_use]
    pub const fn memory_type(&self) -> MemoryType {
        match self {
            Self::Preference(_) => MemoryType::Preference,
            Self::Erased { was } => *was,
        }
    }
}

/// One memory, in its current version.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// Its name, for ever.
    pub id: MemoryId,
    /// Whose data.
    pub tenant: TenantId,
    /// Where it belongs. A tombstone keeps the type and forgets the id.
    pub scope: Scope,
    /// The key of `scope`, which outlives the scope's id.
    pub partition: Partition,
    /// What is remembered.
    pub body: Body,
    /// What may still be done with it.
    pub state: State,
    /// When it was stored.
    pub created: Timestamp,
    /// From when on it is gone, if ever.
    pub expires: Option<Timestamp>,
    /// Counts its versions, from 1.
    pub version: u64,
}

impl Memory {
    /// A first version.
    #[must_use]
    pub fn new(
        id: MemoryId,
        tenant: TenantId,
        scope: Scope,
        body: Body,
        created: Timestamp,
        expires: Option<Timestamp>,
    ) -> Self {
        let partition = scope.partition();
        Self { id, tenant, scope, partition, body, state: State::Active, created, expires, version: 1 }
    }

    /// Whether it can be used at all at `now`: neither revoked nor erased nor expired.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.state < State::Revoked && self.expires.is_none_or(|end| now < end)
    }

    /// Whether `principal` acts for the person it belongs to.
    #[must_use]
    pub fn is_owned_by(&self, principal: &Principal) -> bool {
        self.scope.scope_type == ScopeType::User
            && principal.user.as_ref().is_some_and(|user| Scope::of_user(user).partition() == self.partition)
    }

    /// The preference it holds, if it holds one.
    #[must_use]
    pub const fn preference(&self) -> Option<&Preference> {
        match &self.body {
            Body::Preference(preference) => Some(preference),
            Body::Erased { .. } => None,
        }
    }

    /// The next version, with everything that it said gone.
    #[must_use]
    pub fn tombstone(&self) -> Self {
        Self {
            scope: Scope { id: String::new(), ..self.scope.clone() },
            body: Body::Erased { was: self.body.memory_type() },
            state: State::Tombstoned,
            version: self.version + 1,
            ..self.clone()
        }
    }

    /// Whether nothing is left of it but that it was there.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        let erased = matches!(self.body, Body::Erased { .. });
        self.state == State::Tombstoned && erased && self.scope.id.is_empty()
    }

    /// This older version once the memory is erased: what it said is gone, that it was there remains.
    #[must_use]
    pub fn wiped(&self) -> Self {
        Self { state: self.state, version: self.version, ..self.tombstone() }
    }

    /// What a store indexes of it beside its columns: which shelf of its scope it stands on.
    #[must_use]
    pub fn shelf(&self) -> Option<Shelf> {
        self.preference().map(|p| Shelf { kind: p.kind(), domain: DomainKey::of(p.domain()) })
    }
}

/// Where in a user's scope a preference stands: exactly one kind and one domain, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shelf {
    /// The scoped dialect's `scope`.
    pub kind: Kind,
    /// The domain, as a key of fixed size.
    pub domain: DomainKey,
}

/// The first 16 bytes of SHA-256 over a domain, or 16 zero bytes for none: it can be indexed whatever its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DomainKey(pub [u8; 16]);

impl DomainKey {
    /// The key of a domain, or of none.
    #[must_use]
    pub fn of(domain: Option<&Domain>) -> Self {
        let mut key = [0u8; 16];
        if let Some(domain) = domain {
            let digest = Sha256::digest(domain.as_str().as_bytes());
            key.copy_from_slice(&digest[..16]);
        }
        Self(key)
    }
}

/// A stored text is not what this version of the program wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a stored {what} cannot be read: {why}")]
pub struct Unreadable {
    /// Which kind of record.
    pub what: &'static str,
    /// Why, without its content.
    pub why: String,
}

/// A memory without its body: what stands in a store's `document` column.
#[derive(Serialize, Deserialize)]
struct Document {
    id: MemoryId,
    tenant: TenantId,
    scope: Scope,
    partition: Partition,
    state: State,
    created: Timestamp,
    expires: Option<Timestamp>,
    version: u64,
}

/// The envelope of a body column: its first byte says how to open the rest.
const ENVELOPE_PLAIN: u8 = 0;

/// A memory as stores keep it: the same bytes in every store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMemory {
    /// Everything but the body, as JSON.
    pub document: String,
    /// The body in its envelope: one byte that says how it is sealed (0: not), then JSON.
    pub body: Vec<u8>,
}

impl StoredMemory {
    /// How a memory is kept.
    ///
    /// # Errors
    /// Never for a memory that this program made; the signature says what serialisation says.
    pub fn write(memory: &Memory) -> Result<Self, Unreadable> {
        let unreadable = |why: serde_json::Error| Unreadable { what: "memory", why: why.to_string() };
        let document = serde_json::to_string(&Document {
            id: memory.id,
            tenant: memory.tenant.clone(),
            scope: memory.scope.clone(),
            partition: memory.partition,
            state: memory.state,
            created: memory.created,
            expires: memory.expires,
            version: memory.version,
        })
        .map_err(unreadable)?;
        let mut body = vec![ENVELOPE_PLAIN];
        serde_json::to_writer(&mut body, &memory.body).map_err(unreadable)?;
        Ok(Self { document, body })
    }

    /// The memory that was kept.
    ///
    /// # Errors
    /// When either part is not what [`StoredMemory::write`] writes.
    pub fn read(document: &str, body: &[u8]) -> Result<Memory, Unreadable> {
        let unreadable = |why: serde_json::Error| Unreadable {
            what: "memory",
            why: format!("{:?} at column {}", why.classify(), why.column()),
        };
        let document: Document = serde_json::from_str(document).map_err(unreadable)?;
        let Some((&ENVELOPE_PLAIN, plain)) = body.split_first() else {
            return Err(Unreadable { what: "memory", why: "its body is in an unknown envelope".to_owned() });
        };
        let body: Body = serde_json::from_slice(plain).map_err(unreadable)?;
        let Document { id, tenant, scope, partition, state, created, expires, version } = document;
        Ok(Memory { id, tenant, scope, partition, body, state, created, expires, version })
    }
}

/// A person, as a key of fixed size: the first 16 bytes of SHA-256 over the user's name, or zeros for the tenant
/// itself. It names a row of `subject_keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SubjectRef(pub [u8; 16]);

impl SubjectRef {
    /// The tenant itself: the subject of what is about nobody.
    pub const TENANT: Self = Self([0; 16]);

    /// A person.
    #[must_use]
    pub fn of_user(user: &UserId) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"memoryscope-subject-v1\0");
        hasher.update(user.as_str().as_bytes());
        let digest = hasher.finalize();
        let mut key = [0u8; 16];
        key.copy_from_slice(&digest[..16]);
        Self(key)
    }
}
