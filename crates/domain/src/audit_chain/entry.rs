//! One entry: what is decided about, by whom, for what, and how it ended; and the link that numbers it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::hash::{Hash32, Head, Seq, link_hash, push_hex};
use super::json::{ObjectWriter, push_string, push_whole, sort_names};
use super::keys::KeyedDigest;
use super::parse::{InvalidEntry, Record};
use crate::ids::{AuditId, GrantId, MemoryId, TenantId};
use crate::purpose::Purpose;
use crate::scope::ScopeType;
use crate::time::Timestamp;

/// The version of the entry's format; another set of members needs another number.
pub(super) const ENTRY_VERSION: u64 = 1;

/// How many memory ids an entry lists: a listing of a thousand would be 39 KB of an entry of one. The rest are
/// counted and hashed.
pub const AUDIT_IDS_MAX: usize = 256;

/// The text is not a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 characters of A-Z a-z 0-9 . _ : / -")]
pub struct InvalidCode;

/// A word from one of the product's closed lists (operation, kind, reason): 1–64 characters of `[A-Za-z0-9._:/-]`.
///
/// Nothing a client writes freely fits, so no content reaches an entry by this way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(Cow<'static, str>);

impl Code {
    /// A memory was written.
    pub const MEMORY_WRITE: Self = Self::literal("MEMORY_WRITE");
    /// Memories were read.
    pub const MEMORY_READ: Self = Self::literal("MEMORY_READ");
    /// Memories were listed.
    pub const MEMORY_LIST: Self = Self::literal("MEMORY_LIST");
    /// Events, impacts or seeds were stored, or refused.
    pub const MEMORY_INGEST: Self = Self::literal("MEMORY_INGEST");
    /// One memory was asked for by its id.
    pub const MEMORY_GET: Self = Self::literal("MEMORY_GET");
    /// The versions of one memory were asked for.
    pub const MEMORY_HISTORY: Self = Self::literal("MEMORY_HISTORY");
    /// Events, impacts and seeds were asked for.
    pub const MEMORY_QUERY: Self = Self::literal("MEMORY_QUERY");
    /// A context was put together.
    pub const MEMORY_RECONSTRUCT: Self = Self::literal("MEMORY_RECONSTRUCT");
    /// A memory, or the grant to read one, was taken back.
    pub const MEMORY_REVOKE: Self = Self::literal("MEMORY_REVOKE");
    /// A memory was erased.
    pub const MEMORY_DELETE: Self = Self::literal("MEMORY_DELETE");
    /// Memories came to the end of their time.
    pub const MEMORY_EXPIRE: Self = Self::literal("MEMORY_EXPIRE");
    /// The chain itself was read.
    pub const AUDIT_READ: Self = Self::literal("AUDIT_READ");

    /// A code that stands in our source; in a `const`, a malformed one does not compile.
    ///
    /// # Panics
    /// When the text is not a code.
    #[must_use]
    pub const fn literal(text: &'static str) -> Self {
        assert!(is_code(text), "must be 1 to 64 characters of A-Z a-z 0-9 . _ : / -");
        Self(Cow::Borrowed(text))
    }

    /// Reads a code.
    ///
    /// # Errors
    /// When it is empty, over 64 characters, or holds other characters than `[A-Za-z0-9._:/-]`.
    pub fn parse(text: &str) -> Result<Self, InvalidCode> {
        if is_code(text) { Ok(Self(Cow::Owned(text.to_owned()))) } else { Err(InvalidCode) }
    }

    /// The code as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const fn is_code(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_alphanumeric() && !matches!(bytes[at], b'.' | b'_' | b':' | b'/' | b'-') {
            return false;
        }
        at += 1;
    }
    !bytes.is_empty() && bytes.len() <= 64
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It was allowed, and its effect is in the same commit.
    Allowed,
    /// It was refused.
    Denied,
    /// What it named is not there, or is hidden from the caller.
    NotFound,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 3] = [Self::Allowed, Self::Denied, Self::NotFound];

    /// Its name in entries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
        }
    }

    /// The verdict of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }
}

/// The policy that decided: its version's name and the hash of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRef {
    /// The version's name.
    pub version: Arc<str>,
    /// The hash of its content.
    pub hash: Hash32,
}

/// The memories that an entry is about: all of them counted and hashed, the first [`AUDIT_IDS_MAX`] listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryRefs {
    pub(super) listed: Vec<MemoryId>,
    pub(super) count: u64,
    pub(super) digest: Hash32,
}

