//! Items: who finds, reads, changes and erases them, and what follows.

use memoryscope_domain::fields::At;
use memoryscope_domain::ids::{MemoryId, UserId};
use memoryscope_domain::items::policy::Layers;
use memoryscope_domain::items::request::{AddRequest, OmoFilter, Reading, UpdateRequest};
use memoryscope_domain::items::{AccessList, AclId, Consent, Item, ItemMetadata, Risk};
use memoryscope_domain::lifecycle::{Barred, Revision, Step};
use memoryscope_domain::memory::{Body, MemoryType, State};
use memoryscope_domain::object::Happening;
use memoryscope_domain::policy::Dialect;
use memoryscope_domain::principal::Principal;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::{Scope, ScopeType};
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::words::QueryText;
use memoryscope_engine::context::Context;
use memoryscope_engine::op::get::Get;
use memoryscope_engine::op::ingest::NewObject;
use memoryscope_engine::op::items::{ItemFilter, SearchItems};
use memoryscope_engine::op::query::Answer;
use memoryscope_engine::op::search::Search;
use memoryscope_engine::op::step::{Made, MakeStep};
use memoryscope_engine::replay::Comparison;
use serde_json::{Value, json};

use super::reviews::approve;
use super::support::{World, policy_with, refused, tenant, user};

fn object(owner: AclId, scope: Scope, request: &Value, now: Timestamp) -> NewObject {
    let read = AddRequest::read(request, &Reading::default()).expect("a good request").value;
    let layers = Layers { namespace: None, schema: None, batch: None, request: &read.policy };
    let policy = layers.resolve(&At::Root("body")).expect("a good policy").value.policy;
    let item = Item::added(&read, None, owner, policy);
    let event = item.into_event(&read.content, now).expect("content");
    NewObject { scope, body: Body::Event(Box::new(event)), state: State::Active }
}

/// An item of a person's, as a request asks for it.
pub(crate) fn item(whose: &str, request: &Value, now: Timestamp) -> NewObject {
    let whose = user(whose);
    object(AclId::of_external_user(&whose), Scope::of_user(&whose), request, now)
}

fn developers(request: &Value, now: Timestamp) -> NewObject {
    let scope = Scope::named(ScopeType::Org, "default").expect("a scope");
    object(AclId::of_developer(Principal::LOCAL_CLIENT), scope, request, now)
}

/// A change of an item, as a request asks for it.
pub(crate) fn revision(request: &Value) -> Step {
    let read = UpdateRequest::read(request, &Reading::default()).expect("a good request").value;
    Step::Revise(Box::new(Revision::of(read, None)))
}

/// The content is changed.
pub(crate) fn revised(content: &str) -> Step {
    revision(&json!({"content": content}))
}

/// Whoever asks through the items dialect: for a user, or for the developer.
pub(crate) fn acting(world: &World, name: Option<&str>) -> Context {
    let mut principal = Principal::local(tenant());
    principal.groups.insert("organization:default".to_owned());
    match name {
        Some(name) => principal.user = Some(user(name)),
        None => drop(principal.groups.insert("org:default".to_owned())),
    }
    Context { principal, dialect: Dialect::Items, ..world.nobody() }
}

pub(crate) fn search(scope: Scope, words: Option<&str>, filter: ItemFilter) -> SearchItems {
    let search = words.map(|text| Search::new(QueryText::parse(text).unwrap(), None));
    SearchItems {
        scope,
        purpose: Purpose::ChatResponse,
        search,
        after: None,
        filter,
        limit: 10,
        max_tokens: None,
    }
}

impl World {
    pub(crate) async fn item(&self, whose: &str, request: Value) -> MemoryId {
        self.ingest(whose, item(whose, &request, self.nobody().now)).await.id
    }

    async fn finds_items(&self, name: &str, words: Option<&str>) -> Vec<MemoryId> {
        self.filtered(name, words, ItemFilter::default()).await
    }

