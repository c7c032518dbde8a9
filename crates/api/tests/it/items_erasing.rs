//! `DELETE /v1/memory/all`: whose memories go, and what is left after a failure.

use serde_json::{Value, json};

use crate::faulty::Fault;
use crate::governed::{App, Ask, Talk, changed};
use crate::support::Answer;

fn erase(query: &str) -> Ask {
    Ask::new(&format!("DELETE /v1/memory/all{query}"))
}

async fn added(app: &App, content: &str, more: &[(&str, Value)]) -> String {
    let answer = app.post("/v1/memory", &changed(&json!({"content": content}), more)).await;
    answer.json()["data"][0]["memoryId"]
        .as_str()
        .unwrap_or_else(|| panic!("no id: {}", answer.text))
        .to_owned()
}

async fn is_there(app: &App, id: &str, user: Option<&str>) -> bool {
    let query = user.map(|user| format!("?external_user_id={user}")).unwrap_or_default();
    app.ask(Ask::new(&format!("GET /v1/memory/{id}{query}"))).await.status == 200
}

/// How many are erased, and how many are not.
fn totals(answer: &Answer) -> (u16, Value, Value) {
    let body = answer.json();
    (answer.status, body["total_successful"].clone(), body["total_failed"].clone())
}

#[tokio::test]
async fn everything_that_is_ones_own_and_nothing_else() {
    let mut talk = Talk::with(App::new());
    talk.say("nothing is there", erase("?external_user_id=ana")).await;
    let ana = ("external_user_id", json!("ana"));
    let app = &talk.app;
    let one = added(app, "Ana prefers window seats.", std::slice::from_ref(&ana)).await;
    app.clock.advance_micros(1_000);
    let shared = ("acl", json!({"write": ["ben"]}));
    let two = added(app, "Ana rows.", &[ana.clone(), shared.clone(), ("risk", json!("flagged"))]).await;
    app.clock.advance_micros(1_000);
    let spaced = added(app, "Ana is vegetarian.", &[ana.clone(), ("namespace_id", json!("n"))]).await;
    let bens = added(app, "Ben rows.", &[("external_user_id", json!("ben")), shared.clone()]).await;
    let anas_too = ("acl", json!({"write": ["ana"]}));
    let lent = added(app, "Ben is vegetarian.", &[("external_user_id", json!("ben")), anas_too]).await;
    let rules = added(app, "House rules.", &[("acl", json!({"write": ["ana"]}))]).await;
    let elsewhere = added(app, "Ana swims.", &[ana.clone(), ("organization_id", json!("acme"))]).await;
    talk.say(
        "by somebody who may only read",
        erase("?external_user_id=ana").with("x-memoryscope-roles", "reader"),
    )
    .await;
    talk.say("of a namespace", erase("?external_user_id=ana&namespace_id=n")).await;
    talk.say("all", erase("?external_user_id=ana&skip_parse=true")).await;
    talk.say("again", erase("?external_user_id=ana")).await;
    let app = &talk.app;
    for (id, user, expect) in [
        (&one, Some("ana"), false),
        (&two, Some("ana"), false),
        (&spaced, Some("ana"), false),
        (&bens, Some("ben"), true),
        (&lent, Some("ana"), true),
        (&rules, None, true),
    ] {
        assert_eq!(is_there(app, id, user).await, expect, "{id} {user:?}");
    }
    let there = Ask::new(&format!("GET /v1/memory/{elsewhere}?organization_id=acme"));
    assert_eq!(app.ask(there).await.status, 200);
    talk.say("the developer's own", erase("")).await;
    talk.say("the developer's own, by its id", erase("?user_id=local")).await;
    assert!(is_there(&talk.app, &bens, Some("ben")).await);
    talk.say("an id of the application's", erase("?user_id=ana@example.org")).await;
    talk.say("an id of the server's own that there is not", erase("?user_id=aB3")).await;
    talk.say("nobody's name", erase("?external_user_id=%20")).await;
    insta::assert_snapshot!("items_erasing_all", talk.end());
}

