//! Requests that are repeated under a key.

use memoryscope_domain::change::IdempotencyKey;
use memoryscope_domain::limits;
use memoryscope_domain::preference::Kind;
use memoryscope_engine::context::{Context, Idempotency};
use memoryscope_engine::jobs;
use memoryscope_engine::op::batch::create_batch;
use memoryscope_engine::op::create::{Create, Created};
use memoryscope_engine::op::delete::Delete;
use memoryscope_engine::op::revoke::Revoke;
use serde_json::json;

use super::support::{Answer, World, item, likes, policy_with, read_of, refused, user, word};

fn keyed(cx: Context, key: &str, digest: u8) -> Context {
    let key = IdempotencyKey { client: cx.principal.client.clone(), key: key.to_owned() };
    Context { idempotency: Some(Idempotency { key, request_digest: [digest; 32] }), ..cx }
}

fn tea() -> Create {
    Create { user: user("ann"), items: vec![likes("tea"), likes("jazz")] }
}

fn made(answer: Answer<Vec<Result<Created, Box<memoryscope_domain::policy::Trace>>>>) -> Vec<Created> {
    answer.expect("an answer").output.into_iter().map(|item| item.expect("stored")).collect()
}

#[tokio::test]
async fn a_repeat_answers_the_same_and_does_nothing() {
    let world = World::new();
    let first = made(world.run(keyed(world.cx("ann"), "k", 1), tea()).await);
    world.clock.advance_days(1);
    for _ in 0..2 {
        assert_eq!(made(world.run(keyed(world.cx("ann"), "k", 1), tea()).await), first);
        assert_eq!(world.said().await, "MEMORY_WRITE allowed IDEMPOTENT_REPEAT 2");
        let (entry, _) = world.last().await;
        assert_eq!(entry.rules.values().sum::<u64>(), 0, "writing is allowed by default");
    }
    assert_eq!(world.list("ann").await.len(), 2);
    let another = made(world.run(keyed(world.cx("ann"), "k2", 1), tea()).await);
    assert_ne!(another, first, "another key is another request");
}

#[tokio::test]
async fn a_key_is_for_one_request() {
    let world = World::new();
    world.run(keyed(world.cx("ann"), "k", 1), tea()).await.unwrap();
    let length = world.length().await;
    assert_eq!(refused(world.run(keyed(world.cx("ann"), "k", 2), tea()).await), "KeyReused");
    let token = memoryscope_domain::grant::Token::from_bytes([9; 32]).hash();
    assert_eq!(
        refused(world.run(keyed(world.nobody(), "k", 1), Revoke { token_hash: token }).await),
        "KeyReused"
    );
    assert_eq!(world.length().await, length);
    let mut other = world.cx("ann");
    other.principal.client = "other".to_owned();
    made(world.run(keyed(other, "k", 2), tea()).await);
    assert_eq!(world.list("ann").await.len(), 4, "another client's key is another key");
}

#[tokio::test]
async fn what_was_refused_is_decided_again() {
    let world = World::new();
    assert_eq!(refused(world.run(keyed(world.cx("bob"), "k", 1), tea()).await), "POLICY_DENIED");
    made(world.run(keyed(world.cx("ann"), "k", 1), tea()).await);
}

#[tokio::test]
async fn a_repeat_is_rendered_under_todays_decision() {
    let world = World::new();
    world.run(keyed(world.cx("ann"), "k", 1), tea()).await.unwrap();
    world.activate(policy_with("p2", "when: {memory.type: preference}, then: {allow_write: false}")).await;
    assert_eq!(refused(world.run(keyed(world.cx("ann"), "k", 1), tea()).await), "POLICY_DENIED");
    assert_eq!(world.said().await, "MEMORY_WRITE denied POLICY_DENIED 0");
}

#[tokio::test]
async fn a_create_that_was_refused_in_part_is_repeated_in_full() {
    let world = World::new();
    world.activate(policy_with("p2", "when: {memory.kind: schedule}, then: {allow_write: false}")).await;
    let schedule = item(Kind::Schedule, json!({"windows": [{"day": "monday"}]}));
    let mixed =
        Create { user: user("ann"), items: vec![likes("tea"), schedule, likes("tea"), likes("jazz")] };
    let once = world.run(keyed(world.cx("ann"), "k", 1), mixed.clone()).await.unwrap().output;
    let again = world.run(keyed(world.cx("ann"), "k", 1), mixed).await.unwrap().output;
    let ids = |results: &[Result<Created, _>]| -> Vec<_> {
        results.iter().map(|result| result.as_ref().ok().map(|created| created.id)).collect()
    };
    assert_eq!(ids(&once), ids(&again));
    assert_eq!(once.iter().filter(|result| result.is_ok()).count(), 3);
}

#[tokio::test]
async fn what_was_made_and_is_gone_cannot_be_shown_again() {
    let world = World::new();
    let ids = made(world.run(keyed(world.cx("ann"), "k", 1), tea()).await);
    world.delete("ann", ids[0].id).await.unwrap();
    let length = world.length().await;
    assert_eq!(refused(world.run(keyed(world.cx("ann"), "k", 1), tea()).await), "ResultGone");
    assert_eq!(world.said().await, "MEMORY_WRITE allowed RESULT_GONE 0");
    assert_eq!(world.length().await, length + 1);
    assert_eq!(world.list("ann").await.len(), 1);
}

