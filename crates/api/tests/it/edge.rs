//! Names, times, bounds, panics, and the log.

use std::io;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::http::Request;

use crate::support::{app, bare, post_json, send};

#[tokio::test]
async fn every_answer_has_a_request_id_and_a_time() {
    for path in ["/memory/1", "/nowhere", "/meta"] {
        let answer = send(app(), bare("GET", path)).await;
        assert_eq!(answer.header("x-request-id"), "minted");
        let seconds = answer.header("x-response-time");
        assert!(seconds.parse::<f64>().is_ok() && seconds.split('.').nth(1).is_some_and(|d| d.len() == 3));
    }
    for (sent, kept) in
        [("mine.1-2_3", "mine.1-2_3"), ("not mine", "minted"), ("", "minted"), ("é", "minted")]
    {
        let request =
            Request::get("/nowhere").header("x-request-id", sent).body(Body::empty()).expect("good");
        let answer = send(app(), request).await;
        assert_eq!(answer.header("x-request-id"), kept, "{sent}");
        assert_eq!(answer.json()["error"]["request_id"], kept);
        assert_eq!(answer.json()["error"]["timestamp"], "2026-11-22T03:19:49.980281Z");
    }
    assert_eq!(send(app(), bare("GET", "/meta")).await.text, "2026-11-22T03:19:49.980281Z");
}

#[tokio::test]
async fn unknown_paths_and_methods_have_our_body() {
    let answer = send(app(), bare("GET", "/nowhere?x=1")).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "NOT_FOUND"));
    let answer = send(app(), bare("PUT", "/memory/1")).await;
    assert_eq!((answer.status, answer.code().as_str()), (405, "METHOD_NOT_ALLOWED"));
    assert_eq!(answer.header("allow"), "GET,HEAD,DELETE");
    let answer = send(app(), bare("BREW", "/memory")).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
    let answer = send(app(), bare("HEAD", "/nowhere")).await;
    assert_eq!((answer.status, answer.text.as_str()), (404, ""));
}

#[tokio::test(start_paused = true)]
async fn a_request_has_thirty_seconds() {
    let started = tokio::time::Instant::now();
    let answer = send(app(), post_json("/slow", "{}")).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "TIMEOUT"));
    assert_eq!(started.elapsed().as_secs(), 30);
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_does_not_take_longer() {
    let trickle = futures_util::stream::unfold((), |()| async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        Some((Ok::<_, io::Error>(Bytes::from_static(b" ")), ()))
    });
    let answer = send(app(), post_json("/memory", Body::from_stream(trickle))).await;
    assert_eq!(answer.code(), "TIMEOUT");
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("not poisoned")).into_owned()
    }
}

#[tokio::test]
async fn logs_hold_one_line_a_request_and_no_content() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    memoryscope_api::edge::install_panic_hook();
    let mut brew = bare("CANARYMETHOD", "/memory/canary-path?user_id=canary-query");
    brew.headers_mut().insert("x-canary", "canary-header".parse().expect("good"));
    send(app(), brew).await;
    send(app(), bare("GET", "/canary-unrouted")).await;
    send(app(), post_json("/memory", r#"{"user_id": "canary-body", "canary-key": "\u0000"}"#)).await;
    let panicked = send(app(), post_json("/panic", r#""canary""#)).await;
    drop(std::panic::take_hook());
    assert_eq!((panicked.status, panicked.code().as_str()), (500, "INTERNAL_ERROR"));
    assert_eq!(panicked.json()["error"]["details"]["bug_id"], "minted");
    assert!(!panicked.text.contains("canary"));
    let text = log.text();
    assert!(!text.to_lowercase().contains("canary"), "{text}");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let requests: Vec<_> = lines.iter().filter(|line| line["target"] == "memoryscope::request").collect();
    let said: Vec<String> = requests
        .iter()
        .map(|line| {
            format!("{} {} {}", line["fields"]["method"], line["fields"]["route"], line["fields"]["status"])
        })
        .collect();
    assert_eq!(
        said,
        [
            r#""OTHER" "/memory/{id}" 405"#,
            r#""GET" "none" 404"#,
            r#""POST" "/memory" 422"#,
            r#""POST" "/panic" 500"#,
        ]
    );
    assert!(requests.iter().all(|line| line["fields"]["request_id"] == "minted"));
    assert!(requests.iter().all(|line| line["fields"]["duration_ms"].is_number()));
    assert!(lines.iter().any(|line| line["fields"]["bug_id"] == "minted"), "{text}");
}
