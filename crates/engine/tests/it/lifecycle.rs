//! Steps with a memory that was stored: who may make them, what follows them, and what each leaves in the chain.

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::lifecycle::{Barred, Step, Verdict};
use memoryscope_domain::memory::{MemoryType, State};
use memoryscope_domain::object::{Distinct, Note, Unit};
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use memoryscope_engine::context::Context;
use memoryscope_engine::op::ingest::NewObject;
use memoryscope_engine::op::step::{Made, MakeStep};

use super::objects::{event, event_with, filters};
use super::support::{Answer, World, refused, user};

const SEAL: Step = Step::Seal { reason: None };
const RELEASE: Step = Step::Release { reason: None };
const REVOKE: Step = Step::Revoke { reason: None };

impl World {
    pub(crate) async fn step(&self, cx: Context, id: MemoryId, step: Step) -> Answer<Result<Made, Barred>> {
        self.run(cx, MakeStep { id, step }).await
    }

    async fn made(&self, name: &str, id: MemoryId, step: Step) -> Made {
        self.step(self.core(name), id, step).await.expect("a step").output.expect("it is made")
    }

    async fn chat(&self, name: &str) -> Vec<MemoryId> {
        self.found(self.core(name), name, Purpose::ChatResponse, filters()).await
    }
}

/// An event that somebody says was derived from these.
fn derived(whose: &str, parents: &[MemoryId]) -> NewObject {
    event_with(whose, "They said so in Madrid.", |object| {
        object.provenance.derived_from = Distinct::new(parents.to_vec()).expect("few");
    })
}

fn note(text: &str) -> Note {
    Note::parse(text).expect("a note")
}

