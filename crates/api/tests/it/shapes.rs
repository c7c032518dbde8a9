//! The shape of every answer of every endpoint, success and refusals, as snapshots.
//!
//! Clock, identifiers and secrets are the test's, so nothing is left out of the snapshots but how long it took.

use std::sync::Arc;

use memoryscope_domain::grant::Token;
use memoryscope_domain::ids::UserId;
use memoryscope_domain::preference::{Domain, Kind};
use memoryscope_domain::purpose::Purpose;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::read::Read;
use serde_json::{Value, json};

use crate::faulty::Fault;
use crate::governed::{App, Ask, Talk, changed, memory, reading, shown_answer, without};

/// Nobody writes preferences of the scope `attention` or in the domain `secret`, and nobody reads `schedule`.
const STRICT: &str = "
  - id: no_attention_writes
    when: {memory.type: preference, memory.kind: attention}
    then: {allow_write: false, reason: Attention is not kept here.}
  - id: no_preference_reads
    when: {memory.type: preference, memory.kind: preferences}
    then: {allow_read: false, allow_write: false}
";

const HOUR_MICROS: i64 = 60 * 60 * 1_000_000;

fn token_of(answer: &crate::support::Answer) -> String {
    answer.json()["revocation_token"].as_str().expect("a token").to_owned()
}

fn post(path: &str, body: &Value) -> Ask {
    Ask::new(&format!("POST {path}")).json(body)
}

/// Says the same under every fault of the store.
async fn faults(talk: &mut Talk, ask: &Ask, bug_only: bool) {
    let store = Arc::clone(&talk.app.store);
    let faults: &[(&str, Fault)] = &[
        ("a row that nobody wrote", Fault::Corrupt),
        ("the store cannot be written", Fault::Unavailable),
        ("others are always faster", Fault::Contended),
    ];
    for (title, fault) in &faults[..if bug_only { 1 } else { 3 }] {
        store.set(*fault);
        talk.say(title, ask.clone()).await;
    }
    store.set(Fault::None);
}

#[tokio::test]
async fn create() {
    let mut talk = Talk::with(App::new());
    talk.post("stored", "/memory", &memory()).await;
    let least = without(&changed(&memory(), &[("user_id", json!("  Åsa 🙂 "))]), "domain");
    talk.post("without a domain, a user in any script", "/memory", &least).await;
    let more = changed(&memory(), &[("colour", json!(1)), ("userid", json!(2)), ("domain", json!(" "))]);
    talk.post("unknown fields, a blank domain", "/memory", &more).await;
    talk.post("nothing is there", "/memory", &json!({})).await;
    let wrong = json!({
        "user_id": "", "scope": "Preferences", "domain": 7, "source": null, "ttl_days": true,
        "value_json": {"likes": [["tea"], 1, {}], "dislikes": "noise"},
    });
    talk.post("everything is wrong", "/memory", &wrong).await;
    let shapeless = changed(&memory(), &[("value_json", json!([1, "a"])), ("ttl_days", json!(366))]);
    talk.post("no shape", "/memory", &shapeless).await;
    let keyed = post("/memory", &memory()).with("idempotency-key", "k-1");
    talk.say("with a key", keyed.clone()).await;
    talk.say("with the key again", keyed).await;
    let other = post("/memory", &least).with("idempotency-key", "k-1");
    talk.say("with the key, another body", other).await;
    faults(&mut talk, &post("/memory", &memory()), false).await;
    let reader = post("/memory", &memory()).with("x-memoryscope-roles", "reader");
    talk.say("who may only read", reader).await;
    talk.app = talk.app.under(STRICT);
    let denied = changed(&memory(), &[("scope", json!("attention"))]);
    talk.post("the policy refuses it", "/memory", &denied).await;
    insta::assert_snapshot!("create", talk.end());
}

#[tokio::test]
async fn what_an_idempotency_key_made_is_gone() {
    let mut talk = Talk::with(App::new());
    let keyed = post("/memory", &memory()).with("idempotency-key", "k-1");
    let made = talk.say("stored", keyed.clone()).await.json();
    let id = made["id"].as_str().unwrap().to_owned();
    talk.say("deleted", Ask::new(&format!("DELETE /memory/{id}?user_id=user-1"))).await;
    talk.say("asked again", keyed).await;
    insta::assert_snapshot!("create_result_gone", talk.end());
}

