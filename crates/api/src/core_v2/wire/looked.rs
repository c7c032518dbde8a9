//! What is asked and answered about decisions that were made before.

use memoryscope_domain::audit_chain::{Code, Draft, Verdict as Outcome};
use memoryscope_domain::govern::{Explained, WhyWithheld};
use memoryscope_domain::ids::{AuditId, MemoryId, TenantId};
use memoryscope_domain::limits;
use memoryscope_domain::memory::MemoryType;
use memoryscope_domain::object::{Distinct, Name};
use memoryscope_domain::policy::{Effect, Trace, Verdict};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::spiral::Pattern;
use memoryscope_domain::words::Score;
use memoryscope_engine::op::explain::{ExplainedLog, Explanation, NotTold, Returned};
use memoryscope_engine::op::query::HeldConstraint;
use memoryscope_engine::op::spiral::Active;
use memoryscope_engine::op::{self, Info};
use memoryscope_engine::replay::{Comparison, NotReplayable};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::answers::{Held, decided_schema, held_schema};
use super::gate::{Said, said_schema};
use super::requests::purpose;
use super::scalar::{line, memory_id, tenant_id};
use super::shown::{Each, MemoryName, MemoryNames, Time, memory_names};
use crate::openapi::schema::{
    AUDIT_ID_PATTERN, about, count, digest, list, names, object, or_null, prefixed, text, time, truth,
};
use crate::wire::{Decode, Fault, Fields, Shape, boolean, choice, list_of, object as object_of, string};

/// The operations that a request can be described as.
const DESCRIBED: [&Info; 5] =
    [&op::get::GET, &op::get::HISTORY, &op::query::INFO, &op::reconstruct::INFO, &op::gate::INFO];

/// An access log's id.
pub(super) fn access_log_id() -> impl Decode<Out = AuditId> {
    string().pattern(AUDIT_ID_PATTERN).parsed(|text: &String| AuditId::parse(text))
}

/// `POST /v2/explain`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct ExplainRequest {
    pub(in crate::core_v2) tenant: TenantId,
    pub(in crate::core_v2) about: Asked,
}

/// What is to be explained.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) enum Asked {
    /// A decision that was made.
    Log(AuditId),
    /// How memories would be decided.
    Memories(Vec<MemoryId>, Described),
}

/// A request that is described and not made.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct Described {
    pub(in crate::core_v2) purpose: Purpose,
    pub(in crate::core_v2) operation: &'static str,
    pub(in crate::core_v2) tool: Option<Name>,
    pub(in crate::core_v2) include_events: bool,
}

impl Shape for Described {
    const NAME: &'static str = "DescribedRequest";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let purpose = f.required("purpose", purpose());
        let operations = choice(DESCRIBED.map(|info| (info.name, info.name)));
        let operation = f.or_shown("operation", operations, op::query::INFO.name, op::query::INFO.name);
        let tool = f.optional("tool", line());
        let include_events = f.or("include_events", boolean(), false);
        Some(Self { purpose: purpose?, operation: operation?, tool, include_events: include_events? })
    }
}

impl Shape for ExplainRequest {
    const NAME: &'static str = "ExplainDecision";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let log = f.optional("access_log_id", access_log_id());
        let members = list_of(memory_id(), 1..=limits::EVIDENCE_MAX);
        let members = members.parsed(|ids: &Vec<MemoryId>| Distinct::new(ids.clone()));
        let memories: Option<Distinct<MemoryId, { limits::EVIDENCE_MAX }>> =
            f.optional("memory_ids", members);
        let described = f.optional("request", object_of::<Described>());
        let (names_log, names_memories) = (f.sends("access_log_id"), f.sends("memory_ids"));
        if !names_log && !names_memories {
            f.refuse("access_log_id", Fault::Missing, "is required, or memory_ids in its place");
        }
        if names_log && names_memories {
            f.refuse(
                "memory_ids",
                Fault::NotAllowed,
                "stands in place of access_log_id: leave one of them out",
            );
        }
        if names_log && f.sends("request") {
            f.refuse("request", Fault::NotAllowed, "goes with memory_ids: a log has its own");
        }
        if names_memories && !names_log && !f.sends("request") {
            f.refuse("request", Fault::Missing, "is required with memory_ids");
        }
        let about = match (log, memories, described) {
            (Some(log), None, None) => Asked::Log(log),
            (None, Some(memories), Some(described)) => Asked::Memories(memories.to_vec(), described),
            _ => return None,
        };
        Some(Self { tenant: tenant?, about })
    }
}

