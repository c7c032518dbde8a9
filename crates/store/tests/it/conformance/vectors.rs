//! Vectors, what is nearest to one, and what stands beside a memory in its conversation.

use std::collections::BTreeSet;
use std::sync::Arc;

use memoryscope_domain::audit_chain::Seq;
use memoryscope_domain::change::Change;
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::memory::{Memory, State};
use memoryscope_domain::object::Name;
use memoryscope_domain::policy::{Attribute, Filter, FilterField};
use memoryscope_domain::scope::Scope;
use memoryscope_domain::vector::{KeptVector, ModelKey, TextKey, Vector};
use memoryscope_engine::port::{Around, KeyedSelect, Load, Near, ObjectSelect, Select, Snapshot, Store};

use crate::make::{
    commit, commit_all, event, item, load, load_of, looking, memory_id, numbers, objects, set, tenant, time,
    user,
};

pub(crate) const MODEL: &str = "model";

fn vector(numbers: [f32; 2]) -> Vector {
    Vector::quantise(&numbers).unwrap()
}

/// A vector of what that memory says.
pub(crate) fn kept(memory: &Memory, numbers: [f32; 2]) -> KeptVector {
    let text = memory.text_key().unwrap_or(TextKey([0; 8]));
    KeptVector { memory: memory.id, text, model: ModelKey::of(MODEL), vector: vector(numbers) }
}

fn near(limit: usize) -> ObjectSelect {
    let near = Near { model: ModelKey::of(MODEL), vector: vector([1.0, 0.0]), least: -2.0, limit };
    ObjectSelect { words: Some(Vec::new()), near: Some(near), ..objects() }
}

/// The memories that are found, the nearest first, each with its cosine in hundredths; and whether there are more.
fn nearest(found: &Snapshot) -> (Vec<(u128, i64)>, bool) {
    let nearest = &found.facts.nearest;
    let mut of: Vec<_> = numbers(found)
        .into_iter()
        .filter_map(|number| {
            Some((number, (nearest.of.get(&memory_id(number))?.cosine * 100.0).round() as i64))
        })
        .collect();
    of.sort_by_key(|(number, cosine)| (-cosine, *number));
    (of, nearest.more)
}

async fn found(store: &dyn Store, limit: usize) -> (Vec<(u128, i64)>, bool) {
    nearest(&load(store, &tenant("a"), Select::Objects(near(limit))).await)
}

async fn keep(store: &dyn Store, vectors: Vec<KeptVector>) -> Seq {
    let number = 1_000 + u128::from(crate::make::head(store, &tenant("a")).await.seq.0);
    commit(store, set(&tenant("a"), number, vec![Change::KeepVectors(vectors)])).await.unwrap().seq
}

fn filled(tenant: &TenantId) -> Vec<Memory> {
    (1..=4).map(|number| event(tenant, number, i64::try_from(number).unwrap())).collect()
}

pub(super) async fn the_nearest_are_found(store: Arc<dyn Store>) {
    let all = filled(&tenant("a"));
    commit_all(&*store, &tenant("a"), all.iter().cloned().map(Change::InsertMemory).collect()).await;
    assert_eq!(found(&*store, 9).await, (vec![], false));
    keep(&*store, vec![kept(&all[0], [1.0, 0.0]), kept(&all[1], [1.0, 1.0])]).await;
    assert_eq!(found(&*store, 9).await, (vec![(1, 100), (2, 71)], false));
    // What comes later is seen by whoever has seen the others.
    keep(&*store, vec![kept(&all[2], [-1.0, 0.0]), kept(&all[3], [1.0, 0.5])]).await;
    assert_eq!(found(&*store, 9).await, (vec![(1, 100), (4, 89), (2, 71), (3, -100)], false));
    assert_eq!(found(&*store, 2).await, (vec![(1, 100), (4, 89)], true));
    assert_eq!(found(&*store, 0).await, (vec![], true));
    // One for the same memory takes the place of the one before.
    keep(&*store, vec![kept(&all[0], [0.0, 1.0])]).await;
    assert_eq!(found(&*store, 9).await.0, [(4, 89), (2, 71), (1, 0), (3, -100)]);
    // Of what is not there, none is kept.
    keep(&*store, vec![kept(&event(&tenant("a"), 99, 0), [1.0, 0.0])]).await;
    assert_eq!(found(&*store, 9).await.0.len(), 4);
    let elsewhere = load(&*store, &tenant("b"), Select::Objects(near(9))).await;
    assert_eq!(nearest(&elsewhere), (vec![], false));
    let other = Scope::of_user(&user("bob")).partition();
    let other = ObjectSelect { partition: other, ..near(9) };
    assert_eq!(nearest(&load(&*store, &tenant("a"), Select::Objects(other)).await), (vec![], false));
    let mut stranger = near(9);
    stranger.near.as_mut().unwrap().model = ModelKey::of("another");
    assert_eq!(nearest(&load(&*store, &tenant("a"), Select::Objects(stranger)).await), (vec![], false));
}

