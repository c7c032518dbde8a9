//! Reads an entry's text back. Only the canonical spelling is an entry.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};

use super::entry::{Code, Draft, ENTRY_VERSION, MemoryRefs, PolicyRef, Verdict, canonical_text};
use super::hash::{Hash32, Seq, TextVisitor};
use super::keys::{AuditKey, KeyedDigest, Private, PrivateCheck};
use crate::ids::{AuditId, GrantId, MemoryId, TenantId};
use crate::purpose::Purpose;
use crate::scope::ScopeType;
use crate::time::Timestamp;

/// Why a text is no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEntry {
    /// It is no entry of this version: not JSON, a member missing, unknown or malformed, another version.
    #[error("is no audit entry of version 1")]
    Unreadable,
    /// It reads as an entry, but is not that entry's one canonical spelling.
    #[error("is not in canonical form")]
    NotCanonical,
}

/// What an entry says, read back from its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place.
    pub seq: Seq,
    /// What was decided.
    pub draft: Draft,
}

impl Record {
    /// Reads an entry's text.
    ///
    /// # Errors
    /// When the text is no entry, or not in its one canonical spelling.
    pub fn parse(text: &str) -> Result<Self, InvalidEntry> {
        let wire: Wire = serde_json::from_str(text).map_err(|_| InvalidEntry::Unreadable)?;
        let record = wire.into_record()?;
        if canonical_text(record.seq, &record.draft) == text {
            Ok(record)
        } else {
            Err(InvalidEntry::NotCanonical)
        }
    }

    /// Compares the private text that stands beside the entry, if it still does, with the digest inside.
    #[must_use]
    pub fn check_private(&self, private: Option<&Private>, key: Option<&AuditKey>) -> PrivateCheck {
        match (self.draft.private_digest, private, key) {
            (None, None, _) => PrivateCheck::None,
            (None, Some(_), _) => PrivateCheck::Differs,
            (Some(_), None, _) => PrivateCheck::Erased,
            (Some(_), Some(_), None) => PrivateCheck::Unkeyed,
            (Some(digest), Some(private), Some(key)) if key.private(private) == digest => {
                PrivateCheck::Matches
            }
            (Some(_), Some(_), Some(_)) => PrivateCheck::Differs,
        }
    }
}

/// A value that stands in JSON as a text.
trait FromText: Sized {
    fn from_text(text: &str) -> Option<Self>;
}

macro_rules! from_text {
    ($($type:ty: $read:expr),* $(,)?) => {
        $(impl FromText for $type {
            fn from_text(text: &str) -> Option<Self> {
                let read: fn(&str) -> Option<Self> = $read;
                read(text)
            }
        })*
    };
}

from_text! {
    AuditId: |text| Self::parse(text).ok(),
    Code: |text| Self::parse(text).ok(),
    GrantId: |text| Self::parse(text).ok(),
    MemoryId: |text| Self::parse(text).ok(),
    TenantId: |text| Self::parse(text).ok(),
    Purpose: Self::from_name,
    ScopeType: |text| Self::ALL.into_iter().find(|scope_type| scope_type.name() == text),
    Timestamp: |text| match text.strip_suffix("µs") {
        // A time beyond the calendar is written as bare microseconds.
        Some(micros) => micros.parse().ok().map(Self::from_unix_micros),
        None => Self::parse(text).ok(),
    },
    Verdict: Self::from_name,
}

struct Text<T>(T);

impl<'de, T: FromText> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor(T::from_text)).map(Self)
    }
}

/// The members of an entry, as JSON has them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    actor: Option<KeyedDigest>,
    as_of: Seq,
    decision: Text<Verdict>,
    grant: Option<Text<GrantId>>,
    id: Text<AuditId>,
    kind: Option<Text<Code>>,
    memory_count: u64,
    memory_digest: Hash32,
    memory_ids: Vec<Text<MemoryId>>,
    operation: Text<Code>,
    policy_hash: Hash32,
    policy_version: Arc<str>,
    private_digest: Option<KeyedDigest>,
    purpose: Option<Text<Purpose>>,
    reason_code: Option<Text<Code>>,
    rules: BTreeMap<Arc<str>, u64>,
    scope_type: Option<Text<ScopeType>>,
    seq: Seq,
    subject: Option<KeyedDigest>,
    tenant: Text<TenantId>,
    time: Text<Timestamp>,
    v: u64,
    value_digest: Option<KeyedDigest>,
}

impl Wire {
    fn into_record(self) -> Result<Record, InvalidEntry> {
        let memories = MemoryRefs {
            listed: self.memory_ids.into_iter().map(|id| id.0).collect(),
            count: self.memory_count,
            digest: self.memory_digest,
        };
        if self.v != ENTRY_VERSION || !memories.holds_together() {
            return Err(InvalidEntry::Unreadable);
        }
        let draft = Draft {
            id: self.id.0,
            tenant: self.tenant.0,
            time: self.time.0,
            operation: self.operation.0,
            actor: self.actor,
            subject: self.subject,
            purpose: self.purpose.map(|purpose| purpose.0),
            scope_type: self.scope_type.map(|scope_type| scope_type.0),
            kind: self.kind.map(|kind| kind.0),
            decision: self.decision.0,
            reason_code: self.reason_code.map(|reason| reason.0),
            rules: self.rules,
            as_of: self.as_of,
            policy: PolicyRef { version: self.policy_version, hash: self.policy_hash },
            memories,
            grant: self.grant.map(|grant| grant.0),
            private_digest: self.private_digest,
            value_digest: self.value_digest,
        };
        Ok(Record { seq: self.seq, draft })
    }
}
