//! Pages: how a listing goes on past what may not be seen, and what its cursors and `denied` tell.

use memoryscope_domain::change::{Change, ChangeSet};
use memoryscope_domain::govern::Decided;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Body, Memory, MemoryType, State};
use memoryscope_domain::object::{Distinct, Level, Object, Strength, Temporal, TruthMode, Unit, Visibility};
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::context::Context;
use memoryscope_engine::op::get::{History, Versions};
use memoryscope_engine::op::page::Next;
use memoryscope_engine::op::query::{Answer, Filters, Query, Shown};
use memoryscope_engine::port::Store;
use uuid::Uuid;

use super::support::{World, likes, list_of, policy_with, tenant, user};
use super::twins::world;

const NOW_MICROS: i64 = 1_767_225_600_000_000;
const SCAN: usize = limits::LIST_SCAN_ITEMS;

fn id(number: usize) -> MemoryId {
    MemoryId::from_uuid(Uuid::from_u128(1_000 + number as u128))
}

/// `ann`'s memory of that number, the earlier the higher.
fn memory(number: usize, change: impl FnOnce(&mut Object)) -> Memory {
    let at = |micros| Timestamp::from_unix_micros(NOW_MICROS - micros * i64::try_from(number).unwrap());
    let mut object = Object::new(TruthMode::FactualClaim, Temporal::observed(at(1_000)));
    change(&mut object);
    let body = Body::Event(Box::new(object));
    Memory::new(id(number), tenant(), Scope::of_user(&user("ann")), body, at(1), None)
}

/// Somebody else's in `ann`'s scope.
fn hidden(number: usize, level: Level) -> Memory {
    memory(number, |object| {
        object.ownership.owners = Distinct::new(vec![user("bob")]).unwrap();
        object.ownership.visibility = Visibility::RestrictedReview;
        object.sensitivity.level = level;
    })
}

fn query(after: Option<(Timestamp, MemoryId)>, limit: usize) -> Query {
    let (scope, purpose) = (Scope::of_user(&user("ann")), Purpose::ChatResponse);
    Query { scope, purpose, filters: Filters::default(), after, search: None, limit, max_tokens: None }
}

/// Every page: the numbers of its items, and whether a sealed cursor leads on. With what all of it said.
async fn pages(world: &World, limit: usize) -> (Vec<(Vec<usize>, bool)>, String) {
    let (mut pages, mut said, mut after) = (Vec::new(), String::new(), None);
    loop {
        let done = world.run(world.core("ann"), query(after, limit)).await.unwrap();
        said.push_str(&format!("{:?} {:?}\n", done.output, done.trace));
        let Answer { items, next, denied, .. } = done.output;
        assert!(denied.is_empty());
        let numbers = items.iter().map(|item| (item.memory.id.uuid().as_u128() - 1_000) as usize);
        pages.push((numbers.collect(), matches!(next, Some(Next::Sealed(_)))));
        after = world.place(&world.core("ann"), next).await;
        if after.is_none() {
            return (pages, said);
        }
    }
}

#[tokio::test]
async fn a_listing_goes_on_past_more_than_a_scan_of_hidden_rows() {
    // The visible ones: at the beginning, behind more than two scans of hidden ones, and at the end.
    let shown = [0, 1, 2 * SCAN + 7, 2 * SCAN + 8, 2 * SCAN + 9];
    let store = async |level: &dyn Fn(usize) -> Level| {
        let one = |number| {
            if shown.contains(&number) { memory(number, |_| {}) } else { hidden(number, level(number)) }
        };
        world(&(0..2 * SCAN + 10).map(one).collect::<Vec<_>>()).await
    };
    let low = store(&|_| Level::Low).await;
    let expected =
        [(vec![0, 1], true), (vec![], true), (vec![shown[2], shown[3]], false), (vec![shown[4]], false)];
    let (seen, said) = pages(&low, 2).await;
    // Two full, the first of them without a word of what is behind; then two scans; then the rest.
    assert_eq!(seen, expected);
    assert_eq!(pages(&low, 5).await.0, [(vec![0, 1], true), (vec![], true), (shown[2..].to_vec(), false)]);
    // What a store's filter drops and what only the policy turns down is looked at alike.
    let critical = store(&|_| Level::Critical).await;
    assert_eq!((pages(&critical, 2).await.1, &said), (said.clone(), &said), "twins answer alike");
    let mixed = store(&|number| if number % 3 == 0 { Level::Critical } else { Level::Low }).await;
    assert_eq!(pages(&mixed, 2).await.1, said, "twins answer alike");
}

#[tokio::test]
async fn a_sealed_cursor_is_the_callers_own() {
    let world = world(&(0..=SCAN).map(|number| hidden(number, Level::Low)).collect::<Vec<_>>()).await;
    let Answer { items, next, .. } = world.run(world.core("ann"), query(None, 9)).await.unwrap().output;
    let Some(Next::Sealed(sealed)) = next else { panic!("a sealed place") };
    assert!(items.is_empty());
    let hidden_id = id(SCAN - 1);
    let shows = |part: &[u8]| sealed.bytes().windows(part.len()).any(|window| window == part);
    assert!(!shows(&hidden_id.uuid().as_bytes()[12..]));
    let opened = async |cx: Context| world.engine.open(&cx, &sealed).await.unwrap();
    assert_eq!(opened(world.core("ann")).await.map(|(_, id)| id), Some(hidden_id));
    assert_eq!(opened(world.core("bob")).await, None);
    assert_eq!(opened(world.nobody()).await, None);
    let after = opened(world.core("ann")).await;
    let Answer { items, next, .. } = world.run(world.core("ann"), query(after, 9)).await.unwrap().output;
    assert!(items.is_empty() && next.is_none(), "and that was all");
}

