//! Families that are too large for one commit: hidden at once, and followed by the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use memoryscope_domain::change::{ChangeSet, PolicyDocument};
use memoryscope_domain::govern::Decided;
use memoryscope_domain::ids::{IdSeed, MemoryId, TenantId};
use memoryscope_domain::lifecycle::{Barred, Step};
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Body, Key, State};
use memoryscope_domain::object::Distinct;
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::record::RecordKind;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::subject::Deed;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::context::Context;
use memoryscope_engine::memory_store::MemoryStore;
use memoryscope_engine::op::gate::AskGate;
use memoryscope_engine::op::get::{Get, History};
use memoryscope_engine::op::ingest::{Ingest, NewObject};
use memoryscope_engine::op::propagate::{Followed, Propagate};
use memoryscope_engine::op::step::{Made, MakeStep};
use memoryscope_engine::op::subject::{Admit, Export};
use memoryscope_engine::port::{Due, Health, Load, Receipt, Snapshot, Store, StoreError};
use memoryscope_engine::subjects::carry_out;
use memoryscope_engine::{fakes, jobs};

use super::objects::{event, event_with, filters};
use super::support::{World, refused, user};

const SEAL: Step = Step::Seal { reason: None };
const RELEASE: Step = Step::Release { reason: None };
const REVOKE: Step = Step::Revoke { reason: None };

/// Says nothing that anything follows from.
fn said_of(whose: &str, parents: &[MemoryId]) -> NewObject {
    event_with(whose, "Yes.", |object| {
        object.provenance.derived_from = Distinct::new(parents.to_vec()).expect("few");
    })
}

/// A root with an impact and a seed; more children than follow in one commit; and below the first of these a chain of three.
struct Large {
    root: MemoryId,
    computed: Vec<MemoryId>,
    children: Vec<MemoryId>,
    chain: Vec<MemoryId>,
}

impl Large {
    async fn new(world: &World) -> Self {
        Self::below(world, &[]).await
    }

    async fn below(world: &World, parents: &[MemoryId]) -> Self {
        let root = event_with("ann", "Please use bullet points about Lisbon.", |object| {
            object.provenance.derived_from = Distinct::new(parents.to_vec()).expect("few");
        });
        let root = world.ingest("ann", root).await;
        let mut children = Vec::new();
        while children.len() <= limits::PROPAGATION_ROWS {
            let items = (0..1_000).map(|_| said_of("ann", &[root.id])).collect();
            let made = world.run(world.core("ann"), Ingest { items }).await.expect("stored").output;
            children.extend(made.into_iter().map(|one| one.expect("stored").id));
        }
        let mut chain = vec![children[0]];
        for _ in 0..3 {
            // It is about Carl, too.
            let mut next = said_of("ann", &[*chain.last().expect("one")]);
            if let Body::Event(event) = &mut next.body {
                event.ownership.subjects = Distinct::new(vec![user("carl")]).expect("one");
            }
            chain.push(world.ingest("ann", next).await.id);
        }
        chain.remove(0);
        Self { root: root.id, computed: root.derived.iter().map(|child| child.0).collect(), children, chain }
    }

    fn all(&self) -> impl Iterator<Item = MemoryId> {
        self.computed.iter().chain(&self.children).chain(&self.chain).copied()
    }

    /// Some of each kind.
    fn some(&self) -> Vec<MemoryId> {
        let ends = [self.children[0], self.children[self.children.len() - 1]];
        ends.into_iter().chain(self.computed.iter().copied()).chain(self.chain.iter().copied()).collect()
    }
}

async fn made(world: &World, id: MemoryId, step: Step) -> Made {
    let done = world.run(world.core("ann"), MakeStep { id, step }).await.expect("a step");
    done.output.expect("it is made")
}

async fn batch(world: &World) -> Followed {
    world.run(world.system(), Propagate).await.expect("a batch").output
}

async fn states(world: &World, ids: impl Iterator<Item = MemoryId>, expect: State) {
    for id in ids {
        assert_eq!(world.stored(id).await.state, expect);
    }
}

/// Nothing of it is read by Ann, who owns it, nor by an auditor.
async fn nothing_is_read(world: &World, large: &Large) {
    let auditor = || world.as_role("eve", Role::Auditor);
    for id in large.some() {
        for (cx, purpose) in [
            (world.core("ann"), Purpose::ChatResponse),
            (world.core("ann"), Purpose::SubjectAccess),
            (auditor(), Purpose::ComplianceAudit),
        ] {
            let history = History { id, purpose, after: 0, limit: 9 };
            assert_eq!(refused(world.run(cx.clone(), Get { id, purpose }).await), "hidden");
            assert_eq!(refused(world.run(cx, history).await), "hidden");
        }
        let scope = Scope::of_user(&user("ann"));
        let (tool, evidence) = ("order".to_owned(), vec![id]);
        let gate = AskGate { scope, tool, purpose: Purpose::TaskExecution, evidence };
        assert!(!world.run(world.core("ann"), gate).await.expect("an answer").output.gate.is_open());
        let late = world.run(world.core("ann"), Ingest { items: vec![said_of("ann", &[id])] }).await;
        assert!(late.expect("an answer").output[0].is_err(), "what is hidden has no children");
        let barred = world.run(world.core("ann"), MakeStep { id, step: RELEASE }).await.unwrap().output;
        assert_eq!(barred, Err(Barred::Pending));
        assert_eq!(refused(world.run(world.core("bob"), MakeStep { id, step: SEAL }).await), "hidden");
    }
    for purpose in [Purpose::ChatResponse, Purpose::ReflectionRequestedByUser, Purpose::SubjectAccess] {
        let found = world.found(world.core("ann"), "ann", purpose, filters()).await;
        assert!(large.all().all(|id| !found.contains(&id)), "{}", purpose.name());
    }
    let export = world.run(world.core("carl"), Export::of(user("carl"))).await.expect("an export");
    assert!(export.output.memories.is_empty());
}

