//! What there is of a person: found in every scope, and forgotten.

use std::sync::Arc;

use memoryscope_domain::audit_chain::{AuditKey, Private, Seq};
use memoryscope_domain::change::{
    Change, ChangeSet, Expect, Forgotten, IdempotencyKey, IdempotencyRecord, Last,
};
use memoryscope_domain::grant::ReadGrant;
use memoryscope_domain::ids::{MemoryId, TenantId, UserId};
use memoryscope_domain::memory::{Body, Memory, State, SubjectRef};
use memoryscope_domain::object::{Derivation, Distinct};
use memoryscope_domain::preference::Kind;
use memoryscope_domain::scope::Scope;
use memoryscope_engine::port::{Load, PersonSelect, Select, Snapshot, Store, StoreError, With, WithinSelect};

use crate::make::{
    child, commit, commit_all, event, grant, load, load_of, memory, memory_id, memory_of, set, tenant, time,
    user,
};

fn moved(memory: Memory, to: &str) -> Memory {
    let scope = Scope::of_user(&user(to));
    Memory { partition: scope.partition(), scope, ..memory }
}

/// An event of Bob's that names these.
fn bobs(
    tenant: &TenantId,
    number: u128,
    owners: &[&str],
    subjects: &[&str],
    claimant: Option<&str>,
) -> Change {
    let named = |names: &[&str]| Distinct::new(names.iter().map(|name| user(name)).collect()).unwrap();
    let mut memory = moved(event(tenant, number, 1), "bob");
    let ownership = &mut memory.body.object_mut().unwrap().ownership;
    (ownership.owners, ownership.subjects) = (named(owners), named(subjects));
    ownership.claimant = claimant.map(user);
    Change::InsertMemory(memory)
}

/// 1 to 3 are in Ann's scope, one revoked and one erased; 4 and 5 name her elsewhere; 6 to 9 are not about her.
async fn world(store: &dyn Store, a: &TenantId) {
    let revoked = Memory { state: State::Revoked, version: 2, ..event(a, 2, 1) };
    let changes = vec![
        Change::InsertMemory(memory(a, 1)),
        Change::InsertMemory(event(a, 2, 1)),
        Change::ReplaceMemory(revoked),
        Change::InsertMemory(event(a, 3, 1)),
        Change::EraseMemory(event(a, 3, 1).tombstone()),
        bobs(a, 4, &["ann", "bob"], &[], None),
        bobs(a, 5, &["bob"], &["ann"], None),
        bobs(a, 6, &["bob"], &[], Some("ann")),
        bobs(a, 7, &[], &[], None),
        Change::InsertMemory(memory_of(a, 8, "annie", Kind::Preferences, "music", "tea")),
        Change::InsertMemory(moved(child(a, 9, &[5], Derivation::Computed), "bob")),
    ];
    commit_all(store, a, changes).await;
}

fn select(after: Option<u128>, scan: Option<usize>, limit: usize, with: With) -> Select {
    let after = after.map(memory_id);
    Select::Person(PersonSelect { user: user("ann"), after, scan, limit, with })
}

fn found(snapshot: &Snapshot) -> (Vec<u128>, bool, Option<u128>) {
    let number = |id: MemoryId| id.uuid().as_u128();
    let numbers = snapshot.facts.memories.iter().map(|memory| number(memory.id)).collect();
    (numbers, snapshot.facts.more, snapshot.facts.scan_end.map(|(_, id)| number(id)))
}

pub(super) async fn what_is_about_a_person_is_found_in_order(store: Arc<dyn Store>) {
    let a = tenant("a");
    world(&*store, &a).await;
    world(&*store, &tenant("b")).await;
    let check = async |select, expect| assert_eq!(found(&load(&*store, &a, select).await), expect);
    check(select(None, None, 9, With::Nothing), (vec![1, 2, 4, 5], false, None)).await;
    check(select(None, None, 2, With::Nothing), (vec![1, 2], true, None)).await;
    check(select(Some(2), None, 2, With::Nothing), (vec![4, 5], false, None)).await;
    check(select(Some(5), None, 2, With::Nothing), (vec![], false, None)).await;
    let nobody =
        PersonSelect { user: user("nobody"), after: None, scan: None, limit: 9, with: With::Nothing };
    check(Select::Person(nobody), (vec![], false, None)).await;
}

pub(super) async fn a_person_is_looked_for_in_steps(store: Arc<dyn Store>) {
    let a = tenant("a");
    world(&*store, &a).await;
    let check = async |select, expect| assert_eq!(found(&load(&*store, &a, select).await), expect);
    check(select(None, Some(2), 9, With::Nothing), (vec![1, 2], false, Some(2))).await;
    check(select(Some(2), Some(2), 9, With::Nothing), (vec![4], false, Some(4))).await;
    check(select(Some(5), Some(2), 9, With::Nothing), (vec![], false, Some(7))).await;
    check(select(Some(7), Some(2), 9, With::Nothing), (vec![], false, None)).await;
    let kindred = load(&*store, &a, select(Some(4), None, 9, With::Kin(9))).await.facts.kindred;
    let kindred: Vec<(u128, usize)> = kindred
        .iter()
        .map(|(memory, family)| (memory.id.uuid().as_u128(), family.descendants.len()))
        .collect();
    assert_eq!(kindred, [(5, 1)]);
}

