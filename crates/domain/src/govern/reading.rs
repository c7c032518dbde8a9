//! What a caller may see of what was loaded.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bridging::{self, Open};
use super::view::MemoryView;
use super::{
    About, Ask, Authority, Details, Facts, Reason, Ruling, Verdict, Visible, Withheld, listing,
    partly_allowed, refused, spiralling, view, view_of,
};
use crate::bridge::Bridge;
use crate::constraint::Constraint;
use crate::ids::{BridgeId, MemoryId};
use crate::limits;
use crate::memory::{Body, Memory, MemoryType, State};
use crate::object::{Distinct, List};
use crate::policy::{Decision, Effect, Filter, Narrowed, Obligations, Policy, Prepared};
use crate::principal::Principal;
use crate::purpose::Purpose;

/// As which operation the policy is asked what of what waits for a review is shown.
pub const REVIEW_LIST: &str = "review.list";

/// Everything that was loaded, decided one by one.
pub(super) fn decide(
    policy: &Policy,
    ask: &Ask<'_>,
    narrowed: Option<Narrowed>,
    mut facts: Facts,
) -> Verdict {
    let request = ask.request();
    let narrowed = narrowed.unwrap_or_else(|| view::narrowed(policy, &request, ask.about));
    if narrowed.filter == Filter::Nothing {
        return refused(Reason::PolicyDenied, Ruling::denying(Effect::Read, [narrowed.trace]), facts.grant);
    }
    let mut ruling = Ruling { trace: Some(narrowed.trace), ..Ruling::default() };
    let reading = Reading::behind(policy, ask, policy.prepare(&request), &facts.bridges);
    let raised_activation = spiralling::raised_activation(policy, ask);
    let mut details = Details { raised_activation, ..Details::default() };
    for memory in std::mem::take(&mut facts.memories) {
        let Some((bridge, decision)) = reading.seen(&memory) else {
            details.hides = true;
            details.withheld.extend(reading.withheld(&memory));
            continue;
        };
        details.bridged.extend(bridge.map(|bridge| (memory.id, bridge)));
        reading.note(&memory, &decision, &mut details);
        details.note_redaction(memory.id, &decision.obligations);
        facts.memories.push(view::redacted(&memory, &decision.obligations));
        if reading.is_of_objects() {
            details.read.insert(memory.id, decision.trace);
        } else {
            ruling.count(&decision.trace, Effect::Read);
        }
    }
    partly_allowed(ask, facts, BTreeMap::new(), details, ruling)
}

/// What the caller named by its id: not for this caller, or not for this purpose, is as unknown as what is not there.
/// Its earlier versions are shown as the current one may be.
pub(super) fn decide_named(policy: &Policy, ask: &Ask<'_>, mut facts: Facts) -> Verdict {
    let named = std::mem::take(&mut facts.memories).into_iter().next();
    let principal = named.as_ref().map_or(Cow::Borrowed(ask.principal), |named| reader_of(ask, named));
    let ask = &Ask { principal: &principal, ..ask.clone() };
    let request = ask.request();
    let reading = Reading::behind(policy, ask, policy.prepare(&request), &facts.bridges);
    let (mut ruling, mut details) = (Ruling::default(), Details::default());
    let decided = named.and_then(|memory| Some((reading.seen(&memory)?, memory)));
    let Some(((bridge, decision), memory)) =
        decided.filter(|(_, memory)| memory.body.memory_type() != MemoryType::Preference)
    else {
        return refused(Reason::Unknown, Ruling::default(), None);
    };
    ruling.count(&decision.trace, Effect::Read);
    details.bridged.extend(bridge.map(|bridge| (memory.id, bridge)));
    reading.note(&memory, &decision, &mut details);
    details.note_redaction(memory.id, &decision.obligations);
    facts.versions.iter_mut().for_each(|version| *version = view::redacted(version, &decision.obligations));
    facts.memories.push(view::redacted(&memory, &decision.obligations));
    partly_allowed(ask, facts, BTreeMap::new(), details, ruling)
}

/// What the caller named by their ids, each for itself: what is not for this caller, or not for this purpose, is left out as what
/// is not there is.
pub(super) fn decide_each(policy: &Policy, ask: &Ask<'_>, mut facts: Facts) -> Verdict {
    let mut details = Details::default();
    for memory in std::mem::take(&mut facts.memories) {
        let decision = decision_on_named(policy, ask, &memory, &facts.bridges, &mut details);
        let Some(decision) = decision else { continue };
        details.note_redaction(memory.id, &decision.obligations);
        facts.memories.push(view::redacted(&memory, &decision.obligations));
        details.read.insert(memory.id, decision.trace);
    }
    partly_allowed(ask, facts, BTreeMap::new(), details, Ruling::default())
}

