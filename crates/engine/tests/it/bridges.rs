//! Bridges: who may make them, and what is read behind them.

use std::collections::{BTreeMap, BTreeSet};

use memoryscope_domain::bridge::{Bridge, Carries};
use memoryscope_domain::govern::Evidence;
use memoryscope_domain::ids::{BridgeId, MemoryId};
use memoryscope_domain::lifecycle::Step;
use memoryscope_domain::memory::MemoryType;
use memoryscope_domain::object::{
    DisputeState, Distinct, Handling, Level, Note, Object, OwnerType, Temporal, Visibility,
};
use memoryscope_domain::place::Place;
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::reconstruct::{Context as Told, Format};
use memoryscope_domain::scope::{Scope, ScopeType};
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::words::QueryText;
use memoryscope_engine::context::Context;
use memoryscope_engine::op::bridge::{End, List, Make};
use memoryscope_engine::op::gate::AskGate;
use memoryscope_engine::op::get::{Get, History};
use memoryscope_engine::op::ingest::NewObject;
use memoryscope_engine::op::query::{Filters, Query};
use memoryscope_engine::op::reconstruct::Reconstruct;
use memoryscope_engine::op::search::Search;

use super::objects::{event, event_with, filters};
use super::support::{World, policy_with, refused, user, word};

pub(crate) const CHAT: Purpose = Purpose::ChatResponse;
pub(crate) const ALL: Carries = Carries { events: true, impacts: true, seeds: true };

pub(crate) fn apollo() -> Scope {
    Scope::named(ScopeType::Project, "apollo").unwrap()
}

pub(crate) fn of(name: &str) -> Scope {
    Scope::of_user(&user(name))
}

/// From Ann's scope to the project's, for conversation.
pub(crate) fn to_apollo(carries: Carries) -> Make {
    Make {
        source: of("ann"),
        target: apollo(),
        purposes: BTreeSet::from([CHAT, Purpose::TaskExecution]),
        carries,
        expires: None,
        reason: None,
    }
}

fn ask(scope: Scope, purpose: Purpose) -> Query {
    Query { scope, purpose, filters: filters(), after: None, search: None, limit: 100, max_tokens: None }
}

impl World {
    /// A member of the project.
    pub(crate) fn member(&self, name: &str) -> Context {
        let mut cx = self.core(name);
        cx.principal.groups.insert("project:apollo".to_owned());
        cx
    }

    /// A millisecond later: bridges are told in the order in which they were made.
    pub(crate) async fn bridge(&self, make: Make) -> Bridge {
        self.clock.advance_micros(1_000);
        let owner = self.core(&make.source.id);
        self.run(owner, make).await.expect("a bridge").output
    }

    /// What a member is shown of the project, with the bridges behind which it is.
    pub(crate) async fn in_apollo(&self, purpose: Purpose) -> Vec<(MemoryId, Option<BridgeId>)> {
        let page = self.run(self.member("bob"), ask(apollo(), purpose)).await.expect("a query").output;
        page.items.iter().map(|item| (item.memory.id, item.bridge)).collect()
    }

    pub(crate) async fn crosses(&self, id: MemoryId) -> bool {
        self.in_apollo(CHAT).await.iter().any(|(seen, _)| *seen == id)
    }

    /// Behind which bridge a memory is shown that is named by its id; else in one word why it is not.
    async fn named(&self, cx: Context, id: MemoryId) -> Result<Option<BridgeId>, String> {
        let done = self.run(cx, Get { id, purpose: CHAT }).await.map_err(|refusal| word(&refusal))?;
        assert_eq!(done.output.bridge, done.bridged.keys().next().copied());
        Ok(done.output.bridge)
    }

    pub(crate) async fn bridges_of(&self, cx: Context, scope: Scope) -> Vec<BridgeId> {
        let page = self.run(cx, List { scope, after: None, limit: 50 }).await.expect("a list").output;
        page.bridges.iter().map(|bridge| bridge.id).collect()
    }
}

fn in_apollo(text: &str) -> NewObject {
    let made = event_with("bob", text, |object| object.ownership.visibility = Visibility::SharedWithGroup);
    NewObject { scope: apollo(), ..made }
}