    async fn filtered(&self, name: &str, words: Option<&str>, filter: ItemFilter) -> Vec<MemoryId> {
        let op = search(Scope::of_user(&user(name)), words, filter);
        ids(&self.run(acting(self, Some(name)), op).await.expect("an answer").output)
    }

    async fn shows(&self, name: Option<&str>, id: MemoryId) -> bool {
        let get = Get { id, purpose: Purpose::ChatResponse };
        self.run(acting(self, name), get).await.is_ok()
    }

    pub(crate) async fn changes(&self, name: Option<&str>, id: MemoryId, step: Step) -> Result<Made, String> {
        match self.run(acting(self, name), MakeStep { id, step }).await {
            Ok(done) => done.output.map_err(|barred| barred.to_string()),
            Err(refusal) => Err(super::support::word(&refusal)),
        }
    }
}

fn ids(answer: &Answer) -> Vec<MemoryId> {
    answer.items.iter().map(|item| item.memory.id).collect()
}

#[tokio::test]
async fn own_items_are_found_by_words_and_the_latest_first() {
    let world = World::new();
    let tea = world.item("ann", json!({"content": "Ann likes green tea."})).await;
    world.clock.advance_micros(1_000_000);
    let rain = world.item("ann", json!({"content": "It rained in Lisbon."})).await;
    world.item("bob", json!({"content": "Bob likes tea."})).await;
    assert_eq!(world.finds_items("ann", None).await, [rain, tea]);
    assert_eq!(world.finds_items("ann", Some("tea")).await, [tea]);
    assert_eq!(world.finds_items("ann", Some("coffee")).await, []);
    let event = super::objects::event("ann", "An event of another dialect about tea.");
    let event = world.ingest("ann", event).await.id;
    assert!(world.finds_items("ann", Some("tea")).await.contains(&event));
}

#[tokio::test]
async fn what_is_old_is_found_all_the_same() {
    let world = World::new();
    let tea = world.item("ann", json!({"content": "Ann likes green tea."})).await;
    world.clock.advance_micros(3_650 * 24 * 3_600 * 1_000_000);
    assert_eq!(world.finds_items("ann", Some("tea")).await, [tea]);
    assert_eq!(world.finds_items("ann", None).await, [tea]);
}

#[tokio::test]
async fn filters_narrow() {
    let world = World::new();
    let check = async |filter: ItemFilter, expect: &[MemoryId]| {
        let mut found = world.filtered("ann", None, filter.clone()).await;
        found.sort_unstable();
        let mut expect = expect.to_vec();
        expect.sort_unstable();
        assert_eq!(found, expect, "{filter:?}");
    };
    let metadata = |topics: &[&str], trip: i64| json!({"topics": topics, "customMetadata": {"trip": trip}});
    let one = world.item("ann", json!({"content": "one", "metadata": metadata(&["a", "b"], 1)})).await;
    let two = world
        .item("ann", json!({"content": "two", "metadata": metadata(&["b"], 2), "consent": "terms"}))
        .await;
    let three = world.item("ann", json!({"content": "three", "risk": "sensitive", "consent": "none"})).await;
    check(ItemFilter::default(), &[one, two, three]).await;
    let by_metadata = |metadata: Value| {
        let read = AddRequest::read(&json!({"content": "x", "metadata": metadata}), &Reading::default());
        let metadata: ItemMetadata = read.expect("a request").value.metadata;
        ItemFilter { metadata: Some(metadata), ..ItemFilter::default() }
    };
    check(by_metadata(json!({"topics": ["b"]})), &[one, two]).await;
    check(by_metadata(json!({"customMetadata": {"trip": 2}})), &[two]).await;
    check(by_metadata(json!({"role": "assistant"})), &[]).await;
    let omo = |omo| ItemFilter { omo, ..ItemFilter::default() };
    check(omo(OmoFilter { min_consent: Some(Consent::Implicit), ..OmoFilter::default() }), &[one]).await;
    check(omo(OmoFilter { require_consent: true, ..OmoFilter::default() }), &[one, two]).await;
    check(omo(OmoFilter { max_risk: Some(Risk::None), ..OmoFilter::default() }), &[one, two]).await;
    let acl = AccessList { read: [AclId::parse("bob").unwrap()].into(), ..AccessList::default() };
    check(ItemFilter { acl: Some(acl), ..ItemFilter::default() }, &[]).await;
}

