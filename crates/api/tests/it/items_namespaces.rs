//! Namespaces, as clients of the items dialect meet them: what they say holds for what is added to them.

use serde_json::{Value, json};

use crate::faulty::Fault;
use crate::governed::{App, Ask, Talk, changed};
use crate::support::Answer;

async fn made(app: &App, body: &Value) -> String {
    let answer = app.post("/v1/namespace", body).await;
    answer.json()["data"]["objectId"].as_str().unwrap_or_else(|| panic!("no id: {}", answer.text)).to_owned()
}

fn put(id: &str, body: &Value) -> Ask {
    Ask::new(&format!("PUT /v1/namespace/{id}")).json(body)
}

fn delete(target: &str) -> Ask {
    Ask::new(&format!("DELETE /v1/namespace/{target}"))
}

async fn added(app: &App, body: &Value) -> String {
    let answer = app.post("/v1/memory", body).await;
    answer.json()["data"][0]["memoryId"]
        .as_str()
        .unwrap_or_else(|| panic!("no id: {}", answer.text))
        .to_owned()
}

async fn policy(app: &App, id: &str) -> Value {
    let target = format!("GET /v1/memory/{id}?external_user_id=ana&include=effective_policy");
    app.ask(Ask::new(&target)).await.json()["data"]["memories"][0]["effective_policy"].clone()
}

fn stated(policy: &Value, field: &str) -> String {
    let field = &policy[field];
    format!("{} by {}", field["value"], field["layer"]).replace('"', "")
}

#[tokio::test]
async fn namespaces() {
    let mut talk = Talk::with(App::new());
    let most = json!({
        "name": "acme-production", "environment_type": "production", "is_active": true, "colour": "red",
        "rate_limits": {"per_minute": 60, "per_day": null}, "default_policy": {"consent": "terms", "mode": "hybrid"},
    });
    let one = talk.post("all that can be told", "/v1/namespace", &most).await;
    let one = one.json()["data"]["objectId"].as_str().expect("an id").to_owned();
    talk.app.clock.advance_micros(1_000_000);
    talk.post("as little as can be", "/v1/namespace", &json!({"name": "other"})).await;
    let wrong = json!({"name": " ", "environment_type": "here", "is_active": "yes", "rate_limits": {"a": -1},
        "default_policy": {"consent": "much"}});
    talk.post("everything that is wrong", "/v1/namespace", &wrong).await;
    let unknown = json!({"name": "n", "default_policy": {"schema_id": "s", "acl": {"read": ["namespace:none", "user:none"]}}});
    talk.post("what does not exist", "/v1/namespace", &unknown).await;
    let by_a_user =
        Ask::new("POST /v1/namespace").json(&json!({"name": "n"})).with("x-memoryscope-user", "ana");
    talk.say("by a user", by_a_user).await;
    talk.say("one", Ask::new(&format!("GET /v1/namespace/{one}"))).await;
    talk.say("in another organization", Ask::new(&format!("GET /v1/namespace/{one}?organization_id=acme")))
        .await;
    talk.say("an id that is none", Ask::new("GET /v1/namespace/acme-production")).await;
    talk.say("the second", Ask::new("GET /v1/namespace?limit=1&skip=1")).await;
    talk.say("behind the last", Ask::new("GET /v1/namespace?skip=2")).await;
    talk.say("wrongly", Ask::new("GET /v1/namespace?limit=0&skip=-1")).await;
    let change = json!({"name": "acme", "rate_limits": null, "default_policy": {"risk": "sensitive"}});
    talk.say("changed", put(&one, &change)).await;
    talk.say("changed wrongly", put(&one, &json!({"default_policy": {"node": 7}}))).await;
    talk.say("changed, none", put("ns_00000000000000000000000000000000", &json!({}))).await;
    talk.say("nodes alone", delete(&format!("{one}?delete_neo4j_nodes=true"))).await;
    talk.say("by a user", delete(&one).with("x-memoryscope-user", "ana")).await;
    talk.say("deleted", delete(&one)).await;
    talk.say("deleted again", delete(&format!("{one}?delete_memories=true"))).await;
    talk.say("keys", Ask::new(&format!("POST /v1/namespace/{one}/api-keys")).json(&json!({"name": "k"})))
        .await;
    insta::assert_snapshot!("items_namespaces", talk.end());
}

