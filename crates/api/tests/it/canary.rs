//! Nothing that a caller said, and no secret that it was given, is in the log, at any level.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::faulty::Fault;
use crate::governed::{App, Ask, changed, memory, reading};
use crate::support::Answer;

/// Each is in one field of some request.
const CANARIES: [&str; 13] = [
    "canary-user",
    "canary-domain",
    "canary-like",
    "canary-key",
    "canary-suggest",
    "canary-unknown",
    "canary-token",
    "canary-cursor",
    "canary-scope",
    "canary-idempotency",
    "canary-group",
    "canary-path",
    "canary-question",
];

/// The log, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics here").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn canaries() -> Value {
    changed(
        &memory(),
        &[
            ("user_id", json!("canary-user")),
            ("domain", json!("canary-domain")),
            ("value_json", json!({"likes": ["canary-like"], "canary-key": 1})),
            ("canary-unknown", json!("canary-unknown")),
        ],
    )
}

/// Every request once, right and wrong.
async fn everything(app: &App, tokens: &mut Vec<String>) {
    let mut ask = async |ask: Ask| -> Answer {
        let ask =
            ask.with("x-memoryscope-user", "canary-user").with("x-memoryscope-groups", "team:canary-group");
        let answer = app.ask(ask).await;
        if let Some(token) = answer.json()["revocation_token"].as_str() {
            tokens.push(token.to_owned());
        }
        answer
    };
    let post = |path: &str, body: &Value| Ask::new(&format!("POST {path}")).json(body);
    let keyed = |path: &str, body: &Value| post(path, body).with("idempotency-key", "canary-idempotency");
    let wrong = changed(&canaries(), &[("ttl_days", json!("canary-like")), ("scope", json!("canary-scope"))]);
    let reading = changed(
        &reading(),
        &[
            ("user_id", json!("canary-user")),
            ("domain", json!("canary-domain")),
            ("purpose", json!("canary-suggest")),
        ],
    );
    let made = ask(keyed("/memory", &canaries())).await.json();
    ask(keyed("/memory", &canaries())).await;
    ask(keyed("/memory", &wrong)).await;
    ask(keyed("/memory", &changed(&canaries(), &[("ttl_days", json!(7))]))).await;
    ask(keyed("/memory/batch", &json!({"memories": [canaries(), wrong, "canary-like"]}))).await;
    let read = ask(post("/memory/read", &reading)).await.json();
    ask(post("/memory/read", &changed(&reading, &[("purpose", json!("canary"))]))).await;
    ask(post("/memory/read", &changed(&reading, &[("scope", json!("attention"))]))).await;
    let token = json!({"revocation_token": read["revocation_token"]});
    ask(post("/memory/read/continue", &token)).await;
    ask(post("/memory/read/continue", &json!({"revocation_token": "canary-token"}))).await;
    ask(post("/memory/revoke", &token)).await;
    ask(post("/memory/revoke", &token)).await;
    ask(post("/memory/read/continue", &token)).await;
    let list =
        "user_id=canary-user&scope=preferences&purpose=canary-suggest&domain=canary-domain&canary-unknown=1";
    ask(Ask::new(&format!("GET /memory?{list}"))).await;
    ask(Ask::new(&format!("GET /memory?{list}&cursor=canary-cursor"))).await;
    ask(Ask::new("DELETE /memory/canary-path?user_id=canary-user")).await;
    let id = made["id"].as_str().unwrap_or("01900000-0000-7000-8000-000000000001");
    ask(Ask::new(&format!("DELETE /memory/{id}?user_id=canary-user"))).await;
    let question = json!({
        "tenant_id": "t_default", "scope": {"scope_type": "user", "scope_id": "canary-user"},
        "purpose": "chat_response", "query_text": "canary-question",
    });
    ask(post("/v2/memories/query", &question)).await;
    ask(post("/v2/memories/query", &changed(&question, &[("query_text", json!("canary-question\0"))]))).await;
    ask(Ask::new("GET /v2/audit").auditor()).await;
    ask(Ask::new("GET /v2/audit?cursor=canary-cursor").auditor()).await;
    ask(Ask::new("GET /v2/access-logs").auditor()).await;
    ask(Ask::new("GET /v2/access-logs/canary-path").auditor()).await;
    ask(Ask::new("GET /v2/audit/verify").auditor()).await;
    ask(Ask::new("GET /canary-path?canary-unknown")).await;
    ask(Ask::new("POST /memory").text("{\"canary-key\": \"canary-like\", \"canary-key\": 1}")).await;
    ask(Ask::new("POST /memory").text("{\"canary-key\": canary-like}")).await;
}

#[tokio::test]
async fn no_content_is_logged() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let app = App::new();
    let mut tokens: Vec<String> = Vec::new();
    everything(&app, &mut tokens).await;
    for fault in [Fault::Unavailable, Fault::Contended, Fault::Corrupt, Fault::Endless] {
        app.store.set(fault);
        everything(&app, &mut tokens).await;
    }
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        text.contains("/memory/read/continue") && text.contains("unavailable") && text.contains("bug_id")
    );
    assert!(!tokens.is_empty());
    for canary in CANARIES.iter().copied().chain(tokens.iter().map(String::as_str)) {
        let line = text.lines().find(|line| line.contains(canary));
        assert_eq!(line, None, "the log holds {canary}");
    }
    assert!(!text.contains("canary"));
}
