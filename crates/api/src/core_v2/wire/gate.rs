//! What a tool's gate is asked, and answers.

use memoryscope_domain::constraint::MergeReport;
use memoryscope_domain::govern::{Evidence, Gate};
use memoryscope_domain::ids::{MemoryId, TenantId};
use memoryscope_domain::limits;
use memoryscope_domain::object::{Distinct, Name};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use memoryscope_engine::op::gate::Answer;
use memoryscope_engine::op::query::HeldConstraint;
use serde::Serialize;
use serde_json::Value;

use super::answers::{Held, ReportSaid, decided_schema, held_schema, merge_report_schema};
use super::requests::{ScopeName, purpose};
use super::scalar::{distinct, line, list_or_empty, memory_id, tenant_id};
use super::shown::Each;
use crate::openapi::schema::{about, list, names, object, or_null, prefixed, text, truth, with};
use crate::wire::{Fields, Shape, object as object_of, object_of_any};

/// `POST /v2/tools/gate`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct GateRequest {
    pub(in crate::core_v2) tenant: TenantId,
    pub(in crate::core_v2) scope: Scope,
    pub(in crate::core_v2) tool: Name,
    pub(in crate::core_v2) purpose: Purpose,
    pub(in crate::core_v2) evidence: Vec<MemoryId>,
}

impl Shape for GateRequest {
    const NAME: &'static str = "AskGate";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let scope = f.required("scope", object_of::<ScopeName>());
        let tool = f.required("tool", line());
        let purpose = f.required("purpose", purpose());
        let evidence: Option<Distinct<MemoryId, { limits::EVIDENCE_MAX }>> =
            list_or_empty(f, "evidence_ids", distinct(memory_id()));
        // What the tool would be called with is nobody's business here, and not kept.
        let _ = f.optional("arguments", object_of_any(limits::BODY_BYTES_MAX));
        Some(Self {
            tenant: tenant?,
            scope: scope?.0,
            tool: tool?,
            purpose: purpose?,
            evidence: evidence?.to_vec(),
        })
    }
}

/// What a gate decided.
#[derive(Serialize)]
pub(super) struct Said<'a> {
    allowed: bool,
    reason: Option<&'static str>,
    evidence_ids: Vec<String>,
    denied_evidence: Vec<Denied<'a>>,
}

#[derive(Serialize)]
struct Answered<'a> {
    tool: &'a str,
    #[serde(flatten)]
    said: Said<'a>,
    constraints: Each<'a, HeldConstraint, Held<'a>>,
    merge_report: Each<'a, MergeReport, ReportSaid<'a>>,
}

#[derive(Serialize)]
struct Denied<'a> {
    memory_id: String,
    reason: &'static str,
    rules: Vec<&'a str>,
}

const REASONS: [&str; 3] = ["policy_denies_the_call", "evidence_denied", "spiral_blocks_tools"];
const WORTHS: [&str; 2] = ["not_available", "policy_denies_it"];

impl<'a> Said<'a> {
    pub(super) fn of(gate: &'a Gate) -> Self {
        let allowed = gate.is_open();
        let mut admitted = Vec::new();
        let mut denied = Vec::new();
        for (id, worth) in &gate.evidence {
            let (reason, rules) = match worth {
                Evidence::Admitted => {
                    admitted.push(id.prefixed());
                    continue;
                }
                Evidence::NotAvailable => (WORTHS[0], Vec::new()),
                Evidence::Denied(rules) => (WORTHS[1], rules.iter().map(|rule| &**rule).collect()),
            };
            denied.push(Denied { memory_id: id.prefixed(), reason, rules });
        }
        Self {
            allowed,
            reason: match (gate.is_call_allowed, gate.blocked_until, allowed) {
                (false, ..) => Some(REASONS[0]),
                (true, Some(_), _) => Some(REASONS[2]),
                (true, None, false) => Some(REASONS[1]),
                (true, None, true) => None,
            },
            evidence_ids: admitted,
            denied_evidence: denied,
        }
    }
}

/// What the gate says.
pub(in crate::core_v2) fn gate<'a>(tool: &'a str, answer: &'a Answer) -> impl Serialize + 'a {
    Answered {
        tool,
        said: Said::of(&answer.gate),
        constraints: Each(&answer.constraints, Held::of),
        merge_report: Each(&answer.merge_report, ReportSaid::of),
    }
}

/// The schema of [`Said`].
pub(super) fn said_schema() -> Value {
    object("GateDecision", said_members())
}

fn said_members() -> [(&'static str, Value); 4] {
    let denied = object(
        "DeniedEvidence",
        [
            ("memory_id", prefixed("mem_")),
            (
                "reason",
                about(
                    names(WORTHS),
                    "`not_available` is said of what there is not and of what this caller may not go by in a task: \
                     the two are never told apart.",
                ),
            ),
            ("rules", list(text())),
        ],
    );
    [
        ("allowed", about(truth(), "Whether the tool may be called on all of this evidence.")),
        ("reason", or_null(names(REASONS))),
        ("evidence_ids", about(list(prefixed("mem_")), "What the tool may go by.")),
        ("denied_evidence", list(denied)),
    ]
}

/// The schema of [`gate`].
pub(in crate::core_v2) fn gate_schema() -> Value {
    let answer = object(
        "GateAnswer",
        [
            ("tool", text()),
            ("constraints", about(list(held_schema()), "What the scope's impacts ask of tools, merged.")),
            ("merge_report", list(merge_report_schema())),
        ],
    );
    decided_schema(with(answer, said_members()))
}