#[tokio::test]
async fn batch() {
    let mut talk = Talk::with(App::new());
    let other = changed(&memory(), &[("user_id", json!("user-2")), ("colour", json!("red"))]);
    let good = json!({"memories": [memory(), other], "note": 1});
    talk.post("all stored", "/memory/batch", &good).await;
    let wrong = changed(&memory(), &[("ttl_days", json!(0)), ("scope", json!("mood"))]);
    let some = json!({"memories": [wrong, memory(), 7]});
    talk.post("some refused", "/memory/batch", &some).await;
    talk.post("all refused", "/memory/batch", &json!({"memories": [wrong]})).await;
    talk.post("no list", "/memory/batch", &json!({"memories": {}})).await;
    talk.post("an empty list", "/memory/batch", &json!({"memories": []})).await;
    talk.post("nothing is there", "/memory/batch", &json!({})).await;
    let keyed = post("/memory/batch", &good).with("idempotency-key", "k-1");
    talk.say("with a key", keyed.clone()).await;
    talk.say("with the key again", keyed).await;
    let other = post("/memory/batch", &some).with("idempotency-key", "k-1");
    talk.say("with the key, another body", other).await;
    faults(&mut talk, &post("/memory/batch", &good), false).await;
    talk.app = talk.app.under(STRICT);
    let attention = changed(&memory(), &[("scope", json!("attention"))]);
    let schedule = changed(&memory(), &[("scope", json!("schedule"))]);
    talk.post("the policy refuses one", "/memory/batch", &json!({"memories": [attention, schedule]})).await;
    insta::assert_snapshot!("batch", talk.end());
}

#[tokio::test]
async fn read() {
    let mut talk = Talk::with(App::new());
    talk.post("nothing there", "/memory/read", &reading()).await;
    talk.post("stored", "/memory", &memory()).await;
    talk.post("one memory", "/memory/read", &reading()).await;
    talk.app.clock.advance_days(1);
    let turned = changed(&memory(), &[("value_json", json!({"dislikes": ["Tea"], "spice_level": 3}))]);
    talk.post("stored", "/memory", &turned).await;
    talk.post("two that disagree", "/memory/read", &reading()).await;
    let young = changed(&reading(), &[("max_age_days", json!(1)), ("colour", json!(1))]);
    talk.app.clock.advance_micros(1);
    talk.post("not older than a day, an unknown field", "/memory/read", &young).await;
    let outright =
        changed(&reading(), &[("purpose", json!("xyzzy")), ("purpose_class", json!("recommendation"))]);
    talk.post("a class beside the text", "/memory/read", &outright).await;
    let outright =
        changed(&reading(), &[("purpose", Value::Null), ("purpose_class", json!("recommendation"))]);
    talk.post("a class and null", "/memory/read", &outright).await;
    talk.post(
        "no class in the text",
        "/memory/read",
        &changed(&reading(), &[("purpose", json!("build a guide"))]),
    )
    .await;
    talk.post("an empty text", "/memory/read", &changed(&reading(), &[("purpose", json!(""))])).await;
    let denied = changed(&reading(), &[("purpose", json!("run the task"))]);
    talk.post("not for this scope", "/memory/read", &denied).await;
    talk.post("no purpose", "/memory/read", &without(&reading(), "purpose")).await;
    talk.post("null for a purpose", "/memory/read", &changed(&reading(), &[("purpose", Value::Null)])).await;
    let wrong = json!({"user_id": " ", "scope": 1, "domain": [], "purpose": {}, "purpose_class": "chat_response",
        "max_age_days": 0});
    talk.post("everything is wrong", "/memory/read", &wrong).await;
    faults(&mut talk, &post("/memory/read", &reading()), false).await;
    talk.app.store.set(Fault::Endless);
    talk.post("more than a read takes", "/memory/read", &reading()).await;
    talk.app.store.set(Fault::None);
    insta::assert_snapshot!("read", talk.end());
}

