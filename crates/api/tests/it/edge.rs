//! Names, times, bounds, panics, and the log.

use std::io;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::http::Request;
use serde_json::Value;
use tracing::subscriber::DefaultGuard;

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
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

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

impl Log {
    /// A log that this thread writes until the guard is dropped.
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Method, route and status of every request, each of whose lines is whole.
    pub(crate) fn requests(&self) -> Vec<String> {
        let lines = self.lines();
        let requests = lines.iter().filter(|line| line["target"] == "memoryscope::request");
        requests
            .map(|line| {
                let fields = &line["fields"];
                assert!(fields["request_id"] == "minted" && fields["duration_ms"].is_number(), "{line}");
                let text = |name: &str| fields[name].as_str().expect("a text").to_owned();
                format!("{} {} {}", text("method"), text("route"), fields["status"])
            })
            .collect()
    }
}

#[tokio::test]
async fn logs_hold_one_line_a_request_and_no_content() {
    let (log, _guard) = Log::listen();
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
    let said = log.requests();
    assert_eq!(said, ["OTHER /memory/{id} 405", "GET none 404", "POST /memory 422", "POST /panic 500"]);
    assert!(log.lines().iter().any(|line| line["fields"]["bug_id"] == "minted"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_request_has_one_line_however_it_ends() {
    let (log, _guard) = Log::listen();
    let too_large = " ".repeat(1_048_577);
    let declared = post_json("/memory", "").map(|_| Body::empty());
    let (mut head, body) = declared.into_parts();
    head.headers.insert("content-length", "1048577".parse().expect("good"));
    let streamed = Body::from_stream(futures_util::stream::iter([Ok::<_, io::Error>(too_large)]));
    let plain = Request::post("/memory").body(Body::from("{}")).expect("good");
    for (request, status) in [
        (post_json("/slow", "{}"), 503),
        (Request::from_parts(head, body), 413),
        (post_json("/memory", streamed), 413),
        (plain, 415),
        (post_json("/memory", "{"), 400),
        (bare("HEAD", "/memory/1"), 200),
        (bare("OPTIONS", "/memory"), 405),
        (bare("GET", "/memory/"), 404),
    ] {
        assert_eq!(send(app(), request).await.status, status);
    }
    // The client goes away: nobody waits for the answer any more.
    let gone = tokio::time::timeout(std::time::Duration::from_secs(1), send(app(), post_json("/slow", "{}")));
    assert!(gone.await.is_err());
    assert_eq!(
        log.requests(),
        [
            "POST /slow 503",
            "POST /memory 413",
            "POST /memory 413",
            "POST /memory 415",
            "POST /memory 400",
            "HEAD /memory/{id} 200",
            "OPTIONS /memory 405",
            "GET none 404",
            "POST /slow 499",
        ]
    );
}