/// What is told of a comparison with what was recorded.
#[derive(Serialize)]
pub(super) struct Compared {
    matches: Option<bool>,
    reason: Option<&'static str>,
    differs_in: Vec<&'static str>,
}

impl Compared {
    pub(super) fn of(comparison: &Comparison) -> Self {
        let (matches, reason, differs_in) = match comparison {
            Comparison::Identical => (Some(true), None, Vec::new()),
            Comparison::Differs(parts) => (Some(false), None, parts.clone()),
            Comparison::InputsErased => (None, Some("inputs_erased"), Vec::new()),
            Comparison::NotReplayable(why) => (None, Some(why.code()), Vec::new()),
        };
        Self { matches, reason, differs_in }
    }
}

/// The schemas of [`Compared`]'s members.
pub(super) fn compared_members() -> [(&'static str, Value); 3] {
    let reasons = NotReplayable::CODES.into_iter().chain(["inputs_erased"]);
    let parts = names(["decision", "reason", "memories", "rules", "value"]);
    [
        (
            "matches",
            about(
                or_null(truth()),
                "Whether it came out as it was recorded; null where that cannot be said.",
            ),
        ),
        ("reason", about(or_null(names(reasons)), "Why that cannot be said.")),
        ("differs_in", about(list(parts), "In what it differs.")),
    ]
}

#[derive(Serialize)]
struct LogSaid<'a> {
    access_log_id: String,
    time: Time,
    operation: &'a str,
    purpose: Option<&'static str>,
    decision: &'static str,
    reason_code: Option<&'a str>,
    policy_version: &'a str,
    policy_hash: String,
    as_of: u64,
    #[serde(flatten)]
    compared: Compared,
}

fn log_schema() -> Value {
    let log = object(
        "ExplainedLog",
        [
            ("access_log_id", prefixed("log_")),
            ("time", time()),
            ("operation", text()),
            ("purpose", or_null(text())),
            ("decision", names(Outcome::ALL.map(Outcome::name))),
            ("reason_code", or_null(text())),
            ("policy_version", text()),
            ("policy_hash", digest()),
            ("as_of", about(count(), "The entry of the chain that it saw last.")),
        ],
    );
    crate::openapi::schema::with(log, compared_members())
}

/// Each effect, and the rule that decided it.
struct EffectsSaid<'a>(&'a Trace);

#[derive(Serialize)]
struct EffectSaid<'a> {
    allowed: bool,
    by: memoryscope_domain::policy::DecidedBy,
    rule: Option<&'a str>,
}

impl Serialize for EffectsSaid<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.effects.len()))?;
        for Verdict { effect, allowed, by, rules } in &self.0.effects {
            let rule = rules.first().map(|rule| &**rule);
            map.serialize_entry(effect.name(), &EffectSaid { allowed: *allowed, by: *by, rule })?;
        }
        map.end()
    }
}

/// How it came to its rank, where words were searched for.
#[derive(Serialize)]
struct ScoresSaid {
    words: f64,
}

#[derive(Serialize)]
struct DecisionSaid<'a> {
    memory_id: MemoryName,
    r#type: MemoryType,
    rank: Option<usize>,
    scores: Option<ScoresSaid>,
    withheld: Option<&'static str>,
    effects: EffectsSaid<'a>,
    matched_rules: Vec<&'a str>,
    state_not_named: Vec<&'a str>,
    reasons: Vec<&'a str>,
    nearest_grant: Option<&'a str>,
}

impl<'a> DecisionSaid<'a> {
    fn of(explained: &'a Explained, rank: Option<usize>, score: Option<Score>) -> Self {
        let trace = &explained.trace;
        Self {
            memory_id: MemoryName(explained.memory),
            r#type: explained.memory_type,
            rank,
            scores: score.map(|score| ScoresSaid { words: score.get() }),
            withheld: explained.withheld.map(WhyWithheld::name),
            effects: EffectsSaid(trace),
            matched_rules: trace.matched_rules.iter().map(|rule| &**rule).collect(),
            state_not_named: explained.state_not_named.iter().map(|rule| &**rule).collect(),
            reasons: trace.reasons.iter().map(|reason| &**reason).collect(),
            nearest_grant: trace.nearest_grant.as_ref().map(|hint| hint.text.as_str()),
        }
    }