/// A token that was given to another client than the one that calls over HTTP.
async fn anothers_token(engine: &Engine) -> Token {
    let mut cx = memoryscope_engine::fakes::context(engine, Some("user-1"));
    cx.principal.client = "another".to_owned();
    let read = Read {
        user: UserId::parse("user-1").expect("a user"),
        kind: Kind::Preferences,
        domain: Domain::parse("food").expect("a domain"),
        purpose: Some(Purpose::Recommendation),
        purpose_text: None,
        max_age_days: None,
    };
    engine.run(&cx, &read).await.expect("allowed").output.token.expect("a token")
}

#[tokio::test]
async fn continue_reading() {
    let mut talk = Talk::with(App::new());
    talk.post("stored", "/memory", &memory()).await;
    let first = talk.post("read", "/memory/read", &changed(&reading(), &[("max_age_days", json!(7))])).await;
    let token = token_of(&first);
    let path = "/memory/read/continue";
    talk.app.clock.advance_micros(HOUR_MICROS);
    talk.post("continued", path, &json!({"revocation_token": token})).await;
    let older = json!({"revocation_token": token, "max_age_days": 36_500, "scope": "attention"});
    talk.post("an age beyond the grant's, an unknown field", path, &older).await;
    talk.post("unknown", path, &json!({"revocation_token": "rt_AQEB"})).await;
    let foreign = anothers_token(&talk.app.engine).await.reveal();
    talk.post("another client's", path, &json!({"revocation_token": foreign})).await;
    talk.post("nothing is there", path, &json!({})).await;
    let wrong = json!({"revocation_token": "", "max_age_days": 36_501});
    talk.post("everything is wrong", path, &wrong).await;
    faults(&mut talk, &post(path, &json!({"revocation_token": token})), false).await;
    let lenient = talk.app.clone();
    talk.app = lenient.under(STRICT);
    talk.post("the policy of today refuses it", path, &json!({"revocation_token": token})).await;
    talk.app = lenient;
    talk.post("revoked", "/memory/revoke", &json!({"revocation_token": token})).await;
    talk.post("continued after that", path, &json!({"revocation_token": token})).await;
    let second = token_of(&talk.post("read", "/memory/read", &reading()).await);
    talk.app.clock.advance_micros(24 * HOUR_MICROS);
    talk.post("a day later", path, &json!({"revocation_token": second})).await;
    insta::assert_snapshot!("continue", talk.end());
}

#[tokio::test]
async fn revoke() {
    let mut talk = Talk::with(App::new());
    let path = "/memory/revoke";
    let token = token_of(&talk.post("read", "/memory/read", &reading()).await);
    faults(&mut talk, &post(path, &json!({"revocation_token": token})), false).await;
    let body = json!({"revocation_token": token, "why": "done"});
    let keyed = post(path, &body).with("idempotency-key", "k-1");
    talk.say("revoked, with a key and an unknown field", keyed.clone()).await;
    talk.app.clock.advance_micros(HOUR_MICROS);
    talk.say("with the key again", keyed).await;
    talk.post("again", path, &json!({"revocation_token": token})).await;
    talk.post("unknown", path, &json!({"revocation_token": "x"})).await;
    let foreign = anothers_token(&talk.app.engine).await.reveal();
    talk.post("another client's", path, &json!({"revocation_token": foreign})).await;
    talk.post("nothing is there", path, &json!({})).await;
    talk.post("too long", path, &json!({"revocation_token": "x".repeat(513)})).await;
    insta::assert_snapshot!("revoke", talk.end());
}

