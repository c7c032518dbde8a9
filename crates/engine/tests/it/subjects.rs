//! Everything that is about a person: erased, shown, or no longer used.

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::lifecycle::Step;
use memoryscope_domain::memory::{MemoryType, State, SubjectRef};
use memoryscope_domain::object::{Distinct, Note, Visibility};
use memoryscope_domain::policy::Filter;
use memoryscope_domain::principal::Role;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::subject::{Counts, Deed};
use memoryscope_engine::context::Context;
use memoryscope_engine::op::ingest::NewObject;
use memoryscope_engine::op::subject::{Admit, Export};
use memoryscope_engine::port::{BridgesTo, Load, Rights, Select, Store as _, WantedRecords};
use memoryscope_engine::refusal::Refusal;
use memoryscope_engine::subjects::{self, Receipt};

use super::objects::{event, event_with};
use super::support::{World, likes, refused, tenant, user, word};

impl World {
    pub(crate) async fn carry_out(&self, cx: &Context, person: &str, deed: Deed) -> Result<Receipt, Refusal> {
        let admit = Admit { person: user(person), deed, reason: Note::parse("as they wish").ok() };
        subjects::carry_out(&self.engine, cx, &admit).await
    }

    pub(crate) async fn erased(&self, person: &str) -> Receipt {
        self.carry_out(&self.cx(person), person, Deed::Erase).await.expect("an erasure")
    }

    pub(crate) fn admin(&self) -> Context {
        let mut cx = self.core("root");
        cx.principal.roles = [Role::Admin].into();
        cx
    }

    async fn has_key(&self, person: &str) -> bool {
        let load = Load {
            tenant: tenant(),
            now: self.cx("reader").now,
            select: Select::Nothing,
            filter: Filter::Everything,
            subject: SubjectRef::of_user(&user(person)),
            idempotency: None,
            spirals: Vec::new(),
            bridges: BridgesTo::default(),
            rights: Rights::default(),
            records: WantedRecords::nothing(),
            as_of: None,
        };
        self.store.load(&load).await.expect("the store answers").subject_key.is_some()
    }

    /// Everything that the store holds, as it would be written down.
    async fn told(&self) -> String {
        let mut told = format!("{:?}", self.store);
        for stored in self.chain().await {
            let private = stored.private.map(|private| private.as_str().to_owned());
            told.push_str(&format!("{private:?}"));
        }
        told
    }
}

/// An event of Bob's that is about others too.
fn about(text: &str, subjects: &[&str], owners: &[&str]) -> NewObject {
    let named = |names: &[&str]| Distinct::new(names.iter().map(|name| user(name)).collect()).expect("few");
    event_with("bob", text, |object| {
        object.ownership.subjects = named(subjects);
        object.ownership.owners = named(owners);
        object.ownership.visibility = Visibility::Private;
    })
}

#[tokio::test]
async fn a_person_is_erased_with_everything_and_the_chain_holds() {
    let world = World::new();
    world.create("ann", vec![likes("CANARY-tea")]).await;
    world.token("ann").await;
    let root = world.ingest("ann", event("ann", "Please use bullet points about CANARY-Lisbon.")).await;
    let sealed = world.ingest("ann", event("ann", "CANARY-sealed")).await.id;
    let seal = Step::Seal { reason: Note::parse("CANARY-reason").ok() };
    world.step(world.core("ann"), sealed, seal).await.expect("a step").output.expect("sealed");
    let bobs = world.ingest("bob", event("bob", "It rained.")).await.id;
    let before = world.told().await;
    assert!(before.contains("CANARY") && before.contains("ann"));
    assert!(world.has_key("ann").await);

    let receipt = world.erased("ann").await;
    let Counts { events, preferences, derived, restricted, .. } = receipt.counts;
    assert_eq!((events, preferences, restricted), (2, 1, 0));
    assert!(derived >= 2 && receipt.counts.versions >= 5, "{:?}", receipt.counts);
    assert_eq!(receipt.grants, 1);
    assert!(receipt.audit_private >= 4, "{receipt:?}");
    for id in [root.id, root.derived[0].0, sealed] {
        assert!(world.stored(id).await.is_tombstone());
    }
    assert_eq!(world.stored(bobs).await.state, State::Active);
    assert!(!world.has_key("ann").await);
    let after = world.told().await;
    assert!(!after.contains("CANARY") && !after.contains("\"ann\""), "{after}");
    assert!(after.contains("It rained."));
    assert!(world.verification().await.ok);

    let again = world.erased("ann").await;
    assert_eq!(again.counts, Counts::default());
    assert_eq!((again.grants, again.idempotency, again.audit_private), (0, 0, 0));
    assert!(world.verification().await.ok && !world.has_key("ann").await);
    // Whoever comes back is a new person: a new key, and the chain goes on.
    world.create("ann", vec![likes("coffee")]).await;
    assert!(world.verification().await.ok && world.has_key("ann").await);
}