pub(super) async fn the_nearest_pass_the_filter(store: Arc<dyn Store>) {
    let mut all = filled(&tenant("a"));
    all[0].expires = Some(time(5));
    all[1].state = State::Restricted;
    commit_all(&*store, &tenant("a"), all.iter().cloned().map(Change::InsertMemory).collect()).await;
    keep(&*store, all.iter().map(|memory| kept(memory, [1.0, 0.0])).collect()).await;
    assert_eq!(found(&*store, 9).await.0, [(2, 100), (3, 100), (4, 100)], "what has expired is not there");
    let field = FilterField::new(Attribute::MemoryState).unwrap();
    let active = Filter::OneOf(field, BTreeSet::from(["active".to_owned()]));
    let select = ObjectSelect { wanted: active, until: Some(time(4)), ..near(9) };
    let (of, more) = nearest(&load(&*store, &tenant("a"), Select::Objects(select.clone())).await);
    assert_eq!((of, more), (vec![(3, 100)], false));
    // The limit is of vectors, and not of those that pass: whoever is given too few asks for more.
    let select = ObjectSelect { near: near(2).near, ..select };
    assert_eq!(nearest(&load(&*store, &tenant("a"), Select::Objects(select)).await), (vec![], true));
}

pub(super) async fn vectors_follow_the_memory(store: Arc<dyn Store>) {
    let a = tenant("a");
    let first = looking(event(&a, 1, 0), 0);
    commit_all(&*store, &a, vec![Change::InsertMemory(first.clone())]).await;
    let mut version = 1;
    let mut next = async |change: &dyn Fn(Memory) -> Memory| {
        version += 1;
        let memory = change(Memory { version, ..first.clone() });
        commit(&*store, set(&a, version.into(), vec![Change::ReplaceMemory(memory)])).await.unwrap();
        let is_found = found(&*store, 9).await.0.len();
        if is_found == 0 {
            // Kept again for what it says now, if it may have one.
            keep(&*store, vec![kept(&first, [1.0, 0.0])]).await;
        }
        is_found
    };
    keep(&*store, vec![kept(&first, [1.0, 0.0])]).await;
    assert_eq!(next(&|memory| memory).await, 1, "the same text");
    assert_eq!(next(&|memory| looking(memory, 3)).await, 0, "another text");
    assert_eq!(next(&|memory| Memory { state: State::Restricted, ..memory }).await, 1);
    for state in [State::Sealed, State::Revoked] {
        assert_eq!(next(&|memory| Memory { state, ..memory }).await, 0, "{}", state.name());
        assert_eq!(next(&|memory| memory).await, 1);
    }
    assert_eq!(next(&|memory| looking(memory, 32)).await, 0, "kept out of searches");
    assert_eq!(next(&|memory| memory).await, 1);
    let erased = Memory { version, ..first.clone() }.tombstone();
    commit(&*store, set(&a, 99, vec![Change::EraseMemory(erased)])).await.unwrap();
    assert_eq!(found(&*store, 9).await.0, []);
}