#[tokio::test]
async fn a_list_of_preferences_goes_on_too() {
    let world = World::new();
    let rule = "when: {memory.type: preference, memory.age_days: {lte: 1}}, then: {allow_read: false}";
    for _ in 0..=SCAN / limits::BATCH_ITEMS_MAX {
        world.create("ann", (0..limits::BATCH_ITEMS_MAX).map(|_| likes("tea")).collect()).await;
    }
    world.activate(policy_with("p2", rule)).await;
    let page = world.run(world.cx("ann"), list_of("ann", 5, None)).await.unwrap().output;
    assert!(page.items.is_empty() && matches!(page.next, Some(Next::Sealed(_))), "{page:?}");
    let after = world.place(&world.cx("ann"), page.next).await;
    let page = world.run(world.cx("ann"), list_of("ann", 5, after)).await.unwrap().output;
    assert!(page.items.is_empty() && page.next.is_none(), "{page:?}");
}

#[tokio::test]
async fn an_auditor_is_told_what_was_withheld_from_a_page() {
    let weak = |number| {
        let strength = Strength { current: Unit::clamped(0.01), ..Strength::default() };
        Memory { state: State::Sealed, ..memory(number, |object| object.strength = strength) }
    };
    let of_state = |number, state| Memory { state, ..memory(number, |_| {}) };
    let memories = [
        of_state(0, State::Active),
        of_state(1, State::Revoked),
        of_state(2, State::Active),
        weak(3),
        of_state(4, State::Sealed),
        of_state(5, State::Active),
        of_state(6, State::Revoked),
    ];
    let world = world(&memories).await;
    let rule = "when: {memory.state: sealed, request.purpose: debugging_replay}, then: {allow_read: false}";
    world.activate(policy_with("p2", rule)).await;
    let asked = async |role, purpose, filters: Filters, after, limit| {
        let scope = Scope::of_user(&user("ann"));
        let query = Query { scope, purpose, filters, after, search: None, limit, max_tokens: None };
        let done = world.run(world.as_role("eve", role), query).await.unwrap();
        let place = world.place(&world.as_role("eve", role), done.output.next).await;
        let numbers =
            |ids: Vec<MemoryId>| -> Vec<u128> { ids.iter().map(|id| id.uuid().as_u128() - 1_000).collect() };
        let items = done.output.items.iter().map(|item| item.memory.id).collect();
        (numbers(items), numbers(done.output.denied), place)
    };
    let replay = Purpose::DebuggingReplay;
    let (items, denied, next) = asked(Role::Auditor, replay, Filters::default(), None, 2).await;
    assert_eq!((items, denied), (vec![0, 2], vec![1]), "up to where the page ends");
    let (items, denied, next) = asked(Role::Auditor, replay, Filters::default(), next, 2).await;
    assert_eq!((items, denied, next), (vec![5], vec![3, 4, 6], None));
    let strong = || Filters { min_strength: Some(Unit::clamped(0.5)), ..Filters::default() };
    let (items, denied, _) = asked(Role::Auditor, replay, strong(), None, 9).await;
    assert_eq!((items, denied), (vec![0, 2, 5], vec![1, 4, 6]), "of what was asked for");
    let revoked = || Filters { states: vec![Shown::Stored(State::Revoked)], ..Filters::default() };
    let (items, denied, _) = asked(Role::Auditor, replay, revoked(), None, 9).await;
    assert_eq!((items, denied), (vec![], vec![1, 6]));
    let impacts = || Filters { types: vec![MemoryType::Impact], ..Filters::default() };
    assert_eq!(asked(Role::Auditor, replay, impacts(), None, 9).await.1, [0_u128; 0]);
    let (items, denied, _) =
        asked(Role::Auditor, Purpose::ComplianceAudit, Filters::default(), None, 9).await;
    assert_eq!((items, denied), (vec![0, 1, 2, 3, 4, 5, 6], vec![]), "who sees all is denied nothing");
    let (items, denied, _) = asked(Role::Admin, replay, Filters::default(), None, 9).await;
    assert_eq!((items, denied), (vec![0, 2, 5], vec![]), "nobody else is told");
}

#[tokio::test]
async fn a_history_is_paged() {
    let world = world(&[memory(0, |_| {})]).await;
    for version in 2..=5 {
        let next = Memory { version, ..memory(0, |_| {}) };
        let (entry, _) = world.last().await;
        let private = memoryscope_domain::audit_chain::Private::of(&serde_json::Map::new());
        let entry = memoryscope_domain::audit_chain::Draft {
            id: memoryscope_domain::ids::AuditId::from_uuid(Uuid::from_u128(u128::from(version))),
            ..entry
        };
        let changes = vec![Change::ReplaceMemory(next)];
        let set = ChangeSet { tenant: tenant(), expects: Vec::new(), changes, entry, private };
        world.store.commit(Decided::without_policy(set)).await.unwrap();
    }
    for limit in 1..=6 {
        let (mut seen, mut after, mut pages) = (Vec::new(), Some(0), 0);
        while let Some(behind) = after {
            let history = History { id: id(0), purpose: Purpose::ChatResponse, after: behind, limit };
            let Versions { versions, next, current, .. } =
                world.run(world.core("ann"), history).await.unwrap().output;
            assert!(versions.len() <= limit && current == 5);
            seen.extend(versions.iter().map(|version| version.version));
            (after, pages) = (next, pages + 1);
        }
        assert_eq!((seen, pages), (vec![1, 2, 3, 4, 5], 5usize.div_ceil(limit)), "{limit} a page");
    }
}