/// In whatever scope, and nothing of another tenant, of another namespace, or that is erased.
pub(super) async fn what_is_in_a_namespace_is_found_in_order(store: Arc<dyn Store>) {
    let (a, b) = (tenant("a"), tenant("b"));
    let within = |memory: Memory, namespace: &str| {
        let scope = Scope { namespace: namespace.to_owned(), ..memory.scope.clone() };
        Memory { partition: scope.partition(), scope, ..memory }
    };
    for tenant in [&a, &b] {
        let changes = vec![
            Change::InsertMemory(within(event(tenant, 1, 1), "n")),
            Change::InsertMemory(within(moved(event(tenant, 2, 1), "bob"), "n")),
            Change::InsertMemory(within(event(tenant, 3, 1), "n\"m")),
            Change::InsertMemory(event(tenant, 4, 1)),
            Change::InsertMemory(within(event(tenant, 5, 1), "n")),
            Change::EraseMemory(within(event(tenant, 5, 1), "n").tombstone()),
            Change::InsertMemory(within(event(tenant, 6, 1), "n")),
        ];
        commit_all(&*store, tenant, changes).await;
    }
    let select = |namespace: &str, after: Option<u128>, scan, limit| {
        let (namespace, after) = (namespace.to_owned(), after.map(memory_id));
        Select::Within(WithinSelect { namespace, after, scan, limit })
    };
    let check = async |select, expect| assert_eq!(found(&load(&*store, &a, select).await), expect);
    check(select("n", None, 99, 9), (vec![1, 2, 6], false, None)).await;
    check(select("n", None, 99, 2), (vec![1, 2], true, None)).await;
    check(select("n", Some(2), 99, 2), (vec![6], false, None)).await;
    check(select("n", None, 2, 9), (vec![1, 2], false, Some(2))).await;
    check(select("n", Some(2), 2, 9), (vec![], false, Some(4))).await;
    check(select("n", Some(4), 2, 9), (vec![6], false, None)).await;
    check(select("n\"m", None, 99, 9), (vec![3], false, None)).await;
    check(select("m", None, 99, 9), (vec![], false, None)).await;
}

fn record(key: &str, memories: &[u128]) -> IdempotencyRecord {
    IdempotencyRecord {
        key: IdempotencyKey { client: "c".to_owned(), key: key.to_owned() },
        request_digest: [7; 32],
        operation: "memory.ingest".to_owned(),
        memory_ids: memories.iter().copied().map(memory_id).collect(),
        grant: None,
        bridge: None,
        used: time(1),
    }
}

async fn belongings(
    store: &dyn Store,
    a: &TenantId,
    after: Option<&str>,
    limit: usize,
) -> (usize, Vec<String>, bool) {
    let after = after.map(|key| record(key, &[]).key);
    let facts = load(store, a, Select::Belongings { user: user("ann"), after, limit }).await.facts;
    let keys = facts.idempotency.iter().map(|record| record.key.key.clone()).collect();
    (facts.grants.len(), keys, facts.more)
}

pub(super) async fn what_is_read_with_it_is_the_persons(store: Arc<dyn Store>) {
    let a = tenant("a");
    world(&*store, &a).await;
    let changes = vec![
        Change::InsertGrant(grant(&a, 1)),
        Change::InsertGrant(ReadGrant { user: user("bob"), ..grant(&a, 2) }),
        Change::InsertIdempotency(record("k1", &[1])),
        Change::InsertIdempotency(record("k2", &[])),
    ];
    for (change, number) in changes.into_iter().zip(500..) {
        commit(&*store, set(&a, number, vec![change])).await.unwrap();
    }
    let facts = load(&*store, &a, select(None, None, 9, With::Everything)).await.facts;
    assert_eq!(facts.earlier[&memory_id(2)].len(), 1);
    assert_eq!(facts.earlier[&memory_id(1)].len(), 0);
    assert_eq!(facts.grants, [grant(&a, 1)]);
    assert!(facts.entries.is_empty() && !facts.more);
    // Every entry of these tests is about one keeper.
    let keeper =
        PersonSelect { user: user("keeper"), after: None, scan: None, limit: 3, with: With::Everything };
    let facts = load(&*store, &a, Select::Person(keeper)).await.facts;
    assert_eq!((facts.entries.len(), facts.more), (3, true));
    assert_eq!(facts.entries[0].entry.seq, Seq(1));
    assert_eq!(belongings(&*store, &a, None, 1).await, (1, vec!["k1".to_owned()], true));
    assert_eq!(belongings(&*store, &a, Some("k1"), 1).await, (1, vec!["k2".to_owned()], false));
}

