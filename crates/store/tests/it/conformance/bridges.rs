//! Bridges, and listings that go behind them.

use std::sync::Arc;

use memoryscope_domain::audit_chain::Seq;
use memoryscope_domain::bridge::Bridge;
use memoryscope_domain::change::{Change, Forgotten};
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Memory, State};
use memoryscope_domain::policy::Filter;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::words::TermKey;
use memoryscope_engine::port::{
    BridgeSelect, BridgesTo, Load, ObjectSelect, Select, Snapshot, Source, Store, StoreError,
};

use crate::make::{NOW, bridge, commit, event, load, load_of, numbers, objects, set, tenant, time, user};

async fn commit_one(store: &dyn Store, number: u128, changes: Vec<Change>) {
    commit(store, set(&tenant("a"), number, changes)).await.unwrap();
}

fn insert(bridge: &Bridge) -> Change {
    Change::InsertBridge(bridge.clone())
}

fn scope(name: &str) -> Scope {
    Scope::of_user(&user(name))
}

/// The numbers of the bridges that stand at a time: those to one scope, those from it, and those that touch it.
async fn standing(store: &dyn Store, name: &str, of: &str, at: i64) -> [Vec<u128>; 3] {
    let partition = Some(scope(of).partition());
    let numbers = |bridges: &[Bridge]| bridges.iter().map(|one| one.id.uuid().as_u128()).collect();
    let load = |select, bridges| Load { now: time(at), bridges, ..load_of(&tenant(name), select) };
    let to = BridgesTo { to: partition, ..BridgesTo::default() };
    let from = BridgesTo { from: partition, ..BridgesTo::default() };
    let to = store.load(&load(Select::Nothing, to)).await.unwrap().bridges;
    let from = store.load(&load(Select::Objects(objects()), from)).await.unwrap().bridges;
    let touching = Select::Bridges(BridgeSelect::Between { source: scope(of), target: scope(of) });
    let touching = store.load(&load(touching, BridgesTo::default())).await.unwrap().facts.bridges;
    [numbers(&to), numbers(&from), numbers(&touching)]
}

async fn one(store: &dyn Store, id: u8) -> Option<Bridge> {
    let a = tenant("a");
    let select = Select::Bridges(BridgeSelect::One(bridge(&a, id, "", "", None).id));
    load(store, &a, select).await.facts.bridges.pop()
}

pub(super) async fn bridges_stand_as_of_a_commit(store: Arc<dyn Store>) {
    let a = tenant("a");
    let (first, second) = (bridge(&a, 1, "ann", "bob", None), bridge(&a, 2, "ann", "bob", Some(NOW + 5)));
    commit_one(&*store, 1, vec![insert(&first), Change::InsertMemory(event(&a, 1, 10))]).await;
    commit_one(&*store, 2, vec![insert(&second)]).await;
    commit_one(&*store, 3, vec![Change::RemoveBridge(first.remove(time(NOW)))]).await;
    commit_one(&*store, 4, vec![Change::RemoveBridge(second.remove(time(NOW)))]).await;
    let standing = async |seq: u64, at: i64| {
        let to = Some(scope("bob").partition());
        let (touching, bridges) = (
            Select::Bridges(BridgeSelect::Between { source: scope("bob"), target: scope("bob") }),
            BridgesTo { to, ..BridgesTo::default() },
        );
        let load = Load { as_of: Some(Seq(seq)), now: time(at), bridges, ..load_of(&a, touching) };
        let snapshot = store.load(&load).await.unwrap();
        assert_eq!(snapshot.bridges, snapshot.facts.bridges);
        snapshot.bridges
    };
    // As they stood, though they were removed since.
    let expected = [vec![], vec![&first], vec![&first, &second], vec![&second], vec![]];
    for (seq, expected) in (0..).zip(expected) {
        assert_eq!(standing(seq, NOW).await.iter().collect::<Vec<_>>(), expected, "as of {seq}");
    }
    assert_eq!(standing(2, NOW + 5).await, [first], "what has come to its end stands at no commit");
    // What is behind one is listed as it was then.
    let source = Source {
        partition: event(&a, 1, 10).partition,
        among: Filter::Everything,
        wanted: Filter::Everything,
        scan: None,
        limit: 9,
    };
    let behind = async |seq: u64| {
        let own = ObjectSelect { partition: scope("bob").partition(), ..objects() };
        let bridges = BridgesTo { sources: vec![source.clone()], is_paged: true, ..BridgesTo::default() };
        let load = Load { as_of: Some(Seq(seq)), bridges, ..load_of(&a, Select::Objects(own)) };
        let facts = store.load(&load).await.unwrap().facts;
        let versions: Vec<u64> = facts.memories.iter().map(|memory| memory.version).collect();
        (versions, facts.erased.len())
    };
    let sealed = Memory { state: State::Sealed, version: 2, ..event(&a, 1, 10) };
    commit_one(&*store, 5, vec![Change::ReplaceMemory(sealed.clone())]).await;
    for (seq, expected) in [(0, vec![]), (1, vec![1]), (4, vec![1]), (5, vec![2])] {
        assert_eq!(behind(seq).await, (expected, 0), "as of {seq}");
    }
    commit_one(&*store, 6, vec![Change::EraseMemory(sealed.tombstone())]).await;
    assert_eq!(behind(1).await, (vec![], 1), "of what was erased since it is known that it was there");
}

