//! Policies, as they are sent and shown.

use memoryscope_domain::change::PolicyDocument;
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::limits;
use memoryscope_domain::object::Name;
use memoryscope_domain::policy::cases::Comparison;
use memoryscope_domain::policy::lint::{Warning, lint};
use memoryscope_domain::policy::{Policy, PolicyError};
use memoryscope_engine::op::policy::Kept;
use memoryscope_engine::replay::{NotReplayable, Simulated};
use serde_json::{Value, json};

use super::scalar::tenant_id;
use crate::openapi::schema::{about, count, list, maybe, object, or_null, prefixed, text, truth};
use crate::wire::{
    Decode, Fault, FieldError, Fields, Notes, Path, Shape, USER_ID_PATTERN, list_of, object_of_any, string,
    whole,
};

/// A policy's name in a request.
pub(in crate::core_v2) fn version() -> impl Decode<Out = String> {
    let text = string().trimmed().chars(1..=limits::NAME_CHARS_MAX).pattern(USER_ID_PATTERN);
    text.parsed(|text: &String| Name::parse(text).map(|name| name.as_str().to_owned()))
}

/// A policy as YAML in a text, or as JSON.
struct PolicySource;

impl Decode for PolicySource {
    type Out = String;

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<String> {
        let text = match value {
            Value::String(text) => text.clone(),
            // JSON is YAML too.
            Value::Object(_) => value.to_string(),
            _ => return notes.wrong(at, Fault::Invalid, "must be YAML in a string, or an object"),
        };
        if text.len() > limits::POLICY_BYTES_MAX {
            let message = format!("must have at most {} bytes", limits::POLICY_BYTES_MAX);
            return notes.wrong(at, Fault::TooLong, message);
        }
        Some(text)
    }

    fn schema(&self) -> Value {
        json!({"anyOf": [{"type": "string"}, {"type": "object"}],
            "description": "A policy as docs/policy.md describes it: YAML in a string, or an object."})
    }
}

/// Only a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::core_v2) struct OfTenant {
    pub(in crate::core_v2) tenant: TenantId,
}

impl Shape for OfTenant {
    const NAME: &'static str = "OfTenant";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        Some(Self { tenant: f.required("tenant_id", tenant_id())? })
    }
}

/// `POST /v2/policies` and `…/validate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::core_v2) struct PolicyInput {
    pub(in crate::core_v2) tenant: TenantId,
    pub(in crate::core_v2) policy: String,
}

impl Shape for PolicyInput {
    const NAME: &'static str = "PolicyInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let policy = f.required("policy", PolicySource);
        Some(Self { tenant: tenant?, policy: policy? })
    }
}

/// `POST /v2/policies/simulate`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct Simulation {
    pub(in crate::core_v2) tenant: TenantId,
    /// The policy that might come: its text, or the version of one that is kept.
    pub(in crate::core_v2) policy: Result<String, String>,
    /// A table of cases as JSON.
    pub(in crate::core_v2) cases: Option<String>,
    /// So many of the last recorded decisions.
    pub(in crate::core_v2) last: Option<usize>,
}

impl Shape for Simulation {
    const NAME: &'static str = "PolicySimulation";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        if !f.sends("policy") && !f.sends("policy_version") {
            f.refuse("policy", Fault::Missing, "is required");
        }
        let policy = f.optional("policy", PolicySource);
        let version = f.optional("policy_version", version());
        let last = f.optional("last", whole(1..=limits::LIST_ITEMS_MAX as i64));
        let cases = list_of(object_of_any(limits::PAYLOAD_BYTES_MAX), 1..=limits::BATCH_ITEMS_MAX);
        let cases = f.optional("cases", cases);
        if cases.is_none() && last.is_none() && !f.sends("cases") && !f.sends("last") {
            f.refuse("cases", Fault::Missing, "is required");
        }
        let policy = policy.map(Ok).or(version.map(Err))?;
        Some(Self {
            tenant: tenant?,
            policy,
            cases: cases.map(|cases| json!({ "cases": cases }).to_string()),
            last: last.and_then(|last| usize::try_from(last).ok()),
        })
    }
}

/// What is wrong with a policy, at the field that held it.
pub(in crate::core_v2) fn faults(field: &'static str, errors: &[PolicyError]) -> Vec<FieldError> {
    let root = Path::Root("body");
    let at = Path::Key(&root, field);
    errors.iter().map(|error| FieldError::new(&at, Fault::Invalid, error.to_string())).collect()
}

fn warnings(policy: &Policy) -> Vec<Warning> {
    lint(policy)
}

fn warning_schema() -> Value {
    let warning = object(
        "PolicyWarning",
        [("code", text()), ("rule", text()), ("line", count()), ("column", count()), ("message", text())],
    );
    maybe(warning, [("other", text())])
}

/// A policy that is kept.
pub(in crate::core_v2) fn kept(policy: &Policy) -> Value {
    json!({
        "policy_version": policy.version(),
        "hash": policy.hash(),
        "warnings": warnings(policy),
    })
}

/// The schema of [`kept`].
pub(in crate::core_v2) fn kept_schema() -> Value {
    object(
        "KeptPolicy",
        [
            ("policy_version", text()),
            ("hash", text()),
            ("warnings", list(warning_schema())),
            ("access_log_id", text()),
        ],
    )
}

