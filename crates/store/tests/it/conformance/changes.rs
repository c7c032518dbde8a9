//! What changes leave behind.

use std::sync::Arc;

use memoryscope_domain::audit_chain::AuditKey;
use memoryscope_domain::change::{Change, IdempotencyKey, IdempotencyRecord, PolicyDocument};
use memoryscope_domain::grant::ReadGrant;
use memoryscope_domain::memory::{Body, Memory, MemoryType, State, SubjectRef};
use memoryscope_engine::port::{GrantMemories, Load, PreferenceSelect, Select, Snapshot, Store};

use crate::make::{
    NOW, commit_all, grant, load, load_of, memory, memory_id, numbers, set, shelf, tenant, time, user, whole,
};

pub(super) async fn replacing_keeps_one_current_version(store: Arc<dyn Store>) {
    let a = tenant("a");
    let first = memory(&a, 1);
    let second = Memory { state: State::Restricted, version: 2, ..first.clone() };
    commit_all(&*store, &a, vec![Change::InsertMemory(first), Change::ReplaceMemory(second.clone())]).await;
    let snapshot = load(&*store, &a, Select::Preferences(shelf())).await;
    assert_eq!(snapshot.facts.memories.len(), 1);
    assert_eq!(*snapshot.facts.memories[0], second);
}

pub(super) async fn erasing_takes_the_content(store: Arc<dyn Store>) {
    let a = tenant("a");
    let first = memory(&a, 1);
    let second = Memory { version: 2, ..first.clone() };
    let changes = vec![
        Change::InsertMemory(first),
        Change::ReplaceMemory(second.clone()),
        Change::EraseMemory(second.tombstone()),
    ];
    commit_all(&*store, &a, changes).await;
    assert!(numbers(&load(&*store, &a, Select::Preferences(shelf())).await).is_empty());
    let snapshot = load(&*store, &a, Select::Memories(vec![memory_id(1)])).await;
    let left = &snapshot.facts.memories[0];
    assert_eq!((left.state, left.version), (State::Tombstoned, 3));
    assert_eq!(left.body, Body::Erased { was: MemoryType::Preference });
    assert!(!whole(&snapshot).contains("like 1"));
}

async fn load_grant(store: &dyn Store, number: u8, memories: Option<GrantMemories>) -> Snapshot {
    let a = tenant("a");
    load(store, &a, Select::Grant { token_hash: grant(&a, number).token_hash, memories }).await
}

pub(super) async fn grants_stand_for_a_shelf(store: Arc<dyn Store>) {
    let a = tenant("a");
    let other = ReadGrant { user: user("bob"), ..grant(&a, 2) };
    let changes = vec![
        Change::InsertMemory(memory(&a, 1)),
        Change::InsertMemory(memory(&a, 2)),
        Change::InsertGrant(grant(&a, 1)),
        Change::InsertGrant(other),
        Change::InsertSubjectKey {
            subject: SubjectRef::of_user(&user("ann")),
            key: AuditKey::from_bytes([7; 32]),
        },
    ];
    commit_all(&*store, &a, changes).await;
    let all = Some(GrantMemories { max_age_days: None, limit: 9 });

    let snapshot = load_grant(&*store, 1, all.clone()).await;
    assert_eq!(snapshot.facts.grant, Some(grant(&a, 1)));
    assert_eq!(numbers(&snapshot), [1, 2]);
    assert_eq!(snapshot.subject, SubjectRef::of_user(&user("ann")));
    assert_eq!(snapshot.subject_key.map(|key| *key.expose()), Some([7; 32]));

    let one = load_grant(&*store, 1, Some(GrantMemories { max_age_days: None, limit: 1 })).await;
    assert_eq!((numbers(&one), one.facts.more), (vec![1], true));
    assert!(numbers(&load_grant(&*store, 1, None).await).is_empty());
    assert!(numbers(&load_grant(&*store, 2, all.clone()).await).is_empty());
    assert_eq!(load_grant(&*store, 3, all.clone()).await.facts.grant, None);

    let revoked = grant(&a, 1).revoke(time(NOW));
    commit_all_later(&*store, vec![Change::ReplaceGrant(revoked.clone())]).await;
    assert_eq!(load_grant(&*store, 1, all).await.facts.grant, Some(revoked));
}

