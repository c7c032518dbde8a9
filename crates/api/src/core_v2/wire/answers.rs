//! What the dialect answers with, and the schemas of it.

use std::collections::BTreeMap;

use memoryscope_domain::constraint::{MergeReport, Strategy, Target};
use memoryscope_domain::ids::{AuditId, BridgeId, ConstraintId, MemoryId, TenantId};
use memoryscope_domain::memory::{MemoryType, State};
use memoryscope_domain::policy::Trace;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::op::ingest::Ingested;
use memoryscope_engine::op::query::{Answer, HeldConstraint, Item};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::shown::{ConstraintName, ConstraintSaid, Each, MemoryName, MemoryNames, Told, memory_names};
use super::{shown, shown_schema};
use crate::explained::{Explanation, Searched, explanation, explanation_schema, searched_schema};
use crate::openapi;
use crate::openapi::schema::{
    about, count, list, maybe, names, object, or_null, prefixed, text, time, truth, with,
};

/// With the members that every decision answers with.
pub(in crate::core_v2) fn decided<'a, B: Serialize + 'a>(
    body: B,
    trace: Option<&'a Trace>,
    access_log: AuditId,
) -> impl Serialize + 'a {
    static NO_BRIDGES: Bridged = Bridged::new();
    decided_behind(body, trace, &NO_BRIDGES, access_log)
}

/// The same of what was in part read behind bridges.
pub(in crate::core_v2) fn decided_behind<'a, B: Serialize + 'a>(
    body: B,
    trace: Option<&'a Trace>,
    bridges: &'a Bridged,
    access_log: AuditId,
) -> impl Serialize + 'a {
    let policy_trace = trace.map(|trace| Traced { trace, bridges: BridgesSaid(bridges) });
    Decided { body, policy_trace, access_log_id: access_log.prefixed() }
}

/// What was read behind which bridge.
type Bridged = BTreeMap<BridgeId, Vec<MemoryId>>;

/// Why it was decided so, and behind which bridges something was read.
#[derive(Serialize)]
struct Traced<'a> {
    #[serde(flatten)]
    trace: &'a Trace,
    #[serde(skip_serializing_if = "BridgesSaid::is_empty")]
    bridges: BridgesSaid<'a>,
}

struct BridgesSaid<'a>(&'a Bridged);

impl BridgesSaid<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[derive(Serialize)]
struct BridgeSaid<'a> {
    bridge_id: String,
    memory_ids: MemoryNames<'a>,
}

impl Serialize for BridgesSaid<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(|(bridge, memories)| BridgeSaid {
            bridge_id: bridge.prefixed(),
            memory_ids: memory_names(memories),
        }))
    }
}

#[derive(Serialize)]
struct Decided<'a, B> {
    #[serde(flatten)]
    body: B,
    policy_trace: Option<Traced<'a>>,
    access_log_id: String,
}

pub(super) fn decided_schema(body: Value) -> Value {
    with(body, [("policy_trace", or_null(openapi::policy_trace())), ("access_log_id", prefixed("log_"))])
}

/// What is told of a memory that was stored.
pub(in crate::core_v2) fn ingested(tenant: &TenantId, stored: &Ingested) -> Value {
    let derived = stored.derived.iter().map(|(id, kind)| json!({"id": id.prefixed(), "type": kind.name()}));
    json!({
        "id": stored.id.prefixed(),
        "tenant_id": tenant.as_str(),
        "state": stored.state.name(),
        "created_at": stored.created.to_string(),
        "derived": derived.collect::<Vec<_>>(),
    })
}

/// The schema of [`ingested`].
pub(in crate::core_v2) fn ingested_schema(title: &str) -> Value {
    let derived = object(
        "DerivedMemory",
        [
            ("id", prefixed("mem_")),
            ("type", names([MemoryType::Impact, MemoryType::Seed].map(MemoryType::name))),
        ],
    );
    let states = names([State::Active, State::Restricted, State::Sealed].map(State::name));
    decided_schema(object(
        title,
        [
            ("id", prefixed("mem_")),
            ("tenant_id", text()),
            ("state", states),
            ("created_at", time()),
            ("derived", list(derived)),
        ],
    ))
}

/// A memory that is shown, whether it may be put into a prompt, and why it was found where that is told.
pub(in crate::core_v2) fn item(shown: &Item, now: Timestamp, is_explained: bool) -> Option<impl Serialize> {
    let memory = shown::memory(&shown.memory, shown.state, now)?;
    let score = shown.score.map(|score| score.get());
    let bridge_id = shown.bridge.map(BridgeId::prefixed);
    Some(ItemSaid {
        memory,
        include_in_prompt: shown.include_in_prompt,
        score,
        explanation: is_explained.then(|| explanation(shown)).flatten(),
        bridge_id,
    })
}