#[tokio::test]
async fn readers_of_the_target_see_what_crosses() {
    let world = World::new();
    let made = world.ingest("ann", event("ann", "Please use bullet points about Lisbon.")).await;
    let own = world.ingest("bob", in_apollo("The launch is on Friday.")).await.id;
    let before: BTreeSet<MemoryId> = world.in_apollo(CHAT).await.into_iter().map(|(id, _)| id).collect();
    assert!(before.contains(&own) && !before.contains(&made.id));
    assert_eq!(world.named(world.member("bob"), made.id).await, Err("hidden".to_owned()));

    let bridge = world.bridge(to_apollo(ALL)).await;
    assert_eq!(world.said().await, "BRIDGE_CREATE allowed - 0");
    let (_, private) = world.last().await;
    assert_eq!(private["bridges"][0], bridge.id.prefixed());
    let through: BTreeMap<MemoryId, Option<BridgeId>> = world.in_apollo(CHAT).await.into_iter().collect();
    assert_eq!(through[&own], None);
    for id in [made.id, made.derived[0].0, made.derived[1].0] {
        assert_eq!(through[&id], Some(bridge.id));
        assert_eq!(world.named(world.member("bob"), id).await, Ok(Some(bridge.id)));
    }
    let (_, private) = world.last().await;
    assert_eq!(private["bridges"][0], bridge.id.prefixed(), "the entry of a read says behind which");

    // For its purposes, to members, and not the other way.
    assert!(!world.in_apollo(Purpose::Scheduling).await.iter().any(|(id, _)| *id == made.id));
    assert!(world.found(world.core("eve"), "ann", CHAT, filters()).await.is_empty());
    let stranger = world.run(world.core("eve"), ask(apollo(), CHAT)).await.unwrap().output;
    assert!(stranger.items.is_empty());
    assert_eq!(world.named(world.core("eve"), made.id).await, Err("hidden".to_owned()));
    let back = world.found(world.core("ann"), "ann", CHAT, filters()).await;
    assert!(!back.contains(&own) && back.len() == 3);
    // What one is shown of what others own is read, and nothing else.
    let history = History { id: made.id, purpose: CHAT, after: 0, limit: 9 };
    assert_eq!(refused(world.run(world.member("bob"), history).await), "hidden");
    let seal = Step::Seal { reason: None };
    assert_eq!(refused(world.step(world.member("bob"), made.id, seal).await), "hidden");
}

#[tokio::test]
async fn only_the_types_that_it_carries_cross() {
    let world = World::new();
    let made = world.ingest("ann", event("ann", "Please use bullet points about Lisbon.")).await;
    let ids = [made.id, made.derived[0].0, made.derived[1].0];
    let only = |at: usize| Carries { events: at == 0, impacts: at == 1, seeds: at == 2 };
    for (at, id) in ids.into_iter().enumerate() {
        let bridge = world.bridge(to_apollo(only(at))).await;
        assert_eq!(world.in_apollo(CHAT).await, [(id, Some(bridge.id))], "{at}");
        world.run(world.core("ann"), End { id: bridge.id }).await.unwrap();
        assert_eq!(world.in_apollo(CHAT).await, [], "{at}");
    }
    // What is derived does not name what stays behind.
    world.bridge(to_apollo(only(1))).await;
    let page = world.run(world.member("bob"), ask(apollo(), CHAT)).await.unwrap().output;
    let impact = page.items[0].memory.object().unwrap();
    assert!(impact.provenance.derived_from.is_empty());
    assert_eq!(page.constraints.len(), 1);
    assert!(page.constraints[0].constraint.source_refs.is_empty());
    world.bridge(to_apollo(only(0))).await;
    let page = world.run(world.member("bob"), ask(apollo(), CHAT)).await.unwrap().output;
    let impact = page.items.iter().find(|item| item.memory.id == ids[1]).unwrap();
    assert_eq!(impact.memory.object().unwrap().provenance.derived_from[..], [made.id]);
}

