//! What loads find.

use std::collections::BTreeSet;
use std::sync::Arc;

use memoryscope_domain::audit_chain::Head;
use memoryscope_domain::change::{Change, IdempotencyKey, IdempotencyRecord};
use memoryscope_domain::memory::{DomainKey, Memory, State};
use memoryscope_domain::policy::{Attribute, Filter, FilterField};
use memoryscope_domain::preference::Kind;
use memoryscope_engine::port::{Due, Load, PreferenceSelect, Select, Store};

use crate::make::{
    NOW, commit, commit_all, domain, grant, load, load_of, memory, memory_id, memory_of, numbers, set, shelf,
    tenant, time,
};

pub(super) async fn an_empty_store_answers_emptily(store: Arc<dyn Store>) {
    let a = tenant("a");
    let snapshot = load(&*store, &a, Select::Preferences(shelf())).await;
    assert_eq!(snapshot.head, Head::GENESIS);
    assert_eq!((snapshot.active_policy, snapshot.facts.more), (None, false));
    assert!(snapshot.facts.memories.is_empty() && snapshot.subject_key.is_none());
    assert!(store.policy(&a, "hash").await.unwrap().is_none());
}

pub(super) async fn shelves_are_read_oldest_first(store: Arc<dyn Store>) {
    let a = tenant("a");
    let at = |number, created| Memory { created: time(created), ..memory(&a, number) };
    let other_kind = memory_of(&a, 20, "ann", Kind::Schedule, "music", "x");
    let other_user = memory_of(&a, 21, "bob", Kind::Preferences, "music", "x");
    let other_domain = memory_of(&a, 22, "ann", Kind::Preferences, "food", "x");
    let no_domain = memory_of(&a, 23, "ann", Kind::Preferences, "", "x");
    let all = [
        at(5, 10),
        at(4, 10),
        at(3, 30),
        at(2, 20),
        at(1, -5),
        other_kind,
        other_user,
        other_domain,
        no_domain,
    ];
    commit_all(&*store, &a, all.into_iter().map(Change::InsertMemory).collect()).await;

    let music = load(&*store, &a, Select::Preferences(shelf())).await;
    assert_eq!(numbers(&music), [1, 4, 5, 2, 3]);
    let without = PreferenceSelect { domain: Some(DomainKey::of(None)), ..shelf() };
    assert_eq!(numbers(&load(&*store, &a, Select::Preferences(without)).await), [23]);
    let every = PreferenceSelect { domain: None, ..shelf() };
    assert_eq!(numbers(&load(&*store, &a, Select::Preferences(every)).await), [1, 4, 5, 2, 3, 22, 23]);
    let food = PreferenceSelect { domain: Some(DomainKey::of(domain("food").as_ref())), ..shelf() };
    assert_eq!(numbers(&load(&*store, &a, Select::Preferences(food)).await), [22]);
}

pub(super) async fn shelves_are_paged(store: Arc<dyn Store>) {
    let a = tenant("a");
    let twins = (1..=6).map(|number| Memory { created: time(7), ..memory(&a, number) });
    commit_all(&*store, &a, twins.map(Change::InsertMemory).collect()).await;
    for domain in [shelf().domain, None] {
        let mut after = None;
        let mut seen = Vec::new();
        for page in 0..3 {
            let select = PreferenceSelect { after, limit: 2, domain, ..shelf() };
            let snapshot = load(&*store, &a, Select::Preferences(select)).await;
            assert_eq!(snapshot.facts.more, page < 2);
            after = snapshot.facts.memories.last().map(|memory| (memory.created, memory.id));
            seen.extend(numbers(&snapshot));
        }
        assert_eq!(seen, [1, 2, 3, 4, 5, 6]);
    }
    for (scan, after, shown, end) in
        [(6, None, 6, None), (5, None, 5, Some(5)), (2, Some(3), 2, Some(5)), (2, Some(4), 2, None)]
    {
        let place = |number| (time(7), memory_id(number));
        let select = PreferenceSelect { after: after.map(place), scan: Some(scan), ..shelf() };
        let facts = load(&*store, &a, Select::Preferences(select)).await.facts;
        assert_eq!((facts.memories.len(), facts.scan_end, facts.more), (shown, end.map(place), false));
    }
    let exactly = load(&*store, &a, Select::Preferences(PreferenceSelect { limit: 6, ..shelf() })).await;
    assert!(!exactly.facts.more);
    let from = |micros| PreferenceSelect { created_from: Some(time(micros)), ..shelf() };
    assert_eq!(numbers(&load(&*store, &a, Select::Preferences(from(7))).await).len(), 6);
    assert_eq!(numbers(&load(&*store, &a, Select::Preferences(from(8))).await).len(), 0);
}

