//! Identifiers, and the one deterministic source that mints them.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::limits;
use crate::time::Timestamp;

/// Why a text is not an identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(pub &'static str);

/// The isolation boundary: first in every key, index and statement. `t_` and 1–64 characters of `[A-Za-z0-9_-]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(String);

impl TenantId {
    /// Where requests without a tenant of their own go: the seed's single default app.
    #[must_use]
    pub fn default_tenant() -> Self {
        Self("t_default".to_owned())
    }

    /// Reads `t_…`.
    ///
    /// # Errors
    /// When the text is not `^t_[A-Za-z0-9_-]{1,64}$`.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let rest = text.strip_prefix("t_").unwrap_or_default();
        let shaped = rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if rest.is_empty() || rest.len() > limits::TENANT_ID_BYTES_MAX || !shaped {
            return Err(InvalidId("must be t_ followed by 1 to 64 characters of A-Z a-z 0-9 _ -"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The identifier as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TenantId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::parse(&text)
    }
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> Self {
        id.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A person as the caller's application names them: 1–1,024 bytes after trimming, no control characters, any script.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(String);

impl UserId {
    /// Trims and checks a user's name.
    ///
    /// # Errors
    /// When nothing is left after trimming, it is over 1,024 bytes, or holds a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(InvalidId("must not be empty or blank"));
        }
        if trimmed.len() > limits::USER_ID_BYTES_MAX {
            return Err(InvalidId("must be at most 1024 bytes"));
        }
        if trimmed.chars().any(char::is_control) {
            return Err(InvalidId("must not contain control characters"));
        }
        Ok(Self(trimmed.to_owned()))
    }

    /// The name as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::parse(&text)
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> Self {
        id.0
    }
}

/// A prefix and a UUID's hexadecimal digits.
struct Spelt(&'static str, Uuid);

impl fmt::Display for Spelt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)?;
        f.write_str(self.1.simple().encode_lower(&mut Uuid::encode_buffer()))
    }
}

/// A UUIDv7-backed identifier; `$prefix` is how the core dialect shows it.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Takes an identifier that a store or a client has kept.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The identifier as a UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            #[doc = concat!("`", $prefix, "` and 32 hexadecimal digits.")]
            #[must_use]
            pub fn prefixed(self) -> String {
                self.spelt().to_string()
            }

            /// The same, to be written somewhere.
            #[must_use]
            pub fn spelt(self) -> impl fmt::Display {
                Spelt($prefix, self.0)
            }

            #[doc = concat!("Reads a UUID or `", $prefix, "` and 32 hexadecimal digits.")]
            ///
            /// # Errors
            /// When the text is neither.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let bare = text.strip_prefix($prefix).unwrap_or(text);
                Uuid::try_parse(bare)
                    .map(Self)
                    .map_err(|_| InvalidId(concat!("must be a UUID, or ", $prefix, " and 32 hexadecimal digits")))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

uuid_id!(
    /// One memory, in whatever dialect it was written.
    MemoryId, "mem_"
);
uuid_id!(
    /// One read grant: what a revocation token stands for.
    GrantId, "grant_"
);
uuid_id!(
    /// One audit entry; shown as an access log's id.
    AuditId, "log_"
);
uuid_id!(
    /// One constraint.
    ConstraintId, "con_"
);
uuid_id!(
    /// One artifact of a pattern of thought: a spiral that was found.
    SpiralId, "tpa_"
);
uuid_id!(
    /// One bridge between two scopes.
    BridgeId, "brg_"
);

uuid_id!(
    /// One schema of a graph.
    SchemaId, "schema_"
);
uuid_id!(
    /// One node of a graph, as it is shown: whatever memories say of it under this id is one node.
    NodeId, "node_"
);