#[tokio::test]
async fn a_seal_reaches_everything_derived_and_a_release_gives_it_back() {
    let world = World::new();
    let root = world.ingest("ann", event("ann", "Please use bullet points about Lisbon.")).await;
    let below = world.ingest("ann", derived("ann", &[root.id])).await;
    let impact = root.derived[0].0;
    let grandchild = world.ingest("ann", derived("ann", &[impact])).await;
    assert_eq!(world.chat("ann").await.len(), 7);
    let made = world.made("ann", root.id, SEAL).await;
    assert_eq!(made.memory.state, State::Sealed);
    // Its impact, its seed, both events below, and the seeds of these.
    assert_eq!(made.propagated_to.len(), 6);
    assert_eq!(world.said().await, "MEMORY_SEAL allowed - 7");
    assert!(world.chat("ann").await.is_empty());
    for id in [below.id, grandchild.id] {
        assert_eq!(world.stored(id).await.state, State::Sealed);
    }
    let again = world.made("ann", root.id, SEAL).await;
    assert!(again.propagated_to.is_empty());
    assert_eq!(world.said().await, "MEMORY_SEAL allowed ALREADY_DONE 1");
    assert_eq!(world.stored(root.id).await.version, 2);
    let released = world.made("ann", root.id, RELEASE).await;
    assert_eq!((released.memory.state, released.propagated_to.len()), (State::Restricted, 6));
    assert_eq!(world.stored(impact).await.state, State::Restricted);
    assert!(world.chat("ann").await.is_empty());
    let reflection = world.found(world.core("ann"), "ann", Purpose::ReflectionRequestedByUser, filters());
    assert_eq!(reflection.await.len(), 7);
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn a_revocation_leaves_what_another_supports_to_a_review() {
    let world = World::new();
    let one = world.ingest("ann", event("ann", "It rained in Porto.")).await;
    let two = world.ingest("ann", event("ann", "It snowed in Oslo.")).await;
    let only = world.ingest("ann", derived("ann", &[one.id])).await;
    let both = world.ingest("ann", derived("ann", &[one.id, two.id])).await;
    let made = world.made("ann", one.id, REVOKE).await;
    assert!(made.propagated_to.contains(&only.id) && made.propagated_to.contains(&both.id));
    let state = async |id| world.stored(id).await.state;
    assert_eq!(state(one.id).await, State::Revoked);
    assert_eq!(state(only.id).await, State::Revoked);
    assert_eq!(state(both.id).await, State::Restricted);
    for (id, of_type) in &one.derived {
        assert_eq!(state(*id).await, State::Revoked, "{of_type:?}");
    }
    let barred = world.step(world.core("ann"), one.id, SEAL).await.unwrap().output;
    assert_eq!(barred, Err(Barred::State(State::Revoked)));
    assert_eq!(world.said().await, "MEMORY_SEAL allowed BARRED 1");
}

#[tokio::test]
async fn erasing_leaves_nothing_of_what_was_computed() {
    let world = World::new();
    let root = world.ingest("ann", event("ann", "Please use bullet points about Lisbon.")).await;
    let made = world.made("ann", root.id, Step::Erase).await;
    assert_eq!(made.propagated_to.len(), root.derived.len());
    for id in root.derived.iter().map(|child| child.0).chain([root.id]) {
        assert!(world.stored(id).await.is_tombstone());
    }
    assert_eq!(world.said().await, "MEMORY_DELETE allowed - 3");
    assert!(world.made("ann", root.id, Step::Erase).await.propagated_to.is_empty());
}

#[tokio::test]
async fn nobody_learns_of_what_is_not_theirs_to_know() {
    let world = World::new();
    let root = world.ingest("ann", event("ann", "It rained.")).await;
    for step in [SEAL, RELEASE, REVOKE, Step::Erase, Step::Dispute { reason: note("no") }] {
        assert_eq!(refused(world.step(world.core("bob"), root.id, step.clone()).await), "hidden");
        let unknown = MemoryId::from_uuid(uuid::Uuid::from_u128(7));
        assert_eq!(refused(world.step(world.core("ann"), unknown, step).await), "hidden");
    }
    let mut reader = world.core("ann");
    reader.principal.roles = [Role::Reader].into();
    assert_eq!(refused(world.step(reader, root.id, SEAL).await), "ROLE_DENIED");
    // An admin looks after what others own.
    let admin = world.as_role("carl", Role::Admin);
    assert!(world.step(admin, root.id, SEAL).await.unwrap().output.is_ok());
}

#[tokio::test]
async fn who_may_read_may_not_change_everything() {
    let world = World::new();
    let shared = event_with("ann", "We meet on Friday.", |object| {
        object.ownership.owners = Distinct::new(vec![user("ann")]).unwrap();
        object.ownership.subjects = Distinct::new(vec![user("bob")]).unwrap();
        object.ownership.claimant = Some(user("eve"));
    });
    let root = world.ingest("ann", shared).await;
    let by = |name: &str, step: Step| world.step(world.core(name), root.id, step);
    assert_eq!(refused(by("bob", RELEASE).await), "POLICY_DENIED");
    assert_eq!(refused(by("bob", Step::Erase).await), "POLICY_DENIED");
    assert_eq!(refused(by("eve", SEAL).await), "hidden");
    assert!(by("bob", Step::Dispute { reason: note("on Thursday") }).await.unwrap().output.is_ok());
    assert!(world.chat("ann").await.is_empty(), "what is disputed is in no prompt, nor what follows from it");
    let affirm = || Step::Attest { verdict: Verdict::Affirm, attestation: note("I was there") };
    assert!(by("ann", affirm()).await.unwrap().output.is_ok());
    assert!(world.chat("ann").await.is_empty());
    assert!(by("bob", affirm()).await.unwrap().output.is_ok());
    assert_eq!(world.chat("ann").await.len(), 1 + root.derived.len());
    assert!(by("bob", SEAL).await.unwrap().output.is_ok());
}

#[tokio::test]
async fn reading_for_an_audit_is_no_right_to_change() {
    let world = World::new();
    let root = world.ingest("ann", event("ann", "It rained.")).await;
    let reinforce = || Step::Reinforce { by: Unit::ONE, reason: None };
    let affirm = || Step::Attest { verdict: Verdict::Affirm, attestation: note("so it was") };
    for role in [Role::Auditor, Role::Admin] {
        for step in [reinforce(), affirm(), Step::Recall(Box::default())] {
            let refusal = refused(world.step(world.as_role("carl", role), root.id, step).await);
            assert_eq!(refusal, "POLICY_DENIED", "{}", role.name());
        }
    }
    assert_eq!(world.stored(root.id).await.version, 1);
    for step in [reinforce(), affirm()] {
        assert!(world.step(world.as_role("ann", Role::Auditor), root.id, step).await.unwrap().output.is_ok());
    }
}

#[tokio::test]
async fn strength_is_what_is_left_and_more() {
    let world = World::new();
    let root = world.ingest("ann", event("ann", "It rained in Porto.")).await;
    world.clock.advance_days(30);
    let step = Step::Reinforce { by: Unit::clamped(0.1), reason: None };
    let made = world.made("ann", root.id, step.clone()).await;
    let now = world.core("ann").now;
    assert!((made.memory.strength(now).get() - 0.6).abs() < 1e-9);
    assert!(made.propagated_to.is_empty());
    world.made("ann", root.id, SEAL).await;
    let barred = world.step(world.core("ann"), root.id, step).await.unwrap().output;
    assert_eq!(barred, Err(Barred::State(State::Sealed)));
}

#[tokio::test]
async fn a_child_that_comes_after_the_seal_is_sealed_with_its_parent() {
    let world = World::new();
    let root = world
        .ingest("ann", event_with("ann", "It happened in Porto.", super::objects::category("trauma")))
        .await;
    assert_eq!(root.state, State::Sealed);
    let (impact, of_type) = root.derived[0];
    assert_eq!((of_type, world.stored(impact).await.state), (MemoryType::Impact, State::Active));
    let late = world.ingest("ann", derived("ann", &[impact])).await;
    assert_eq!(late.state, State::Sealed);
}

/// A chain of five generations, two hundred memories in each, every one of them derived from one of the generation before.
#[tokio::test]
async fn a_thousand_descendants_follow_in_one_call() {
    let world = World::new();
    let root = world.ingest("ann", event("ann", "Yes.")).await.id;
    let (mut generation, mut all) = (vec![root], Vec::new());
    for _ in 0..5 {
        let mut next = Vec::new();
        for at in 0..200 {
            next.push(world.ingest("ann", said_of(&[generation[at % generation.len()]])).await.id);
        }
        all.extend(next.iter().copied());
        generation = next;
    }
    let length = world.length().await;
    let made = world.made("ann", root, REVOKE).await;
    assert_eq!(made.propagated_to.len(), 1_000);
    assert_eq!(world.length().await, length + 1);
    for id in all {
        assert_eq!(world.stored(id).await.state, State::Revoked);
    }
}

/// Says nothing that anything follows from.
fn said_of(parents: &[MemoryId]) -> NewObject {
    event_with("ann", "Yes.", |object| {
        object.provenance.derived_from = Distinct::new(parents.to_vec()).expect("few");
    })
}
