//! A fault at the n-th statement, for every n: the answers are those of a store without faults.

use std::time::Duration;

use memoryscope_domain::audit_chain::{AuditKey, Seq};
use memoryscope_domain::change::{Change, ChangeSet, Expect};
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::memory::{Memory, State, SubjectRef};
use memoryscope_engine::memory_store::MemoryStore;
use memoryscope_engine::port::{GrantMemories, Select, Store, StoreError};
use memoryscope_store::PostgresStore;
use memoryscope_store::postgres::{Fault, Faults, When};

use super::{is_whole, stands};
use crate::cluster::{self, Database};
use crate::conformance::record;
use crate::make::{self, commit, grant, load, memory, memory_id, send, set, shelf, tenant, whole};

/// More statements than the work below takes.
const STATEMENTS_MAX: usize = 200;

/// Some change sets, each on what those before it left; the last ones come at once. The second and the one among the
/// last lose.
fn work(tenant: &TenantId) -> (Vec<ChangeSet>, Vec<ChangeSet>) {
    let first = memory(tenant, 1);
    let second = Memory { state: State::Restricted, version: 2, ..first.clone() };
    let subject = SubjectRef::of_user(&make::user("ann"));
    let one_by_one = vec![
        make::first(set(
            tenant,
            1,
            vec![
                Change::InsertMemory(first.clone()),
                Change::InsertSubjectKey { subject, key: AuditKey::from_bytes([1; 32]) },
                Change::InsertIdempotency(record("key", 5)),
            ],
        )),
        set(tenant, 2, vec![Change::InsertMemory(memory(tenant, 2)), Change::InsertMemory(first)]),
        ChangeSet {
            expects: vec![Expect::Memory { id: memory_id(1), version: 1 }],
            ..set(
                tenant,
                3,
                vec![Change::ReplaceMemory(second.clone()), Change::InsertGrant(grant(tenant, 1))],
            )
        },
        set(tenant, 4, vec![Change::EraseMemory(second.tombstone())]),
    ];
    let inserts = [10, 11, 11, 12].into_iter().zip(10..);
    let at_once =
        inserts.map(|(id, number)| set(tenant, number, vec![Change::InsertMemory(memory(tenant, id))]));
    (one_by_one, at_once.collect())
}

/// Does the work and gives back what was answered. What comes at once is sent in its order, and a tenant's change sets
/// are judged in the order in which they were sent, in however many transactions.
pub(super) async fn done(store: &dyn Store, tenant: &TenantId) -> Vec<String> {
    let (one_by_one, at_once) = work(tenant);
    let mut answers = Vec::new();
    for set in one_by_one {
        answers.push(format!("{:?}", send(store, set).await));
    }
    let at_once = futures_util::future::join_all(at_once.into_iter().map(|set| send(store, set))).await;
    answers.extend(at_once.iter().map(|answer| format!("{answer:?}")));
    let memories = Some(GrantMemories { max_age_days: None, limit: 2 });
    for select in [
        Select::Preferences(shelf()),
        Select::Grant { token_hash: grant(tenant, 1).token_hash, memories },
        Select::Memories(vec![memory_id(1), memory_id(2)]),
        Select::Entries { after: Seq::ZERO, operations: Vec::new(), limit: 100 },
        Select::Verification,
    ] {
        answers.push(whole(&load(store, tenant, select).await));
    }
    answers
}

struct Setting {
    faults: Faults,
    store: PostgresStore,
    _database: Database,
}

async fn setting(patience: Duration) -> Option<Setting> {
    let database = cluster::shared().await?.database().await;
    let faults = Faults::default();
    let config = database.config().writers(1).readers(1).patience(patience).faults(faults.clone());
    Some(Setting { faults, store: PostgresStore::open(&config).await.unwrap(), _database: database })
}

/// With patience nobody notices anything.
async fn at_every_statement(fault: Fault) {
    let Some(Setting { faults, store, _database }) = setting(Duration::from_secs(5)).await else { return };
    for statement in 1..STATEMENTS_MAX {
        let tenant = tenant(&format!("n{statement}"));
        let expected = done(&MemoryStore::new(), &tenant).await;
        faults.arm(statement, fault);
        let answers = done(&store, &tenant).await;
        assert_eq!(answers, expected, "{fault:?} at {statement}");
        if faults.disarm() {
            assert!(statement > 40, "there were only {statement} statements");
            return;
        }
    }
    panic!("the work never ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_serialization_failure_goes_unnoticed() {
    at_every_statement(Fault::Serialization).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_goes_unnoticed() {
    at_every_statement(Fault::Deadlock).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_termination_goes_unnoticed() {
    at_every_statement(Fault::Terminated(When::Before)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_termination_after_the_statement_goes_unnoticed() {
    at_every_statement(Fault::Terminated(When::After)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_goes_unnoticed() {
    at_every_statement(Fault::Lost(When::Before)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_goes_unnoticed() {
    at_every_statement(Fault::Lost(When::After)).await;
}

/// Without patience the answer is "unavailable", which promises nothing: but what is there is whole, and the next
/// change set goes through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_patience_everything_is_whole_or_absent() {
    let Some(Setting { faults, store, _database }) = setting(Duration::ZERO).await else { return };
    for when in [When::Before, When::After] {
        for fault in [Fault::Lost(when), Fault::Terminated(when)] {
            let mut both = [0, 0];
            for statement in 1..STATEMENTS_MAX {
                let name = format!("n{statement}_{fault:?}").replace(['(', ')'], "_").to_lowercase();
                let tenant = tenant(&name);
                faults.arm(statement, fault);
                let insert = set(&tenant, 1, vec![Change::InsertMemory(memory(&tenant, 1))]);
                let answer = send(&store, make::first(insert)).await;
                if faults.disarm() {
                    assert_eq!(answer.unwrap().seq.0, 1);
                    break;
                }
                assert!(
                    matches!(answer, Err(StoreError::Unavailable(_))),
                    "{fault:?} {statement}: {answer:?}"
                );
                let next =
                    commit(&store, set(&tenant, 2, vec![Change::InsertMemory(memory(&tenant, 2))])).await;
                let (memory, entry) = stands(&store, &tenant, 1).await;
                assert_eq!(memory, entry, "{fault:?} at {statement}");
                assert_eq!(next.unwrap().seq.0, 1 + u64::from(entry));
                is_whole(&store, &tenant).await;
                both[usize::from(entry)] += 1;
            }
            // One of them, after the commit, was written.
            assert_eq!(both[1], usize::from(when == When::After), "{fault:?}: {both:?}");
            assert!(both[0] > 4, "{fault:?}: {both:?}");
        }
    }
}