#[tokio::test]
async fn revoking_and_deleting_repeat_too() {
    let world = World::new();
    let id = world.create("ann", vec![likes("tea")]).await[0];
    let token = world.token("ann").await;
    let revoke = Revoke { token_hash: token.hash() };
    let at = world.run(keyed(world.nobody(), "k", 1), revoke.clone()).await.unwrap().output;
    world.clock.advance_micros(5);
    assert_eq!(world.run(keyed(world.nobody(), "k", 1), revoke.clone()).await.unwrap().output, at);
    assert_eq!(world.said().await, "MEMORY_REVOKE allowed IDEMPOTENT_REPEAT 0");
    assert_eq!(refused(world.run(keyed(world.nobody(), "other", 1), revoke).await), "hidden");
    for reason in ["-", "IDEMPOTENT_REPEAT"] {
        assert_eq!(world.run(keyed(world.cx("ann"), "d", 3), Delete { id }).await.unwrap().output, id);
        assert_eq!(world.said().await, format!("MEMORY_DELETE allowed {reason} 1"));
    }
}

#[tokio::test]
async fn what_changes_nothing_needs_no_key() {
    let world = World::new();
    world.create("ann", vec![likes("tea")]).await;
    for digest in [1, 1, 2] {
        assert_eq!(refused(world.run(keyed(world.cx("ann"), "k", digest), read_of("ann")).await), "answered");
    }
}

#[tokio::test]
async fn keys_are_forgotten_in_time() {
    let world = World::new();
    world.run(keyed(world.cx("ann"), "k", 1), tea()).await.unwrap();
    world.clock.advance_days(limits::IDEMPOTENCY_KEPT_DAYS);
    jobs::expire_all(&world.engine).await.unwrap();
    assert_eq!(refused(world.run(keyed(world.cx("ann"), "k", 2), tea()).await), "KeyReused");
    world.clock.advance_micros(1);
    jobs::expire_all(&world.engine).await.unwrap();
    assert_eq!(refused(world.run(keyed(world.cx("ann"), "k", 2), tea()).await), "answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_request_at_once_is_done_once() {
    let world = World::new();
    // Two servers on one store: what one has in flight the other cannot know.
    let second = World::on(world.store.clone());
    (0..1_000).for_each(|_| drop(second.nobody()));
    let requests: Vec<_> = (0..24)
        .map(|n| {
            let world = if n % 2 == 0 { world.clone() } else { second.clone() };
            tokio::spawn(async move {
                match world.run(keyed(world.cx("ann"), "k", 1), tea()).await {
                    Ok(done) => {
                        Some(done.output.into_iter().map(|item| item.unwrap().id).collect::<Vec<_>>())
                    }
                    Err(refusal) => {
                        assert_eq!(word(&refusal), "InProgress");
                        None
                    }
                }
            })
        })
        .collect();
    let mut answers = Vec::new();
    for request in requests {
        answers.extend(request.await.unwrap());
    }
    assert!(!answers.is_empty() && answers.iter().all(|ids| *ids == answers[0]), "{answers:?}");
    assert_eq!(world.list("ann").await, answers[0]);
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn a_batch_has_one_key() {
    let world = World::new();
    let batch = |names: &[&str]| names.iter().map(|name| (user(name), likes("tea"))).collect::<Vec<_>>();
    let cx = keyed(world.nobody(), "k", 1);
    let ids = |results: Vec<Result<memoryscope_engine::op::batch::Item, _>>| -> Vec<_> {
        let id =
            |result: Result<memoryscope_engine::op::batch::Item, memoryscope_engine::refusal::Refusal>| {
                result.map(|item| item.result.expect("stored").id).map_err(|refusal| word(&refusal))
            };
        results.into_iter().map(id).collect()
    };
    let first = ids(create_batch(&world.engine, &cx, batch(&["bob", "ann", "bob"])).await);
    assert!(first.iter().all(Result::is_ok));
    let again = keyed(world.nobody(), "k", 1);
    assert_eq!(ids(create_batch(&world.engine, &again, batch(&["bob", "ann", "bob"])).await), first);
    let other = keyed(world.nobody(), "k", 2);
    let reused = ids(create_batch(&world.engine, &other, batch(&["ann", "bob", "cid", "dan"])).await);
    assert!(reused.iter().all(|result| *result == Err("KeyReused".to_owned())), "{reused:?}");
    assert!(world.list("cid").await.is_empty(), "nothing of it was stored");
    assert_eq!(refused(world.run(keyed(world.cx("ann"), "k", 3), tea()).await), "KeyReused");
    assert_eq!((world.list("ann").await.len(), world.list("bob").await.len()), (1, 2));
    assert!(create_batch(&world.engine, &cx, Vec::new()).await.is_empty());
}