pub(super) async fn bridges_stand_until_they_end_or_are_removed(store: Arc<dyn Store>) {
    let a = tenant("a");
    let made = [
        bridge(&a, 1, "ann", "bob", None),
        bridge(&a, 2, "ann", "bob", Some(NOW + 5)),
        bridge(&a, 3, "bob", "ann", None),
        bridge(&a, 4, "bob", "eve", None),
    ];
    commit_one(&*store, 1, made.iter().map(insert).collect()).await;
    assert_eq!(standing(&*store, "a", "bob", NOW).await, [vec![1, 2], vec![3, 4], vec![1, 2, 3, 4]]);
    assert_eq!(standing(&*store, "a", "bob", NOW + 5).await[0], [1]);
    assert_eq!(standing(&*store, "b", "bob", NOW).await, [vec![], vec![], vec![]]);
    let removed = made[0].remove(time(NOW));
    commit_one(&*store, 2, vec![Change::RemoveBridge(removed.clone())]).await;
    assert_eq!(standing(&*store, "a", "bob", NOW).await, [vec![2], vec![3, 4], vec![2, 3, 4]]);
    assert_eq!(one(&*store, 1).await, Some(removed.clone()), "it is known that it was there");
    assert_eq!(one(&*store, 2).await.as_ref(), Some(&made[1]));
    assert_eq!(one(&*store, 9).await, None);
    for (change, what) in [
        (Change::RemoveBridge(removed), "a bridge"),
        (Change::RemoveBridge(bridge(&a, 9, "ann", "bob", None)), "a bridge"),
        (insert(&made[0]), "a bridge's id"),
    ] {
        let error = commit(&*store, set(&a, 3, vec![change])).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(why) if why == what), "{error}");
    }
}

pub(super) async fn a_persons_bridges_are_forgotten(store: Arc<dyn Store>) {
    let a = tenant("a");
    let made = [
        bridge(&a, 1, "ann", "bob", None),
        bridge(&a, 2, "bob", "ann", Some(NOW - 1)),
        bridge(&a, 3, "bob", "eve", None),
        bridge(&a, 4, "ann", "eve", None),
    ];
    commit_one(&*store, 1, made.iter().map(insert).collect()).await;
    commit_one(&*store, 2, vec![Change::RemoveBridge(made[3].remove(time(NOW)))]).await;
    let belongings = |limit| Select::Belongings { user: user("ann"), after: None, limit };
    let found = load(&*store, &a, belongings(9)).await.facts.bridges;
    assert_eq!(found, [made[0].clone(), made[1].clone(), made[3].remove(time(NOW))]);
    assert_eq!(load(&*store, &a, belongings(2)).await.facts.bridges, made[..2]);
    let bridges = found.iter().map(|bridge| bridge.id).collect();
    let forgotten = Forgotten { bridges, ..Forgotten::default() };
    commit_one(&*store, 3, vec![Change::Forget(Box::new(forgotten))]).await;
    assert_eq!(load(&*store, &a, belongings(9)).await.facts.bridges, []);
    assert_eq!([one(&*store, 1).await, one(&*store, 3).await], [None, Some(made[2].clone())]);
}

/// There is no telling how many there may be: no load brings more than a bounded number.
pub(super) async fn a_load_brings_so_many_bridges_at_most(store: Arc<dyn Store>) {
    let a = tenant("a");
    let many: u8 = (2 * limits::BRIDGES_FROM_MAX + 2).try_into().unwrap();
    let made = (1..=many).map(|id| insert(&bridge(&a, id, "ann", "bob", None))).collect();
    commit_one(&*store, 1, made).await;
    let [to, ..] = standing(&*store, "a", "bob", NOW).await;
    let [_, from, touching] = standing(&*store, "a", "ann", NOW).await;
    let first = |limit: usize| (1..=limit as u128).collect::<Vec<_>>();
    assert_eq!(to, first(2 * limits::BRIDGES_TO_MAX));
    assert_eq!((from, touching), (first(2 * limits::BRIDGES_FROM_MAX), first(2 * limits::BRIDGES_FROM_MAX)));
}

