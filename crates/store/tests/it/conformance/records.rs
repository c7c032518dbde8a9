//! Records beside memories.

use std::sync::Arc;

use memoryscope_domain::audit_chain::Seq;
use memoryscope_domain::change::{Change, ChangeSet, Expect, Forgotten, Last};
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Memory, SubjectRef};
use memoryscope_domain::record::{Record, RecordKind, Records};
use memoryscope_engine::port::{Load, RecordPage, Select, Store, StoreError, WantedRecords};

use crate::make::{commit, keep_record, load_of, memory, record, set, tenant, time};

const JOB: RecordKind = RecordKind::Job;
const USER: RecordKind = RecordKind::User;

async fn asked(store: &dyn Store, name: &str, records: WantedRecords) -> Records {
    let load = Load { records, ..load_of(&tenant(name), Select::Nothing) };
    store.load(&load).await.unwrap().facts.records
}

async fn named(store: &dyn Store, name: &str, ids: &[(RecordKind, &str)]) -> Vec<Record> {
    let named = ids.iter().map(|(kind, id)| (*kind, (*id).to_owned())).collect();
    asked(store, name, WantedRecords { named, page: None }).await.named
}

async fn page(store: &dyn Store, name: &str, page: RecordPage) -> (Vec<String>, bool, Option<u64>) {
    let records = asked(store, name, WantedRecords { named: Vec::new(), page: Some(page) }).await;
    (records.page.into_iter().map(|record| record.id).collect(), records.more, records.count)
}

fn listed(kind: RecordKind, group: Option<&str>, after: Option<&str>, limit: usize) -> RecordPage {
    let text = |text: Option<&str>| text.map(str::to_owned);
    RecordPage::Listed { kind, group: text(group), after: text(after), limit, counted: true }
}

pub(super) async fn records_are_kept_named_and_replaced(store: Arc<dyn Store>) {
    let a = tenant("a");
    let made = vec![
        keep_record((JOB, "one", 1), "g", Some(1), Some(5)),
        keep_record((USER, "one", 1), "", None, None),
        keep_record((JOB, "żółć", 1), "", None, None),
    ];
    commit(&*store, set(&a, 1, made)).await.unwrap();
    let ids = [(JOB, "żółć"), (USER, "one"), (USER, "two"), (JOB, "one")];
    let first = record((JOB, "one", 1), "g", Some(1), Some(5));
    let (other, user) = (record((JOB, "żółć", 1), "", None, None), record((USER, "one", 1), "", None, None));
    assert_eq!(named(&*store, "a", &ids).await, [other.clone(), user.clone(), first]);
    assert_eq!(named(&*store, "b", &ids).await, []);
    let next = vec![
        keep_record((JOB, "one", 2), "h", None, Some(-6)),
        Change::ForgetRecord { kind: USER, id: "one".to_owned() },
        Change::ForgetRecord { kind: USER, id: "three".to_owned() },
    ];
    commit(&*store, set(&a, 2, next)).await.unwrap();
    let second = record((JOB, "one", 2), "h", None, Some(-6));
    assert_eq!(named(&*store, "a", &ids).await, [other, second]);
    // Whatever else is asked, they come with it.
    let records = WantedRecords { named: vec![(JOB, "one".to_owned())], page: None };
    let load = Load { records, ..load_of(&a, Select::Memories(vec![])) };
    assert_eq!(store.load(&load).await.unwrap().facts.records.named.len(), 1);
    let records = named(&*store, "a", &[]).await;
    assert_eq!(records, []);
}