#[tokio::test]
async fn what_becomes_of_a_memory_reaches_through() {
    let world = World::new();
    world.bridge(to_apollo(ALL)).await;
    let erase = Step::Erase;
    let reason = Note::parse("It was not so.").unwrap();
    for step in [Step::Seal { reason: None }, Step::Revoke { reason: None }, erase, Step::Dispute { reason }]
    {
        let id = world.ingest("ann", event("ann", "It rained.")).await.id;
        assert!(world.crosses(id).await, "at once");
        world.step(world.core("ann"), id, step.clone()).await.unwrap().output.unwrap();
        assert!(!world.crosses(id).await, "{step:?}");
        assert_eq!(world.named(world.member("bob"), id).await, Err("hidden".to_owned()), "{step:?}");
    }
    let id = world.ingest("ann", event("ann", "It rained.")).await.id;
    world.step(world.core("ann"), id, Step::Seal { reason: None }).await.unwrap().output.unwrap();
    world.step(world.core("ann"), id, Step::Release { reason: None }).await.unwrap().output.unwrap();
    assert!(!world.crosses(id).await, "what is restricted does not cross");
}

#[tokio::test]
async fn what_must_not_cross_does_not_whatever_a_policy_grants() {
    let world = World::new();
    let rule = "when: {memory.type: [event, impact, seed], memory.state: [active, restricted, sealed]}, \
                then: {allow_read: true, include_in_prompt: true, allow_bridge: true}";
    world.activate(policy_with("p2", rule)).await;
    world.bridge(to_apollo(ALL)).await;
    let unprompted = |object: &mut Object| object.sensitivity.handling = Handling::NoPrompt;
    let stays = world.ingest("ann", event_with("ann", "It rained.", unprompted)).await.id;
    let sealed = world.ingest("ann", event("ann", "It poured.")).await.id;
    world.step(world.core("ann"), sealed, Step::Seal { reason: None }).await.unwrap().output.unwrap();
    let open = world.ingest("ann", event("ann", "It snowed.")).await.id;
    let task: Vec<MemoryId> =
        world.in_apollo(Purpose::TaskExecution).await.into_iter().map(|(id, _)| id).collect();
    assert!(task.contains(&open) && !task.contains(&stays) && !task.contains(&sealed));
    for id in [stays, sealed] {
        let get = Get { id, purpose: Purpose::TaskExecution };
        let direct = world.run(world.member("bob"), get).await.unwrap();
        assert_eq!(direct.output.bridge, None, "this policy shows it to everybody, behind no bridge");
    }
}

#[tokio::test]
async fn the_default_policy_lets_cross_what_is_mild() {
    let world = World::new();
    world.bridge(Make { purposes: BTreeSet::from([CHAT, Purpose::SafetyFiltering]), ..to_apollo(ALL) }).await;
    let high = |object: &mut Object| object.sensitivity.level = Level::High;
    let disputed = |object: &mut Object| object.ownership.dispute_state = DisputeState::Disputed;
    let text = "Please use bullet points about Lisbon.";
    let changes: [fn(&mut Object); 2] = [high, disputed];
    for change in changes {
        world.ingest("ann", event_with("ann", text, change)).await;
        assert_eq!(world.in_apollo(CHAT).await, []);
    }
    // What somebody else owns is not the scope's to hand on, nor what only reviewers may see.
    let bobs = |object: &mut Object| {
        object.ownership.owners = Distinct::new(vec![user("carl")]).unwrap();
        object.ownership.owner_type = OwnerType::User;
    };
    let reviewed = |object: &mut Object| object.ownership.visibility = Visibility::RestrictedReview;
    let changes: [fn(&mut Object); 2] = [bobs, reviewed];
    for change in changes {
        world.ingest("ann", event_with("ann", text, change)).await;
        assert_eq!(world.in_apollo(CHAT).await, []);
    }
    let anns = |object: &mut Object| object.ownership.owners = Distinct::new(vec![user("ann")]).unwrap();
    world.ingest("ann", event_with("ann", text, anns)).await;
    assert_eq!(world.in_apollo(CHAT).await.len(), 3);
}

#[tokio::test]
async fn bridges_do_not_chain_and_have_one_direction() {
    let world = World::new();
    let anns = world.ingest("ann", event("ann", "It rained.")).await.id;
    let carls = world.ingest("carl", event("carl", "It snowed.")).await.id;
    world.bridge(Make { source: of("carl"), target: of("ann"), ..to_apollo(ALL) }).await;
    world.bridge(to_apollo(ALL)).await;
    let ann = world.found(world.core("ann"), "ann", CHAT, filters()).await;
    assert!(ann.contains(&anns) && ann.contains(&carls));
    assert!(world.crosses(anns).await && !world.crosses(carls).await);
    assert_eq!(world.named(world.member("bob"), carls).await, Err("hidden".to_owned()));
    let carl = world.found(world.core("carl"), "carl", CHAT, filters()).await;
    assert!(carl.contains(&carls) && !carl.contains(&anns));
}

