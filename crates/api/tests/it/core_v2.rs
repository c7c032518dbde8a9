//! The core dialect as clients meet it: the shape of every answer, and what must hold of them together.

use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use serde_json::{Value, json};

use crate::governed::{App, Ask, Talk, changed, event_of, shown_answer};

fn post(path: &str, body: &Value) -> Ask {
    Ask::new(&format!("POST {path}")).json(body)
}

/// An impact of a person that says one thing, with the most that one names as its support.
fn impact_of(user: &str, parents: &[&str]) -> Value {
    changed(
        &event_of(user),
        &[
            ("type", json!("impact")),
            ("content", Value::Null),
            ("provenance", json!({"derived_from": parents})),
            (
                "impact_payload",
                json!({"constraints": [{
                    "kind": "prefer", "topic": "drink", "target": "response", "rule": "asked for",
                    "params": {"attribute": "drink", "value": "tea"}, "source_refs": parents,
                    "merge": {"slot": "drink", "strategy": "latest_wins"},
                }]}),
            ),
        ],
    )
}

fn asking(user: &str, purpose: &str) -> Value {
    json!({"tenant_id": "t_default", "scope": {"scope_type": "user", "scope_id": user}, "purpose": purpose})
}

fn id_of(answer: &crate::support::Answer) -> String {
    answer.json()["id"].as_str().unwrap_or_else(|| panic!("no id: {}", answer.text)).to_owned()
}

fn one(id: &str, purpose: &str) -> Ask {
    Ask::new(&format!("GET /v2/memories/{id}?tenant_id=t_default&purpose={purpose}"))
}

const USER: &str = "x-memoryscope-user";

#[tokio::test]
async fn ingest() {
    let mut talk = Talk::with(App::new());
    let stored = talk.post("an event, and what follows from it", "/v2/memories", &event_of("ada")).await;
    let id = id_of(&stored);
    talk.post("an impact that names its parent", "/v2/memories", &impact_of("ada", &[&id])).await;
    let sealed = changed(
        &event_of("ada"),
        &[("sensitivity", json!({"level": "high", "categories": ["Trauma"], "handling": "normal"}))],
    );
    talk.post("what the policy seals", "/v2/memories", &sealed).await;
    let nobodys = impact_of("ada", &["mem_00000000000070008000000000000001"]);
    talk.post("a parent that there is not", "/v2/memories", &nobodys).await;
    talk.post("a parent of somebody else's", "/v2/memories", &impact_of("bob", &[&id])).await;
    let wrong = changed(
        &event_of(""),
        &[("state", json!("dormant")), ("id", json!("mem_1")), ("colour", json!(1)), ("content", json!({}))],
    );
    talk.post("much is wrong", "/v2/memories", &wrong).await;
    talk.post("nothing is there", "/v2/memories", &json!({})).await;
    let keyed = post("/v2/memories", &event_of("ada")).with("idempotency-key", "k-1");
    talk.say("with a key", keyed.clone()).await;
    talk.say("the same again", keyed).await;
    let other = post("/v2/memories", &event_of("bob")).with("idempotency-key", "k-1");
    talk.say("the key of another request", other).await;
    let reader = post("/v2/memories", &event_of("ada")).with("x-memoryscope-roles", "reader");
    talk.say("who may only read", reader).await;
    insta::assert_snapshot!(talk.end());
}

#[tokio::test]
async fn batches() {
    let item = |user: &str| {
        let mut item = event_of(user);
        item.as_object_mut().expect("an object").remove("tenant_id");
        item
    };
    let mut talk = Talk::with(App::new());
    let batch = |items: Vec<Value>| json!({"tenant_id": "t_default", "memories": items});
    talk.post("all are stored", "/v2/memories/batch", &batch(vec![item("ada"), item("bob")])).await;
    let mut orphan = impact_of("ada", &["mem_00000000000070008000000000000001"]);
    orphan.as_object_mut().expect("an object").remove("tenant_id");
    let wrong = changed(&item("ada"), &[("state", json!("revoked"))]);
    let some = batch(vec![wrong, item("ada"), orphan, json!(7), event_of("ada")]);
    talk.post("some are stored", "/v2/memories/batch", &some).await;
    talk.post("none is there", "/v2/memories/batch", &batch(Vec::new())).await;
    let keyed = post("/v2/memories/batch", &batch(vec![item("ada")])).with("idempotency-key", "k-1");
    talk.say("with a key", keyed.clone()).await;
    talk.say("the same again", keyed).await;
    let other =
        post("/v2/memories/batch", &batch(vec![item("bob"), item("ada")])).with("idempotency-key", "k-1");
    talk.say("the key of another request", other).await;
    insta::assert_snapshot!(talk.end());
}

