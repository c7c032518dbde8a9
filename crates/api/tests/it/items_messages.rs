//! Messages and sessions, as those who have them and everybody else meet them.

use serde_json::{Value, json};

use crate::governed::{App, Ask, Talk};
use crate::support::Answer;

fn message(whose: &str, session: &str, role: &str, content: &str) -> Value {
    json!({"content": content, "role": role, "sessionId": session, "external_user_id": whose})
}

async fn say(app: &App, body: &Value) -> String {
    let answer = app.post("/v1/messages", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["objectId"].as_str().expect("an id").to_owned()
}

async fn history(app: &App, whose: &str, session: &str, query: &str) -> Answer {
    app.get(&format!("/v1/messages/sessions/{session}?external_user_id={whose}{query}")).await
}

fn said(answer: &Answer) -> Vec<String> {
    let messages = answer.json()["messages"].clone();
    let text = |message: &Value| message["content"].as_str().unwrap_or_default().to_owned();
    messages.as_array().unwrap_or_else(|| panic!("no messages: {}", answer.text)).iter().map(text).collect()
}

async fn found(app: &App, whose: &str, query: &str) -> usize {
    let answer = app.post("/v1/memory/search", &json!({"query": query, "external_user_id": whose})).await;
    answer.json()["data"]["memories"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn a_session() {
    let mut talk = Talk::with(App::new());
    let post = |body: &Value| Ask::new("POST /v1/messages").json(body);
    talk.say("a message", post(&message("ana", "trip", "user", "I fly to Lisbon on 3 May."))).await;
    talk.app.clock.advance_micros(1_000_000);
    let blocks = json!([{"type": "text", "text": "When do you"}, {"type": "text", "text": "come back?"}]);
    let mut kept = message("ana", "trip", "assistant", "");
    (kept["content"], kept["process_messages"]) = (blocks, json!(false));
    talk.say("one that is only kept, in blocks", post(&kept)).await;
    let path = "/v1/messages/sessions/trip";
    let get = |rest: &str| Ask::new(&format!("GET {path}{rest}"));
    talk.say("its messages", get("?external_user_id=ana")).await;
    talk.say("by the developer", get("")).await;
    talk.say("by another user", get("?external_user_id=ben")).await;
    talk.say("the second of them", get("?external_user_id=ana&skip=1&limit=1")).await;
    talk.say("wrongly", get("?external_user_id=ana&skip=-1&limit=101")).await;
    talk.say("how far they are", get("/status?external_user_id=ana")).await;
    talk.say("process them", Ask::new(&format!("POST {path}/process?external_user_id=ana"))).await;
    talk.say("again", Ask::new(&format!("POST {path}/process?external_user_id=ana"))).await;
    talk.say("how far they are then", get("/status?external_user_id=ana")).await;
    talk.say("what they come to", get("/compress?external_user_id=ana")).await;
    talk.say("of no session", Ask::new("GET /v1/messages/sessions/none/compress")).await;
    let wrong = json!({"content": [{"type": "image", "text": "x"}], "role": "system", "sessionId": ""});
    talk.say("a wrong message", post(&wrong)).await;
    insta::assert_snapshot!("items_messages", talk.end());
}

#[tokio::test]
async fn sessions_of_one_name_do_not_meet() {
    let app = App::new();
    say(&app, &message("ana", "s", "user", "Ana speaks.")).await;
    say(&app, &message("ben", "s", "user", "Ben speaks.")).await;
    assert_eq!(said(&history(&app, "ana", "s", "").await), ["Ana speaks."]);
    assert_eq!(said(&history(&app, "ben", "s", "").await), ["Ben speaks."]);
    // Whoever names nobody has to say whose is meant, unless one is the developer's own.
    assert_eq!(app.get("/v1/messages/sessions/s").await.status, 422);
    say(&app, &json!({"content": "I speak.", "role": "user", "sessionId": "s"})).await;
    assert_eq!(said(&app.get("/v1/messages/sessions/s").await), ["I speak."]);
    // Nor do namespaces and organizations.
    let mut elsewhere = message("ana", "s", "user", "Elsewhere.");
    elsewhere["namespace_id"] = json!("n");
    say(&app, &elsewhere).await;
    assert_eq!(said(&history(&app, "ana", "s", "").await), ["Ana speaks."]);
    assert_eq!(said(&history(&app, "ana", "s", "&namespace_id=n").await), ["Elsewhere."]);
    assert_eq!(history(&app, "ana", "s", "&organization_id=acme").await.status, 404);
}

#[tokio::test]
async fn what_is_only_kept_is_not_found_until_it_is_processed() {
    let app = App::new();
    let mut kept = message("ana", "s", "user", "I am allergic to peanuts.");
    kept["process_messages"] = json!(false);
    let id = say(&app, &kept).await;
    assert_eq!((found(&app, "ana", "peanuts").await, found(&app, "ana", "*").await), (0, 0));
    let derived = || async {
        let query = json!({"tenant_id": "t_default", "scope": {"scope_type": "user", "scope_id": "ana"},
            "purpose": "chat_response", "filters": {"type": ["impact", "seed"]}});
        app.post("/v2/memories/query", &query).await.json()["items"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(derived().await, 0);
    // A change of it leaves it kept.
    let change = json!({"external_user_id": "ana", "content": "I am very allergic to peanuts."});
    let changed = app.ask(Ask::new(&format!("PUT /v1/memory/{id}")).json(&change)).await;
    assert_eq!((changed.status, found(&app, "ana", "peanuts").await), (200, 0), "{}", changed.text);
    assert_eq!(history(&app, "ana", "s", "").await.json()["messages"][0]["processing_status"], "pending");
    let processed = app.ask(Ask::new("POST /v1/messages/sessions/s/process?external_user_id=ana")).await;
    assert_eq!(processed.json()["messages_queued"], 1, "{}", processed.text);
    assert_eq!(found(&app, "ana", "peanuts").await, 1);
    assert!(derived().await > 0);
    assert_eq!(history(&app, "ana", "s", "").await.json()["messages"][0]["processing_status"], "queued");
}

#[tokio::test]
async fn what_is_sealed_or_erased_is_in_no_session() {
    let app = App::new();
    let mut ids = Vec::new();
    for n in 0..20 {
        let content = format!("Message number {n} is about the weather of day {n} in Lisbon.");
        ids.push(say(&app, &message("ana", "s", "user", &content)).await);
        app.clock.advance_micros(1_000);
    }
    let secret = say(&app, &message("ana", "s", "user", "We decided that the door code is 7349.")).await;
    let all = history(&app, "ana", "s", "").await;
    assert_eq!(all.json()["total_count"], 21);
    assert!(all.json()["context_for_llm"].as_str().is_some_and(|text| text.contains("7349")), "{}", all.text);
    let seal = json!({"tenant_id": "t_default", "reason": "so"});
    let sealed = app
        .ask(
            Ask::new(&format!("POST /v2/memories/{secret}/seal"))
                .with("x-memoryscope-user", "ana")
                .json(&seal),
        )
        .await;
    assert_eq!(sealed.status, 200, "{}", sealed.text);
    let compress = "/v1/messages/sessions/s/compress?external_user_id=ana";
    for path in [compress, "/v1/messages/sessions/s?external_user_id=ana"] {
        let answer = app.get(path).await;
        assert!(answer.status == 200 && !answer.text.contains("7349"), "{}", answer.text);
    }
    assert_eq!(history(&app, "ana", "s", "").await.json()["total_count"], 20);
    let erased = app.ask(Ask::new(&format!("DELETE /v1/memory/{}?external_user_id=ana", ids[0]))).await;
    assert_eq!(erased.status, 200);
    assert_eq!(history(&app, "ana", "s", "").await.json()["total_count"], 19);
}

#[tokio::test]
async fn pages_stay_where_they_are_while_messages_are_added() {
    let app = App::new();
    for n in 0..7 {
        say(&app, &message("ana", "s", "user", &format!("number {n}"))).await;
        app.clock.advance_micros(1);
    }
    let mut read = Vec::new();
    for skip in (0..9).step_by(3) {
        read.extend(said(&history(&app, "ana", "s", &format!("&limit=3&skip={skip}")).await));
        say(&app, &message("ana", "s", "user", &format!("later {skip}"))).await;
        app.clock.advance_micros(1);
    }
    let expect: Vec<String> =
        (0..7).map(|n| format!("number {n}")).chain([0, 3].map(|n| format!("later {n}"))).collect();
    assert_eq!(read, expect);
    let behind = history(&app, "ana", "s", "&skip=100").await;
    assert_eq!((said(&behind).len(), &behind.json()["total_count"]), (0, &json!(10)));
}

#[tokio::test]
async fn a_message_is_stored_once_under_its_key() {
    let app = App::new();
    let send = |content: &str| {
        Ask::new("POST /v1/messages").with("idempotency-key", "k").json(&message("ana", "s", "user", content))
    };
    let first = app.ask(send("Hello there.")).await;
    app.clock.advance_micros(5_000_000);
    let again = app.ask(send("Hello there.")).await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    assert_eq!(app.ask(send("Something else.")).await.status, 409);
    assert_eq!(history(&app, "ana", "s", "").await.json()["total_count"], 1);
}

#[tokio::test]
async fn messages_are_nobody_elses() {
    let app = App::new();
    let mut flagged = message("ana", "s", "user", "My number is 1234.");
    flagged["risk"] = json!("flagged");
    say(&app, &flagged).await;
    // What is flagged is its owner's alone: there is no such session for the developer.
    assert_eq!(app.get("/v1/messages/sessions/s").await.status, 404);
    assert_eq!(history(&app, "ana", "s", "").await.status, 200);
    let mut without = message("ana", "t", "user", "Without consent.");
    (without["consent"], without["process_messages"]) = (json!("none"), json!(false));
    say(&app, &without).await;
    app.ask(Ask::new("POST /v1/messages/sessions/t/process?external_user_id=ana")).await;
    let status = app.get("/v1/messages/sessions/t/status?external_user_id=ana").await.json();
    assert_eq!(status["total_messages"], 1);
    let erased = app
        .ask(
            Ask::new("POST /v2/subjects/ana/erase")
                .with("x-memoryscope-user", "ana")
                .json(&json!({"tenant_id": "t_default"})),
        )
        .await;
    assert!(erased.status < 300, "{}", erased.text);
    assert_eq!(history(&app, "ana", "t", "").await.status, 404);
}