pub(super) async fn records_are_listed_by_kind_and_group(store: Arc<dyn Store>) {
    let a = tenant("a");
    let one = |id, group| keep_record((JOB, id, 1), group, None, None);
    let made = vec![
        one("c", "g"),
        one("a", "g"),
        one("b", ""),
        one("Z", "h"),
        keep_record((USER, "a", 1), "g", None, None),
    ];
    commit(&*store, set(&a, 1, made)).await.unwrap();
    let check = async |asked: RecordPage, expect: &[&str], more: bool, count: u64| {
        assert_eq!(
            page(&*store, "a", asked.clone()).await,
            (expect.iter().map(|id| (*id).to_owned()).collect(), more, Some(count)),
            "{asked:?}"
        );
    };
    check(listed(JOB, None, None, 9), &["Z", "a", "b", "c"], false, 4).await;
    check(listed(JOB, None, None, 3), &["Z", "a", "b"], true, 4).await;
    check(listed(JOB, None, Some("b"), 3), &["c"], false, 4).await;
    check(listed(JOB, None, None, 0), &[], true, 4).await;
    check(listed(JOB, Some("g"), None, 1), &["a"], true, 2).await;
    check(listed(JOB, Some("g"), Some("a"), 1), &["c"], false, 2).await;
    check(listed(JOB, Some(""), None, 9), &["b"], false, 1).await;
    check(listed(JOB, Some("i"), None, 9), &[], false, 0).await;
    check(listed(RecordKind::Session, None, None, 9), &[], false, 0).await;
    assert_eq!(page(&*store, "b", listed(JOB, None, None, 9)).await, (vec![], false, Some(0)));
    let uncounted = RecordPage::Listed { kind: JOB, group: None, after: None, limit: 1, counted: false };
    assert_eq!(page(&*store, "a", uncounted).await, (vec!["Z".to_owned()], true, None));
}

pub(super) async fn what_is_due_comes_longest_due_first(store: Arc<dyn Store>) {
    let a = tenant("a");
    let one = |id, due| keep_record((JOB, id, 1), "", None, due);
    let made = vec![
        one("a", Some(5)),
        one("b", Some(3)),
        one("c", None),
        one("d", Some(3)),
        one("e", Some(9)),
        keep_record((USER, "a", 1), "", None, Some(1)),
    ];
    commit(&*store, set(&a, 1, made)).await.unwrap();
    let check = async |by, limit, expect: &[&str], more: bool| {
        let found = page(&*store, "a", RecordPage::Due { kind: JOB, by: time(by), limit }).await;
        assert_eq!(found, (expect.iter().map(|id| (*id).to_owned()).collect(), more, None), "{by} {limit}");
    };
    check(2, 9, &[], false).await;
    check(3, 9, &["b", "d"], false).await;
    check(5, 2, &["b", "d"], true).await;
    check(8, 3, &["b", "d", "a"], false).await;
    check(9, 9, &["b", "d", "a", "e"], false).await;
}

pub(super) async fn tenants_with_something_due_are_found(store: Arc<dyn Store>) {
    for (name, due) in [("c", Some(3)), ("a", Some(4)), ("b", None)] {
        let made = keep_record((JOB, "j", 1), "", None, due);
        commit(&*store, set(&tenant(name), 1, vec![made])).await.unwrap();
    }
    let (a, c) = (tenant("a"), tenant("c"));
    let found =
        async |kind, by, after, limit| store.tenants_awaiting(kind, time(by), after, limit).await.unwrap();
    assert_eq!(found(JOB, 4, None, 9).await, [a.clone(), c.clone()]);
    assert_eq!(found(JOB, 4, None, 1).await, std::slice::from_ref(&a));
    assert_eq!(found(JOB, 4, Some(&a), 9).await, std::slice::from_ref(&c));
    assert_eq!(found(JOB, 3, None, 9).await, [c]);
    assert_eq!(found(JOB, 2, None, 9).await, []);
    assert_eq!(found(USER, 9, None, 9).await, []);
}

pub(super) async fn a_record_is_expected_as_it_stands(store: Arc<dyn Store>) {
    let a = tenant("a");
    let told = async |number, changes: Vec<Change>, version: Option<u64>, is_taken: bool| {
        let expects =
            version.map(|version| Expect::Record { kind: JOB, id: "j".to_owned(), version }).into_iter();
        let set = ChangeSet { expects: expects.collect(), ..set(&a, number, changes) };
        match commit(&*store, set).await {
            Ok(_) => assert!(is_taken, "{number}"),
            Err(StoreError::Conflict("a record")) => assert!(!is_taken, "{number}"),
            other => panic!("{number}: {other:?}"),
        }
    };
    let keep = |version| vec![keep_record((JOB, "j", version), "", None, None)];
    let forget = || vec![Change::ForgetRecord { kind: JOB, id: "j".to_owned() }];
    told(1, vec![], Some(1), false).await;
    told(2, vec![], Some(0), true).await;
    told(3, keep(2), None, false).await;
    told(4, keep(1), None, true).await;
    told(5, keep(1), None, false).await;
    told(6, vec![], Some(0), false).await;
    told(7, keep(2), Some(1), true).await;
    told(8, keep(4), None, false).await;
    told(9, forget(), Some(1), false).await;
    told(10, forget(), Some(2), true).await;
    told(11, forget(), Some(0), true).await;
    told(12, keep(3), None, false).await;
    told(13, keep(1), None, true).await;
}