#[tokio::test]
async fn reads() {
    let mut talk = Talk::with(App::new());
    let id = id_of(&talk.app.post("/v2/memories", &event_of("ada")).await);
    talk.app.post("/v2/memories", &impact_of("ada", &[&id])).await;
    let history = format!("GET /v2/memories/{id}/history?tenant_id=t_default&purpose=subject_access");
    talk.say("one's own", one(&id, "chat_response").with(USER, "ada")).await;
    talk.say("nobody's business", one(&id, "chat_response")).await;
    talk.say("its versions", Ask::new(&history).with(USER, "ada")).await;
    talk.say("no such id", one("x", "chat")).await;
    let list = "GET /v2/memories?tenant_id=t_default&scope_type=user&scope_id=ada&purpose=chat_response";
    talk.say("a page", Ask::new(&format!("{list}&limit=1"))).await;
    talk.say("a cursor of nobody's", Ask::new(&format!("{list}&cursor=x"))).await;
    let impacts = changed(&asking("ada", "chat_response"), &[("filters", json!({"type": "impact"}))]);
    talk.post("impacts, merged", "/v2/memories/query", &impacts).await;
    talk.post("not for this caller", "/v2/memories/query", &asking("ada", "compliance_audit")).await;
    talk.post("much is wrong", "/v2/memories/query", &json!({"purpose": "maintenance", "query_text": " "}))
        .await;
    insta::assert_snapshot!(talk.end());
}

#[tokio::test]
async fn queries_by_words() {
    let mut talk = Talk::with(App::new());
    for text in ["Tea in Lisbon.", "Rain in Porto.", "Tea, tea, tea!"] {
        let event = changed(&event_of("ada"), &[("content", json!({"format": "text", "text": text}))]);
        talk.app.post("/v2/memories", &event).await;
    }
    let asks = |text: &str| {
        let events = ("filters", json!({"type": "event"}));
        changed(&asking("ada", "chat_response"), &[events, ("query_text", json!(text)), ("limit", json!(1))])
    };
    let page = talk.post("the best answer", "/v2/memories/query", &asks("tea in the Rain?")).await.json();
    let behind = |ask: Value| changed(&ask, &[("cursor", page["next_cursor"].clone())]);
    talk.post("the next", "/v2/memories/query", &behind(asks("TEA, rain"))).await;
    talk.post("the cursor of another text", "/v2/memories/query", &behind(asks("tea"))).await;
    let unasked = changed(&asks("x"), &[("query_text", Value::Null)]);
    talk.post("the cursor of a ranking in a list", "/v2/memories/query", &behind(unasked)).await;
    talk.post("nothing but stop words", "/v2/memories/query", &asks("what is it")).await;
    talk.post("too long", "/v2/memories/query", &asks(&"x".repeat(1_001))).await;
    talk.post("with U+0000", "/v2/memories/query", &asks("tea\0")).await;
    insta::assert_snapshot!(talk.end());
}

#[tokio::test]
async fn queries_that_test_fields() {
    let mut talk = Talk::with(App::new());
    talk.post("an event", "/v2/memories", &event_of("ada")).await;
    let asks = |tested: Value| {
        let filters = json!({"type": "event", "where": tested});
        changed(&asking("ada", "chat_response"), &[("filters", filters), ("max_tokens", json!(1))])
    };
    let path = "/v2/memories/query";
    let tested = json!({"strength": {"gte": 0.5}, "or": [{"state": "active"}, {"topics": {"exists": true}}]});
    talk.post("it is so", path, &asks(tested)).await;
    talk.post("it is not", path, &asks(json!({"not": {"state": ["active", "dormant"]}}))).await;
    talk.post("what is absent never matches", path, &asks(json!({"topics": {"ne": "a"}}))).await;
    let wrong = json!({
        "state": "asleep", "strength": {"gt": 2}, "labels": {"gt": "a", "$in": ["a"]}, "color": 1,
        "and": [], "or": [{"occurred_at": {"lt": "yesterday"}}, 7], "not": {"customMetadata.a": {"lt": true}},
    });
    talk.post("much is wrong", path, &asks(wrong)).await;
    talk.post("it is no object", path, &asks(json!([]))).await;
    let deep = (0..9).fold(json!({"role": "user"}), |tree, _| json!({ "not": tree }));
    talk.post("it nests too deep", path, &asks(deep)).await;
    talk.post("no budget", path, &changed(&asks(json!({})), &[("max_tokens", json!(0))])).await;
    insta::assert_snapshot!("core_queries_that_test_fields", talk.end());
}

