use std::error::Error;

use axum::http::HeaderValue;
use memoryscope_domain::ids::RequestId;
use memoryscope_domain::time::Timestamp;

use super::*;
use crate::wire::{Fault, Path};

fn meta() -> RequestMeta {
    RequestMeta {
        request_id: RequestId::parse("req-1").unwrap(),
        now: Timestamp::from_unix_micros(1_795_317_589_980_281),
    }
}

async fn shown(response: Response) -> String {
    let mut text = format!("{}\n", response.status());
    for (name, value) in response.headers() {
        text.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
    }
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    format!("{text}\n{body:#}")
}

#[tokio::test]
async fn the_body_of_each_kind() {
    let root = Path::Root("body");
    let item = Path::Key(&root, "memories");
    let ttl = Path::Index(&item, 3);
    let fields = vec![
        FieldError::new(&Path::Key(&root, "ttl_days"), Fault::OutOfRange, "must be between 1 and 365"),
        FieldError::new(&Path::Key(&ttl, "scope"), Fault::Missing, "is required"),
    ];
    let invalid = Problem::invalid(fields).hint("what to do about it");
    insta::assert_snapshot!("invalid", shown(invalid.response(&meta())).await);
    insta::assert_snapshot!("not_found", shown(Problem::not_found().response(&meta())).await);
    let limited = Problem::new(Code::RateLimited, "Too many requests").retry_after(30);
    insta::assert_snapshot!("rate_limited", shown(limited.response(&meta())).await);
    let denied = Problem::new(Code::PolicyDenied, "Purpose class 'X' not allowed for scope 'Y'")
        .detail("rules", vec!["r1"])
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    insta::assert_snapshot!("denied", shown(denied.response(&meta())).await);
}

#[derive(Debug, thiserror::Error)]
#[error("cannot commit")]
struct Outer(#[source] Inner);
#[derive(Debug, thiserror::Error)]
#[error("SELECT secret FROM /var/lib/x")]
struct Inner;

#[tokio::test]
async fn a_bug_shows_its_id_alone() {
    let cause = Outer(Inner);
    assert_eq!(chain(&cause as &(dyn Error + 'static)), "cannot commit: SELECT secret FROM /var/lib/x");
    insta::assert_snapshot!("bug", shown(Problem::bug("b-7", &cause).response(&meta())).await);
}

#[tokio::test]
async fn the_edge_writes_what_nobody_wrote() {
    let deferred = Problem::not_found().into_response();
    assert!(deferred.headers().get(header::CONTENT_TYPE).is_none());
    let finished = finish(deferred, &|problem| problem.body(&meta()));
    assert_eq!(finished.headers()[header::CONTENT_TYPE], "application/json");
    let mut own = Problem::not_found().into_response();
    let problem = Problem::of(&own).unwrap();
    problem.write_body(&mut own, &json!({"code": 404, "problem": problem.error(&meta())}));
    let text = shown(finish(own, &|problem| problem.body(&meta()))).await;
    assert!(text.contains("\"code\": 404") && text.contains("\"problem\""), "{text}");
}

#[test]
fn the_documentation_lists_every_code() {
    let document = include_str!("../../../../docs/errors.md");
    let mut table = String::new();
    for code in Code::ALL {
        let status = code.status().as_u16();
        table.push_str(&format!("| {status} | `{}` | {} |\n", code.as_str(), code.doc()));
    }
    assert!(document.contains(&table), "docs/errors.md must hold this table:\n{table}");
    let codes_listed =
        document.lines().filter(|l| l.starts_with("| ") && l.matches(" | `").count() == 1).count();
    assert_eq!(codes_listed, Code::ALL.len(), "docs/errors.md lists a code that does not exist");
    for fault in Fault::ALL {
        let line = format!("| `{}` | {} |", fault.as_str(), fault.doc());
        assert!(document.contains(&line), "docs/errors.md must hold {line}");
    }
    assert!(Code::ALL.is_sorted_by_key(|code| code.status().as_u16()));
}

#[test]
fn what_is_worth_another_try_says_when() {
    for code in Code::ALL {
        let waits = matches!(code.as_str(), "IN_PROGRESS" | "RATE_LIMITED" | "UNAVAILABLE" | "TIMEOUT");
        let response = Problem::new(*code, "x").into_response();
        assert_eq!(response.headers().contains_key(header::RETRY_AFTER), waits, "{}", code.as_str());
    }
}
