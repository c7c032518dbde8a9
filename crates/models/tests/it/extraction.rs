//! What becomes of each kind of answer.

use std::time::Duration;

use memoryscope_domain::graph::resolve::Candidates;
use memoryscope_domain::limits;
use memoryscope_engine::extract::{Extractor as _, Failure};
use serde_json::json;

use super::endpoint::{KEY, Reply, World, completion, content, status};

const GOOD: &str = r#"{"nodes": [
    {"id": "n1", "type": "Person", "properties": [{"name": "name", "value": "Ann Lee"}]},
    {"id": "n2", "type": "Company", "properties": [{"name": "name", "value": "Blue Sky"}]}],
  "relationships": [{"source": "n1", "target": "n2", "type": "WORKS_AT", "properties": []}]}"#;
const TEXT: &str = "Ann Lee works at Blue Sky.";

async fn extract(world: &World) -> Result<Candidates, Failure> {
    world.extractor.extract(TEXT, None).await
}

/// Plays a script: what comes of it, how often the endpoint was asked, and the pauses between.
async fn check(script: Vec<Reply>, expect: &str, asked: usize, pauses: &[u64]) -> World {
    let world = World::new(script);
    let told = match extract(&world).await {
        Ok(found) => format!("{} nodes, {} edges", found.nodes.len(), found.edges.len()),
        Err(failure) => failure.reason,
    };
    assert_eq!((told.as_str(), world.asked().len(), world.pauses().as_slice()), (expect, asked, pauses));
    world
}

#[tokio::test]
async fn a_good_answer_is_read() {
    let world = check(vec![content(GOOD)], "2 nodes, 1 edges", 1, &[]).await;
    let asked = world.asked().remove(0);
    let head = asked.head.to_ascii_lowercase();
    assert!(head.starts_with("post /v1/chat/completions http/1.1\r\n"), "{head}");
    for line in [
        "content-type: application/json",
        "accept: application/json",
        &format!("authorization: bearer {KEY}"),
    ] {
        assert!(head.contains(line), "{line} is not in {head}");
    }
    assert_eq!(asked.body, memoryscope_models::request("test-model", TEXT, None, None));
}

