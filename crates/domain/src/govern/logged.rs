//! A decision that was made before: whose it is to look at, and what of it may be seen now.

use std::sync::Arc;

use super::{
    About, Ask, Authority, Details, Facts, Reason, Ruling, StoredEntry, Verdict, Visible, partly_allowed,
    reading, refused, spiralling, view, view_of,
};
use crate::bridge::Bridge;
use crate::ids::MemoryId;
use crate::limits;
use crate::memory::{Memory, MemoryType};
use crate::policy::explain::Outcome;
use crate::policy::{Dialect, Effect, Policy, RuleId, Trace, explain};
use crate::principal::{Caller, Principal, Role};
use crate::purpose::Purpose;
use crate::scope::Scope;
use crate::spiral::{Spirals, ThoughtPatternArtifact};
use crate::time::Timestamp;

/// Why a memory that was looked at is not in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyWithheld {
    /// Its time was over.
    Expired,
    /// It is never evidence for a tool, whatever a rule says.
    BarredAsEvidence,
    /// The policy does not grant reading it.
    Policy,
    /// It is older than the policy lets be shown.
    TooOld,
}

impl WhyWithheld {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Expired, Self::BarredAsEvidence, Self::Policy, Self::TooOld];

    /// Its name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::BarredAsEvidence => "barred_as_evidence",
            Self::Policy => "policy",
            Self::TooOld => "too_old",
        }
    }
}

/// How one memory was decided, in full.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// Which.
    pub memory: MemoryId,
    /// What it is.
    pub memory_type: MemoryType,
    /// Every effect, and the rules that decided it.
    pub trace: Trace,
    /// Rules that matched and grant nothing here, because their `when` does not name the memory's state.
    pub state_not_named: Vec<RuleId>,
    /// Why it is not shown; none where it may be.
    pub withheld: Option<WhyWithheld>,
    /// Where the policy lets it be reinforced and a spiral does not: until when.
    pub not_reinforced_until: Option<Timestamp>,
}

impl Explained {
    /// Whether it may not be reinforced: by the policy, or because of a spiral.
    #[must_use]
    pub fn is_not_reinforced(&self) -> bool {
        self.not_reinforced_until.is_some() || !self.trace.allows(Effect::Reinforcement)
    }
}

/// Explains how a memory is decided. It is not for everybody: that something is withheld is for auditors, and how what
/// is shown was decided for those who may see it. What is seen behind one of these bridges is explained as it is read there.
#[must_use]
pub fn explained(policy: &Policy, ask: &Ask<'_>, memory: &Memory, bridges: &[Bridge]) -> Explained {
    // A request that names no scope is about the memory's own.
    let request = if ask.scope.is_some() { ask.request() } else { ask.request_in(memory.partition) };
    let way = (!bridges.is_empty()).then(|| reading::way_to(policy, ask, memory, bridges));
    let is_behind = matches!(way, Some(Some(Some(_))));
    let view = view_of(policy, ask, memory);
    let view = if is_behind { view.behind_a_bridge() } else { view };
    let explanation = explain(policy, &request, &view);
    let (decision, now) = (explanation.decision, ask.now);
    let is_barred = ask.purpose == Some(Purpose::TaskExecution)
        && memory.object().is_some_and(|object| object.is_barred_as_evidence(Purpose::TaskExecution));
    let withheld = if memory.expires.is_some_and(|end| end <= now) {
        Some(WhyWithheld::Expired)
    } else if is_barred {
        Some(WhyWithheld::BarredAsEvidence)
    } else if !decision.allows(Effect::Read) || way == Some(None) {
        Some(WhyWithheld::Policy)
    } else if decision.obligations.outlived_by(view.age_days()) {
        Some(WhyWithheld::TooOld)
    } else {
        None
    };
    let unnamed =
        explanation.rules.into_iter().filter(|rule| rule.outcome == Outcome::MatchedWithoutNamingTheState);
    let may_be_reinforced = decision.allows(Effect::Reinforcement);
    let blocking =
        spiralling::blocks_reinforcement(policy, ask, memory.partition).filter(|_| may_be_reinforced);
    Explained {
        memory: memory.id,
        memory_type: memory.body.memory_type(),
        trace: decision.trace,
        state_not_named: unnamed.map(|rule| rule.id).collect(),
        withheld,
        not_reinforced_until: blocking.map(|spiral| spiral.expires),
    }
}

/// Who looks at a memory, when and what for.
#[derive(Debug, Clone, Copy)]
pub struct Looking<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// What for.
    pub purpose: Option<Purpose>,
    /// Which public API speaks.
    pub dialect: Dialect,
    /// When.
    pub now: Timestamp,
}

impl<'a> Looking<'a> {
    fn ask(self, spirals: &'a Spirals, scope: Option<&'a Scope>) -> Ask<'a> {
        Ask {
            principal: self.principal,
            purpose: self.purpose,
            operation: "memory.get",
            dialect: self.dialect,
            now: self.now,
            authority: Authority::ReadNamed,
            about: About::Anything,
            include_events: false,
            repeat: false,
            step: None,
            tool: None,
            scope,
            spirals,
            person: None,
            deed: None,
            origin: super::Origin::Live,
        }
    }
}

