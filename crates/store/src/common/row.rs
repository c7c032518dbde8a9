//! Between the domain's types and columns.

use memoryscope_domain::audit_chain::{AuditKey, Hash32, Head, KeyedDigest, Seq};
use memoryscope_domain::bridge::Bridge;
use memoryscope_domain::consent::Consents;
use memoryscope_domain::graph::schema::StoredSchema;
use memoryscope_domain::ids::{AuditId, TenantId};
use memoryscope_domain::memory::{Memory, State, SubjectRef};
use memoryscope_domain::record::{Record, RecordKind};
use memoryscope_domain::spiral::ThoughtPatternArtifact;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::port::{Load, StoreError};
use uuid::Uuid;

/// A state as it is stored. The order is the order of restriction, so that queries may compare.
pub(crate) const fn state_number(state: State) -> i64 {
    match state {
        State::Active => 0,
        State::Restricted => 1,
        State::Sealed => 2,
        State::Revoked => 3,
        State::Tombstoned => 4,
    }
}

/// The state that a number stands for.
fn state(number: i64) -> Result<State, StoreError> {
    State::ALL.into_iter().find(|state| state_number(*state) == number).ok_or_else(|| corrupt("state"))
}

/// An earlier version of a memory. What is left of a wiped one is what a tombstone in the current one's place would say.
pub(crate) fn earlier(
    current: &Memory,
    version: i64,
    number: i64,
    stored: Option<Memory>,
) -> Result<Memory, StoreError> {
    let (version, state) = (count(version)?, state(number)?);
    let memory = match stored {
        Some(memory) => memory,
        None if current.is_tombstone() => Memory { version, state, ..current.clone() },
        // A person was taken out of it, and what it said before named them.
        None => Memory { version, state, ..current.wiped() },
    };
    // A row that was copied to another place must not be believed.
    let is_its = memory.tenant == current.tenant && memory.id == current.id && memory.version == version;
    if is_its { Ok(memory) } else { Err(corrupt("version")) }
}

/// A count as a database keeps it.
pub(crate) fn whole(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Corrupt("a number is too large to be stored".to_owned()))
}

/// A limit as a database takes it.
pub(crate) fn limit(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A count that a database has kept.
pub(crate) fn count(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| corrupt("number"))
}

/// A hash that a database has kept.
pub(crate) fn hash(bytes: &[u8]) -> Result<Hash32, StoreError> {
    Hash32::from_slice(bytes).map_err(|_| corrupt("hash"))
}

/// A head that a database has kept.
pub(crate) fn head(seq: i64, bytes: &[u8]) -> Result<Head, StoreError> {
    Ok(Head { seq: Seq(count(seq)?), hash: hash(bytes)? })
}

/// An audit key that a database has kept.
pub(crate) fn audit_key(bytes: &[u8]) -> Result<AuditKey, StoreError> {
    Ok(AuditKey::from_bytes(bytes.try_into().map_err(|_| corrupt("audit key"))?))
}

/// An audit entry's id that a database has kept.
pub(crate) fn audit_id(bytes: &[u8]) -> Result<AuditId, StoreError> {
    Uuid::from_slice(bytes).map(AuditId::from_uuid).map_err(|_| corrupt("audit id"))
}

/// A tenant's name that a database has kept.
pub(crate) fn tenant(text: &str) -> Result<TenantId, StoreError> {
    TenantId::parse(text).map_err(|_| corrupt("tenant"))
}

/// A stored value is not what this program writes.
pub(crate) fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(format!("a stored {what} cannot be read"))
}

/// What a person said about purposes. A row that was copied to another place must not be believed.
pub(crate) fn consents(subject: &[u8], text: &str, load: &Load) -> Result<Consents, StoreError> {
    let subject = SubjectRef(subject.try_into().map_err(|_| corrupt("consent"))?);
    let consents = Consents::read(subject, text)?;
    let is_its_own = consents.tenant == load.tenant && load.rights.persons.contains(&subject);
    if is_its_own { Ok(consents) } else { Err(corrupt("consent")) }
}

/// A digest that a database has kept.
pub(crate) fn digest(bytes: &[u8]) -> Result<KeyedDigest, StoreError> {
    Ok(KeyedDigest::from_hash(hash(bytes)?))
}

/// What a database has kept of a record.
pub(crate) struct StoredRecord<'a> {
    pub(crate) kind: &'a str,
    pub(crate) id: &'a str,
    pub(crate) group: &'a str,
    pub(crate) subject: Option<&'a [u8]>,
    pub(crate) due: Option<i64>,
    pub(crate) version: i64,
    pub(crate) created: i64,
    pub(crate) document: &'a str,
}

/// A record that a database has kept.
pub(crate) fn record(row: &StoredRecord<'_>) -> Result<Record, StoreError> {
    let subject = row.subject.map(|subject| subject.try_into().map(SubjectRef)).transpose();
    let record = Record {
        kind: RecordKind::from_name(row.kind).ok_or_else(|| corrupt("record's kind"))?,
        id: row.id.to_owned(),
        group: row.group.to_owned(),
        subject: subject.map_err(|_| corrupt("record's subject"))?,
        due: row.due.map(Timestamp::from_unix_micros),
        version: count(row.version)?,
        created: Timestamp::from_unix_micros(row.created),
        document: row.document.to_owned(),
    };
    if record.flaw().is_some() { Err(corrupt("record")) } else { Ok(record) }
}

/// A spiral that was kept for one of the scopes. A row that was copied to another place must not be believed.
pub(crate) fn spiral(text: &str, load: &Load) -> Result<ThoughtPatternArtifact, StoreError> {
    let spiral = ThoughtPatternArtifact::read(text)?;
    let is_its_own = spiral.tenant == load.tenant && load.spirals.contains(&spiral.partition);
    if is_its_own { Ok(spiral) } else { Err(corrupt("spiral")) }
}

/// A bridge that was kept. A row that was copied to another place must not be believed.
pub(crate) fn bridge(text: &str, load: &Load) -> Result<Bridge, StoreError> {
    let bridge = Bridge::read(text)?;
    if bridge.tenant == load.tenant { Ok(bridge) } else { Err(corrupt("bridge")) }
}

/// A bridge that stands as of the commit that is asked about, whatever became of it since.
pub(crate) fn standing_bridge(text: &str, load: &Load) -> Result<Bridge, StoreError> {
    Ok(Bridge { removed: None, ..bridge(text, load)? })
}

/// The commit at which bridges that are asked for stand. The last one there may be is that of what is there now.
pub(crate) fn stood_at(load: &Load) -> i64 {
    load.as_of.map_or(i64::MAX, |seq| i64::try_from(seq.0).unwrap_or(i64::MAX))
}

/// A schema that was kept under an id. A row that was copied to another place must not be believed.
pub(crate) fn schema(text: &str, id: &[u8], load: &Load) -> Result<StoredSchema, StoreError> {
    let schema = StoredSchema::read(text)?;
    let is_its_own = schema.tenant == load.tenant && schema.id.uuid().as_bytes() == id;
    if is_its_own { Ok(schema) } else { Err(corrupt("schema")) }
}
