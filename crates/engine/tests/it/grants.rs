//! Continue and revoke: what a token is worth, to whom, for how long.

use memoryscope_domain::grant::Token;
use memoryscope_domain::purpose::Purpose;
use memoryscope_engine::context::Context;
use memoryscope_engine::op::continue_read::Continue;
use memoryscope_engine::op::list::List;
use memoryscope_engine::op::read::Read;
use memoryscope_engine::op::revoke::Revoke;
use memoryscope_engine::refusal::Refusal;
use serde_json::json;

use super::support::{World, liked, likes, list_of, no_reads, policy_with, read_of, refused, user, word};

const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

#[tokio::test]
async fn a_token_reads_again_and_again() {
    let world = World::new();
    let first = world.create_later("ann", likes("tea")).await;
    let answer = world.read("ann").await.unwrap().output;
    let token = answer.token.unwrap();
    let second = world.create_later("ann", likes("jazz")).await;
    for _ in 0..2 {
        let again = world.continued(&token).await.unwrap();
        assert_eq!(liked(&again), json!(["jazz", "tea"]), "what came since is in it");
        assert_eq!((again.output.token, again.output.expires), (None, answer.expires));
        assert_eq!(world.said().await, "MEMORY_READ allowed CONTINUE 2");
        let (entry, private) = world.last().await;
        assert_eq!(entry.memories.listed(), [first, second]);
        assert_eq!(entry.purpose.unwrap().name(), "recommendation");
        assert_eq!(entry.kind.unwrap().as_str(), "preferences");
        assert_eq!(private["user_id"], json!("ann"), "whose grant it is, though the caller named nobody");
    }
}

#[tokio::test]
async fn a_token_is_worth_nothing_after_a_day() {
    let world = World::new();
    let token = world.token("ann").await;
    world.clock.advance_micros(DAY_MICROS - 1);
    assert_eq!(refused(world.continued(&token).await), "answered");
    world.clock.advance_micros(1);
    assert_eq!(refused(world.continued(&token).await), "Expired");
    assert_eq!(world.said().await, "MEMORY_READ denied EXPIRED 0");
    assert!(world.last().await.0.grant.is_some());
    assert_eq!(refused(world.revoke(&token).await), "answered", "it can still be given back");
}

#[tokio::test]
async fn a_token_is_given_back_once() {
    let world = World::new();
    let token = world.token("ann").await;
    let now = world.nobody().now;
    assert_eq!(world.revoke(&token).await.unwrap().output, now);
    assert_eq!(world.said().await, "MEMORY_REVOKE allowed - 0");
    let (entry, _) = world.last().await;
    assert!(entry.grant.is_some() && entry.subject.is_some());
    assert_eq!(refused(world.continued(&token).await), "Revoked");
    assert_eq!(world.said().await, "MEMORY_READ denied REVOKED 0");
    assert_eq!(refused(world.revoke(&token).await), "hidden");
    assert_eq!(world.said().await, "MEMORY_REVOKE not_found UNKNOWN_TOKEN 0");
    assert_eq!(refused(world.continued(&token).await), "Revoked");
}

#[tokio::test]
async fn to_anybody_else_a_token_is_unknown() {
    let world = World::new();
    world.create("ann", vec![likes("tea")]).await;
    let token = world.token("ann").await;
    let other = || {
        let mut cx = world.nobody();
        cx.principal.client = "other".to_owned();
        cx
    };
    let unknown = Token::from_bytes([9; 32]);
    let mut entries = Vec::new();
    for token in [&token, &unknown] {
        let again = Continue { token_hash: token.hash(), max_age_days: None };
        assert_eq!(refused(world.run(other(), again).await), "hidden");
        entries.push(world.last().await);
        assert_eq!(refused(world.run(other(), Revoke { token_hash: token.hash() }).await), "hidden");
        entries.push(world.last().await);
    }
    let facts = |(draft, _): &(memoryscope_domain::audit_chain::Draft, _)| {
        (draft.actor, draft.subject, draft.grant, draft.purpose, draft.kind.clone(), draft.scope_type)
    };
    assert_eq!(
        facts(&entries[0]),
        facts(&entries[2]),
        "the chain tells the two apart no more than the answer"
    );
    assert_eq!(facts(&entries[1]), facts(&entries[3]));
    assert_eq!(refused(world.continued(&token).await), "answered", "it is still its holder's");
}