#[tokio::test]
async fn what_is_around_an_answer_is_left_out() {
    check(vec![content(&format!("```json\n{GOOD}\n```"))], "2 nodes, 1 edges", 1, &[]).await;
    check(vec![content(&format!("Here is the graph: {GOOD} Let me know!"))], "2 nodes, 1 edges", 1, &[])
        .await;
    check(vec![content(r#"{"nodes": [], "relationships": []}"#)], "0 nodes, 0 edges", 1, &[]).await;
}

#[tokio::test]
async fn a_malformed_answer_is_asked_for_once_more_and_told_why() {
    let world = check(vec![content("Sorry?"), content(GOOD)], "2 nodes, 1 edges", 2, &[]).await;
    let asked = world.asked();
    let said = asked[1].body["messages"][0]["content"].as_str().expect("a text");
    assert!(
        said.contains("it is no JSON: expected value at line 1 column 1") && !said.contains("Sorry"),
        "{said}"
    );
    check(vec![content("Sorry?"), content("[]"), content(GOOD)], "malformed_answer", 2, &[]).await;
    check(vec![content("{}"), content(r#"{"nodes": 1}"#)], "malformed_answer", 2, &[]).await;
}

#[tokio::test]
async fn each_reason_not_to_answer_has_its_name() {
    let choice = |finish: &str, content: Option<&str>, refusal: Option<&str>| {
        let message = json!({"role": "assistant", "content": content, "refusal": refusal});
        vec![completion(&json!({"finish_reason": finish, "message": message}))]
    };
    check(choice("stop", None, Some("I cannot do that.")), "refusal", 1, &[]).await;
    check(choice("content_filter", Some(""), None), "refusal", 1, &[]).await;
    check(choice("length", Some("{\"nodes\": ["), None), "truncated_answer", 1, &[]).await;
    check(choice("stop", Some("  "), None), "empty_answer", 1, &[]).await;
    let page = Reply::Says(200, "content-type: text/html\r\n", "<html>Sign in</html>".to_owned());
    check(vec![page], "malformed_answer", 1, &[]).await;
    let huge = "x".repeat(usize::try_from(limits::MODEL_ANSWER_BYTES_MAX).expect("a length") + 1);
    check(vec![content(&huge)], "answer_too_large", 1, &[]).await;
}

#[tokio::test]
async fn who_is_busy_or_broken_is_asked_again() {
    let busy = |seconds: &'static str| Reply::Says(429, seconds, String::new());
    check(vec![busy("retry-after: 7\r\n"), content(GOOD)], "2 nodes, 1 edges", 2, &[7]).await;
    check(vec![busy("retry-after: 3600\r\n"), content(GOOD)], "rate_limited", 1, &[]).await;
    check(vec![busy(""), busy(""), busy("")], "rate_limited", 3, &[1, 2]).await;
    check(vec![status(500), status(502), status(503), content(GOOD)], "server_error", 3, &[1, 2]).await;
    check(vec![status(408), content(GOOD)], "2 nodes, 1 edges", 2, &[1]).await;
    check(vec![Reply::HangsUp, content(GOOD)], "2 nodes, 1 edges", 2, &[1]).await;
    check(vec![], "unavailable", 3, &[1, 2]).await;
}

#[tokio::test]
async fn who_refuses_is_not_asked_again() {
    for (number, expect) in
        [(400, "bad_request"), (401, "unauthorized"), (403, "unauthorized"), (404, "not_found")]
    {
        check(vec![status(number), content(GOOD)], expect, 1, &[]).await;
    }
    let elsewhere = Reply::Says(307, "location: http://127.0.0.1:1/elsewhere\r\n", String::new());
    check(vec![elsewhere, content(GOOD)], "redirected", 1, &[]).await;
}

#[tokio::test]
async fn who_is_silent_is_not_waited_for() {
    let world = World::with(vec![Reply::Silent], |config| config.timeout = Duration::from_millis(20));
    assert_eq!(extract(&world).await, Err(Failure::unclear("timeout")));
    assert_eq!((world.asked().len(), world.pauses()), (1, Vec::new()));
}

#[tokio::test]
async fn who_is_not_there_is_unavailable() {
    // A port that was free a moment ago, and that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port");
    let world = World::with(vec![], |config| config.url = format!("http://{free}"));
    assert_eq!(extract(&world).await, Err(Failure::of_extractor("unavailable")));
    assert_eq!(world.pauses(), [1, 2]);
}

#[tokio::test]
async fn what_is_used_up_is_not_asked_for_until_the_next_day() {
    let script = vec![content(GOOD), content("Sorry?"), content(GOOD)];
    let world = World::with(script, |config| config.tokens_per_day = Some(150));
    assert_eq!(world.extractor.closed(), None);
    extract(&world).await.expect("candidates");
    // A hundred are used: one more call begins, goes beyond it, and is not made a second time.
    assert_eq!(world.extractor.closed(), None);
    assert_eq!(extract(&world).await, Err(Failure::of_text("malformed_answer")));
    assert_eq!((world.extractor.closed(), world.asked().len()), (Some("budget_exhausted"), 2));
    world.clock.advance_days(1);
    assert_eq!(world.extractor.closed(), None);
    extract(&world).await.expect("candidates");
}

#[tokio::test]
async fn a_silent_endpoint_costs_what_it_was_asked() {
    let world = World::with(vec![Reply::Silent], |config| {
        (config.timeout, config.tokens_per_day) = (Duration::from_millis(20), Some(1));
    });
    extract(&world).await.expect_err("silence");
    assert_eq!(world.extractor.closed(), Some("budget_exhausted"));
}

#[tokio::test]
async fn a_key_shows_itself_nowhere() {
    let world = World::new(vec![status(401)]);
    let failure = extract(&world).await.expect_err("unauthorized");
    let mut shown = format!("{:?} {failure:?}", world.extractor);
    World::with(vec![], |config| {
        shown += &format!("{config:?} {:#?} {}", config.key, config.key.clone().expect("a key"));
    });
    assert!(!shown.contains(KEY) && !shown.contains("canary"), "{shown}");
    assert_eq!(world.extractor.name(), "model:test-model");
}
