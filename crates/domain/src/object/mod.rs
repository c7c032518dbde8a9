//! The core dialect's objects: events, impacts and seeds.
//!
//! Each type here checks what it is made of, so that a value that exists is a right one; [`Object::faults`] says what is
//! wrong between fields, and what only the time of the request can tell. What the types say of each other stands in
//! `docs/decisions/0008-core-objects.md`.

pub mod affect;
pub mod content;
#[cfg(any(test, feature = "generators"))]
pub mod generate;
pub mod history;
pub mod list;
pub mod number;
pub mod ownership;
pub mod provenance;
mod redact;
pub mod sensitivity;
pub mod strength;
pub mod temporal;
pub mod text;

use serde::{Deserialize, Serialize};

pub use affect::{Affect, Feeling, PastFeeling};
pub use content::{Content, FreeForm, Procedural, ScopeFlags, Somatic};
pub use history::{
    Happening, History, HistoryEntry, ReconsolidationPolicy, ReconsolidationTrace, TraceEntry,
};
pub use list::{Distinct, List, Log};
pub use number::{HalfLifeDays, Invalid, Unit, Valence};
pub use ownership::{DisputeState, OwnerType, Ownership, Party, Visibility};
pub use provenance::{Derivation, Provenance, Source, TransformStep};
pub(crate) use redact::OBJECT_PATHS;
pub use sensitivity::{Handling, Level, Sensitivity};
pub use strength::{DecayModel, Strength};
pub use temporal::{Precision, Temporal, TimeRange};
pub use text::{Category, Cue, Label, Language, Line, Name, Note, Prose};

use crate::constraint::{Constraint, closed_list};
use crate::limits;
use crate::purpose::Purpose;
use crate::time::Timestamp;

closed_list!(
    /// In what sense a memory is true.
    TruthMode {
        /// It is claimed to be a fact.
        FactualClaim "factual_claim",
        /// Somebody experienced it so.
        SubjectiveExperience "subjective_experience",
        /// What would have been.
        Counterfactual "counterfactual",
        /// Made up.
        Imagined "imagined",
        /// Somebody else said so.
        SociallySourced "socially_sourced",
        /// How something is done.
        Procedural "procedural",
        /// What a body remembers.
        Somatic "somatic",
        /// True of somebody in a role.
        IdentityRoleBound "identity_role_bound",
    }
);

impl TruthMode {
    /// Whether it can be evidence for a tool decision. It is a hard rule: no policy makes fiction or hearsay evidence.
    #[must_use]
    pub const fn is_evidence(self) -> bool {
        !matches!(self, Self::Counterfactual | Self::Imagined | Self::SociallySourced)
    }
}

/// What every event, impact and seed has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    truth_mode: TruthMode,
    /// How sensitive it is.
    pub sensitivity: Sensitivity,
    /// Whose it is.
    pub ownership: Ownership,
    /// When it happened.
    pub temporal: Temporal,
    /// What it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// How it feels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affect: Option<Affect>,
    /// How something is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub procedural: Option<Procedural>,
    /// What a body remembers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub somatic: Option<Somatic>,
    /// How strong it is.
    pub strength: Strength,
    /// Where it comes from.
    pub provenance: Provenance,
    /// What happened to it.
    #[serde(default, skip_serializing_if = "Log::is_blank")]
    pub history: History,
    /// What a recall may change in it.
    pub reconsolidation: ReconsolidationPolicy,
    /// What recalls changed.
    #[serde(default, skip_serializing_if = "Log::is_blank")]
    pub trace: ReconsolidationTrace,
    /// Switches of its scope.
    #[serde(default, skip_serializing_if = "ScopeFlags::is_empty")]
    pub flags: ScopeFlags,
}

/// Something that happened.
pub type Event = Object;

/// When a seed sprouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// How sure a match must be.
    pub min_confidence: Unit,
    cooldown_seconds: u32,
}

