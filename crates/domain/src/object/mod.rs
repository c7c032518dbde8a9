//! The core dialect's objects: events, impacts and seeds.
//!
//! Each type here checks what it is made of, so that a value that exists is a right one; [`Body::faults`] says what is
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
use sha2::{Digest as _, Sha256};

pub use affect::{Affect, Feeling, PastFeeling};
pub use content::{Content, FreeForm, Procedural, ScopeFlags, Somatic};
pub use history::{
    Attestation, Happening, History, HistoryEntry, ReconsolidationPolicy, ReconsolidationTrace, TraceEntry,
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
use crate::ids::{ConstraintId, MemoryId};
use crate::items::Item;
use crate::limits;
use crate::memory::Body;
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
    /// What persons say about its truth, each once.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub attestations: List<Attestation, { limits::ATTESTATIONS_MAX }>,
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
    /// What is peculiar to an item of the items dialect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Box<Item>>,
}

fn is_empty<T>(members: &[T]) -> bool {
    members.is_empty()
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
            return Err(Invalid::Rule("must be at most 31536000 seconds (a year)"));
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

impl Impact {
    /// Names its constraints, whatever they were called before: the same for the same impact and place in it, and for
    /// no others. A client cannot name them: constraints of one name are versions of one.
    pub fn name_constraints(&mut self, id: MemoryId) {
        let named = self.constraints.iter().enumerate().map(|(at, constraint)| {
            let mut hasher = Sha256::new();
            hasher.update(b"memoryscope-asserted-constraint-v1\0");
            hasher.update(id.uuid().as_bytes());
            hasher.update((at as u64).to_be_bytes());
            let mut bytes = [0u8; 16];
            bytes.copy_from_slice(&hasher.finalize()[..16]);
            constraint.named(ConstraintId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid()))
        });
        if let Ok(named) = List::new(named.collect()) {
            self.constraints = named;
        }
    }
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
            attestations: List::default(),
            history: History::default(),
            reconsolidation: ReconsolidationPolicy::NeverEditSource,
            trace: ReconsolidationTrace::default(),
            flags: ScopeFlags::default(),
            item: None,
        }
    }

    /// In what sense it is true: for ever.
    #[must_use]
    pub const fn truth_mode(&self) -> TruthMode {
        self.truth_mode
    }

    /// What a client that sends this object at `now` gets wrong, whatever the object is of.
    fn faults(&self, now: Timestamp) -> Vec<Fault> {
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

    /// Whether it says anything.
    const fn says_something(&self) -> bool {
        self.content.is_some() || self.affect.is_some() || self.procedural.is_some() || self.somatic.is_some()
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

impl Body {
    /// What a client that sends this at `now` gets wrong between fields or with times, all of it. What one field alone
    /// can get wrong, its type refuses.
    #[must_use]
    pub fn faults(&self, now: Timestamp) -> Vec<Fault> {
        let mut faults = self.object().map(|object| object.faults(now)).unwrap_or_default();
        match self {
            Self::Event(event) if !event.says_something() => faults.push(Fault {
                path: "content",
                reason: "must be there where neither affect nor a payload says anything",
            }),
            Self::Impact(impact) if impact.constraints.is_empty() => faults
                .push(Fault { path: "impact_payload.constraints", reason: "must have at least one member" }),
            Self::Seed(seed) if seed.cues.is_empty() => {
                faults.push(Fault { path: "seed_payload.cues", reason: "must have at least one member" });
            }
            _ => {}
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_767_268_800_000_000);

    #[test]
    fn faults_between_fields_are_all_named() {
        let check = |change: &dyn Fn(&mut Object), expect: &[&str]| {
            let mut event = Object::new(TruthMode::FactualClaim, Temporal::observed(NOW));
            event.content = Content::text(Language::default(), "hello").ok();
            change(&mut event);
            let faults = Body::Event(Box::new(event)).faults(NOW);
            assert_eq!(faults.iter().map(|fault| fault.path).collect::<Vec<_>>(), expect, "{faults:?}");
        };
        let ahead = |micros: i64| NOW.plus_micros(micros);
        let steps = || {
            let name = || Name::parse("t").expect("a name");
            List::new(vec![TransformStep { transform_id: name(), version: name() }]).expect("few")
        };
        check(&|_| {}, &[]);
        check(&|event| event.temporal.observed = ahead(300_000_000), &[]);
        check(&|event| event.temporal.observed = ahead(300_000_001), &["temporal.occurred_at_observed"]);
        check(&|event| event.strength.last_reinforced = Some(NOW), &[]);
        check(&|event| event.strength.last_reinforced = Some(ahead(1)), &["strength.last_reinforced_at"]);
        check(&|event| event.content = None, &["content"]);
        check(&|event| (event.content, event.affect) = (None, Some(Affect::default())), &[]);
        check(&|event| event.provenance.transform_chain = steps(), &["provenance.transform_chain"]);
        check(
            &|event| {
                event.content = None;
                event.temporal.observed = ahead(i64::MAX);
                event.strength.last_reinforced = Some(ahead(i64::MAX));
            },
            &["temporal.occurred_at_observed", "strength.last_reinforced_at", "content"],
        );
        let object = Object::new(TruthMode::Imagined, Temporal::observed(NOW));
        let activation = Activation::new(Unit::ONE, limits::COOLDOWN_SECONDS_MAX).expect("in range");
        assert!(Activation::new(Unit::ONE, limits::COOLDOWN_SECONDS_MAX + 1).is_err());
        let seed = Seed { object: object.clone(), cues: Distinct::default(), activation };
        assert_eq!(Body::Seed(Box::new(seed)).faults(NOW)[0].path, "seed_payload.cues");
        let impact = Impact { object, constraints: List::default() };
        assert_eq!(Body::Impact(Box::new(impact)).faults(NOW)[0].path, "impact_payload.constraints");
    }

    #[test]
    fn constraints_are_named_by_their_impact_and_place() {
        use proptest::strategy::{Strategy as _, ValueTree as _};
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let one = generate::constraint().new_tree(&mut runner).expect("a constraint").current();
        let object = Object::new(TruthMode::FactualClaim, Temporal::observed(NOW));
        let impact = Impact { object, constraints: List::new(vec![one.clone(), one]).expect("two") };
        let named = |id: u128| {
            let mut impact = impact.clone();
            impact.name_constraints(MemoryId::from_uuid(uuid::Uuid::from_u128(id)));
            impact.constraints.iter().map(|constraint| constraint.constraint_id).collect::<Vec<_>>()
        };
        let all: std::collections::BTreeSet<_> = named(1).into_iter().chain(named(2)).collect();
        assert_eq!(all.len(), 4);
        assert_eq!(named(1), named(1));
    }

    #[test]
    fn hard_rules_bar_what_they_say() {
        let object = |truth_mode, handling, dispute_state| {
            let mut object = Object::new(truth_mode, Temporal::observed(NOW));
            object.sensitivity.handling = handling;
            object.ownership.dispute_state = dispute_state;
            object
        };
        for truth_mode in TruthMode::ALL {
            for handling in Handling::ALL {
                for dispute in DisputeState::ALL {
                    let object = object(*truth_mode, *handling, *dispute);
                    let disputed = matches!(dispute, DisputeState::Disputed | DisputeState::Contested);
                    let fiction =
                        ["counterfactual", "imagined", "socially_sourced"].contains(&truth_mode.name());
                    assert_eq!(object.is_barred_from_prompts(), disputed || *handling == Handling::NoPrompt);
                    assert_eq!(object.is_barred_from_search(), *handling == Handling::NoSearch);
                    assert_eq!(object.is_barred_as_evidence(Purpose::TaskExecution), disputed || fiction);
                    assert_eq!(object.is_barred_as_evidence(Purpose::ChatResponse), disputed);
                }
            }
        }
    }
}