#[tokio::test]
async fn list() {
    let mut talk = Talk::with(App::new());
    let base = "/memory?user_id=user-1&scope=preferences&purpose=suggest+something";
    talk.say("nothing there", Ask::new(&format!("GET {base}"))).await;
    for domain in [json!("food"), Value::Null, json!("music")] {
        talk.post("stored", "/memory", &changed(&memory(), &[("domain", domain)])).await;
        talk.app.clock.advance_micros(1);
    }
    let page = talk.say("a page of all domains", Ask::new(&format!("GET {base}&limit=2&colour=red"))).await;
    let cursor = page.json()["next_cursor"].as_str().unwrap().to_owned();
    talk.say("the next page", Ask::new(&format!("GET {base}&limit=2&cursor={cursor}"))).await;
    talk.say("of one domain", Ask::new(&format!("GET {base}&domain=music"))).await;
    let other = format!("GET {base}&domain=music&cursor={cursor}");
    talk.say("a cursor of another query", Ask::new(&other)).await;
    talk.say("no cursor at all", Ask::new(&format!("GET {base}&cursor=abc"))).await;
    let denied = "GET /memory?user_id=user-1&scope=preferences&purpose_class=scheduling";
    talk.say("not for this scope", Ask::new(denied)).await;
    talk.say("no class in the text", Ask::new("GET /memory?user_id=user-1&scope=preferences&purpose=")).await;
    talk.say("nothing is there", Ask::new("GET /memory")).await;
    let wrong = "GET /memory?user_id=%20&scope=x&domain=%07&purpose_class=x&limit=0&cursor=&limit=1";
    talk.say("everything is wrong", Ask::new(wrong)).await;
    talk.say("not UTF-8", Ask::new("GET /memory?user_id=%FF")).await;
    faults(&mut talk, &Ask::new(&format!("GET {base}")), true).await;
    insta::assert_snapshot!("list", talk.end());
}

#[tokio::test]
async fn delete() {
    let mut talk = Talk::with(App::new());
    let made = talk.post("stored", "/memory", &memory()).await.json();
    let id = made["id"].as_str().unwrap().to_owned();
    let absent = "01900000-0000-7000-8000-000000000001";
    talk.say("absent", Ask::new(&format!("DELETE /memory/{absent}?user_id=user-1"))).await;
    talk.say("another's", Ask::new(&format!("DELETE /memory/{id}?user_id=user-2"))).await;
    talk.say("path and query are wrong", Ask::new("DELETE /memory/mem_12")).await;
    faults(&mut talk, &Ask::new(&format!("DELETE /memory/{id}?user_id=user-1")), false).await;
    let lenient = talk.app.clone();
    talk.app = lenient.under(STRICT);
    talk.say("the policy refuses it", Ask::new(&format!("DELETE /memory/{id}?user_id=user-1"))).await;
    talk.app = lenient;
    talk.say("deleted", Ask::new(&format!("DELETE /memory/{id}?user_id=user-1&colour=red"))).await;
    let prefixed = format!("mem_{}", id.replace('-', ""));
    talk.say("again, by its other name", Ask::new(&format!("DELETE /memory/{prefixed}?user_id=user-1")))
        .await;
    insta::assert_snapshot!("delete", talk.end());
}

#[tokio::test]
async fn audit() {
    let mut talk = Talk::with(App::new());
    talk.say("an empty chain", Ask::new("GET /v2/audit").auditor()).await;
    talk.post("stored", "/memory", &memory()).await;
    let read = talk.post("read", "/memory/read", &reading()).await;
    let log = read.header("x-access-log-id").to_owned();
    let denied = changed(&reading(), &[("purpose", json!("run the task"))]);
    talk.post("denied", "/memory/read", &denied).await;
    let page = talk.say("a page", Ask::new("GET /v2/audit?limit=3").auditor()).await;
    let cursor = page.json()["next_cursor"].as_str().unwrap().to_owned();
    let next = format!("GET /v2/audit?limit=3&cursor={cursor}&tenant_id=t_default");
    talk.say("the next page", Ask::new(&next).auditor()).await;
    talk.say("another tenant's", Ask::new("GET /v2/audit?tenant_id=t_other").auditor()).await;
    talk.say("without the role", Ask::new("GET /v2/audit")).await;
    let wrong = "GET /v2/audit?tenant_id=x&limit=1001&cursor=99999999999999999999&colour=red";
    talk.say("everything is wrong", Ask::new(wrong).auditor()).await;
    talk.say("access logs", Ask::new("GET /v2/access-logs").auditor()).await;
    talk.say("one access log", Ask::new(&format!("GET /v2/access-logs/{log}")).auditor()).await;
    talk.say("one access log without the role", Ask::new(&format!("GET /v2/access-logs/{log}"))).await;
    let absent = "GET /v2/access-logs/log_01900000000070008000000000000001";
    talk.say("an absent one", Ask::new(absent).auditor()).await;
    talk.say("path and query are wrong", Ask::new("GET /v2/access-logs/x?tenant_id=").auditor()).await;
    talk.say("verified", Ask::new("GET /v2/audit/verify").auditor()).await;
    talk.say("verified without the role", Ask::new("GET /v2/audit/verify")).await;
    faults(&mut talk, &Ask::new("GET /v2/audit").auditor(), false).await;
    insta::assert_snapshot!("audit", talk.end());
}

