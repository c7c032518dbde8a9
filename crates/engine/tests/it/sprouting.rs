//! A seed rests after it sprouted, whoever asks next; that is no new version of it, and only for seeds that were seen.

use memoryscope_domain::change::Change;
use memoryscope_domain::govern::{About, Authority, Facts, Visible};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::{Body, Memory, MemoryType, State};
use memoryscope_domain::object::{
    Activation, Cue, Distinct, Object, Seed, Temporal, TruthMode, Unit, Visibility,
};
use memoryscope_domain::policy::{Effect, Filter};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::reconstruct::Format;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::context::Context;
use memoryscope_engine::op::reconstruct::{self, Reconstruct};
use memoryscope_engine::op::{Info, Mint, Operation, Plan, query};
use memoryscope_engine::port::{Around, ObjectSelect, Select};
use memoryscope_engine::refusal::Refusal;
use uuid::Uuid;

use super::support::{World, refused, tenant, user};
use super::twins::world;

const NOW: Timestamp = Timestamp::from_unix_micros(1_767_225_600_000_000);
const REST_SECONDS: u32 = 60;

fn id(number: u128) -> MemoryId {
    MemoryId::from_uuid(Uuid::from_u128(number))
}

fn seed(number: u128, rest_seconds: u32, change: impl FnOnce(&mut Object)) -> Memory {
    let mut object = Object::new(TruthMode::FactualClaim, Temporal::observed(NOW));
    change(&mut object);
    let cues = Distinct::new(vec![Cue::parse("Lisbon").unwrap()]).unwrap();
    let activation = Activation::new(Unit::clamped(0.5), rest_seconds).unwrap();
    let body = Body::Seed(Box::new(Seed { object, cues, activation }));
    Memory::new(id(number), tenant(), Scope::of_user(&user("ann")), body, NOW, None)
}

impl World {
    /// The seeds that sprout for somebody.
    async fn sprouts(&self, name: &str, max_tokens: Option<usize>) -> Vec<MemoryId> {
        let reconstruct = Reconstruct {
            scope: Scope::of_user(&user("ann")),
            purpose: Purpose::ChatResponse,
            format: Format::Text,
            max_tokens,
            include_events: false,
            cues: Vec::new(),
            search: None,
        };
        let made = self.run(self.core(name), reconstruct).await.unwrap();
        made.output.reconstruction.sources.seeds
    }

    async fn activated(&self) -> Vec<(MemoryId, Timestamp)> {
        self.facts(objects()).await.activated.into_iter().collect()
    }
}

fn objects() -> Select {
    Select::Objects(ObjectSelect {
        partition: Scope::of_user(&user("ann")).partition(),
        among: Filter::Everything,
        wanted: Filter::Everything,
        since: None,
        until: None,
        after: None,
        words: None,
        near: None,
        around: Around::nothing(),
        scan: None,
        limit: 9,
    })
}

#[tokio::test]
async fn a_seed_rests_after_it_sprouted() {
    let world = world(&[seed(1, REST_SECONDS, |_| {}), seed(2, 0, |_| {})]).await;
    assert_eq!(world.sprouts("ann", None).await, [id(1), id(2)]);
    assert_eq!(world.activated().await, [(id(1), NOW)], "what needs no rest leaves no mark");
    assert_eq!(world.sprouts("ann", None).await, [id(2)]);
    world.clock.advance_micros(i64::from(REST_SECONDS) * 1_000_000 - 1);
    assert_eq!(world.sprouts("ann", None).await, [id(2)], "not yet");
    assert_eq!(world.activated().await, [(id(1), NOW)], "and that was no sprouting");
    world.clock.advance_micros(1);
    assert_eq!(world.sprouts("ann", None).await, [id(1), id(2)]);
    let facts = world.facts(Select::Versions { id: id(1), after: 0, limit: 9 }).await;
    assert_eq!((facts.memories[0].version, facts.versions.len()), (1, 0), "no new version");
    assert_eq!(world.said().await, "MEMORY_RECONSTRUCT allowed - 2");
}