/// What a namespace says lies above the system, and below the schema's types and default, the metadata and the request.
#[tokio::test]
async fn what_a_namespace_says_is_a_layer() {
    let app = App::new();
    let policy_of = json!({"consent": "terms", "risk": "sensitive", "acl": {"read": ["ben"]},
        "node_constraints": [{"node_type": "Task", "create": "lookup"}]});
    let namespace = made(&app, &json!({"name": "n", "default_policy": policy_of})).await;
    let plain = json!({"content": "Ana rows.", "external_user_id": "ana", "namespace_id": namespace});
    let id = added(&app, &plain).await;
    let found = policy(&app, &id).await;
    let all = |policy: &Value| ["mode", "consent", "risk"].map(|field| stated(policy, field)).join(", ");
    assert_eq!(all(&found), "auto by system, terms by namespace, sensitive by namespace");
    assert_eq!(
        found["acl"],
        json!({"layer": "namespace", "value": {"read": ["external_user:ben"], "write": []}})
    );
    assert_eq!(found["node_constraints"][0]["layer"], json!("namespace"));
    // Metadata and the request come first.
    let said =
        [("metadata", json!({"consent": "explicit"})), ("risk", json!("none")), ("acl", json!({"read": []}))];
    let found = policy(&app, &added(&app, &changed(&plain, &said)).await).await;
    assert_eq!(all(&found), "auto by system, explicit by metadata, none by request");
    // So does a schema.
    let types = json!({"Task": {"name": "Task"}});
    let schema = json!({"name": "Tasks", "node_types": types, "default_memory_policy": {"risk": "none"}});
    let schema = app.post("/v1/schemas", &schema).await.json()["data"]["id"].clone();
    let named = [("memory_policy", json!({"schema_id": schema}))];
    let found = policy(&app, &added(&app, &changed(&plain, &named)).await).await;
    assert_eq!(all(&found), "auto by system, terms by namespace, none by schema");
    // It names the schema where the request does not.
    let naming = json!({"default_policy": {"schema_id": schema, "consent": "terms"}});
    assert_eq!(app.ask(put(&namespace, &naming)).await.status, 200);
    let found = policy(&app, &added(&app, &plain).await).await;
    assert_eq!(all(&found), "auto by system, terms by namespace, none by schema");
    assert_eq!(stated(&found, "schema_id"), format!("{} by namespace", schema.as_str().expect("an id")));
    // What is there keeps what it had, until it is changed itself.
    assert_eq!(stated(&policy(&app, &id).await, "risk"), "sensitive by namespace");
    let change = json!({"external_user_id": "ana", "content": "Ana rowed."});
    assert_eq!(app.ask(Ask::new(&format!("PUT /v1/memory/{id}")).json(&change)).await.status, 200);
    assert_eq!(stated(&policy(&app, &id).await, "consent"), "terms by namespace");
    // In a batch, and for what is imported.
    let batch = json!({"namespace_id": namespace, "external_user_id": "ana", "risk": "none", "memories": [{"content": "x"}]});
    let stored = app.post("/v1/memory/batch", &batch).await.json();
    let id = stored["successful"][0]["data"][0]["memoryId"].as_str().expect("an id").to_owned();
    assert_eq!(all(&policy(&app, &id).await), "auto by system, terms by namespace, none by request");
    let object = json!({"id": "a", "createdAt": "2025-01-01T00:00:00Z", "type": "text", "content": "y", "consent": "explicit"});
    let import = json!({"namespace_id": namespace, "external_user_id": "ana", "memories": [object]});
    let stored = app.post("/v1/omo/import", &import).await.json();
    let id = stored["memory_ids"][0].as_str().unwrap_or_else(|| panic!("{stored}")).to_owned();
    let found = policy(&app, &id).await;
    assert_eq!(all(&found), "auto by system, explicit by request, none by request");
    assert_eq!(found["schema_id"]["layer"], json!("namespace"));
}

