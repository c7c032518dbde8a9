//! Signed statements of where a chain stood: kept elsewhere, they bind whoever holds the store.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::hash::{Hash32, Head, InvalidHash, Seq, TextVisitor, decode_hex, push_hex};
use super::json::ObjectWriter;
use crate::ids::TenantId;
use crate::time::Timestamp;

/// Separates a checkpoint's signature from every other use of the key, and names the format's version.
const CHECKPOINT_LABEL: &[u8] = b"memoryscope-checkpoint-v1\0";
/// The version of the checkpoint's format.
const CHECKPOINT_VERSION: u64 = 1;

/// Why a checkpoint cannot be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCheckpoint {
    /// The text is no signed checkpoint of version 1 in canonical form.
    #[error("is no signed checkpoint of version 1 in canonical form")]
    Unreadable,
    /// The signature is not of this key over this checkpoint.
    #[error("its signature is wrong")]
    Signature,
    /// Another key than the trusted ones has signed it.
    #[error("its key is not among the trusted ones")]
    UntrustedKey,
    /// It belongs to another tenant's chain.
    #[error("it is another tenant's")]
    OtherTenant,
    /// It does not name the checkpoint before it.
    #[error("it does not follow the checkpoint before it")]
    Unlinked,
    /// It stands before its predecessor, or at the same place with another head.
    #[error("it goes back behind the checkpoint before it")]
    Backwards,
}

/// Where a tenant's chain stood at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose chain.
    pub tenant: TenantId,
    /// Its head.
    pub head: Head,
    /// When.
    pub time: Timestamp,
    /// The hash of the tenant's checkpoint before this one.
    pub prev_checkpoint: Option<Hash32>,
}

impl Checkpoint {
    /// Its canonical text.
    fn text(&self) -> String {
        let mut object = ObjectWriter::with_capacity(320);
        object.plain("head", |out| push_hex(out, &self.head.hash.0));
        match self.prev_checkpoint {
            Some(hash) => object.plain("prev_checkpoint", |out| push_hex(out, &hash.0)),
            None => object.raw("prev_checkpoint", |out| out.push_str("null")),
        }
        object.whole("seq", self.head.seq.0);
        object.text("tenant", self.tenant.as_str());
        object.text("time", &self.time.to_string());
        object.whole("v", CHECKPOINT_VERSION);
        object.finish()
    }

    /// What is signed: the label, then the canonical text.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        [CHECKPOINT_LABEL, self.text().as_bytes()].concat()
    }

    /// Its hash (of the signed message), which the next checkpoint names.
    #[must_use]
    pub fn hash(&self) -> Hash32 {
        Hash32::of(&self.message())
    }
}

/// An Ed25519 key that signs checkpoints; wiped from memory when dropped.
#[derive(Clone)]
pub struct CheckpointKey(SigningKey);

impl CheckpointKey {
    /// Takes 32 random bytes (RFC 8032's private key).
    #[must_use]
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// Reads a key file: 64 lower-case hexadecimal digits, white space around them ignored.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidHash> {
        decode_hex(text.trim()).map(|secret| Self::from_bytes(&secret)).ok_or(InvalidHash)
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn public(&self) -> CheckpointPublicKey {
        CheckpointPublicKey(self.0.verifying_key())
    }

    /// Signs a checkpoint. Deterministic: the same checkpoint gives the same signature.
    #[must_use]
    pub fn sign(&self, checkpoint: Checkpoint) -> SignedCheckpoint {
        let signature = self.0.sign(&checkpoint.message()).to_bytes();
        SignedCheckpoint { checkpoint, public_key: self.public(), signature }
    }
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckpointKey(redacted, public {})", self.public())
    }
}

/// The public half of a [`CheckpointKey`]; written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CheckpointPublicKey(VerifyingKey);

impl CheckpointPublicKey {
    /// Reads 64 lower-case hexadecimal digits, white space around them ignored.
    ///
    /// # Errors
    /// When the text is anything else, no point of the curve, a point under which anything verifies, or not
    /// the point's one spelling.
    pub fn parse(text: &str) -> Result<Self, InvalidHash> {
        let bytes: [u8; 32] = decode_hex(text.trim()).ok_or(InvalidHash)?;
        // 2^255 − 19 and above: a second spelling of a small number.
        let respelled = bytes[0] >= 0xed && bytes[1..31] == [0xff; 30] && bytes[31] & 0x7f == 0x7f;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| InvalidHash)?;
        if respelled || key.is_weak() { Err(InvalidHash) } else { Ok(Self(key)) }
    }

    /// The key's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }
}

impl fmt::Display for CheckpointPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hash32(self.to_bytes()), f)
    }
}

impl fmt::Debug for CheckpointPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for CheckpointPublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whose signatures count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Any well-formed signature: shows damage, but not an operator who signs anew. The keys are reported.
    AnyKey,
    /// Only these keys.
    Keys(Vec<CheckpointPublicKey>),
}

