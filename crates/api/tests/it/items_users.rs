//! Users, as clients of the items dialect meet them.

use serde_json::{Value, json};

use crate::governed::{App, Ask, Talk};
use crate::support::Answer;

const ANA: &str = "u_aabdbf68588b7c55f36f1633d879e71d";

fn put(id: &str, body: &Value) -> Ask {
    Ask::new(&format!("PUT /v1/user/{id}")).json(body)
}

fn delete(target: &str) -> Ask {
    Ask::new(&format!("DELETE /v1/user/{target}"))
}

fn named(answer: &Answer) -> Vec<String> {
    let data = answer.json()["data"].clone();
    let data = data.as_array().unwrap_or_else(|| panic!("no list: {}", answer.text)).clone();
    data.iter().map(|user| user["external_id"].as_str().unwrap_or("-").to_owned()).collect()
}

#[tokio::test]
async fn telling_of_users() {
    let mut talk = Talk::with(App::new());
    let ana = json!({"external_id": "ana", "email": "ana@example.org", "metadata": {"plan": "free"}, "type": "user", "age": 7});
    talk.post("somebody new", "/v1/user", &ana).await;
    talk.app.clock.advance_micros(1_000_000);
    talk.post("the same again", "/v1/user", &json!({"external_id": " ana ", "email": "other@example.org"}))
        .await;
    let wrong = json!({"email": "ana", "metadata": 7, "type": "boss"});
    talk.post("everything that is wrong", "/v1/user", &wrong).await;
    let batch = json!({"users": [{"external_id": "ben"}, {"external_id": ""}, {"external_id": "ana"}]});
    talk.post("several", "/v1/user/batch", &batch).await;
    talk.post("none", "/v1/user/batch", &json!({"users": []})).await;
    talk.post("all are wrong", "/v1/user/batch", &json!({"users": [{}]})).await;
    talk.say("one", Ask::new(&format!("GET /v1/user/{ANA}"))).await;
    talk.say("by the application's id", Ask::new("GET /v1/user/ana")).await;
    talk.say("nobody", Ask::new("GET /v1/user/u_00000000000000000000000000000000")).await;
    talk.say("in another organization", Ask::new(&format!("GET /v1/user/{ANA}?organization_id=acme"))).await;
    talk.say("by themself", Ask::new(&format!("GET /v1/user/{ANA}")).with("x-memoryscope-user", "ana")).await;
    talk.say("by somebody else", Ask::new(&format!("GET /v1/user/{ANA}")).with("x-memoryscope-user", "ben"))
        .await;
    talk.say("all", Ask::new("GET /v1/user")).await;
    talk.say("by mail", Ask::new("GET /v1/user?email=ANA@example.org")).await;
    talk.say("wrongly", Ask::new("GET /v1/user?page=0&page_size=101&email=")).await;
    let change = json!({"email": null, "metadata": {"plan": "paid"}, "external_id": "ana"});
    talk.say("changed", put(ANA, &change)).await;
    talk.say("called otherwise", put(ANA, &json!({"external_id": "anna"}))).await;
    talk.say("changed wrongly", put(ANA, &json!({"email": 7}))).await;
    let by_themself = put(ANA, &json!({"email": "a@b"})).with("x-memoryscope-user", "ana");
    talk.say("changed by themself", by_themself).await;
    talk.say("changed, nobody", put("u_00000000000000000000000000000000", &json!({}))).await;
    talk.say("forgotten by the application's id", delete("ben?is_external=true")).await;
    talk.say("forgotten again", delete("ben?is_external=true")).await;
    talk.say("forgotten by the server's id", delete(ANA)).await;
    talk.say("an id that is none", delete("ana?is_external=false")).await;
    talk.say("nobody is left", Ask::new("GET /v1/user")).await;
    insta::assert_snapshot!("items_users", talk.end());
}

/// Every user is on one page, and pages behind the last are empty.
#[tokio::test]
async fn users_are_listed_page_by_page() {
    let app = App::new();
    let users: Vec<Value> = (0..25).map(|n| json!({"external_id": format!("user {n}")})).collect();
    assert_eq!(app.post("/v1/user/batch", &json!({"users": users})).await.status, 200);
    for size in [1, 7, 25, 100] {
        let mut all = Vec::new();
        for page in 1.. {
            let answer = app.ask(Ask::new(&format!("GET /v1/user?page={page}&page_size={size}"))).await;
            assert_eq!(answer.json()["total"], json!(25), "{}", answer.text);
            let found = named(&answer);
            if found.is_empty() {
                break;
            }
            all.extend(found);
        }
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 25, "{size}");
    }
    let far = app.ask(Ask::new("GET /v1/user?page=10000&page_size=100")).await;
    assert_eq!((far.status, named(&far)), (200, Vec::new()));
}

