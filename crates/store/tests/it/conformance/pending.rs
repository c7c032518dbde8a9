//! What has not followed yet is hidden, and is found to follow.

use std::sync::Arc;

use memoryscope_domain::change::Change;
use memoryscope_domain::ids::{MemoryId, TenantId};
use memoryscope_domain::lifecycle::PendingMark;
use memoryscope_domain::object::Derivation;
use memoryscope_domain::words::TermKey;
use memoryscope_engine::port::{ObjectSelect, Select, Store};

use crate::make::{
    child, commit, commit_all, event, load, looking, memory_id, numbers, objects, set, tenant,
};

fn mark(id: u128, root: u128, after: Option<u128>) -> Change {
    Change::MarkPending(PendingMark { id: memory_id(id), root: memory_id(root), after: after.map(memory_id) })
}

fn unmark(id: u128) -> Change {
    Change::UnmarkPending(memory_id(id))
}

/// 1 ── 2 ── 3 ── 4 ── 5, 9 ── 4, and 8 that is nobody's; all of them speak of tea.
async fn chain(store: &dyn Store, tenant: &TenantId) {
    let mut all = [1, 8, 9].map(|number| event(tenant, number, 1)).to_vec();
    let below: [(u128, &[u128], _); 4] = [
        (2, &[1], Derivation::Computed),
        (3, &[2], Derivation::Asserted),
        (4, &[9, 3], Derivation::Asserted),
        (5, &[4], Derivation::Asserted),
    ];
    all.extend(below.map(|(number, parents, derivation)| child(tenant, number, parents, derivation)));
    let changes = all.into_iter().map(|memory| Change::InsertMemory(looking(memory, 0)));
    commit_all(store, tenant, changes.collect()).await;
}

/// What is listed, what is found by a word, and what of all is told to be below a mark when it is named.
async fn seen(store: &dyn Store, tenant: &TenantId) -> String {
    let listed = numbers(&load(store, tenant, Select::Objects(objects())).await);
    let words = Some(vec![TermKey::of("tea")]);
    let found = load(store, tenant, Select::Objects(ObjectSelect { words, ..objects() })).await;
    let mut found = numbers(&found);
    found.sort_unstable();
    let named = |ids: &std::collections::BTreeSet<MemoryId>| -> Vec<u128> {
        ids.iter().map(|id| id.uuid().as_u128()).collect()
    };
    let all = load(store, tenant, Select::Memories((1..=9).map(memory_id).collect())).await;
    let mut by_history = Vec::new();
    for id in 1..=9 {
        let versions = load(store, tenant, Select::Versions { id: memory_id(id), after: 0, limit: 9 }).await;
        by_history.extend(named(&versions.facts.pending));
    }
    let evidence = Select::Evidence { ids: (1..=9).map(memory_id).collect(), objects: objects() };
    let evidence = load(store, tenant, evidence).await.facts.pending;
    assert_eq!((by_history, named(&evidence)), (named(&all.facts.pending), named(&all.facts.pending)));
    format!("{listed:?} {found:?} {:?}", named(&all.facts.pending))
}

pub(super) async fn what_is_below_a_mark_is_hidden(store: Arc<dyn Store>) {
    let (a, b) = (tenant("a"), tenant("b"));
    chain(&*store, &a).await;
    chain(&*store, &b).await;
    let all = "[5, 4, 3, 2, 1, 8, 9] [1, 2, 3, 4, 5, 8, 9] []";
    let mut number = 1_000;
    let mut check = async |change: Change, expect: &str| {
        number += 1;
        commit(&*store, set(&a, number, vec![change])).await.unwrap();
        assert_eq!(seen(&*store, &a).await, expect);
        assert_eq!(seen(&*store, &b).await, all, "another tenant's are not");
    };
    check(mark(1, 1, None), "[1, 8, 9] [1, 8, 9] [2, 3, 4, 5]").await;
    check(mark(4, 1, None), "[1, 8, 9] [1, 8, 9] [2, 3, 4, 5]").await;
    check(unmark(1), "[4, 3, 2, 1, 8, 9] [1, 2, 3, 4, 8, 9] [5]").await;
    check(mark(9, 9, Some(4)), "[3, 2, 1, 8, 9] [1, 2, 3, 8, 9] [4, 5]").await;
    check(unmark(4), "[3, 2, 1, 8, 9] [1, 2, 3, 8, 9] [4, 5]").await;
    check(unmark(9), all).await;
    check(unmark(9), all).await;
}

/// The hidden take nobody's place: neither in a page nor among those that are found by words.
pub(super) async fn the_hidden_take_nobodys_place(store: Arc<dyn Store>) {
    let a = tenant("a");
    chain(&*store, &a).await;
    commit(&*store, set(&a, 1_000, vec![mark(1, 1, None)])).await.unwrap();
    for words in [None, Some(vec![TermKey::of("tea")])] {
        let select = ObjectSelect { words, limit: 3, ..objects() };
        let page = load(&*store, &a, Select::Objects(select)).await;
        assert_eq!((numbers(&page), page.facts.more), (vec![1, 8, 9], false));
    }
}

pub(super) async fn what_is_left_is_told_of_where_it_began(store: Arc<dyn Store>) {
    let a = tenant("a");
    chain(&*store, &a).await;
    commit(&*store, set(&a, 1_000, vec![mark(3, 1, None)])).await.unwrap();
    for (id, expect) in [(1, true), (3, false), (8, false)] {
        let family = load(&*store, &a, Select::Family { id: memory_id(id), limit: 9 }).await;
        assert_eq!(family.facts.is_unfinished, expect, "{id}");
    }
    let named = load(&*store, &a, Select::Memories(vec![memory_id(1)])).await;
    assert!(named.facts.is_unfinished);
}