/// What was decided about a memory, as if the caller had named it by its id and these bridges led from its scope; what else
/// is known of it is noted.
pub(super) fn decision_on_named(
    policy: &Policy,
    ask: &Ask<'_>,
    memory: &Memory,
    bridges: &[Bridge],
    details: &mut Details,
) -> Option<Decision> {
    if memory.body.memory_type() == MemoryType::Preference {
        return None;
    }
    let principal = reader_of(ask, memory);
    let ask = &Ask { principal: &principal, ..ask.clone() };
    let request = ask.request();
    let reading = Reading::behind(policy, ask, policy.prepare(&request), bridges);
    let (bridge, decision) = reading.seen(memory)?;
    details.bridged.extend(bridge.map(|bridge| (memory.id, bridge)));
    reading.note(memory, &decision, details);
    Some(decision)
}

/// Behind which of these bridges a memory is seen, where it is behind one; none where it is not seen.
pub(super) fn way_to(
    policy: &Policy,
    ask: &Ask<'_>,
    memory: &Memory,
    bridges: &[Bridge],
) -> Option<Option<BridgeId>> {
    let request = ask.request();
    let reading = Reading::behind(policy, ask, policy.prepare(&request), bridges);
    reading.seen(memory).map(|(bridge, _)| bridge)
}

/// Who reads a memory that is named by its id. To be shown what is sealed or gone one has to say who one is.
pub(super) fn reader_of<'a>(ask: &Ask<'a>, named: &Memory) -> Cow<'a, Principal> {
    if named.state < State::Sealed { ask.principal.acting_on(named) } else { Cow::Borrowed(ask.principal) }
}

/// Whether the caller is shown a memory that it named by its id for what it is itself, whatever bridges there are.
#[must_use]
pub fn is_read_directly(policy: &Policy, ask: &Ask<'_>, memory: &Memory) -> bool {
    let principal = reader_of(ask, memory);
    let ask = &Ask { principal: &principal, ..ask.clone() };
    let request = ask.request();
    Reading::of(policy, ask, policy.prepare(&request)).decision(memory).is_some()
}

/// Whether the caller would be shown a memory by its id, for whichever purpose that callers may name.
pub(super) fn is_read_for_some_purpose(policy: &Policy, ask: &Ask<'_>, memory: &Memory) -> bool {
    is_read_by_for_some_purpose("memory.get", policy, ask, memory)
}

/// Whether the caller would be shown a memory among what waits for a review, for whichever purpose.
pub(super) fn is_reviewed_for_some_purpose(policy: &Policy, ask: &Ask<'_>, memory: &Memory) -> bool {
    is_read_by_for_some_purpose(REVIEW_LIST, policy, ask, memory)
}

fn is_read_by_for_some_purpose(
    operation: &'static str,
    policy: &Policy,
    ask: &Ask<'_>,
    memory: &Memory,
) -> bool {
    let purposes = Purpose::ALL.into_iter().filter(|purpose| *purpose != Purpose::Maintenance);
    purposes.into_iter().any(|purpose| {
        let ask = Ask {
            purpose: Some(purpose),
            operation,
            authority: Authority::ReadNamed,
            about: About::Anything,
            ..ask.clone()
        };
        let request = ask.request();
        Reading::of(policy, &ask, policy.prepare(&request)).decision(memory).is_some()
    })
}

/// One read's policy and request.
pub(super) struct Reading<'a> {
    pub(super) policy: &'a Policy,
    pub(super) ask: &'a Ask<'a>,
    prepared: Prepared<'a>,
    pub(super) open: Vec<Open>,
}

impl<'a> Reading<'a> {
    /// One that goes behind no bridge.
    fn of(policy: &'a Policy, ask: &'a Ask<'a>, prepared: Prepared<'a>) -> Self {
        Self { policy, ask, prepared, open: Vec::new() }
    }

    /// One that goes behind those of these bridges that are open to it.
    fn behind(policy: &'a Policy, ask: &'a Ask<'a>, prepared: Prepared<'a>, bridges: &[Bridge]) -> Self {
        Self { open: bridging::open(ask, bridges), ..Self::of(policy, ask, prepared) }
    }