#[tokio::test]
async fn a_large_family_is_hidden_at_once_and_follows_in_batches() {
    let world = World::new();
    let large = Large::new(&world).await;
    let beside = world.ingest("ann", event("ann", "It rained.")).await.id;
    let sealed = made(&world, large.root, SEAL).await;
    assert_eq!((sealed.memory.state, sealed.pending), (State::Sealed, true));
    assert!(sealed.propagated_to.is_empty());
    assert_eq!(world.stored(large.children[7]).await.state, State::Active, "it has not followed");
    nothing_is_read(&world, &large).await;
    let found = world.found(world.core("ann"), "ann", Purpose::ChatResponse, filters()).await;
    assert!(found.contains(&beside), "what has nothing to do with it is read as before");
    // Sent again it says that more is to follow.
    assert!(made(&world, large.root, SEAL).await.pending);

    // Part of it is done, and what is done is hidden for as long as the rest is.
    let first = batch(&world).await;
    assert!(!first.is_last && first.changed > 0);
    let second = batch(&world).await;
    assert!(!second.is_last && second.changed > 0 && second.changed <= limits::PENDING_BATCH_ITEMS);
    assert!(world.said().await.starts_with("MEMORY_PROPAGATE allowed"));
    nothing_is_read(&world, &large).await;

    let rest = jobs::follow_all(&world.engine).await.expect("the rest");
    assert_eq!(first.changed + second.changed + rest, large.all().count());
    assert_eq!(jobs::follow_all(&world.engine).await.expect("nothing"), 0);
    states(&world, large.children.iter().chain(&large.chain).copied(), State::Sealed).await;
    // What is computed of a sealed event says what its categories give, and this one has none.
    states(&world, large.computed.iter().copied(), State::Revoked).await;
    assert!(!made(&world, large.root, SEAL).await.pending);
    let access = Get { id: large.chain[2], purpose: Purpose::SubjectAccess };
    assert!(world.run(world.core("ann"), access).await.is_ok(), "its final state is shown as ever");
    let export = world.run(world.core("carl"), Export::of(user("carl"))).await.expect("an export");
    assert_eq!(export.output.memories.len(), large.chain.len());

    // The seal is opened, in the same way, and what it took is given back.
    assert!(made(&world, large.root, RELEASE).await.pending);
    nothing_is_read(&world, &large).await;
    jobs::follow_all(&world.engine).await.expect("the release");
    states(&world, large.all(), State::Restricted).await;
    assert!(made(&world, large.root, REVOKE).await.pending);
    // It is revoked before what was to follow it did: both follow.
    assert!(made(&world, large.root, Step::Erase).await.pending);
    jobs::follow_all(&world.engine).await.expect("the erasure");
    states(&world, large.all(), State::Tombstoned).await;
    assert!(world.verification().await.ok);
}

/// Something that is waited for, on one thread.
#[derive(Debug, Default)]
struct Signal(AtomicBool);

