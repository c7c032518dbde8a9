//! Events, impacts and seeds.

use std::sync::Arc;

use memoryscope_domain::change::Change;
use memoryscope_domain::memory::Body;
use memoryscope_domain::memory::{FACETS, Memory, MemoryType, State};
use memoryscope_domain::object::{
    Activation, Derivation, DisputeState, Distinct, Handling, Level, Object, Seed, Source, TruthMode, Unit,
    Visibility,
};
use memoryscope_domain::policy::{Attribute, Filter, FilterField};
use memoryscope_engine::port::{Load, ObjectSelect, Select, Store};

use crate::make::{
    NOW, child, commit, commit_all, event, load, load_of, memory, memory_id, numbers, objects, set, shelf,
    tenant, time,
};

pub(super) async fn objects_are_listed_latest_first_and_paged(store: Arc<dyn Store>) {
    let a = tenant("a");
    let events = [(1, 10), (2, 30), (3, 20), (5, 20), (4, 20), (6, -7)];
    let changes = events.map(|(number, at)| Change::InsertMemory(event(&a, number, at))).to_vec();
    commit_all(&*store, &a, changes).await;
    let order = [2, 3, 4, 5, 1, 6];
    assert_eq!(numbers(&load(&*store, &a, Select::Objects(objects())).await), order);
    let mut seen = Vec::new();
    let mut after = None;
    for page in 0..3 {
        let snapshot =
            load(&*store, &a, Select::Objects(ObjectSelect { after, limit: 2, ..objects() })).await;
        assert_eq!(snapshot.facts.more, page < 2);
        let last = snapshot.facts.memories.last().unwrap();
        after = Some((last.placed.unwrap(), last.id));
        seen.extend(numbers(&snapshot));
    }
    assert_eq!(seen, order);
    let between = ObjectSelect { since: Some(time(10)), until: Some(time(30)), ..objects() };
    assert_eq!(numbers(&load(&*store, &a, Select::Objects(between)).await), [3, 4, 5, 1]);
    assert!(numbers(&load(&*store, &tenant("b"), Select::Objects(objects())).await).is_empty());
}

pub(super) async fn whatever_lives_or_was_revoked_is_listed(store: Arc<dyn Store>) {
    let a = tenant("a");
    let ending = |number, end| Memory { expires: Some(time(end)), ..event(&a, number, 0) };
    let mut changes = vec![Change::InsertMemory(ending(1, NOW)), Change::InsertMemory(ending(2, NOW + 1))];
    for (state, number) in State::ALL[..4].iter().zip(10..) {
        changes.push(Change::InsertMemory(Memory { state: *state, ..event(&a, number, 0) }));
    }
    commit_all(&*store, &a, changes).await;
    assert_eq!(numbers(&load(&*store, &a, Select::Objects(objects())).await), [2, 10, 11, 12, 13]);
}

/// What is looked at is counted before anything is filtered, but for which rows there are.
pub(super) async fn a_scan_counts_rows_whether_or_not_they_pass(store: Arc<dyn Store>) {
    let a = tenant("a");
    let sealed = |number, at| Memory { state: State::Sealed, ..event(&a, number, at) };
    let over = Memory { expires: Some(time(NOW)), ..event(&a, 3, 80) };
    let seventh = child(&a, 7, &[1], Derivation::Asserted);
    assert!(seventh.placed.is_some_and(|placed| placed < time(10)), "the last of all");
    let mut all =
        vec![sealed(1, 100), sealed(2, 90), over, event(&a, 4, 70), event(&a, 5, 70), sealed(6, 60)];
    all.push(seventh);
    commit_all(&*store, &a, all.into_iter().map(Change::InsertMemory).collect()).await;
    let active = is(Attribute::MemoryState, "active");
    let scanned = async |scan, after: Option<(i64, u128)>, among: Filter, exact: bool| {
        let after = after.map(|(at, number)| (time(at), memory_id(number)));
        // What SQL cannot test is tested on what was read.
        let wanted = if exact { active.clone() } else { Filter::and([active.clone(), inexact()]) };
        let select = ObjectSelect { among, wanted, after, scan, ..objects() };
        let facts = load(&*store, &a, Select::Objects(select)).await.facts;
        let numbers: Vec<u128> = facts.memories.iter().map(|memory| memory.id.uuid().as_u128()).collect();
        let end = facts.scan_end.map(|(time, id)| (time.unix_micros(), id.uuid().as_u128()));
        assert!(!facts.more);
        (numbers, end)
    };
    for exact in [true, false] {
        let all = Filter::Everything;
        assert_eq!(scanned(None, None, all.clone(), exact).await, (vec![4, 5, 7], None));
        assert_eq!(scanned(Some(7), None, all.clone(), exact).await, (vec![4, 5, 7], None));
        assert_eq!(scanned(Some(6), None, all.clone(), exact).await, (vec![4, 5], Some((60, 6))));
        assert_eq!(scanned(Some(4), None, all.clone(), exact).await, (vec![4], Some((70, 4))));
        assert_eq!(scanned(Some(2), None, all.clone(), exact).await, (vec![], Some((90, 2))));
        assert_eq!(scanned(Some(2), Some((90, 2)), all.clone(), exact).await, (vec![4], Some((70, 4))));
        assert_eq!(scanned(Some(2), Some((70, 4)), all.clone(), exact).await, (vec![5], Some((60, 6))));
        assert_eq!(scanned(Some(2), Some((60, 6)), all, exact).await, (vec![7], None));
        let impacts = is(Attribute::MemoryType, "impact");
        assert_eq!(scanned(Some(1), None, impacts, exact).await, (vec![7], None));
    }
}

