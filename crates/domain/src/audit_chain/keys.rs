//! What an entry says about people: digests under a key that erasure destroys.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::Sha256;
use zeroize::Zeroize as _;

use super::hash::{Hash32, InvalidHash};
use super::json::canonical_json;

/// Names the format's version inside every keyed digest.
const DIGEST_LABEL: &[u8] = b"memoryscope-audit-v1\0";

/// A subject's audit key: 32 random bytes per tenant and subject, wiped from memory when dropped.
///
/// Destroying it unlinks the subject's entries: nobody can tell any more whom a digest names, and the chain
/// still verifies.
#[derive(Clone)]
pub struct AuditKey([u8; 32]);

impl Drop for AuditKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(redacted)")
    }
}

impl AuditKey {
    /// Takes 32 random bytes, or what a store has kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the store that keeps them. They belong in no log, answer or export.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Who acted.
    #[must_use]
    pub fn actor(&self, name: &str) -> KeyedDigest {
        self.digest(b"actor\0", name.as_bytes())
    }

    /// Whom it was about.
    #[must_use]
    pub fn subject(&self, name: &str) -> KeyedDigest {
        self.digest(b"subject\0", name.as_bytes())
    }

    /// The private part of an entry.
    #[must_use]
    pub fn private(&self, private: &Private) -> KeyedDigest {
        self.digest(b"private\0", private.as_str().as_bytes())
    }

    /// A value, such as the answer that a replay has to give again.
    #[must_use]
    pub fn value(&self, bytes: &[u8]) -> KeyedDigest {
        self.digest(b"value\0", bytes)
    }

    /// What is left of an erased value ([`crate::suppression`]).
    pub(crate) fn erased_value(&self, bytes: &[u8]) -> KeyedDigest {
        self.digest(b"erased\0", bytes)
    }

    /// What the key itself is known by: two keys have two marks.
    #[must_use]
    pub fn mark(&self) -> KeyedDigest {
        self.digest(b"mark\0", b"")
    }

    /// What a sealed place is known by.
    pub(crate) fn place_tag(&self, place: &[u8]) -> KeyedDigest {
        self.digest(b"place-tag\0", place)
    }

    /// What a sealed place is masked by.
    pub(crate) fn place_mask(&self, tag: &[u8]) -> KeyedDigest {
        self.digest(b"place-mask\0", tag)
    }

    /// HMAC-SHA-256; the label keeps a digest of one kind from standing for another.
    fn digest(&self, label: &[u8], bytes: &[u8]) -> KeyedDigest {
        // HMAC pads a short key with zeros to a block itself; doing it here leaves nothing that can fail.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        block.zeroize();
        mac.update(DIGEST_LABEL);
        mac.update(label);
        mac.update(bytes);
        KeyedDigest(Hash32(mac.finalize().into_bytes().into()))
    }
}

/// HMAC-SHA-256 under an [`AuditKey`]; written as 64 lower-case hexadecimal digits.
///
/// It is public (it stands in the chain), so equality need not be constant-time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyedDigest(Hash32);

impl KeyedDigest {
    /// Takes what a store has kept.
    #[must_use]
    pub const fn from_hash(hash: Hash32) -> Self {
        Self(hash)
    }

    /// The digest's bytes.
    #[must_use]
    pub const fn hash(&self) -> &Hash32 {
        &self.0
    }

    /// Reads 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidHash> {
        Hash32::parse(text).map(Self)
    }
}

impl fmt::Display for KeyedDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What stands beside an entry and can be erased: the request, free text, names. A JSON object's text.
///
/// The entry holds its keyed digest, over the bytes of this text, so a store must keep it as text.
/// Debug output shows its length only.
#[derive(Clone, PartialEq, Eq)]
pub struct Private(String);

impl Private {
    /// The canonical text of an object.
    #[must_use]
    pub fn of(object: &Map<String, Value>) -> Self {
        Self(canonical_json(object))
    }

    /// Takes the text that a store has kept, byte for byte.
    #[must_use]
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The object again.
    ///
    /// # Errors
    /// When the stored text is no JSON object.
    pub fn object(&self) -> Result<Map<String, Value>, serde_json::Error> {
        serde_json::from_str(&self.0)
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Private({} bytes)", self.0.len())
    }
}

/// How a private text compares with the digest in its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivateCheck {
    /// It is the text that was written.
    Matches,
    /// The entry never had one.
    None,
    /// It is gone, as erasure leaves it.
    Erased,
    /// It is there but its key is not, so nothing can be said.
    Unkeyed,
    /// It is not the text that was written, or the entry never had one.
    Differs,
}
