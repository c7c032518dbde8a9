//! Why a search found what it found, in both dialects.

use memoryscope_engine::embed::Readiness;
use serde_json::{Value, json};

use crate::governed::{App, Talk, changed, event_of};

const QUERY: &str = "/v2/memories/query";
const SEARCH: &str = "/v1/memory/search";

fn asks(text: &str) -> Value {
    json!({
        "tenant_id": "t_default", "scope": {"scope_type": "user", "scope_id": "ana"}, "purpose": "chat_response",
        "filters": {"type": "event"}, "query_text": text, "explain": true,
    })
}

fn looks(query: &str) -> Value {
    json!({"query": query, "external_user_id": "ana", "explain": true})
}

/// Three turns of a conversation, of which the first is alike to `kite`.
async fn told(app: &App) {
    for (text, minute) in [("kitten", 1), ("harbour bell", 2), ("kite kite", 3)] {
        let mut event = changed(&event_of("ana"), &[("content", json!({"format": "text", "text": text}))]);
        event["provenance"] = json!({"conversation_id": "talk"});
        event["temporal"] = json!({"occurred_at_observed": format!("2025-12-31T23:0{minute}:00Z")});
        assert_eq!(app.post("/v2/memories", &event).await.status, 201);
    }
    app.engine.embed_waiting().await.expect("vectors");
}

/// What is said of each hit: by words, by meaning, lent, and the sum.
fn reasons(hits: &Value) -> Vec<[String; 4]> {
    let reason = |hit: &Value| {
        let why = &hit["explanation"];
        let part = |name: &str, score: &str| match why[name].is_null() {
            true => String::new(),
            false => format!("{} {:.2}", why[name]["rank"], why[name][score].as_f64().unwrap_or_default()),
        };
        let number = |name: &str| format!("{:.2}", why[name].as_f64().expect("a number"));
        [part("keyword", "bm25"), part("semantic", "cosine"), number("lent"), number("score")]
    };
    hits.as_array().expect("hits").iter().map(reason).collect()
}

#[tokio::test]
async fn each_hit_says_why_it_is_there() {
    let (app, embedder) = App::embedding();
    told(&app).await;
    let answer = app.post(QUERY, &asks("kite")).await.json();
    let of_core = reasons(&answer["items"]);
    insta::assert_debug_snapshot!("reasons", of_core);
    assert_eq!(answer["explanation"], json!({"keyword": true, "semantic": true, "model": "by-initials:1"}));
    let answer = app.post(SEARCH, &looks("kite")).await.json();
    assert_eq!(reasons(&answer["data"]["memories"]), of_core, "the same in both dialects");
    let searched = json!({"keyword": true, "semantic": true, "model": "by-initials:1"});
    assert_eq!(answer["details"], json!({"explanation": searched}));
    for memory in answer["data"]["memories"].as_array().expect("memories") {
        let cosine = memory["explanation"]["semantic"]["cosine"].as_f64().map(|cosine| cosine.min(1.0));
        assert_eq!(memory["similarity_score"].as_f64(), cosine);
    }
    assert_eq!(answer["data"]["memories"][0]["relevance_score"], json!(1.0));
    for (readiness, reason) in [(Readiness::Absent, "no_model"), (Readiness::Failing, "model_failed")] {
        embedder.be(readiness);
        let answer = app.post(SEARCH, &looks("kite")).await.json();
        let searched = json!({"keyword": true, "semantic": false, "reason": reason});
        assert_eq!(answer["details"], json!({ "explanation": searched }));
        let answer = app.post(QUERY, &asks("kite")).await.json();
        assert_eq!(answer["explanation"], searched);
        assert!(
            answer["items"]
                .as_array()
                .expect("items")
                .iter()
                .all(|item| item["explanation"]["semantic"].is_null())
        );
    }
}

/// Whoever does not ask is told what was always told; a list has no reasons.
#[tokio::test]
async fn who_does_not_ask_is_told_nothing_of_it() {
    let (app, _) = App::embedding();
    told(&app).await;
    for explain in [json!(false), Value::Null] {
        let answer = app.post(QUERY, &changed(&asks("kite"), &[("explain", explain.clone())])).await;
        assert!(answer.status == 200 && !answer.text.contains("explanation"), "{}", answer.text);
        let answer = app.post(SEARCH, &changed(&looks("kite"), &[("explain", explain)])).await;
        assert!(answer.status == 200 && !answer.text.contains("explanation"), "{}", answer.text);
    }
    let list = changed(&asks("kite"), &[("query_text", Value::Null)]);
    for (path, listed) in [(QUERY, list), (SEARCH, looks("*"))] {
        let answer = app.post(path, &listed).await;
        assert!(answer.status == 200 && !answer.text.contains("explanation"), "{}", answer.text);
    }
}

#[tokio::test]
async fn what_asks_wrongly_is_refused() {
    let mut talk = Talk::with(App::new());
    for wrong in [json!("true"), json!(1), json!({}), json!([])] {
        talk.post("of the core", QUERY, &changed(&asks("x"), &[("explain", wrong.clone())])).await;
        talk.post("of items", SEARCH, &changed(&looks("x"), &[("explain", wrong)])).await;
    }
    let pattern = json!({"pattern": {"source_label": "A", "relationship_type": "B", "target_label": "C"}});
    talk.post("beside a pattern", SEARCH, &changed(&looks("x"), &[("search_override", pattern)])).await;
    insta::assert_snapshot!("explained_wrongly", talk.end());
}