fn named(document: &PolicyDocument, active: &str) -> Value {
    json!({
        "policy_version": document.version,
        "hash": document.hash,
        "active": document.hash == active,
    })
}

/// A page of policies.
pub(in crate::core_v2) fn page(kept: &Kept) -> Value {
    let active = kept.active.hash.to_string();
    let items: Vec<Value> = kept.policies.iter().map(|document| named(document, &active)).collect();
    json!({ "items": items, "next_cursor": null, "active": kept.active.version })
}

/// The schema of [`page`].
pub(in crate::core_v2) fn page_schema() -> Value {
    let item = object("NamedPolicy", [("policy_version", text()), ("hash", text()), ("active", truth())]);
    object(
        "PolicyPage",
        [
            ("items", about(list(item), "By version and hash, at most a thousand.")),
            ("next_cursor", json!({"type": "null"})),
            ("active", about(text(), "The version in force, which may be the server's default.")),
            ("access_log_id", text()),
        ],
    )
}

/// One policy with its text.
pub(in crate::core_v2) fn one(document: &PolicyDocument, active: &str) -> Value {
    let mut told = named(document, active);
    told["policy"] = json!(document.text);
    told
}

/// The schema of [`one`].
pub(in crate::core_v2) fn one_schema() -> Value {
    object(
        "PolicyText",
        [
            ("policy_version", text()),
            ("hash", text()),
            ("active", truth()),
            ("policy", about(text(), "As it was sent.")),
            ("access_log_id", text()),
        ],
    )
}

/// What is wrong with a policy, and what is suspicious.
pub(in crate::core_v2) fn validated(loaded: &Result<Policy, Vec<PolicyError>>) -> Value {
    match loaded {
        Ok(policy) => json!({ "valid": true, "errors": [], "warnings": warnings(policy) }),
        Err(errors) => json!({ "valid": false, "errors": errors, "warnings": [] }),
    }
}

/// The schema of [`validated`].
pub(in crate::core_v2) fn validated_schema() -> Value {
    let error = object("PolicyFault", [("message", text()), ("line", count()), ("column", count())]);
    let error = maybe(error, [("suggestion", text())]);
    object(
        "ValidatedPolicy",
        [("valid", truth()), ("errors", list(error)), ("warnings", list(warning_schema()))],
    )
}

/// What would come out otherwise: of cases, and of recorded decisions.
#[derive(Debug, Default)]
pub(in crate::core_v2) struct Compared {
    pub(in crate::core_v2) cases: Option<Comparison>,
    pub(in crate::core_v2) recorded: Vec<Result<Simulated, NotReplayable>>,
}

impl Compared {
    pub(in crate::core_v2) fn said(&self) -> Value {
        let (mut evaluated, mut changed) = (0, 0);
        let mut changes = Vec::new();
        if let Some(cases) = &self.cases {
            (evaluated, changed) = (cases.evaluated, cases.changed);
            changes.extend(cases.changes.iter().map(|change| json!(change)));
        }
        let made = self.recorded.iter().flatten();
        for one in made.clone().filter(|one| !one.is_same()) {
            changed += 1;
            changes.extend(recorded_changes(one));
        }
        evaluated += made.clone().count();
        json!({
            "evaluated": evaluated,
            "changed": changed,
            "not_replayable": self.recorded.len() - made.count(),
            "changes": changes,
        })
    }
}

/// In what a recorded decision comes out otherwise.
fn recorded_changes(one: &Simulated) -> Vec<Value> {
    let change = |what: &str, from: String, to: String| {
        json!({
            "access_log_id": one.log.prefixed(),
            "operation": one.operation,
            "purpose": one.purpose.name(),
            "what": what,
            "from": from,
            "to": to,
            "added": one.added,
            "removed": one.removed,
            "changed": one.changed,
            "rules": [],
        })
    };
    let [before, after] = one.decision;
    if before != after {
        return vec![change("decision", before.name().to_owned(), after.name().to_owned())];
    }
    let [from, to] = one.returned.map(|count| count.to_string());
    let what = if one.answer_differs { "answer" } else { "memories" };
    vec![change(what, from, to)]
}

/// The schema of [`Compared`].
pub(in crate::core_v2) fn simulated_schema() -> Value {
    let change = object(
        "PolicyChange",
        [
            (
                "what",
                about(
                    text(),
                    "Of a case: an effect or an obligation. Of a recorded decision: `decision`, `memories` (`from` and \
                     `to` are how many are returned) or `answer`.",
                ),
            ),
            ("from", text()),
            ("to", text()),
            ("rules", list(text())),
        ],
    );
    let change = maybe(
        change,
        [
            ("case", text()),
            ("access_log_id", prefixed("log_")),
            ("operation", text()),
            ("purpose", text()),
            ("added", about(count(), "How many memories are returned only by the policy that might come.")),
            ("removed", about(count(), "How many only by the one in force.")),
            ("changed", about(count(), "How many are shown otherwise.")),
        ],
    );
    object(
        "PolicyComparison",
        [
            ("evaluated", count()),
            ("changed", count()),
            ("not_replayable", about(count(), "Recorded decisions that cannot be made again.")),
            ("changes", list(change)),
            ("access_log_id", or_null(text())),
        ],
    )
}

/// The schema of a switch.
pub(in crate::core_v2) fn switched_schema() -> Value {
    object("SwitchedPolicy", [("active", text()), ("previous", text()), ("access_log_id", text())])
}
