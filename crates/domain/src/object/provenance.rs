//! Where a memory comes from.

use serde::{Deserialize, Serialize};

use super::list::{Distinct, List};
use super::number::Unit;
use super::text::Name;
use crate::constraint::closed_list;
use crate::ids::MemoryId;
use crate::limits;
use crate::memory::State;

closed_list!(
    /// Who said it.
    Source {
        /// The person.
        User "user",
        /// A program.
        System "system",
        /// Another store.
        Import "import",
        /// A person at work for somebody else.
        HumanAgent "human_agent",
    }
);

closed_list!(
    /// How a memory with parents came to be. A client cannot say `computed`.
    Derivation {
        /// A client says what it was derived from.
        Asserted "asserted",
        /// Our transforms made it, and make it again whenever a parent changes.
        Computed "computed",
    }
);

/// A transform that a derived memory went through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransformStep {
    /// Which transform.
    pub transform_id: Name,
    /// Its version.
    pub version: Name,
}

/// Where a memory comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Who said it.
    pub source: Source,
    /// On which surface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surface: Option<Name>,
    /// In which conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<Name>,
    /// From which memories it was derived.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub derived_from: Distinct<MemoryId, { limits::PARENTS_MAX }>,
    /// By which transforms, in their order.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub transform_chain: List<TransformStep, { limits::TRANSFORM_STEPS_MAX }>,
    /// By whose word it is derived.
    pub derivation: Derivation,
    /// The policy under which it was derived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<Name>,
    /// How sure the source is.
    pub confidence: Unit,
    /// The state that it has by itself, where what it was derived from demands a stricter one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_state: Option<State>,
    /// The state of the event that it was computed from, where that was not active: what it says was chosen for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_state: Option<State>,
    /// The parents that were gone when it was approved without them: they restrict it no more.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub approved_without: Distinct<MemoryId, { limits::PARENTS_MAX }>,
}

fn is_empty<T>(members: &[T]) -> bool {
    members.is_empty()
}

impl Provenance {
    /// Whether it was derived from other memories, by whomever.
    #[must_use]
    pub fn is_derived(&self) -> bool {
        !self.derived_from.is_empty()
    }
}

impl Default for Provenance {
    /// What the policy's catalogue assumes of a memory that does not say.
    fn default() -> Self {
        Self {
            source: Source::User,
            surface: None,
            conversation_id: None,
            derived_from: Distinct::default(),
            transform_chain: List::default(),
            derivation: Derivation::Asserted,
            policy_version: None,
            confidence: Unit::ONE,
            own_state: None,
            source_state: None,
            approved_without: Distinct::default(),
        }
    }
}
