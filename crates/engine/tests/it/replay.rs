//! Decisions made again: the same, whatever happened since; and of what they showed no more than may be seen now.

use std::cmp::Reverse;

use memoryscope_domain::audit_chain::Seq;
use memoryscope_domain::govern::StoredEntry;
use memoryscope_domain::ids::{AuditId, MemoryId, TenantId};
use memoryscope_domain::lifecycle::Step;
use memoryscope_domain::memory::{MemoryType, State};
use memoryscope_domain::object::{Distinct, HalfLifeDays, Label, Object, Temporal, Unit};
use memoryscope_domain::predicate::Speech;
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::reconstruct::Format;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::words::{QueryText, Ranked};
use memoryscope_engine::context::Context;
use memoryscope_engine::op::explain::{ExplainMemories, ExplainedLog, Explanation};
use memoryscope_engine::op::gate::AskGate;
use memoryscope_engine::op::get::{Get, History};
use memoryscope_engine::op::query::{Filters, Query, Shown};
use memoryscope_engine::op::reconstruct::Reconstruct;
use memoryscope_engine::op::replay::Replayed;
use memoryscope_engine::op::search::Search;
use memoryscope_engine::replay::{Comparison, NotReplayable, Override, replayable};
use proptest::prelude::*;
use serde_json::json;

use super::bridges::{ALL, to_apollo};
use super::objects::{category, event, event_with, filters};
use super::searches::predicate;
use super::spirals::{RUMINATING, spiralling};
use super::support::{Answer, World, policy_with, refused, tenant, user};

const CHAT: Purpose = Purpose::ChatResponse;
const SEAL: Step = Step::Seal { reason: None };

fn query_of(whose: &str, purpose: Purpose, filters: Filters, limit: usize) -> Query {
    Query {
        scope: Scope::of_user(&user(whose)),
        purpose,
        filters,
        after: None,
        search: None,
        limit,
        max_tokens: None,
    }
}

fn context_of(whose: &str, include_events: bool, cues: &[&str]) -> Reconstruct {
    Reconstruct {
        scope: Scope::of_user(&user(whose)),
        purpose: CHAT,
        format: Format::Json,
        max_tokens: Some(60),
        include_events,
        cues: cues.iter().map(|cue| (*cue).to_owned()).collect(),
        search: None,
    }
}

impl World {
    /// Every recorded decision that can be made again.
    pub(crate) async fn recorded(&self) -> Vec<StoredEntry> {
        let codes = replayable();
        let is_one = |stored: &StoredEntry| codes.contains(&stored.entry.parse().unwrap().draft.operation);
        self.chain().await.into_iter().filter(is_one).collect()
    }

    async fn check_all(&self) -> Vec<Comparison> {
        let mut all = Vec::new();
        for stored in self.recorded().await {
            all.push(self.engine.check(&stored).await.unwrap());
        }
        all
    }