impl MemoryRefs {
    /// These memories, in this order.
    #[must_use]
    pub fn of(ids: &[MemoryId]) -> Self {
        Self {
            listed: ids[..ids.len().min(AUDIT_IDS_MAX)].to_vec(),
            count: ids.len() as u64,
            digest: Self::digest_of(ids),
        }
    }

    /// None.
    #[must_use]
    pub fn none() -> Self {
        Self::of(&[])
    }

    /// SHA-256 over the 16 bytes of each id, in order: what shows that a list of ids is the whole list.
    #[must_use]
    pub fn digest_of(ids: &[MemoryId]) -> Hash32 {
        let mut hasher = Sha256::new();
        for id in ids {
            hasher.update(id.uuid().as_bytes());
        }
        Hash32(hasher.finalize().into())
    }

    /// The ids that the entry lists: all, or the first [`AUDIT_IDS_MAX`].
    #[must_use]
    pub fn listed(&self) -> &[MemoryId] {
        &self.listed
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The digest of all ids, listed or not.
    #[must_use]
    pub const fn digest(&self) -> &Hash32 {
        &self.digest
    }

    /// Whether the list is the whole list, by number and by digest.
    pub(super) fn holds_together(&self) -> bool {
        let listed = self.listed.len();
        if self.count as usize == listed {
            listed <= AUDIT_IDS_MAX && self.digest == Self::digest_of(&self.listed)
        } else {
            listed == AUDIT_IDS_MAX && self.count > AUDIT_IDS_MAX as u64
        }
    }
}

/// An entry before the store has numbered it.
///
/// It holds no content: no free text, no names, no request. Those belong in [`Private`](super::Private).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The entry's id; shown as the access log's id.
    pub id: AuditId,
    /// Whose chain.
    pub tenant: TenantId,
    /// When the request was taken up.
    pub time: Timestamp,
    /// What was asked for.
    pub operation: Code,
    /// Who acted, under the subject's audit key.
    pub actor: Option<KeyedDigest>,
    /// Whom it was about, under the subject's audit key.
    pub subject: Option<KeyedDigest>,
    /// Why it was asked for.
    pub purpose: Option<Purpose>,
    /// The type of the scope it was about; the scope's id is private.
    pub scope_type: Option<ScopeType>,
    /// The kind of memory, such as `preferences` or `event`.
    pub kind: Option<Code>,
    /// How it ended.
    pub decision: Verdict,
    /// Why it ended so, such as `POLICY_DENIED` or `EXPIRED`.
    pub reason_code: Option<Code>,
    /// The rules that decided, each with the number of objects it decided.
    pub rules: BTreeMap<Arc<str>, u64>,
    /// The head of the chain that the decision saw.
    pub as_of: Seq,
    /// The policy that decided.
    pub policy: PolicyRef,
    /// The memories it was about.
    pub memories: MemoryRefs,
    /// The grant that it used, made or took back.
    pub grant: Option<GrantId>,
    /// The keyed digest of the private part.
    pub private_digest: Option<KeyedDigest>,
    /// The keyed digest of what was answered, which a replay compares.
    pub value_digest: Option<KeyedDigest>,
}

/// The canonical text of an entry. Members in the order of their names; what is absent is left out.
pub(super) fn canonical_text(seq: Seq, draft: &Draft) -> String {
    let mut object = ObjectWriter::with_capacity(1024 + 40 * draft.memories.listed.len());
    let digest = |object: &mut ObjectWriter, name, value: &Option<KeyedDigest>| {
        if let Some(value) = value {
            object.plain(name, |out| push_hex(out, &value.hash().0));
        }
    };
    digest(&mut object, "actor", &draft.actor);
    object.whole("as_of", draft.as_of.0);
    object.text("decision", draft.decision.name());
    if let Some(grant) = draft.grant {
        object.plain("grant", |out| push_id(out, "grant_", grant.uuid()));
    }
    object.plain("id", |out| push_id(out, "log_", draft.id.uuid()));
    if let Some(kind) = &draft.kind {
        object.text("kind", kind.as_str());
    }
    object.whole("memory_count", draft.memories.count);
    object.plain("memory_digest", |out| push_hex(out, &draft.memories.digest.0));
    object.raw("memory_ids", |out| push_ids(out, &draft.memories.listed));
    object.text("operation", draft.operation.as_str());
    object.plain("policy_hash", |out| push_hex(out, &draft.policy.hash.0));
    object.text("policy_version", &draft.policy.version);
    digest(&mut object, "private_digest", &draft.private_digest);
    if let Some(purpose) = draft.purpose {
        object.text("purpose", purpose.name());
    }
    if let Some(reason) = &draft.reason_code {
        object.text("reason_code", reason.as_str());
    }
    object.raw("rules", |out| push_rules(out, &draft.rules));
    if let Some(scope_type) = draft.scope_type {
        object.text("scope_type", scope_type.name());
    }
    object.whole("seq", seq.0);
    digest(&mut object, "subject", &draft.subject);
    object.text("tenant", draft.tenant.as_str());
    object.plain("time", |out| {
        let _ = write!(out, "{}", draft.time);
    });
    object.whole("v", ENTRY_VERSION);
    digest(&mut object, "value_digest", &draft.value_digest);
    object.finish()
}

