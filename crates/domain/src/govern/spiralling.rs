//! What spirals change of decisions, and who is told of one.

use super::{About, Ask, Authority, Facts, Visible, reading};
use crate::consent::{Consents, withheld};
use crate::ids::MemoryId;
use crate::memory::{Body, Memory, MemoryType};
use crate::object::{Level, Object, Temporal, TruthMode, Unit};
use crate::policy::{Effect, Policy};
use crate::principal::Principal;
use crate::purpose::Purpose;
use crate::scope::Partition;
use crate::spiral::ThoughtPatternArtifact;

/// The spiral that keeps impacts from being derived in a scope.
pub(super) fn blocks_impacts<'a>(
    policy: &Policy,
    ask: &'a Ask<'_>,
    partition: Partition,
) -> Option<&'a ThoughtPatternArtifact> {
    ask.spirals.of(partition).filter(|_| policy.globals().spiral.block_new_impacts)
}

/// The spiral that keeps memories of a scope from being made stronger.
pub(super) fn blocks_reinforcement<'a>(
    policy: &Policy,
    ask: &'a Ask<'_>,
    partition: Partition,
) -> Option<&'a ThoughtPatternArtifact> {
    ask.spirals.of(partition).filter(|_| policy.globals().spiral.block_reinforcement)
}

/// The spiral that keeps tools from being called for a scope.
pub(super) fn blocks_tools<'a>(
    policy: &Policy,
    ask: &'a Ask<'_>,
    partition: Partition,
) -> Option<&'a ThoughtPatternArtifact> {
    ask.spirals.of(partition).filter(|_| policy.globals().spiral.block_tool_execution)
}

/// By how much seeds are harder to wake.
pub(super) fn raised_activation(policy: &Policy, ask: &Ask<'_>) -> Option<Unit> {
    let by = policy.globals().spiral.raise_seed_activation_threshold_by;
    (!ask.spirals.live.is_empty()).then(|| Unit::clamped(by))
}

/// The spirals that are found with what was just accepted. The text of what the caller could not be shown is not looked
/// at: what is sealed or restricted never is, and what is more than of medium sensitivity is shown to those alone whom it
/// is about.
pub(super) fn found(policy: &Policy, ask: &Ask<'_>, accepted: &[&Memory]) -> Vec<ThoughtPatternArtifact> {
    let may_see = |memory: &Memory| could_be_shown(memory, ask.principal);
    ask.spirals.found(accepted, ask.now, &policy.globals().spiral, may_see)
}

fn could_be_shown(memory: &Memory, principal: &Principal) -> bool {
    let is_mild = memory.object().is_some_and(|object| object.sensitivity.level <= Level::Medium);
    memory.is_readable_by(principal) && (is_mild || memory.is_about(principal))
}

/// The spiral of the scope that is asked about, for whoever could read a plain event there.
pub(super) fn shown(policy: &Policy, ask: &Ask<'_>, consents: &[Consents]) -> Option<ThoughtPatternArtifact> {
    let scope = ask.scope?;
    let spiral = ask.spirals.of(scope.partition())?;
    let plain = Object::new(TruthMode::SubjectiveExperience, Temporal::observed(ask.now));
    let (id, tenant) = (MemoryId::from_uuid(uuid::Uuid::nil()), ask.principal.tenant.clone());
    let mut plain = Memory::new(id, tenant, scope.clone(), Body::Event(Box::new(plain)), ask.now, None);
    plain.marks.withheld = withheld(&plain, consents);
    let as_read = Ask {
        purpose: Some(Purpose::ChatResponse),
        authority: Authority::Policy(Effect::Read),
        about: About::Objects(&[MemoryType::Event]),
        ..ask.clone()
    };
    let may_read =
        plain.is_readable_by(ask.principal) && reading::decision(policy, &as_read, &plain).is_some();
    may_read.then(|| spiral.clone())
}

impl Visible<Facts> {
    /// The spirals that are found with what was proposed, to be kept with it.
    #[must_use]
    pub fn spirals_found(&self) -> &[ThoughtPatternArtifact] {
        &self.details.spirals
    }

    /// The spiral of the scope that was asked about, as far as the caller may know of it.
    #[must_use]
    pub const fn spiral(&self) -> Option<&ThoughtPatternArtifact> {
        self.details.spiral.as_ref()
    }

    /// By how much a spiral makes seeds harder to wake; zero where there is none.
    #[must_use]
    pub fn raised_activation(&self) -> Unit {
        self.details.raised_activation.unwrap_or(Unit::ZERO)
    }
}