    /// Asks everything that can be asked about Ann's memories.
    async fn ask_everything(&self, ids: &[MemoryId]) {
        let labels = vec![Label::parse("calm").unwrap()];
        let some = Filters {
            types: vec![MemoryType::Event, MemoryType::Seed],
            states: vec![Shown::Stored(State::Active), Shown::Dormant],
            min_strength: Unit::new(0.1).ok(),
            ..filters()
        };
        for who in ["ann", "bob"] {
            for (filters, limit) in
                [(filters(), 2), (some.clone(), 50), (Filters { labels: labels.clone(), ..filters() }, 5)]
            {
                let _ = self.run(self.core(who), query_of("ann", CHAT, filters, limit)).await;
            }
            let tested = json!({"not": {"labels": "calm"}, "strength": {"gte": 0.2}});
            let tested = Filters { predicate: predicate(&tested, Speech::Core), ..some.clone() };
            let query = Query { max_tokens: Some(9), ..query_of("ann", CHAT, tested, 3) };
            let _ = self.run(self.core(who), query).await;
            let _ = self.run(self.core(who), query_of("ann", Purpose::SubjectAccess, filters(), 50)).await;
            let mut search = Search::new(QueryText::parse("Lisbon paragraphs work").unwrap(), None);
            for _ in 0..2 {
                let query = Query { search: Some(search.clone()), ..query_of("ann", CHAT, filters(), 1) };
                let Ok(page) = self.run(self.core(who), query).await else { break };
                let Some(last) = page.output.items.last() else { break };
                let (Some(score), Some(placed)) = (last.score, last.memory.placed) else { break };
                let after = Ranked { score: Reverse(score), placed: Reverse(placed), id: last.memory.id };
                search.after = Some(after);
            }
            for id in ids {
                let page = History { id: *id, purpose: Purpose::SubjectAccess, after: 1, limit: 1 };
                let _ = self.run(self.core(who), page).await;
                let _ = self.run(self.core(who), Get { id: *id, purpose: CHAT }).await;
                let _ = self
                    .run(
                        self.core(who),
                        History { id: *id, purpose: Purpose::SubjectAccess, after: 0, limit: 100 },
                    )
                    .await;
            }
            let _ = self.run(self.core(who), context_of("ann", true, &["lisbon"])).await;
            let _ = self.run(self.core(who), context_of("ann", false, &[])).await;
            let (tool, purpose) = ("order".to_owned(), Purpose::TaskExecution);
            let scope = Scope::of_user(&user("ann"));
            let _ = self.run(self.core(who), AskGate { scope, tool, purpose, evidence: ids.to_vec() }).await;
        }
        self.ask_behind_bridges(ids).await;
        let audit = query_of("ann", Purpose::ComplianceAudit, filters(), 50);
        let _ = self.run(self.as_role("eve", Role::Auditor), audit.clone()).await;
        let _ = self.run(self.core("eve"), audit).await;
    }

    pub(crate) async fn told_why(&self, cx: &Context, log: AuditId) -> Explanation {
        match self.engine.explain(cx, log).await.expect("an explanation").output {
            ExplainedLog::Told(told) => *told,
            ExplainedLog::NotTold(told) => panic!("{}", told.why),
        }
    }

    async fn chat_log(&self) -> AuditId {
        self.run(self.core("ann"), query_of("ann", CHAT, filters(), 50)).await.unwrap().access_log
    }

    pub(crate) async fn replayed(&self, cx: &Context, log: AuditId) -> Answer<Replayed> {
        self.engine.replay(cx, log, Override::default()).await
    }
}

/// What happens between questions.
#[derive(Debug, Clone)]
enum Happening {
    Ingest(usize, bool),
    Step(usize, usize),
    Policy(usize),
    Days(i64),
    /// Says what goes round and round.
    Spiral,
    /// Lets a project see what is Ann's, or does so no more.
    Bridge,
    Ask,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => (0..6usize, any::<bool>()).prop_map(|(text, sealed)| Happening::Ingest(text, sealed)),
        4 => (0..20usize, 0..5usize).prop_map(|(id, step)| Happening::Step(id, step)),
        1 => (0..RULES.len()).prop_map(Happening::Policy),
        1 => Just(Happening::Spiral),
        2 => Just(Happening::Bridge),
        1 => (1..40i64).prop_map(Happening::Days),
        2 => Just(Happening::Ask),
    ]
}

const TEXTS: [&str; 6] = [
    "Please use bullet points when you explain Lisbon.",
    "I prefer short paragraphs.",
    "Please don't bring up work.",
    "It rained in Porto.",
    "I am allergic to peanuts.",
    "Please be direct.",
];

const RULES: [&str; 4] = [
    "when: {memory.type: seed, spiral.active: true}, then: {allow_read: false}",
    "when: {memory.type: seed}, then: {allow_read: false}",
    "when: {memory.type: event}, then: {redact: [content]}",
    "when: {memory.type: impact}, then: {include_in_prompt: false}",
];