pub(super) async fn records_go_with_their_person(store: Arc<dyn Store>) {
    let a = tenant("a");
    let made = vec![
        keep_record((JOB, "1", 1), "", Some(1), None),
        keep_record((JOB, "2", 1), "", Some(2), None),
        keep_record((JOB, "3", 1), "", None, None),
        keep_record((USER, "1", 1), "", Some(1), None),
    ];
    commit(&*store, set(&a, 1, made.clone())).await.unwrap();
    commit(&*store, set(&tenant("b"), 1, made)).await.unwrap();
    let last = Last { subject: SubjectRef([1; 16]), marks: Vec::new(), after: Seq::ZERO };
    let forgotten = Forgotten { last: Some(last), ..Forgotten::default() };
    commit(&*store, set(&a, 2, vec![Change::Forget(Box::new(forgotten))])).await.unwrap();
    let ids = async |name, kind| page(&*store, name, listed(kind, None, None, 9)).await.0;
    assert_eq!(ids("a", JOB).await, ["2", "3"]);
    assert_eq!(ids("a", USER).await, [""; 0]);
    assert_eq!(ids("b", JOB).await, ["1", "2", "3"]);
    // The name is free again.
    commit(&*store, set(&a, 3, vec![keep_record((JOB, "1", 1), "", None, None)])).await.unwrap();
}

pub(super) async fn what_cannot_be_a_record_is_refused(store: Arc<dyn Store>) {
    let a = tenant("a");
    let fine = record((JOB, "j", 1), "", None, None);
    let long = || "a".repeat(limits::RECORD_NAME_BYTES + 1);
    let flawed = [
        Record { id: String::new(), ..fine.clone() },
        Record { id: long(), ..fine.clone() },
        Record { group: long(), ..fine.clone() },
        Record { document: "a\0".to_owned(), ..fine.clone() },
        Record { version: 0, ..fine.clone() },
    ];
    for (record, number) in flawed.into_iter().zip(1..) {
        let told = commit(&*store, set(&a, number, vec![Change::KeepRecord(Box::new(record))])).await;
        assert!(matches!(told, Err(StoreError::Corrupt(_))), "{told:?}");
    }
    let longest = Record {
        id: "é".repeat(limits::RECORD_NAME_BYTES / 2),
        group: "g".repeat(limits::RECORD_NAME_BYTES),
        document: "d".repeat(limits::RECORD_BYTES),
        ..fine
    };
    commit(&*store, set(&a, 9, vec![Change::KeepRecord(Box::new(longest.clone()))])).await.unwrap();
    assert_eq!(named(&*store, "a", &[(JOB, &longest.id)]).await, [longest]);
}

pub(super) async fn opinions_go_with_their_memory(store: Arc<dyn Store>) {
    let a = tenant("a");
    let (kept, erased) = (memory(&a, 1), memory(&a, 2));
    let opinion = |id, of: &Memory| keep_record((RecordKind::Opinion, id, 1), &of.id.prefixed(), None, None);
    let made = vec![
        Change::InsertMemory(kept.clone()),
        Change::InsertMemory(erased.clone()),
        opinion("one", &kept),
        opinion("two", &erased),
        opinion("three", &erased),
        keep_record((RecordKind::Feedback, "four", 1), &erased.id.prefixed(), None, None),
    ];
    commit(&*store, set(&a, 1, made)).await.unwrap();
    commit(&*store, set(&a, 2, vec![Change::EraseMemory(erased.tombstone())])).await.unwrap();
    let opinion = RecordKind::Opinion;
    let ids = [(opinion, "one"), (opinion, "two"), (opinion, "three"), (RecordKind::Feedback, "four")];
    let left: Vec<String> = named(&*store, "a", &ids).await.into_iter().map(|record| record.id).collect();
    assert_eq!(left, ["one", "four"]);
}
