//! The examples of docs/api-scoped.md, docs/api-core.md, docs/bridges.md, docs/lifecycle.md, docs/subjects.md, docs/tools.md, docs/policy.md, docs/explain-and-replay.md, docs/features.md, docs/users-and-namespaces.md and docs/jobs.md are true, and the limits are those that hold.
//!
//! Each ```http block is a request or, where it begins with `HTTP/1.1`, the answer to the one before. They run in
//! their order on one server. An object with the member "…" may have more members than are shown. A comment
//! `<!-- N hours later -->` moves the clock. `UPDATE_DOCS=1` writes answers that are not true anew.

use memoryscope_domain::limits;
use serde_json::Value;

use crate::governed::{App, Ask};
use crate::support::Answer;

const SCOPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api-scoped.md");
const CORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api-core.md");
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tools.md");
const POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/policy.md");
const ITEMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/papr.md");
const MESSAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/messages.md");
const FEEDBACK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/feedback.md");
const SPIRALS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spirals.md");
const BRIDGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/bridges.md");
const SUBJECTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/subjects.md");
const LIFECYCLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lifecycle.md");
const FEATURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/features.md");
const JOBS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/jobs.md");
const RECORDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/users-and-namespaces.md");
const LOOKING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/explain-and-replay.md");

fn page(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// The head's first line, its headers, and the body.
fn parts(block: &str) -> (&str, Vec<(&str, &str)>, Option<&str>) {
    let (head, body) =
        block.split_once("\n\n").map_or((block.trim_end(), None), |(head, body)| (head, Some(body)));
    let mut lines = head.lines();
    let first = lines.next().expect("a first line");
    (first, lines.map(|line| line.split_once(": ").expect("a header")).collect(), body)
}

fn ask(block: &str) -> Ask {
    let (line, headers, body) = parts(block);
    let ask = headers.into_iter().fold(Ask::new(line), |ask, (name, value)| ask.with(name, value));
    body.map_or(ask.clone(), |body| ask.text(body))
}

/// Whether what is shown is so.
fn shows(shown: &Value, real: &Value) -> bool {
    match (shown, real) {
        (Value::Object(shown), Value::Object(real)) => {
            let members = shown.iter().filter(|(name, _)| *name != "…");
            let more = shown.contains_key("…") || shown.len() == real.len();
            more && members
                .into_iter()
                .all(|(name, value)| real.get(name).is_some_and(|real| shows(value, real)))
        }
        (Value::Array(shown), Value::Array(real)) => {
            shown.len() == real.len() && shown.iter().zip(real).all(|(shown, real)| shows(shown, real))
        }
        _ => shown == real,
    }
}

fn is_true(block: &str, answer: &Answer) -> bool {
    let (line, headers, body) = parts(block);
    let status = line.trim_start_matches("HTTP/1.1 ").split(' ').next().unwrap_or_default();
    let shown = body.and_then(|body| serde_json::from_str::<Value>(body).ok());
    status == answer.status.to_string()
        && headers.into_iter().all(|(name, value)| answer.header(name) == value)
        && shown.is_some_and(|shown| shows(&shown, &answer.json()))
}

fn written(answer: &Answer) -> String {
    let reason = axum::http::StatusCode::from_u16(answer.status).expect("a status");
    let mut text = format!("HTTP/1.1 {reason}\n");
    for name in ["X-Access-Log-ID", "Retry-After"] {
        if answer.headers.contains_key(name) {
            text.push_str(&format!("{name}: {}\n", answer.header(name)));
        }
    }
    format!("{text}\n{}\n", pretty(&answer.json(), 0))
}

/// JSON for readers: on one line where it fits on one.
fn pretty(value: &Value, depth: usize) -> String {
    let members: Vec<String> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(k, v)| format!("{}: {}", Value::from(k.as_str()), pretty(v, depth + 1)))
            .collect(),
        Value::Array(list) => list.iter().map(|element| pretty(element, depth + 1)).collect(),
        scalar => return scalar.to_string(),
    };
    let (open, close) = if value.is_object() { ("{", "}") } else { ("[", "]") };
    let line = format!("{open}{}{close}", members.join(", "));
    if depth > 0 && line.len() + 2 * depth <= 110 && !line.contains('\n') {
        return line;
    }
    let indent = "  ".repeat(depth);
    let lines: Vec<String> = members.iter().map(|member| format!("{indent}  {member}")).collect();
    format!("{open}\n{}\n{indent}{close}", lines.join(",\n"))
}

#[tokio::test]
async fn examples_are_true() {
    check_examples(SCOPED, 20).await;
    check_examples(CORE, 9).await;
    check_examples(LIFECYCLE, 13).await;
    check_examples(LOOKING, 6).await;
    check_examples(FEATURES, 18).await;
    check_examples(SPIRALS, 6).await;
    check_examples(BRIDGES, 9).await;
    check_examples(SUBJECTS, 8).await;
    check_examples(TOOLS, 4).await;
    check_examples(POLICY, 8).await;
    check_examples(ITEMS, 11).await;
    check_examples(JOBS, 7).await;
    check_examples(RECORDS, 17).await;
    check_examples(MESSAGES, 8).await;
    check_examples(FEEDBACK, 4).await;
}

