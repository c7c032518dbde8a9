//! The items dialect as clients meet it: the shape of every answer, and what holds of one memory in all dialects.

use memoryscope_domain::limits;
use memoryscope_domain::principal::Role;
use serde_json::{Value, json};

use crate::governed::{App, Ask, Talk, changed};
use crate::support::Answer;

const ROLES: &str = "x-memoryscope-roles";

fn item(whose: &str) -> Value {
    json!({
        "content": "Ana prefers window seats. Please use bullet points.", "external_user_id": whose,
        "acl": {"read": ["ben"]}, "consent": "explicit",
        "metadata": {
            "role": "user", "category": "preference", "topics": ["travel"], "sourceUrl": "https://example.org/7",
            "customMetadata": {"trip": 7, "confirmed": true},
        },
    })
}

fn id_of(answer: &Answer) -> String {
    answer.json()["data"][0]["memoryId"]
        .as_str()
        .unwrap_or_else(|| panic!("no id: {}", answer.text))
        .to_owned()
}

fn get(target: &str) -> Ask {
    Ask::new(&format!("GET {target}"))
}

fn put(id: &str, body: &Value) -> Ask {
    Ask::new(&format!("PUT /v1/memory/{id}")).json(body)
}

fn delete(target: &str) -> Ask {
    Ask::new(&format!("DELETE {target}"))
}