#[tokio::test]
async fn what_is_shared_is_found_as_long_as_it_is() {
    let world = World::new();
    let own = world.item("bob", json!({"content": "Bob likes tea."})).await;
    world.clock.advance_micros(1_000_000);
    let request = json!({"content": "Ann likes tea too.", "acl": {"read": ["bob", "organization:default"]}});
    let shared = world.item("ann", request).await;
    world.item("ann", json!({"content": "Ann's own tea."})).await;
    assert_eq!(world.finds_items("bob", None).await, [shared, own]);
    assert_eq!(world.finds_items("bob", Some("tea too")).await[0], shared);
    assert_eq!(world.finds_items("eve", Some("tea")).await, [shared]);
    let with = |risk| revision(&json!({"risk": risk}));
    world.changes(Some("ann"), shared, with("flagged")).await.expect("changed");
    assert_eq!(world.finds_items("bob", None).await, [own]);
    let unflagged = world.changes(Some("ann"), shared, with("none")).await;
    assert!(unflagged.is_err_and(|why| why.starts_with("a flagged memory waits for a review")));
    world.reviews("rita", shared, approve()).await.expect("approved");
    assert_eq!(world.finds_items("eve", None).await, [shared]);
    world.changes(Some("ann"), shared, revision(&json!({"acl": {"read": ["bob"]}}))).await.expect("changed");
    assert_eq!(world.finds_items("eve", None).await, []);
    world.changes(Some("ann"), shared, Step::Erase).await.expect("erased");
    assert_eq!(world.finds_items("bob", None).await, [own]);
}

#[tokio::test]
async fn access_lists_say_who_reads_and_who_changes() {
    let world = World::new();
    let check = async |acl: Value, who: Option<&str>, reads: bool, changes: bool| {
        let id = world.item("ann", acl.clone()).await;
        assert_eq!(world.shows(who, id).await, reads, "{acl} read by {who:?}");
        let changed = world.changes(who, id, revised("Something else.")).await;
        assert_eq!(changed.is_ok(), changes, "{acl} changed by {who:?}: {changed:?}");
        let erased = world.changes(who, id, Step::Erase).await;
        assert_eq!(erased.is_ok(), changes, "{acl} erased by {who:?}: {erased:?}");
    };
    let shared = |acl: Value| json!({"content": "A plan.", "acl": acl});
    let plain = || json!({"content": "A plan."});
    check(plain(), Some("ann"), true, true).await;
    check(plain(), Some("bob"), false, false).await;
    // The bare key acts as the developer, who may do what the user may.
    check(plain(), None, true, true).await;
    check(shared(json!({"read": ["bob"]})), Some("bob"), true, false).await;
    check(shared(json!({"write": ["bob"]})), Some("bob"), true, true).await;
    check(shared(json!({"write": ["bob"]})), Some("eve"), false, false).await;
    check(shared(json!({"read": ["organization:default"]})), Some("eve"), true, false).await;
    check(shared(json!({"write": ["role:app"]})), Some("eve"), true, true).await;
    check(shared(json!({"read": ["role:reviewer"]})), Some("eve"), false, false).await;
    let flagged = json!({"content": "A plan.", "acl": {"write": ["bob"]}, "risk": "flagged"});
    check(flagged.clone(), Some("bob"), false, false).await;
    check(flagged.clone(), Some("ann"), true, true).await;
    check(flagged, None, false, false).await;
    let unconsented = json!({"content": "A plan.", "acl": {"write": ["bob"]}, "consent": "none"});
    check(unconsented.clone(), Some("bob"), false, false).await;
    check(unconsented, Some("ann"), true, true).await;
}