#[tokio::test]
async fn what_has_ended_is_as_if_it_had_never_been() {
    let world = World::new();
    let id = world.ingest("ann", event("ann", "It rained.")).await.id;
    let now = world.core("ann").now;
    let until = Some(now.plus_micros(5_000));
    let bridge = world.bridge(Make { expires: until, ..to_apollo(ALL) }).await;
    assert!(world.crosses(id).await);
    world.clock.advance_micros(4_000);
    let mut asked = Vec::new();
    for is_removed in [false, true] {
        if is_removed {
            let other = world.bridge(to_apollo(ALL)).await;
            assert!(world.crosses(id).await);
            let ended = world.run(world.member("bob"), End { id: other.id }).await.unwrap().output;
            assert!(ended.removed.is_some(), "the target may take it away too");
            assert_eq!(world.said().await, "BRIDGE_REMOVE allowed - 0");
            let again = world.run(world.core("ann"), End { id: other.id }).await.unwrap().output;
            assert_eq!(again, ended, "removing it again changes nothing");
        }
        assert!(!world.crosses(id).await);
        assert_eq!(world.named(world.member("bob"), id).await, Err("hidden".to_owned()));
        assert_eq!(world.bridges_of(world.core("ann"), of("ann")).await, []);
        asked.push(world.in_apollo(CHAT).await);
    }
    assert_eq!(refused(world.run(world.core("ann"), End { id: bridge.id }).await), "hidden");
    assert_eq!(asked[0], asked[1]);
}

#[tokio::test]
async fn pages_go_through_all_that_crosses_in_one_order() {
    let world = World::new();
    for name in ["ann", "carl"] {
        world
            .bridge(Make { source: of(name), ..to_apollo(Carries { events: true, ..Carries::default() }) })
            .await;
    }
    let mut expected: Vec<Place> = Vec::new();
    for at in 0..24_i64 {
        let occurred = Timestamp::from_unix_micros(1_000 * (at * 7 % 12));
        let then = |object: &mut Object| {
            object.temporal = Temporal::observed(occurred);
            object.ownership.visibility = Visibility::SharedWithGroup;
        };
        let (whose, scope) = [("ann", of("ann")), ("bob", apollo()), ("carl", of("carl"))]
            [usize::try_from(at % 3).unwrap()]
        .clone();
        let made = NewObject { scope, ..event_with(whose, "It rained.", then) };
        expected.push((occurred, world.ingest(whose, made).await.id));
    }
    expected.sort_by_key(|(time, id)| (std::cmp::Reverse(*time), *id));
    let events = Filters { types: vec![MemoryType::Event], ..Filters::default() };
    for limit in [1, 2, 5, 24, 100] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let cx = world.member("bob");
            let query = Query { filters: events.clone(), after, limit, ..ask(apollo(), CHAT) };
            let page = world.run(cx.clone(), query).await.unwrap().output;
            seen.extend(page.items.iter().map(|item| (item.memory.placed.unwrap(), item.memory.id)));
            after = world.place(&cx, page.next).await;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected, "{limit}");
    }
}

#[tokio::test]
async fn words_are_found_behind_bridges() {
    let world = World::new();
    let bridge = world.bridge(to_apollo(ALL)).await;
    let near = world.ingest("ann", event("ann", "Tea in the rain.")).await.id;
    let own = world.ingest("bob", in_apollo("Tea, tea and tea.")).await.id;
    let sealed = world.ingest("ann", event("ann", "Tea in secret.")).await.id;
    world.step(world.core("ann"), sealed, Step::Seal { reason: None }).await.unwrap().output.unwrap();
    let search = Some(Search::new(QueryText::parse("rain and tea").unwrap(), None));
    let events = Filters { types: vec![MemoryType::Event], ..Filters::default() };
    let query = Query { search, filters: events, ..ask(apollo(), CHAT) };
    let page = world.run(world.member("bob"), query).await.unwrap();
    let found: Vec<_> = page.output.items.iter().map(|item| (item.memory.id, item.bridge)).collect();
    assert_eq!(found, [(near, Some(bridge.id)), (own, None)]);
    assert_eq!(page.bridged, BTreeMap::from([(bridge.id, vec![near])]));
}

