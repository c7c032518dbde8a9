//! Events, impacts and seeds: stored, shown, listed and put together, and what each leaves in the chain.

use memoryscope_domain::ids::{MemoryId, UserId};
use memoryscope_domain::memory::{Body, Memory, MemoryType, State};
use memoryscope_domain::object::{
    Category, Content, Derivation, Distinct, Handling, Language, Level, Object, Strength, Temporal,
    TruthMode, Unit, Visibility,
};
use memoryscope_domain::policy::Dialect;
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::reconstruct::{Context as Told, Format};
use memoryscope_domain::scope::{Scope, ScopeType};
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::context::{Context, Idempotency};
use memoryscope_engine::op::batch::ingest_batch;
use memoryscope_engine::op::get::{Get, History, Versions};
use memoryscope_engine::op::ingest::{Ingest, Ingested, NewObject, Rejected};
use memoryscope_engine::op::query::{Answer as Page, Filters, Item, Query, Shown};
use memoryscope_engine::op::reconstruct::{Reconstruct, Reconstructed};
use memoryscope_engine::port::Select;

use super::support::{Answer, World, policy_with, refused, user, word};

/// The clock's time in these tests.
const NOW: Timestamp = Timestamp::from_unix_micros(1_767_225_600_000_000);

/// An event of a person's that says something.
pub(crate) fn event(whose: &str, text: &str) -> NewObject {
    event_with(whose, text, |_| {})
}

pub(crate) fn event_with(whose: &str, text: &str, change: impl FnOnce(&mut Object)) -> NewObject {
    let mut made = event_in(TruthMode::FactualClaim, whose, text);
    if let Some(object) = made.body.object_mut() {
        change(object);
    }
    made
}

/// An event that is true in that sense.
pub(crate) fn event_in(mode: TruthMode, whose: &str, text: &str) -> NewObject {
    let mut object = Object::new(mode, Temporal::observed(NOW));
    object.content = Content::text(Language::default(), text).ok();
    NewObject {
        scope: Scope::of_user(&user(whose)),
        body: Body::Event(Box::new(object)),
        state: State::Active,
    }
}

pub(crate) fn filters() -> Filters {
    Filters::default()
}

/// What of a scope may be seen for a purpose, the first of it.
pub(crate) fn query_in(scope: Scope, purpose: Purpose) -> Query {
    Query { scope, purpose, filters: filters(), after: None, search: None, limit: 9, max_tokens: None }
}

pub(crate) fn category(name: &str) -> impl FnOnce(&mut Object) {
    let categories = Distinct::new(vec![Category::parse(name).unwrap()]).unwrap();
    move |object: &mut Object| object.sensitivity.categories = categories
}

impl World {
    pub(crate) fn core(&self, name: &str) -> Context {
        Context { dialect: Dialect::Core, ..self.cx(name) }
    }

    pub(crate) fn as_role(&self, name: &str, role: Role) -> Context {
        let mut cx = self.core(name);
        cx.principal.roles = [role].into();
        cx
    }

    pub(crate) async fn ingest(&self, name: &str, item: NewObject) -> Ingested {
        let done = self.run(self.core(name), Ingest { items: vec![item] }).await.expect("an ingest");
        done.output.into_iter().next().expect("a result").expect("it is stored")
    }

    async fn get(&self, cx: Context, id: MemoryId, purpose: Purpose) -> Answer<Item> {
        self.run(cx, Get { id, purpose }).await
    }

    async fn query(&self, cx: Context, whose: &str, purpose: Purpose, filters: Filters) -> Answer<Page> {
        let scope = Scope::of_user(&user(whose));
        self.run(
            cx,
            Query { scope, purpose, filters, after: None, search: None, limit: 100, max_tokens: None },
        )
        .await
    }