/// A checkpoint and its signature: small, public, and worth keeping where the operator cannot reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What is stated.
    pub checkpoint: Checkpoint,
    /// Who states it.
    pub public_key: CheckpointPublicKey,
    /// The Ed25519 signature over [`Checkpoint::message`].
    pub signature: [u8; 64],
}

impl SignedCheckpoint {
    /// Its canonical text: one line of JSON.
    #[must_use]
    pub fn text(&self) -> String {
        let mut object = ObjectWriter::with_capacity(640);
        object.raw("checkpoint", |out| out.push_str(&self.checkpoint.text()));
        object.plain("public_key", |out| push_hex(out, &self.public_key.to_bytes()));
        object.plain("signature", |out| push_hex(out, &self.signature));
        object.finish()
    }

    /// Reads a line that [`Self::text`] has written; white space around it is ignored. Verifies nothing.
    ///
    /// # Errors
    /// When the text is no signed checkpoint, or not in its one canonical spelling.
    pub fn parse(text: &str) -> Result<Self, InvalidCheckpoint> {
        let text = text.trim();
        let wire: SignedWire = serde_json::from_str(text).map_err(|_| InvalidCheckpoint::Unreadable)?;
        let signed = wire.into_signed().ok_or(InvalidCheckpoint::Unreadable)?;
        if signed.text() == text { Ok(signed) } else { Err(InvalidCheckpoint::Unreadable) }
    }

    /// Verifies the signature, strictly (RFC 8032 with the malleable cases refused), by a key that counts.
    ///
    /// # Errors
    /// When the key does not count or the signature is wrong.
    pub fn verify(&self, trust: &Trust) -> Result<&Checkpoint, InvalidCheckpoint> {
        if let Trust::Keys(keys) = trust
            && !keys.contains(&self.public_key)
        {
            return Err(InvalidCheckpoint::UntrustedKey);
        }
        let signature = Signature::from_bytes(&self.signature);
        match self.public_key.0.verify_strict(&self.checkpoint.message(), &signature) {
            Ok(()) => Ok(&self.checkpoint),
            Err(_) => Err(InvalidCheckpoint::Signature),
        }
    }
}

/// Whether two verified checkpoints prove that one chain was shown with two histories.
///
/// Checkpoints of different places prove nothing by themselves: give both to a
/// [`Verifier`](super::Verifier) with either reader's log.
#[must_use]
pub fn split_view(one: &Checkpoint, other: &Checkpoint) -> bool {
    one.tenant == other.tenant && one.head.seq == other.head.seq && one.head.hash != other.head.hash
}

/// Walks a tenant's checkpoints from the first, in order.
#[derive(Debug, Clone)]
pub struct CheckpointChain {
    tenant: TenantId,
    trust: Trust,
    last: Option<(Hash32, Head)>,
}

impl CheckpointChain {
    /// Before the first checkpoint.
    #[must_use]
    pub const fn new(tenant: TenantId, trust: Trust) -> Self {
        Self { tenant, trust, last: None }
    }

    /// Takes the next checkpoint.
    ///
    /// # Errors
    /// When its signature, tenant, predecessor or place is wrong; the chain then stays where it was.
    pub fn push<'a>(&mut self, signed: &'a SignedCheckpoint) -> Result<&'a Checkpoint, InvalidCheckpoint> {
        let checkpoint = signed.verify(&self.trust)?;
        if checkpoint.tenant != self.tenant {
            return Err(InvalidCheckpoint::OtherTenant);
        }
        if checkpoint.prev_checkpoint != self.last.map(|(hash, _)| hash) {
            return Err(InvalidCheckpoint::Unlinked);
        }
        if let Some((_, head)) = self.last
            && (checkpoint.head.seq < head.seq
                || checkpoint.head.seq == head.seq && checkpoint.head.hash != head.hash)
        {
            return Err(InvalidCheckpoint::Backwards);
        }
        self.last = Some((checkpoint.hash(), checkpoint.head));
        Ok(checkpoint)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedWire {
    checkpoint: CheckpointWire,
    public_key: String,
    signature: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointWire {
    head: Hash32,
    prev_checkpoint: Option<Hash32>,
    seq: Seq,
    tenant: TenantId,
    #[serde(deserialize_with = "read_time")]
    time: Timestamp,
    v: u64,
}

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    deserializer.deserialize_str(TextVisitor(|text| Timestamp::parse(text).ok()))
}

impl SignedWire {
    fn into_signed(self) -> Option<SignedCheckpoint> {
        let CheckpointWire { head, prev_checkpoint, seq, tenant, time, v } = self.checkpoint;
        if v != CHECKPOINT_VERSION {
            return None;
        }
        Some(SignedCheckpoint {
            checkpoint: Checkpoint { tenant, head: Head { seq, hash: head }, time, prev_checkpoint },
            public_key: CheckpointPublicKey::parse(&self.public_key).ok()?,
            signature: decode_hex(&self.signature)?,
        })
    }
}