#[tokio::test]
async fn what_there_was_no_room_for_did_not_sprout() {
    let world = world(&[seed(1, REST_SECONDS, |_| {})]).await;
    assert!(world.sprouts("ann", Some(1)).await.is_empty());
    assert!(world.activated().await.is_empty());
    assert_eq!(world.sprouts("ann", None).await, [id(1)]);
}

#[tokio::test]
async fn who_may_not_see_a_seed_does_not_touch_it() {
    let hidden = seed(1, REST_SECONDS, |object| {
        object.ownership.owners = Distinct::new(vec![user("bob")]).unwrap();
        object.ownership.visibility = Visibility::RestrictedReview;
    });
    let sealed = Memory { state: State::Sealed, ..seed(2, REST_SECONDS, |_| {}) };
    let world = world(&[hidden, sealed]).await;
    assert!(world.sprouts("ann", None).await.is_empty());
    assert!(world.activated().await.is_empty());
}

#[tokio::test]
async fn many_at_once_do_not_disturb_each_other() {
    let world = world(&[seed(1, REST_SECONDS, |_| {})]).await;
    let asked: Vec<_> = (0..8)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.sprouts("ann", None).await.len() })
        })
        .collect();
    let mut sprouted = 0;
    for one in asked {
        sprouted += one.await.unwrap();
    }
    assert!(sprouted >= 1);
    assert_eq!(world.activated().await, [(id(1), NOW)]);
    assert_eq!(world.length().await, 1 + 8, "each is in the chain");
}

/// Reads Ann's objects and marks what it likes.
struct Marking {
    info: &'static Info,
    authority: Authority,
    marks: fn(&Context) -> (Vec<MemoryId>, Timestamp),
}

impl Operation for Marking {
    type Output = ();

    fn info(&self) -> &'static Info {
        self.info
    }

    fn authority(&self) -> Authority {
        self.authority
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(Purpose::ChatResponse)
    }

    fn about(&self) -> About {
        About::Objects(&[MemoryType::Event, MemoryType::Impact, MemoryType::Seed])
    }

    fn select(&self, _cx: &Context) -> Select {
        objects()
    }

    fn plan(&self, cx: &Context, _seen: &Visible<Facts>, _mint: &mut Mint) -> Result<Plan<()>, Refusal> {
        let (ids, at) = (self.marks)(cx);
        Ok(Plan { changes: vec![Change::TouchSeeds { ids, at }], ..Plan::answer(()) })
    }
}

#[tokio::test]
async fn only_a_reconstruction_marks_and_only_seeds_that_were_seen() {
    const BEYOND: &str = "bug: the plan went beyond the decision: it changes what was not decided";
    const READ: Authority = Authority::Policy(Effect::Read);
    let event = |number| {
        let object = Object::new(TruthMode::FactualClaim, Temporal::observed(NOW));
        Memory { body: Body::Event(Box::new(object)), ..seed(number, 0, |_| {}) }
    };
    let sealed = Memory { state: State::Sealed, ..seed(2, 9, |_| {}) };
    let memories = [seed(1, 9, |_| {}), sealed, event(3)];
    type Marks = fn(&Context) -> (Vec<MemoryId>, Timestamp);
    let cases: [(&Info, Authority, Marks, &str); 7] = [
        (&reconstruct::INFO, READ, |cx| (vec![id(1)], cx.now), "answered"),
        (&reconstruct::INFO, READ, |cx| (vec![id(1), id(2)], cx.now), BEYOND),
        (&reconstruct::INFO, READ, |cx| (vec![id(3)], cx.now), BEYOND),
        (&reconstruct::INFO, READ, |cx| (vec![id(9)], cx.now), BEYOND),
        (&reconstruct::INFO, READ, |cx| (vec![id(1)], cx.now.plus_days(1)), BEYOND),
        (&query::INFO, READ, |cx| (vec![id(1)], cx.now), BEYOND),
        (&reconstruct::INFO, Authority::Policy(Effect::Write), |cx| (vec![id(1)], cx.now), BEYOND),
    ];
    for (at, (info, authority, marks, expected)) in cases.into_iter().enumerate() {
        let world = world(&memories).await;
        let said = refused(world.run(world.core("ann"), Marking { info, authority, marks }).await);
        assert_eq!(said, expected, "{at}");
        assert_eq!(world.activated().await.is_empty(), expected == BEYOND, "{at}");
    }
}