impl Activation {
    /// Takes both.
    ///
    /// # Errors
    /// When the cooldown is over [`limits::COOLDOWN_SECONDS_MAX`].
    pub fn new(min_confidence: Unit, cooldown_seconds: u32) -> Result<Self, Invalid> {
        if cooldown_seconds > limits::COOLDOWN_SECONDS_MAX {
            return Err(Invalid("must be at most 31536000 seconds (a year)"));
        }
        Ok(Self { min_confidence, cooldown_seconds })
    }

    /// How long it rests after it sprouted, in seconds.
    #[must_use]
    pub const fn cooldown_seconds(self) -> u32 {
        self.cooldown_seconds
    }
}

/// What brings a context back when one of its cues is met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seed {
    /// What every object has.
    pub object: Object,
    /// What makes it sprout.
    pub cues: Distinct<Cue, { limits::CUES_MAX }>,
    /// When it does.
    pub activation: Activation,
}

/// What was learnt from events, without the events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Impact {
    /// What every object has.
    pub object: Object,
    /// What is to be held to.
    pub constraints: List<Constraint, { limits::IMPACT_CONSTRAINTS_MAX }>,
}

/// Something wrong between fields, or with the time of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The field, as the core dialect calls it.
    pub path: &'static str,
    /// What is wrong with it; it says what is allowed.
    pub reason: &'static str,
}

impl Object {
    /// An object with what the policy's catalogue assumes of a memory that does not say more.
    #[must_use]
    pub fn new(truth_mode: TruthMode, temporal: Temporal) -> Self {
        Self {
            truth_mode,
            sensitivity: Sensitivity::default(),
            ownership: Ownership::default(),
            temporal,
            content: None,
            affect: None,
            procedural: None,
            somatic: None,
            strength: Strength::default(),
            provenance: Provenance::default(),
            history: History::default(),
            reconsolidation: ReconsolidationPolicy::NeverEditSource,
            trace: ReconsolidationTrace::default(),
            flags: ScopeFlags::default(),
        }
    }

    /// In what sense it is true: for ever.
    #[must_use]
    pub const fn truth_mode(&self) -> TruthMode {
        self.truth_mode
    }

    /// What a client that sends this object at `now` gets wrong, in the order of the fields.
    #[must_use]
    pub fn faults(&self, now: Timestamp) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |is_wrong: bool, path, reason| {
            if is_wrong {
                faults.push(Fault { path, reason });
            }
        };
        fault(
            self.temporal.observed > now.plus_micros(limits::OBSERVED_AHEAD_SECONDS_MAX * 1_000_000),
            "temporal.occurred_at_observed",
            "must be at most 5 minutes in the future",
        );
        fault(
            self.strength.last_reinforced.is_some_and(|at| at > now),
            "strength.last_reinforced_at",
            "must not be in the future",
        );
        fault(
            self.provenance.derivation == Derivation::Asserted
                && self.provenance.derived_from.is_empty()
                && !self.provenance.transform_chain.is_empty(),
            "provenance.transform_chain",
            "must be empty where derived_from is",
        );
        faults
    }

    /// Whether its writer or a dispute keeps it out of every prompt and reconstruction, whatever a policy grants.
    #[must_use]
    pub fn is_barred_from_prompts(&self) -> bool {
        self.sensitivity.handling == Handling::NoPrompt || self.ownership.dispute_state.is_open()
    }

    /// Whether it is found by its id only, whatever a policy grants.
    #[must_use]
    pub fn is_barred_from_search(&self) -> bool {
        self.sensitivity.handling == Handling::NoSearch
    }

    /// Whether it can be no evidence for a tool decision made for `purpose`, whatever a policy grants.
    #[must_use]
    pub fn is_barred_as_evidence(&self, purpose: Purpose) -> bool {
        let fiction = purpose == Purpose::TaskExecution && !self.truth_mode.is_evidence();
        fiction || self.ownership.dispute_state.is_open()
    }
}
