//! What waits for a review, as reviewers, owners and everybody else meet it.

use serde_json::{Value, json};

use crate::governed::{App, Ask, Talk};
use crate::support::Answer;

const USER: &str = "x-memoryscope-user";
const ROLES: &str = "x-memoryscope-roles";

fn flagged(whose: &str, content: &str) -> Value {
    json!({"content": content, "external_user_id": whose, "risk": "flagged", "acl": {"read": ["ben"]}})
}

fn reviewer(line: &str) -> Ask {
    Ask::new(line).with(USER, "rita").with(ROLES, "reviewer")
}

fn id_of(answer: &Answer) -> String {
    answer.json()["data"][0]["memoryId"]
        .as_str()
        .unwrap_or_else(|| panic!("no id: {}", answer.text))
        .to_owned()
}

#[tokio::test]
async fn reviewing() {
    let mut talk = Talk::with(App::new());
    let one = id_of(&talk.app.post("/v1/memory", &flagged("ana", "Ana's door code is 1234.")).await);
    talk.app.clock.advance_micros(1_000_000);
    let two = id_of(&talk.app.post("/v1/memory", &flagged("cy", "Cy saw the key.")).await);
    let restricted = json!({
        "tenant_id": "t_default", "scope": {"scope_type": "user", "scope_id": "ana"}, "type": "event",
        "truth_mode": "factual_claim", "state": "restricted",
        "content": {"format": "text", "language": "en", "text": "Ana was ill."},
    });
    talk.app.clock.advance_micros(1_000_000);
    let three =
        talk.app.post("/v2/memories", &restricted).await.json()["id"].as_str().expect("an id").to_owned();
    let first = talk.say("the first of what waits", reviewer("GET /v1/review?limit=1")).await;
    let next = first.json()["next_cursor"].as_str().expect("there is more").to_owned();
    talk.say("what waits behind it", reviewer(&format!("GET /v1/review?cursor={next}"))).await;
    talk.say("by its owner", Ask::new("GET /v1/review?external_user_id=ana")).await;
    talk.say("for another purpose", reviewer("GET /v1/review").with("x-purpose", "chat_response")).await;
    talk.say("wrongly", reviewer("GET /v1/review?limit=0&cursor=x")).await;
    let end = |id: &str, how: &str, body: &Value| reviewer(&format!("POST /v1/review/{id}/{how}")).json(body);
    let harmless = json!({"risk": "none", "reason": "The code was changed.", "colour": "red"});
    talk.say("approve it", end(&one, "approve", &harmless)).await;
    talk.say("approve it again", end(&one, "approve", &json!({}))).await;
    talk.say("reject what was approved", end(&one, "reject", &json!({"reason": "Too late."}))).await;
    talk.say("reject another", end(&two, "reject", &json!({"reason": "It names a key."}))).await;
    let own = Ask::new(&format!("POST /v1/review/{three}/approve")).json(&json!({"external_user_id": "ana"}));
    talk.say("approve one's own", own).await;
    let stranger =
        Ask::new(&format!("POST /v1/review/{three}/approve")).json(&json!({"external_user_id": "eve"}));
    talk.say("approve what one may not know of", stranger).await;
    talk.say("approve what is restricted", end(&three, "approve", &json!({}))).await;
    let wrong = json!({"risk": "flagged", "reason": "a\u{7}b", "organization_id": 7});
    talk.say("approve wrongly", end(&one, "approve", &wrong)).await;
    talk.say("an id that is none", end("x", "reject", &json!({}))).await;
    talk.say("nothing waits any more", reviewer("GET /v1/review")).await;
    insta::assert_snapshot!("items_review", talk.end());
}

#[tokio::test]
async fn an_approval_is_seen_by_whom_the_memory_was_shared_with() {
    let app = App::new();
    let id = id_of(&app.post("/v1/memory", &flagged("ana", "Ana likes tea.")).await);
    let path = format!("/v1/memory/{id}?external_user_id=ben");
    assert_eq!(app.get(&path).await.status, 404);
    let lower = json!({"external_user_id": "ana", "risk": "none"});
    let lowered = app.ask(Ask::new(&format!("PUT /v1/memory/{id}")).json(&lower)).await;
    assert_eq!((lowered.status, app.get(&path).await.status), (409, 404), "{}", lowered.text);
    let approve = || {
        let approve = reviewer(&format!("POST /v1/review/{id}/approve")).json(&json!({}));
        approve.with("idempotency-key", "k")
    };
    let made = app.ask(approve()).await;
    assert_eq!((made.status, &made.json()["risk"]), (200, &json!("sensitive")), "{}", made.text);
    assert_eq!(app.ask(approve()).await.json()["updatedAt"], made.json()["updatedAt"]);
    assert_eq!(app.get(&path).await.status, 200);
    let own = app.get(&format!("/v1/memory/{id}?external_user_id=ana&include=effective_policy")).await.json();
    let policy = &own["data"]["memories"][0]["effective_policy"];
    assert_eq!(policy["risk"], json!({"layer": "review", "value": "sensitive"}));
    // Another organization's reviewers have no part in it.
    let other = reviewer("GET /v1/review?organization_id=acme");
    assert_eq!(app.ask(other).await.json()["data"], json!([]));
    let body = json!({"organization_id": "acme"});
    let other = reviewer(&format!("POST /v1/review/{id}/reject")).json(&body);
    assert_eq!(app.ask(other).await.status, 404);
}
