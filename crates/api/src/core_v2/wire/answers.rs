//! What the dialect answers with, and the schemas of it.

use memoryscope_domain::constraint::{MergeReport, Strategy, Target};
use memoryscope_domain::ids::{AuditId, ConstraintId, MemoryId, TenantId};
use memoryscope_domain::memory::{MemoryType, State};
use memoryscope_domain::policy::Trace;
use memoryscope_domain::reconstruct::{Context, Reconstruction};
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::op::ingest::Ingested;
use memoryscope_engine::op::query::{Answer, HeldConstraint, Item};
use memoryscope_engine::op::reconstruct::Reconstructed;
use serde_json::{Value, json};

use super::{shown, shown_schema};
use crate::openapi;
use crate::openapi::schema::{
    about, count, list, maybe, names, object, or_null, prefixed, text, time, truth, with,
};

fn ids(members: &[MemoryId]) -> Vec<String> {
    members.iter().map(|id| id.prefixed()).collect()
}

/// With the members that every decision answers with.
pub(in crate::core_v2) fn decided(mut body: Value, trace: Option<&Trace>, access_log: AuditId) -> Value {
    body["policy_trace"] = json!(trace);
    body["access_log_id"] = json!(access_log.prefixed());
    body
}

fn decided_schema(body: Value) -> Value {
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

/// A memory that is shown, and whether it may be put into a prompt.
pub(in crate::core_v2) fn item(shown: &Item, now: Timestamp) -> Option<Value> {
    let mut told = shown::memory(&shown.memory, shown.state, now)?;
    told["include_in_prompt"] = json!(shown.include_in_prompt);
    if let Some(score) = shown.score {
        told["score"] = json!(score.get());
    }
    Some(told)
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

fn item_schema() -> Value {
    let score = about(
        json!({"type": "number", "minimum": 0}),
        "How well it answers the `query_text`, where there is one. Scores of one answer compare; those of two do not.",
    );
    either_schema(["ShownMemory", "ShownTombstone"], |one| {
        maybe(with_prompt(one), [("score", score.clone())])
    })
}

/// The schema of one memory's answer.
pub(in crate::core_v2) fn one_schema() -> Value {
    either_schema(["MemoryAnswer", "TombstoneAnswer"], |one| decided_schema(with_prompt(one)))
}

fn items(answer: &Answer, now: Timestamp) -> Vec<Value> {
    answer.items.iter().filter_map(|shown| item(shown, now)).collect()
}

/// A page of memories.
pub(in crate::core_v2) fn page(answer: &Answer, now: Timestamp, next: Option<&str>) -> Value {
    json!({"items": items(answer, now), "next_cursor": next})
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

/// The schema of a memory's versions.
pub(in crate::core_v2) fn history_schema() -> Value {
    let left_out = about(truth(), "Whether there are older versions than these.");
    decided_schema(object(
        "MemoryHistory",
        [
            (
                "items",
                about(
                    list(either_schema(["MemoryObject", "Tombstone"], |one| one)),
                    "The oldest first, the current one last.",
                ),
            ),
            ("next_cursor", about(json!({"type": "null"}), "There are no other pages.")),
            ("older_left_out", left_out),
        ],
    ))
}

/// What a query answers with.
pub(in crate::core_v2) fn queried(answer: &Answer, now: Timestamp, next: Option<&str>) -> Value {
    let of = |wanted: MemoryType| -> Vec<String> {
        let of_type = answer.items.iter().filter(|item| item.memory.body.memory_type() == wanted);
        of_type.map(|item| item.memory.id.prefixed()).collect()
    };
    let mut body = page(answer, now, next);
    body["approximate"] = json!(answer.approximate);
    body["memory_ids"] = answer.items.iter().map(|item| json!(item.memory.id.prefixed())).collect();
    body["impacts"] = answer.constraints.iter().map(held).collect();
    body["merge_report"] = answer.merge_report.iter().map(merge_report).collect();
    body["seeds"] = json!(of(MemoryType::Seed));
    body["events"] = json!(of(MemoryType::Event));
    // Nobody but an auditor is ever told what was withheld, and no auditor yet.
    body["denied_ids"] = json!([]);
    body
}

/// The schema of [`queried`].
pub(in crate::core_v2) fn queried_schema() -> Value {
    let memories = || list(prefixed("mem_"));
    let mut impact = with(shown_schema::constraint(), [("memory_id", prefixed("mem_"))]);
    impact["title"] = json!("HeldConstraint");
    decided_schema(object(
        "QueryAnswer",
        [
            ("items", list(item_schema())),
            ("next_cursor", next_schema()),
            (
                "approximate",
                about(truth(), "Whether more memories hold the words of the `query_text` than were ranked."),
            ),
            ("memory_ids", memories()),
            (
                "impacts",
                about(list(impact), "The merged constraints of the impacts, the most important first."),
            ),
            ("merge_report", list(merge_report_schema())),
            ("seeds", memories()),
            ("events", memories()),
            ("denied_ids", memories()),
        ],
    ))
}

fn held(held: &HeldConstraint) -> Value {
    let mut told = shown::constraint(&held.constraint);
    told["memory_id"] = json!(held.impact.prefixed());
    told
}

fn constraint_ids(members: &[ConstraintId]) -> Vec<String> {
    members.iter().map(|id| id.prefixed()).collect()
}

fn merge_report(report: &MergeReport) -> Value {
    json!({
        "target": report.target.name(),
        "slot": report.slot.as_str(),
        "kept": constraint_ids(&report.kept),
        "dropped": constraint_ids(&report.dropped),
        "why": report.why.name(),
    })
}

fn merge_report_schema() -> Value {
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

/// What a reconstruction answers with.
pub(in crate::core_v2) fn reconstructed(made: &Reconstructed) -> Value {
    let Reconstruction { context, confidence, sources, token_estimate, left_out } = &made.reconstruction;
    let context = match context {
        Context::Text(text) => json!(text),
        Context::Json(json) => json.clone(),
        Context::Messages(messages) => {
            messages.iter().map(|(role, content)| json!({"role": role, "content": content})).collect()
        }
    };
    json!({
        "reconstructed_context": context,
        "confidence": confidence,
        "sources": {
            "impacts": ids(&sources.impacts), "seeds": ids(&sources.seeds), "events": ids(&sources.events),
        },
        "token_estimate": token_estimate,
        "left_out": {
            "constraints": constraint_ids(&left_out.constraints),
            "withheld": constraint_ids(&left_out.withheld),
            "seeds": ids(&left_out.seeds),
            "events": ids(&left_out.events),
        },
        "merge_report": made.merge_report.iter().map(merge_report).collect::<Vec<_>>(),
    })
}

/// The schema of [`reconstructed`].
pub(in crate::core_v2) fn reconstructed_schema() -> Value {
    let (memories, constraints) = (|| list(prefixed("mem_")), || list(prefixed("con_")));
    let message = object("ContextMessage", [("role", text()), ("content", text())]);
    let context = json!({"anyOf": [text(), crate::openapi::schema::free(), list(message)]});
    let sources =
        object("ContextSources", [("impacts", memories()), ("seeds", memories()), ("events", memories())]);
    let left_out = object(
        "ContextLeftOut",
        [
            ("constraints", constraints()),
            ("withheld", about(constraints(), "What names something that must not stand in a prompt.")),
            ("seeds", memories()),
            ("events", memories()),
        ],
    );
    decided_schema(object(
        "ReconstructedContext",
        [
            ("reconstructed_context", about(context, "A text, an object or messages, as `format` says.")),
            ("confidence", json!({"type": "number", "minimum": 0, "maximum": 1})),
            ("sources", sources),
            ("token_estimate", about(count(), "Characters divided by four, rounded up.")),
            ("left_out", left_out),
            ("merge_report", list(merge_report_schema())),
        ],
    ))
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
