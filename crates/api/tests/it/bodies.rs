//! Hostile bodies: the right refusal, nothing stored.

use std::sync::atomic::Ordering;

use axum::body::{Body, Bytes};
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{Stored, app, app_with, config, post_json, send};

fn good() -> Value {
    json!({"user_id": "u", "scope": "schedule", "ttl_days": 7, "value_json": {}})
}

#[tokio::test]
async fn hostile_bodies_are_refused_and_nothing_is_stored() {
    let million_keys: Vec<String> = (0..1_000_000).map(|i| format!("\"k{i}\":0")).collect();
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("depth", "[".repeat(100_000).into_bytes(), 400),
        ("object depth", "{\"a\":".repeat(100_000).into_bytes(), 400),
        ("keys", format!("{{{}}}", million_keys.join(",")).into_bytes(), 400),
        ("twice", br#"{"user_id":"a","user_id":"b"}"#.to_vec(), 400),
        ("NUL", br#"{"user_id":"a\u0000b"}"#.to_vec(), 422),
        ("raw NUL", b"{\"user_id\":\"a\0b\"}".to_vec(), 400),
        ("surrogate", br#"{"user_id":"\ud800"}"#.to_vec(), 400),
        ("10^400", format!("{{\"ttl_days\":1{}}}", "0".repeat(400)).into_bytes(), 422),
        ("1e400", b"{\"ttl_days\":1e400}".to_vec(), 422),
        ("UTF-8", b"{\"user_id\":\"\xff\xfe\"}".to_vec(), 400),
        ("BOM", b"\xef\xbb\xbf{}".to_vec(), 400),
        ("NaN", b"{\"ttl_days\":NaN}".to_vec(), 400),
        ("trailing", b"{} {}".to_vec(), 400),
        ("cut", b"{\"user_id\":".to_vec(), 400),
        ("empty", b"".to_vec(), 422),
        ("array", b"[]".to_vec(), 422),
        ("null", b"null".to_vec(), 422),
    ];
    let stored = Stored::default();
    for (name, body, status) in cases {
        let answer = send(app_with(config(), &stored), post_json("/memory/batch", body)).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
        let code = if status == 400 { "INVALID_JSON" } else { "VALIDATION_ERROR" };
        assert_eq!(answer.code(), code, "{name}");
        assert!(answer.text.len() < 4_000, "{name}: an answer of {} bytes", answer.text.len());
    }
    assert_eq!(stored.load(Ordering::SeqCst), 0);
    assert_eq!(send(app_with(config(), &stored), post_json("/memory", good().to_string())).await.status, 200);
    assert_eq!(stored.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_compressed_body_is_refused_by_name() {
    for (encoding, status) in [("gzip", 415), ("br", 415), ("identity, gzip", 415), (" Identity", 200)] {
        let mut request = post_json("/memory", good().to_string());
        request.headers_mut().insert("content-encoding", encoding.parse().expect("good"));
        let answer = send(app(), request).await;
        assert_eq!(answer.status, status, "{encoding}: {}", answer.text);
        assert!(status == 200 || answer.text.contains("without Content-Encoding"), "{}", answer.text);
    }
}

#[tokio::test]
async fn every_field_with_every_wrong_type() {
    let wrong =
        [json!(null), json!(true), json!(-1), json!(1.5), json!([[]]), json!({"a": {}}), json!("\u{7f}")];
    for name in ["user_id", "scope", "ttl_days", "value_json", "flag"] {
        for value in &wrong {
            let mut body = good();
            body[name] = value.clone();
            let answer = send(app(), post_json("/memory", body.to_string())).await;
            assert!([200, 422].contains(&answer.status), "{name} {value}: {}", answer.text);
            if answer.status == 422 {
                let fields = &answer.json()["error"]["details"]["fields"];
                assert_eq!(fields[0]["field"], format!("body.{name}"), "{}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_declares_too_much_is_not_read() {
    let unread = Body::from_stream(futures_util::stream::once(async {
        panic!("read");
        #[expect(unreachable_code, reason = "gives the stream its type")]
        Ok::<Bytes, std::io::Error>(Bytes::new())
    }));
    let request = Request::post("/memory")
        .header("content-type", "application/json")
        .header("content-length", (1u64 << 30).to_string())
        .header("expect", "100-continue")
        .body(unread)
        .expect("a good request");
    let answer = send(app(), request).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "PAYLOAD_TOO_LARGE"));
    assert_eq!(answer.json()["error"]["details"]["limit_bytes"], 1_048_576);
    assert_eq!(answer.header("connection"), "close");
}

#[tokio::test]
async fn a_streamed_body_is_cut_at_the_limit_of_its_route() {
    for (path, limit_bytes) in [("/memory", 1usize << 20), ("/memory/batch", 1 << 24)] {
        let chunk = Bytes::from(vec![b' '; 65_536]);
        let endless = futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
        let answer = send(app(), post_json(path, Body::from_stream(endless))).await;
        assert_eq!((answer.status, answer.code().as_str()), (413, "PAYLOAD_TOO_LARGE"), "{path}");
        assert_eq!(answer.json()["error"]["details"]["limit_bytes"], limit_bytes);
    }
    let padded = format!("{}{}", " ".repeat(1 << 20), good());
    assert_eq!(send(app(), post_json("/memory/batch", padded.clone())).await.status, 200);
    assert_eq!(send(app(), post_json("/memory", padded)).await.status, 413);
    let exact = format!("{}{}", good(), " ".repeat((1 << 20) - good().to_string().len()));
    assert_eq!(send(app(), post_json("/memory", exact)).await.status, 200);
}

#[tokio::test]
async fn only_json_is_taken() {
    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"]
    {
        let request = Request::post("/memory").header("content-type", content_type);
        let answer = send(app(), request.body(Body::from(good().to_string())).expect("good")).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (415, "UNSUPPORTED_MEDIA_TYPE"),
            "{content_type}"
        );
    }
    let untyped = Request::post("/memory").body(Body::from(good().to_string())).expect("good");
    assert_eq!(send(app(), untyped).await.status, 415);
    let typed = Request::post("/memory").header("content-type", "application/problem+json; charset=UTF-8");
    assert_eq!(send(app(), typed.body(Body::from(good().to_string())).expect("good")).await.status, 200);
}