async fn live(world: &World, happenings: &[Happening], erases: bool) {
    let (mut ids, mut bridge) = (Vec::new(), None);
    for (happening, number) in happenings.iter().zip(0..) {
        world.clock.advance_micros(1_000);
        match happening {
            Happening::Ingest(text, false) => {
                let made = world.ingest("ann", event("ann", TEXTS[*text])).await;
                ids.push(made.id);
                ids.extend(made.derived.iter().map(|(id, _)| *id));
            }
            Happening::Ingest(text, true) => {
                let item = event_with("ann", TEXTS[*text], |object| {
                    category("trauma")(object);
                    object.provenance.derived_from =
                        Distinct::new(ids.first().copied().into_iter().collect()).unwrap();
                });
                // Its parent may be out of reach by now.
                let _ = world
                    .run(world.core("ann"), memoryscope_engine::op::ingest::Ingest { items: vec![item] })
                    .await;
            }
            Happening::Step(id, step) if !ids.is_empty() => {
                let step = match step {
                    0 => SEAL,
                    1 => Step::Release { reason: None },
                    2 => Step::Revoke { reason: None },
                    3 if erases => Step::Erase,
                    _ => Step::Reinforce { by: Unit::ONE, reason: None },
                };
                let _ = world.step(world.core("ann"), ids[id % ids.len()], step).await;
            }
            Happening::Step(..) => {}
            Happening::Policy(rule) => {
                world.activate(policy_with(&format!("p{number}"), RULES[*rule])).await;
            }
            Happening::Spiral => {
                for line in RUMINATING {
                    ids.push(world.ingest("ann", spiralling("ann", line)).await.id);
                }
            }
            Happening::Bridge => bridge = world.make_or_end(bridge, to_apollo(ALL)).await,
            Happening::Days(days) => world.clock.advance_days(*days),
            Happening::Ask => world.ask_everything(&ids).await,
        }
    }
    world.ask_everything(&ids).await;
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_decision_is_made_again_as_it_was(happenings in prop::collection::vec(happening(), 1..25)) {
        block_on(async {
            let world = World::new();
            live(&world, &happenings, false).await;
            for stored in world.recorded().await {
                let comparison = world.engine.check(&stored).await.unwrap();
                prop_assert_eq!(comparison, Comparison::Identical, "{}", stored.entry.text);
            }
            Ok(())
        })?;
    }

    #[test]
    fn only_what_lost_its_inputs_comes_out_otherwise(happenings in prop::collection::vec(happening(), 1..25)) {
        block_on(async {
            let world = World::new();
            live(&world, &happenings, true).await;
            for comparison in world.check_all().await {
                let is_right = matches!(comparison, Comparison::Identical | Comparison::InputsErased);
                prop_assert!(is_right, "{:?}", comparison);
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn what_was_recorded_otherwise_differs_in_that_part() {
    let world = World::new();
    world.ingest("ann", event("ann", TEXTS[0])).await;
    world.chat_log().await;
    let (draft, _) = world.last().await;
    assert!(draft.value_digest.is_some() && draft.memories.count() == 3);
    let stored = world.chain().await.pop().unwrap();
    let check = async |change: &dyn Fn(&mut memoryscope_domain::audit_chain::Draft)| {
        let mut draft = draft.clone();
        change(&mut draft);
        let head = memoryscope_domain::audit_chain::Head {
            seq: Seq(stored.entry.seq.0 - 1),
            hash: stored.entry.prev_hash,
        };
        let entry = memoryscope_domain::audit_chain::link(&head, &draft);
        world.engine.check(&StoredEntry { entry, private: stored.private.clone() }).await.unwrap()
    };
    assert_eq!(check(&|_| {}).await, Comparison::Identical);
    let differs = |part| Comparison::Differs(vec![part]);
    assert_eq!(check(&|d| d.rules = [("more".into(), 3)].into()).await, differs("rules"));
    assert_eq!(
        check(&|d| d.memories = memoryscope_domain::audit_chain::MemoryRefs::none()).await,
        differs("memories")
    );
    assert_eq!(check(&|d| d.value_digest = d.private_digest).await, differs("value"));
    let lost = Comparison::NotReplayable(NotReplayable::RequestErased);
    let erased = StoredEntry { private: None, ..stored.clone() };
    assert_eq!(world.engine.check(&erased).await.unwrap(), lost);
}

#[tokio::test]
async fn what_is_sealed_now_is_not_shown_again() {
    let world = World::new();
    let made = world.ingest("ann", event("ann", TEXTS[0])).await;
    let kept = world.ingest("ann", event("ann", TEXTS[4])).await;
    let log = world.chat_log().await;
    let before = world.replayed(&world.core("ann"), log).await.unwrap();
    assert_eq!(world.said().await, "DECISION_REPLAY allowed - 6");
    let before = before.output;
    assert_eq!(before.comparison, Comparison::Identical);
    let result = before.result.unwrap();
    assert_eq!((result.memory_ids.len(), result.items.len()), (6, 6));
    assert_eq!(result.constraints.len(), 2);
    world.step(world.core("ann"), made.id, SEAL).await.unwrap().output.unwrap();
    let after = world.replayed(&world.core("ann"), log).await.unwrap().output;
    assert_eq!(after.comparison, Comparison::Identical);
    let result = after.result.unwrap();
    let shown: Vec<MemoryId> = result.items.iter().map(|item| item.memory.id).collect();
    assert_eq!(shown, result.memory_ids);
    assert!(shown.contains(&kept.id) && !shown.contains(&made.id));
    assert!(result.constraints.iter().all(|held| shown.contains(&held.impact)));
    // The versions that were shown then refer to nothing that may not be seen now.
    for item in &result.items {
        assert!(!item.memory.object().unwrap().provenance.derived_from.contains(&made.id));
    }
}

#[tokio::test]
async fn a_decision_is_its_callers_an_auditors_and_nobody_elses() {
    let world = World::new();
    world.ingest("ann", event("ann", TEXTS[0])).await;
    let log = world.chat_log().await;
    let mut stranger = world.core("ann");
    stranger.principal.client = "another".to_owned();
    let mut elsewhere = world.as_role("eve", Role::Auditor);
    elsewhere.principal.tenant = TenantId::parse("t_another").unwrap();
    let nowhere = AuditId::from_uuid(uuid::Uuid::from_u128(9));
    for (cx, log) in [
        (world.core("bob"), log),
        (world.nobody(), log),
        (stranger, log),
        (elsewhere, log),
        (world.as_role("ann", Role::Auditor), nowhere),
    ] {
        assert_eq!(refused(world.replayed(&cx, log).await), "hidden");
        assert_eq!(refused(world.engine.explain(&cx, log).await), "hidden");
        if cx.principal.tenant == tenant() {
            assert_eq!(world.said().await, "DECISION_EXPLAIN not_found NOT_FOUND 0");
        }
    }
    for role in [Role::Auditor, Role::Admin] {
        let replayed = world.replayed(&world.as_role("eve", role), log).await.unwrap().output;
        assert_eq!(replayed.comparison, Comparison::Identical);
        assert_eq!(replayed.result.unwrap().items.len(), 3, "they are active, and so visible for a replay");
    }
}

#[tokio::test]
async fn what_changes_something_is_not_made_again() {
    let world = World::new();
    world.ingest("ann", event("ann", TEXTS[0])).await;
    let log = world.chain().await.pop().unwrap().entry.id;
    let replayed = world.replayed(&world.core("ann"), log).await.unwrap().output;
    let why = NotReplayable::OtherOperation("memory.ingest".to_owned());
    assert_eq!(replayed.comparison, Comparison::NotReplayable(why));
    assert!(replayed.result.is_none() && replayed.diff.is_none());
}

#[tokio::test]
async fn what_was_erased_is_an_input_that_is_missing() {
    let world = World::new();
    let made = world.ingest("ann", event("ann", TEXTS[0])).await;
    let other = world.ingest("bob", event("bob", TEXTS[0])).await;
    let log = world.chat_log().await;
    let own = world.run(world.core("bob"), Get { id: other.id, purpose: CHAT }).await.unwrap().access_log;
    world.step(world.core("ann"), made.id, Step::Erase).await.unwrap().output.unwrap();
    let replayed = world.replayed(&world.core("ann"), log).await.unwrap().output;
    assert_eq!(replayed.comparison, Comparison::InputsErased);
    assert!(replayed.result.unwrap().memory_ids.is_empty());
    let replayed = world.replayed(&world.core("bob"), own).await.unwrap().output;
    assert_eq!(replayed.comparison, Comparison::Identical);
}

#[tokio::test]
async fn an_override_says_what_it_changes() {
    let world = World::new();
    let made = world.ingest("ann", event("ann", TEXTS[0])).await;
    let log = world.chat_log().await;
    let cx = world.core("ann");
    let instead =
        async |overridden: Override| world.engine.replay(&cx, log, overridden).await.unwrap().output;
    let purpose = Some(Purpose::SafetyFiltering);
    let safety = instead(Override { purpose, ..Override::default() }).await;
    assert_eq!(safety.comparison, Comparison::Identical);
    let diff = safety.diff.unwrap();
    assert!(diff.added.is_empty() && diff.removed.contains(&made.id), "{diff:?}");
    // A year later, everything has become dormant.
    let time = Some(world.core("ann").now.plus_days(3_650));
    let later = instead(Override { time, ..Override::default() }).await;
    assert_eq!(later.diff.unwrap().removed.len(), 3);
    world.activate(policy_with("p2", RULES[1])).await;
    let policy = instead(Override { policy_version: Some("p2".to_owned()), ..Override::default() }).await;
    let diff = policy.diff.unwrap();
    assert_eq!((diff.added.len(), diff.removed.len()), (0, 0));
    assert_eq!(policy.trace.unwrap().policy_version.as_ref(), "p2");
    let unknown = instead(Override { policy_version: Some("p9".to_owned()), ..Override::default() }).await;
    assert!(unknown.is_policy_unknown && unknown.diff.is_none());
}

#[tokio::test]
async fn an_explanation_names_the_rules_the_ranks_and_for_auditors_the_withheld() {
    let world = World::new();
    let made = world.ingest("ann", event("ann", TEXTS[0])).await;
    let sealed = world.ingest("ann", event_with("ann", TEXTS[3], category("trauma"))).await.id;
    let log = world.chat_log().await;
    let told = world.told_why(&world.core("ann"), log).await;
    assert_eq!(world.said().await, format!("DECISION_EXPLAIN allowed - {}", told.memory_ids.len()));
    assert_eq!(told.comparison, Comparison::Identical);
    let ranks: Vec<Option<usize>> = told.decisions.iter().map(|decided| decided.rank).collect();
    assert_eq!(ranks, (1..=told.memory_ids.len()).map(Some).collect::<Vec<_>>());
    assert!(told.decisions.iter().all(|decided| !decided.explained.trace.matched_rules.is_empty()));
    assert!(told.decisions.iter().any(|decided| decided.explained.memory == made.id));
    assert!(told.denials.is_empty(), "who is no auditor hears nothing of the rest");
    assert!(!told.constraints.is_empty());
    for role in [Role::Admin, Role::Auditor] {
        let told = world.told_why(&world.as_role("eve", role), log).await;
        let withheld: Vec<MemoryId> = told.denials.iter().map(|one| one.memory).collect();
        assert_eq!(withheld.contains(&sealed), role == Role::Auditor);
    }
    world.step(world.core("ann"), made.id, SEAL).await.unwrap().output.unwrap();
    let told = world.told_why(&world.core("ann"), log).await;
    assert!(told.decisions.iter().all(|decided| decided.explained.memory != made.id));
    assert!(!told.memory_ids.contains(&made.id));
}

#[tokio::test]
async fn what_would_happen_is_told_of_what_may_be_known() {
    let world = World::new();
    let made = world.ingest("ann", event("ann", TEXTS[0])).await;
    let sealed = world.ingest("ann", event_with("ann", TEXTS[3], category("trauma"))).await.id;
    let nowhere = MemoryId::from_uuid(uuid::Uuid::from_u128(9));
    let ask = ExplainMemories {
        ids: vec![made.id, sealed, nowhere],
        purpose: CHAT,
        operation: "memory.query",
        tool: None,
        include_events: false,
    };
    let told = async |cx: Context| {
        let all = world.run(cx, ask.clone()).await.unwrap().output;
        all.iter().map(|one| (one.memory, one.withheld.is_none())).collect::<Vec<_>>()
    };
    // What is sealed is one's own to see, and so to ask about.
    assert_eq!(told(world.core("ann")).await, [(made.id, true), (sealed, false)]);
    assert_eq!(world.said().await, "DECISION_EXPLAIN allowed - 2");
    assert_eq!(told(world.core("bob")).await, []);
    assert_eq!(told(world.as_role("eve", Role::Auditor)).await, [(made.id, false), (sealed, false)]);
    assert_eq!(told(world.as_role("eve", Role::Admin)).await, []);
}

#[tokio::test]
async fn what_an_earlier_version_kept_of_a_request_is_not_taken_for_all_of_it() {
    let world = World::new();
    world.ingest("ann", event("ann", TEXTS[0])).await;
    world.chat_log().await;
    let (_, mut private) = world.last().await;
    private["request"].as_object_mut().unwrap().remove("v");
    let stored = world.chain().await.pop().unwrap();
    let private = Some(memoryscope_domain::audit_chain::Private::of(&private));
    let comparison = world.engine.check(&StoredEntry { private, ..stored }).await.unwrap();
    assert_eq!(comparison, Comparison::NotReplayable(NotReplayable::OfAnotherVersion));
}

/// A decision may be asked otherwise than it was; what may not be seen now has no part in what comes of that, not even by
/// taking a place.
#[tokio::test]
async fn an_override_says_nothing_of_what_was_sealed_since() {
    let mut told = Vec::new();
    for half_life in [1.0, 3_000.0] {
        let world = World::new();
        let long_lived =
            |object: &mut Object| object.strength.half_life = HalfLifeDays::new(3_000.0).unwrap();
        let kept = world.ingest("ann", event_with("ann", TEXTS[3], long_lived)).await.id;
        world.clock.advance_micros(1_000);
        let sealed = event_with("ann", TEXTS[3], |object| {
            object.temporal = Temporal::observed(world.cx("ann").now);
            object.strength.half_life = HalfLifeDays::new(half_life).unwrap();
        });
        let sealed = world.ingest("ann", sealed).await.id;
        let latest = query_of("ann", CHAT, Filters { types: vec![MemoryType::Event], ..filters() }, 1);
        let log = world.run(world.core("ann"), latest).await.unwrap();
        assert_eq!(log.output.items[0].memory.id, sealed);
        world.step(world.core("ann"), sealed, SEAL).await.unwrap().output.unwrap();
        let later = Override { time: Some(world.core("ann").now.plus_days(200)), ..Override::default() };
        let replayed = world.engine.replay(&world.core("ann"), log.access_log, later).await.unwrap().output;
        assert_eq!(replayed.result.as_ref().unwrap().memory_ids, [kept]);
        told.push(format!("{:?} {:?} {:?}", replayed.comparison, replayed.diff, replayed.trace));
    }
    assert_eq!(told[0], told[1]);
}