    pub(crate) async fn found(
        &self,
        cx: Context,
        whose: &str,
        purpose: Purpose,
        filters: Filters,
    ) -> Vec<MemoryId> {
        let page = self.query(cx, whose, purpose, filters).await.expect("a query").output;
        page.items.iter().map(|item| item.memory.id).collect()
    }

    pub(crate) async fn stored(&self, id: MemoryId) -> Memory {
        Memory::clone(&self.facts(Select::Memories(vec![id])).await.memories[0])
    }
}

fn of(types: &[MemoryType]) -> Filters {
    Filters { types: types.to_vec(), ..Filters::default() }
}

const CHAT: Purpose = Purpose::ChatResponse;

#[tokio::test]
async fn what_follows_from_an_event_is_stored_with_it() {
    let world = World::new();
    let made = world.ingest("ann", event("ann", "Please use bullet points when you explain Lisbon.")).await;
    assert_eq!(world.said().await, "MEMORY_INGEST allowed - 3");
    assert_eq!(made.state, State::Active);
    let types: Vec<MemoryType> = made.derived.iter().map(|(_, of_type)| *of_type).collect();
    assert_eq!(types, [MemoryType::Impact, MemoryType::Seed]);
    for (id, _) in &made.derived {
        let child = world.stored(*id).await;
        let provenance = &child.object().unwrap().provenance;
        assert_eq!(
            (provenance.derivation, &provenance.derived_from[..]),
            (Derivation::Computed, &[made.id][..])
        );
        assert_eq!(provenance.policy_version.as_ref().unwrap().as_str(), "builtin-1");
        assert!(child.object().unwrap().content.is_none() && child.created == made.created);
    }
    let page = world.query(world.core("ann"), "ann", CHAT, filters()).await.unwrap().output;
    assert_eq!(page.items.len(), 3);
    assert_eq!(page.constraints.len(), 1);
    assert_eq!(page.constraints[0].impact, made.derived[0].0);
    assert!(
        page.items.iter().all(|item| item.include_in_prompt && item.state == Shown::Stored(State::Active))
    );
    assert_eq!(world.said().await, "MEMORY_QUERY allowed - 3");
}

#[tokio::test]
async fn a_policy_says_what_may_follow() {
    let world = World::new();
    let rule = "when: {memory.type: event}, then: {derive_impacts: false, derive_seeds: false}";
    world.activate(policy_with("p2", rule)).await;
    assert!(world.ingest("ann", event("ann", "Please use bullet points.")).await.derived.is_empty());
    world.activate(policy_with("p3", "when: {memory.type: seed}, then: {allow_write: false}")).await;
    let made = world.ingest("ann", event("ann", "Please use bullet points in Lisbon.")).await;
    assert_eq!(made.derived.iter().map(|child| child.1).collect::<Vec<_>>(), [MemoryType::Impact]);
}

#[tokio::test]
async fn a_sealed_event_shows_nothing_but_its_categories() {
    let twins =
        ["I told Sam about the crash in Porto.", "Please use bullet points. My brother shouted at me."];
    let mut answers = Vec::new();
    for text in twins {
        let world = World::new();
        let item = event_with("ann", text, |object| {
            category("trauma")(object);
            object.temporal = Temporal::observed(NOW.plus_days(-i64::try_from(text.len()).unwrap()));
        });
        let made = world.ingest("ann", item).await;
        assert_eq!(made.state, State::Sealed);
        assert!(!made.derived.is_empty());
        let page = world.query(world.core("ann"), "ann", CHAT, filters()).await.unwrap().output;
        let shown: Vec<MemoryId> = page.items.iter().map(|item| item.memory.id).collect();
        assert!(!shown.contains(&made.id) && !shown.is_empty());
        // What the caller may not see is not referred to either.
        for item in &page.items {
            let provenance = &item.memory.object().unwrap().provenance;
            assert!(provenance.derived_from.is_empty(), "{provenance:?}");
        }
        assert!(page.constraints.iter().all(|held| held.constraint.source_refs.is_empty()));
        assert_eq!(refused(world.get(world.core("ann"), made.id, CHAT).await), "hidden");
        answers.push(format!("{:?} {:?} {:?}", page.items, page.constraints, page.merge_report));
        let own = world.get(world.core("ann"), made.id, Purpose::SubjectAccess).await.unwrap().output;
        assert!(own.memory.object().unwrap().content.is_some() && !own.include_in_prompt);
        let own = world.query(world.core("ann"), "ann", Purpose::SubjectAccess, filters()).await.unwrap();
        let children = own.output.items.iter().filter(|item| item.memory.id != made.id);
        assert!(children.clone().count() > 0, "they are still shown");
        for child in children {
            assert_eq!(child.memory.object().unwrap().provenance.derived_from[..], [made.id]);
        }
    }
    assert_eq!(answers[0], answers[1], "twins answer alike");
}