async fn check_examples(path: &str, least: usize) {
    let page = page(path);
    let app = App::new();
    let mut told = String::new();
    let mut last: Option<Answer> = None;
    let mut count = 0;
    let mut rest = page.as_str();
    while let Some((before, after)) = rest.split_once("```http\n") {
        let (block, after) = after.split_once("```").expect("a block ends");
        for comment in before.split("<!-- ").skip(1).filter(|comment| comment.contains(" hours later")) {
            let hours = comment.split(" hours later").next().and_then(|hours| hours.parse::<i64>().ok());
            app.clock.advance_micros(hours.expect("a number of hours") * 3_600_000_000);
        }
        let mut block = block.to_owned();
        if block.starts_with("HTTP/1.1") {
            let answer = last.take().expect("an answer follows its request");
            count += 1;
            if !is_true(&block, &answer) {
                let is = written(&answer);
                assert!(std::env::var_os("UPDATE_DOCS").is_some(), "shown:\n{block}\nreal:\n{is}");
                block = is;
            }
        } else {
            last = Some(app.ask(ask(&block)).await);
        }
        told.push_str(&format!("{before}```http\n{block}```"));
        rest = after;
    }
    told.push_str(rest);
    if told != page {
        std::fs::write(path, told).expect("the page is written");
    }
    assert!(count >= least, "{path}: only {count} examples");
}

#[test]
fn every_endpoint_is_there() {
    let core = page(CORE);
    for line in [
        "POST /v2/memories\n",
        "POST /v2/memories/batch\n",
        "GET /v2/memories?",
        "GET /v2/memories/mem_",
        "POST /v2/memories/query\n",
        "POST /v2/reconstruct\n",
    ] {
        assert!(core.contains(&format!("```http\n{line}")), "no example of {line}");
    }
    let lifecycle = page(LIFECYCLE);
    for step in ["seal", "release", "revoke", "reinforce", "recall", "dispute", "attest"] {
        assert!(lifecycle.contains(&format!("/{step}\n")), "no example of {step}");
    }
    let page = page(SCOPED);
    for line in [
        "POST /memory\n",
        "POST /memory/batch\n",
        "POST /memory/read\n",
        "POST /memory/read/continue\n",
        "POST /memory/revoke\n",
        "GET /memory?",
        "DELETE /memory/",
        "GET /v2/audit?",
        "GET /v2/audit/verify\n",
        "GET /v2/access-logs?",
        "GET /v2/access-logs/",
    ] {
        assert!(page.contains(&format!("```http\n{line}")), "no example of {line}");
    }
    for code in ["POLICY_DENIED", "REVOKED", "EXPIRED", "NOT_FOUND", "CONFLICT", "IN_PROGRESS"] {
        assert!(page.contains(&format!("`{code}`")), "no word on {code}");
    }
}

#[test]
fn limits_are_those_that_hold() {
    let page = page(SCOPED);
    let mib = |bytes: usize| format!("{} MiB", bytes / 1_048_576);
    let rows = [
        ("a body", mib(limits::BODY_BYTES_MAX)),
        ("a batch's body", mib(limits::BATCH_BODY_BYTES_MAX)),
        ("memories in a batch", limits::BATCH_ITEMS_MAX.to_string()),
        ("`user_id`", format!("{} bytes", limits::USER_ID_BYTES_MAX)),
        ("`domain`", format!("{} characters", limits::DOMAIN_CHARS_MAX)),
        ("`purpose`", format!("{} characters", limits::PURPOSE_CHARS_MAX)),
        ("`ttl_days`", format!("{} to {}", limits::TTL_DAYS_MIN, limits::TTL_DAYS_MAX)),
        ("`max_age_days`", format!("1 to {}", limits::MAX_AGE_DAYS_MAX)),
        ("`value_json`", format!("{} bytes", limits::VALUE_JSON_BYTES_MAX)),
        ("memories in one read", limits::MERGE_MEMORIES_MAX.to_string()),
        ("memories or entries on a page", limits::LIST_ITEMS_MAX.to_string()),
        ("unless asked otherwise", limits::LIST_ITEMS_DEFAULT.to_string()),
        ("a token's life", format!("{} hours", limits::GRANT_HOURS)),
        ("an `Idempotency-Key`", format!("{} characters", limits::IDEMPOTENCY_KEY_CHARS_MAX)),
        ("how long a key is remembered", format!("{} days", limits::IDEMPOTENCY_KEPT_DAYS)),
    ];
    for (what, limit) in rows {
        let row = format!("| {what} | {limit} |");
        assert!(page.contains(&row), "docs/api-scoped.md must hold {row}");
    }
    assert_eq!(limits::LIST_ITEMS_MAX, limits::AUDIT_PAGE_ITEMS_MAX);
}