/// A budget ends a page before the limit does, and its cursor is good for the same predicate only.
#[tokio::test]
async fn pages_within_a_budget() {
    let app = App::new();
    for n in 0..4 {
        let content = json!({"format": "text", "language": "en", "text": format!("Tea number {n}.")});
        let event = changed(&event_of("ada"), &[("content", content)]);
        assert_eq!(app.post("/v2/memories", &event).await.status, 201);
    }
    for query_text in [Value::Null, json!("tea")] {
        let tested = json!({"type": "event", "where": {"strength": {"gt": 0}}});
        let events = [("filters", tested), ("max_tokens", json!(8)), ("query_text", query_text)];
        let events = changed(&asking("ada", "chat_response"), &events);
        let (mut found, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let page = app.post("/v2/memories/query", &changed(&events, &[("cursor", cursor)])).await.json();
            assert_eq!(page["tokens_used"], json!(8), "two of four tokens each: {page}");
            found.extend(page["memory_ids"].as_array().expect("ids").clone());
            cursor = page["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
            let other = json!({"type": "event", "where": {"strength": {"gte": 0}}});
            let other = changed(&events, &[("filters", other), ("cursor", cursor.clone())]);
            assert_eq!(app.post("/v2/memories/query", &other).await.status, 422);
            let wider = changed(&events, &[("max_tokens", json!(100)), ("cursor", cursor.clone())]);
            assert_eq!(app.post("/v2/memories/query", &wider).await.status, 200);
        }
        assert_eq!(found.len(), 4);
    }
}

#[tokio::test]
async fn reconstructions() {
    let mut talk = Talk::with(App::new());
    talk.app.post("/v2/memories", &event_of("ada")).await;
    let base = asking("ada", "chat_response");
    for format in ["text", "json", "messages"] {
        talk.post(format, "/v2/reconstruct", &changed(&base, &[("format", json!(format))])).await;
    }
    let short = changed(&base, &[("max_tokens", json!(12)), ("include_events", json!(true))]);
    talk.post("with little room", "/v2/reconstruct", &short).await;
    talk.post("of nothing", "/v2/reconstruct", &asking("bob", "chat_response")).await;
    talk.post("not for this caller", "/v2/reconstruct", &asking("ada", "compliance_audit")).await;
    talk.post("much is wrong", "/v2/reconstruct", &json!({"format": "html", "max_tokens": 0})).await;
    insta::assert_snapshot!(talk.end());
}

/// What is hidden is answered, byte for byte, as what is absent: by id and by its history, for every purpose.
#[tokio::test]
async fn what_is_hidden_is_as_what_is_absent() {
    let app = App::new();
    let hidden = id_of(&app.post("/v2/memories", &event_of("ada")).await);
    let elsewhere = changed(&event_of("bob"), &[("tenant_id", json!("t_other"))]);
    let elsewhere = id_of(&app.post("/v2/memories", &elsewhere).await);
    let absent = "mem_00000000000070008000000000000001";
    for purpose in ["chat_response", "subject_access", "reflection_requested_by_user", "task_execution"] {
        for rest in ["", "/history"] {
            let mut answers = Vec::new();
            for id in [absent, &hidden, &elsewhere] {
                app.seeds.set(500);
                let target = format!("GET /v2/memories/{id}{rest}?tenant_id=t_default&purpose={purpose}");
                let answer = app.ask(Ask::new(&target).with(USER, "bob").with("x-request-id", "r-1")).await;
                assert_eq!(answer.status, 404, "{}", answer.text);
                answers.push(shown_answer(&answer));
            }
            assert_eq!(answers[0], answers[1], "{purpose}{rest}");
            assert_eq!(answers[0], answers[2], "{purpose}{rest}");
        }
    }
}

/// What has descendants is not erased without them: the scoped dialect does not know such a memory.
#[tokio::test]
async fn what_has_descendants_is_not_erased_beside_them() {
    let app = App::new();
    let id = id_of(&app.post("/v2/memories", &event_of("ada")).await);
    let erase = |id: &str| Ask::new(&format!("DELETE /memory/{id}?user_id=ada"));
    let refused = app.ask(erase(&id)).await;
    let absent = app.ask(erase("mem_00000000000070008000000000000001")).await;
    assert_eq!((refused.status, absent.status), (404, 404), "{}", refused.text);
    let seen = app.ask(one(&id, "chat_response").with(USER, "ada")).await;
    assert_eq!(seen.status, 200, "{}", seen.text);
}

/// Pages hold everything once, whatever their length; a cursor is good for its own query only.
#[tokio::test]
async fn pages() {
    let app = App::new();
    for n in 0..5 {
        let at = format!("2024-01-0{}T00:00:00Z", n + 1);
        let event = changed(&event_of("ada"), &[("temporal", json!({"occurred_at_observed": at}))]);
        app.post("/v2/memories", &event).await;
    }
    let events = changed(&asking("ada", "chat_response"), &[("filters", json!({"type": "event"}))]);
    let all = app.post("/v2/memories/query", &events).await.json();
    let all = all["memory_ids"].as_array().expect("ids").clone();
    assert_eq!(all.len(), 5);
    for limit in [1, 2, 5] {
        let (mut found, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let page = changed(&events, &[("limit", json!(limit)), ("cursor", cursor.clone())]);
            let page = app.post("/v2/memories/query", &page).await.json();
            found.extend(page["memory_ids"].as_array().expect("ids").clone());
            assert!(found.len() <= all.len(), "pages of {limit}");
            cursor = page["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
            let other = changed(&asking("ada", "recommendation"), &[("cursor", cursor.clone())]);
            let refused = app.post("/v2/memories/query", &other).await;
            assert_eq!(refused.status, 422);
            assert_eq!(refused.json()["error"]["details"]["fields"][0]["field"], "body.cursor");
        }
        assert_eq!(found, all, "pages of {limit}");
    }
}

/// What was stored is shown as it was sent, and can be sent again but for what the server sets.
#[tokio::test]
async fn what_is_stored_is_what_is_shown() {
    let app = App::new();
    let sent = changed(
        &event_of("ada"),
        &[
            (
                "affect",
                json!({"valence": -0.5, "arousal": 0.25, "labels": ["sad"], "affect_confidence": 0.5}),
            ),
            ("somatic_payload", json!({"do_not_prompt_with": ["needles"], "place": "arm"})),
            ("ownership", json!({"owners": ["ada"], "subjects": ["cleo"], "visibility": "private"})),
        ],
    );
    let id = id_of(&app.post("/v2/memories", &sent).await);
    let shown = app.ask(one(&id, "subject_access").with(USER, "ada")).await.json();
    fn holds(sent: &Value, shown: &Value) -> bool {
        match (sent, shown) {
            (Value::Object(sent), Value::Object(shown)) => {
                sent.iter().all(|(name, value)| shown.get(name).is_some_and(|shown| holds(value, shown)))
            }
            (sent, shown) => sent == shown,
        }
    }
    assert!(holds(&sent, &shown), "{shown:#}");
    assert_eq!(shown["history"][0]["event"], "created");
    // Constraints of one memory have names of their own, however alike they are.
    let mut twice = impact_of("ada", &[]);
    let first = twice["impact_payload"]["constraints"][0].clone();
    twice["impact_payload"]["constraints"] = json!([first, first]);
    let id = id_of(&app.post("/v2/memories", &twice).await);
    let shown = app.ask(one(&id, "subject_access").with(USER, "ada")).await.json();
    let names = &shown["impact_payload"]["constraints"];
    assert_ne!(names[0]["constraint_id"], names[1]["constraint_id"]);
}

/// Whoever asks for whatever purpose is answered or refused: never a fault of the server's.
#[tokio::test]
async fn every_purpose_and_role_is_answered() {
    let app = App::new();
    let id = id_of(&app.post("/v2/memories", &event_of("ada")).await);
    app.post("/v2/memories", &impact_of("ada", &[&id])).await;
    let sealed = changed(&event_of("ada"), &[("sensitivity", json!({"categories": ["shame"]}))]);
    let sealed = id_of(&app.post("/v2/memories", &sealed).await);
    let purposes = Purpose::ALL.into_iter().filter(|purpose| *purpose != Purpose::Maintenance);
    for purpose in purposes.map(Purpose::name) {
        for role in Role::ALL.map(Role::name) {
            let place = "tenant_id=t_default&scope_type=user&scope_id=ada";
            let asks = [
                one(&id, purpose),
                one(&sealed, purpose),
                Ask::new(&format!("GET /v2/memories/{sealed}/history?tenant_id=t_default&purpose={purpose}")),
                Ask::new(&format!("GET /v2/memories?{place}&purpose={purpose}")),
                post("/v2/memories/query", &asking("ada", purpose)),
                post("/v2/reconstruct", &asking("ada", purpose)),
            ];
            for ask in asks {
                let answer = app.ask(ask.clone().with("x-memoryscope-roles", role)).await;
                let is_answered = [200, 403, 404].contains(&answer.status);
                assert!(is_answered, "{role} {purpose} {}: {}", ask.target, answer.text);
                assert!(
                    answer.header("x-access-log-id").starts_with("log_"),
                    "{role} {purpose} {}",
                    ask.target
                );
                // The text of what is sealed is shown to nobody but an auditor at work.
                let is_auditor = role == "auditor" && purpose == "compliance_audit";
                if ask.target.contains(&sealed) && !is_auditor {
                    assert_eq!(answer.status, 404, "{role} {purpose} {}: {}", ask.target, answer.text);
                }
            }
        }
    }
}

const GROUPS: &str = "x-memoryscope-groups";

/// A bridge from a person's scope to the project's.
fn bridge_of(user: &str) -> Ask {
    let body = json!({
        "tenant_id": "t_default",
        "target": {"scope_type": "project", "scope_id": "apollo"},
        "purposes": ["chat_response", "task_execution"],
        "allow_events": true,
        "allow_impacts": true,
    });
    post(&format!("/v2/scopes/{user}/bridge"), &body)
}

fn in_apollo(path: &str) -> Ask {
    Ask::new(path).with(USER, "bob").with(GROUPS, "project:apollo")
}

#[tokio::test]
async fn bridges() {
    let mut talk = Talk::with(App::new());
    let event = id_of(&talk.app.post("/v2/memories", &event_of("ada")).await);
    let made = talk.say("the source's owner makes one", bridge_of("ada")).await;
    let bridge = id_of(&made);
    talk.say("somebody else does", bridge_of("ada").with(USER, "bob")).await;
    let audit = changed(
        &json!({"tenant_id": "t_default", "target": {"scope_type": "user", "scope_id": "bob"},
            "allow_events": true}),
        &[("purposes", json!(["compliance_audit"]))],
    );
    talk.post("what the policy lets cross for no purpose", "/v2/scopes/ada/bridge", &audit).await;
    let wrong = json!({"target": {"scope_type": "team"}, "purposes": [], "expires_at": "2001-01-01T00:00:00Z",
        "allow_events": "yes", "colour": 1});
    talk.post("much is wrong", "/v2/scopes/%20/bridge", &wrong).await;
    let nothing = json!({"tenant_id": "t_default", "target": {"scope_type": "user", "scope_id": "bob"},
        "purposes": ["chat_response"]});
    talk.post("nothing crosses", "/v2/scopes/ada/bridge", &nothing).await;
    let itself = changed(&nothing, &[("allow_events", json!(true))]);
    talk.post("to itself", "/v2/scopes/bob/bridge", &itself).await;
    talk.say("with a key", bridge_of("eve").with("idempotency-key", "k-1")).await;
    talk.say("the same again", bridge_of("eve").with("idempotency-key", "k-1")).await;
    let list =
        "GET /v2/memories?tenant_id=t_default&scope_type=project&scope_id=apollo&purpose=chat_response";
    talk.say("a member reads the target", in_apollo(list)).await;
    talk.say("somebody else reads the target", Ask::new(list).with(USER, "bob")).await;
    let get = format!("GET /v2/memories/{event}?tenant_id=t_default&purpose=chat_response");
    talk.say("a member names a memory", in_apollo(&get)).await;
    let of_project = "GET /v2/bridges?tenant_id=t_default&scope_type=project&scope_id=apollo";
    talk.say("a member lists bridges", in_apollo(of_project)).await;
    talk.say("somebody else does, too", Ask::new(of_project).with(USER, "zoe")).await;
    talk.say("a cursor of nobody's", Ask::new(&format!("{of_project}&cursor=x"))).await;
    let remove = format!("DELETE /v2/bridges/{bridge}?tenant_id=t_default");
    talk.say("somebody else removes it", Ask::new(&remove).with(USER, "bob")).await;
    talk.say("no such id", Ask::new("DELETE /v2/bridges/x")).await;
    talk.say("a member of the target removes it", in_apollo(&remove)).await;
    talk.say("its owner does, again", Ask::new(&remove).with(USER, "ada")).await;
    talk.say("nothing crosses any more", in_apollo(list)).await;
    insta::assert_snapshot!(talk.end());
}

/// A query's access log, and who asked.
async fn asked(talk: &mut Talk) -> (String, String) {
    let stored = talk.app.post("/v2/memories", &event_of("ada")).await;
    let answer = talk.app.post("/v2/memories/query", &asking("ada", "chat_response")).await;
    (answer.header("x-access-log-id").to_owned(), id_of(&stored))
}

#[tokio::test]
async fn explanations() {
    let mut talk = Talk::with(App::new());
    let (log, id) = asked(&mut talk).await;
    let of = |body: Value| post("/v2/explain", &changed(&body, &[("tenant_id", json!("t_default"))]));
    let by_log = of(json!({"access_log_id": log}));
    talk.say("one's own", by_log.clone().with(USER, "ada")).await;
    talk.say("an auditor's", by_log.clone().with("x-memoryscope-roles", "auditor")).await;
    talk.say("another's", by_log.with(USER, "bob")).await;
    let elsewhere = post("/v2/explain", &json!({"tenant_id": "t_other", "access_log_id": log}));
    let elsewhere = elsewhere.with("x-memoryscope-roles", "auditor");
    talk.say("another tenant's auditor", elsewhere).await;
    let ids = json!([id, "mem_00000000000070008000000000000001"]);
    let request = json!({"purpose": "task_execution", "operation": "tool.gate", "tool": "order"});
    let would_be = of(json!({"memory_ids": ids, "request": request}));
    talk.say("what would be", would_be.clone().with(USER, "ada")).await;
    talk.say("what would be of another's", would_be.with(USER, "bob")).await;
    talk.say("neither", of(json!({}))).await;
    let both =
        json!({"access_log_id": log, "memory_ids": ids, "request": {"purpose": "none", "operation": "x"}});
    talk.say("both, and wrong", of(both)).await;
    talk.say("no request", of(json!({"memory_ids": ids}))).await;
    insta::assert_snapshot!(talk.end());
}

#[tokio::test]
async fn replays() {
    let mut talk = Talk::with(App::new());
    let (log, id) = asked(&mut talk).await;
    let of = |body: Value| post("/v2/replay", &changed(&body, &[("tenant_id", json!("t_default"))]));
    let plain = of(json!({"access_log_id": log}));
    talk.say("as it was", plain.clone().with(USER, "ada")).await;
    let other =
        |context: Value| of(json!({"access_log_id": log, "override_context": context})).with(USER, "ada");
    talk.say("ten years later", other(json!({"time": "2036-01-01T00:00:00Z"}))).await;
    talk.say("by a policy that there is not", other(json!({"policy_version": "p-9"}))).await;
    talk.say("otherwise in nothing", other(json!({}))).await;
    talk.say("wrongly", other(json!({"purpose": "fun", "time": 7, "colour": 1}))).await;
    talk.say("another's", plain.clone().with(USER, "bob")).await;
    let elsewhere = post("/v2/replay", &json!({"tenant_id": "t_other", "access_log_id": log}));
    talk.say("another tenant's auditor", elsewhere.with("x-memoryscope-roles", "auditor")).await;
    let erase = Ask::new(&format!("DELETE /v2/memories/{id}?tenant_id=t_default")).with(USER, "ada");
    assert_eq!(talk.app.ask(erase).await.status, 200);
    talk.say("when its inputs are gone", plain.with(USER, "ada")).await;
    insta::assert_snapshot!(talk.end());
}
