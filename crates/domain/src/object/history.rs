//! What happened to a memory, and what may be changed in it.

use serde::{Deserialize, Serialize};

use super::list::{Distinct, Log};
use super::text::{Name, Note};
use crate::constraint::closed_list;
use crate::ids::UserId;
use crate::limits;
use crate::time::Timestamp;

closed_list!(
    /// What happened to a memory.
    Happening {
        /// It was stored.
        Created "created",
        /// It was restricted.
        Restricted "restricted",
        /// It was flagged, and so is its owner's alone until it is reviewed.
        Flagged "flagged",
        /// It was sealed.
        Sealed "sealed",
        /// Its seal was opened.
        Released "released",
        /// It was approved after a review.
        Approved "approved",
        /// It was rejected after a review, and so revoked.
        Rejected "rejected",
        /// It was revoked.
        Revoked "revoked",
        /// It was made stronger.
        Reinforced "reinforced",
        /// It was recalled, and perhaps changed.
        Recalled "recalled",
        /// What it says as an item was changed, or how it is treated.
        Revised "revised",
        /// Its truth was disputed.
        Disputed "disputed",
        /// Somebody attested to it or against it.
        Attested "attested",
        /// It was derived again because a parent changed.
        Rederived "rederived",
        /// Somebody remarked something.
        Noted "noted",
    }
);

/// What happened once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Happening,
    /// By whom, where a person is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// What was remarked: a reason, an attestation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
}

/// What a person says about a memory's truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// Who.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
    /// Whether they say that it is so, or that it is not.
    pub affirms: bool,
}

/// What happened to a memory.
pub type History = Log<HistoryEntry, { limits::HISTORY_ENTRIES_MAX }>;

closed_list!(
    /// What a recall may change, the least first: each allows what the ones before it do.
    ReconsolidationPolicy {
        /// A note in the history, and nothing of the memory.
        NeverEditSource "never_edit_source",
        /// New entries in lists.
        AppendOnly "append_only",
        /// How it feels.
        AllowRelabelAffectOnly "allow_relabel_affect_only",
        /// How sure it is.
        AllowUpdateClaimConfidence "allow_update_claim_confidence",
    }
);

/// What one recall changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceEntry {
    /// When.
    pub at: Timestamp,
    /// By whom, where a person is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// The paths of the fields that were changed.
    pub fields: Distinct<Name, { limits::UPDATED_FIELDS_MAX }>,
}

/// What recalls changed.
pub type ReconsolidationTrace = Log<TraceEntry, { limits::HISTORY_ENTRIES_MAX }>;