pub(super) async fn the_nearest_are_as_of_a_commit(store: Arc<dyn Store>) {
    let a = tenant("a");
    let all = filled(&a);
    commit_all(&*store, &a, all.iter().cloned().map(Change::InsertMemory).collect()).await;
    let first = keep(&*store, vec![kept(&all[0], [1.0, 0.0])]).await;
    let second = keep(&*store, vec![kept(&all[1], [1.0, 1.0])]).await;
    let as_of = async |seq| {
        let load = Load { as_of: Some(seq), ..load_of(&a, Select::Objects(near(9))) };
        let found = store.load(&load).await.unwrap();
        (nearest(&found).0, found.facts.nearest.changed)
    };
    found(&*store, 9).await;
    assert_eq!(as_of(first).await, (vec![(1, 100)], false));
    assert_eq!(as_of(second).await, (vec![(1, 100), (2, 71)], false));
    let sealed = Memory { version: 2, state: State::Sealed, ..all[0].clone() };
    commit(&*store, set(&a, 99, vec![Change::ReplaceMemory(sealed)])).await.unwrap();
    assert_eq!(as_of(second).await, (vec![(2, 71)], true), "one that counted then is gone");
    let third = keep(&*store, vec![kept(&all[2], [1.0, 0.0])]).await;
    assert_eq!(as_of(third).await, (vec![(3, 100), (2, 71)], false));
}

pub(super) async fn what_is_shared_is_near_too(store: Arc<dyn Store>) {
    let a = tenant("a");
    let (own, shared) = (event(&a, 1, 0), item(&a, 2, &[], &["bob"], false));
    let bob = Scope::of_user(&user("bob"));
    let own = Memory { partition: bob.partition(), scope: bob.clone(), ..own };
    commit_all(&*store, &a, [&own, &shared].map(|memory| Change::InsertMemory(memory.clone())).into()).await;
    let seq = keep(&*store, vec![kept(&own, [1.0, 1.0]), kept(&shared, [1.0, 0.0])]).await;
    let reader = shared.readers().into_iter().find(|reader| reader.contains("bob")).unwrap();
    let keyed =
        KeyedSelect { keys: vec![memoryscope_domain::memory::Key::reader(&reader)], after: None, limit: 9 };
    let objects = ObjectSelect { partition: bob.partition(), ..near(9) };
    let select = Select::Shared { objects, keyed };
    assert_eq!(nearest(&load(&*store, &a, select.clone()).await).0, [(2, 100), (1, 71)]);
    let sealed = Memory { version: 2, state: State::Sealed, ..shared };
    commit(&*store, set(&a, 99, vec![Change::ReplaceMemory(sealed)])).await.unwrap();
    assert_eq!(nearest(&load(&*store, &a, select.clone()).await).0, [(1, 71)]);
    let then = store.load(&Load { as_of: Some(seq), ..load_of(&a, select) }).await.unwrap();
    assert!(then.facts.nearest.changed);
}

/// A turn of a conversation; what is longer ago has a lower number.
fn turn(number: u128, conversation: &str) -> Memory {
    let mut turn = event(&tenant("a"), number, i64::try_from(number).unwrap());
    turn.body.object_mut().unwrap().provenance.conversation_id = Name::parse(conversation).ok();
    turn
}

fn beside(numbers: &[u128], reach: usize) -> ObjectSelect {
    let anchors = numbers.iter().filter_map(|number| turn(*number, "c").anchor()).collect();
    ObjectSelect { words: Some(Vec::new()), around: Around { anchors, reach }, ..objects() }
}

pub(super) async fn neighbours_are_found(store: Arc<dyn Store>) {
    let a = tenant("a");
    let turns: Vec<Memory> =
        (1..=9).map(|number| turn(number, if number == 4 { "other" } else { "c" })).collect();
    commit_all(&*store, &a, turns.iter().cloned().map(Change::InsertMemory).collect()).await;
    let found = async |select: ObjectSelect| {
        let found = load(&*store, &a, Select::Objects(select)).await;
        (numbers(&found), found.facts.is_cut)
    };
    assert_eq!(found(beside(&[5], 2)).await, (vec![7, 6, 3, 2], false));
    assert_eq!(found(beside(&[5], 1)).await, (vec![6, 3], false));
    assert_eq!(found(beside(&[1, 9], 1)).await, (vec![8, 2], false));
    assert_eq!(found(beside(&[2, 3], 1)).await, (vec![5, 3, 2, 1], false), "neighbours of each other");
    assert_eq!(found(beside(&[], 9)).await, (vec![], false));
    let until = ObjectSelect { until: Some(time(7)), ..beside(&[5], 3) };
    let (of, _) = found(until).await;
    assert_eq!(of, [6, 3, 2, 1]);
    let elsewhere = ObjectSelect { partition: Scope::of_user(&user("bob")).partition(), ..beside(&[5], 2) };
    assert_eq!(found(elsewhere).await, (vec![], false));
    let before = crate::make::head(&*store, &a).await.seq;
    // What is erased is nobody's neighbour: those behind it are, or may be there and were not looked at.
    let erased = turns[5].tombstone();
    commit(&*store, set(&a, 98, vec![Change::EraseMemory(erased)])).await.unwrap();
    let next = Memory { version: 2, ..turn(3, "other") };
    commit(&*store, set(&a, 99, vec![Change::ReplaceMemory(next)])).await.unwrap();
    assert_eq!(found(beside(&[5], 2)).await.0, [8, 7, 2, 1]);
    let as_of = Load { as_of: Some(before), ..load_of(&a, Select::Objects(beside(&[5], 1))) };
    let then = store.load(&as_of).await.unwrap();
    assert!(numbers(&then).contains(&3), "it was of this conversation then");
    assert!(then.facts.erased.contains(&memory_id(6)));
}

