//! Constraints: what was learnt from events, without the events.
//!
//! A [`Constraint`] is atomic (it says one thing) and free of narrative (it holds a few normalised words and never a
//! sentence). The types keep it so: every text in it is a [`Term`] of at most three words, or a [`Name`].
//!
//! [`merge()`] makes of many constraints the few that hold.

mod conflict;
mod merge;
mod params;
mod term;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{ConstraintId, MemoryId};
use crate::limits;
use crate::time::Timestamp;

pub use merge::{Candidate, MergeReport, Merged, Why, importance, merge};
pub use params::{Avoided, InvalidParam, InvalidParamReason, Params};
pub(crate) use term::is_word_char;
pub use term::{InvalidTerm, Name, Term};

/// Declares a closed list of names.
macro_rules! closed_list {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// Their names, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($text,)*];

            /// Its name in requests, answers and stores.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// The one of that name, exactly as it is written.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|item| item.name() == name)
            }
        }
    };
}
pub(crate) use closed_list;

closed_list!(
    /// What sort of thing a constraint says.
    Kind {
        /// Leave something out.
        Avoid "avoid",
        /// Choose something where there is a choice.
        Prefer "prefer",
        /// Always do something.
        Require "require",
        /// Speak in a tone.
        Tone "tone",
        /// Write in a form.
        Style "style",
        /// Do not cross a line.
        Boundary "boundary",
        /// Take care.
        Safety "safety",
        /// Ask what is meant first.
        ClarifyFirst "clarify_first",
        /// Ask whether it is welcome first.
        AskPermission "ask_permission",
    }
);

closed_list!(
    /// To what a constraint applies.
    Target {
        /// What is said.
        Response "response",
        /// What a model is told.
        PromptContext "prompt_context",
        /// What a tool does.
        ToolExecution "tool_execution",
        /// What is done with memories.
        MemoryOps "memory_ops",
    }
);

closed_list!(
    /// How the constraints of one slot become few.
    Strategy {
        /// The one that was made last.
        LatestWins "latest_wins",
        /// The heaviest.
        MaxWeight "max_weight",
        /// The lightest.
        MinWeight "min_weight",
        /// One of each that say the same.
        Union "union",
        /// One of each that every source says.
        Intersection "intersection",
        /// All of them.
        AppendOnly "append_only",
        /// The one that restricts most.
        MostRestrictiveWins "most_restrictive_wins",
    }
);

closed_list!(
    /// What decides between constraints that are otherwise equal.
    TieBreaker {
        /// The higher priority.
        Priority "priority",
        /// The later reinforcement.
        LastReinforcedAt "last_reinforced_at",
        /// The later making.
        CreatedAt "created_at",
        /// The lower identifier.
        ConstraintId "constraint_id",
    }
);

/// How a constraint meets others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// What it competes for: constraints of different slots do not meet, except where they conflict.
    pub slot: Name,
    /// How its slot is merged.
    pub strategy: Strategy,
    /// What decides ties, before those that are not named, in the order of [`TieBreaker::ALL`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tie_breakers: Vec<TieBreaker>,
}

/// Where a constraint comes from, in names only. Without a transform it was asserted by a client.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The transform that computed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform_id: Option<Name>,
    /// The transform's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// The fields of a [`Constraint`], before the numbers and counts are checked.
#[derive(Debug, Clone, PartialEq)]
pub struct ConstraintParts {
    /// Its name, for ever.
    pub constraint_id: ConstraintId,
    /// What it is about.
    pub topic: Term,
    /// To what it applies.
    pub target: Target,
    /// The rule that it follows from.
    pub rule: Name,
    /// What it says, and so its kind.
    pub params: Params,
    /// How much it counts: finite, 0 or more.
    pub weight: f64,
    /// Which goes first: the higher.
    pub priority: i32,
    /// How sure it is, 0 to 1.
    pub confidence: f64,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it no longer holds, if ever.
    pub expires_at: Option<Timestamp>,
    /// The memories that support it, at most [`limits::CONSTRAINT_SOURCES_MAX`].
    pub source_refs: Vec<MemoryId>,
    /// Where it comes from.
    pub provenance: Provenance,
    /// How it meets others.
    pub merge: Merge,
}

/// One atomic, narrative-free thing to hold to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Constraint(ConstraintParts);

/// What is wrong with one field of a constraint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InvalidConstraint {
    /// The field, with dots: `params.topic`.
    pub field: String,
    /// What is wrong there, in words for the caller.
    pub reason: String,
}