#[tokio::test]
async fn what_is_hidden_is_as_unknown_as_what_never_was() {
    let world = World::new();
    let made = world.ingest("ann", event("ann", "It rained.")).await;
    let secret = world.ingest("ann", event_with("ann", "x", category("shame"))).await;
    let never = MemoryId::from_uuid(uuid::Uuid::from_u128(99));
    for (name, purpose, id) in [
        ("bob", CHAT, made.id),
        ("ann", CHAT, secret.id),
        ("ann", Purpose::ComplianceAudit, made.id),
        ("ann", CHAT, never),
    ] {
        assert_eq!(refused(world.get(world.core(name), id, purpose).await), "hidden");
        assert_eq!(world.said().await, "MEMORY_GET not_found NOT_FOUND 0");
        assert_eq!(
            refused(world.run(world.core(name), History { id, purpose, after: 0, limit: 9 }).await),
            "hidden"
        );
        assert_eq!(world.said().await, "MEMORY_HISTORY not_found NOT_FOUND 0");
    }
    let preference = world.create("ann", vec![super::support::likes("tea")]).await[0];
    let asked = world.get(world.core("ann"), preference, Purpose::Recommendation).await;
    assert_eq!(refused(asked), "hidden", "a preference is none of the core dialect's objects");
    let found = world.get(world.core("ann"), made.id, CHAT).await.unwrap();
    assert_eq!(found.output.memory.id, made.id);
    assert!(found.trace.is_some());
    let history = History { id: made.id, purpose: CHAT, after: 0, limit: 9 };
    let Versions { versions, next, .. } = world.run(world.core("ann"), history).await.unwrap().output;
    assert_eq!((versions.len(), next), (1, None));
}

#[tokio::test]
async fn a_parent_that_is_not_the_callers_is_unknown() {
    let world = World::new();
    let own = world.ingest("ann", event("ann", "It rained.")).await.id;
    let sealed = world.ingest("ann", event_with("ann", "x", category("shame"))).await.id;
    let other = world.ingest("bob", event("bob", "It rained.")).await.id;
    let never = MemoryId::from_uuid(uuid::Uuid::from_u128(99));
    let from_in = |user: &str, parents: &[MemoryId]| {
        event_with(user, "So it was wet.", |object| {
            object.provenance.derived_from = Distinct::new(parents.to_vec()).unwrap();
            object.provenance.derivation = Derivation::Computed;
        })
    };
    let from = |parents: &[MemoryId]| from_in("ann", parents);
    let items = vec![from(&[own]), from(&[own, sealed]), from(&[other]), from(&[never]), from(&[own, never])];
    let done = world.run(world.core("ann"), Ingest { items }).await.unwrap();
    let states: Vec<Result<State, Rejected>> =
        done.output.into_iter().map(|result| result.map(|made| made.state)).collect();
    let unknown = Err(Rejected::UnknownParent);
    assert_eq!(states, [Ok(State::Active), Ok(State::Sealed), unknown.clone(), unknown.clone(), unknown]);
    let (entry, _) = world.last().await;
    assert_eq!(entry.reason_code.unwrap().as_str(), "PARTLY_REFUSED");
    let child = world.stored(entry.memories.listed()[0]).await;
    assert_eq!(child.object().unwrap().provenance.derivation, Derivation::Asserted, "a client asserts");
    let all = world.run(world.core("bob"), Ingest { items: vec![from_in("bob", &[own])] }).await.unwrap();
    assert_eq!(all.output, [Err(Rejected::UnknownParent)]);
    assert_eq!(world.said().await, "MEMORY_INGEST allowed ALL_REFUSED 0");
}

