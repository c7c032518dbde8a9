//! What routes have in common: the error body, headers, the caller's parameters.

use memoryscope_domain::audit_chain::Verdict;
use memoryscope_domain::limits;
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use serde_json::{Map, Value, json};

use super::operation::Tag;
use super::schema::{
    about, count, digest, list, maybe, names, object, or_null, prefixed, reference, text, time, truth,
};
use crate::problem::Code;
use crate::wire::Fault;

/// A person's name without space around it, which a header cannot have.
const HEADER_USER_PATTERN: &str =
    r"^[^\s\x00-\x1f\x7f-\x9f](?:[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$";

/// The parameters that say who calls.
pub(super) const CALLER: [&str; 3] = ["Roles", "User", "Groups"];

pub(super) fn parameter_ref(name: &str) -> Value {
    reference("parameters", name)
}

/// Headers that requests may have, under the names by which routes refer to them.
pub(super) fn parameters() -> Value {
    let header = |name: &str, text: &str, schema: Value| json!({"name": name, "in": "header", "required": false, "description": text, "schema": schema});
    let key = json!({"type": "string", "minLength": 1, "maxLength": limits::IDEMPOTENCY_KEY_CHARS_MAX,
        "pattern": "^[!-\"$-~]+$"});
    json!({
        "RequestId": header(
            "X-Request-ID",
            "The request's name on its answer, in the log and in the audit chain: 1 to 128 characters of A-Z a-z 0-9 . _ -. \
             Any other is replaced by one of the server's.",
            json!({}),
        ),
        "Roles": header(
            "X-MemoryScope-Roles",
            "The caller's roles, separated by commas; app where none is sent. Without keys they are believed.",
            json!({"type": "string", "pattern": roles_pattern()}),
        ),
        "User": header(
            "X-MemoryScope-User",
            "The person whom the caller acts for, in UTF-8.",
            json!({"type": "string", "pattern": HEADER_USER_PATTERN, "maxLength": limits::USER_ID_BYTES_MAX}),
        ),
        "Groups": header(
            "X-MemoryScope-Groups",
            "The scopes that the caller is a member of, separated by commas.",
            text(),
        ),
        "Purpose": header(
            "X-Purpose",
            "What the request is for; chat_response where it is not said.",
            names(purposes()),
        ),
        "IdempotencyKey": header(
            "Idempotency-Key",
            "Sent again with the same body, the request is done once and answered as it was. Visible ASCII without #.",
            key,
        ),
    })
}

/// The purposes that callers may state.
fn purposes() -> impl Iterator<Item = &'static str> {
    Purpose::ALL.into_iter().filter(|purpose| *purpose != Purpose::Maintenance).map(Purpose::name)
}

/// Names of roles between commas. A list that is a header's is one text: what is sent for an empty one, or for a number
/// in its place, is a text too.
fn roles_pattern() -> String {
    let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
    let one = format!("[ \\t]*(?:{})?[ \\t]*", names.join("|"));
    format!("^{one}(?:,{one})*$")
}

fn request_id_pattern() -> String {
    format!("^[A-Za-z0-9._-]{{1,{}}}$", limits::REQUEST_ID_BYTES_MAX)
}

/// Headers that answers have.
pub(super) fn headers() -> Value {
    let header = |text: &str, required: bool, schema: Value| json!({"description": text, "required": required, "schema": schema});
    json!({
        "X-Request-ID": header(
            "The request's name: the caller's, or one of the server's.",
            true,
            json!({"type": "string", "pattern": request_id_pattern()}),
        ),
        "X-Response-Time": header(
            "How long the answer took, in seconds.",
            true,
            json!({"type": "string", "pattern": "^[0-9]+\\.[0-9]{3}$"}),
        ),
        "X-Access-Log-ID": header("The audit entry of the answer, where it has one.", false, prefixed("log_")),
        "Retry-After": header(
            "After how many seconds to come back.",
            true,
            json!({"type": "integer", "minimum": 0}),
        ),
    })
}

/// The one error body.
pub(super) fn problem() -> Value {
    object("Problem", [("error", error()), ("detail", detail())])
}

/// The same in the envelopes of the items dialect: which of the other members are there depends on the family of routes.
pub(super) fn items_problem() -> Value {
    let code = json!({"type": "integer", "minimum": 400, "maximum": 599});
    let whole =
        object("WholeBatch", [("index", json!({"const": -1})), ("error", text()), ("code", code.clone())]);
    let whole = maybe(whole, [("status", names(["error"]))]);
    maybe(
        object("ItemsProblem", [("problem", error()), ("detail", detail())]),
        [
            ("code", about(code, "The status again.")),
            ("status", names(["error"])),
            ("error", text()),
            ("details", details()),
            ("data", json!({"type": "null"})),
            ("errors", list(whole)),
            ("success", json!({"const": false})),
        ],
    )
}

/// What clients of FastAPI services read.
fn detail() -> Value {
    let detail = object(
        "FieldDetail",
        [
            ("loc", list(json!({"type": ["string", "integer"]}))),
            ("msg", text()),
            ("type", names(Fault::ALL.map(Fault::as_str))),
        ],
    );
    json!({
        "description": "One sentence; where fields are wrong, the list of them as FastAPI services write it.",
        "anyOf": [{"type": "string"}, list(detail)],
    })
}

/// What went wrong: the whole body's, or one item's of a batch.
#[must_use]
pub fn error() -> Value {
    let members = [
        ("code", codes(Code::ALL)),
        ("message", text()),
        ("request_id", text()),
        ("timestamp", time()),
        ("details", details()),
    ];
    maybe(object("Error", members), [("hint", about(text(), "What to do about it."))])
}

fn codes(codes: &[Code]) -> Value {
    names(codes.iter().map(|code| code.as_str()))
}

