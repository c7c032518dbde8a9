//! What must hold, and what a loser leaves behind: nothing.

use std::sync::Arc;

use memoryscope_domain::audit_chain::AuditKey;
use memoryscope_domain::change::{Change, ChangeSet, Expect};
use memoryscope_domain::memory::{Memory, State, SubjectRef};
use memoryscope_engine::port::{Select, Store, StoreError};

use super::changes::record;
use crate::make::{
    commit, commit_all, grant, head, load, memory, memory_id, numbers, set, shelf, tenant, time,
};

fn expecting(number: u128, expect: Expect) -> ChangeSet {
    ChangeSet { expects: vec![expect], ..set(&tenant("a"), number, Vec::new()) }
}

fn is_conflict<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Conflict(_)))
}

pub(super) async fn what_is_expected_must_hold(store: Arc<dyn Store>) {
    let a = tenant("a");
    let memory_at = |number, version| Expect::Memory { id: memory_id(number), version };
    let grant_at = |number, version| Expect::Grant { id: grant(&a, number).id, version };
    let subject = SubjectRef::TENANT;
    for (expect, number) in [
        Expect::ActivePolicy(None),
        Expect::NoSubjectKey(subject),
        Expect::NoIdempotencyKey(record("key", 0).key),
    ]
    .into_iter()
    .zip(1..)
    {
        commit(&*store, expecting(number, expect)).await.unwrap();
    }
    let changes = vec![
        Change::InsertMemory(memory(&a, 1)),
        Change::InsertGrant(grant(&a, 1)),
        Change::ActivatePolicy { hash: "h".to_owned() },
        Change::InsertSubjectKey { subject, key: AuditKey::from_bytes([1; 32]) },
        Change::InsertIdempotency(record("key", 1)),
    ];
    commit_all(&*store, &a, changes).await;
    let cases = [
        (Expect::ActivePolicy(None), false),
        (Expect::ActivePolicy(Some("g".to_owned())), false),
        (Expect::ActivePolicy(Some("h".to_owned())), true),
        (memory_at(1, 1), true),
        (memory_at(1, 2), false),
        (memory_at(2, 1), false),
        (grant_at(1, 1), true),
        (grant_at(1, 0), false),
        (grant_at(2, 1), false),
        (Expect::NoSubjectKey(subject), false),
        (Expect::NoSubjectKey(SubjectRef([1; 16])), true),
        (Expect::NoIdempotencyKey(record("key", 0).key), false),
        (Expect::NoIdempotencyKey(record("other", 0).key), true),
    ];
    for ((expect, holds), number) in cases.into_iter().zip(100..) {
        let result = commit(&*store, expecting(number, expect.clone())).await;
        assert_eq!(is_conflict(&result), !holds, "{expect:?}");
    }
}

pub(super) async fn what_is_inserted_must_be_new(store: Arc<dyn Store>) {
    let a = tenant("a");
    let changes = [
        Change::InsertMemory(memory(&a, 1)),
        Change::InsertGrant(grant(&a, 1)),
        Change::InsertSubjectKey { subject: SubjectRef::TENANT, key: AuditKey::from_bytes([1; 32]) },
        Change::InsertIdempotency(record("key", 1)),
    ];
    commit_all(&*store, &a, changes.to_vec()).await;
    for (change, number) in changes.into_iter().zip(1..) {
        let result = commit(&*store, set(&a, number, vec![change.clone()])).await;
        assert!(is_conflict(&result), "{change:?}");
    }
    let mut same_token = grant(&a, 2);
    same_token.token_hash = grant(&a, 1).token_hash;
    assert!(is_conflict(&commit(&*store, set(&a, 9, vec![Change::InsertGrant(same_token)])).await));
}

