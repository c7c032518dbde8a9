//! Expiry, the audit chain's own operations, checkpoints, and the switch of a policy.

use memoryscope_domain::audit_chain::{CheckpointKey, Code, Hash32, Seq, SignedCheckpoint};
use memoryscope_domain::ids::{AuditId, TenantId};
use memoryscope_domain::limits;
use memoryscope_domain::memory::State;
use memoryscope_domain::policy::Policy;
use memoryscope_domain::principal::Role;
use memoryscope_engine::context::Context;
use memoryscope_engine::jobs;
use memoryscope_engine::op::audit::{Get, List, Walk};
use memoryscope_engine::op::checkpoint::SignHead;
use memoryscope_engine::op::create::{Create, NewPreference};
use memoryscope_engine::op::expire::Expire;
use memoryscope_engine::op::policy::Activate;
use memoryscope_engine::port::Select;

use super::support::{World, likes, no_reads, refused, tenant, user};

fn auditor(world: &World) -> Context {
    let mut cx = world.nobody();
    cx.principal.roles = [Role::Auditor].into();
    cx
}

const ALL: List = List { after: Seq::ZERO, until: None, limit: 1_000, accesses_only: false };

#[tokio::test]
async fn what_has_expired_is_erased_at_that_instant() {
    let world = World::new();
    let short = NewPreference { ttl_days: 1, ..likes("short") };
    let ids = world.create("ann", vec![short, likes("long")]).await;
    world.clock.advance_days(1);
    world.clock.advance_micros(-1);
    assert_eq!(jobs::expire_all(&world.engine).await.unwrap(), 0);
    assert_eq!(world.length().await, 1, "nothing was due, so nothing was written");
    world.clock.advance_micros(1);
    assert_eq!(jobs::expire_all(&world.engine).await.unwrap(), 1);
    assert_eq!(world.said().await, "MEMORY_EXPIRE allowed - 1");
    let stored = world.facts(Select::Memories(ids)).await.memories;
    assert_eq!([stored[0].state, stored[1].state], [State::Tombstoned, State::Active]);
    assert_eq!(refused(world.delete("ann", stored[0].id).await), "hidden", "before the job and after it");
    assert_eq!(jobs::expire_all(&world.engine).await.unwrap(), 0);
    assert_eq!(world.length().await, 3);
}

#[tokio::test]
async fn each_batch_is_one_entry_and_the_job_ends() {
    for (count, batches) in [(limits::EXPIRY_BATCH_ITEMS, 2), (2 * limits::EXPIRY_BATCH_ITEMS + 1, 3)] {
        let world = World::new();
        let items = (0..count).map(|n| likes(&format!("like {n}"))).collect();
        world.create("ann", items).await;
        world.clock.advance_days(30);
        assert_eq!(jobs::expire_all(&world.engine).await.unwrap(), count);
        assert_eq!(world.length().await, 1 + batches);
        assert!(world.facts(Select::Expired { limit: 1 }).await.memories.is_empty());
        assert!(world.verification().await.ok);
    }
}

#[tokio::test]
async fn old_grants_are_forgotten() {
    let world = World::new();
    let token = world.token("ann").await;
    world.clock.advance_days(1 + limits::GRANT_KEPT_DAYS);
    assert_eq!(jobs::expire_all(&world.engine).await.unwrap(), 0);
    assert_eq!(refused(world.continued(&token).await), "Expired");
    world.clock.advance_micros(1);
    assert_eq!(jobs::expire_all(&world.engine).await.unwrap(), 0);
    assert_eq!(refused(world.continued(&token).await), "hidden");
    assert_eq!(jobs::expire_all(&world.engine).await.unwrap(), 0, "and nothing is due any more");
}

#[tokio::test]
async fn every_tenant_has_its_turn() {
    let world = World::new();
    for name in ["t_a", "t_b", "t_c"] {
        let mut cx = world.cx("ann");
        cx.principal.tenant = TenantId::parse(name).unwrap();
        world.run(cx, Create { user: user("ann"), items: vec![likes("tea")] }).await.unwrap();
    }
    world.clock.advance_days(30);
    assert_eq!(jobs::expire_all(&world.engine).await.unwrap(), 3);
}

#[tokio::test]
async fn only_the_server_does_its_own_jobs() {
    let world = World::new();
    let all = || {
        let mut cx = world.cx("ann");
        cx.principal.roles = Role::ALL.into();
        cx
    };
    assert_eq!(refused(world.run(all(), Expire).await), "ROLE_DENIED");
    assert_eq!(world.said().await, "MEMORY_EXPIRE denied ROLE_DENIED 0");
    assert_eq!(refused(world.run(all(), Activate { policy: Policy::builtin() }).await), "ROLE_DENIED");
    let key = CheckpointKey::from_bytes(&[1; 32]);
    assert_eq!(refused(world.run(all(), SignHead { key }).await), "ROLE_DENIED");
    assert_eq!(world.length().await, 3, "each is in the chain");
    let checkpoints = world.facts(Select::Verification).await.checkpoints;
    assert!(checkpoints.is_empty());
}