/// A request's name on every log line, response and audit entry: 1–128 characters of `[A-Za-z0-9._-]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// Takes the caller's name for the request.
    ///
    /// # Errors
    /// When it is empty, over 128 characters, or holds other characters than `[A-Za-z0-9._-]`.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let shaped = text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
        if text.is_empty() || text.len() > limits::REQUEST_ID_BYTES_MAX || !shaped {
            return Err(InvalidId("must be 1 to 128 characters of A-Z a-z 0-9 . _ -"));
        }
        Ok(Self(text.to_owned()))
    }

    /// A name of our own making.
    #[must_use]
    pub fn minted(uuid: Uuid) -> Self {
        Self(uuid.to_string())
    }

    /// The name as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MemoryId {
    /// Which of its request's identifiers it is, as far as its 12 bits tell ([`IdSource`]): the same for what a
    /// repeat of the request would make in its place.
    #[must_use]
    pub const fn count_in_request(self) -> u16 {
        let [_, _, _, _, _, _, high, low, ..] = self.uuid().into_bytes();
        u16::from_be_bytes([high & 0x0f, low])
    }
}

/// What seeds a request's identifiers; kept with the audit entry, so that a replay mints the same ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdSeed(pub [u8; 16]);

/// Mints UUIDv7 (RFC 9562) from a time and a seed: the same pair gives the same ids in the same order.
///
/// The 12 bits after the version count up, so ids of one request sort in the order of their making.
#[derive(Debug, Clone)]
pub struct IdSource {
    seed: IdSeed,
    unix_ms: u64,
    minted: u64,
}

impl IdSource {
    /// A source for one request.
    #[must_use]
    pub fn new(seed: IdSeed, now: Timestamp) -> Self {
        Self { seed, unix_ms: now.unix_ms(), minted: 0 }
    }

    /// The next identifier.
    pub fn next_uuid(&mut self) -> Uuid {
        let mut hasher = Sha256::new();
        hasher.update(b"memoryscope-id-v1\0");
        hasher.update(self.seed.0);
        hasher.update(self.minted.to_be_bytes());
        let noise = hasher.finalize();
        let mut bytes = [0u8; 16];
        bytes[..6].copy_from_slice(&self.unix_ms.to_be_bytes()[2..]);
        let count = u16::try_from(self.minted & 0x0fff).unwrap_or_default();
        bytes[6..8].copy_from_slice(&(0x7000 | count).to_be_bytes());
        bytes[8..].copy_from_slice(&noise[..8]);
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        self.minted += 1;
        Uuid::from_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_repeat_with_their_seed_and_sort_by_making() {
        let now = Timestamp::from_unix_micros(1_700_000_000_000_000);
        let mint = |seed| {
            let mut source = IdSource::new(IdSeed([seed; 16]), now);
            (0..5000).map(|_| source.next_uuid()).collect::<Vec<_>>()
        };
        assert_eq!(mint(1), mint(1));
        assert_ne!(mint(1), mint(2));
        assert!(mint(1)[..4096].is_sorted());
        assert_eq!(mint(1)[0].get_version_num(), 7);
    }

    #[test]
    fn tenants_users_and_requests_are_checked() {
        for good in ["t_a", "t_default", "t_A-1_z"] {
            assert_eq!(TenantId::parse(good).map(|t| t.as_str().to_owned()), Ok(good.to_owned()));
        }
        for bad in ["", "t_", "default", "t_a b", "t_é", &format!("t_{}", "a".repeat(65))] {
            assert!(TenantId::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(UserId::parse("  Åsa 🙂 ").map(|u| u.as_str().to_owned()), Ok("Åsa 🙂".to_owned()));
        for bad in ["", " \t ", "a\u{0}b", "a\u{85}b", &"é".repeat(513)] {
            assert!(UserId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(RequestId::parse("a.b-c_9").is_ok());
        assert!(RequestId::parse("a b").is_err());
    }

    #[test]
    fn memory_ids_have_two_spellings() {
        let id = MemoryId::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));
        assert_eq!(MemoryId::parse(&id.to_string()), Ok(id));
        assert_eq!(MemoryId::parse(&id.prefixed()), Ok(id));
        assert!(MemoryId::parse("mem_12").is_err());
    }
}