fn forgetting(a: &TenantId, number: u128, forgotten: Forgotten) -> ChangeSet {
    set(a, number, vec![Change::Forget(Box::new(forgotten))])
}

fn last(person: &UserId, after: u64) -> Last {
    Last { subject: SubjectRef::of_user(person), marks: Private::marks_of(person), after: Seq(after) }
}

pub(super) async fn what_is_forgotten_is_gone(store: Arc<dyn Store>) {
    let a = tenant("a");
    world(&*store, &a).await;
    commit(&*store, set(&a, 500, vec![Change::InsertGrant(grant(&a, 1))])).await.unwrap();
    commit(&*store, set(&a, 501, vec![Change::InsertIdempotency(record("k1", &[1]))])).await.unwrap();
    let forgotten = Forgotten {
        bridges: Vec::new(),
        versions: vec![memory_id(2)],
        grants: vec![grant(&a, 1).id, grant(&a, 9).id],
        keys: vec![record("k1", &[]).key],
        entries: vec![Seq(2), Seq(3)],
        last: None,
    };
    let seq = commit(&*store, forgetting(&a, 502, forgotten)).await.unwrap().seq;
    assert_eq!(belongings(&*store, &a, None, 9).await, (0, vec![], false));
    let versions = load(&*store, &a, Select::Versions { id: memory_id(2), after: 0, limit: 9 }).await.facts;
    assert!(matches!(versions.versions[0].body, Body::Erased { .. }), "{versions:?}");
    assert_eq!((versions.versions[0].version, versions.memories[0].state), (1, State::Revoked));
    let bare = async || {
        let all = Select::Entries { after: Seq::ZERO, operations: Vec::new(), limit: 99 };
        let entries = load(&*store, &a, all).await.facts.entries;
        let bare = entries.iter().filter(|stored| stored.private.is_none());
        bare.map(|stored| stored.entry.seq.0).collect::<Vec<_>>()
    };
    assert_eq!(bare().await, [2, 3]);
    let ok = async || load(&*store, &a, Select::Verification).await.facts.verification.unwrap().ok;
    assert!(ok().await);
    // The end: the key, and what stands beside the later entries.
    commit(&*store, set(&a, 503, Vec::new())).await.unwrap();
    let others = last(&user("nobody"), 0);
    commit(&*store, forgetting(&a, 504, Forgotten { last: Some(others), ..Forgotten::default() }))
        .await
        .unwrap();
    assert_eq!(bare().await, [2, 3]);
    let end = last(&user("keeper"), seq.0);
    let mut closing = forgetting(&a, 505, Forgotten { last: Some(end), ..Forgotten::default() });
    closing.private = Private::of(&serde_json::Map::new());
    closing.entry.private_digest = None;
    commit(&*store, closing).await.unwrap();
    assert_eq!(bare().await, [2, 3, seq.0 + 1, seq.0 + 2]);
    let keeper = SubjectRef::of_user(&user("keeper"));
    let load = Load { subject: keeper, ..load_of(&a, Select::Nothing) };
    assert!(store.load(&load).await.unwrap().subject_key.is_none());
}

/// Somebody read the person's key before it was destroyed, and commits after.
pub(super) async fn nothing_is_written_under_a_destroyed_key(store: Arc<dyn Store>) {
    let a = tenant("a");
    let ann = SubjectRef::of_user(&user("ann"));
    let key = AuditKey::from_bytes([7; 32]);
    let made = |bytes: [u8; 32]| Change::InsertSubjectKey { subject: ann, key: AuditKey::from_bytes(bytes) };
    let under = |number| ChangeSet {
        expects: vec![Expect::SubjectKey { subject: ann, mark: key.mark() }],
        ..set(&a, number, Vec::new())
    };
    let is_stale =
        |sent: Result<_, StoreError>| assert!(matches!(sent, Err(StoreError::Conflict("a subject's key"))));
    is_stale(commit(&*store, under(1)).await);
    commit(&*store, set(&a, 2, vec![made([7; 32])])).await.unwrap();
    commit(&*store, under(3)).await.unwrap();
    let end = Forgotten { last: Some(last(&user("ann"), 0)), ..Forgotten::default() };
    // Sent together: whichever comes first, the other sees it.
    let (forgot, wrote) = tokio::join!(commit(&*store, forgetting(&a, 4, end)), commit(&*store, under(5)));
    forgot.unwrap();
    assert!(wrote.is_ok() || matches!(wrote, Err(StoreError::Conflict(_))));
    is_stale(commit(&*store, under(6)).await);
    commit(&*store, set(&a, 7, vec![made([8; 32])])).await.unwrap();
    is_stale(commit(&*store, under(8)).await);
}
