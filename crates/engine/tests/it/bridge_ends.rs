//! Who makes, sees and removes bridges, how many there may be, and what an erasure leaves of them.

use memoryscope_domain::bridge::Carries;
use memoryscope_domain::limits;
use memoryscope_domain::object::{Level, Object};
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::subject::Deed;
use memoryscope_engine::context::{Context, Idempotency};
use memoryscope_engine::op::bridge::{End, List, Make};
use memoryscope_engine::op::subject::{Admit, Export};
use memoryscope_engine::subjects;

use super::bridges::{ALL, CHAT, apollo, of, to_apollo};
use super::objects::{event, event_with, filters};
use super::support::{World, policy_with, refused, user, word};

#[tokio::test]
async fn whose_the_source_is_makes_bridges_and_either_end_knows_of_them() {
    let world = World::new();
    let reader = Context { principal: world.as_role("ann", Role::Reader).principal, ..world.core("ann") };
    for cx in [world.core("bob"), world.member("bob"), world.nobody(), reader] {
        let told = refused(world.run(cx, to_apollo(ALL)).await);
        assert_eq!(told, "ROLE_DENIED");
    }
    let first = world.bridge(to_apollo(ALL)).await;
    world.clock.advance_micros(1_000);
    let second = world.run(world.as_role("root", Role::Admin), to_apollo(ALL)).await.unwrap().output;
    let from_project = Make { source: apollo(), target: of("bob"), ..to_apollo(ALL) };
    assert_eq!(refused(world.run(world.core("ann"), from_project.clone()).await), "ROLE_DENIED");
    world.clock.advance_micros(1_000);
    let third = world.run(world.member("bob"), from_project).await.unwrap().output;
    let all = [first.id, second.id, third.id];
    assert_eq!(world.bridges_of(world.core("ann"), of("ann")).await, all[..2]);
    assert_eq!(world.bridges_of(world.member("bob"), of("ann")).await, all[..2]);
    assert_eq!(world.bridges_of(world.member("carl"), apollo()).await, all);
    assert_eq!(world.bridges_of(world.core("ann"), apollo()).await, all[..2]);
    assert_eq!(world.bridges_of(world.core("eve"), of("ann")).await, []);
    assert_eq!(world.bridges_of(world.as_role("root", Role::Admin), of("ann")).await, all[..2]);
    let page = |after| world.run(world.core("ann"), List { scope: of("ann"), after, limit: 1 });
    let one = page(None).await.unwrap().output;
    assert_eq!((one.bridges[0].id, one.next), (first.id, Some(first.id)));
    let two = page(one.next).await.unwrap().output;
    assert_eq!((two.bridges[0].id, two.next), (second.id, None));
    for (cx, expected) in [(world.core("eve"), "hidden"), (world.as_role("root", Role::Admin), "answered")] {
        assert_eq!(refused(world.run(cx, End { id: second.id }).await), expected);
    }
}

#[tokio::test]
async fn a_policy_decides_for_each_bridge_and_each_memory() {
    let world = World::new();
    let wanted = |purposes: &[Purpose]| Make {
        purposes: purposes.iter().copied().collect(),
        ..to_apollo(Carries { events: true, ..Carries::default() })
    };
    let denied = world.run(world.core("ann"), wanted(&[CHAT, Purpose::ComplianceAudit])).await;
    assert_eq!(refused(denied), "POLICY_DENIED");
    assert_eq!(world.said().await, "BRIDGE_CREATE denied POLICY_DENIED 0");
    let rule = "when: {request.operation: bridge.create, memory.scope.id: ann}, then: {allow_bridge: false}";
    world.activate(policy_with("p2", rule)).await;
    assert_eq!(refused(world.run(world.core("ann"), wanted(&[CHAT])).await), "POLICY_DENIED");
    assert_eq!(
        refused(world.run(world.core("carl"), Make { source: of("carl"), ..wanted(&[CHAT]) }).await),
        "answered"
    );
    let rule = "when: {memory.type: event, memory.sensitivity.level: medium}, then: {allow_bridge: false}";
    world.activate(policy_with("p3", rule)).await;
    world.bridge(wanted(&[CHAT])).await;
    let id = world.ingest("ann", event("ann", "It rained.")).await.id;
    let medium = |object: &mut Object| object.sensitivity.level = Level::Medium;
    let other = world.ingest("ann", event_with("ann", "It snowed.", medium)).await.id;
    assert!(world.crosses(id).await && !world.crosses(other).await);
    assert!(world.found(world.core("ann"), "ann", CHAT, filters()).await.contains(&other));
}

#[tokio::test]
async fn there_is_an_end_to_bridges() {
    let world = World::new();
    for _ in 0..limits::BRIDGES_TO_MAX {
        world.bridge(to_apollo(ALL)).await;
    }
    let one_more = refused(world.run(world.core("ann"), to_apollo(ALL)).await);
    assert_eq!(one_more, "too large: bridges to one scope");
    for at in limits::BRIDGES_TO_MAX..limits::BRIDGES_FROM_MAX {
        let target = of(&format!("friend{at}"));
        world.bridge(Make { target, ..to_apollo(ALL) }).await;
    }
    let one_more = world.run(world.core("ann"), Make { target: of("eve"), ..to_apollo(ALL) }).await;
    assert_eq!(refused(one_more), "too large: bridges from one scope");
    let ends = world.bridges_of(world.core("ann"), of("ann")).await;
    world.run(world.core("ann"), End { id: ends[0] }).await.unwrap();
    world.bridge(to_apollo(ALL)).await;
}

#[tokio::test]
async fn a_bridge_is_made_once_for_one_key() {
    let world = World::new();
    let keyed = |digest: u8| Context {
        idempotency: Some(Idempotency {
            key: memoryscope_domain::change::IdempotencyKey {
                client: "local".to_owned(),
                key: "once".to_owned(),
            },
            request_digest: [digest; 32],
        }),
        ..world.core("ann")
    };
    let first = world.run(keyed(1), to_apollo(ALL)).await.unwrap().output;
    let again = world.run(keyed(1), to_apollo(ALL)).await.unwrap().output;
    assert_eq!(first, again);
    assert_eq!(world.bridges_of(world.core("ann"), of("ann")).await, [first.id]);
    assert_eq!(refused(world.run(keyed(2), to_apollo(ALL)).await), "KeyReused");
}

#[tokio::test]
async fn an_erased_persons_bridges_are_gone_and_counted() {
    let world = World::new();
    let kept = world.bridge(Make { source: of("carl"), ..to_apollo(ALL) }).await;
    let first = world.bridge(to_apollo(ALL)).await;
    world.bridge(Make { source: of("carl"), target: of("ann"), ..to_apollo(ALL) }).await;
    world.run(world.core("ann"), End { id: first.id }).await.unwrap();
    let exported = world.run(world.core("ann"), Export::of(user("ann"))).await.unwrap().output;
    assert_eq!(exported.bridges.len(), 2);
    let admit = Admit { person: user("ann"), deed: Deed::Erase, reason: None };
    let receipt = subjects::carry_out(&world.engine, &world.core("ann"), &admit).await;
    assert_eq!(receipt.unwrap_or_else(|refusal| panic!("{}", word(&refusal))).bridges, 2);
    assert_eq!(world.bridges_of(world.core("carl"), of("carl")).await, [kept.id]);
    assert_eq!(refused(world.run(world.as_role("root", Role::Admin), End { id: first.id }).await), "hidden");
    assert!(world.verification().await.ok);
    assert!(!format!("{:?}", world.store).contains("\"ann\""));
}