impl Constraint {
    /// Checks the numbers and counts. Sources are sorted, each once.
    ///
    /// # Errors
    /// Everything that is wrong: a weight below 0 or not finite, a confidence outside 0 to 1, an expiry that is not
    /// after the making, too many sources, a tie-breaker named twice.
    pub fn new(mut parts: ConstraintParts) -> Result<Self, Vec<InvalidConstraint>> {
        let mut faults = Vec::new();
        let mut fault = |field: &str, reason: &str| {
            faults.push(InvalidConstraint { field: field.to_owned(), reason: reason.to_owned() });
        };
        if !parts.weight.is_finite() || parts.weight < 0.0 {
            fault("weight", "must be a finite number, 0 or more");
        }
        if !(0.0..=1.0).contains(&parts.confidence) {
            fault("confidence", "must be between 0 and 1");
        }
        if parts.expires_at.is_some_and(|expires_at| expires_at <= parts.created_at) {
            fault("expires_at", "must be later than created_at");
        }
        parts.source_refs.sort_unstable();
        parts.source_refs.dedup();
        if parts.source_refs.len() > limits::CONSTRAINT_SOURCES_MAX {
            fault("source_refs", "must name at most 100 memories");
        }
        let breakers = &parts.merge.tie_breakers;
        if (1..breakers.len()).any(|at| breakers[..at].contains(&breakers[at])) {
            fault("merge.tie_breakers", "must name each tie-breaker once");
        }
        // -0 is 0, so that equal constraints have equal bytes.
        parts.weight += 0.0;
        parts.confidence += 0.0;
        if faults.is_empty() { Ok(Self(parts)) } else { Err(faults) }
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.0.params.kind()
    }

    /// Its fields, to change them and check again.
    #[must_use]
    pub fn into_parts(self) -> ConstraintParts {
        self.0
    }

    /// The same under another name.
    #[must_use]
    pub fn named(&self, constraint_id: ConstraintId) -> Self {
        Self(ConstraintParts { constraint_id, ..self.0.clone() })
    }

    /// Whether it no longer holds at `now`.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.0.expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// Every text in it, with single spaces: all that a reader could learn from it.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        let mut texts = vec![self.topic.spaced(), self.rule.spaced(), self.merge.slot.spaced()];
        texts.extend(self.params.to_map().into_iter().filter_map(|(_, value)| match value {
            Value::String(text) => Some(text),
            _ => None,
        }));
        texts
    }
}

impl std::ops::Deref for Constraint {
    type Target = ConstraintParts;
    fn deref(&self) -> &ConstraintParts {
        &self.0
    }
}

/// The stored form: kind and parameters side by side.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    constraint_id: ConstraintId,
    kind: Kind,
    topic: Term,
    target: Target,
    rule: Name,
    params: Map<String, Value>,
    weight: f64,
    priority: i32,
    confidence: f64,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    source_refs: Vec<MemoryId>,
    #[serde(default)]
    provenance: Provenance,
    merge: Merge,
}

impl From<Constraint> for Stored {
    fn from(Constraint(parts): Constraint) -> Self {
        Self {
            constraint_id: parts.constraint_id,
            kind: parts.params.kind(),
            topic: parts.topic,
            target: parts.target,
            rule: parts.rule,
            params: parts.params.to_map(),
            weight: parts.weight,
            priority: parts.priority,
            confidence: parts.confidence,
            created_at: parts.created_at,
            expires_at: parts.expires_at,
            source_refs: parts.source_refs,
            provenance: parts.provenance,
            merge: parts.merge,
        }
    }
}

impl TryFrom<Stored> for Constraint {
    type Error = Faults;
    fn try_from(stored: Stored) -> Result<Self, Faults> {
        let params = Params::read(stored.kind, &stored.params).map_err(|faults| {
            let named = faults.into_iter().map(|fault| {
                let dot = if fault.name.is_empty() { "" } else { "." };
                let field = format!("params{dot}{}", fault.name);
                InvalidConstraint { field, reason: fault.reason.to_string() }
            });
            Faults(named.collect())
        })?;
        let parts = ConstraintParts {
            constraint_id: stored.constraint_id,
            topic: stored.topic,
            target: stored.target,
            rule: stored.rule,
            params,
            weight: stored.weight,
            priority: stored.priority,
            confidence: stored.confidence,
            created_at: stored.created_at,
            expires_at: stored.expires_at,
            source_refs: stored.source_refs,
            provenance: stored.provenance,
            merge: stored.merge,
        };
        Self::new(parts).map_err(Faults)
    }
}

/// All faults of a constraint that is being read.
#[derive(Debug)]
struct Faults(Vec<InvalidConstraint>);

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let faults: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&faults.join("; "))
    }
}