fn found(answer: &Answer) -> Vec<String> {
    let memories = answer.json()["data"]["memories"].clone();
    let memories = memories.as_array().unwrap_or_else(|| panic!("no memories: {}", answer.text)).clone();
    memories.iter().map(|memory| memory["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn adding() {
    let mut talk = Talk::with(App::new());
    talk.post("an item", "/v1/memory", &item("ana")).await;
    talk.post("the developer's own", "/v1/memory", &json!({"content": "House rules."})).await;
    let old = json!({
        "content": "x", "user_id": "aB3", "simple_schema_mode": true, "colour": "red",
        "metadata": {"consent": "terms", "external_user_id": "ana"}, "memory_policy": {"mode": "hybrid"},
    });
    talk.post("an id of the server's own that there is not", "/v1/memory", &old).await;
    let old = changed(&old, &[("user_id", Value::Null)]);
    talk.post("what is deprecated and unknown", "/v1/memory", &old).await;
    let trap = json!({"content": "x", "user_id": "ana@example.org"});
    talk.post("an id of the application's where one of the server's is meant", "/v1/memory", &trap).await;
    let wrong = json!({
        "content": " ", "consent": "much", "acl": {"read": ["team:x"], "all": []},
        "metadata": {"category": "skills", "role": "user", "customMetadata": {"a": {"b": 1}}},
    });
    talk.post("everything that is wrong", "/v1/memory", &wrong).await;
    let unknown =
        json!({"content": "x", "acl": {"read": ["organization:other"]}, "memory_policy": {"schema_id": "s"}});
    talk.post("what does not exist", "/v1/memory", &unknown).await;
    talk.post("too much", "/v1/memory", &json!({"content": "x".repeat(15_001)})).await;
    talk.post(
        "manual without nodes",
        "/v1/memory",
        &json!({"content": "x", "memory_policy": {"mode": "manual"}}),
    )
    .await;
    talk.say("no JSON", Ask::new("POST /v1/memory").text("{")).await;
    talk.say(
        "no JSON by its type",
        Ask::new("POST /v1/memory").text("{}").with("content-type", "text/plain"),
    )
    .await;
    talk.post("what is not built", "/v1/memory?enable_holographic=true", &item("ana")).await;
    let reader = Ask::new("POST /v1/memory").json(&item("ana")).with(ROLES, Role::Reader.name());
    talk.say("by somebody who may only read", reader).await;
    insta::assert_snapshot!("items_adding", talk.end());
}

#[tokio::test]
async fn batches() {
    let mut talk = Talk::with(App::new());
    let one = |content: &str| json!({"content": content});
    let all = json!({"external_user_id": "ana", "consent": "terms", "memories": [one("one"), one("two")]});
    talk.post("all are stored", "/v1/memory/batch", &all).await;
    let mixed =
        json!({"memories": [one("one"), {"content": 1}, {"content": "x", "external_user_id": "ben"}]});
    talk.post("some are", "/v1/memory/batch", &mixed).await;
    talk.post("none is", "/v1/memory/batch", &json!({"memories": [one("")]})).await;
    talk.post("no batch", "/v1/memory/batch", &json!({"memories": []})).await;
    talk.post("too many", "/v1/memory/batch", &json!({"memories": vec![one("x"); 51]})).await;
    let hook = json!({"memories": [one("x")], "webhook_url": "https://example.org"});
    talk.post("with a webhook", "/v1/memory/batch", &hook).await;
    insta::assert_snapshot!("items_batches", talk.end());
}

#[tokio::test]
async fn reading_changing_and_erasing() {
    let mut talk = Talk::with(App::new());
    let id = id_of(&talk.app.post("/v1/memory", &item("ana")).await);
    let path = format!("/v1/memory/{id}");
    talk.say("with its policy", get(&format!("{path}?include=effective_policy"))).await;
    talk.say("how far it is", get(&format!("/v1/memory/status/{id}"))).await;
    talk.say("for somebody with whom it is shared", get(&format!("{path}?external_user_id=ben"))).await;
    talk.say("for somebody else", get(&format!("{path}?external_user_id=eve"))).await;
    talk.say("an id that is none", get("/v1/memory/x")).await;
    talk.say("for a purpose that is none", get(&path).with("x-purpose", "fun")).await;
    talk.say("for a purpose that nothing grants", get(&path).with("x-purpose", "safety_filtering")).await;
    talk.say("another organization's", get(&format!("{path}?organization_id=acme"))).await;
    let change =
        json!({"external_user_id": "ana", "content": "Ana prefers aisle seats.", "risk": "sensitive"});
    talk.say("changed", put(&id, &change)).await;
    talk.say("left out by its risk", get(&format!("{path}?max_risk=none"))).await;
    talk.say("changed by a mere reader", put(&id, &json!({"external_user_id": "ben", "content": "x"}))).await;
    talk.say("changed by a stranger", put(&id, &json!({"external_user_id": "eve", "content": "x"}))).await;
    talk.say("changed to what is none", put(&id, &json!({"metadata": {"category": "skills"}}))).await;
    talk.say("erased by a mere reader", delete(&format!("{path}?external_user_id=ben"))).await;
    talk.say("erased", delete(&format!("{path}?external_user_id=ana"))).await;
    talk.say("gone", get(&path)).await;
    talk.say("changed when it is gone", put(&id, &json!({"content": "x"}))).await;
    insta::assert_snapshot!("items_reading_changing_and_erasing", talk.end());
}

#[tokio::test]
async fn searching() {
    let mut talk = Talk::with(App::new());
    talk.app.post("/v1/memory", &item("ana")).await;
    talk.app.post("/v1/memory", &json!({"content": "It rained.", "external_user_id": "ana"})).await;
    let ask = |query: &str, more: &[(&str, Value)]| {
        changed(&json!({"query": query, "external_user_id": "ana"}), more)
    };
    talk.post("by words", "/v1/memory/search", &ask("window seats", &[])).await;
    let metadata = json!({"customMetadata": {"trip": 7}});
    talk.post("filtered", "/v1/memory/search?max_memories=1", &ask("*", &[("metadata", metadata)])).await;
    talk.post("nothing", "/v1/memory/search", &ask("coffee", &[])).await;
    talk.post("blank", "/v1/memory/search", &ask(" ", &[])).await;
    talk.post("wrong", "/v1/memory/search", &ask("x", &[("omo_filter", json!({"max_risk": "high"}))])).await;
    talk.post("too many", "/v1/memory/search?max_memories=101", &ask("x", &[])).await;
    talk.post("as toon", "/v1/memory/search?response_format=toon", &ask("x", &[])).await;
    let pattern = json!({"pattern": {"source_label": "A", "relationship_type": "B", "target_label": "C"}});
    talk.post("of the graph", "/v1/memory/search", &ask("x", &[("search_override", pattern)])).await;
    let denied =
        Ask::new("POST /v1/memory/search").json(&ask("x", &[])).with("x-purpose", "safety_filtering");
    talk.say("for a purpose that nothing grants", denied).await;
    insta::assert_snapshot!("items_searching", talk.end());
}

#[tokio::test]
async fn searching_by_fields() {
    let mut talk = Talk::with(App::new());
    talk.app.post("/v1/memory", &item("ana")).await;
    talk.app.post("/v1/memory", &json!({"content": "It rained.", "external_user_id": "ana"})).await;
    let path = "/v1/memory/search";
    let ask = |filters: Value| json!({"query": "*", "external_user_id": "ana", "filters": filters});
    let tested =
        json!({"customMetadata.trip": {"gte": 5, "lt": 10}, "topics": ["travel", "food"], "type": "text"});
    talk.post("it is so", path, &ask(tested)).await;
    talk.post("what is absent never matches", path, &ask(json!({"customMetadata.trip": {"ne": 7}}))).await;
    let wrong = json!({
        "createdAt": "soon", "created_at": {"exists": true}, "type": "event", "customMetadata.trip": {},
        "or": [{"category": {"contains": "f"}}], "metadata.topics": 7, "location": {"in": []},
    });
    talk.post("much is wrong", path, &ask(wrong)).await;
    let more = |more: &[(&str, Value)]| changed(&ask(json!({})), more);
    let wrong = [("max_tokens", json!("9")), ("cursor", json!(7)), ("filters", json!("x"))];
    talk.post("so is what stands beside it", path, &more(&wrong)).await;
    talk.post("a cursor that is none", path, &more(&[("cursor", json!("x"))])).await;
    let pattern = json!({"pattern": {"source_label": "A", "relationship_type": "B", "target_label": "C"}});
    let beside = [("search_override", pattern), ("max_tokens", json!(9)), ("cursor", json!("x"))];
    talk.post("beside a pattern of the graph", path, &more(&beside)).await;
    insta::assert_snapshot!("items_searching_by_fields", talk.end());
}

/// Pages hold everything once, by words and by recency, within a budget or not; a cursor is good for its own search only.
#[tokio::test]
async fn searches_go_on() {
    let app = App::new();
    for n in 0..7 {
        let whose = if n % 3 == 0 { "ben" } else { "ana" };
        let item = json!({
            "content": format!("Tea number {n}."), "external_user_id": whose, "acl": {"read": ["ana"]},
            "metadata": {"customMetadata": {"n": n}},
        });
        assert_eq!(app.post("/v1/memory", &item).await.status, 200);
        app.clock.advance_micros(1);
    }
    let filters = json!({"customMetadata.n": {"lt": 6}});
    for (query, max_tokens) in
        [("*", Value::Null), ("tea", Value::Null), ("*", json!(8)), ("tea", json!(9)), ("*", json!(1))]
    {
        let first = json!({
            "query": query, "external_user_id": "ana", "filters": filters, "max_tokens": max_tokens,
        });
        let (mut all, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let page = changed(&first, &[("cursor", cursor)]);
            let page = app.post("/v1/memory/search?max_memories=4", &page).await;
            assert_eq!(page.status, 200, "{}", page.text);
            let count = found(&page).len() as u64;
            all.extend(found(&page));
            let page = page.json();
            assert_eq!(page["tokens_used"], json!(4 * count));
            assert!(
                max_tokens.is_null() || count == 1 || 4 * count <= max_tokens.as_u64().expect("a number")
            );
            cursor = page["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
            for other in [
                [("query", json!("number")), ("cursor", cursor.clone())],
                [("external_user_id", json!("ben")), ("cursor", cursor.clone())],
                [("filters", json!({})), ("cursor", cursor.clone())],
                [("metadata", json!({"role": "user"})), ("cursor", cursor.clone())],
                [("namespace_id", json!("n")), ("cursor", cursor.clone())],
            ] {
                let refused = app.post("/v1/memory/search", &changed(&first, &other)).await;
                assert_eq!(refused.status, 422, "{other:?}");
                assert_eq!(refused.json()["problem"]["details"]["fields"][0]["field"], "body.cursor");
            }
        }
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 6, "{query} {max_tokens}");
    }
}

#[tokio::test]
async fn what_is_not_built_says_so() {
    let mut talk = Talk::with(App::new());
    for line in ["POST /v1/document", "POST /v1/telemetry/events", "GET /v1/sync/tiers", "POST /v1/graphql"] {
        talk.say("not built", Ask::new(line)).await;
    }
    insta::assert_snapshot!("items_not_built", talk.end());
}

#[tokio::test]
async fn one_memory_is_one_in_all_dialects() {
    let app = App::new();
    let id = id_of(&app.post("/v1/memory", &item("ana")).await);
    let core = "tenant_id=t_default&purpose=chat_response";
    let search = async |who: &str| {
        found(&app.post("/v1/memory/search", &json!({"query": "seats", "external_user_id": who})).await)
    };
    assert_eq!(search("ana").await, std::slice::from_ref(&id));
    assert_eq!(search("ben").await, std::slice::from_ref(&id));
    let shown = app.get(&format!("/v2/memories/{id}?{core}")).await.json();
    assert_eq!((&shown["type"], &shown["truth_mode"]), (&json!("event"), &json!("factual_claim")));
    // What follows from it follows from it in every dialect.
    let scope = json!({"scope_type": "user", "scope_id": "ana"});
    let query = json!({"tenant_id": "t_default", "scope": scope, "purpose": "chat_response", "filters": {"type": "impact"}});
    let impacts =
        async || app.post("/v2/memories/query", &query).await.json()["memory_ids"].as_array().unwrap().len();
    assert_eq!(impacts().await, 1);
    let explained =
        json!({"tenant_id": "t_default", "memory_ids": [id], "request": {"purpose": "chat_response"}});
    let explained = app.ask(Ask::new("POST /v2/explain").json(&explained)).await;
    assert_eq!(explained.status, 200, "{}", explained.text);
    let seal = json!({"tenant_id": "t_default"});
    let sealed = app.post(&format!("/v2/memories/{id}/seal"), &seal).await;
    assert_eq!(sealed.status, 200, "{}", sealed.text);
    assert!(search("ana").await.is_empty() && search("ben").await.is_empty());
    assert_eq!(app.get(&format!("/v1/memory/{id}")).await.status, 404);
    app.ask(Ask::new(&format!("POST /v2/memories/{id}/release")).json(&seal)).await;
    let revoked = app.post(&format!("/v2/memories/{id}/revoke"), &seal).await;
    assert_eq!(revoked.status, 200, "{}", revoked.text);
    assert_eq!(impacts().await, 0);
    assert_eq!(app.get(&format!("/v1/memory/{id}")).await.status, 404);
    let again = id_of(&app.post("/v1/memory", &item("ana")).await);
    let erase = delete(&format!("/v2/memories/{again}?tenant_id=t_default"));
    assert_eq!(app.ask(erase).await.status, 200);
    assert!(search("ana").await.is_empty());
    // The other way round: what the core dialect writes is found here, and erased from here.
    let event = app.post("/v2/memories", &crate::governed::event_of("ana")).await.json();
    let event = event["id"].as_str().unwrap().to_owned();
    let all = async || {
        found(&app.post("/v1/memory/search", &json!({"query": "*", "external_user_id": "ana"})).await)
    };
    assert_eq!(all().await, std::slice::from_ref(&event));
    assert_eq!(app.ask(delete(&format!("/v1/memory/{event}?external_user_id=ana"))).await.status, 200);
    assert!(all().await.is_empty());
    let chain = app.ask(get("/v2/audit?tenant_id=t_default&limit=1000").auditor()).await.json();
    let operations = chain["items"].as_array().unwrap_or_else(|| panic!("{chain}")).clone();
    let operations: Vec<&str> = operations.iter().filter_map(|entry| entry["operation"].as_str()).collect();
    for operation in ["MEMORY_INGEST", "MEMORY_SEARCH", "MEMORY_GET", "MEMORY_SEAL", "MEMORY_DELETE"] {
        assert!(operations.contains(&operation), "{operation}: {operations:?}");
    }
    assert!(!chain.to_string().contains("window seats"));
}

#[tokio::test]
async fn a_change_that_is_sent_again_is_made_once() {
    let app = App::new();
    let keyed = |ask: Ask| ask.with("idempotency-key", "k");
    let add = || keyed(Ask::new("POST /v1/memory").json(&item("ana")));
    let (one, two) = (id_of(&app.ask(add()).await), id_of(&app.ask(add()).await));
    assert_eq!(one, two);
    let change = |content: &str| keyed(put(&one, &json!({"content": content}))).with("idempotency-key", "l");
    let batch = json!({"memories": [{"content": "a"}, {"content": "b"}]});
    let batch = || Ask::new("POST /v1/memory/batch").json(&batch).with("idempotency-key", "m");
    assert_eq!(app.ask(change("x")).await.status, 400, "a header is sent once");
    let change = |content: &str| put(&one, &json!({"content": content})).with("idempotency-key", "l");
    let first = app.ask(change("x")).await;
    assert_eq!((first.status, app.ask(change("x")).await.status), (200, 200));
    assert_eq!(app.ask(change("y")).await.status, 409);
    let ids = |answer: &Answer| {
        answer.json()["successful"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["data"][0]["memoryId"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&app.ask(batch()).await), ids(&app.ask(batch()).await));
    let shown =
        app.get(&format!("/v2/memories/{one}?tenant_id=t_default&purpose=chat_response")).await.json();
    assert_eq!(shown["version"], json!(2), "{shown}");
}

#[tokio::test]
async fn an_organization_is_a_tenant_and_a_namespace_a_part_of_it() {
    let app = App::new();
    let add = |organization: Value, namespace: Value| json!({"content": "Tea.", "external_user_id": "ana", "organization_id": organization, "namespace_id": namespace});
    let search = |organization: Value, namespace: Value| {
        changed(&add(organization, namespace), &[("query", json!("tea")), ("content", Value::Null)])
    };
    let mut ids = Vec::new();
    let places = [
        (Value::Null, Value::Null),
        (json!("acme"), Value::Null),
        (json!("acme"), json!("n")),
        (json!("Größe & Co"), Value::Null),
    ];
    for (organization, namespace) in places.clone() {
        ids.push(id_of(&app.post("/v1/memory", &add(organization, namespace)).await));
    }
    for ((organization, namespace), id) in places.into_iter().zip(&ids) {
        let answer = app.post("/v1/memory/search", &search(organization, namespace)).await;
        assert_eq!(found(&answer), std::slice::from_ref(id));
    }
    assert_eq!(app.get(&format!("/v1/memory/{}", ids[1])).await.status, 404);
    assert_eq!(app.get(&format!("/v1/memory/{}?organization_id=acme", ids[1])).await.status, 200);
    assert_eq!(
        app.get(&format!("/v2/memories/{}?tenant_id=t_acme&purpose=chat_response", ids[1])).await.status,
        200
    );
}

#[tokio::test]
async fn deprecated_fields_are_refused_where_they_are_removed() {
    let old = json!({"content": "x", "metadata": {"consent": "terms"}});
    let lenient = App::new().post("/v1/memory", &old).await;
    assert_eq!((lenient.status, lenient.header("deprecation")), (200, "@1793491200"));
    let strict = App::strict().post("/v1/memory", &old).await;
    assert_eq!(strict.status, 422);
    assert_eq!(strict.json()["detail"][0]["loc"], json!(["body", "metadata", "consent"]));
}

#[tokio::test]
async fn what_the_edge_refuses_has_the_familys_envelope() {
    let app = App::new();
    let huge = json!({"content": "x".repeat(limits::BODY_BYTES_MAX)});
    let many = json!({"memories": [{"content": "x".repeat(limits::BATCH_BODY_BYTES_MAX)}]});
    for (ask, status, member) in [
        (Ask::new("POST /v1/memory").json(&huge), 413, "data"),
        (Ask::new("POST /v1/memory/batch").json(&many), 413, "errors"),
        (Ask::new("POST /v1/schemas").json(&huge), 413, "success"),
        (Ask::new("PATCH /v1/memory/search").json(&json!({})), 405, "data"),
        (Ask::new("GET /v1/nothing"), 404, "status"),
    ] {
        let answer = app.ask(ask).await;
        let body = answer.json();
        assert_eq!((answer.status, body["code"].as_u64()), (status, Some(u64::from(status))), "{body}");
        assert!(body.get(member).is_some() && body["problem"]["code"].is_string(), "{body}");
        assert!(body["error"].is_string() && body["detail"].is_string(), "{body}");
    }
    // Other dialects have their own.
    let answer = app.ask(Ask::new("GET /v2/nothing")).await;
    assert_eq!(answer.json()["error"]["code"], "NOT_FOUND");
}