fn details() -> Value {
    let field = object(
        "WrongField",
        [("field", text()), ("message", text()), ("type", names(Fault::ALL.map(Fault::as_str)))],
    );
    maybe(
        object("ErrorDetails", []),
        [
            ("fields", about(list(field), "VALIDATION_ERROR: the first hundred wrong fields.")),
            ("omitted_count", about(count(), "VALIDATION_ERROR: how many more fields are wrong.")),
            ("policy_trace", policy_trace()),
            ("purpose_classes", about(list(text()), "What a purpose may be.")),
            ("access_log_id", about(prefixed("log_"), "The audit entry of the refusal.")),
            (
                "field",
                about(text(), "INVALID_JSON: a key that is there twice; else the field that is meant."),
            ),
            (
                "provided_value",
                about(text(), "BAD_REQUEST: what was sent where an id of the server's own is meant."),
            ),
            ("suggestion", about(text(), "BAD_REQUEST: what to send instead.")),
            ("line", about(count(), "INVALID_JSON: where.")),
            ("column", about(count(), "INVALID_JSON: where.")),
            ("limit", about(count(), "PAYLOAD_TOO_LARGE: how many one answer holds.")),
            ("limit_bytes", about(count(), "PAYLOAD_TOO_LARGE: what the route takes.")),
            ("state", about(text(), "CONFLICT: the state that the memory is in.")),
            ("memory_id", about(prefixed("mem_"), "The memory that was to be changed.")),
            ("refused_fields", about(list(text()), "RECONSOLIDATION_DENIED: the fields, all of them.")),
            ("expires_at", about(time(), "BLOCKED: the end of the spiral.")),
            ("bug_id", about(text(), "INTERNAL_ERROR: what finds it in the server's log.")),
        ],
    )
}

/// Why a decision came out as it did.
#[must_use]
pub fn policy_trace() -> Value {
    let verdict = object(
        "Verdict",
        [("allowed", truth()), ("by", names(["rule", "erred_rule", "default", "no_grant", "not_readable"]))],
    );
    let verdict = maybe(verdict, [("rules", list(text()))]);
    let hint =
        object("NearestGrant", [("conditions", list(text())), ("rules", list(text())), ("text", text())]);
    let trace = object(
        "PolicyTrace",
        [
            ("policy_version", text()),
            ("policy_hash", digest()),
            ("matched_rules", list(text())),
            ("effects", json!({"type": "object", "additionalProperties": verdict})),
        ],
    );
    let bridged =
        object("BridgedMemories", [("bridge_id", prefixed("brg_")), ("memory_ids", list(prefixed("mem_")))]);
    let bridges = about(list(bridged), "What of the answer was read behind which bridge.");
    maybe(
        trace,
        [
            ("erred_rules", list(text())),
            ("reasons", list(text())),
            ("nearest_grant", hint),
            ("bridges", bridges),
        ],
    )
}

/// The body of a refusal with one of these codes.
pub(super) fn refusal(tag: Tag, allowed: &[Code]) -> Value {
    if tag == Tag::Items {
        let code = json!({"properties": {"problem": {"properties": {"code": codes(allowed)}}}});
        return json!({"allOf": [reference("schemas", "ItemsProblem"), code]});
    }
    let code = json!({"properties": {"error": {"properties": {"code": codes(allowed)}}}});
    json!({"allOf": [reference("schemas", "Problem"), code]})
}

/// What an answer's `warnings[]` says of fields that the route does not know.
#[must_use]
pub fn warnings() -> Value {
    let warning = object("Warning", [("field", text()), ("message", text())]);
    list(maybe(warning, [("successor", about(text(), "What to send in place of a deprecated field."))]))
}

/// An entry of the audit chain as it is shown.
#[must_use]
pub fn audit_entry(title: &str) -> Value {
    let rules =
        about(json!({"type": "object", "additionalProperties": count()}), "How often each rule decided.");
    object(
        title,
        [
            ("seq", count()),
            ("id", prefixed("log_")),
            ("prev_hash", digest()),
            ("hash", digest()),
            ("time", time()),
            ("operation", text()),
            ("purpose", or_null(text())),
            ("decision", names(Verdict::ALL.map(Verdict::name))),
            ("reason_code", or_null(text())),
            ("scope_type", or_null(text())),
            ("kind", or_null(text())),
            ("actor", or_null(digest())),
            ("subject", or_null(digest())),
            ("memory_ids", list(prefixed("mem_"))),
            ("memory_count", count()),
            ("memory_digest", digest()),
            ("grant", or_null(prefixed("grant_"))),
            ("rules", rules),
            ("policy_version", text()),
            ("policy_hash", digest()),
            ("as_of", count()),
            ("private_digest", or_null(digest())),
            ("value_digest", or_null(digest())),
        ],
    )
}

/// Components by name, taken out of schemas with titles.
#[derive(Debug, Default)]
pub(super) struct Schemas(pub(super) Map<String, Value>);

impl Schemas {
    /// Puts titled objects among the components and leaves references.
    pub(super) fn hoist(&mut self, mut schema: Value) -> Value {
        match &mut schema {
            Value::Object(map) => {
                for member in map.values_mut() {
                    *member = self.hoist(member.take());
                }
                let title = map.get("title").and_then(Value::as_str).map(str::to_owned);
                if let (Some(title), true) = (title, map.contains_key("properties")) {
                    let known = self.0.insert(title.clone(), Value::Object(map.clone()));
                    debug_assert!(
                        known.is_none_or(|known| known == schema),
                        "two schemas are called {title}"
                    );
                    return reference("schemas", &title);
                }
            }
            Value::Array(list) => {
                for element in list {
                    *element = self.hoist(element.take());
                }
            }
            _ => {}
        }
        schema
    }
}