/// An event of another person's.
fn event_of(name: &str, id: u128, occurred: i64) -> Memory {
    let made = event(&tenant("a"), id, occurred);
    Memory { partition: scope(name).partition(), scope: scope(name), ..made }
}

fn source(name: &str, scan: Option<usize>, limit: usize) -> Source {
    let partition = scope(name).partition();
    Source { partition, among: Filter::Everything, wanted: Filter::Everything, scan, limit }
}

async fn behind(store: &dyn Store, select: ObjectSelect, sources: Vec<Source>, is_paged: bool) -> Snapshot {
    let bridges = BridgesTo { sources, is_paged, ..BridgesTo::default() };
    let load = Load { bridges, ..load_of(&tenant("a"), Select::Objects(select)) };
    store.load(&load).await.unwrap()
}

async fn fill(store: &dyn Store) {
    let made = [
        event(&tenant("a"), 1, 10),
        event(&tenant("a"), 2, 20),
        event(&tenant("a"), 3, 30),
        event_of("bob", 11, 15),
        event_of("bob", 12, 20),
        event_of("bob", 13, 35),
        event_of("eve", 21, 5),
        event_of("eve", 22, 20),
    ];
    commit_one(store, 1, made.into_iter().map(Change::InsertMemory).collect()).await;
}

pub(super) async fn what_is_behind_bridges_is_listed_in_one_order(store: Arc<dyn Store>) {
    fill(&*store).await;
    let all = [13, 3, 2, 12, 22, 11, 1, 21];
    for limit in 1..=9 {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let sources = vec![source("bob", Some(9), limit), source("eve", Some(9), limit)];
            let select = ObjectSelect { limit, scan: Some(9), after, ..objects() };
            let found = behind(&*store, select, sources, true).await;
            assert!(found.facts.memories.len() <= limit && found.facts.scan_end.is_none());
            seen.extend(numbers(&found));
            let last = found.facts.memories.last().map(|last| (last.placed.unwrap(), last.id));
            assert_eq!(found.facts.more, seen.len() < all.len(), "{limit} {seen:?}");
            if !found.facts.more {
                break;
            }
            after = last;
        }
        assert_eq!(seen, all, "{limit}");
    }
}

/// A page ends where one of its scopes was not looked at any further, and the next one goes on behind that.
pub(super) async fn a_page_behind_bridges_ends_with_its_shortest_scan(store: Arc<dyn Store>) {
    fill(&*store).await;
    for scan in 1..=3 {
        let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let sources = vec![source("bob", Some(scan), 9), source("eve", Some(scan), 9)];
            let select = ObjectSelect { limit: 9, scan: Some(scan), after, ..objects() };
            let found = behind(&*store, select, sources, true).await;
            seen.extend(numbers(&found));
            pages += 1;
            after = found.facts.scan_end;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, [13, 3, 2, 12, 22, 11, 1, 21], "{scan}");
        assert!(pages > 1 || scan == 3);
    }
}

/// Where it is no page, the scope's own is what it would be without bridges.
pub(super) async fn what_is_behind_bridges_takes_no_room(store: Arc<dyn Store>) {
    fill(&*store).await;
    let select = ObjectSelect { limit: 2, scan: Some(2), ..objects() };
    let alone = load(&*store, &tenant("a"), Select::Objects(select.clone())).await;
    let found = behind(&*store, select, vec![source("bob", Some(1), 1)], false).await;
    assert_eq!(numbers(&alone), [3, 2]);
    assert_eq!(numbers(&found), [13, 3, 2]);
    assert_eq!(found.facts.scan_end, alone.facts.scan_end);
    let filtered = Source { wanted: Filter::Nothing, ..source("bob", None, 9) };
    assert_eq!(numbers(&behind(&*store, objects(), vec![filtered], false).await), [3, 2, 1]);
}

pub(super) async fn words_are_looked_for_behind_bridges(store: Arc<dyn Store>) {
    fill(&*store).await;
    let words = Some(vec![TermKey::of("event")]);
    let select = ObjectSelect { words, ..objects() };
    let own = numbers(&load(&*store, &tenant("a"), Select::Objects(select.clone())).await);
    assert_eq!(own, [3, 2, 1], "the fixture's events hold the word");
    let found = behind(&*store, select, vec![source("bob", None, 2)], false).await;
    assert_eq!(found.facts.memories.len(), 5);
    assert!(found.facts.more, "one of the others' was left out");
}