pub(super) async fn only_what_is_live_is_on_a_shelf(store: Arc<dyn Store>) {
    let a = tenant("a");
    let ending = |number, end| Memory { expires: Some(time(end)), ..memory(&a, number) };
    let mut changes = vec![
        Change::InsertMemory(ending(1, NOW)),
        Change::InsertMemory(ending(2, NOW + 1)),
        Change::InsertMemory(ending(3, NOW - 1)),
    ];
    for (state, number) in State::ALL.into_iter().zip(10..) {
        let first = memory(&a, number);
        changes.push(Change::InsertMemory(first.clone()));
        changes.push(Change::ReplaceMemory(Memory { state, version: 2, ..first }));
    }
    commit_all(&*store, &a, changes).await;
    let snapshot = load(&*store, &a, Select::Preferences(shelf())).await;
    assert_eq!(numbers(&snapshot), [2, 10, 11, 12]);
}

fn list(attribute: Attribute, texts: &[&str]) -> (FilterField, BTreeSet<String>) {
    let field = FilterField::new(attribute).unwrap();
    (field, texts.iter().map(|text| (*text).to_owned()).collect())
}

fn one_of(attribute: Attribute, texts: &[&str]) -> Filter {
    let (field, texts) = list(attribute, texts);
    Filter::OneOf(field, texts)
}

fn none_of(attribute: Attribute, texts: &[&str]) -> Filter {
    let (field, texts) = list(attribute, texts);
    Filter::NoneOf(field, texts)
}

pub(super) async fn filters_narrow_exactly(store: Arc<dyn Store>) {
    let a = tenant("a");
    let sealed = Memory { state: State::Sealed, ..memory(&a, 2) };
    let food = memory_of(&a, 3, "ann", Kind::Preferences, "food", "x");
    let all = [memory(&a, 1), sealed, food, memory_of(&a, 4, "ann", Kind::Preferences, "", "x")];
    commit_all(&*store, &a, all.into_iter().map(Change::InsertMemory).collect()).await;

    let (owners, ann) = list(Attribute::MemoryOwners, &["ann"]);
    let (_, bob) = list(Attribute::MemoryOwners, &["bob"]);
    let (labels, grief) = list(Attribute::MemoryLabels, &["grief"]);
    let cases: Vec<(Filter, &[u128])> = vec![
        (Filter::Everything, &[1, 2, 3, 4]),
        (Filter::Nothing, &[]),
        (one_of(Attribute::MemoryType, &["preference"]), &[1, 2, 3, 4]),
        (one_of(Attribute::MemoryType, &["event"]), &[]),
        (one_of(Attribute::MemoryState, &["active", "nonsense"]), &[1, 3, 4]),
        (none_of(Attribute::MemoryState, &["active"]), &[2]),
        (one_of(Attribute::MemoryKind, &["preferences", "schedule"]), &[1, 2, 3, 4]),
        (none_of(Attribute::MemoryKind, &["preferences"]), &[]),
        (one_of(Attribute::MemoryDomain, &["food", ""]), &[3, 4]),
        (one_of(Attribute::MemoryDomain, &[" food"]), &[]),
        (none_of(Attribute::MemoryDomain, &["music", " food"]), &[3, 4]),
        (one_of(Attribute::MemorySensitivityLevel, &["low"]), &[1, 2, 3, 4]),
        (one_of(Attribute::MemorySensitivityLevel, &["high"]), &[]),
        (Filter::Intersects(owners, ann.clone()), &[1, 2, 3, 4]),
        (Filter::Intersects(owners, bob.clone()), &[]),
        (Filter::Disjoint(owners, bob.clone()), &[1, 2, 3, 4]),
        (Filter::ContainsAll(labels, grief.clone()), &[]),
        (Filter::LacksOneOf(labels, grief), &[1, 2, 3, 4]),
        (
            Filter::and([
                Filter::or([Filter::Intersects(owners, bob), none_of(Attribute::MemoryState, &["sealed"])]),
                one_of(Attribute::MemoryDomain, &["music"]),
            ]),
            &[1],
        ),
    ];
    for (filter, expected) in cases {
        let select = PreferenceSelect { domain: None, ..shelf() };
        let load = Load { filter: filter.clone(), ..load_of(&a, Select::Preferences(select.clone())) };
        assert_eq!(numbers(&store.load(&load).await.unwrap()), expected, "{filter:?}");
        let one = Load { select: Select::Preferences(PreferenceSelect { limit: 1, ..select }), ..load };
        let snapshot = store.load(&one).await.unwrap();
        assert_eq!(numbers(&snapshot), &expected[..expected.len().min(1)], "{filter:?}");
        assert_eq!(snapshot.facts.more, expected.len() > 1, "{filter:?}");
    }
}