#[tokio::test]
async fn what_the_developer_keeps_is_no_users() {
    let world = World::new();
    let cx = acting(&world, None);
    let ingest = memoryscope_engine::op::ingest::Ingest {
        items: vec![developers(&json!({"content": "The house rules."}), cx.now)],
    };
    let id = world.run(cx.clone(), ingest).await.unwrap().output[0].as_ref().unwrap().id;
    assert!(world.shows(None, id).await);
    assert!(!world.shows(Some("ann"), id).await);
    let scope = Scope::named(ScopeType::Org, "default").unwrap();
    let found = world.run(cx, search(scope, Some("rules"), ItemFilter::default())).await.unwrap();
    assert_eq!(ids(&found.output), [id]);
    assert_eq!(world.changes(Some("ann"), id, revised("No rules.")).await, Err("hidden".to_owned()));
    assert!(world.changes(None, id, revised("Other rules.")).await.is_ok());
}

#[tokio::test]
async fn a_change_replaces_what_it_states_and_nothing_else() {
    let world = World::new();
    let request = json!({
        "content": "Ann likes tea.", "acl": {"read": ["bob"]}, "consent": "explicit",
        "metadata": {"role": "user", "category": "fact", "topics": ["tea"], "customMetadata": {"a": 1}},
    });
    let id = world.item("ann", request).await;
    let change = json!({"risk": "sensitive", "metadata": {"topics": ["drinks"]}});
    let made = world.changes(Some("ann"), id, revision(&change)).await.expect("changed");
    let item = made.memory.item().expect("an item");
    assert_eq!(made.memory.version, 2);
    assert_eq!((item.policy.consent.value, item.policy.risk.value), (Consent::Explicit, Risk::Sensitive));
    assert_eq!(item.metadata.topics, Some(vec!["drinks".to_owned()]));
    assert!(item.metadata.custom.is_some() && item.metadata.category.is_some());
    assert!(item.is_readable_by(&acting(&world, Some("bob")).principal));
    let object = made.memory.object().expect("an object");
    assert_eq!(object.content.as_ref().and_then(|content| content.as_text()), Some("Ann likes tea."));
    let last = object.history.last().expect("an entry");
    assert_eq!((last.event, last.by.as_ref().map(UserId::as_str)), (Happening::Revised, Some("ann")));
    // What a category would no longer fit is refused, and nothing of the request happens.
    let wrong = revision(&json!({"content": "x", "metadata": {"category": "skills"}}));
    let done = world.run(acting(&world, Some("ann")), MakeStep { id, step: wrong }).await.unwrap();
    let Err(Barred::Invalid(faults)) = done.output else { panic!("it was changed") };
    assert_eq!(faults.list[0].field(), "body.metadata.category");
}

#[tokio::test]
async fn what_follows_from_an_item_follows_its_changes() {
    let world = World::new();
    let children = async |id: MemoryId| {
        let facts = world.facts(memoryscope_engine::port::Select::Family { id, limit: 10 }).await;
        let live = facts.family.descendants.iter().filter(|child| child.state == State::Active);
        live.map(|child| child.body.memory_type()).collect::<Vec<MemoryType>>()
    };
    let request = |consent: &str| json!({"content": "Please use bullet points.", "consent": consent});
    let id = world.item("ann", request("implicit")).await;
    assert!(children(id).await.contains(&MemoryType::Impact));
    // Without consent nothing is made of it.
    let unconsented = world.item("ann", request("none")).await;
    assert_eq!(children(unconsented).await, []);
    world.changes(Some("ann"), id, revision(&json!({"consent": "none"}))).await.expect("changed");
    assert_eq!(children(id).await, []);
    world.changes(Some("ann"), id, revision(&json!({"consent": "terms"}))).await.expect("changed");
    assert!(children(id).await.contains(&MemoryType::Impact));
    world.changes(Some("ann"), id, revised("It rained.")).await.expect("changed");
    assert!(!children(id).await.contains(&MemoryType::Impact));
    world.changes(Some("ann"), id, Step::Erase).await.expect("erased");
    assert_eq!(children(id).await, []);
    assert!(!world.shows(Some("ann"), id).await);
    assert!(!world.finds_items("ann", None).await.contains(&id));
}