#[tokio::test]
async fn each_item_is_decided_on_its_own() {
    let world = World::new();
    let rule = "when: {memory.sensitivity.level: critical}, then: {allow_write: false}";
    world.activate(policy_with("p2", rule)).await;
    let critical = || event_with("ann", "x", |object| object.sensitivity.level = Level::Critical);
    let sealed = NewObject { state: State::Sealed, ..event("ann", "x") };
    let kept = event_with("ann", "x", |object| object.sensitivity.handling = Handling::SealedDefault);
    let items = vec![event("ann", "x"), critical(), sealed, kept];
    let done = world.run(world.core("ann"), Ingest { items }).await.unwrap();
    let states: Vec<Option<State>> =
        done.output.iter().map(|result| result.as_ref().ok().map(|made| made.state)).collect();
    assert_eq!(states, [Some(State::Active), None, Some(State::Sealed), Some(State::Sealed)]);
    let denied = world.run(world.core("ann"), Ingest { items: vec![critical()] }).await;
    assert_eq!(refused(denied), "POLICY_DENIED");
    assert_eq!(world.said().await, "MEMORY_INGEST denied POLICY_DENIED 0");
}

#[tokio::test]
async fn a_repeat_stores_nothing_twice() {
    let world = World::new();
    let mut cx = world.core("ann");
    cx.idempotency = Some(Idempotency {
        key: memoryscope_domain::change::IdempotencyKey { client: "local".into(), key: "k".into() },
        request_digest: [1; 32],
    });
    let ingest =
        || Ingest { items: vec![event("ann", "Please use bullet points in Lisbon."), event("ann", "x")] };
    let first = world.run(cx.clone(), ingest()).await.unwrap().output;
    let again = world.run(cx, ingest()).await.unwrap().output;
    let told = |results: Vec<Result<Ingested, Rejected>>| -> Vec<_> {
        results.into_iter().map(|made| made.map(|made| (made.id, made.derived))).collect()
    };
    assert_eq!(told(first), told(again));
    assert_eq!(world.said().await, "MEMORY_INGEST allowed IDEMPOTENT_REPEAT 4");
}

#[tokio::test]
async fn a_repeat_says_again_what_was_refused() {
    let world = World::new();
    let mut cx = world.core("ann");
    cx.idempotency = Some(Idempotency {
        key: memoryscope_domain::change::IdempotencyKey { client: "local".into(), key: "k".into() },
        request_digest: [1; 32],
    });
    let never = MemoryId::from_uuid(uuid::Uuid::from_u128(99));
    let orphan = event_with("ann", "x", |object| {
        object.provenance.derived_from = Distinct::new(vec![never]).unwrap();
    });
    let items = vec![orphan.clone(), event("ann", "Lisbon is large."), orphan, event("ann", "x")];
    let first = world.run(cx.clone(), Ingest { items: items.clone() }).await.unwrap().output;
    let again = world.run(cx, Ingest { items }).await.unwrap().output;
    assert_eq!(first.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true, false, true]);
    for (first, again) in first.into_iter().zip(again) {
        assert_eq!(first.map(|made| (made.id, made.derived)), again.map(|made| (made.id, made.derived)));
    }
}

