//! What is left of what was erased, and purposes for which consent is withdrawn.

use memoryscope_domain::change::Change;
use memoryscope_domain::consent::{Purposes, Said};
use memoryscope_domain::govern::{Authority, Evidence, Facts, Origin, Visible};
use memoryscope_domain::ids::{MemoryId, TenantId};
use memoryscope_domain::lifecycle::Step;
use memoryscope_domain::memory::{Memory, State, SubjectRef};
use memoryscope_domain::object::{Distinct, Visibility};
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::{Scope, ScopeType};
use memoryscope_domain::subject::{Counts, Deed};
use memoryscope_engine::context::Context;
use memoryscope_engine::jobs;
use memoryscope_engine::op::create::Create;
use memoryscope_engine::op::gate::AskGate;
use memoryscope_engine::op::ingest::{Ingest, NewObject, Rejected};
use memoryscope_engine::op::subject::{Admit, Export};
use memoryscope_engine::op::{Info, Mint, Operation, Plan, subject};
use memoryscope_engine::port::Select;
use memoryscope_engine::refusal::Refusal;

use super::objects::{event, event_with, filters};
use super::support::{World, item, likes, policy_with, read_of, refused, tenant, user, word};

const CHAT: Purpose = Purpose::ChatResponse;

fn withdraw(purposes: &[Purpose], scopes: Vec<Scope>) -> Deed {
    Deed::Consent(Said { is_grant: false, purposes: Purposes::of(purposes.iter().copied()), scopes })
}

fn grant(purposes: &[Purpose], scopes: Vec<Scope>) -> Deed {
    Deed::Consent(Said { is_grant: true, purposes: Purposes::of(purposes.iter().copied()), scopes })
}

fn project() -> Scope {
    Scope::named(ScopeType::Project, "apollo").expect("a scope")
}

/// What Bob says in a project, whose members read it, of others.
fn in_project(text: &str, subjects: &[&str], parents: &[MemoryId]) -> NewObject {
    let made = event_with("bob", text, |object| {
        let named = subjects.iter().map(|name| user(name)).collect();
        object.ownership.subjects = Distinct::new(named).expect("few");
        object.ownership.visibility = Visibility::SharedWithGroup;
        object.provenance.derived_from = Distinct::new(parents.to_vec()).expect("few");
    });
    NewObject { scope: project(), ..made }
}

impl World {
    async fn decides(&self, person: &str, deed: Deed) -> Counts {
        self.carry_out(&self.cx(person), person, deed).await.expect("a receipt").counts
    }

    async fn chat_of(&self, name: &str) -> Vec<MemoryId> {
        self.found(self.core(name), name, CHAT, filters()).await
    }

    /// What a member is shown of the project.
    async fn told_in_project(&self, purpose: Purpose) -> Vec<MemoryId> {
        let query = memoryscope_engine::op::query::Query {
            scope: project(),
            purpose,
            filters: filters(),
            after: None,
            search: None,
            limit: 100,
            max_tokens: None,
        };
        let page = self.run(self.member("eve"), query).await.expect("a query").output;
        page.items.iter().map(|item| item.memory.id).collect()
    }

    async fn was_erased(&self, id: MemoryId) -> bool {
        self.stored(id).await.marks.was_erased
    }
}