#[tokio::test]
async fn what_others_own_is_kept_without_the_person() {
    let world = World::new();
    let shared = world.ingest("bob", about("We walked in Lisbon.", &["ann", "eve"], &["bob"])).await;
    let owned = world.ingest("bob", about("Our plan.", &[], &["ann", "bob"])).await.id;
    let receipt = world.carry_out(&world.admin(), "ann", Deed::Erase).await.expect("an erasure");
    assert_eq!((receipt.counts.events, receipt.counts.restricted >= 1), (2, true), "{receipt:?}");
    assert!(world.stored(owned).await.is_tombstone(), "an owner erases it");
    let kept = world.stored(shared.id).await;
    assert_eq!(kept.state, State::Restricted);
    let ownership = &kept.object().expect("an object").ownership;
    assert_eq!(
        (ownership.subjects.to_vec(), ownership.owners.to_vec()),
        (vec![user("eve")], vec![user("bob")])
    );
    for (child, _) in shared.derived {
        assert!(world.stored(child).await.standing_of(&user("ann")).is_none());
    }
    assert!(!world.told().await.contains("\"ann\""));
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn only_the_person_or_an_admin_may() {
    let world = World::new();
    let ask = async |cx: Context, person: &str| {
        let before = world.length().await;
        let erased = world.carry_out(&cx, person, Deed::Erase).await;
        let said = erased.map_or_else(|refusal| word(&refusal), |_| "answered".to_owned());
        let exported = refused(world.run(cx, Export::of(user(person))).await);
        assert_eq!(said, exported);
        (said, world.length().await - before)
    };
    // Nothing tells whether there is such a person.
    world.create("ann", vec![likes("tea")]).await;
    for person in ["ann", "nobody-there"] {
        assert_eq!(ask(world.cx("bob"), person).await, ("ROLE_DENIED".to_owned(), 2));
        assert_eq!(ask(world.nobody(), person).await, ("ROLE_DENIED".to_owned(), 2));
    }
    let receipt = world.carry_out(&world.admin(), "nobody-there", Deed::Erase).await.expect("a receipt");
    assert_eq!(receipt.counts, Counts::default());
    assert_eq!(world.list("ann").await.len(), 1);
    // Those who asked in vain named her, until she is gone.
    assert!(world.told().await.contains("\"ann\""));
    world.erased("ann").await;
    assert!(!world.told().await.contains("\"ann\""));
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn an_export_shows_ones_own_and_of_others_only_that_it_is_there() {
    let world = World::new();
    let preference = world.create("ann", vec![likes("tea")]).await[0];
    world.token("ann").await;
    let sealed = world.ingest("ann", event("ann", "I was ill.")).await.id;
    let seal = Step::Seal { reason: None };
    world.step(world.core("ann"), sealed, seal).await.expect("a step").output.expect("sealed");
    let shared = world.ingest("bob", about("Bob's words.", &["ann", "eve"], &["bob"])).await.id;
    world.ingest("bob", event("bob", "Not hers.")).await;
    let exported = world.run(world.cx("ann"), Export::of(user("ann"))).await.expect("an export").output;
    let of =
        |id: MemoryId| exported.memories.iter().find(|(memory, _)| memory.id == id).expect("it is there");
    assert_eq!(of(sealed).1.len(), 1);
    assert!(format!("{:?}", of(sealed)).contains("I was ill."));
    assert_eq!(of(preference).0.body.memory_type(), MemoryType::Preference);
    let (outline, _) = of(shared);
    assert!(outline.object().expect("an object").content.is_none());
    let told = format!("{exported:?}");
    for hidden in ["Bob's words.", "Not hers.", "\"bob\"", "\"eve\""] {
        assert!(!told.contains(hidden), "{hidden}");
    }
    assert_eq!((exported.grants.len(), exported.entries.len() >= 4), (1, true));
}

#[tokio::test]
async fn a_withdrawal_revokes_and_what_was_derived_falls() {
    let world = World::new();
    let preference = world.create("ann", vec![likes("tea")]).await[0];
    let root = world.ingest("ann", event("ann", "Please use bullet points about Lisbon.")).await;
    let deed = |scopes| Deed::Withdraw { scopes, reason: None };
    let elsewhere = deed(vec![Scope::of_user(&user("bob"))]);
    let none = world.carry_out(&world.cx("ann"), "ann", elsewhere).await.expect("a receipt");
    assert_eq!(none.counts, Counts::default());
    let all = world.carry_out(&world.cx("ann"), "ann", deed(Vec::new())).await.expect("a receipt");
    assert_eq!((all.counts.events, all.counts.preferences), (1, 1));
    assert_eq!(all.counts.derived, root.derived.len() as u64);
    for id in [preference, root.id, root.derived[0].0] {
        assert_eq!(world.stored(id).await.state, State::Revoked);
    }
    let again = world.carry_out(&world.cx("ann"), "ann", deed(Vec::new())).await.expect("a receipt");
    assert_eq!(again.counts, Counts::default());
    assert!(world.verification().await.ok);
}

/// More than one commit holds, some of it derived from what another commit changes.
#[tokio::test]
async fn a_large_person_is_erased_in_steps() {
    let world = World::new();
    let mut last: Option<MemoryId> = None;
    for at in 0..130 {
        let made = event_with("ann", &format!("Event {at}."), |object| {
            let parents = last.filter(|_| at % 3 > 0).into_iter().collect();
            object.provenance.derived_from = Distinct::new(parents).expect("few");
        });
        last = Some(world.ingest("ann", made).await.id);
    }
    let receipt = world.erased("ann").await;
    let Counts { events, derived, .. } = receipt.counts;
    assert!(events + derived >= 130, "{receipt:?}");
    let export = world.run(world.cx("ann"), Export::of(user("ann"))).await.expect("an export").output;
    assert!(export.memories.is_empty());
    assert!(world.verification().await.ok);
}