#[tokio::test]
async fn before_any_endpoint() {
    let mut talk = Talk::with(App::new());
    talk.say("not JSON", Ask::new("POST /memory").text("{\"user_id\": }")).await;
    talk.say("twice", Ask::new("POST /memory").text(r#"{"a": {"b": 1, "b": 2}}"#)).await;
    talk.say("no body", Ask::new("POST /memory").with("content-type", "application/json")).await;
    let plain = Ask { body: Some("{}".to_owned()), ..Ask::new("POST /memory") };
    talk.say("no media type", plain.with("content-type", "text/plain")).await;
    talk.say("too large", Ask::new("POST /memory").text(&" ".repeat(1_048_577))).await;
    talk.say("another method", Ask::new("PUT /memory")).await;
    talk.say("another path", Ask::new("POST /memories")).await;
    let keyed = post("/memory", &memory()).with("idempotency-key", "a b");
    talk.say("a bad idempotency key", keyed).await;
    let twice = post("/memory", &memory()).with("idempotency-key", "a").with("idempotency-key", "b");
    talk.say("two idempotency keys", twice).await;
    talk.say("an unknown role", post("/memory", &memory()).with("x-memoryscope-roles", "root")).await;
    talk.say("an id that is not UTF-8", Ask::new("DELETE /memory/%FF?user_id=u")).await;
    assert_eq!(
        talk.app.head().await,
        memoryscope_domain::audit_chain::Head::default(),
        "something was stored"
    );
    insta::assert_snapshot!("before_any_endpoint", talk.end());
}

/// Absent, expired, erased long ago and another's are the same bytes.
#[tokio::test]
async fn hidden_is_absent() {
    let app = App::new();
    let mine = |ttl_days: i64| changed(&memory(), &[("ttl_days", json!(ttl_days))]);
    let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
    let expired = id(&app.post("/memory", &mine(1)).await.json());
    let others = id(&app.post("/memory", &changed(&memory(), &[("user_id", json!("user-2"))])).await.json());
    app.clock.advance_days(2);
    let revoked = token_of(&app.post("/memory/read", &reading()).await);
    app.post("/memory/revoke", &json!({"revocation_token": revoked})).await;
    let foreign = anothers_token(&app.engine).await.reveal();
    let delete = |id: &str| Ask::new(&format!("DELETE /memory/{id}?user_id=user-1"));
    let token = |path: &str, token: &str| post(path, &json!({"revocation_token": token}));
    let absent = "01900000-0000-7000-8000-000000000001";
    let nobodys = Token::NOBODYS.reveal();
    let asks = [
        delete(absent),
        delete(&expired),
        delete(&others),
        token("/memory/read/continue", "x"),
        token("/memory/read/continue", &nobodys),
        token("/memory/read/continue", &foreign),
        token("/memory/revoke", "x"),
        token("/memory/revoke", &nobodys),
        token("/memory/revoke", &foreign),
        token("/memory/revoke", &revoked),
        Ask::new("GET /v2/access-logs/log_01900000000070008000000000000001").auditor(),
        Ask::new("GET /nothing/here"),
    ];
    let mut seen: Vec<String> = Vec::new();
    for ask in asks {
        let mut answer = app.ask(ask.with("x-request-id", "the-same")).await;
        assert_eq!(answer.status, 404, "{}", answer.text);
        answer.headers.remove("x-access-log-id");
        seen.push(shown_answer(&answer));
    }
    assert!(seen.iter().all(|shown| *shown == seen[0]), "{seen:#?}");
}

/// What the server says of itself.
#[tokio::test]
async fn server() {
    let mut talk = Talk::with(App::new());
    for target in ["/healthz", "/healthz/live", "/healthz/ready", "/version", "/v2/limits"] {
        talk.say(target, Ask::new(&format!("GET {target}"))).await;
    }
    insta::assert_snapshot!("server", talk.end());
}
