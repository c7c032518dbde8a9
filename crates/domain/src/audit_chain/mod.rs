//! The tamper-evident chain of audit entries.
//!
//! One chain per tenant, without gaps. An engine writes a [`Draft`]; the store numbers and hashes it with
//! [`link`], in the transaction that makes the change:
//!
//! ```text
//! hash_n = SHA-256("memoryscope-audit-v1\0" ‖ hash_{n-1} ‖ JCS(entry_n))      hash_0 = 32 zero bytes
//! ```
//!
//! JCS is RFC 8785, so an entry has one spelling, and [`Record::parse`] takes no other. An entry holds no
//! content: people are named by [`KeyedDigest`]s under a key that erasure destroys, and what an auditor may
//! want beside them stands in a [`Private`] text that is kept next to the entry, is not hashed, and can be
//! erased without breaking the chain.
//!
//! [`Verifier`] walks a chain and names the first link that is not as it was written; a [`SignedCheckpoint`] kept
//! elsewhere lets it see a cut tail and a rewritten history too. `docs/audit.md` says what this finds and
//! what it cannot find; `tools/verify_audit.py` is a second verifier that shares no code with this one.

mod checkpoint;
mod entry;
mod export;
mod hash;
mod json;
mod keys;
mod parse;
mod stored;
mod verify;

pub use checkpoint::{
    Checkpoint, CheckpointChain, CheckpointKey, CheckpointPublicKey, InvalidCheckpoint, SignedCheckpoint,
    Trust, split_view,
};
pub use entry::{AUDIT_IDS_MAX, Code, Draft, Entry, InvalidCode, MemoryRefs, PolicyRef, Verdict, View, link};
pub use export::{EXPORT_FORMAT, ExportHeader, ExportVerifier, ExportedEntry, entry_line};
pub use hash::{Hash32, Head, InvalidHash, Seq};
pub use json::canonical_json;
pub use keys::{AuditKey, KeyedDigest, Private, PrivateCheck};
pub use parse::{InvalidEntry, Record};
pub use verify::{Broken, Reason, Row, Verification, Verifier};
