//! Spirals: when they are looked for, what they block, who is told of one, and what ends one.

use std::sync::Arc;

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::lifecycle::{Barred, Step};
use memoryscope_domain::memory::{MemoryType, State};
use memoryscope_domain::object::{Level, Name, ScopeFlags, TruthMode, Unit};
use memoryscope_domain::policy::Policy;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::reconstruct::Format;
use memoryscope_domain::scope::{Scope, ScopeType};
use memoryscope_domain::spiral::{Lexicon, Pattern};
use memoryscope_domain::subject::Deed;
use memoryscope_engine::context::Context;
use memoryscope_engine::fakes;
use memoryscope_engine::memory_store::MemoryStore;
use memoryscope_engine::op::gate::AskGate;
use memoryscope_engine::op::ingest::{Ingest, NewObject};
use memoryscope_engine::op::query::Query;
use memoryscope_engine::op::reconstruct::Reconstruct;
use memoryscope_engine::op::spiral::{Active, GetSpiral};
use memoryscope_engine::op::subject::Admit;
use memoryscope_engine::subjects;

use super::objects::{category, event_in, event_with, filters};
use super::support::{World, policy_with, refused, user};

const MINUTE: i64 = 60_000_000;

/// What goes round and round.
pub(crate) const RUMINATING: [&str; 3] = [
    "I can't stop thinking about the speech.",
    "Why did I say that in the speech?",
    "I keep hearing that speech. Please be brief with me.",
];

/// An event of a scope where spirals are looked for.
pub(crate) fn spiralling(whose: &str, text: &str) -> NewObject {
    let mut made = event_in(TruthMode::SubjectiveExperience, whose, text);
    if let Some(object) = made.body.object_mut() {
        object.flags = ScopeFlags::new([(Name::parse("spiral").unwrap(), true)]).unwrap();
    }
    made
}

impl World {
    async fn spiral_of(&self, cx: Context, whose: &str) -> Option<Active> {
        self.run(cx, GetSpiral { scope: Scope::of_user(&user(whose)) }).await.expect("an answer").output
    }

    async fn spirals_of(&self, whose: &str) -> Option<Pattern> {
        self.spiral_of(self.core(whose), whose).await.map(|active| active.pattern)
    }

    /// Says these things one after the other; gives the last one's id and what was derived from it.
    async fn say(&self, whose: &str, lines: &[&str]) -> (MemoryId, Vec<MemoryType>) {
        let mut last = None;
        for line in lines {
            last = Some(self.ingest(whose, spiralling(whose, line)).await);
        }
        let last = last.expect("something is said");
        (last.id, last.derived.iter().map(|(_, of_type)| *of_type).collect())
    }
}

fn policy(globals: &str) -> Arc<Policy> {
    let text =
        format!("policy_version: spirals\nextends: builtin/default\nglobals: {{spiral: {{{globals}}}}}\n");
    Arc::new(Policy::load(&text).expect("a test's policy loads"))
}

#[tokio::test]
async fn spirals_are_found_where_they_are_looked_for() {
    let world = World::new();
    for line in RUMINATING {
        world.ingest("ann", event_in(TruthMode::SubjectiveExperience, "ann", line)).await;
    }
    assert_eq!(world.spirals_of("ann").await, None);
    world.activate(policy("enabled_default: true")).await;
    let line = "That speech again, over and over.";
    world.ingest("ann", event_in(TruthMode::SubjectiveExperience, "ann", line)).await;
    assert_eq!(world.spirals_of("ann").await, Some(Pattern::Rumination));
    assert_eq!(world.spirals_of("bob").await, None);
    assert_eq!(world.said().await, "SPIRAL_GET allowed - 0");
    assert!(world.verification().await.ok);
}

#[tokio::test]
async fn one_lasts_as_long_as_the_policy_says() {
    let world = World::new();
    world.activate(policy("ttl_minutes: 0.5")).await;
    world.say("ann", &RUMINATING[..2]).await;
    assert_eq!(world.spirals_of("ann").await, None);
    world.say("ann", &RUMINATING[2..]).await;
    let active = world.spiral_of(world.core("ann"), "ann").await.expect("a spiral");
    assert_eq!(active.expires.micros_since(world.core("ann").now), MINUTE / 2);
    world.clock.advance_micros(MINUTE / 2);
    assert_eq!(world.spirals_of("ann").await, None);
}