#[tokio::test]
async fn a_token_of_another_tenant_is_unknown() {
    let world = World::new();
    let token = world.token("ann").await;
    let mut cx = world.nobody();
    cx.principal.tenant = memoryscope_domain::ids::TenantId::parse("t_other").unwrap();
    let again = Continue { token_hash: token.hash(), max_age_days: None };
    assert_eq!(refused(world.run(cx, again).await), "hidden");
}

#[tokio::test]
async fn age_is_clamped_to_what_was_granted() {
    let world = World::new();
    world.create("ann", vec![likes("old")]).await;
    world.clock.advance_days(5);
    world.create("ann", vec![likes("new")]).await;
    for (granted, asked, seen) in [
        (None, None, json!(["new", "old"])),
        (None, Some(1), json!(["new"])),
        (Some(1), None, json!(["new"])),
        (Some(1), Some(100), json!(["new"])),
        (Some(100), Some(1), json!(["new"])),
        (Some(5), Some(5), json!(["new", "old"])),
    ] {
        let read = Read { max_age_days: granted, ..read_of("ann") };
        let token = world.run(world.cx("ann"), read).await.unwrap().output.token.unwrap();
        let again = Continue { token_hash: token.hash(), max_age_days: asked };
        let answer = world.run(world.nobody(), again).await.unwrap();
        assert_eq!(liked(&answer), seen, "{granted:?} {asked:?}");
    }
}

#[tokio::test]
async fn continuing_is_decided_again() {
    let world = World::new();
    world.create("ann", vec![likes("tea")]).await;
    let token = world.token("ann").await;
    world.activate(no_reads("p2")).await;
    let Err(Refusal::Denied { denied, .. }) = world.continued(&token).await else { panic!("it is denied") };
    assert_eq!(
        (denied.purpose.unwrap().name(), denied.kind.unwrap().name()),
        ("recommendation", "preferences")
    );
    assert_eq!(world.said().await, "MEMORY_READ denied POLICY_DENIED 0");
    let (entry, private) = world.last().await;
    assert_eq!(&*entry.policy.version, "p2");
    assert_eq!((entry.purpose, entry.grant.is_some()), (denied.purpose, true));
    assert_eq!(private["user_id"], json!("ann"));
    assert_eq!(refused(world.revoke(&token).await), "answered", "giving back is always allowed");
}

#[tokio::test]
async fn a_grant_is_for_the_person_that_the_caller_acts_for() {
    let world = World::new();
    world.create("ann", vec![likes("tea")]).await;
    let read = |cx: Context| {
        let world = world.clone();
        async move { world.run(cx, Read { user: user("ann"), ..read_of("bob") }).await }
    };
    let answer = read(world.cx("bob")).await.unwrap();
    assert_eq!((liked(&answer), answer.output.token), (json!(null), None), "what is another's is not seen");
    let answer = read(world.nobody()).await.map_err(|refusal| word(&refusal)).unwrap();
    assert_eq!(answer.output.token, None);
    assert!(world.last().await.0.grant.is_none());
}

#[tokio::test]
async fn a_rule_for_whatever_purpose_grants_none_that_is_not_known() {
    let world = World::new();
    world.create("ann", vec![likes("tea")]).await;
    let rule = "when: {memory.type: preference}, then: {allow_read: true}";
    world.activate(policy_with("p2", rule)).await;
    let unknown = || Read { purpose: None, purpose_text: Some("sell it".to_owned()), ..read_of("ann") };
    assert_eq!(refused(world.run(world.cx("ann"), unknown()).await), "POLICY_DENIED");
    let list = List { purpose: None, ..list_of("ann", 9, None) };
    assert_eq!(refused(world.run(world.cx("ann"), list).await), "POLICY_DENIED");
    let known = Read { purpose: Some(Purpose::SubjectAccess), ..read_of("ann") };
    assert_eq!(refused(world.run(world.cx("ann"), known).await), "answered");
}