#[tokio::test]
async fn a_batch_is_one_entry_for_each_person() {
    let world = World::new();
    let rule = "when: {memory.type: event, principal.user: bob}, then: {allow_write: false}";
    world.activate(policy_with("p2", rule)).await;
    let length = world.length().await;
    let items = ["ann", "bob", "ann", "cy"];
    let items = items.iter().map(|name| (Some(user(name)), event(name, "x"))).collect();
    let results =
        ingest_batch(&world.engine, &Context { dialect: Dialect::Core, ..world.nobody() }, items).await;
    let words: Vec<String> = results
        .into_iter()
        .map(|result| result.map_or_else(|refusal| word(&refusal), |item| item.result.is_ok().to_string()))
        .collect();
    assert_eq!(words, ["true", "POLICY_DENIED", "true", "true"]);
    assert_eq!(world.length().await, length + 3);
}

#[tokio::test]
async fn a_query_is_filtered_and_paged_to_its_limit() {
    let world = World::new();
    let mut events = Vec::new();
    for day in 0..40i64 {
        let item = event_with("ann", "x", |object| {
            object.temporal = Temporal::observed(NOW.plus_days(-day));
            // Of every five only one may be seen in a chat.
            if day % 5 != 0 {
                object.ownership.owners = Distinct::new(vec![UserId::parse("bob").unwrap()]).unwrap();
                object.ownership.visibility = Visibility::RestrictedReview;
            }
        });
        let made = world.ingest("ann", item).await;
        if day % 5 == 0 {
            events.push(made.id);
        }
    }
    let page = async |after, limit| {
        let scope = Scope::of_user(&user("ann"));
        let query = Query {
            scope,
            purpose: CHAT,
            filters: of(&[MemoryType::Event]),
            after,
            search: None,
            limit,
            max_tokens: None,
        };
        world.run(world.core("ann"), query).await.unwrap().output
    };
    let (mut seen, mut after) = (Vec::new(), None);
    for _ in 0..3 {
        let page = page(after, 3).await;
        seen.extend(page.items.iter().map(|item| item.memory.id));
        after = world.place(&world.core("ann"), page.next).await;
    }
    assert_eq!(seen, events);
    assert_eq!(after, None, "and that was all");
    assert_eq!(page(None, 8).await.items.len(), 8);
    assert_eq!(page(None, 8).await.next, None, "what is passed over makes no next page");
    let recent = Filters { since: Some(NOW.plus_days(-10)), until: Some(NOW), ..of(&[MemoryType::Event]) };
    assert_eq!(world.found(world.core("ann"), "ann", CHAT, recent).await, events[1..3]);
}

#[tokio::test]
async fn filters_ask_for_what_they_say() {
    let world = World::new();
    let weak = event_with("ann", "x", |object| {
        object.strength = Strength { current: Unit::clamped(0.01), ..Strength::default() };
    });
    let imagined = event_with("ann", "x", |object| {
        *object = {
            let mut somatic = Object::new(TruthMode::Somatic, object.temporal);
            somatic.content = object.content.clone();
            somatic
        };
    });
    let hidden = event_with("ann", "x", |object| object.sensitivity.handling = Handling::NoSearch);
    let quiet = event_with("ann", "x", |object| object.sensitivity.handling = Handling::NoPrompt);
    let mut ids = Vec::new();
    for item in [event("ann", "x"), weak, imagined, hidden, quiet] {
        ids.push(world.ingest("ann", item).await.id);
    }
    let events = of(&[MemoryType::Event]);
    let check = async |purpose, filters, expected: &[usize]| {
        let found = world.found(world.core("ann"), "ann", purpose, filters).await;
        let mut at: Vec<usize> = found.iter().filter_map(|id| ids.iter().position(|own| own == id)).collect();
        at.sort_unstable();
        assert_eq!(at, expected);
    };
    check(CHAT, events.clone(), &[0, 2]).await;
    check(Purpose::Recommendation, events.clone(), &[0, 2, 4]).await;
    check(CHAT, Filters { states: vec![Shown::Dormant], ..events.clone() }, &[1]).await;
    check(CHAT, Filters { states: vec![Shown::Stored(State::Active)], ..events.clone() }, &[0, 2]).await;
    check(CHAT, Filters { truth_modes: vec![TruthMode::Somatic], ..events.clone() }, &[2]).await;
    check(CHAT, Filters { min_strength: Some(Unit::ONE), ..events.clone() }, &[0, 2]).await;
    check(Purpose::SubjectAccess, events.clone(), &[0, 2, 3, 4]).await;
    check(Purpose::TaskExecution, events, &[0, 4]).await;
    assert!(world.get(world.core("ann"), ids[3], CHAT).await.is_ok(), "by its id it is found");
}