#[tokio::test]
async fn contexts_and_gates_know_what_crosses() {
    let world = World::new();
    let bridge = world.bridge(to_apollo(ALL)).await;
    let made = world.ingest("ann", event("ann", "Please ask me before you book anything.")).await;
    let reconstruct = Reconstruct {
        scope: apollo(),
        purpose: CHAT,
        format: Format::Text,
        max_tokens: None,
        include_events: true,
        cues: Vec::new(),
        search: None,
    };
    let done = world.run(world.member("bob"), reconstruct).await.unwrap();
    let sources = &done.output.reconstruction.sources;
    assert_eq!(sources.impacts, [made.derived[0].0]);
    assert_eq!(sources.events, [made.id]);
    assert!(matches!(&done.output.reconstruction.context, Told::Text(text) if !text.is_empty()));
    assert_eq!(done.bridged.keys().copied().collect::<Vec<_>>(), [bridge.id]);

    let gate = || AskGate {
        scope: apollo(),
        tool: "book".to_owned(),
        purpose: Purpose::TaskExecution,
        evidence: vec![made.id],
    };
    let answer = world.run(world.member("bob"), gate()).await.unwrap();
    assert_eq!(answer.output.gate.evidence, [(made.id, Evidence::Admitted)]);
    assert!(answer.output.constraints.iter().all(|held| held.impact == made.derived[0].0));
    assert!(!answer.output.constraints.is_empty());
    assert!(answer.output.constraints.iter().all(|held| held.constraint.source_refs == [made.id]));
    assert!(answer.bridged[&bridge.id].contains(&made.id));
    let answer = world.run(world.core("bob"), gate()).await.unwrap().output;
    assert_eq!(answer.gate.evidence, [(made.id, Evidence::NotAvailable)], "no member");
    assert!(answer.constraints.is_empty());
    world.run(world.core("ann"), End { id: bridge.id }).await.unwrap();
    let only = world.bridge(to_apollo(Carries { impacts: true, ..Carries::default() })).await;
    let answer = world.run(world.member("bob"), gate()).await.unwrap().output;
    assert!(!answer.constraints.is_empty());
    assert!(answer.constraints.iter().all(|held| held.constraint.source_refs.is_empty()));
    world.run(world.core("ann"), End { id: only.id }).await.unwrap();
    let answer = world.run(world.member("bob"), gate()).await.unwrap();
    assert_eq!(answer.output.gate.evidence, [(made.id, Evidence::NotAvailable)]);
    assert!(answer.bridged.is_empty());
}

/// A bridge that gives nothing changes no answer.
#[tokio::test]
async fn a_bridge_that_gives_nothing_is_not_told_of() {
    let mut told = Vec::new();
    for is_bridged in [false, true] {
        let world = World::new();
        let high = |object: &mut Object| object.sensitivity.level = Level::High;
        let anns = world.ingest("ann", event_with("ann", "It rained.", high)).await.id;
        let own = world.ingest("bob", in_apollo("The launch is on Friday.")).await.id;
        let make = if is_bridged { to_apollo(ALL) } else { Make { target: of("eve"), ..to_apollo(ALL) } };
        world.bridge(make).await;
        let (bob, auditor) = (world.member("bob"), world.as_role("root", Role::Auditor));
        let page = world.run(bob, ask(apollo(), CHAT)).await.unwrap();
        assert_eq!(page.output.items[0].memory.id, own);
        let audit = world.run(auditor, ask(apollo(), Purpose::DebuggingReplay)).await.unwrap();
        let gone = world.named(world.member("bob"), anns).await;
        let (_, private) = world.last().await;
        told.push(format!(
            "{:?} {:?} {:?} {:?} {gone:?} {:?}",
            page.output,
            page.trace,
            page.bridged,
            audit.output,
            private.get("bridges")
        ));
    }
    assert_eq!(told[0], told[1]);
}