    fn unranked(explained: &'a Explained) -> Self {
        Self::of(explained, None, None)
    }

    fn returned(returned: &'a Returned) -> Self {
        Self::of(&returned.explained, returned.rank, returned.score)
    }
}

fn decision_schema(title: &str) -> Value {
    let by = names(["rule", "erred_rule", "default", "no_grant", "not_readable"]);
    let effect = object("DecidedEffect", [("allowed", truth()), ("by", by), ("rule", or_null(text()))]);
    let effects = Effect::ALL.map(|effect| effect.name());
    let mut all = json!({"type": "object", "title": "DecidedEffects", "properties": {}});
    for name in effects {
        all["properties"][name] = effect.clone();
    }
    let types = [MemoryType::Event, MemoryType::Impact, MemoryType::Seed].map(MemoryType::name);
    object(
        title,
        [
            ("memory_id", prefixed("mem_")),
            ("type", names(types)),
            ("rank", about(or_null(count()), "Its place in the answer, from 1.")),
            (
                "scores",
                about(
                    or_null(object("Scores", [("words", json!({"type": "number", "minimum": 0}))])),
                    "How well it answers the `query_text`, where there was one.",
                ),
            ),
            (
                "withheld",
                about(or_null(names(WhyWithheld::ALL.map(WhyWithheld::name))), "Why it is not shown."),
            ),
            ("effects", all),
            ("matched_rules", list(text())),
            (
                "state_not_named",
                about(
                    list(text()),
                    "Rules that matched and grant nothing: they do not name the memory's state.",
                ),
            ),
            ("reasons", list(text())),
            ("nearest_grant", about(or_null(text()), "What the request would have to be like.")),
        ],
    )
}

#[derive(Serialize)]
struct NotReinforced<'a> {
    memory_id: MemoryName,
    reason: &'static str,
    rule: Option<&'a str>,
    blocked_until: Option<Time>,
}

const NOT_REINFORCED: [&str; 2] = ["policy", "spiral"];

impl<'a> NotReinforced<'a> {
    fn of(explained: &'a Explained) -> Self {
        let rules = explained.trace.verdict(Effect::Reinforcement).map(|verdict| &verdict.rules);
        let rule = rules.and_then(|rules| rules.first()).map(|rule| &**rule);
        let blocked_until = explained.not_reinforced_until.map(Time);
        let reason = NOT_REINFORCED[usize::from(blocked_until.is_some())];
        Self { memory_id: MemoryName(explained.memory), reason, rule, blocked_until }
    }
}

#[derive(Serialize)]
struct ExplanationSaid<'a> {
    access_log: Option<LogSaid<'a>>,
    not_explained: Option<&'static str>,
    memory_ids_used: MemoryNames<'a>,
    decisions: Vec<DecisionSaid<'a>>,
    constraints_applied: Each<'a, HeldConstraint, Held<'a>>,
    denials: Vec<DecisionSaid<'a>>,
    spiral_state: Option<SpiralSaid>,
    tool_gate_decision: Option<Said<'a>>,
    reinforcement_blocked: Vec<NotReinforced<'a>>,
    explanation: String,
}

/// The spiral that held.
#[derive(Serialize)]
struct SpiralSaid {
    pattern: &'static str,
    confidence: f64,
    expires_at: Time,
}

impl SpiralSaid {
    fn of(active: &Active) -> Self {
        Self {
            pattern: active.pattern.name(),
            confidence: active.confidence.get(),
            expires_at: Time(active.expires),
        }
    }
}

impl<'a> LogSaid<'a> {
    fn of(draft: &'a Draft, comparison: &Comparison) -> Self {
        Self {
            access_log_id: draft.id.prefixed(),
            time: Time(draft.time),
            operation: draft.operation.as_str(),
            purpose: draft.purpose.map(Purpose::name),
            decision: draft.decision.name(),
            reason_code: draft.reason_code.as_ref().map(Code::as_str),
            policy_version: &draft.policy.version,
            policy_hash: draft.policy.hash.to_string(),
            as_of: draft.as_of.0,
            compared: Compared::of(comparison),
        }
    }
}