#[derive(Serialize)]
struct ItemSaid<'a> {
    #[serde(flatten)]
    memory: Told<'a>,
    include_in_prompt: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bridge_id: Option<String>,
}

/// A memory or what is left of one, with more members and under names of their own.
fn either_schema(titles: [&str; 2], more: impl Fn(Value) -> Value) -> Value {
    let [memory, tombstone] = [shown_schema::memory(), shown_schema::tombstone()].map(more);
    let named = [(memory, titles[0]), (tombstone, titles[1])].map(|(mut schema, title)| {
        schema["title"] = json!(title);
        schema
    });
    json!({"anyOf": named})
}

fn with_prompt(item: Value) -> Value {
    with(item, [("include_in_prompt", truth())])
}

pub(super) fn item_schema() -> Value {
    let score = about(
        json!({"type": "number", "minimum": 0}),
        "How well it answers the `query_text`, where there is one. Scores of one answer compare; those of two do not.",
    );
    either_schema(["ShownMemory", "ShownTombstone"], |one| {
        let why = explanation_schema();
        let one = maybe(with_prompt(one), [("score", score.clone()), ("explanation", why)]);
        maybe(one, [("bridge_id", super::bridges::behind_schema())])
    })
}

/// The schema of one memory's answer.
pub(in crate::core_v2) fn one_schema() -> Value {
    either_schema(["MemoryAnswer", "TombstoneAnswer"], |one| {
        maybe(decided_schema(with_prompt(one)), [("bridge_id", super::bridges::behind_schema())])
    })
}

/// A page of memories.
pub(in crate::core_v2) fn page<'a>(
    answer: &'a Answer,
    now: Timestamp,
    next: Option<&'a str>,
) -> impl Serialize + 'a {
    Page { items: Items::of(&answer.items, now), next_cursor: next }
}

#[derive(Serialize)]
struct Page<'a> {
    items: Items<'a>,
    next_cursor: Option<&'a str>,
}

/// Memories that are shown at a time.
pub(super) struct Items<'a> {
    items: &'a [Item],
    now: Timestamp,
    are_explained: bool,
}

impl<'a> Items<'a> {
    pub(super) const fn of(items: &'a [Item], now: Timestamp) -> Self {
        Self { items, now, are_explained: false }
    }
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.items.iter().filter_map(|shown| item(shown, self.now, self.are_explained)))
    }
}

fn next_schema() -> Value {
    about(or_null(text()), "Null on the last page.")
}

/// The schema of [`page`].
pub(in crate::core_v2) fn page_schema() -> Value {
    decided_schema(object(
        "MemoryObjectPage",
        [("items", list(item_schema())), ("next_cursor", next_schema())],
    ))
}

/// A memory's versions.
pub(in crate::core_v2) fn history<'a>(items: &'a [Told<'a>], next: Option<&'a str>) -> impl Serialize + 'a {
    Versions { items, next_cursor: next }
}

#[derive(Serialize)]
struct Versions<'a> {
    items: &'a [Told<'a>],
    next_cursor: Option<&'a str>,
}

/// The schema of a memory's versions.
pub(in crate::core_v2) fn history_schema() -> Value {
    decided_schema(object(
        "MemoryHistory",
        [
            (
                "items",
                about(
                    list(either_schema(["MemoryObject", "Tombstone"], |one| one)),
                    "The oldest first; the current one is the last of the last page.",
                ),
            ),
            ("next_cursor", next_schema()),
        ],
    ))
}

/// What a query answers with, and by what it was searched where that is told.
pub(in crate::core_v2) fn queried<'a>(
    answer: &'a Answer,
    now: Timestamp,
    next: Option<&'a str>,
    explained: Option<&'a Searched>,
) -> impl Serialize + 'a {
    Queried {
        items: Items { are_explained: explained.is_some(), ..Items::of(&answer.items, now) },
        next_cursor: next,
        explanation: explained,
        approximate: answer.approximate,
        tokens_used: answer.tokens_used,
        memory_ids: Ids(&answer.items, None),
        impacts: Each(&answer.constraints, Held::of),
        merge_report: Each(&answer.merge_report, ReportSaid::of),
        seeds: Ids(&answer.items, Some(MemoryType::Seed)),
        events: Ids(&answer.items, Some(MemoryType::Event)),
        denied_ids: memory_names(&answer.denied),
    }
}