fn push_id(out: &mut String, prefix: &str, id: uuid::Uuid) {
    out.push_str(prefix);
    out.push_str(id.simple().encode_lower(&mut uuid::Uuid::encode_buffer()));
}

fn push_ids(out: &mut String, ids: &[MemoryId]) {
    out.push('[');
    for (at, id) in ids.iter().enumerate() {
        out.push_str(if at > 0 { ",\"" } else { "\"" });
        push_id(out, "mem_", id.uuid());
        out.push('"');
    }
    out.push(']');
}

fn push_rules(out: &mut String, rules: &BTreeMap<Arc<str>, u64>) {
    let mut members: Vec<(&str, u64)> = rules.iter().map(|(rule, count)| (&**rule, *count)).collect();
    sort_names(&mut members);
    out.push('{');
    for (at, (rule, count)) in members.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_string(out, rule);
        out.push(':');
        push_whole(out, count);
    }
    out.push('}');
}

/// An entry in its place: what a store keeps, and nothing of it may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The entry's id.
    pub id: AuditId,
    /// Its place.
    pub seq: Seq,
    /// The hash of the entry before it.
    pub prev_hash: Hash32,
    /// Its own hash.
    pub hash: Hash32,
    /// Its canonical text, byte for byte.
    pub text: String,
}

impl Entry {
    /// The chain's head once this entry is in it.
    #[must_use]
    pub const fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }

    /// What the entry says.
    ///
    /// # Errors
    /// When the text is no canonical entry.
    pub fn parse(&self) -> Result<Record, InvalidEntry> {
        Record::parse(&self.text)
    }
}

/// Puts an entry after `head`.
///
/// The caller holds the head's row locked, and moves it to [`Entry::head`] in the same transaction.
#[must_use]
pub fn link(head: &Head, draft: &Draft) -> Entry {
    let seq = head.seq.next();
    let text = canonical_text(seq, draft);
    let hash = link_hash(&head.hash, &text);
    Entry { id: draft.id, seq, prev_hash: head.hash, hash, text }
}

/// An entry as an auditor sees it: its members, and its two hashes.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// What it says.
    pub record: &'a Record,
    /// The hash of the entry before it.
    pub prev_hash: Hash32,
    /// Its own hash.
    pub hash: Hash32,
}

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let Record { seq, draft } = self.record;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("seq", seq)?;
        map.serialize_entry("id", &draft.id.prefixed())?;
        map.serialize_entry("prev_hash", &self.prev_hash)?;
        map.serialize_entry("hash", &self.hash)?;
        map.serialize_entry("time", &draft.time.to_string())?;
        map.serialize_entry("operation", draft.operation.as_str())?;
        map.serialize_entry("purpose", &draft.purpose.map(Purpose::name))?;
        map.serialize_entry("decision", draft.decision.name())?;
        map.serialize_entry("reason_code", &draft.reason_code.as_ref().map(Code::as_str))?;
        map.serialize_entry("scope_type", &draft.scope_type.map(ScopeType::name))?;
        map.serialize_entry("kind", &draft.kind.as_ref().map(Code::as_str))?;
        map.serialize_entry("actor", &draft.actor)?;
        map.serialize_entry("subject", &draft.subject)?;
        let ids: Vec<String> = draft.memories.listed.iter().map(|id| id.prefixed()).collect();
        map.serialize_entry("memory_ids", &ids)?;
        map.serialize_entry("memory_count", &draft.memories.count)?;
        map.serialize_entry("memory_digest", &draft.memories.digest)?;
        map.serialize_entry("grant", &draft.grant.map(GrantId::prefixed))?;
        map.serialize_entry("rules", &draft.rules)?;
        map.serialize_entry("policy_version", &draft.policy.version)?;
        map.serialize_entry("policy_hash", &draft.policy.hash)?;
        map.serialize_entry("as_of", &draft.as_of)?;
        map.serialize_entry("private_digest", &draft.private_digest)?;
        map.serialize_entry("value_digest", &draft.value_digest)?;
        map.end()
    }
}