/// What may not be erased stays and is named; the rest goes.
#[tokio::test]
async fn what_may_not_be_erased_is_named() {
    let rule = "  - id: kept\n    when: {request.operation: memory.erase, memory.risk: sensitive}\n    then: {allow_write: false}\n";
    let app = App::new().under(rule);
    let mut talk = Talk::with(app);
    let ana = ("external_user_id", json!("ana"));
    let kept = added(&talk.app, "Ana rows.", &[ana.clone(), ("risk", json!("sensitive"))]).await;
    let gone = added(&talk.app, "Ana swims.", std::slice::from_ref(&ana)).await;
    talk.say("some", erase("?external_user_id=ana")).await;
    talk.say("none", erase("?external_user_id=ana")).await;
    assert!(is_there(&talk.app, &kept, Some("ana")).await);
    assert!(!is_there(&talk.app, &gone, Some("ana")).await);
    insta::assert_snapshot!("items_erasing_some", talk.end());
}

/// Whatever commit is the last before a failure: what was erased stays so, and the request sent again erases the rest.
#[tokio::test]
async fn half_of_it_is_finished_later() {
    let ana = ("external_user_id", json!("ana"));
    for commits in 0..5 {
        let app = App::new();
        let mut ids = Vec::new();
        for n in 0..3 {
            ids.push(added(&app, &format!("Number {n}."), std::slice::from_ref(&ana)).await);
        }
        app.store.set(Fault::After(commits));
        let first = app.ask(erase("?external_user_id=ana")).await;
        app.store.set(Fault::None);
        let erased = commits.saturating_sub(1).min(3);
        let expect = match erased {
            0 => 503,
            3 => 200,
            _ => 207,
        };
        assert_eq!(first.status, expect, "{commits}: {}", first.text);
        if expect == 207 {
            assert_eq!(totals(&first), (207, json!(erased), json!(3 - erased)), "{}", first.text);
        }
        let again = app.ask(erase("?external_user_id=ana")).await;
        match erased {
            3 => assert_eq!(again.status, 404, "{}", again.text),
            _ => assert_eq!(totals(&again), (200, json!(3 - erased), json!(0)), "{}", again.text),
        }
        for id in &ids {
            assert!(!is_there(&app, id, Some("ana")).await, "{commits} {id}");
        }
        let verified = app.get("/v2/audit/verify?tenant_id=t_default").await;
        assert_eq!(verified.json()["ok"], json!(true), "{}", verified.text);
    }
}

/// More than one lot and more than one page of what is looked for, with what was derived from each.
#[tokio::test]
async fn however_many_there_are() {
    let app = App::new();
    let batch: Vec<Value> = (0..50)
        .map(|n| json!({"content": format!("I'm allergic to number {n}. Please keep answers short.")}))
        .collect();
    for _ in 0..3 {
        app.clock.advance_micros(1_000);
        let stored =
            app.post("/v1/memory/batch", &json!({"external_user_id": "ana", "memories": batch})).await;
        assert_eq!(stored.status, 200, "{}", stored.text);
    }
    let query = json!({"tenant_id": "t_default", "scope": {"scope_type": "user", "scope_id": "ana"},
        "purpose": "chat_response"});
    let before = app.post("/v2/memories/query", &query).await;
    assert!(!before.json()["items"].as_array().expect("items").is_empty(), "{}", before.text);
    let answer = app.ask(erase("?external_user_id=ana")).await;
    assert_eq!(totals(&answer), (200, json!(150), json!(0)));
    let after = app.post("/v2/memories/query", &query).await;
    assert_eq!(after.json()["items"], json!([]), "what was derived goes too: {}", after.text);
    assert_eq!(app.ask(erase("?external_user_id=ana")).await.status, 404);
}
