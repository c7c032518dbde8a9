//! A change that is sent twice under one key is made once.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::faulty::Fault;
use crate::governed::{App, Ask, changed, memory, reading};
use crate::support::Answer;

fn keyed(path: &str, body: &Value, key: &str) -> Ask {
    Ask::new(&format!("POST {path}")).json(body).with("idempotency-key", key)
}

/// How many memories the user has.
async fn count(app: &App) -> usize {
    let target = "/memory?user_id=user-1&scope=preferences&purpose=suggest&limit=1000";
    app.get(target).await.json()["items"].as_array().expect("items").len()
}

/// The body without the names of audit entries, of which a repeat has its own.
fn told(answer: &Answer) -> Value {
    let mut body = answer.json();
    if let Some(results) = body["results"].as_array_mut() {
        for result in results {
            result.as_object_mut().expect("an object").remove("access_log_id");
        }
    }
    body
}

#[tokio::test]
async fn the_same_body_has_the_same_answer_and_another_body_has_none() {
    let token = |app: &App| {
        let app = app.clone();
        async move { app.post("/memory/read", &reading()).await.json()["revocation_token"].clone() }
    };
    let app = App::new();
    let (first, second) = (token(&app).await, token(&app).await);
    let batch = |users: &[&str]| {
        let items: Vec<Value> =
            users.iter().map(|user| changed(&memory(), &[("user_id", json!(user))])).collect();
        json!({"memories": items})
    };
    let cases = [
        ("/memory", memory(), changed(&memory(), &[("ttl_days", json!(31))])),
        ("/memory/batch", batch(&["a", "b", "a"]), batch(&["a", "b"])),
        ("/memory/revoke", json!({"revocation_token": first}), json!({"revocation_token": second})),
    ];
    for (path, body, other) in cases {
        let made = app.ask(keyed(path, &body, path)).await;
        assert!([200, 201].contains(&made.status), "{path}: {}", made.text);
        app.clock.advance_micros(1_000_000);
        let again = app.ask(keyed(path, &body, path)).await;
        assert_eq!((again.status, told(&again)), (made.status, told(&made)), "{path}");
        let spelt = Ask { body: Some(format!("{body:#}\n")), ..keyed(path, &body, path) };
        assert_eq!(told(&app.ask(spelt).await), told(&made), "{path} in other spelling");
        let answer = app.ask(keyed(path, &other, path)).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "IDEMPOTENCY_KEY_REUSED"), "{path}");
        let answer = app.ask(keyed(path, &json!({}), path)).await;
        assert_eq!(answer.status, 422, "{path}");
        let answer = app.ask(keyed(path, &other, &format!("{path}/another"))).await;
        assert!([200, 201].contains(&answer.status), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_key_belongs_to_one_route() {
    let app = App::new();
    let token = app.post("/memory/read", &reading()).await.json()["revocation_token"].clone();
    app.ask(keyed("/memory", &memory(), "k")).await;
    let answer = app.ask(keyed("/memory/revoke", &json!({"revocation_token": token}), "k")).await;
    assert_eq!(answer.code(), "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test]
async fn what_failed_may_be_tried_again_under_its_key() {
    let app = App::new();
    app.store.set(Fault::Unavailable);
    assert_eq!(app.ask(keyed("/memory", &memory(), "k")).await.status, 503);
    app.store.set(Fault::None);
    assert_eq!(app.ask(keyed("/memory", &memory(), "k")).await.status, 201);
    assert_eq!(count(&app).await, 1);
}

#[tokio::test]
async fn reads_ignore_the_key() {
    let app = App::new();
    let token = |answer: &Answer| answer.json()["revocation_token"].clone();
    let first = app.ask(keyed("/memory/read", &reading(), "k")).await;
    let second = app.ask(keyed("/memory/read", &reading(), "k")).await;
    assert_ne!(token(&first), token(&second));
    assert_eq!(app.ask(keyed("/memory", &memory(), "k")).await.status, 201);
}

#[tokio::test]
async fn deleting_again_changes_nothing() {
    let app = App::new();
    let id = app.post("/memory", &memory()).await.json()["id"].as_str().unwrap().to_owned();
    let ask = Ask::new(&format!("DELETE /memory/{id}?user_id=user-1"));
    let first = app.ask(ask.clone()).await;
    let second = app.ask(ask).await;
    assert_eq!((first.status, first.text), (second.status, second.text));
    assert_eq!(count(&app).await, 0);
}

#[tokio::test]
async fn a_key_of_a_deletion_is_for_that_one() {
    let app = App::new();
    let mut ids: Vec<String> = Vec::new();
    for _ in 0..2 {
        ids.push(app.post("/memory", &memory()).await.json()["id"].as_str().unwrap().to_owned());
    }
    let delete =
        |id: &str| Ask::new(&format!("DELETE /memory/{id}?user_id=user-1")).with("idempotency-key", "k");
    let first = app.ask(delete(&ids[0])).await;
    let again = app.ask(delete(&ids[0])).await;
    assert_eq!((first.status, &first.text), (200, &again.text));
    assert_eq!(app.ask(delete(&ids[1])).await.code(), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(count(&app).await, 1);
}

#[tokio::test]
async fn a_batch_under_anothers_key_stores_nothing() {
    let app = App::new();
    let item = |user: &str| changed(&memory(), &[("user_id", json!(user))]);
    app.ask(keyed("/memory/batch", &json!({"memories": [item("a")]}), "k")).await;
    let other = json!({"memories": [item("a"), item("user-1"), {"user_id": 1}]});
    let answer = app.ask(keyed("/memory/batch", &other, "k")).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "IDEMPOTENCY_KEY_REUSED"), "{}", answer.text);
    assert_eq!(count(&app).await, 0);
    // A key is one for the whole of a client, not one for each route.
    assert_eq!(app.ask(keyed("/memory", &item("b"), "k")).await.code(), "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test]
async fn while_the_first_is_at_work_the_second_is_told_so() {
    for (path, body) in [("/memory", memory()), ("/memory/batch", json!({"memories": [memory()]}))] {
        let app = App::new();
        app.store.set(Fault::Gated);
        let first = tokio::spawn({
            let (app, body) = (app.clone(), body.clone());
            async move { app.ask(keyed(path, &body, "k")).await }
        });
        app.store.waiting.acquire().await.unwrap().forget();
        let second = app.ask(keyed(path, &body, "k")).await;
        assert_eq!((second.status, second.code().as_str()), (409, "IN_PROGRESS"), "{path}");
        app.store.set(Fault::None);
        app.store.gate.add_permits(1);
        let first = first.await.unwrap();
        let third = app.ask(keyed(path, &body, "k")).await;
        assert_eq!((first.status, told(&first)), (third.status, told(&third)), "{path}");
        assert_eq!(count(&app).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_at_once_make_one() {
    let app = Arc::new(App::new());
    let asks = (0..12).map(|_| {
        let app = Arc::clone(&app);
        tokio::spawn(async move { app.ask(keyed("/memory", &memory(), "k")).await })
    });
    let mut bodies: Vec<Value> = Vec::new();
    for ask in asks.collect::<Vec<_>>() {
        let answer = ask.await.unwrap();
        match answer.status {
            201 => bodies.push(answer.json()),
            _ => assert_eq!(answer.code(), "IN_PROGRESS", "{}", answer.text),
        }
    }
    assert!(!bodies.is_empty() && bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    assert_eq!(count(&app).await, 1);
    assert_eq!(app.get("/v2/audit/verify").await.json()["ok"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_first_requests_at_once_all_succeed_in_one_chain() {
    let app = Arc::new(App::new());
    let asks = (0..12).map(|n| {
        let app = Arc::clone(&app);
        let body = changed(&memory(), &[("user_id", json!(format!("user-{}", n % 3)))]);
        tokio::spawn(async move { app.post("/memory", &body).await })
    });
    for ask in asks.collect::<Vec<_>>() {
        let answer = ask.await.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    let verified = app.get("/v2/audit/verify").await.json();
    assert_eq!((&verified["ok"], &verified["entries"]), (&json!(true), &json!(12)));
}