/// A filter that every event and impact passes and that no column holds.
fn inexact() -> Filter {
    Filter::Disjoint(FilterField::new(Attribute::MemoryLabels).unwrap(), ["no such label".to_owned()].into())
}

fn is(attribute: Attribute, value: &str) -> Filter {
    Filter::OneOf(FilterField::new(attribute).unwrap(), [value.to_owned()].into())
}

/// Objects that differ in one facet each.
fn of_all_facets(tenant: &memoryscope_domain::ids::TenantId) -> Vec<Memory> {
    let mut all = Vec::new();
    let mut add = |change: &dyn Fn(&mut Object)| {
        let mut made = event(tenant, 100 + all.len() as u128, 0);
        let Body::Event(event) = &mut made.body else { unreachable!("an event") };
        change(event);
        all.push(made);
    };
    for value in TruthMode::ALL {
        let temporal = memoryscope_domain::object::Temporal::observed(time(0));
        add(&|object| *object = Object::new(*value, temporal));
    }
    Level::ALL.iter().for_each(|value| add(&|object| object.sensitivity.level = *value));
    Handling::ALL.iter().for_each(|value| add(&|object| object.sensitivity.handling = *value));
    DisputeState::ALL.iter().for_each(|value| add(&|object| object.ownership.dispute_state = *value));
    Visibility::ALL.iter().for_each(|value| add(&|object| object.ownership.visibility = *value));
    Source::ALL.iter().for_each(|value| add(&|object| object.provenance.source = *value));
    let number = 200 + all.len() as u128;
    for (state, number) in State::ALL[..4].iter().zip(number..) {
        all.push(Memory { state: *state, ..event(tenant, number, 0) });
    }
    all.push(child(tenant, 301, &[100], Derivation::Asserted));
    let object = all[0].object().unwrap().clone();
    let activation = Activation::new(Unit::ONE, 0).unwrap();
    let seed = Body::Seed(Box::new(Seed { object, cues: Distinct::default(), activation }));
    all.push(Memory { body: seed, ..event(tenant, 302, 0) });
    all
}

pub(super) async fn facets_are_filtered_exactly(store: Arc<dyn Store>) {
    let a = tenant("a");
    let all = of_all_facets(&a);
    commit_all(&*store, &a, all.iter().cloned().map(Change::InsertMemory).collect()).await;
    for facet in FACETS {
        for value in facet.attribute.entry().kind.values() {
            let filter = is(facet.attribute, value);
            let code = facet.code(value).unwrap();
            let has = |memory: &&Memory| (memory.facets().unwrap() >> facet.shift) & facet.mask() == code;
            let expected = all.iter().filter(has).count();
            for (filter, wanted) in
                [(filter.clone(), Filter::Everything), (Filter::Everything, filter.clone())]
            {
                let select = Select::Objects(ObjectSelect { wanted, ..objects() });
                let found = store.load(&Load { filter, ..load_of(&a, select) }).await.unwrap();
                assert_eq!(found.facts.memories.len(), expected, "{:?} {value}", facet.attribute);
            }
        }
    }
    let types =
        [MemoryType::Impact, MemoryType::Seed].map(|of_type| is(Attribute::MemoryType, of_type.name()));
    let wanted = Filter::or(types);
    let found = load(&*store, &a, Select::Objects(ObjectSelect { wanted, ..objects() })).await;
    assert_eq!(found.facts.memories.len(), 2);
}