#[derive(Serialize)]
struct Queried<'a> {
    items: Items<'a>,
    next_cursor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<&'a Searched>,
    approximate: bool,
    tokens_used: usize,
    memory_ids: Ids<'a>,
    impacts: Each<'a, HeldConstraint, Held<'a>>,
    merge_report: Each<'a, MergeReport, ReportSaid<'a>>,
    seeds: Ids<'a>,
    events: Ids<'a>,
    denied_ids: MemoryNames<'a>,
}

/// The ids of those of a type, or of all.
struct Ids<'a>(&'a [Item], Option<MemoryType>);

impl Serialize for Ids<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let is_wanted = |item: &&Item| self.1.is_none_or(|wanted| item.memory.body.memory_type() == wanted);
        to.collect_seq(self.0.iter().filter(is_wanted).map(|item| MemoryName(item.memory.id)))
    }
}

/// The schema of [`queried`].
pub(in crate::core_v2) fn queried_schema() -> Value {
    let memories = || list(prefixed("mem_"));
    let impact = held_schema();
    let explanation = searched_schema();
    let answer = decided_schema(object(
        "QueryAnswer",
        [
            ("items", list(item_schema())),
            ("next_cursor", next_schema()),
            (
                "approximate",
                about(truth(), "Whether more memories hold the words of the `query_text` than were ranked."),
            ),
            ("tokens_used", about(count(), "Of the items' texts: bytes divided by four, rounded up.")),
            ("memory_ids", memories()),
            ("impacts", about(list(impact), "The impacts' merged constraints, the most important first.")),
            ("merge_report", list(merge_report_schema())),
            ("seeds", memories()),
            ("events", memories()),
            (
                "denied_ids",
                about(
                    memories(),
                    "What was looked at for this page, asked for and withheld: told to the role auditor for \
                     compliance_audit and debugging_replay, else empty.",
                ),
            ),
        ],
    ));
    maybe(answer, [("explanation", explanation)])
}

/// The schema of [`Held`].
pub(super) fn held_schema() -> Value {
    let mut held = with(shown_schema::constraint(), [("memory_id", prefixed("mem_"))]);
    held["title"] = json!("HeldConstraint");
    held
}

/// A constraint, and the impact that holds it.
#[derive(Serialize)]
pub(super) struct Held<'a> {
    #[serde(flatten)]
    constraint: ConstraintSaid<'a>,
    memory_id: MemoryName,
}

impl<'a> Held<'a> {
    pub(super) fn of(held: &'a HeldConstraint) -> Self {
        Self { constraint: ConstraintSaid::of(&held.constraint), memory_id: MemoryName(held.impact) }
    }
}

pub(super) type ConstraintNames<'a> = Each<'a, ConstraintId, ConstraintName>;

pub(super) fn constraint_names(members: &[ConstraintId]) -> ConstraintNames<'_> {
    Each(members, |id| ConstraintName(*id))
}

/// What of some constraints was dropped.
#[derive(Serialize)]
pub(super) struct ReportSaid<'a> {
    target: &'static str,
    slot: &'a str,
    kept: ConstraintNames<'a>,
    dropped: ConstraintNames<'a>,
    why: &'static str,
}

impl<'a> ReportSaid<'a> {
    pub(super) fn of(report: &'a MergeReport) -> Self {
        Self {
            target: report.target.name(),
            slot: report.slot.as_str(),
            kept: constraint_names(&report.kept),
            dropped: constraint_names(&report.dropped),
            why: report.why.name(),
        }
    }
}

pub(super) fn merge_report_schema() -> Value {
    let constraints = || list(prefixed("con_"));
    let why = ["expired", "superseded", "conflict"].into_iter().chain(Strategy::NAMES.iter().copied());
    object(
        "MergeReport",
        [
            ("target", names(Target::NAMES.iter().copied())),
            ("slot", text()),
            ("kept", constraints()),
            ("dropped", constraints()),
            ("why", names(why)),
        ],
    )
}

/// The schema of a batch's answer.
pub(in crate::core_v2) fn batch_schema() -> Value {
    let stored =
        with(ingested_schema("StoredMemory"), [("index", count()), ("status", json!({"const": 201}))]);
    let refused = object(
        "RefusedMemory",
        [
            ("index", count()),
            ("status", json!({"type": "integer", "minimum": 400, "maximum": 599})),
            ("error", openapi::error()),
        ],
    );
    let results = list(json!({"anyOf": [stored, refused]}));
    object("MemoryBatchResults", [("results", results), ("accepted", count()), ("rejected", count())])
}