#[tokio::test]
async fn what_is_sealed_or_no_item_is_not_changed() {
    let world = World::new();
    let id = world.item("ann", json!({"content": "Ann likes tea."})).await;
    world.changes(Some("ann"), id, Step::Seal { reason: None }).await.expect("sealed");
    assert!(!world.shows(Some("ann"), id).await && world.finds_items("ann", Some("tea")).await.is_empty());
    let changed = world.changes(Some("ann"), id, revised("x")).await.expect_err("sealed");
    assert_eq!(changed, "a memory that is sealed cannot be changed so");
    let event = world.ingest("ann", super::objects::event("ann", "An event.")).await.id;
    let changed = world.changes(Some("ann"), event, revised("x")).await.expect_err("no item");
    assert_eq!(changed, "what is no item of this dialect is not changed by it");
}

#[tokio::test]
async fn policies_see_what_items_are() {
    let world = World::new();
    world.activate(policy_with("mine", "when: {memory.metadata.customMetadata.secret: true, memory.consent: {lte: terms}}, then: {allow_read: false}")).await;
    let item = |secret: bool, consent: &str| json!({"content": "x", "consent": consent, "metadata": {"customMetadata": {"secret": secret}}});
    let hidden = world.item("ann", item(true, "terms")).await;
    let open = world.item("ann", item(false, "terms")).await;
    let explicit = world.item("ann", item(true, "explicit")).await;
    for (id, expect) in [(hidden, false), (open, true), (explicit, true)] {
        assert_eq!(world.shows(Some("ann"), id).await, expect);
        assert_eq!(world.finds_items("ann", None).await.contains(&id), expect);
    }
}

#[tokio::test]
async fn a_search_is_made_again_as_it_was() {
    let world = World::new();
    let tea = world.item("ann", json!({"content": "Ann likes tea.", "metadata": {"topics": ["a"]}})).await;
    let read = AddRequest::read(&json!({"content": "x", "metadata": {"topics": ["a"]}}), &Reading::default());
    let filter = ItemFilter { metadata: Some(read.unwrap().value.metadata), ..ItemFilter::default() };
    let op = search(Scope::of_user(&user("ann")), Some("tea"), filter);
    let done = world.run(acting(&world, Some("ann")), op).await.unwrap();
    assert_eq!(ids(&done.output), [tea]);
    world.changes(Some("ann"), tea, revised("Ann likes coffee.")).await.expect("changed");
    let stored = world.chain().await.into_iter().find(|stored| stored.entry.id == done.access_log).unwrap();
    assert_eq!(world.engine.check(&stored).await.unwrap(), Comparison::Identical);
}

#[tokio::test]
async fn another_tenant_has_no_part_in_it() {
    let world = World::new();
    let id = world
        .item("ann", json!({"content": "Ann likes tea.", "acl": {"write": ["organization:default"]}}))
        .await;
    let mut cx = acting(&world, Some("ann"));
    cx.principal.tenant = memoryscope_domain::ids::TenantId::parse("t_other").unwrap();
    let get = Get { id, purpose: Purpose::ChatResponse };
    assert_eq!(refused(world.run(cx.clone(), get).await), "hidden");
    let erase = MakeStep { id, step: Step::Erase };
    assert_eq!(refused(world.run(cx, erase).await), "hidden");
}