#[tokio::test]
async fn auditors_read_the_chain_and_are_in_it() {
    let world = World::new();
    world.create("ann", vec![likes("tea")]).await;
    let read = world.read("ann").await.unwrap();
    assert_eq!(refused(world.run(world.cx("ann"), ALL).await), "ROLE_DENIED");
    assert_eq!(world.said().await, "AUDIT_READ denied ROLE_DENIED 0");

    let page = world.run(auditor(&world), ALL).await.unwrap().output;
    assert_eq!((page.items.len(), page.next), (3, None));
    let page = world.run(auditor(&world), List { limit: 2, ..ALL }).await.unwrap().output;
    assert_eq!(page.next, Some((Seq(2), Seq(4))));
    let last = List { after: Seq(2), until: Some(Seq(4)), limit: 9, ..ALL };
    let last = world.run(auditor(&world), last).await.unwrap().output;
    assert_eq!((last.items.len(), last.next), (2, None), "reading pages does not keep the listing going");
    let rest = world.run(auditor(&world), List { after: Seq(2), limit: 9, ..ALL }).await.unwrap().output;
    assert_eq!((rest.items[0].entry.seq, rest.items.len()), (Seq(3), 4));
    let logs = world.run(auditor(&world), List { accesses_only: true, ..ALL }).await.unwrap().output.items;
    assert_eq!(logs.iter().map(|log| log.entry.id).collect::<Vec<_>>(), [read.access_log]);

    let log = world.run(auditor(&world), Get { id: read.access_log }).await.unwrap().output.unwrap();
    assert_eq!(log.entry.parse().unwrap().draft.operation, Code::MEMORY_READ);
    let unknown = AuditId::from_uuid(uuid::Uuid::from_u128(7));
    assert!(world.run(auditor(&world), Get { id: unknown }).await.unwrap().output.is_none());
    assert_eq!(world.said().await, "AUDIT_READ allowed NOT_FOUND 0");

    for walk in [Walk::Verify, Walk::Export] {
        let length = world.length().await;
        let walked = world.run(auditor(&world), walk).await.unwrap().output;
        assert_eq!((walked.verification.ok, walked.verification.entries), (true, length));
    }
    assert_eq!(refused(world.run(world.cx("ann"), Walk::Verify).await), "ROLE_DENIED");
}

#[tokio::test]
async fn the_chain_says_nothing_of_content() {
    let world = World::new();
    world.create("canary-user", vec![likes("canary-like")]).await;
    let token = world.token("canary-user").await;
    world.continued(&token).await.unwrap();
    for stored in world.chain().await {
        assert!(!stored.entry.text.contains("canary"), "{}", stored.entry.text);
        let private = stored.private.unwrap();
        assert!(!private.as_str().contains("canary-like") && !private.as_str().contains(&token.reveal()));
    }
}

async fn sign(world: &World) -> SignedCheckpoint {
    let key = CheckpointKey::from_bytes(&[1; 32]);
    world.run(world.system(), SignHead { key }).await.unwrap().output.expect("the chain holds")
}

#[tokio::test]
async fn checkpoints_are_a_chain_of_their_own() {
    let world = World::new();
    let first = sign(&world).await;
    assert_eq!((first.checkpoint.head.seq, first.checkpoint.prev_checkpoint), (Seq::ZERO, None));
    world.create("ann", vec![likes("tea")]).await;
    let second = sign(&world).await;
    assert_eq!(second.checkpoint.head.seq, Seq(2));
    assert_eq!(second.checkpoint.prev_checkpoint, Some(first.checkpoint.hash()));
    assert_eq!(second.checkpoint.tenant, tenant());
    let found = world.verification().await;
    assert_eq!((found.ok, found.checkpoints), (true, 2));
    assert_eq!(world.said().await, "AUDIT_CHECKPOINT allowed - 0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_at_the_same_time_are_one_chain_too() {
    let world = World::new();
    let signing: Vec<_> = (0..8)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { sign(&world).await })
        })
        .collect();
    for signed in signing {
        signed.await.unwrap();
    }
    let found = world.verification().await;
    assert_eq!((found.ok, found.checkpoints, found.first_broken), (true, 8, None));
}

#[tokio::test]
async fn a_policy_holds_from_its_activation_on() {
    let world = World::new();
    world.create("ann", vec![likes("tea")]).await;
    let builtin = Policy::builtin();
    let policy = no_reads("p2");
    world.activate(policy.clone()).await;
    let (entry, private) = world.last().await;
    assert_eq!(entry.policy.hash.to_string(), **builtin.hash(), "it was decided by the one before");
    assert_eq!(private["request"]["policy_version"], "p2");
    assert_eq!(refused(world.read("ann").await), "POLICY_DENIED");
    assert_eq!(world.last().await.0.policy.hash, Hash32::parse(policy.hash()).unwrap());
    world.activate(builtin).await;
    assert_eq!(refused(world.read("ann").await), "answered");
    assert!(world.verification().await.ok);

    let restarted = World::on(world.store.clone());
    (0..100).for_each(|_| drop(restarted.nobody()));
    restarted.activate(policy).await;
    assert_eq!(
        refused(world.read("ann").await),
        "POLICY_DENIED",
        "another server's activation counts at once"
    );
    assert_eq!(world.length().await, 7);
}