impl Signal {
    fn give(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    async fn taken(&self) {
        while !self.0.swap(false, Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    }
}

/// A store that holds its next commit back until it is told to go on.
#[derive(Debug)]
struct Held {
    store: Arc<MemoryStore>,
    reached: Signal,
    go_on: Signal,
}

#[async_trait]
impl Store for Held {
    async fn load(&self, load: &Load) -> Result<Snapshot, StoreError> {
        self.store.load(load).await
    }

    async fn commit(&self, decided: Decided<ChangeSet>) -> Result<Receipt, StoreError> {
        self.reached.give();
        self.go_on.taken().await;
        self.store.commit(decided).await
    }

    async fn policy(&self, tenant: &TenantId, hash: &str) -> Result<Option<PolicyDocument>, StoreError> {
        self.store.policy(tenant, hash).await
    }

    async fn tenants(&self, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        self.store.tenants(after, limit).await
    }

    async fn tenants_due(&self, due: &Due, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        self.store.tenants_due(due, limit).await
    }

    async fn tenants_pending(
        &self,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        self.store.tenants_pending(after, limit).await
    }

    async fn tenants_with(
        &self,
        key: Key,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        self.store.tenants_with(key, after, limit).await
    }

    async fn tenants_awaiting(
        &self,
        kind: RecordKind,
        by: Timestamp,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        self.store.tenants_awaiting(kind, by, after, limit).await
    }

    async fn probe(&self) -> Result<Health, StoreError> {
        self.store.probe().await
    }
}

#[tokio::test]
async fn a_child_that_is_born_while_the_mark_is_set_is_hidden_and_follows() {
    let world = World::new();
    let large = Large::new(&world).await;
    let last = *large.chain.last().expect("one");
    let store = Arc::clone(&world.store);
    let held = Arc::new(Held { store, reached: Signal::default(), go_on: Signal::default() });
    let (slow, _) = fakes::engine(Arc::<Held>::clone(&held));
    let cx = Context { id_seed: IdSeed([9; 16]), ..world.core("ann") };
    // It looked at its parent before the mark was set, and is stored after it: the parent itself has not changed yet.
    let ingest = Ingest { items: vec![said_of("ann", &[last])] };
    let (born, ()) = tokio::join!(slow.run(&cx, &ingest), async {
        held.reached.taken().await;
        assert!(made(&world, large.root, REVOKE).await.pending);
        held.go_on.give();
    });
    let born = born.expect("stored").output[0].as_ref().expect("stored").id;
    assert_eq!(world.stored(born).await.state, State::Active);
    let get = || Get { id: born, purpose: Purpose::ChatResponse };
    assert_eq!(refused(world.run(world.core("ann"), get()).await), "hidden");
    jobs::follow_all(&world.engine).await.expect("the rest");
    assert_eq!(world.stored(born).await.state, State::Revoked);
}

/// Two servers at once: what one does the other finds done, and nothing is done twice.
#[tokio::test]
async fn two_servers_may_do_it_at_once() {
    let world = World::new();
    let large = Large::new(&world).await;
    made(&world, large.root, REVOKE).await;
    let store = Arc::clone(&world.store);
    let held = Arc::new(Held { store, reached: Signal::default(), go_on: Signal::default() });
    let (slow, _) = fakes::engine(Arc::<Held>::clone(&held));
    let cx = Context { id_seed: IdSeed([9; 16]), ..world.system() };
    let (second, first) = tokio::join!(slow.run(&cx, &Propagate), async {
        held.reached.taken().await;
        let first = jobs::follow_all(&world.engine).await.expect("all of it");
        held.go_on.give();
        held.reached.taken().await;
        held.go_on.give();
        first
    });
    assert_eq!(first, large.all().count());
    assert_eq!(second.expect("an answer").output, Followed { changed: 0, is_last: true });
    for id in large.all() {
        let memory = world.stored(id).await;
        assert_eq!((memory.state, memory.version), (State::Revoked, 2));
    }
}

/// What hangs on one child is more than a batch: the mark goes down to it, and nothing is seen on the way.
#[tokio::test]
async fn what_is_too_much_below_one_child_is_marked_there() {
    let world = World::new();
    let above = world.ingest("ann", event("ann", "It rained in Porto.")).await;
    let beside = world.ingest("ann", event("ann", "It snowed in Oslo.")).await.id;
    let large = Large::below(&world, &[above.id]).await;
    let both = world.ingest("ann", said_of("ann", &[beside, large.chain[1]])).await.id;
    assert!(made(&world, above.id, REVOKE).await.pending);
    for _ in 0..4 {
        assert!(!batch(&world).await.is_last);
        nothing_is_read(&world, &large).await;
    }
    assert!(made(&world, above.id, REVOKE).await.pending, "the mark is elsewhere, and it is not done");
    jobs::follow_all(&world.engine).await.expect("the rest");
    assert!(!made(&world, above.id, REVOKE).await.pending);
    states(&world, [both].into_iter(), State::Restricted).await;
    states(&world, large.all().chain([large.root]), State::Revoked).await;
}

#[tokio::test]
async fn a_person_with_a_large_family_is_erased() {
    let world = World::new();
    let large = Large::new(&world).await;
    let theirs = world.ingest("bob", said_of("bob", &[])).await.id;
    let admit = Admit {
        person: user("ann"),
        deed: Deed::Withdraw { scopes: Vec::new(), reason: None },
        reason: None,
    };
    let receipt = carry_out(&world.engine, &world.core("ann"), &admit).await.expect("carried out");
    assert!(receipt.counts.events as usize > limits::PROPAGATION_ROWS);
    assert_eq!(jobs::follow_all(&world.engine).await.expect("nothing"), 0, "a receipt says that it is done");
    for id in large.all() {
        assert!(world.stored(id).await.state >= State::Revoked);
    }
    let admit = Admit { person: user("ann"), deed: Deed::Erase, reason: None };
    let receipt = carry_out(&world.engine, &world.core("ann"), &admit).await.expect("carried out");
    states(&world, large.all().chain([large.root]), State::Tombstoned).await;
    assert_eq!(world.stored(theirs).await.state, State::Active);
    assert!(receipt.counts.events > 0);
}
