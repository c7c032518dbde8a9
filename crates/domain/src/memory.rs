//! A memory: what every dialect writes and reads (model.md, "Memory").

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::constraint::closed_list;
use crate::ids::{MemoryId, TenantId, UserId};
use crate::object::{Event, Impact, Object, Seed, Unit};
use crate::preference::{Domain, Kind, Preference};
use crate::scope::{Partition, Scope};
use crate::time::Timestamp;
use crate::words::Said;

mod access;
mod facet;
pub mod key;
pub mod keyset;
mod marks;
mod review;
mod state;
mod tags;
#[cfg(test)]
mod tests;
mod tokens;

pub use facet::{FACETS, Facet};
pub use key::Key;
pub use marks::{Marks, persons_of};
pub use review::{Awaited, REVIEW, Waiting};
pub use state::{Action, NoSuchMove, State, transition};
pub use tags::{TAGGED, TagKey};
pub use tokens::within_budget;

closed_list!(
    /// What kind of thing is remembered.
    MemoryType {
        /// Something that happened.
        Event "event",
        /// What was learnt from events, without the events.
        Impact "impact",
        /// What brings a context back when one of its cues is met.
        Seed "seed",
        /// A setting, a taste, a rule: what the scoped dialect keeps.
        Preference "preference",
    }
);

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    /// What the scoped dialect keeps.
    Preference(Preference),
    /// Something that happened.
    Event(Box<Event>),
    /// What was learnt from events.
    Impact(Box<Impact>),
    /// What brings a context back.
    Seed(Box<Seed>),
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
            Self::Event(_) => MemoryType::Event,
            Self::Impact(_) => MemoryType::Impact,
            Self::Seed(_) => MemoryType::Seed,
            Self::Erased { was } => *was,
        }
    }

    /// What events, impacts and seeds have in common, where it is one of them.
    #[must_use]
    pub fn object(&self) -> Option<&Object> {
        match self {
            Self::Preference(_) | Self::Erased { .. } => None,
            Self::Event(event) => Some(event),
            Self::Impact(impact) => Some(&impact.object),
            Self::Seed(seed) => Some(&seed.object),
        }
    }

    /// The same, to make the next version of it.
    #[must_use]
    pub fn object_mut(&mut self) -> Option<&mut Object> {
        match self {
            Self::Preference(_) | Self::Erased { .. } => None,
            Self::Event(event) => Some(event),
            Self::Impact(impact) => Some(&mut impact.object),
            Self::Seed(seed) => Some(&mut seed.object),
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
    /// Where an event, an impact or a seed stands among others, by when it happened: what the policy under which this
    /// version was written trusted. Preferences and tombstones stand nowhere.
    pub placed: Option<Timestamp>,
    /// Counts its versions, from 1.
    pub version: u64,
    /// What the system holds against it.
    pub marks: Marks,
    /// What a search found out of `body`; no part of the memory.
    pub said: Said,
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
        let placed = body.object().map(|object| object.temporal.observed);
        Self {
            id,
            tenant,
            scope,
            partition,
            body,
            state: State::Active,
            created,
            expires,
            placed,
            version: 1,
            marks: Marks::NONE,
            said: Said::default(),
        }
    }

    /// The same, placed by its claimed time where a policy trusts that.
    #[must_use]
    pub fn placed_by(self, claimed_time_trust_threshold: f64) -> Self {
        let placed = self.object().map(|object| object.temporal.occurred(claimed_time_trust_threshold));
        Self { placed, ..self }
    }

    /// Whether it can be used at all at `now`: neither revoked nor erased nor expired.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.state < State::Revoked && self.expires.is_none_or(|end| now < end)
    }

    /// The state that it has by itself, whatever its parents demand.
    #[must_use]
    pub fn own_state(&self) -> State {
        self.object().and_then(|object| object.provenance.own_state).unwrap_or(self.state)
    }

    /// Gives it a state of its own, and the stricter one that its parents demand, if it is.
    pub fn set_states(&mut self, own: State, demanded: State) {
        self.state = own.max(demanded);
        let state = self.state;
        if let Some(object) = self.body.object_mut() {
            object.provenance.own_state = (own != state).then_some(own);
        }
    }

    /// What it demands of what is derived from it: its state. What was computed from a sealed event may itself be seen, for
    /// it says only what may be known beside the seal; but what somebody derived from it may know more.
    #[must_use]
    pub fn weight(&self) -> State {
        let source = self.object().and_then(|object| object.provenance.source_state);
        match source {
            Some(State::Sealed) if self.own_state() < State::Revoked => State::Sealed,
            source => self.state.max(source.unwrap_or(State::Active)),
        }
    }

    /// The preference it holds, if it holds one.
    #[must_use]
    pub const fn preference(&self) -> Option<&Preference> {
        match &self.body {
            Body::Preference(preference) => Some(preference),
            _ => None,
        }
    }

    /// What events, impacts and seeds have in common, where it is one of them.
    #[must_use]
    pub fn object(&self) -> Option<&Object> {
        self.body.object()
    }

    /// How strong it is at `now`; a preference does not decay.
    #[must_use]
    pub fn strength(&self, now: Timestamp) -> Unit {
        self.object().map_or(Unit::ONE, |object| object.strength.effective(self.created, now))
    }

    /// From when on it is dormant under a policy's `dormancy_threshold`, if ever.
    #[must_use]
    pub fn dormant_at(&self, dormancy_threshold: f64) -> Option<Timestamp> {
        let threshold = Unit::clamped(dormancy_threshold);
        self.object().and_then(|object| object.strength.dormant_at(self.created, threshold))
    }

    /// When it happened, as far as ordering is concerned: see [`crate::object::Temporal::occurred`]. What has no times of its own
    /// happened when it was stored.
    #[must_use]
    pub fn occurred(&self, claimed_time_trust_threshold: f64) -> Timestamp {
        self.object().map_or(self.created, |object| object.temporal.occurred(claimed_time_trust_threshold))
    }

    /// Its place in a listing: sorted by it, the latest comes first, and of those at one time the lower id.
    #[must_use]
    pub fn place(&self, claimed_time_trust_threshold: f64) -> (Reverse<Timestamp>, MemoryId) {
        (Reverse(self.occurred(claimed_time_trust_threshold)), self.id)
    }

    /// The next version, with everything that it said gone.
    #[must_use]
    pub fn tombstone(&self) -> Self {
        Self {
            scope: Scope { id: String::new(), ..self.scope.clone() },
            body: Body::Erased { was: self.body.memory_type() },
            state: State::Tombstoned,
            placed: None,
            version: self.version + 1,
            marks: Marks::NONE,
            ..self.clone()
        }
    }

    /// Whether nothing is left of it but that it was there.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        let erased = matches!(self.body, Body::Erased { .. }) && self.placed.is_none();
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    placed: Option<Timestamp>,
    version: u64,
    #[serde(default, skip_serializing_if = "Marks::is_none")]
    marks: Marks,
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
            placed: memory.placed,
            version: memory.version,
            marks: memory.marks,
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
        let Document { id, tenant, scope, partition, state, created, expires, placed, version, marks } =
            document;
        let said = Said::default();
        Ok(Memory {
            id,
            tenant,
            scope,
            partition,
            body,
            state,
            created,
            expires,
            placed,
            version,
            marks,
            said,
        })
    }
}

/// A person, as a key of fixed size: the first 16 bytes of SHA-256 over the user's name, or zeros for the tenant
/// itself. It names a row of `subject_keys`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SubjectRef(pub [u8; 16]);

impl SubjectRef {
    /// The tenant itself: the subject of what is about nobody.
    pub const TENANT: Self = Self([0; 16]);

    /// A person.
    #[must_use]
    pub fn of_user(user: &UserId) -> Self {
        Self::of_name(user.as_str())
    }

    /// A person of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"memoryscope-subject-v1\0");
        hasher.update(name.as_bytes());
        let digest = hasher.finalize();
        let mut key = [0u8; 16];
        key.copy_from_slice(&digest[..16]);
        Self(key)
    }
}
