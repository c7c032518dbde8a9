//! A decision that was made before: whose it is to look at, and what of it may be seen now.

use std::sync::Arc;

use super::{
    About, Ask, Authority, Details, Facts, Reason, Ruling, StoredEntry, Verdict, Visible, partly_allowed,
    reading, refused, view, view_of,
};
use crate::ids::MemoryId;
use crate::limits;
use crate::memory::{Memory, MemoryType};
use crate::policy::explain::Outcome;
use crate::policy::{Dialect, Effect, Policy, RuleId, Trace, explain};
use crate::principal::{Caller, Principal, Role};
use crate::purpose::Purpose;
use crate::time::Timestamp;

/// Why a memory that was looked at is not in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// Its time was over.
    Expired,
    /// It is never evidence for a tool, whatever a rule says.
    BarredAsEvidence,
    /// The policy does not grant reading it.
    Policy,
    /// It is older than the policy lets be shown.
    TooOld,
}

impl Withheld {
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
    pub withheld: Option<Withheld>,
}

/// Explains how a memory is decided. It is not for everybody: that something is withheld is for auditors, and how what
/// is shown was decided for those who may see it.
#[must_use]
pub fn explained(policy: &Policy, ask: &Ask<'_>, memory: &Memory) -> Explained {
    let request = ask.request();
    let view = view_of(policy, ask, memory);
    let explanation = explain(policy, &request, &view);
    let (decision, now) = (explanation.decision, ask.now);
    let is_barred = ask.purpose == Some(Purpose::TaskExecution)
        && memory.object().is_some_and(|object| object.is_barred_as_evidence(Purpose::TaskExecution));
    let withheld = if memory.expires.is_some_and(|end| end <= now) {
        Some(Withheld::Expired)
    } else if is_barred {
        Some(Withheld::BarredAsEvidence)
    } else if !decision.allows(Effect::Read) {
        Some(Withheld::Policy)
    } else if decision.obligations.outlived_by(view.age_days()) {
        Some(Withheld::TooOld)
    } else {
        None
    };
    let unnamed =
        explanation.rules.into_iter().filter(|rule| rule.outcome == Outcome::MatchedWithoutNamingTheState);
    Explained {
        memory: memory.id,
        memory_type: memory.body.memory_type(),
        trace: decision.trace,
        state_not_named: unnamed.map(|rule| rule.id).collect(),
        withheld,
    }
}

/// Whether a caller who names this memory by its id would be shown it.
#[must_use]
pub fn is_shown_by_id(
    policy: &Policy,
    principal: &Principal,
    purpose: Option<Purpose>,
    dialect: Dialect,
    now: Timestamp,
    memory: &Memory,
) -> bool {
    let ask = Ask {
        principal,
        purpose,
        operation: "memory.get",
        dialect,
        now,
        authority: Authority::ReadNamed,
        about: About::Anything,
        include_events: false,
        repeat: false,
        step: None,
        tool: None,
    };
    let is_of_tenant = memory.tenant == principal.tenant;
    is_of_tenant && reading::decision_on_named(policy, &ask, memory, &mut Details::default()).is_some()
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

    fn asked_for(&self, stored: &StoredEntry) -> bool {
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
    facts.memories.retain(|memory| {
        let principal = reading::reader_of(ask, memory);
        let ask = Ask { principal: &principal, ..ask.clone() };
        let own = Ask { purpose: Some(Purpose::SubjectAccess), ..ask.clone() };
        let one = explained(policy, &ask, memory);
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
        let Some(decision) = reading::decision_on_named(policy, ask, &memory, &mut details) else { continue };
        let shown = |version: &Arc<Memory>| view::redacted(version, &decision.obligations);
        facts.versions.extend(former.iter().filter(|version| version.id == memory.id).map(shown));
        facts.memories.push(shown(&memory));
        details.read.insert(memory.id, decision.trace);
    }
    facts.versions.truncate(limits::LIST_SCAN_ITEMS);
    partly_allowed(ask, facts, std::collections::BTreeMap::new(), details, Ruling::default())
}
