//! What persons said of purposes, and what is left of erased values.

use std::sync::Arc;

use memoryscope_domain::audit_chain::AuditKey;
use memoryscope_domain::change::{Change, ChangeSet, Expect, Forgotten, Last};
use memoryscope_domain::consent::Consents;
use memoryscope_domain::govern::Facts;
use memoryscope_domain::memory::SubjectRef;
use memoryscope_domain::purpose::Purpose;
use memoryscope_engine::port::{Load, Rights, Select, Store, StoreError};

use crate::make::{commit, consent, digest, event, load_of, objects, set, suppress, tenant};

const CHAT: Purpose = Purpose::ChatResponse;

fn person(number: u8) -> SubjectRef {
    SubjectRef([number; 16])
}

async fn facts(store: &dyn Store, name: &str, select: Select, rights: Rights) -> Facts {
    let load = Load { rights, ..load_of(&tenant(name), select) };
    store.load(&load).await.unwrap().facts
}

/// What these persons said, by person.
async fn said(store: &dyn Store, name: &str, persons: &[u8]) -> Vec<(SubjectRef, u64, bool)> {
    let persons = persons.iter().copied().map(person).collect();
    let rights = Rights { persons, ..Rights::default() };
    let mut said = facts(store, name, Select::Nothing, rights).await.consents;
    said.sort_by_key(|one| one.subject);
    let told = |one: Consents| (one.subject, one.version, one.everywhere.contains(CHAT));
    said.into_iter().map(told).collect()
}

pub(super) async fn a_persons_last_word_is_kept(store: Arc<dyn Store>) {
    let a = tenant("a");
    assert_eq!(said(&*store, "a", &[1, 2]).await, []);
    let both = vec![consent(&a, 1, 1, &[CHAT]), consent(&a, 2, 1, &[])];
    commit(&*store, set(&a, 1, both)).await.unwrap();
    assert_eq!(said(&*store, "a", &[1, 2, 3]).await, [(person(1), 1, true), (person(2), 1, false)]);
    commit(&*store, set(&a, 2, vec![consent(&a, 1, 2, &[])])).await.unwrap();
    assert_eq!(said(&*store, "a", &[1]).await, [(person(1), 2, false)]);
    assert_eq!(said(&*store, "b", &[1, 2]).await, []);
    // Beside a listing, and with nothing else.
    commit(&*store, set(&a, 3, vec![Change::InsertMemory(event(&a, 1, 1))])).await.unwrap();
    let rights = Rights { persons: vec![person(2)], ..Rights::default() };
    let listed = facts(&*store, "a", Select::Objects(objects()), rights).await;
    assert_eq!((listed.memories.len(), listed.consents.len()), (1, 1));
}

pub(super) async fn a_word_is_lost_to_a_later_one(store: Arc<dyn Store>) {
    let a = tenant("a");
    let lost = |sent: Result<_, StoreError>| assert!(matches!(sent, Err(StoreError::Conflict("a consent"))));
    let expecting = |number, version| ChangeSet {
        expects: vec![Expect::Consent { subject: person(1), version }],
        ..set(&a, number, Vec::new())
    };
    commit(&*store, expecting(1, 0)).await.unwrap();
    lost(commit(&*store, expecting(2, 1)).await);
    lost(commit(&*store, set(&a, 3, vec![consent(&a, 1, 2, &[CHAT])])).await);
    // Sent together: one of them is first, and the other sees it.
    let first = store.commit(memoryscope_domain::govern::Decided::without_policy(set(
        &a,
        4,
        vec![consent(&a, 1, 1, &[CHAT])],
    )));
    let second = store.commit(memoryscope_domain::govern::Decided::without_policy(set(
        &a,
        5,
        vec![consent(&a, 1, 1, &[])],
    )));
    let (first, second) = tokio::join!(first, second);
    assert_eq!([&first, &second].iter().filter(|sent| sent.is_ok()).count(), 1, "{first:?} {second:?}");
    commit(&*store, expecting(6, 1)).await.unwrap();
    lost(commit(&*store, expecting(7, 0)).await);
}

pub(super) async fn what_was_erased_is_known_by_its_digest(store: Arc<dyn Store>) {
    let a = tenant("a");
    let ask = async |name: &str, digests: &[u8]| {
        let digests = digests.iter().copied().map(digest).collect();
        facts(&*store, name, Select::Nothing, Rights { erased: true, digests, ..Rights::default() })
            .await
            .suppressed
    };
    let none = ask("a", &[1]).await;
    assert!(none.key.is_none() && !none.any && none.known.is_empty());
    let key = Change::InsertSubjectKey { subject: SubjectRef::TENANT, key: AuditKey::from_bytes([5; 32]) };
    commit(&*store, set(&a, 1, vec![key, suppress(&[1, 2])])).await.unwrap();
    // What is kept already is kept once.
    commit(&*store, set(&a, 2, vec![suppress(&[2, 3])])).await.unwrap();
    let found = ask("a", &[1, 3, 4]).await;
    assert_eq!(found.key.map(|key| *key.expose()), Some([5; 32]));
    assert!(found.any);
    assert_eq!(found.known.into_iter().collect::<Vec<_>>(), [digest(1), digest(3)]);
    let other = ask("b", &[1]).await;
    assert!(other.key.is_none() && !other.any && other.known.is_empty());
    // Nobody is told who does not ask.
    let unasked = Rights { digests: vec![digest(1)], ..Rights::default() };
    let unasked = facts(&*store, "a", Select::Nothing, unasked).await.suppressed;
    assert!(unasked.key.is_none() && !unasked.any);
}

pub(super) async fn who_is_forgotten_has_said_nothing(store: Arc<dyn Store>) {
    let a = tenant("a");
    commit(&*store, set(&a, 1, vec![consent(&a, 1, 1, &[CHAT]), consent(&a, 2, 1, &[CHAT])])).await.unwrap();
    let last = Last { subject: person(1), marks: Vec::new(), after: Default::default() };
    let forgotten = Forgotten { last: Some(last), ..Forgotten::default() };
    commit(&*store, set(&a, 2, vec![Change::Forget(Box::new(forgotten)), suppress(&[1])])).await.unwrap();
    assert_eq!(said(&*store, "a", &[1, 2]).await, [(person(2), 1, true)]);
    commit(&*store, set(&a, 3, vec![consent(&a, 1, 1, &[])])).await.unwrap();
    assert_eq!(said(&*store, "a", &[1]).await, [(person(1), 1, false)]);
}