    /// What was decided about a memory that may be seen, and behind which bridge it is, where it is behind one: what a
    /// listing of one scope finds in another one is seen in no other way.
    fn seen(&self, memory: &Memory) -> Option<(Option<BridgeId>, Decision)> {
        let is_elsewhere = !self.open.is_empty()
            && self.ask.scope.is_some_and(|scope| scope.partition() != memory.partition);
        let direct = if is_elsewhere { None } else { self.decision(memory) };
        match direct {
            Some(decision) => Some((None, decision)),
            None => self.crossing(memory).map(|(bridge, decision)| (Some(bridge), decision)),
        }
    }

    /// What was decided about a memory that may be seen for what it is itself.
    fn decision(&self, memory: &Memory) -> Option<Decision> {
        let view = view_of(self.policy, self.ask, memory);
        let asked =
            if self.is_of_objects() { &[Effect::Read, Effect::IncludeInPrompt][..] } else { &[Effect::Read] };
        self.decision_of(memory, &view, asked)
    }

    pub(super) fn decision_of(
        &self,
        memory: &Memory,
        view: &MemoryView<'_>,
        asked: &[Effect],
    ) -> Option<Decision> {
        let (ask, now) = (self.ask, self.ask.now);
        let is_preference = memory.body.memory_type() == MemoryType::Preference;
        // What is revoked or erased is none of a policy's business but in an audit of events, impacts and seeds.
        if memory.expires.is_some_and(|end| end <= now) || (is_preference && !memory.is_live(now)) {
            return None;
        }
        // What consent is withdrawn for is read for nobody.
        if memory.marks.withholds(ask.purpose) {
            return None;
        }
        let is_evidence = ask.purpose == Some(Purpose::TaskExecution);
        if is_evidence && memory.object().is_some_and(|o| o.is_barred_as_evidence(Purpose::TaskExecution)) {
            return None;
        }
        let decision = self.prepared.decide(view, asked);
        let is_shown = decision.allows(Effect::Read) && !decision.obligations.outlived_by(view.age_days());
        is_shown.then_some(decision)
    }

    fn is_of_objects(&self) -> bool {
        matches!(self.ask.about, About::Objects(_))
            || matches!(self.ask.authority, Authority::ReadNamed | Authority::Logged)
    }

    /// What is told of a memory that may not be seen, where anything is.
    fn withheld(&self, memory: &Memory) -> Option<Withheld> {
        let is_its_own = self.ask.scope.is_none_or(|scope| scope.partition() == memory.partition);
        let is_told = self.ask.tells_withheld() && self.is_of_objects() && is_its_own;
        is_told.then(|| listing::withheld(self.policy, self.ask, memory)).flatten()
    }

    /// What an operation may know of a memory beside what it says.
    fn note(&self, memory: &Memory, decision: &Decision, details: &mut Details) {
        let Some(object) = memory.object() else { return };
        if decision.allows(Effect::IncludeInPrompt) && !object.is_barred_from_prompts() {
            details.for_prompts.insert(memory.id);
        }
        if memory.strength(self.ask.now).get() < self.policy.globals().dormancy_threshold {
            details.dormant.insert(memory.id);
        }
    }
}

/// What was decided about reading one memory, if it may be seen.
pub(super) fn decision(policy: &Policy, ask: &Ask<'_>, memory: &Memory) -> Option<Decision> {
    let request = ask.request();
    Reading::of(policy, ask, policy.prepare(&request)).decision(memory)
}

/// What was decided about a memory that a listing came across, and behind which of these bridges, if it is behind one.
pub(super) fn listed(
    policy: &Policy,
    ask: &Ask<'_>,
    memory: &Memory,
    bridges: &[Bridge],
) -> Option<(Option<BridgeId>, Decision)> {
    let request = ask.request();
    Reading::behind(policy, ask, policy.prepare(&request), bridges).seen(memory)
}

/// The same of one that is named by its id: what is seen for what it is itself is behind no bridge.
pub(super) fn seen(
    policy: &Policy,
    ask: &Ask<'_>,
    memory: &Memory,
    bridges: &[Bridge],
) -> Option<(Option<BridgeId>, Decision)> {
    let request = ask.request();
    let reading = Reading::behind(policy, ask, policy.prepare(&request), bridges);
    let direct = reading.decision(memory).map(|decision| (None, decision));
    direct.or_else(|| reading.crossing(memory).map(|(bridge, decision)| (Some(bridge), decision)))
}

/// Notes what an operation may know of a memory beside what it says.
pub(super) fn note(
    policy: &Policy,
    ask: &Ask<'_>,
    memory: &Memory,
    decision: &Decision,
    details: &mut Details,
) {
    let request = ask.request();
    Reading::of(policy, ask, policy.prepare(&request)).note(memory, decision, details);
}