/// A request is told of its user by the server's id, and access lists name users so; both mean the person.
#[tokio::test]
async fn the_servers_id_means_the_person() {
    let app = App::new();
    let before = json!({"content": "Ana rows.", "acl": {"read": [format!("user:{ANA}")]}});
    let refused = app.post("/v1/memory", &before).await;
    assert_eq!(refused.status, 422, "nobody was told of: {}", refused.text);
    let unknown = app.post("/v1/memory", &json!({"content": "Ana rows.", "user_id": ANA})).await;
    assert_eq!(unknown.status, 422, "{}", unknown.text);
    app.post("/v1/user", &json!({"external_id": "ana"})).await;
    let own = app.post("/v1/memory", &json!({"content": "Ana rows.", "user_id": ANA})).await;
    assert_eq!(own.status, 200, "{}", own.text);
    let shared = json!({"content": "Ben rows.", "external_user_id": "ben", "acl": {"write": [format!("user:{ANA}"), "cy"]}});
    assert_eq!(app.post("/v1/memory", &shared).await.status, 200);
    let batch = json!({"user_id": ANA, "acl": {"read": [format!("user:{ANA}")]}, "memories": [{"content": "Ana rowed."}]});
    assert_eq!(app.post("/v1/memory/batch", &batch).await.status, 200);
    let search = async |body: Value| {
        let found = app.post("/v1/memory/search", &body).await.json();
        let memories = found["data"]["memories"].as_array().expect("memories").clone();
        let mut said: Vec<String> =
            memories.iter().map(|memory| memory["content"].as_str().expect("a text").to_owned()).collect();
        said.sort_unstable();
        said.join(" ")
    };
    let both = "Ana rowed. Ana rows. Ben rows.";
    assert_eq!(search(json!({"query": "*", "user_id": ANA})).await, both);
    assert_eq!(search(json!({"query": "*", "external_user_id": "ana"})).await, both);
    let narrowed =
        json!({"query": "*", "external_user_id": "ben", "search_acl": {"read": [format!("user:{ANA}")]}});
    assert_eq!(search(narrowed).await, "Ben rows.");
    let id = own.json()["data"][0]["memoryId"].as_str().expect("an id").to_owned();
    let change = json!({"user_id": ANA, "acl": {"read": [format!("user:{ANA}"), "user:local"]}});
    let changed = app.ask(Ask::new(&format!("PUT /v1/memory/{id}")).json(&change)).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let gone = app.ask(Ask::new(&format!("DELETE /v1/memory/all?user_id={ANA}"))).await;
    assert_eq!((gone.status, gone.json()["total_successful"].clone()), (200, json!(2)), "{}", gone.text);
    assert_eq!(search(json!({"query": "*", "external_user_id": "ana"})).await, "Ben rows.");
}

/// Adding for somebody tells nobody of them, and their erasure takes what was told of them.
#[tokio::test]
async fn an_erasure_forgets_the_user() {
    let app = App::new();
    app.post("/v1/memory", &json!({"content": "Eve rows.", "external_user_id": "eve"})).await;
    assert!(named(&app.ask(Ask::new("GET /v1/user")).await).is_empty());
    app.post("/v1/user", &json!({"external_id": "ana", "metadata": {"secret": "xyzzy"}})).await;
    let erase = Ask::new("POST /v2/subjects/ana/erase").json(&json!({"tenant_id": "t_default"}));
    let erased = app.ask(erase.with("x-memoryscope-user", "ana")).await;
    assert_eq!(erased.status, 200, "{}", erased.text);
    assert!(named(&app.ask(Ask::new("GET /v1/user")).await).is_empty());
    assert_eq!(app.ask(Ask::new(&format!("GET /v1/user/{ANA}"))).await.status, 404);
    let entries = app.get("/v2/audit?tenant_id=t_default").await;
    assert!(!entries.text.contains("xyzzy") && !entries.text.contains(ANA), "{}", entries.text);
}