/// A store says of what it turned down that it was there, or looks behind it.
pub(super) async fn what_is_turned_down_hides_nobody(store: Arc<dyn Store>) {
    let a = tenant("a");
    let turns = (1..=9).map(|number| {
        let state = if (3..=4).contains(&number) { State::Sealed } else { State::Active };
        Memory { state, ..turn(number, "c") }
    });
    commit_all(&*store, &a, turns.map(Change::InsertMemory).collect()).await;
    let field = FilterField::new(Attribute::MemoryState).unwrap();
    let wanted = Filter::OneOf(field, BTreeSet::from(["active".to_owned()]));
    let mut reach = 2;
    loop {
        let select = ObjectSelect { wanted: wanted.clone(), ..beside(&[5], reach) };
        let found = load(&*store, &a, Select::Objects(select)).await;
        if numbers(&found).contains(&1) {
            assert!(numbers(&found).starts_with(&[7, 6, 2, 1]) || reach > 2, "{:?}", numbers(&found));
            break;
        }
        assert!(found.facts.is_cut && reach < 9, "{reach}");
        reach += 1;
    }
}

pub(super) async fn what_lacks_a_vector_is_listed(store: Arc<dyn Store>) {
    let a = tenant("a");
    let mut all = filled(&a);
    all[1].state = State::Sealed;
    let bob = Scope::of_user(&user("bob"));
    all[2] = Memory { partition: bob.partition(), scope: bob, ..all[2].clone() };
    commit_all(&*store, &a, all.iter().cloned().map(Change::InsertMemory).collect()).await;
    let lacking = async |model: &str, after: Option<&Memory>, limit: usize| {
        let after = after.map(|memory| (memory.partition, (memory.placed.unwrap(), memory.id)));
        let select = Select::Unembedded { model: ModelKey::of(model), after, limit };
        load(&*store, &a, select).await.facts.memories
    };
    let ids = |memories: &[Arc<Memory>]| -> BTreeSet<u128> {
        memories.iter().map(|memory| memory.id.uuid().as_u128()).collect()
    };
    let listed = lacking(MODEL, None, 9).await;
    assert_eq!(ids(&listed), BTreeSet::from([1, 3, 4]));
    assert!(listed.is_sorted_by_key(|memory| (memory.partition, std::cmp::Reverse(memory.placed))));
    for at in 0..3 {
        assert_eq!(lacking(MODEL, Some(&listed[at]), 9).await[..], listed[at + 1..]);
        assert_eq!(lacking(MODEL, None, at).await[..], listed[..at]);
    }
    keep(&*store, vec![kept(&all[0], [1.0, 0.0]), kept(&all[2], [1.0, 0.0])]).await;
    assert_eq!(ids(&lacking(MODEL, None, 9).await), BTreeSet::from([4]));
    assert_eq!(ids(&lacking("another", None, 9).await), BTreeSet::from([1, 3, 4]));
    let next = Memory { version: 2, ..looking(all[0].clone(), 1) };
    commit(&*store, set(&a, 99, vec![Change::ReplaceMemory(next)])).await.unwrap();
    assert_eq!(ids(&lacking(MODEL, None, 9).await), BTreeSet::from([1, 4]), "it says something else now");
}
