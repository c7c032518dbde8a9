//! Open Memory Objects over HTTP: the shape of every answer, and what an import refuses.

use serde_json::{Value, json};

use crate::governed::{App, Ask, Talk, changed};

fn object(id: &str) -> Value {
    json!({
        "id": id, "createdAt": "2020-01-02T03:04:05.000000Z", "type": "text", "content": "It rained.",
        "consent": "terms", "ext": {"vendor:colour": "red", "papr:metadata": {"customMetadata": {"trip": 7}}},
    })
}

fn item() -> Value {
    json!({
        "content": "Ana prefers window seats.", "external_user_id": "ana", "acl": {"read": ["ben"]},
        "namespace_id": "n", "context": [{"role": "user", "content": "Where?"}],
        "metadata": {"topics": ["travel"], "risk": "sensitive"},
    })
}

async fn added(app: &App, item: &Value) -> String {
    let answer = app.post("/v1/memory", item).await;
    answer.json()["data"][0]["memoryId"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn exports() {
    let mut talk = Talk::with(App::new());
    talk.post("as it is added", "/v1/memory?format=omo", &item()).await;
    let id = added(&talk.app, &item()).await;
    let other = "mem_00000000000070008000000000000000";
    let ask = |user: &str| json!({"memory_ids": [id, other, "elsewhere/1"], "external_user_id": user});
    talk.post("one's own", "/v1/omo/export", &ask("ana")).await;
    talk.post("nobody's", "/v1/omo/export", &ask("eve")).await;
    let file = format!("GET /v1/omo/export.json?memory_ids={id},%20{other}");
    talk.say("a file", Ask::new(&file)).await;
    talk.say("no ids", Ask::new("GET /v1/omo/export.json")).await;
    talk.post("what is no list", "/v1/omo/export", &json!({"memory_ids": [7]})).await;
    talk.post("nothing", "/v1/omo/export", &json!({"memory_ids": []})).await;
    talk.post("too many", "/v1/omo/export", &json!({"memory_ids": vec!["x"; 1_001]})).await;
    let batch = json!({"memories": [item()]});
    talk.post("not in batches", "/v1/memory/batch?format=omo", &batch).await;
    insta::assert_snapshot!("items_omo_exports", talk.end());
}

#[tokio::test]
async fn imports() {
    let mut talk = Talk::with(App::new());
    let all = |objects: &[Value]| json!({"memories": objects, "external_user_id": "ana"});
    talk.post("one", "/v1/omo/import", &all(&[object("1")])).await;
    let strict = changed(&all(&[object("1")]), &[("skip_duplicates", json!(false))]);
    talk.post("again", "/v1/omo/import", &all(&[object("1")])).await;
    talk.post("again, as an error", "/v1/omo/import", &strict).await;
    let objects = [
        object("2"),
        json!({"id": "3"}),
        changed(&object("4"), &[("type", json!("image"))]),
        changed(&object("5"), &[("createdAt", json!("2999-01-01T00:00:00Z"))]),
        changed(&object("6"), &[("acl", json!({"read": ["organization:other"]}))]),
        changed(&object("7"), &[("content", json!("x".repeat(15_001)))]),
        changed(&object("8"), &[("content", json!(" "))]),
        changed(&object("9"), &[("ext", json!({"papr:memory_policy": {"mode": "manual"}}))]),
    ];
    talk.post("each by itself", "/v1/omo/import", &all(&objects)).await;
    talk.post("none", "/v1/omo/import", &all(&[json!(1)])).await;
    talk.post("nothing", "/v1/omo/import", &all(&[])).await;
    talk.post("no list", "/v1/omo/import", &json!({"memories": 1, "skip_duplicates": 2})).await;
    talk.post("too many", "/v1/omo/import", &json!({"memories": vec![json!({}); 1_001]})).await;
    let reader = Ask::new("POST /v1/omo/import").json(&all(&[object("r")]));
    talk.say("by somebody who may only read", reader.with("x-memoryscope-roles", "reader")).await;
    insta::assert_snapshot!("items_omo_imports", talk.end());
}

#[tokio::test]
async fn a_file_is_the_body_of_an_import() {
    let (app, other) = (App::new(), App::new());
    let manual = json!({
        "content": "Ana works on Apollo.", "external_user_id": "ana",
        "memory_policy": {"mode": "manual", "nodes": [{"id": "apollo", "type": "Project", "properties": {"name": "Apollo"}}],
            "relationships": [{"source": "$this", "target": "apollo", "type": "NAMES"}]},
    });
    let ids = [
        added(&app, &item()).await,
        added(&app, &manual).await,
        added(&app, &json!({"content": "House rules."})).await,
    ];
    let path = format!("/v1/omo/export.json?memory_ids={}", ids.join(","));
    let file = app.get(&path).await.json();
    assert_eq!(file["count"], json!(3));
    let imported = other.post("/v1/omo/import", &file).await;
    assert_eq!(
        imported.json(),
        json!({
            "code": 200, "status": "success", "imported": 3, "skipped": 0, "errors": [], "memory_ids": ids,
        })
    );
    assert_eq!(other.get(&path).await.json(), file);
    // What they are shown as but for when they were changed, their graphs included.
    for id in &ids {
        let shown = |answer: Value| {
            let mut shown = answer["data"]["memories"][0].clone();
            shown["updatedAt"] = Value::Null;
            shown
        };
        let target = format!("/v1/memory/{id}?include=effective_policy");
        assert_eq!(shown(other.get(&target).await.json()), shown(app.get(&target).await.json()));
        let status = format!("/v1/memory/status/{id}");
        assert_eq!(other.get(&status).await.json(), app.get(&status).await.json());
    }
    let again = other.post("/v1/omo/import", &file).await.json();
    assert_eq!((&again["imported"], &again["skipped"]), (&json!(0), &json!(3)));
}

#[tokio::test]
async fn what_was_erased_is_refused_with_its_reason() {
    let app = App::new();
    let id = added(&app, &item()).await;
    let file = app.get(&format!("/v1/omo/export.json?memory_ids={id}")).await.json();
    let erase = Ask::new(&format!("DELETE /v1/memory/{id}?external_user_id=ana"));
    assert_eq!(app.ask(erase).await.status, 200);
    let mut again = object("elsewhere");
    again["content"] = json!("ana prefers  WINDOW seats.");
    again["ext"] = json!({"memoryscope:owner": "external_user:ana", "memoryscope:namespace_id": "n"});
    let memories = [file["memories"][0].clone(), again, object("new")];
    let answer = app.post("/v1/omo/import", &json!({"memories": memories})).await;
    let body = answer.json();
    let reasons: Vec<(&Value, &Value, &Value)> = body["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| (&error["index"], &error["reason"], &error["code"]))
        .collect();
    let (erased, conflict) = (json!("erased"), json!(409));
    assert_eq!(reasons, [(&json!(0), &erased, &conflict), (&json!(1), &erased, &conflict)]);
    assert_eq!((answer.status, &body["imported"]), (207, &json!(1)));
}

#[tokio::test]
async fn a_repeated_import_answers_alike() {
    let app = App::new();
    let body = json!({"memories": [object("1"), json!({"id": "2"})]});
    let ask = || Ask::new("POST /v1/omo/import").json(&body).with("idempotency-key", "i");
    let first = app.ask(ask()).await;
    assert_eq!((first.status, &first.json()["imported"]), (207, &json!(1)));
    let again = app.ask(ask()).await.json();
    assert_eq!((&again["imported"], &again["memory_ids"]), (&json!(1), &first.json()["memory_ids"]));
    let other = Ask::new("POST /v1/omo/import").json(&json!({"memories": [object("3")]}));
    assert_eq!(app.ask(other.with("idempotency-key", "i")).await.status, 409);
}