/// The spiral that held in a scope, as far as who looks may be told of it: whoever is told of the spirals there, and whoever
/// may look at all decisions.
#[must_use]
pub fn spiral_told<'a>(
    policy: &Policy,
    looking: Looking<'_>,
    spirals: &'a Spirals,
    scope: &Scope,
) -> Option<&'a ThoughtPatternArtifact> {
    let may_know = looking.principal.may_look_at_all_decisions()
        || spiralling::shown(policy, &looking.ask(spirals, Some(scope)), &[]).is_some();
    spirals.of(scope.partition()).filter(|_| may_know)
}

/// Whether a caller who names this memory by its id would be shown it, where these spirals hold and these bridges lead from
/// its scope.
#[must_use]
pub fn is_shown_by_id(
    policy: &Policy,
    looking: Looking<'_>,
    spirals: &Spirals,
    memory: &Memory,
    bridges: &[Bridge],
) -> bool {
    let (principal, ask) = (looking.principal, looking.ask(spirals, None));
    let is_of_tenant = memory.tenant == principal.tenant;
    is_of_tenant
        && reading::decision_on_named(policy, &ask, memory, bridges, &mut Details::default()).is_some()
}

impl Principal {
    /// Whether it may look at any decision of its tenant, and not only at its own.
    #[must_use]
    pub fn may_look_at_all_decisions(&self) -> bool {
        self.caller == Caller::System
            || self.roles.contains(&Role::Auditor)
            || self.roles.contains(&Role::Admin)
    }

    /// Whether a decision is its to look at: one of its tenant, where it may look at all of them, else one that it
    /// asked for itself, by the same client and for the same person. Where that was erased, it is nobody's own.
    #[must_use]
    pub fn may_look_at(&self, stored: &StoredEntry) -> bool {
        let is_of_tenant = stored.entry.parse().is_ok_and(|record| record.draft.tenant == self.tenant);
        is_of_tenant && (self.may_look_at_all_decisions() || self.asked_for(stored))
    }

    pub(super) fn asked_for(&self, stored: &StoredEntry) -> bool {
        let Some(private) = stored.private.as_ref().and_then(|private| private.object().ok()) else {
            return false;
        };
        let text = |name: &str| private.get(name).and_then(serde_json::Value::as_str);
        text("client") == Some(&self.client)
            && text("user_id") == self.user.as_ref().map(|user| user.as_str())
    }
}

impl Visible<Facts> {
    /// How the memories that were named are decided, where that was asked.
    #[must_use]
    pub fn explained(&self) -> &[Explained] {
        &self.details.explained
    }
}

/// How the memories that were named would be decided, those that the caller may know of: what is shown for that purpose
/// or as one's own, and for an auditor everything. The rest is as unknown as what is not there.
pub(super) fn decide_explained(policy: &Policy, ask: &Ask<'_>, mut facts: Facts) -> Verdict {
    let is_auditor = ask.principal.roles.contains(&Role::Auditor);
    let mut details = Details::default();
    let bridges = std::mem::take(&mut facts.bridges);
    facts.memories.retain(|memory| {
        let principal = reading::reader_of(ask, memory);
        let ask = Ask { principal: &principal, ..ask.clone() };
        let own = Ask { purpose: Some(Purpose::SubjectAccess), ..ask.clone() };
        let one = explained(policy, &ask, memory, &bridges);
        let is_known =
            one.withheld.is_none() || is_auditor || reading::decision(policy, &own, memory).is_some();
        let is_object = memory.body.memory_type() != MemoryType::Preference;
        if is_known && is_object {
            details.explained.push(one);
        }
        is_known && is_object
    });
    partly_allowed(ask, facts, std::collections::BTreeMap::new(), details, Ruling::default())
}

/// The decision's entry was named by its id: another's is as unknown as what is not there. Of the memories that were
/// loaded with it, those are seen that the caller would be shown by their ids now; earlier versions of them are shown
/// as the current ones may be.
pub(super) fn decide(policy: &Policy, ask: &Ask<'_>, mut facts: Facts) -> Verdict {
    facts.entries.retain(|stored| ask.principal.may_look_at(stored));
    if facts.entries.is_empty() {
        return refused(Reason::Unknown, Ruling::default(), None);
    }
    let mut details = Details::default();
    let former = std::mem::take(&mut facts.versions);
    for memory in std::mem::take(&mut facts.memories) {
        let decision = reading::decision_on_named(policy, ask, &memory, &facts.bridges, &mut details);
        let Some(decision) = decision else { continue };
        let shown = |version: &Arc<Memory>| view::redacted(version, &decision.obligations);
        facts.versions.extend(former.iter().filter(|version| version.id == memory.id).map(shown));
        facts.memories.push(shown(&memory));
        details.read.insert(memory.id, decision.trace);
    }
    facts.versions.truncate(limits::LIST_SCAN_ITEMS);
    partly_allowed(ask, facts, std::collections::BTreeMap::new(), details, Ruling::default())
}
