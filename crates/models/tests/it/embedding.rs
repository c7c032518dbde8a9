//! An endpoint that is asked for embeddings: what it is asked, and what becomes of each kind of answer.

use std::sync::Arc;
use std::time::Duration;

use memoryscope_domain::limits;
use memoryscope_engine::embed::{Embedder as _, Readiness};
use memoryscope_models::{ApiKey, RemoteConfig, RemoteEmbedder};
use serde_json::json;

use super::endpoint::{Asked, KEY, Paused, Played, Reply, status};

struct World {
    embedder: RemoteEmbedder,
    paused: Arc<Paused>,
    played: Played,
}

impl World {
    fn new(script: Vec<Reply>) -> Self {
        Self::with(script, |_| {})
    }

    fn with(script: Vec<Reply>, change: impl FnOnce(&mut RemoteConfig)) -> Self {
        let (played, paused) = (Played::new(script), Arc::new(Paused::default()));
        let mut config = RemoteConfig {
            url: format!("http://{}/v1/", played.address),
            model: "test-embedder".to_owned(),
            key: Some(ApiKey::parse(KEY).expect("a key")),
            timeout: Duration::from_secs(30),
            dimensions: None,
        };
        change(&mut config);
        Self { embedder: RemoteEmbedder::new(&config, Arc::clone(&paused) as _), paused, played }
    }

    async fn embed(&self, texts: &[&str]) -> String {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        match self.embedder.embed(&texts).await {
            Ok(vectors) => format!("{vectors:?}"),
            Err(failure) => {
                let is_of = match (failure.counts(), failure.ends_the_round()) {
                    (true, false) => "the text",
                    (false, _) => "the embedder",
                    (true, true) => "either",
                };
                format!("{} by {is_of}", failure.reason)
            }
        }
    }

    fn asked(&self) -> Vec<Asked> {
        self.played.asked()
    }
}

/// An answer with these vectors, the last one first.
fn vectors(vectors: &[&[f32]]) -> Reply {
    let rows: Vec<_> = vectors
        .iter()
        .enumerate()
        .rev()
        .map(|(at, vector)| json!({"index": at, "embedding": vector}))
        .collect();
    let body = json!({"object": "list", "data": rows, "usage": {"total_tokens": 3}});
    Reply::Says(200, "content-type: application/json\r\n", body.to_string())
}

#[tokio::test]
async fn an_endpoint_is_asked_for_unit_vectors() {
    let world = World::new(vec![vectors(&[&[3.0, 4.0], &[0.0, -2.0]])]);
    assert_eq!((world.embedder.id(), world.embedder.dimensions()), ("model:test-embedder", None));
    assert!(world.embedder.sends_away());
    assert_eq!(world.embed(&["one", ""]).await, "[[0.6, 0.8], [0.0, -1.0]]");
    assert_eq!(world.embedder.dimensions(), Some(2));
    let asked = world.asked().remove(0);
    let head = asked.head.to_ascii_lowercase();
    assert!(head.starts_with("post /v1/embeddings http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("authorization: bearer {KEY}")), "{head}");
    let body = json!({"model": "test-embedder", "input": ["one", " "], "encoding_format": "float"});
    assert_eq!(asked.body, body);
    assert!(!format!("{:?}", world.embedder).contains(KEY));
}

#[tokio::test]
async fn dimensions_that_are_set_are_asked_for_and_held_to() {
    let world = World::with(vec![vectors(&[&[3.0, 4.0]]), vectors(&[&[1.0, 0.0, 0.0]])], |config| {
        config.dimensions = Some(2);
    });
    assert_eq!((world.embedder.id(), world.embedder.dimensions()), ("model:test-embedder:2", Some(2)));
    assert_eq!(world.embed(&["one"]).await, "[[0.6, 0.8]]");
    assert_eq!(world.asked()[0].body["dimensions"], 2);
    assert_eq!(world.embed(&["two"]).await, "other_dimensions by the embedder");
    let learnt = World::new(vec![vectors(&[&[3.0, 4.0]]), vectors(&[&[1.0, 0.0, 0.0]])]);
    assert_eq!(learnt.embed(&["one"]).await, "[[0.6, 0.8]]");
    assert_eq!(learnt.embed(&["two"]).await, "other_dimensions by the embedder");
    assert_eq!(learnt.embedder.readiness(), Readiness::Failing);
}

#[tokio::test]
async fn many_texts_are_several_requests_and_none_is_no_request() {
    let full = vec![&[1.0_f32, 0.0][..]; limits::EMBED_BATCH_ITEMS];
    let world = World::new(vec![vectors(&full), vectors(&[&[0.0, 1.0]])]);
    assert_eq!(world.embed(&[]).await, "[]");
    let texts = vec!["same".to_owned(); limits::EMBED_BATCH_ITEMS + 1];
    let made = world.embedder.embed(&texts).await.expect("vectors");
    assert_eq!((made.len(), made.last()), (limits::EMBED_BATCH_ITEMS + 1, Some(&vec![0.0, 1.0])));
    let counts: Vec<_> =
        world.asked().iter().map(|asked| asked.body["input"].as_array().map(Vec::len)).collect();
    assert_eq!(counts, [Some(limits::EMBED_BATCH_ITEMS), Some(1)]);
}

#[tokio::test]
async fn each_failure_says_whose_it_is_and_readiness_follows() {
    let check = async |script: Vec<Reply>, expect: &str, pauses: &[u64]| {
        let world = World::new(script);
        assert_eq!(world.embed(&["one"]).await, expect);
        assert_eq!(world.paused.seconds(), pauses, "{expect}");
        world
    };
    check(vec![status(400)], "bad_request by the text", &[]).await;
    check(vec![status(401)], "unauthorized by the embedder", &[]).await;
    check(vec![status(404)], "not_found by the embedder", &[]).await;
    check(vec![status(307)], "redirected by the embedder", &[]).await;
    check(vec![status(429); 3], "rate_limited by the embedder", &[1, 2]).await;
    check(vec![status(500); 3], "server_error by either", &[1, 2]).await;
    check(vec![Reply::HangsUp; 3], "unavailable by the embedder", &[1, 2]).await;
    let page = Reply::Says(200, "content-type: text/html\r\n", "<html>Sign in</html>".to_owned());
    check(vec![page], "malformed_answer by either", &[]).await;
    check(vec![vectors(&[])], "malformed_answer by either", &[]).await;
    let endless = usize::try_from(limits::EMBED_ANSWER_BYTES_MAX).expect("it fits") + 1;
    let endless = Reply::Says(200, "", " ".repeat(endless));
    check(vec![endless], "answer_too_large by the text", &[]).await;
    let world = check(vec![status(503), vectors(&[&[1.0]])], "[[1.0]]", &[1]).await;
    assert_eq!(world.embedder.readiness(), Readiness::Ready);
    let world = World::new(vec![status(401), status(400), vectors(&[&[1.0]])]);
    assert_eq!(world.embedder.readiness(), Readiness::Ready);
    world.embed(&["one"]).await;
    assert_eq!(world.embedder.readiness(), Readiness::Failing);
    world.embed(&["one"]).await;
    assert_eq!(
        world.embedder.readiness(),
        Readiness::Ready,
        "a text that it does not take is no fault of its own"
    );
}

#[tokio::test]
async fn one_that_is_silent_is_not_waited_for_for_ever() {
    let world = World::with(vec![Reply::Silent], |config| config.timeout = Duration::from_millis(200));
    assert_eq!(world.embed(&["one"]).await, "timeout by either");
}