pub(super) async fn versions_are_read_oldest_first(store: Arc<dyn Store>) {
    let a = tenant("a");
    let mut changes = vec![Change::InsertMemory(event(&a, 1, 0))];
    for version in 2..=4 {
        let state = State::ALL[usize::try_from(version).unwrap() - 2];
        changes.push(Change::ReplaceMemory(Memory { version, state, ..event(&a, 1, 0) }));
    }
    commit_all(&*store, &a, changes).await;
    let versions = async |after, limit| {
        let facts = load(&*store, &a, Select::Versions { id: memory_id(1), after, limit }).await.facts;
        let numbers: Vec<u64> = facts.versions.iter().map(|memory| memory.version).collect();
        (facts.memories[0].version, numbers, facts.more)
    };
    assert_eq!(versions(0, 9).await, (4, vec![1, 2, 3], false));
    assert_eq!(versions(0, 3).await, (4, vec![1, 2, 3], false));
    assert_eq!(versions(0, 2).await, (4, vec![1, 2], true));
    assert_eq!(versions(0, 0).await, (4, Vec::new(), true));
    assert_eq!(versions(1, 1).await, (4, vec![2], true));
    assert_eq!(versions(2, 9).await, (4, vec![3], false));
    assert_eq!(versions(4, 9).await, (4, Vec::new(), false));
    assert_eq!(versions(u64::MAX, 9).await, (4, Vec::new(), false));
    let none = load(&*store, &a, Select::Versions { id: memory_id(2), after: 0, limit: 9 }).await.facts;
    assert!(none.memories.is_empty() && none.versions.is_empty() && !none.more);
}

pub(super) async fn an_erased_memory_leaves_the_list_and_says_nothing(store: Arc<dyn Store>) {
    let a = tenant("a");
    let second = Memory { version: 2, state: State::Sealed, ..event(&a, 1, 0) };
    let changes = vec![
        Change::InsertMemory(event(&a, 1, 0)),
        Change::ReplaceMemory(second.clone()),
        Change::EraseMemory(second.tombstone()),
    ];
    commit_all(&*store, &a, changes).await;
    assert!(numbers(&load(&*store, &a, Select::Objects(objects())).await).is_empty());
    let facts = load(&*store, &a, Select::Versions { id: memory_id(1), after: 0, limit: 9 }).await.facts;
    assert_eq!(*facts.memories[0], second.tombstone());
    let wiped: Vec<Memory> = facts.versions.iter().map(|version| Memory::clone(version)).collect();
    assert_eq!(wiped, [event(&a, 1, 0).wiped(), second.wiped()]);
}

pub(super) async fn when_a_seed_sprouted_stands_beside_it(store: Arc<dyn Store>) {
    let a = tenant("a");
    let changes = (1..=3).map(|number| Change::InsertMemory(event(&a, number, 0))).collect();
    commit_all(&*store, &a, changes).await;
    let touch = |numbers: &[u128], at| {
        let ids = numbers.iter().copied().map(memory_id).collect();
        vec![Change::TouchSeeds { ids, at: time(at) }]
    };
    let activated = async || {
        let facts = load(&*store, &a, Select::Objects(objects())).await.facts;
        let said = facts.activated.iter().map(|(id, at)| (id.uuid().as_u128(), at.unix_micros()));
        (said.collect::<Vec<_>>(), facts.memories.iter().map(|memory| memory.version).max())
    };
    assert_eq!(activated().await, (vec![], Some(1)));
    commit(&*store, set(&a, 20001, touch(&[1, 2, 9], 50))).await.unwrap();
    assert_eq!(
        activated().await,
        (vec![(1, 50), (2, 50)], Some(1)),
        "no new version, and not what is not there"
    );
    commit(&*store, set(&a, 20002, touch(&[2, 3], 40))).await.unwrap();
    assert_eq!(activated().await.0, [(1, 50), (2, 40), (3, 40)], "the last who says it is right");
    let sealed = Memory { version: 2, state: State::Sealed, ..event(&a, 2, 0) };
    let erased = event(&a, 3, 0).tombstone();
    commit(&*store, set(&a, 20003, vec![Change::ReplaceMemory(sealed), Change::EraseMemory(erased)]))
        .await
        .unwrap();
    assert_eq!(activated().await, (vec![(1, 50), (2, 40)], Some(2)), "it outlives versions, and not erasure");
    commit(&*store, set(&a, 20004, touch(&[3], 60))).await.unwrap();
    let one = ObjectSelect { limit: 1, ..objects() };
    let facts = load(&*store, &a, Select::Objects(one)).await.facts;
    assert_eq!(facts.activated.into_keys().collect::<Vec<_>>(), [memory_id(1)], "of what was loaded");
    let b = tenant("b");
    commit_all(&*store, &b, touch(&[1], 70)).await;
    assert_eq!(activated().await.0, [(1, 50), (2, 40)], "tenants do not meet");
}

pub(super) async fn preferences_and_objects_do_not_meet(store: Arc<dyn Store>) {
    let a = tenant("a");
    let changes = vec![Change::InsertMemory(memory(&a, 1)), Change::InsertMemory(event(&a, 2, 0))];
    commit_all(&*store, &a, changes).await;
    assert_eq!(numbers(&load(&*store, &a, Select::Objects(objects())).await), [2]);
    assert_eq!(numbers(&load(&*store, &a, Select::Preferences(shelf())).await), [1]);
    let both = load(&*store, &a, Select::Memories(vec![memory_id(2), memory_id(1)])).await;
    assert_eq!(numbers(&both), [2, 1]);
}