async fn commit_all_later(store: &dyn Store, changes: Vec<Change>) {
    for (change, number) in changes.into_iter().zip(20_000..) {
        crate::make::commit(store, set(&tenant("a"), number, vec![change])).await.unwrap();
    }
}

pub(super) async fn a_grants_age_bounds_what_it_shows(store: Arc<dyn Store>) {
    const DAY: i64 = 24 * 60 * 60 * 1_000_000;
    let a = tenant("a");
    let aged = |number, days, extra| Memory { created: time(NOW - days * DAY + extra), ..memory(&a, number) };
    let changes = vec![
        Change::InsertMemory(aged(1, 3, -1)),
        Change::InsertMemory(aged(2, 3, 0)),
        Change::InsertMemory(aged(3, 1, 0)),
        Change::InsertGrant(ReadGrant { max_age_days: Some(3), ..grant(&a, 1) }),
    ];
    commit_all(&*store, &a, changes).await;
    let asked = |max_age_days| Some(GrantMemories { max_age_days, limit: 9 });
    assert_eq!(numbers(&load_grant(&*store, 1, asked(None)).await), [2, 3]);
    assert_eq!(numbers(&load_grant(&*store, 1, asked(Some(1))).await), [3]);
    assert_eq!(numbers(&load_grant(&*store, 1, asked(Some(9))).await), [2, 3]);
}

pub(super) async fn subject_keys_belong_to_their_subject(store: Arc<dyn Store>) {
    let a = tenant("a");
    let ann = SubjectRef::of_user(&user("ann"));
    commit_all(
        &*store,
        &a,
        vec![Change::InsertSubjectKey { subject: ann, key: AuditKey::from_bytes([1; 32]) }],
    )
    .await;
    for (subject, expected) in [(ann, Some([1; 32])), (SubjectRef::TENANT, None)] {
        let snapshot = store.load(&Load { subject, ..load_of(&a, Select::Nothing) }).await.unwrap();
        assert_eq!(snapshot.subject, subject);
        assert_eq!(snapshot.subject_key.map(|key| *key.expose()), expected);
    }
}

pub(super) async fn policies_are_kept_once_and_activated(store: Arc<dyn Store>) {
    let a = tenant("a");
    let policy = |version: &str, text: &str| PolicyDocument {
        version: version.to_owned(),
        hash: "h1".to_owned(),
        text: text.to_owned(),
    };
    let changes = vec![
        Change::KeepPolicy(policy("v1", "first")),
        Change::KeepPolicy(policy("v2", "second")),
        Change::ActivatePolicy { hash: "h1".to_owned() },
    ];
    commit_all(&*store, &a, changes).await;
    // The text of a hash is one: kept again, it replaces a damaged one.
    assert_eq!(store.policy(&a, "h1").await.unwrap(), Some(policy("v2", "second")));
    assert_eq!(store.policy(&a, "h2").await.unwrap(), None);
    assert_eq!(store.policy(&tenant("b"), "h1").await.unwrap(), None);
    assert_eq!(load(&*store, &a, Select::Nothing).await.active_policy.as_deref(), Some("h1"));
    commit_all_later(&*store, vec![Change::ActivatePolicy { hash: "h2".to_owned() }]).await;
    assert_eq!(load(&*store, &a, Select::Nothing).await.active_policy.as_deref(), Some("h2"));
}

