//! What a reconstruction answers with, and the schemas of it.

use memoryscope_domain::constraint::MergeReport;
use memoryscope_domain::reconstruct::{Context, Reconstruction};
use memoryscope_engine::op::reconstruct::Reconstructed;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::answers::{ConstraintNames, ReportSaid, constraint_names, decided_schema, merge_report_schema};
use super::shown::{Each, MemoryNames, memory_names};
use crate::openapi::schema::{about, count, list, object, prefixed, text};

/// What a reconstruction answers with.
pub(in crate::core_v2) fn reconstructed(made: &Reconstructed) -> impl Serialize {
    let Reconstruction { context, confidence, sources, token_estimate, left_out } = &made.reconstruction;
    ReconstructedSaid {
        reconstructed_context: ContextSaid(context),
        confidence: *confidence,
        sources: SourcesSaid {
            impacts: memory_names(&sources.impacts),
            seeds: memory_names(&sources.seeds),
            events: memory_names(&sources.events),
        },
        token_estimate: *token_estimate,
        left_out: LeftOutSaid {
            constraints: constraint_names(&left_out.constraints),
            withheld: constraint_names(&left_out.withheld),
            seeds: memory_names(&left_out.seeds),
            events: memory_names(&left_out.events),
        },
        merge_report: Each(&made.merge_report, ReportSaid::of),
    }
}

#[derive(Serialize)]
struct ReconstructedSaid<'a> {
    reconstructed_context: ContextSaid<'a>,
    confidence: f64,
    sources: SourcesSaid<'a>,
    token_estimate: usize,
    left_out: LeftOutSaid<'a>,
    merge_report: Each<'a, MergeReport, ReportSaid<'a>>,
}

#[derive(Serialize)]
struct SourcesSaid<'a> {
    impacts: MemoryNames<'a>,
    seeds: MemoryNames<'a>,
    events: MemoryNames<'a>,
}

#[derive(Serialize)]
struct LeftOutSaid<'a> {
    constraints: ConstraintNames<'a>,
    withheld: ConstraintNames<'a>,
    seeds: MemoryNames<'a>,
    events: MemoryNames<'a>,
}

/// A context in its form.
pub(super) struct ContextSaid<'a>(pub(super) &'a Context);

impl Serialize for ContextSaid<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Context::Text(text) => text.serialize(to),
            Context::Json(json) => json.serialize(to),
            Context::Messages(messages) => {
                to.collect_seq(messages.iter().map(|(role, content)| MessageSaid { role, content }))
            }
        }
    }
}

#[derive(Serialize)]
struct MessageSaid<'a> {
    role: &'a str,
    content: &'a str,
}

/// The schema of [`ContextSaid`].
pub(super) fn context_schema() -> Value {
    let message = object("ContextMessage", [("role", text()), ("content", text())]);
    json!({"anyOf": [text(), crate::openapi::schema::free(), list(message)]})
}

/// The schema of [`reconstructed`].
pub(in crate::core_v2) fn reconstructed_schema() -> Value {
    let (memories, constraints) = (|| list(prefixed("mem_")), || list(prefixed("con_")));
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
            (
                "reconstructed_context",
                about(context_schema(), "A text, an object or messages, as `format` says."),
            ),
            ("confidence", json!({"type": "number", "minimum": 0, "maximum": 1})),
            ("sources", sources),
            ("token_estimate", about(count(), "Characters divided by four, rounded up.")),
            ("left_out", left_out),
            ("merge_report", list(merge_report_schema())),
        ],
    ))
}