pub(super) async fn what_is_replaced_must_stand_at_the_version_before(store: Arc<dyn Store>) {
    let a = tenant("a");
    commit_all(&*store, &a, vec![Change::InsertMemory(memory(&a, 1)), Change::InsertGrant(grant(&a, 1))])
        .await;
    let at = |version| Memory { version, ..memory(&a, 1) };
    let mut grant_at_3 = grant(&a, 1);
    grant_at_3.version = 3;
    let losers = [
        Change::ReplaceMemory(at(1)),
        Change::ReplaceMemory(at(3)),
        Change::EraseMemory(at(3)),
        Change::ReplaceMemory(Memory { version: 2, ..memory(&a, 2) }),
        Change::ReplaceGrant(grant_at_3),
        Change::ReplaceGrant(grant(&a, 2).revoke(time(1))),
    ];
    for (change, number) in losers.into_iter().zip(1..) {
        let result = commit(&*store, set(&a, number, vec![change.clone()])).await;
        assert!(is_conflict(&result), "{change:?}");
    }
    commit(&*store, set(&a, 50, vec![Change::ReplaceMemory(at(2))])).await.unwrap();
    commit(&*store, set(&a, 51, vec![Change::EraseMemory(at(2).tombstone())])).await.unwrap();
}

pub(super) async fn a_loser_writes_nothing(store: Arc<dyn Store>) {
    let a = tenant("a");
    commit_all(&*store, &a, vec![Change::InsertMemory(memory(&a, 1))]).await;
    let before = head(&*store, &a).await;
    let changes = vec![
        Change::InsertMemory(memory(&a, 2)),
        Change::InsertGrant(grant(&a, 1)),
        Change::ActivatePolicy { hash: "h".to_owned() },
        Change::InsertMemory(memory(&a, 1)),
    ];
    assert!(is_conflict(&commit(&*store, set(&a, 1, changes)).await));
    let after = load(&*store, &a, Select::Preferences(shelf())).await;
    assert_eq!((after.head, after.active_policy.clone()), (before, None));
    assert_eq!(numbers(&after), [1]);
    let token_hash = grant(&a, 1).token_hash;
    let grants = load(&*store, &a, Select::Grant { token_hash, memories: None }).await;
    assert!(grants.facts.grant.is_none());
}

pub(super) async fn of_many_at_once_one_wins(store: Arc<dyn Store>) {
    let a = tenant("a");
    commit_all(&*store, &a, vec![Change::InsertMemory(memory(&a, 1))]).await;
    let tasks: Vec<_> = (1..=64)
        .map(|number| {
            let (store, a) = (Arc::clone(&store), a.clone());
            tokio::spawn(async move {
                let next = Memory { state: State::Revoked, version: 2, ..memory(&a, 1) };
                let expects = vec![Expect::Memory { id: next.id, version: 1 }];
                let revoke = set(&a, number, vec![Change::ReplaceMemory(next)]);
                commit(&*store, ChangeSet { expects, ..revoke }).await
            })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        let result = task.await.unwrap();
        won += usize::from(result.is_ok());
        assert!(result.is_ok() || is_conflict(&result), "{result:?}");
    }
    assert_eq!(won, 1);
    assert_eq!(head(&*store, &a).await.seq.0, 2);
}

/// Every memory is inserted by two tasks at once, between changes of others that go through.
pub(super) async fn losers_and_winners_share_a_batch(store: Arc<dyn Store>) {
    let a = tenant("a");
    let tasks: Vec<_> = (0..200_u128)
        .map(|task| {
            let (store, a) = (Arc::clone(&store), a.clone());
            tokio::spawn(async move {
                let changes = vec![Change::InsertMemory(memory(&a, task / 2))];
                commit(&*store, set(&a, 1_000 + task, changes)).await
            })
        })
        .collect();
    let mut seqs = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(receipt) => seqs.push(receipt.seq.0),
            result => assert!(is_conflict(&result), "{result:?}"),
        }
    }
    seqs.sort_unstable();
    assert!(seqs.iter().copied().eq(1..=100), "{seqs:?}");
    assert_eq!(numbers(&load(&*store, &a, Select::Preferences(shelf())).await).len(), 100);
    let walk = load(&*store, &a, Select::Verification).await.facts.verification.unwrap();
    assert!(walk.ok && walk.entries == 100, "{walk:?}");
}