#[tokio::test]
async fn what_lives_blocks_impacts_reinforcement_and_tools() {
    let world = World::new();
    // State, derivation, detection: the event that completes it still has its impact.
    let (id, derived) = world.say("ann", &RUMINATING).await;
    assert_eq!(derived, [MemoryType::Impact, MemoryType::Seed]);
    let (_, derived) = world.say("ann", &["Please be brief about trains."]).await;
    assert_eq!(derived, [MemoryType::Seed]);
    let until = world.spiral_of(world.core("ann"), "ann").await.expect("a spiral").expires;
    let reinforce = || Step::Reinforce { by: Unit::clamped(0.1), reason: None };
    let barred = world.step(world.core("ann"), id, reinforce()).await.unwrap().output;
    assert_eq!(barred.map(|made| made.memory.version), Err(Barred::Spiral { until }));
    assert_eq!(world.said().await, "MEMORY_REINFORCE allowed BARRED 1");
    let gate = || AskGate {
        scope: Scope::of_user(&user("ann")),
        tool: "order".to_owned(),
        purpose: Purpose::TaskExecution,
        evidence: Vec::new(),
    };
    let asked = world.run(world.core("ann"), gate()).await.unwrap().output.gate;
    assert_eq!((asked.is_open(), asked.blocked_until), (false, Some(until)));
    world.clock.advance_micros(45 * MINUTE);
    assert!(world.step(world.core("ann"), id, reinforce()).await.unwrap().output.is_ok());
    assert!(world.run(world.core("ann"), gate()).await.unwrap().output.gate.is_open());
    let off = "block_new_impacts: false, block_reinforcement: false, block_tool_execution: false";
    world.activate(policy(off)).await;
    let (id, _) = world.say("ann", &RUMINATING).await;
    assert_eq!(world.spirals_of("ann").await, Some(Pattern::Rumination));
    assert!(world.step(world.core("ann"), id, reinforce()).await.unwrap().output.is_ok());
    assert!(world.run(world.core("ann"), gate()).await.unwrap().output.gate.is_open());
}

#[tokio::test]
async fn seeds_are_harder_to_wake_while_one_lives() {
    let world = World::new();
    world.activate(policy("raise_seed_activation_threshold_by: 1.0")).await;
    let seed = world.ingest("ann", spiralling("ann", "We met in Lisbon.")).await.derived[0].0;
    // A little weaker than what is new.
    world.clock.advance_micros(12 * 60 * MINUTE);
    let wakes = async || {
        let op = Reconstruct {
            scope: Scope::of_user(&user("ann")),
            purpose: Purpose::ChatResponse,
            format: Format::Text,
            max_tokens: None,
            include_events: false,
            cues: Vec::new(),
            search: None,
        };
        let made = world.run(world.core("ann"), op).await.unwrap().output.reconstruction;
        made.sources.seeds.contains(&seed)
    };
    assert!(wakes().await);
    // It rests for an hour.
    world.clock.advance_micros(60 * MINUTE);
    world.say("ann", &RUMINATING).await;
    assert!(world.spirals_of("ann").await.is_some());
    assert!(!wakes().await);
    world.clock.advance_micros(45 * MINUTE);
    assert!(wakes().await);
}

#[tokio::test]
async fn rules_may_ask_about_the_spiral_before_an_event() {
    let world = World::new();
    let rule = "when: {spiral.active: true, spiral.pattern: rumination, spiral.confidence: {gte: 0.5}}, \
                then: {set_state: sealed, allow_read: false}";
    world.activate(policy_with("asks", rule)).await;
    let query = || Query {
        scope: Scope::of_user(&user("ann")),
        purpose: Purpose::ChatResponse,
        filters: filters(),
        after: None,
        search: None,
        limit: 9,
        max_tokens: None,
    };
    let (id, _) = world.say("ann", &RUMINATING).await;
    assert_eq!(world.stored(id).await.state, State::Active);
    assert_eq!(refused(world.run(world.core("ann"), query()).await), "POLICY_DENIED");
    let (id, _) = world.say("ann", &["It rained."]).await;
    assert_eq!(world.stored(id).await.state, State::Sealed);
    world.clock.advance_micros(46 * MINUTE);
    assert_eq!(refused(world.run(world.core("ann"), query()).await), "answered");
}

#[tokio::test]
async fn only_who_acts_for_the_scope_is_told() {
    let world = World::new();
    world.say("ann", &RUMINATING).await;
    assert!(world.spiral_of(world.core("ann"), "ann").await.is_some());
    assert_eq!(world.spiral_of(world.core("bob"), "ann").await, None);
    let rule = "when: {memory.type: event, request.purpose: chat_response}, then: {allow_read: false}";
    world.activate(policy_with("no_chat", rule)).await;
    assert_eq!(world.spiral_of(world.core("ann"), "ann").await, None);
}

#[tokio::test]
async fn sealing_revoking_and_erasing_an_event_end_what_was_found() {
    for step in [Step::Seal { reason: None }, Step::Revoke { reason: None }, Step::Erase] {
        let world = World::new();
        let (id, _) = world.say("ann", &RUMINATING).await;
        assert!(world.spirals_of("ann").await.is_some());
        world.step(world.core("ann"), id, step).await.unwrap().output.expect("it is made");
        assert_eq!(world.spirals_of("ann").await, None);
    }
}

