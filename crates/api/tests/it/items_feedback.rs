//! Feedback, as those who give it and everybody else meet it.

use memoryscope_domain::ids::{MemoryId, RequestId, UserId};
use memoryscope_domain::policy::Dialect;
use memoryscope_domain::principal::Principal;
use serde_json::{Value, json};

use crate::governed::{App, Ask, Talk};
use crate::support::Answer;

async fn added(app: &App, whose: &str, content: &str, more: &Value) -> String {
    let mut body = json!({"content": content, "external_user_id": whose});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let answer = app.post("/v1/memory", &body).await;
    answer.json()["data"][0]["memoryId"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}

async fn searched(app: &App, whose: &str, query: &str) -> String {
    let answer = app.post("/v1/memory/search", &json!({"query": query, "external_user_id": whose})).await;
    answer.json()["search_id"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}

fn thumb(whose: &str, search: &str, kind: &str, cited: &[&str]) -> Value {
    json!({"search_id": search, "external_user_id": whose,
        "feedbackData": {"feedbackType": kind, "feedbackSource": "inline", "citedMemoryIds": cited}})
}

/// What somebody thinks of memories: how often they were good, and how often not.
async fn opinions(app: &App, whose: &str, ids: &[&str]) -> Vec<Option<(u64, u64)>> {
    let user = UserId::parse(whose).expect("a user");
    let principal = Principal {
        user: Some(user),
        ..Principal::local(memoryscope_domain::ids::TenantId::default_tenant())
    };
    let name = RequestId::parse("test").expect("a name");
    let cx = app.engine.begin(principal, name, Dialect::Items, app.engine.ports().clock.now());
    let ids: Vec<MemoryId> = ids.iter().map(|id| MemoryId::parse(id).expect("an id")).collect();
    let held = app.engine.opinions(&cx, &ids).await.expect("they are read");
    ids.iter().map(|id| held.get(id).map(|opinion| (opinion.up(), opinion.down()))).collect()
}

async fn status(app: &App, body: &Value) -> u16 {
    app.post("/v1/feedback", body).await.status
}

#[tokio::test]
async fn giving_feedback() {
    let mut talk = Talk::with(App::new());
    let tea = added(&talk.app, "ana", "Ana likes tea.", &json!({})).await;
    let search = searched(&talk.app, "ana", "tea").await;
    let post = |body: &Value| Ask::new("POST /v1/feedback").json(body);
    let mut full = thumb("ana", &search, "rating", &[&tea, "nonsense"]);
    full["feedbackData"]["feedbackScore"] = json!(5);
    full["feedbackData"]["feedbackText"] = json!("Just right.");
    full["feedbackData"]["userMessage"] =
        json!({"__type": "Pointer", "className": "Message", "objectId": "m1"});
    full["feedbackData"]["colour"] = json!("red");
    let given = talk.say("a rating", post(&full)).await;
    let id = given.json()["feedback_id"].as_str().expect("an id").to_owned();
    let path = format!("GET /v1/feedback/{id}");
    talk.say("what was said", Ask::new(&format!("{path}?external_user_id=ana"))).await;
    talk.say("by the developer", Ask::new(&path)).await;
    talk.say("by somebody else", Ask::new(&format!("{path}?external_user_id=ben"))).await;
    talk.say("none of that id", Ask::new("GET /v1/feedback/fb_1")).await;
    talk.say("of somebody else's search", post(&thumb("ben", &search, "thumbs_up", &[&tea]))).await;
    talk.say("of no search", post(&thumb("ana", "log_7", "thumbs_up", &[]))).await;
    let wrong =
        json!({"search_id": search, "feedbackData": {"feedbackType": "thumbs_up", "feedbackScore": 3}});
    talk.say("wrongly", post(&wrong)).await;
    let batch = json!({"feedback_items": [thumb("ana", &search, "thumbs_down", &[&tea]), thumb("ana", "log_7", "report", &[]), 7]});
    talk.say("several", Ask::new("POST /v1/feedback/batch").json(&batch)).await;
    talk.say("none", Ask::new("POST /v1/feedback/batch").json(&json!({"feedback_items": []}))).await;
    insta::assert_snapshot!("items_feedback", talk.end());
}

#[tokio::test]
async fn an_opinion_is_its_persons_own() {
    let app = App::new();
    let shared = added(&app, "ana", "Ana likes tea.", &json!({"acl": {"read": ["ben"]}})).await;
    let own = added(&app, "ana", "Tea is at four.", &json!({})).await;
    let ids = [shared.as_str(), own.as_str()];
    let (anas, bens) = (searched(&app, "ana", "tea").await, searched(&app, "ben", "tea").await);
    assert_eq!(status(&app, &thumb("ana", &anas, "thumbs_up", &ids)).await, 200);
    // What may not be seen counts for nothing, and nothing of that is told.
    let told = app.post("/v1/feedback", &thumb("ben", &bens, "thumbs_down", &ids)).await;
    assert_eq!((told.status, &told.json()["details"]), (200, &Value::Null));
    assert_eq!(opinions(&app, "ana", &ids).await, [Some((1, 0)), Some((1, 0))]);
    assert_eq!(opinions(&app, "ben", &ids).await, [Some((0, 1)), None]);
    // One vote for each search: the last.
    assert_eq!(status(&app, &thumb("ana", &anas, "thumbs_down", &ids[..1])).await, 200);
    let again = searched(&app, "ana", "tea").await;
    assert_eq!(status(&app, &thumb("ana", &again, "save_action", &ids[..1])).await, 200);
    assert_eq!(opinions(&app, "ana", &ids).await, [Some((1, 1)), Some((1, 0))]);
}

#[tokio::test]
async fn what_was_good_before_comes_first_where_that_is_asked() {
    let app = App::new();
    let first =
        added(&app, "ana", "Ana likes tea, and tea likes her.", &json!({"acl": {"read": ["ben"]}})).await;
    let second =
        added(&app, "ana", "Tea is at four in the garden.", &json!({"acl": {"read": ["ben"]}})).await;
    let found = async |whose: &str, boost: Value| {
        let body = json!({"query": "tea", "external_user_id": whose, "boost": boost});
        let answer = app.post("/v1/memory/search", &body).await.json();
        let memories = answer["data"]["memories"].as_array().expect("memories").clone();
        memories.iter().map(|memory| memory["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    let moved = json!({"feedback": 1});
    for _ in 0..3 {
        let search = searched(&app, "ana", "tea").await;
        assert_eq!(status(&app, &thumb("ana", &search, "thumbs_down", &[&first])).await, 200);
        assert_eq!(status(&app, &thumb("ana", &search, "thumbs_up", &[&second])).await, 200);
    }
    assert_eq!(found("ana", Value::Null).await, [first.clone(), second.clone()]);
    assert_eq!(found("ana", moved.clone()).await, [second.clone(), first.clone()]);
    assert_eq!(found("ben", moved).await, [first, second], "what others think is theirs");
}

#[tokio::test]
async fn opinions_are_forgotten_with_their_memory_and_their_person() {
    let app = App::new();
    let one = added(&app, "ana", "Ana likes tea.", &json!({"acl": {"read": ["ben"]}})).await;
    let two = added(&app, "ana", "Tea is at four.", &json!({"acl": {"read": ["ben"]}})).await;
    let ids = [one.as_str(), two.as_str()];
    for whose in ["ana", "ben"] {
        let search = searched(&app, whose, "tea").await;
        assert_eq!(status(&app, &thumb(whose, &search, "thumbs_up", &ids)).await, 200);
    }
    let erased = app.ask(Ask::new(&format!("DELETE /v1/memory/{one}?external_user_id=ana"))).await;
    assert_eq!(erased.status, 200);
    for whose in ["ana", "ben"] {
        assert_eq!(opinions(&app, whose, &ids).await, [None, Some((1, 0))], "{whose}");
    }
    let erase = Ask::new("POST /v2/subjects/ben/erase").with("x-memoryscope-user", "ben");
    let erased: Answer = app.ask(erase.json(&json!({"tenant_id": "t_default"}))).await;
    assert!(erased.status < 300, "{}", erased.text);
    assert_eq!(opinions(&app, "ben", &ids).await, [None, None]);
    assert_eq!(opinions(&app, "ana", &ids).await, [None, Some((1, 0))]);
}

#[tokio::test]
async fn only_what_was_searched_is_spoken_about() {
    let app = App::new();
    let tea = added(&app, "ana", "Ana likes tea.", &json!({})).await;
    let got = app.get(&format!("/v1/memory/{tea}?external_user_id=ana")).await;
    let log = got.header("x-access-log-id").to_owned();
    assert_eq!(status(&app, &thumb("ana", &log, "thumbs_up", &[&tea])).await, 404);
    let search = searched(&app, "ana", "tea").await;
    // Nor in another organization, nor for the developer, who searched nothing.
    let mut elsewhere = thumb("ana", &search, "thumbs_up", &[&tea]);
    elsewhere["organization_id"] = json!("acme");
    assert_eq!(status(&app, &elsewhere).await, 404);
    let mut nobody = thumb("ana", &search, "thumbs_up", &[&tea]);
    nobody["external_user_id"] = json!(null);
    assert_eq!(status(&app, &nobody).await, 404);
    // More than is kept of one is refused.
    let mut long = thumb("ana", &search, "report", &[]);
    for name in ["feedbackText", "feedbackValue", "feedbackImpact"] {
        long["feedbackData"][name] = json!("\u{1}".repeat(8 * 1_024));
    }
    assert_eq!(status(&app, &long).await, 413);
    // A query of the core dialect is a search too.
    let query = json!({"tenant_id": "t_default", "scope": {"scope_type": "user", "scope_id": "ana"}, "purpose": "chat_response"});
    let query = Ask::new("POST /v2/memories/query").with("x-memoryscope-user", "ana").json(&query);
    let log = app.ask(query).await.header("x-access-log-id").to_owned();
    assert_eq!(status(&app, &thumb("ana", &log, "thumbs_up", &[&tea])).await, 200);
}

#[tokio::test]
async fn feedback_is_kept_once_under_its_key() {
    let app = App::new();
    let tea = added(&app, "ana", "Ana likes tea.", &json!({})).await;
    let search = searched(&app, "ana", "tea").await;
    let send = |kind: &str| {
        Ask::new("POST /v1/feedback").with("idempotency-key", "k").json(&thumb("ana", &search, kind, &[&tea]))
    };
    let first = app.ask(send("thumbs_up")).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(app.ask(send("thumbs_up")).await.json(), first.json());
    assert_eq!(app.ask(send("thumbs_down")).await.status, 409);
    assert_eq!(opinions(&app, "ana", &[&tea]).await, [Some((1, 0))]);
    let batch = || {
        let items = json!({"feedback_items": [thumb("ana", &search, "report", &[&tea]), thumb("ana", &search, "rating", &[])]});
        Ask::new("POST /v1/feedback/batch").with("idempotency-key", "b").json(&items)
    };
    let first = app.ask(batch()).await;
    let (first, again) = (first.json(), app.ask(batch()).await.json());
    assert_eq!((&first["code"], &first["feedback_ids"]), (&json!(207), &again["feedback_ids"]), "{first}");
}