/// A namespace that is not active takes nothing, changes nothing and lets go.
#[tokio::test]
async fn what_is_not_active_takes_nothing() {
    let mut talk = Talk::with(App::new());
    let namespace = made(&talk.app, &json!({"name": "n"})).await;
    let plain = json!({"content": "Ana rows.", "external_user_id": "ana", "namespace_id": namespace});
    let id = added(&talk.app, &plain).await;
    assert_eq!(talk.app.ask(put(&namespace, &json!({"is_active": false}))).await.status, 200);
    talk.post("added", "/v1/memory", &plain).await;
    let batch = json!({"memories": [plain, {"content": "Elsewhere."}]});
    talk.post("in a batch", "/v1/memory/batch", &batch).await;
    let object = json!({"id": "a", "createdAt": "2025-01-01T00:00:00Z", "type": "text", "content": "y", "consent": "explicit"});
    let import = json!({"namespace_id": namespace, "external_user_id": "ana", "memories": [object]});
    talk.post("imported", "/v1/omo/import", &import).await;
    let change = json!({"external_user_id": "ana", "content": "x"});
    talk.say("changed", Ask::new(&format!("PUT /v1/memory/{id}")).json(&change)).await;
    let search = json!({"query": "*", "external_user_id": "ana", "namespace_id": namespace});
    let found = talk.app.post("/v1/memory/search", &search).await.json();
    assert_eq!(found["data"]["memories"].as_array().map(Vec::len), Some(1), "it is still read");
    let erase = Ask::new(&format!("DELETE /v1/memory/{id}?external_user_id=ana"));
    assert_eq!(talk.app.ask(erase).await.status, 200);
    insta::assert_snapshot!("items_namespaces_closed", talk.end());
}

/// Access lists name namespaces that are there, or the one that the request itself names.
#[tokio::test]
async fn access_lists_name_namespaces_that_are_there() {
    let app = App::new();
    let shared = |namespace: &str| json!({"content": "Ana rows.", "external_user_id": "ana", "acl": {"read": [format!("namespace:{namespace}")]}});
    let check = async |body: Value, status: u16| {
        let answer = app.post("/v1/memory", &body).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        answer
    };
    check(shared("n"), 422).await;
    check(changed(&shared("n"), &[("namespace_id", json!("n"))]), 200).await;
    let namespace = made(&app, &json!({"name": "n"})).await;
    check(shared(&namespace), 200).await;
    check(shared("ns_00000000000000000000000000000000"), 422).await;
    check(changed(&shared(&namespace), &[("organization_id", json!("acme"))]), 422).await;
    let within = json!({"query": "*", "external_user_id": "eve", "namespace_id": namespace});
    let found = app.post("/v1/memory/search", &within).await.json();
    assert_eq!(found["data"]["memories"], json!([]), "in another namespace");
    let narrowed = json!({"query": "*", "external_user_id": "ana", "search_acl": {"read": [format!("namespace:{namespace}")]}});
    let found = app.post("/v1/memory/search", &narrowed).await.json();
    assert_eq!(found["data"]["memories"].as_array().map(Vec::len), Some(1), "{found}");
}

fn cascade(answer: &Answer) -> (u16, Value) {
    (answer.status, answer.json()["cascade"].clone())
}