pub(crate) fn record(key: &str, used: i64) -> IdempotencyRecord {
    IdempotencyRecord {
        key: IdempotencyKey { client: "client".to_owned(), key: key.to_owned() },
        request_digest: [9; 32],
        operation: "MEMORY_WRITE".to_owned(),
        memory_ids: vec![memory_id(1), memory_id(2)],
        grant: Some(grant(&tenant("a"), 1).id),
        bridge: None,
        used: time(used),
    }
}

pub(super) async fn idempotency_keys_are_remembered_and_forgotten(store: Arc<dyn Store>) {
    let a = tenant("a");
    let changes = ["old", "new"].into_iter().zip([10, 20]);
    commit_all(
        &*store,
        &a,
        changes.map(|(key, used)| Change::InsertIdempotency(record(key, used))).collect(),
    )
    .await;
    let used = async |key: IdempotencyKey| {
        let load = Load { idempotency: Some(key), ..load_of(&a, Select::Nothing) };
        store.load(&load).await.unwrap().idempotency
    };
    assert_eq!(used(record("old", 0).key).await, Some(record("old", 10)));
    assert_eq!(used(IdempotencyKey { client: "other".to_owned(), key: "old".to_owned() }).await, None);
    commit_all_later(&*store, vec![Change::ForgetIdempotencyBefore(time(20))]).await;
    assert_eq!(used(record("old", 0).key).await, None);
    assert_eq!(used(record("new", 0).key).await, Some(record("new", 20)));
}

pub(super) async fn grants_are_forgotten_when_expired(store: Arc<dyn Store>) {
    let a = tenant("a");
    let ending = |number, end| Change::InsertGrant(ReadGrant { expires: time(end), ..grant(&a, number) });
    commit_all(&*store, &a, vec![ending(1, 10), ending(2, 20)]).await;
    commit_all_later(&*store, vec![Change::ForgetGrantsExpiredBefore(time(20))]).await;
    assert_eq!(load_grant(&*store, 1, None).await.facts.grant, None);
    assert!(load_grant(&*store, 2, None).await.facts.grant.is_some());
}

/// Two tenants with equal ids, users, tokens and keys; what one does the other never sees.
pub(super) async fn tenants_do_not_meet(store: Arc<dyn Store>) {
    let [a, b, absent] = ["a", "b", "c"].map(tenant);
    for tenant in [&a, &b] {
        let first = memory(tenant, 1);
        let changes = vec![
            Change::InsertMemory(first),
            Change::InsertGrant(grant(tenant, 1)),
            Change::InsertSubjectKey { subject: SubjectRef::TENANT, key: AuditKey::from_bytes([1; 32]) },
            Change::InsertIdempotency(record("key", 5)),
        ];
        commit_all(&*store, tenant, changes).await;
    }
    let before = whole(&load(&*store, &b, Select::Preferences(shelf())).await);
    commit_all_later(
        &*store,
        vec![
            Change::EraseMemory(memory(&a, 1).tombstone()),
            Change::ReplaceGrant(grant(&a, 1).revoke(time(NOW))),
            Change::ForgetIdempotencyBefore(time(NOW)),
            Change::ForgetGrantsExpiredBefore(time(i64::MAX)),
            Change::ActivatePolicy { hash: "h".to_owned() },
        ],
    )
    .await;
    let after = load(&*store, &b, Select::Preferences(shelf())).await;
    assert_eq!(whole(&after), before);
    assert_eq!(after.facts.memories[0].tenant, b);
    let token_hash = grant(&a, 1).token_hash;
    for (tenant, has) in [(&a, false), (&b, true), (&absent, false)] {
        let grants = load(&*store, tenant, Select::Grant { token_hash, memories: None }).await;
        assert_eq!(grants.facts.grant.is_some(), has);
        let select = PreferenceSelect { domain: None, ..shelf() };
        assert_eq!(
            numbers(&load(&*store, tenant, Select::Preferences(select)).await).len(),
            usize::from(has)
        );
    }
}