/// What is to follow next: below which mark, which memories, whether something below them is missing, and how far that is.
async fn next(store: &dyn Store, tenant: &TenantId, limit: usize) -> String {
    let facts = load(store, tenant, Select::Pending { limit }).await.facts;
    let Some(following) = facts.following else { return "nothing".to_owned() };
    let number = |id: &MemoryId| id.uuid().as_u128();
    let mut below: Vec<u128> = facts.family.descendants.iter().map(|memory| number(&memory.id)).collect();
    below.sort_unstable();
    let children: Vec<(u128, u64)> =
        facts.family.children.iter().map(|(id, count)| (number(id), *count)).collect();
    let partial = if facts.family.is_partial { " partial" } else { "" };
    let later = if facts.family.is_later_page { " later" } else { "" };
    let reached = following.reached.as_ref().map(number);
    let more = if facts.more { " more" } else { "" };
    format!("{} {below:?} {children:?} {reached:?}{partial}{later}{more}", number(&following.mark.id))
}

pub(super) async fn what_is_below_a_mark_is_found_page_by_page(store: Arc<dyn Store>) {
    let a = tenant("a");
    // 1 has a computed child (2) and six that somebody derived from it (11 to 16), the first of which has two (21, 22).
    let mut changes = vec![
        Change::InsertMemory(event(&a, 1, 1)),
        Change::InsertMemory(child(&a, 2, &[1], Derivation::Computed)),
    ];
    let asserted = |number, parent| Change::InsertMemory(child(&a, number, &[parent], Derivation::Asserted));
    changes.extend((11..=16).map(|number| asserted(number, 1)));
    changes.extend([asserted(21, 11), asserted(22, 11)]);
    commit_all(&*store, &a, changes).await;
    assert_eq!(next(&*store, &a, 9).await, "nothing");
    let mut number = 1_000;
    let mut check = async |after, limit, expect: &str| {
        number += 1;
        commit(&*store, set(&a, number, vec![mark(1, 1, after)])).await.unwrap();
        assert_eq!(next(&*store, &a, limit).await, expect);
    };
    let all = "1 [2, 11, 12, 13, 14, 15, 16, 21, 22] [(1, 7), (2, 0), (11, 2), (12, 0), (13, 0), (14, 0), (15, 0), \
               (16, 0), (21, 0), (22, 0)] None";
    check(None, 9, all).await;
    check(None, 8, "1 [2] [(2, 0)] Some(0)").await;
    check(
        Some(0),
        8,
        "1 [11, 12, 13, 14, 15, 16, 21, 22] [(11, 2), (12, 0), (13, 0), (14, 0), (15, 0), (16, 0), \
                       (21, 0), (22, 0)] None later",
    )
    .await;
    check(
        Some(0),
        7,
        "1 [11, 12, 13, 14, 21, 22] [(11, 2), (12, 0), (13, 0), (14, 0), (21, 0), (22, 0)] Some(14) later",
    )
    .await;
    check(Some(0), 5, "1 [11, 21, 22] [(11, 2), (21, 0), (22, 0)] Some(11) later").await;
    check(Some(0), 2, "1 [11] [] Some(11) partial later").await;
    check(Some(12), 2, "1 [13] [(13, 0)] Some(13) later").await;
    check(Some(14), 2, "1 [15, 16] [(15, 0), (16, 0)] None later").await;
    check(Some(16), 2, "1 [] [] None later").await;
    commit(&*store, set(&a, 2_000, vec![mark(11, 1, None)])).await.unwrap();
    assert_eq!(next(&*store, &a, 9).await, "1 [] [] None later more");
    commit(&*store, set(&a, 2_001, vec![unmark(1)])).await.unwrap();
    assert_eq!(next(&*store, &a, 9).await, "11 [21, 22] [(11, 2), (21, 0), (22, 0)] None");
    commit(&*store, set(&a, 2_002, vec![unmark(11), mark(99, 99, None)])).await.unwrap();
    assert_eq!(next(&*store, &a, 9).await, "99 [] [] None", "of what is not there nothing is below");
}

pub(super) async fn tenants_with_something_left_are_listed(store: Arc<dyn Store>) {
    let names = ["a", "b", "c", "d"].map(tenant);
    for at in &names {
        commit(&*store, set(at, 1, vec![Change::InsertMemory(event(at, 1, 1))])).await.unwrap();
    }
    let [a, b, c, d] = names;
    assert_eq!(store.tenants_pending(None, 9).await.unwrap(), []);
    for at in [&a, &c, &d] {
        commit(&*store, set(at, 2, vec![mark(1, 1, None), mark(2, 1, None)])).await.unwrap();
    }
    assert_eq!(store.tenants_pending(None, 9).await.unwrap(), [a.clone(), c.clone(), d.clone()]);
    assert_eq!(store.tenants_pending(None, 2).await.unwrap(), [a.clone(), c.clone()]);
    assert_eq!(store.tenants_pending(Some(&a), 1).await.unwrap(), std::slice::from_ref(&c));
    assert_eq!(store.tenants_pending(Some(&b), 9).await.unwrap(), [c, d.clone()]);
    assert_eq!(store.tenants_pending(Some(&d), 9).await.unwrap(), []);
}