#[tokio::test]
async fn erasing_a_person_ends_what_was_found_of_them_alone() {
    let world = World::new();
    for whose in ["ann", "bob"] {
        world.say(whose, &RUMINATING).await;
        assert!(world.spirals_of(whose).await.is_some());
    }
    let admit = Admit { person: user("ann"), deed: Deed::Erase, reason: None };
    subjects::carry_out(&world.engine, &world.core("ann"), &admit).await.expect("an erasure");
    assert_eq!(world.spirals_of("ann").await, None);
    assert!(world.spirals_of("bob").await.is_some());
}

/// Two worlds that differ in the text of what the caller cannot see find the same.
#[tokio::test]
async fn the_text_of_what_is_hidden_from_the_writer_is_not_looked_at() {
    let in_org = |text: &str, change: &dyn Fn(&mut NewObject)| {
        let mut made = spiralling("ann", text);
        made.scope = Scope::named(ScopeType::Org, "acme").unwrap();
        change(&mut made);
        made
    };
    let found = async |text: &'static [&'static str; 3], hide: &dyn Fn(&mut NewObject)| {
        let world = World::new();
        let member = |name: &str| {
            let mut cx = world.core(name);
            cx.principal.groups.insert("org:acme".to_owned());
            cx
        };
        for line in &text[..2] {
            world.run(member("ann"), Ingest { items: vec![in_org(line, hide)] }).await.unwrap();
        }
        let last = in_org(RUMINATING[2], &|made| open(made));
        world.run(member("bob"), Ingest { items: vec![last] }).await.unwrap();
        let scope = Scope::named(ScopeType::Org, "acme").unwrap();
        world.run(member("bob"), GetSpiral { scope }).await.unwrap().output
    };
    const OTHER: [&str; 3] = ["We planted beans.", "The train was late.", "x"];
    let sealed = |made: &mut NewObject| {
        open(made);
        made.state = State::Sealed;
    };
    let high = |made: &mut NewObject| {
        open(made);
        owned_by_ann(made);
        made.body.object_mut().unwrap().sensitivity.level = Level::High;
    };
    assert!(found(&RUMINATING, &|made| open(made)).await.is_some());
    for hide in [&sealed as &dyn Fn(&mut NewObject), &high, &|made| owned_by_ann(made)] {
        assert_eq!(found(&RUMINATING, hide).await, found(&OTHER, hide).await);
        assert_eq!(found(&RUMINATING, hide).await, None);
    }
}

fn open(made: &mut NewObject) {
    made.body.object_mut().unwrap().ownership.visibility =
        memoryscope_domain::object::Visibility::SharedWithOrg;
}

/// Private to Ann.
fn owned_by_ann(made: &mut NewObject) {
    let ownership = &mut made.body.object_mut().unwrap().ownership;
    ownership.owners = memoryscope_domain::object::Distinct::new(vec![user("ann")]).unwrap();
}

#[tokio::test]
async fn sealed_events_count_by_their_categories() {
    let world = World::new();
    world.activate(policy("enabled_default: true")).await;
    for _ in 0..3 {
        let made = event_with("ann", "x", category("despair"));
        world.ingest("ann", NewObject { state: State::Sealed, ..made }).await;
    }
    assert_eq!(world.spirals_of("ann").await, Some(Pattern::FutureCollapse));
}

#[tokio::test]
async fn another_lexicon_tells_by_other_words() {
    let source = "{events_min: 2, full_share: 500, lists: {gloom: {phrases: [grey]}}, patterns: {rumination: \
                  {threshold: 500, at_least: {gloom: 500}, weights: {gloom: 10}}}}";
    let store = Arc::new(MemoryStore::new());
    let (engine, clock) = fakes::engine(Arc::<MemoryStore>::clone(&store));
    let engine = Arc::into_inner(engine).expect("nobody else has it");
    let engine = Arc::new(engine.telling_spirals_by(Arc::new(Lexicon::parse(source).unwrap())));
    let world = World { engine, clock, store };
    world.say("ann", &RUMINATING).await;
    assert_eq!(world.spirals_of("ann").await, None);
    world.say("ann", &["All is grey.", "Grey again."]).await;
    assert_eq!(world.spirals_of("ann").await, Some(Pattern::Rumination));
}

#[tokio::test]
async fn batches_find_in_each_scope_of_theirs() {
    let world = World::new();
    let items = RUMINATING.iter().flat_map(|line| [spiralling("ann", line), spiralling("bob", "It rained.")]);
    world.run(world.core("ann"), Ingest { items: items.collect() }).await.unwrap();
    assert_eq!(world.spirals_of("ann").await, Some(Pattern::Rumination));
    assert_eq!(world.spirals_of("bob").await, None);
}