impl<'a> ExplanationSaid<'a> {
    fn of_nothing(NotTold { why, draft }: &'a NotTold) -> Self {
        let comparison = Comparison::NotReplayable(why.clone());
        Self {
            access_log: draft.as_deref().map(|draft| LogSaid::of(draft, &comparison)),
            not_explained: Some(why.code()),
            memory_ids_used: memory_names(&[]),
            decisions: Vec::new(),
            constraints_applied: Each(&[], Held::of),
            denials: Vec::new(),
            spiral_state: None,
            tool_gate_decision: None,
            reinforcement_blocked: Vec::new(),
            explanation: format!("This cannot be explained: {why}."),
        }
    }
}

/// The explanation of a decision.
pub(in crate::core_v2) fn explained_log(told: &ExplainedLog) -> impl Serialize + '_ {
    let told: &Explanation = match told {
        ExplainedLog::Told(told) => told,
        ExplainedLog::NotTold(why) => return ExplanationSaid::of_nothing(why),
    };
    let draft = &told.draft;
    let count = told.memory_ids.len();
    let purpose = draft.purpose.map_or("no purpose", Purpose::name);
    let (decision, policy) = (draft.decision.name(), &draft.policy.version);
    ExplanationSaid {
        access_log: Some(LogSaid::of(draft, &told.comparison)),
        not_explained: None,
        memory_ids_used: memory_names(&told.memory_ids),
        decisions: told.decisions.iter().map(DecisionSaid::returned).collect(),
        constraints_applied: Each(&told.constraints, Held::of),
        denials: told.denials.iter().map(DecisionSaid::unranked).collect(),
        spiral_state: told.spiral.as_ref().map(SpiralSaid::of),
        tool_gate_decision: told.gate.as_ref().map(Said::of),
        reinforcement_blocked: told.not_reinforced().map(NotReinforced::of).collect(),
        explanation: format!(
            "{decision} for {purpose} by the policy {policy}; of what was returned, {count} may be seen now."
        ),
    }
}

/// How memories would be decided.
pub(in crate::core_v2) struct WouldBe {
    ids: Vec<MemoryId>,
    all: Vec<Explained>,
    purpose: Purpose,
}

impl WouldBe {
    pub(in crate::core_v2) fn of(all: Vec<Explained>, purpose: Purpose) -> Self {
        let shown = all.iter().filter(|one| one.withheld.is_none());
        Self { ids: shown.map(|one| one.memory).collect(), all, purpose }
    }

    pub(in crate::core_v2) fn said(&self) -> impl Serialize + '_ {
        let (purpose, count) = (self.purpose.name(), self.ids.len());
        ExplanationSaid {
            access_log: None,
            not_explained: None,
            memory_ids_used: memory_names(&self.ids),
            decisions: self.all.iter().map(DecisionSaid::unranked).collect(),
            constraints_applied: Each(&[], Held::of),
            denials: Vec::new(),
            spiral_state: None,
            tool_gate_decision: None,
            reinforcement_blocked: self
                .all
                .iter()
                .filter(|one| one.withheld.is_none() && one.is_not_reinforced())
                .map(NotReinforced::of)
                .collect(),
            explanation: format!("For {purpose}, {count} of these would be shown."),
        }
    }
}

/// The schema of an explanation.
pub(in crate::core_v2) fn explained_schema() -> Value {
    let blocked = object(
        "NotReinforced",
        [
            ("memory_id", prefixed("mem_")),
            ("reason", names(NOT_REINFORCED)),
            ("rule", about(or_null(text()), "The rule that denies it.")),
            ("blocked_until", about(or_null(time()), "When the spiral that blocks it expires.")),
        ],
    );
    let spiral = object(
        "SpiralThatHeld",
        [
            ("pattern", names(Pattern::ALL.map(Pattern::name))),
            ("confidence", json!({"type": "number", "minimum": 0, "maximum": 1})),
            ("expires_at", time()),
        ],
    );
    let denials = "For an auditor: what was asked for and withheld. Nobody else hears of it.";
    decided_schema(object(
        "Explanation",
        [
            ("access_log", or_null(log_schema())),
            ("not_explained", or_null(names(NotReplayable::CODES))),
            ("memory_ids_used", about(list(prefixed("mem_")), "What was returned, and may be seen now.")),
            ("decisions", list(decision_schema("MemoryDecision"))),
            ("constraints_applied", list(held_schema())),
            ("denials", about(list(decision_schema("MemoryDecision")), denials)),
            (
                "spiral_state",
                about(or_null(spiral), "The spiral that held, as far as the caller may know of it."),
            ),
            ("tool_gate_decision", or_null(said_schema())),
            ("reinforcement_blocked", list(blocked)),
            ("explanation", text()),
        ],
    ))
}