pub(super) async fn memories_are_read_by_id_in_any_state(store: Arc<dyn Store>) {
    let a = tenant("a");
    let expired = Memory { expires: Some(time(1)), ..memory(&a, 1) };
    let revoked = Memory { state: State::Revoked, ..memory(&a, 2) };
    let changes = vec![
        Change::InsertMemory(expired.clone()),
        Change::InsertMemory(revoked.clone()),
        Change::InsertMemory(memory(&a, 3)),
        Change::EraseMemory(memory(&a, 3).tombstone()),
    ];
    commit_all(&*store, &a, changes).await;
    let ids = [3, 9, 1, 2, 1].map(memory_id).to_vec();
    let load = Load { filter: Filter::Nothing, ..load_of(&a, Select::Memories(ids)) };
    let snapshot = store.load(&load).await.unwrap();
    assert_eq!(numbers(&snapshot), [3, 1, 2, 1]);
    assert_eq!(*snapshot.facts.memories[0], memory(&a, 3).tombstone());
    assert_eq!(*snapshot.facts.memories[1], expired);
    assert_eq!(*snapshot.facts.memories[2], revoked);
}

pub(super) async fn what_has_expired_is_listed_earliest_first(store: Arc<dyn Store>) {
    let a = tenant("a");
    let ending =
        |number, end| Change::InsertMemory(Memory { expires: Some(time(end)), ..memory(&a, number) });
    let revoked = Memory { state: State::Revoked, expires: Some(time(5)), ..memory(&a, 7) };
    let gone = Memory { expires: Some(time(1)), ..memory(&a, 6) };
    let changes = vec![
        ending(5, 20),
        ending(4, 20),
        ending(3, 10),
        ending(2, NOW),
        ending(1, NOW + 1),
        Change::InsertMemory(revoked),
        Change::InsertMemory(memory(&a, 8)),
        Change::InsertMemory(gone.clone()),
        Change::EraseMemory(gone.tombstone()),
    ];
    commit_all(&*store, &a, changes).await;
    let all = load(&*store, &a, Select::Expired { limit: 10 }).await;
    assert_eq!((numbers(&all), all.facts.more), (vec![7, 3, 4, 5, 2], false));
    let some = load(&*store, &a, Select::Expired { limit: 4 }).await;
    assert_eq!((numbers(&some), some.facts.more), (vec![7, 3, 4, 5], true));
}

pub(super) async fn tenants_with_something_due_are_listed(store: Arc<dyn Store>) {
    let [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map(tenant);
    let ended = |tenant, end| Memory { expires: Some(time(end)), ..memory(tenant, 1) };
    let record = IdempotencyRecord {
        key: IdempotencyKey { client: "client".to_owned(), key: "key".to_owned() },
        request_digest: [1; 32],
        operation: "WRITE".to_owned(),
        memory_ids: Vec::new(),
        grant: None,
        used: time(100),
    };
    commit_all(&*store, &e, vec![Change::InsertIdempotency(record)]).await;
    commit_all(&*store, &d, vec![Change::InsertGrant(grant(&d, 1))]).await;
    commit_all(&*store, &c, vec![Change::InsertMemory(memory(&c, 1))]).await;
    commit_all(&*store, &b, vec![Change::InsertMemory(ended(&b, 50))]).await;
    let gone = ended(&a, 50);
    commit_all(&*store, &a, vec![Change::InsertMemory(gone.clone()), Change::EraseMemory(gone.tombstone())])
        .await;

    let due = |memories, grants, keys| Due {
        memories_expired_by: time(memories),
        grants_expired_before: time(grants),
        idempotency_before: time(keys),
    };
    let all = due(50, 2_000_001, 101);
    assert_eq!(store.tenants_due(&all, 10).await.unwrap(), [b.clone(), d.clone(), e]);
    assert_eq!(store.tenants_due(&all, 2).await.unwrap(), [b, d]);
    assert_eq!(store.tenants_due(&due(49, 2_000_000, 100), 10).await.unwrap(), []);
}

pub(super) async fn tenants_are_listed_in_pages(store: Arc<dyn Store>) {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(tenant);
    for tenant in [&c, &a, &b] {
        commit(&*store, set(tenant, 1, Vec::new())).await.unwrap();
    }
    assert_eq!(store.tenants(None, 2).await.unwrap(), [a.clone(), b.clone()]);
    assert_eq!(store.tenants(Some(&b), 2).await.unwrap(), [c]);
    assert_eq!(store.tenants(Some(&d), 2).await.unwrap(), []);
    assert_eq!(store.tenants(None, 0).await.unwrap(), []);
}

pub(super) async fn a_large_value_comes_back_as_it_was(store: Arc<dyn Store>) {
    let a = tenant("a");
    let text = "é🙂\u{1}\"\\".repeat(4_000);
    let large = memory_of(&a, 1, "ann", Kind::Preferences, "music", &text);
    commit_all(&*store, &a, vec![Change::InsertMemory(large.clone())]).await;
    let snapshot = load(&*store, &a, Select::Preferences(shelf())).await;
    assert_eq!(*snapshot.facts.memories[0], large);
}