/// Whatever commit is the last before a failure: sent again, the deletion finishes what is left, and nothing comes meanwhile.
#[tokio::test]
async fn a_deletion_takes_everything_along_and_is_finished_later() {
    for commits in 0..12 {
        let app = App::new();
        let namespace = made(&app, &json!({"name": "n", "default_policy": {"risk": "sensitive"}})).await;
        let plain =
            |user: &str| json!({"content": "A row.", "external_user_id": user, "namespace_id": namespace});
        let mut gone = Vec::new();
        for user in ["ana", "ben"] {
            gone.push((added(&app, &plain(user)).await, user));
        }
        let shared = json!({"content": "Cy rows.", "external_user_id": "cy",
            "acl": {"read": ["ana"], "write": [format!("namespace:{namespace}")]}});
        let shared = added(&app, &shared).await;
        let reads = json!({"content": "Cy reads.", "external_user_id": "cy", "acl": {"read": [format!("namespace:{namespace}")]}});
        added(&app, &reads).await;
        let elsewhere = added(&app, &json!({"content": "Ana rows.", "external_user_id": "ana"})).await;
        app.store.set(Fault::After(commits));
        let all =
            format!("{namespace}?delete_memories=true&delete_neo4j_nodes=true&remove_acl_references=true");
        let first = app.ask(delete(&all)).await;
        app.store.set(Fault::None);
        if first.status == 200 {
            let expect = json!({"memories_deleted": 2, "memories_failed": 0, "acl_read_cleaned": 2, "acl_write_cleaned": 1});
            assert_eq!(cascade(&first), (200, expect));
        } else {
            assert!([207, 503].contains(&first.status), "{commits}: {}", first.text);
            let taken = app.post("/v1/memory", &plain("eve")).await.status;
            assert_eq!(taken, if commits == 0 { 200 } else { 403 }, "{commits}");
            let again = app.ask(delete(&all)).await;
            assert_eq!(again.status, 200, "{commits}: {}", again.text);
        }
        for (id, user) in &gone {
            let target = format!("GET /v1/memory/{id}?external_user_id={user}");
            assert_eq!(app.ask(Ask::new(&target)).await.status, 404, "{commits}");
        }
        let target = format!("GET /v1/memory/{shared}?external_user_id=cy");
        let kept = app.ask(Ask::new(&target)).await.json()["data"]["memories"][0]["acl"].clone();
        let left: Vec<&String> = kept.as_object().expect("a list").keys().collect();
        assert_eq!(left, ["external_user:ana", "external_user:cy"], "{commits}");
        assert_eq!(
            app.ask(Ask::new(&format!("GET /v1/memory/{elsewhere}?external_user_id=ana"))).await.status,
            200
        );
        assert_eq!(app.ask(Ask::new(&format!("GET /v1/namespace/{namespace}"))).await.status, 404);
        let verified = app.get("/v2/audit/verify?tenant_id=t_default").await;
        assert_eq!(verified.json()["ok"], json!(true), "{}", verified.text);
    }
}

/// Sent again under the same key, a request is answered as it was, and does nothing twice.
#[tokio::test]
async fn keys_make_a_repeat_harmless() {
    let app = App::new();
    let keyed = |ask: Ask| ask.with("idempotency-key", "one");
    let create = |name: &str| keyed(Ask::new("POST /v1/namespace").json(&json!({"name": name})));
    let first = app.ask(create("n")).await;
    let again = app.ask(create("n")).await;
    assert_eq!((first.status, again.status), (201, 201), "{}", again.text);
    assert_eq!(first.json()["data"], again.json()["data"]);
    assert_eq!(app.ask(create("other")).await.status, 409);
    let namespace = first.json()["data"]["objectId"].as_str().expect("an id").to_owned();
    added(&app, &json!({"content": "A row.", "namespace_id": namespace})).await;
    let gone = || delete(&format!("{namespace}?delete_memories=true")).with("idempotency-key", "two");
    let first = app.ask(gone()).await;
    assert_eq!(
        (first.status, first.json()["cascade"]["memories_deleted"].clone()),
        (200, json!(1)),
        "{}",
        first.text
    );
    let again = app.ask(gone()).await;
    assert_eq!(
        (again.status, again.json()["cascade"]["memories_deleted"].clone()),
        (200, json!(0)),
        "{}",
        again.text
    );
    let other = delete(&format!("{namespace}?delete_memories=true")).with("idempotency-key", "one");
    assert_eq!(app.ask(other).await.status, 409, "another request's key does nothing");
    let tell =
        || keyed(Ask::new("POST /v1/user").json(&json!({"external_id": "ana"}))).with("x-request-id", "r");
    assert_eq!(app.ask(tell()).await.status, 409, "that key is another request's");
    let users = json!({"users": [{"external_id": "ana"}, {"external_id": ""}, {"external_id": "ben"}]});
    let tell = || Ask::new("POST /v1/user/batch").json(&users).with("idempotency-key", "three");
    let codes = |answer: &Answer| {
        let data = answer.json()["data"].clone();
        data.as_array().expect("a list").iter().map(|user| user["code"].clone()).collect::<Vec<Value>>()
    };
    let (first, again) = (app.ask(tell()).await, app.ask(tell()).await);
    assert_eq!(codes(&first), [json!(201), json!(422), json!(201)], "{}", first.text);
    assert_eq!(codes(&again), codes(&first));
    let other = Ask::new("POST /v1/user/batch").json(&json!({"users": [{"external_id": "cy"}]}));
    assert_eq!(app.ask(other.with("idempotency-key", "three")).await.status, 409);
    assert_eq!(app.ask(Ask::new("GET /v1/user")).await.json()["total"], json!(2));
}