impl Details {
    fn note_redaction(&mut self, id: MemoryId, obligations: &Obligations) {
        if !obligations.redact.is_empty() {
            self.redacted.insert(id, obligations.redact.clone());
        }
    }
}

impl Visible<Facts> {
    /// Whether the policy lets a memory that is shown be put into a prompt, and nothing bars it from all prompts.
    #[must_use]
    pub fn is_for_prompts(&self, id: MemoryId) -> bool {
        self.details.for_prompts.contains(&id)
    }

    /// What the policy removed from a memory that is shown: dotted paths, sorted.
    #[must_use]
    pub fn redacted_paths(&self, id: MemoryId) -> &[Arc<str>] {
        self.details.redacted.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Whether a memory that is shown has become weaker than the policy's threshold.
    #[must_use]
    pub fn is_dormant(&self, id: MemoryId) -> bool {
        self.details.dormant.contains(&id)
    }

    /// Counts what the answer shows of the events, impacts and seeds that were looked at: how many more were looked at
    /// depends on what the caller may not see, so the ruling tells of these alone.
    pub fn count_shown(&mut self, shown: &[MemoryId]) {
        for id in shown {
            if let Some(trace) = self.details.read.remove(id) {
                self.ruling.count(&trace, Effect::Read);
            }
        }
    }

    /// Earlier versions of the memory that was asked for, oldest first, shown as the current one may be.
    #[must_use]
    pub fn versions(&self) -> &[Arc<Memory>] {
        &self.facts.versions
    }

    /// The memories that are referred to and not shown themselves: who may see them is still to be decided.
    #[must_use]
    pub fn references(&self) -> Vec<MemoryId> {
        let shown: BTreeSet<MemoryId> = self.facts.memories.iter().map(|memory| memory.id).collect();
        let all = self.facts.memories.iter().chain(&self.facts.versions);
        let referred: BTreeSet<MemoryId> =
            all.flat_map(|memory| references(memory)).filter(|id| !shown.contains(id)).collect();
        referred.into_iter().take(limits::REFERENCES_MAX).collect()
    }

    /// Leaves out every reference to what the caller may not see: what is `referred` to and was loaded is decided here.
    pub fn settle_references(&mut self, policy: &Policy, ask: &Ask<'_>, referred: &[Arc<Memory>]) {
        let named = self.facts.memories.first().filter(|_| ask.authority == Authority::ReadNamed);
        let principal = named.map_or(Cow::Borrowed(ask.principal), |named| reader_of(ask, named));
        let ask = &Ask { principal: &principal, ..ask.clone() };
        let request = ask.request();
        let reading = Reading::behind(policy, ask, policy.prepare(&request), &self.facts.bridges);
        let is_seen =
            |memory: &&Arc<Memory>| reading.decision(memory).is_some() || reading.crossing(memory).is_some();
        let of_tenant = referred.iter().filter(|memory| memory.tenant == ask.principal.tenant);
        let seen = of_tenant.filter(is_seen).map(|memory| memory.id);
        let seen: BTreeSet<MemoryId> =
            seen.chain(self.facts.memories.iter().map(|memory| memory.id)).collect();
        for memory in self.facts.memories.iter_mut().chain(&mut self.facts.versions) {
            if references(memory).iter().any(|id| !seen.contains(id)) {
                *memory = Arc::new(without_references(memory, &seen));
            }
        }
    }
}

/// The memories that one refers to.
fn references(memory: &Memory) -> Vec<MemoryId> {
    let mut all: Vec<MemoryId> =
        memory.object().iter().flat_map(|object| object.provenance.derived_from.iter()).copied().collect();
    if let Body::Impact(impact) = &memory.body {
        all.extend(impact.constraints.iter().flat_map(|constraint| &constraint.source_refs));
    }
    all
}

/// The same memory without references to others than these.
pub(super) fn without_references(memory: &Memory, seen: &BTreeSet<MemoryId>) -> Memory {
    let mut shown = memory.clone();
    if let Some(object) = shown.body.object_mut() {
        let parents = object.provenance.derived_from.iter().filter(|id| seen.contains(id)).copied();
        object.provenance.derived_from = Distinct::new(parents.collect()).unwrap_or_default();
    }
    if let Body::Impact(impact) = &mut shown.body {
        let constraints = impact.constraints.iter().filter_map(|constraint| {
            let mut parts = constraint.clone().into_parts();
            parts.source_refs.retain(|id| seen.contains(id));
            Constraint::new(parts).ok()
        });
        impact.constraints = List::new(constraints.collect()).unwrap_or_default();
    }
    shown
}
