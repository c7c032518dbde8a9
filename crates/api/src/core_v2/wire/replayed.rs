//! What is asked and answered about making a decision again.

use memoryscope_domain::audit_chain::{Code, Verdict as Outcome};
use memoryscope_domain::ids::{AuditId, TenantId};
use memoryscope_domain::object::Name;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::op::query::HeldConstraint;
use memoryscope_engine::op::replay::{Diff, Replayed, Shown};
use memoryscope_engine::replay::Override;
use serde::Serialize;
use serde_json::Value;

use super::answers::{Held, Items, decided_schema, held_schema, item_schema};
use super::gate::{Said, said_schema};
use super::looked::{Compared, access_log_id, compared_members};
use super::reconstructed::{ContextSaid, context_schema};
use super::requests::purpose;
use super::scalar::{line, tenant_id};
use super::shown::{Each, MemoryNames, memory_names};
use crate::openapi::schema::{about, list, names, object, or_null, prefixed, text, with};
use crate::wire::{Fault, Fields, Shape, object as object_of, time};

/// `POST /v2/replay`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct ReplayRequest {
    pub(in crate::core_v2) tenant: TenantId,
    pub(in crate::core_v2) log: AuditId,
    pub(in crate::core_v2) overridden: Override,
}

impl Shape for Override {
    const NAME: &'static str = "OverrideContext";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let purpose = f.optional("purpose", purpose());
        let policy_version: Option<Name> = f.optional("policy_version", line());
        let time = f.optional("time", time());
        let policy_version = policy_version.map(|version| version.as_str().to_owned());
        Some(Self { purpose, policy_version, time })
    }
}

impl Shape for ReplayRequest {
    const NAME: &'static str = "ReplayDecision";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let log = f.required("access_log_id", access_log_id());
        let overridden = f.optional("override_context", object_of::<Override>());
        if overridden.as_ref().is_some_and(Override::is_empty) {
            let message = "must name a purpose, a policy_version or a time";
            f.refuse("override_context", Fault::Invalid, message);
        }
        Some(Self { tenant: tenant?, log: log?, overridden: overridden.unwrap_or_default() })
    }
}

#[derive(Serialize)]
struct ReplayedSaid<'a> {
    result: Option<ResultSaid<'a>>,
    #[serde(flatten)]
    compared: Compared,
    diff: Option<DiffSaid<'a>>,
}

#[derive(Serialize)]
struct ResultSaid<'a> {
    decision: &'static str,
    reason_code: Option<&'a str>,
    memory_ids: MemoryNames<'a>,
    items: Items<'a>,
    constraints: Each<'a, HeldConstraint, Held<'a>>,
    reconstructed_context: Option<ContextSaid<'a>>,
    tool_gate: Option<Said<'a>>,
}

#[derive(Serialize)]
struct DiffSaid<'a> {
    added: MemoryNames<'a>,
    removed: MemoryNames<'a>,
    changed: MemoryNames<'a>,
}

fn result(shown: &Shown, at: Timestamp) -> ResultSaid<'_> {
    ResultSaid {
        decision: shown.decision.name(),
        reason_code: shown.reason.as_ref().map(Code::as_str),
        memory_ids: memory_names(&shown.memory_ids),
        items: Items::of(&shown.items, at),
        constraints: Each(&shown.constraints, Held::of),
        reconstructed_context: shown.reconstruction.as_ref().map(|told| ContextSaid(&told.context)),
        tool_gate: shown.gate.as_ref().map(Said::of),
    }
}

fn diff_said(diff: &Diff) -> DiffSaid<'_> {
    DiffSaid {
        added: memory_names(&diff.added),
        removed: memory_names(&diff.removed),
        changed: memory_names(&diff.changed),
    }
}

/// A decision that was made again.
pub(in crate::core_v2) fn replayed(made: &Replayed) -> impl Serialize + '_ {
    ReplayedSaid {
        result: made.result.as_ref().zip(made.at).map(|(shown, at)| result(shown, at)),
        compared: Compared::of(&made.comparison),
        diff: made.diff.as_ref().map(diff_said),
    }
}

/// The schema of [`replayed`].
pub(in crate::core_v2) fn replayed_schema() -> Value {
    let memories = || list(prefixed("mem_"));
    let result = object(
        "ReplayedResult",
        [
            ("decision", names(Outcome::ALL.map(Outcome::name))),
            ("reason_code", or_null(text())),
            ("memory_ids", about(memories(), "What it returned, and may be seen now.")),
            (
                "items",
                about(list(item_schema()), "As they were shown then, without what may not be seen now."),
            ),
            ("constraints", list(held_schema())),
            (
                "reconstructed_context",
                about(or_null(context_schema()), "Where all that it was put together from may be seen now."),
            ),
            ("tool_gate", or_null(said_schema())),
        ],
    );
    let diff =
        object("ReplayDiff", [("added", memories()), ("removed", memories()), ("changed", memories())]);
    let answer = object(
        "ReplayedDecision",
        [
            ("result", or_null(result)),
            ("diff", about(or_null(diff), "What `override_context` changes; null without one.")),
        ],
    );
    decided_schema(with(answer, compared_members()))
}