#[tokio::test]
async fn an_erased_value_is_known_again_in_its_scope() {
    let world = World::new();
    world.create("ann", vec![likes("Green  tea")]).await;
    world.ingest("ann", event("ann", "I am allergic to peanuts.")).await;
    world.erased("ann").await;
    let known = world.create("ann", vec![likes("green tea"), likes("jazz")]).await;
    assert!(world.was_erased(known[0]).await && !world.was_erased(known[1]).await);
    let event_again = world.ingest("ann", event("ann", "I am allergic  to PEANUTS.")).await;
    assert!(world.was_erased(event_again.id).await);
    for (child, _) in event_again.derived {
        assert!(!world.was_erased(child).await, "what is computed was said by nobody");
    }
    let asserted = event_with("ann", "i am allergic to peanuts.", |object| {
        object.provenance.derived_from = Distinct::new(vec![event_again.id]).expect("few");
    });
    assert!(world.was_erased(world.ingest("ann", asserted).await.id).await);
    // Bob's own words are his, whatever Ann had erased.
    assert!(!world.was_erased(world.create("bob", vec![likes("green tea")]).await[0]).await);
    assert!(!world.was_erased(world.ingest("bob", event("bob", "I am allergic to peanuts.")).await.id).await);
    // Another tenant has its own key.
    let mut cx = world.cx("ann");
    cx.principal.tenant = TenantId::parse("t_other").expect("a tenant");
    let other = Create { user: user("ann"), items: vec![likes("green tea")] };
    assert_eq!(refused(world.run(cx, other).await), "answered");
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn whoever_erases_one_memory_leaves_its_digest_and_time_leaves_none() {
    let world = World::new();
    let tea = world.create("ann", vec![likes("tea")]).await[0];
    let rain = world.ingest("ann", event("ann", "It rained.")).await.id;
    world.delete("ann", tea).await.expect("a deletion");
    assert!(world.verification().await.ok);
    world.step(world.core("ann"), rain, Step::Erase).await.expect("a step").output.expect("erased");
    assert!(world.was_erased(world.create("ann", vec![likes("tea")]).await[0]).await);
    assert!(world.was_erased(world.ingest("ann", event("ann", "it rained.")).await.id).await);
    world.create("ann", vec![likes("milk")]).await;
    world.clock.advance_days(31);
    assert!(jobs::expire_all(&world.engine).await.expect("a run") > 0);
    assert!(!world.was_erased(world.create("ann", vec![likes("milk")]).await[0]).await);
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn nothing_of_an_erased_value_can_be_read() {
    let world = World::new();
    world.create("ann", vec![likes("CANARY")]).await;
    world.erased("ann").await;
    assert!(world.facts(Select::Nothing).await.suppressed.key.is_none(), "it is told to whom asks for it");
    assert!(!format!("{:?}", world.store).to_lowercase().contains("canary"));
}

#[tokio::test]
async fn a_policy_can_deny_or_restrict_what_was_erased() {
    let world = World::new();
    let tea = || Create { user: user("ann"), items: vec![likes("tea")] };
    world.create("ann", vec![likes("tea")]).await;
    world.ingest("ann", event("ann", "It rained.")).await;
    world.erased("ann").await;
    world.activate(policy_with("p2", "when: {memory.was_erased: true}, then: {allow_write: false}")).await;
    assert_eq!(refused(world.run(world.cx("ann"), tea()).await), "POLICY_DENIED");
    let item = |text| vec![event("ann", text)];
    let ingest = world.run(world.core("ann"), Ingest { items: item("It rained.") }).await;
    assert_eq!(refused(ingest), "POLICY_DENIED");
    let mixed = Ingest { items: [item("It rained."), item("It snowed.")].concat() };
    let mixed = world.run(world.core("ann"), mixed).await.expect("some of it").output;
    assert!(matches!(mixed[0], Err(Rejected::Denied(_))) && mixed[1].is_ok());
    world.activate(policy_with("p3", "when: {memory.was_erased: true}, then: {set_state: restricted}")).await;
    assert_eq!(world.ingest("ann", event("ann", "It rained.")).await.state, State::Restricted);
    // It is stored with the memory, so that later decisions see it.
    world.activate(policy_with("p4", "when: {memory.was_erased: true}, then: {allow_read: false}")).await;
    world.create("ann", vec![likes("tea"), likes("jazz")]).await;
    assert_eq!(world.list("ann").await.len(), 1);
}

#[tokio::test]
async fn by_default_nobody_sees_whether_something_was_erased() {
    let mut told = Vec::new();
    for erased in ["tea", "jazz"] {
        let world = World::new();
        let id = world.create("ann", vec![likes(erased)]).await[0];
        world.delete("ann", id).await.expect("a deletion");
        let mut answers = Vec::new();
        let create = Create { user: user("ann"), items: vec![likes("tea")] };
        let made = world.run(world.cx("ann"), create).await.expect("a create");
        answers.push(format!("{:?} {:?} {:?}", made.output, made.trace, made.access_log));
        let read = world.read("ann").await.expect("a read");
        answers.push(format!("{:?} {:?}", read.output.summary, read.trace));
        let ingested = world.ingest("ann", event("ann", "It rained.")).await;
        answers.push(format!("{ingested:?} {:?}", world.chat_of("ann").await));
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn an_import_brings_nothing_back() {
    let world = World::new();
    world.create("ann", vec![likes("tea")]).await;
    world.ingest("ann", event("ann", "It rained.")).await;
    world.erased("ann").await;
    let import = |cx: Context| Context { origin: Origin::Import, ..cx };
    let create = |items| Create { user: user("ann"), items };
    let length = world.length().await;
    let both = create(vec![likes("jazz"), likes("TEA")]);
    assert_eq!(refused(world.run(import(world.cx("ann")), both).await), "ERASED");
    assert_eq!(world.said().await, "MEMORY_WRITE denied ERASED 0");
    let rain = Ingest { items: vec![event("ann", "it rained.")] };
    assert_eq!(refused(world.run(import(world.core("ann")), rain.clone()).await), "ERASED");
    assert_eq!(world.length().await, length + 2);
    assert!(world.list("ann").await.is_empty(), "all of it or nothing");
    assert_eq!(refused(world.run(import(world.cx("ann")), create(vec![likes("jazz")])).await), "answered");
    assert_eq!(refused(world.run(world.core("ann"), rain).await), "answered");
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn what_is_withdrawn_for_a_purpose_is_read_for_others_only() {
    let world = World::new();
    let tea = world.create("ann", vec![likes("tea")]).await[0];
    let token = world.token("ann").await;
    let root = world.ingest("ann", event("ann", "Please use bullet points about Lisbon.")).await;
    let bobs = world.ingest("bob", event("bob", "It rained.")).await.id;
    assert_eq!(world.chat_of("ann").await.len(), 3);

    let counts = world.decides("ann", withdraw(&[CHAT, Purpose::Recommendation], Vec::new())).await;
    assert_eq!((counts.events, counts.preferences), (1, 1));
    assert_eq!(counts.derived, root.derived.len() as u64);
    assert!(world.chat_of("ann").await.is_empty());
    let reflection =
        world.found(world.core("ann"), "ann", Purpose::ReflectionRequestedByUser, filters()).await;
    assert_eq!(reflection.len(), 3);
    assert!(
        world.found(world.core("ann"), "ann", Purpose::SubjectAccess, filters()).await.contains(&root.id)
    );
    // In the scoped dialect, by its token too.
    assert!(world.list("ann").await.is_empty());
    assert_eq!(super::support::liked(&world.read("ann").await.expect("an answer")), serde_json::Value::Null);
    let again = world.continued(&token).await.expect("an answer");
    assert_eq!(super::support::liked(&again), serde_json::Value::Null);
    // What is stored later is withheld as well, and what follows from it.
    let later = world.ingest("ann", event("ann", "Please be brief about Porto.")).await;
    world.create("ann", vec![likes("milk")]).await;
    assert!(world.chat_of("ann").await.is_empty() && world.list("ann").await.is_empty());
    assert!(world.chat_of("bob").await.contains(&bobs));
    // Nothing was revoked, and nothing says so in its history.
    let stored = world.stored(root.id).await;
    assert_eq!((stored.state, stored.version), (State::Active, 2));
    assert_eq!(stored.object().expect("an object").history.len(), 1);
    let repeated = world.decides("ann", withdraw(&[CHAT], Vec::new())).await;
    assert_eq!(repeated, Counts::default());

    let granted = world.decides("ann", grant(&[CHAT], Vec::new())).await;
    assert_eq!((granted.events, granted.preferences), (2, 2));
    assert_eq!(world.chat_of("ann").await.len(), 3 + 1 + later.derived.len());
    assert!(world.list("ann").await.is_empty(), "recommendation is still withdrawn");
    world.decides("ann", grant(&[Purpose::Recommendation], Vec::new())).await;
    assert_eq!(world.list("ann").await.len(), 2);
    assert!(world.stored(tea).await.marks.is_none());
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn what_others_derived_from_it_follows_wherever_it_is() {
    let world = World::new();
    let root = world.ingest("bob", in_project("Ann walks with us.", &["ann"], &[])).await;
    let beside = world.ingest("bob", in_project("The project goes on.", &[], &[])).await.id;
    let below =
        world.run(world.member("bob"), Ingest { items: vec![in_project("They said so.", &[], &[root.id])] });
    let below = below.await.expect("an ingest").output.remove(0).expect("it is stored").id;
    let of = |told: &[MemoryId]| [root.id, below, beside].map(|id| told.contains(&id));
    assert_eq!(of(&world.told_in_project(CHAT).await), [true; 3]);
    world.decides("ann", withdraw(&[CHAT], Vec::new())).await;
    let told = world.told_in_project(CHAT).await;
    assert_eq!(of(&told), [false, false, true]);
    assert!(root.derived.iter().all(|(id, _)| !told.contains(id)));
    assert!(world.told_in_project(Purpose::ContentGeneration).await.contains(&below));
    // What is derived later from what is withheld is, too: of what it may name as its parent at all.
    let later = Ingest { items: vec![in_project("It is said again.", &[], &[below])] };
    let later = world.run(world.member("bob"), later).await.expect("an ingest").output.remove(0);
    let later = later.expect("it is stored").id;
    assert!(!world.told_in_project(CHAT).await.contains(&later));
    // Of two persons both have to be content.
    let both = world.ingest("bob", in_project("Ann met Eve.", &["ann", "eve"], &[])).await.id;
    world.decides("eve", withdraw(&[CHAT], vec![project()])).await;
    world.decides("ann", grant(&[CHAT], Vec::new())).await;
    let told = world.told_in_project(CHAT).await;
    assert!([root.id, below, later].iter().all(|id| told.contains(id)) && !told.contains(&both), "{told:?}");
    world.decides("eve", grant(&[CHAT], Vec::new())).await;
    assert!(world.told_in_project(CHAT).await.contains(&both));
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn a_withdrawal_in_scopes_is_one_there_alone() {
    let world = World::new();
    let own = world.ingest("ann", event("ann", "It rained.")).await.id;
    let there = world.ingest("bob", in_project("Ann walks.", &["ann"], &[])).await.id;
    world.decides("ann", withdraw(&[CHAT], vec![project()])).await;
    assert!(world.chat_of("ann").await.contains(&own) && world.told_in_project(CHAT).await.is_empty());
    world.decides("ann", withdraw(&[CHAT], Vec::new())).await;
    world.decides("ann", grant(&[CHAT], vec![project()])).await;
    assert!(world.chat_of("ann").await.is_empty() && world.told_in_project(CHAT).await.contains(&there));
}

#[tokio::test]
async fn a_grant_brings_nothing_back_that_was_revoked() {
    let world = World::new();
    let id = world.ingest("ann", event("ann", "It rained.")).await.id;
    world.decides("ann", Deed::Withdraw { scopes: Vec::new(), reason: None }).await;
    world.decides("ann", grant(&[CHAT], Vec::new())).await;
    assert_eq!(world.stored(id).await.state, State::Revoked);
    assert!(world.chat_of("ann").await.is_empty());
}

#[tokio::test]
async fn what_is_withheld_from_tasks_is_no_evidence() {
    let world = World::new();
    let fact = world.ingest("ann", event("ann", "The bridge is closed.")).await.id;
    world.decides("ann", withdraw(&[Purpose::TaskExecution], Vec::new())).await;
    let scope = Scope::of_user(&user("ann"));
    let ask = AskGate { scope, tool: "route".to_owned(), purpose: CHAT, evidence: vec![fact] };
    let answer = world.run(world.core("ann"), ask).await.expect("an answer").output;
    assert_eq!(answer.gate.evidence, [(fact, Evidence::NotAvailable)]);
}

#[tokio::test]
async fn only_the_person_decides_and_an_export_says_what() {
    let world = World::new();
    let deed = withdraw(&[CHAT], Vec::new());
    let denied = world.carry_out(&world.cx("bob"), "ann", deed.clone()).await;
    assert_eq!(denied.map_err(|refusal| word(&refusal)), Err("ROLE_DENIED".to_owned()));
    world.carry_out(&world.admin(), "ann", deed).await.expect("an admin answers for her");
    world.ingest("ann", event("ann", "It rained.")).await;
    let export =
        async || world.run(world.cx("ann"), Export::of(user("ann"))).await.expect("an export").output;
    let exported = export().await;
    let consents = exported.consents.expect("what she withdrew");
    assert!(consents.everywhere.contains(CHAT) && consents.version == 1);
    assert_eq!(exported.memories.len(), 2, "an export shows what is withheld from other purposes");
    let reader = world.as_role("ann", Role::Reader);
    let denied = world
        .run(reader, Admit { person: user("ann"), deed: grant(&[CHAT], Vec::new()), reason: None })
        .await;
    assert_eq!(refused(denied), "ROLE_DENIED");
    // Who comes back after an erasure is a new person, who has said nothing yet.
    world.erased("ann").await;
    let snow = world.ingest("ann", event("ann", "It snowed.")).await.id;
    assert!(world.chat_of("ann").await.contains(&snow));
    assert!(export().await.consents.is_none());
}

/// By the right of a person, plans what it is told to.
struct Claims(fn(&Visible<Facts>) -> Change);

impl Operation for Claims {
    type Output = ();

    fn info(&self) -> &'static Info {
        &subject::CONSENT
    }

    fn authority(&self) -> Authority {
        Authority::Person
    }

    fn person(&self) -> Option<&memoryscope_domain::ids::UserId> {
        None
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    fn plan(&self, _cx: &Context, seen: &Visible<Facts>, _mint: &mut Mint) -> Result<Plan<()>, Refusal> {
        Ok(Plan { changes: vec![(self.0)(seen)], ..Plan::answer(()) })
    }
}

#[tokio::test]
async fn nobody_keeps_a_consent_that_was_not_decided() {
    let world = World::new();
    let others = |_: &Visible<Facts>| {
        let subject = SubjectRef::of_user(&user("ann"));
        Change::KeepConsent(memoryscope_domain::consent::Consents::unsaid(tenant(), subject))
    };
    assert_eq!(refused(world.run(world.cx("ann"), Claims(others)).await), "ROLE_DENIED");
    let suppress = |_: &Visible<Facts>| Change::Suppress(vec![]);
    assert_eq!(refused(world.run(world.cx("ann"), Claims(suppress)).await), "ROLE_DENIED");
}

/// Whether a memory that is withheld says one thing or another changes no answer for that purpose.
#[tokio::test]
async fn what_is_withheld_changes_no_answer() {
    let mut told = Vec::new();
    for text in ["Please use bullet points about Lisbon.", "I like long words about Madrid a lot."] {
        let world = World::new();
        world.decides("ann", withdraw(&[CHAT, Purpose::Recommendation], Vec::new())).await;
        let hidden = event_with("ann", text, |object| object.flags = Default::default());
        world.ingest("ann", hidden).await;
        world
            .create(
                "ann",
                vec![item(
                    memoryscope_domain::preference::Kind::Preferences,
                    serde_json::json!({"likes": [text]}),
                )],
            )
            .await;
        let page = world.found(world.core("ann"), "ann", CHAT, filters()).await;
        let search = memoryscope_engine::op::query::Query {
            scope: Scope::of_user(&user("ann")),
            purpose: CHAT,
            filters: filters(),
            after: None,
            search: None,
            limit: 1,
            max_tokens: None,
        };
        let answer = world.run(world.core("ann"), search).await.expect("an answer").output;
        let read = world.run(world.cx("ann"), read_of("ann")).await.expect("an answer").output;
        told.push(format!("{page:?} {answer:?} {:?}", read.summary));
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn who_was_taken_out_withholds_nothing_any_more() {
    let world = World::new();
    let shared = world.ingest("bob", in_project("We walked.", &["ann", "eve"], &[])).await.id;
    world.decides("ann", withdraw(&[CHAT], Vec::new())).await;
    world.decides("eve", withdraw(&[Purpose::Recommendation], Vec::new())).await;
    world.erased("ann").await;
    let Memory { marks, .. } = world.stored(shared).await;
    assert!(!marks.purposes().contains(CHAT) && marks.purposes().contains(Purpose::Recommendation));
}