#[tokio::test]
async fn a_purpose_that_the_request_rules_out_is_denied_with_its_trace() {
    let world = World::new();
    world.ingest("ann", event("ann", "It rained.")).await;
    let denied = world.query(world.core("ann"), "ann", Purpose::ComplianceAudit, filters()).await;
    let Err(memoryscope_engine::refusal::Refusal::Denied { denied, .. }) = denied else {
        panic!("{denied:?}");
    };
    assert!(denied.trace.is_some());
    let events = of(&[MemoryType::Event]);
    let denied = world.query(world.core("ann"), "ann", Purpose::SafetyFiltering, events.clone()).await;
    assert_eq!(refused(denied), "POLICY_DENIED", "a filter never reads events");
    let auditor = world.as_role("eve", Role::Auditor);
    assert_eq!(world.found(auditor, "ann", Purpose::ComplianceAudit, events).await.len(), 1);
    let foreign = world.query(world.core("bob"), "ann", CHAT, filters()).await.unwrap().output;
    assert!(foreign.items.is_empty() && foreign.next.is_none());
}

#[tokio::test]
async fn members_see_what_is_shared_with_them() {
    let world = World::new();
    let scope = Scope::named(ScopeType::Project, "apollo").unwrap();
    let shared = event_with("ann", "x", |object| object.ownership.visibility = Visibility::SharedWithGroup);
    world.ingest("ann", NewObject { scope: scope.clone(), ..shared }).await;
    let query = Query {
        scope,
        purpose: CHAT,
        filters: of(&[MemoryType::Event]),
        after: None,
        search: None,
        limit: 9,
        max_tokens: None,
    };
    let mut member = world.core("bob");
    member.principal.groups = ["project:apollo".to_owned()].into();
    assert_eq!(world.run(member, query.clone()).await.unwrap().output.items.len(), 1);
    assert!(world.run(world.core("bob"), query).await.unwrap().output.items.is_empty());
}

#[tokio::test]
async fn a_context_is_put_together_without_a_word_of_an_event() {
    let world = World::new();
    let made = world.ingest("ann", event("ann", "Please use bullet points when you explain Lisbon.")).await;
    let reconstruct = |include_events| Reconstruct {
        scope: Scope::of_user(&user("ann")),
        purpose: CHAT,
        format: Format::Text,
        max_tokens: None,
        include_events,
        cues: Vec::new(),
        search: None,
    };
    let Reconstructed { reconstruction, .. } =
        world.run(world.core("ann"), reconstruct(false)).await.unwrap().output;
    let Told::Text(text) = &reconstruction.context else { panic!("{reconstruction:?}") };
    assert!(text.contains("bullets") && !text.contains("when you explain"), "{text}");
    assert_eq!(reconstruction.sources.impacts, [made.derived[0].0]);
    assert!(reconstruction.sources.events.is_empty());
    let with_events = world.run(world.core("ann"), reconstruct(true)).await.unwrap().output;
    assert_eq!(with_events.reconstruction.sources.events, [made.id]);
    let other = world.run(world.core("bob"), reconstruct(true)).await.unwrap().output;
    assert_eq!(other.reconstruction.token_estimate, 0);
    assert_eq!(world.said().await, "MEMORY_RECONSTRUCT allowed - 0");
    assert!(world.verification().await.ok);
}
