use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::fields::{At, Notes};
use crate::ids::{MemoryId, TenantId, UserId};
use crate::items::metadata::{Custom, CustomValue, MessageRole};
use crate::items::policy::merge;
use crate::items::request::{AddRequest, Reading};
use crate::items::{AclId, AclKind, Item, ItemMetadata};
use crate::limits;
use crate::memory::Body;
use crate::object::{Affect, Distinct, Label, Temporal};
use crate::scope::Scope;

const NOW: Timestamp = Timestamp::from_unix_micros(1_767_225_600_000_000);

/// An item about this.
fn memory(metadata: ItemMetadata) -> Memory {
    let read = AddRequest::read(&json!({"content": "hello"}), &Reading::default()).expect("a request").value;
    let owner = AclId::new(AclKind::ExternalUser, "ana").expect("an id");
    let item = Item { metadata, ..Item::added(&read, None, owner, merge(&[])) };
    let mut event = item.into_event("hello", NOW).expect("an event");
    event.temporal = Temporal::observed(NOW.plus_days(-3));
    let tenant = TenantId::parse("t_a").expect("a tenant");
    let scope = Scope::of_user(&UserId::parse("ana").expect("a user"));
    let id = MemoryId::from_uuid(uuid::Uuid::from_u128(1));
    Memory::new(id, tenant, scope, Body::Event(Box::new(event)), NOW, None)
}

fn shown(memory: &Memory) -> Shown<'_> {
    Shown { memory, state: "active", strength: Unit::clamped(0.5) }
}

fn said(filter: &Json, speech: Speech) -> Result<Predicate, Vec<String>> {
    let mut notes = Notes::lenient();
    let read = Predicate::read(filter, &At::Root("where"), &mut notes, speech);
    let faults: Vec<String> =
        notes.faults().iter().map(|fault| format!("{}: {}", fault.field(), fault.message)).collect();
    match read {
        Some(read) if faults.is_empty() => Ok(read),
        _ => Err(faults),
    }
}

fn custom(values: Json) -> Custom {
    serde_json::from_value(values).expect("flat values")
}

fn trip() -> Memory {
    let mut memory = memory(ItemMetadata {
        role: Some(MessageRole::User),
        topics: Some(vec!["travel".to_owned(), "food".to_owned()]),
        emoji_tags: Some(Vec::new()),
        location: Some("Lisbon".to_owned()),
        custom: Some(custom(json!({"price": 5, "name": "abc", "open": true, "days": ["mon", "tue"]}))),
        extra: custom(json!({"project": "x"})),
        ..ItemMetadata::default()
    });
    let mut affect = Affect::default();
    affect.feeling.labels = Distinct::new(vec![Label::parse("calm").expect("a label")]).expect("labels");
    memory.body.object_mut().expect("an event").affect = Some(affect);
    memory
}

#[test]
fn each_operator_asks_what_its_name_says() {
    let trip = trip();
    let check = |filter: Json, expect: Option<bool>| {
        let predicate = said(&filter, Speech::Items).expect("a predicate");
        assert_eq!(predicate.truth(&shown(&trip)), expect, "{filter}");
        let negated = said(&json!({ "not": filter }), Speech::Items).expect("a predicate");
        assert_eq!(negated.truth(&shown(&trip)), expect.map(|so| !so), "not {filter}");
    };
    let (yes, no, neither) = (Some(true), Some(false), None);
    for (value, expect) in [(json!(5), yes), (json!(5.0), yes), (json!(6), no), (json!("5"), neither)] {
        check(json!({ "customMetadata.price": value }), expect);
        check(json!({"customMetadata.price": {"ne": value}}), expect.map(|so| !so));
    }
    check(json!({"customMetadata.price": {"gt": 4, "lt": 6}}), yes);
    check(json!({"customMetadata.price": {"gte": 5, "lte": 5}}), yes);
    check(json!({"customMetadata.price": {"gt": 5}}), no);
    check(json!({"customMetadata.price": {"gt": "4"}}), neither);
    check(json!({"customMetadata.price": {"in": ["5", 4, 5]}}), yes);
    check(json!({"customMetadata.price": {"nin": ["5", 4]}}), yes);
    check(json!({"customMetadata.price": {"nin": ["5"]}}), neither);
    check(json!({"customMetadata.price": {"contains": "5"}}), neither);
    check(json!({"customMetadata.name": {"gt": "abb", "contains": "b"}}), yes);
    check(json!({"customMetadata.open": true}), yes);
    check(json!({"customMetadata.open": {"in": [false]}}), no);
    check(json!({"customMetadata.open": {"gt": 0}}), neither);
    check(json!({"customMetadata.days": "mon"}), yes);
    check(json!({"customMetadata.days": {"ne": "mon"}}), no);
    check(json!({"customMetadata.days": {"contains": "mo"}}), no);
    check(json!({"customMetadata.days": {"gt": "mon"}}), neither);
    check(json!({"topics": ["food", "sea"]}), yes);
    check(json!({"topics": {"nin": ["sea"]}}), yes);
    check(json!({"topics": {"contains": "travel"}}), yes);
    check(json!({"emoji_tags": {"nin": ["sea"]}}), yes);
    check(json!({"emoji_tags": {"exists": true}}), yes);
    check(json!({"emotion_tags": {"nin": ["sea"]}}), neither);
    check(json!({"emotion_tags": {"exists": false}}), yes);
    check(json!({"role": "user", "location": {"contains": "isb"}, "labels": "calm"}), yes);
    check(json!({"category": {"ne": "fact"}}), neither);
    check(json!({"category": "fact", "role": "assistant"}), no);
    check(json!({"type": "text", "truth_mode": "factual_claim", "state": "active"}), yes);
    check(json!({"strength": {"gte": 0.5}}), yes);
    check(
        json!({"createdAt": {"gte": "2026-01-01T01:00:00+01:00"}, "updatedAt": {"lt": "2026-01-02T00:00:00Z"}}),
        yes,
    );
    check(json!({"occurred_at": {"lt": "2025-12-30T00:00:00Z"}}), yes);
    check(
        json!({"metadata.project": "x", "metadata.topics": "food", "metadata.customMetadata.price": 5}),
        yes,
    );
    check(json!({"or": [{"category": "fact"}, {"topics": "food"}]}), yes);
    check(json!({"or": [{"category": "fact"}, {"topics": "sea"}]}), neither);
    check(json!({"and": [{"category": "fact"}, {"topics": "sea"}]}), no);
    check(json!({}), yes);
}

#[test]
fn the_other_dialect_says_it_in_its_own_words() {
    let trip = trip();
    let check = |filter: Json| {
        let predicate = said(&filter, Speech::Core).expect("a predicate");
        assert!(predicate.takes(&shown(&trip)), "{filter}");
    };
    check(json!({"type": "event", "created_at": {"gte": "2026-01-01T00:00:00Z"}, "topics": "food"}));
    assert!(said(&json!({"createdAt": {"exists": true}}), Speech::Core).is_err());
    assert!(said(&json!({"created_at": {"exists": true}}), Speech::Items).is_err());
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let check = |filter: Json, expect: &[&str]| {
        assert_eq!(
            said(&filter, Speech::Core),
            Err(expect.iter().map(|&s| s.to_owned()).collect()),
            "{filter}"
        );
    };
    check(json!([]), &["where: must be a JSON object of fields and what they have to be"]);
    check(json!({"and": []}), &["where.and: must have at least 1 member"]);
    check(json!({"or": {"state": "active"}}), &["where.or: must be a list"]);
    check(json!({"not": 1}), &["where.not: must be a JSON object of fields and what they have to be"]);
    check(
        json!({"or": [{"state": "asleep"}, {"strength": {"gte": 2}}], "topics": {"gt": "a"}}),
        &[
            "where.or[0].state: must be one of: active, restricted, sealed, dormant, revoked, tombstoned",
            "where.or[1].strength.gte: must be a number from 0 to 1",
            "where.topics.gt: is not for this field: use eq, ne, in, nin, contains, exists",
        ],
    );
    check(json!({"state": {}}), &["where.state: must have at least 1 operator"]);
    check(
        json!({"state": {"$eq": "active"}}),
        &["where.state.$eq: is no operator: use eq, ne, in, nin, exists"],
    );
    check(
        json!({"occurred_at": "today"}),
        &["where.occurred_at: must be an RFC 3339 time such as 2026-01-31T12:00:00Z"],
    );
    check(json!({"state": {"exists": "yes"}}), &["where.state.exists: must be true or false"]);
    check(json!({"location": 7}), &["where.location: must be a string"]);
    check(json!({"location": {"contains": ""}}), &["where.location.contains: must not be empty"]);
    check(
        json!({"customMetadata.a": null, "customMetadata.b": {"gt": true}, "customMetadata.c": {"in": []}}),
        &[
            "where.customMetadata.a: must be a string, a number or a boolean; exists asks whether there is something",
            "where.customMetadata.b.gt: must be a string or a number",
            "where.customMetadata.c.in: must have at least 1 member",
        ],
    );
    let unknown = said(&json!({"color": "red", "customMetadata.": 1, "customMetadata.a b": 1}), Speech::Core);
    let faults = unknown.expect_err("no fields");
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(
        faults[0].starts_with("where.color: is no field that can be tested: these are type, created_at,")
    );
}

#[test]
fn what_is_too_much_is_refused() {
    let nested = |times: usize| (0..times).fold(json!({"role": "user"}), |tree, _| json!({ "not": tree }));
    let tests = |count: usize| json!({"or": vec![json!({"role": "user"}); count]});
    let values = |count: usize| json!({"topics": vec!["a"; count]});
    let text = |chars: usize| json!({"location": "é".repeat(chars)});
    let check = |one: &dyn Fn(usize) -> Json, most: usize, expect: &str| {
        assert!(said(&one(most), Speech::Core).is_ok(), "{expect}");
        let faults = said(&one(most + 1), Speech::Core).expect_err("too much");
        assert!(faults.len() == 1 && faults[0].ends_with(expect), "{faults:?}");
    };
    check(&nested, limits::PREDICATE_DEPTH_MAX - 1, "must nest at most 8 deep");
    check(&tests, limits::PREDICATE_TESTS_MAX, "must have at most 64 members");
    check(&values, limits::PREDICATE_VALUES_MAX, "must have at most 256 members");
    check(&text, limits::PREDICATE_TEXT_CHARS_MAX, "must be at most 4000 characters");
    let pairs = |count: usize| json!({"or": vec![json!({"role": "user", "category": "fact"}); count]});
    check(&pairs, limits::PREDICATE_TESTS_MAX / 2, "where: must have at most 64 tests");
    let lists = |count: usize| json!({"topics": vec!["a"; count], "labels": vec!["a"; count]});
    check(&lists, limits::PREDICATE_VALUES_MAX / 2, "where: must have at most 256 values in its lists");
}

#[test]
fn who_names_a_state_asks_for_it() {
    let check = |filter: Json, expect: bool| {
        assert_eq!(said(&filter, Speech::Core).expect("good").names_state("dormant"), expect, "{filter}");
    };
    check(json!({"or": [{"role": "user"}, {"state": ["active", "dormant"]}]}), true);
    check(json!({"not": {"state": "dormant"}}), true);
    check(json!({"state": {"exists": true}, "location": "dormant"}), false);
}

fn value() -> impl Strategy<Value = CustomValue> {
    prop_oneof![
        any::<bool>().prop_map(CustomValue::Flag),
        (-1i64..3).prop_map(|number| CustomValue::Number(number.into())),
        "[ab]{0,2}".prop_map(CustomValue::Text),
        prop::collection::vec("[ab]{0,2}", 0..3).prop_map(CustomValue::Texts),
    ]
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![
        any::<bool>().prop_map(Operand::Flag),
        (-1i64..3).prop_map(|number| Operand::Number(number.into())),
        "[ab]{0,2}".prop_map(Operand::Text),
    ]
}

/// A comparison that does not ask whether there is something.
fn comparison() -> impl Strategy<Value = Comparison> {
    let operands = || prop::collection::vec(operand(), 1..4);
    prop_oneof![
        operand().prop_map(Comparison::Eq),
        operand().prop_map(Comparison::Ne),
        operand().prop_map(Comparison::Gt),
        operand().prop_map(Comparison::Gte),
        operand().prop_map(Comparison::Lt),
        operand().prop_map(Comparison::Lte),
        operands().prop_map(Comparison::In),
        operands().prop_map(Comparison::Nin),
        "[ab]{1,2}".prop_map(Comparison::Contains),
    ]
}

/// A tree over the values that are called so.
fn tree(keys: &'static [&'static str]) -> impl Strategy<Value = Predicate> {
    let field = prop::sample::select(keys).prop_map(|key| Field::Custom(key.to_owned()));
    let test =
        (field, comparison()).prop_map(|(field, comparison)| Predicate::Test(Test { field, comparison }));
    test.prop_recursive(4, 24, 3, |part| {
        let parts = || prop::collection::vec(part.clone(), 0..4);
        prop_oneof![
            parts().prop_map(Predicate::And),
            parts().prop_map(Predicate::Or),
            part.clone().prop_map(|part| Predicate::Not(Box::new(part))),
        ]
    })
}

fn values() -> impl Strategy<Value = Custom> {
    prop::collection::btree_map(prop::sample::select(vec!["a", "b", "c"]), value(), 0..4)
        .prop_map(|values| values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn of(values: Custom) -> Memory {
    memory(ItemMetadata { custom: Some(values), ..ItemMetadata::default() })
}

fn not(part: Predicate) -> Predicate {
    Predicate::Not(Box::new(part))
}

/// Whether there is nothing in a tree but what holds, or does not, of everything.
fn tests_nothing(tree: &Predicate) -> bool {
    match tree {
        Predicate::And(parts) | Predicate::Or(parts) => parts.is_empty() || parts.iter().any(tests_nothing),
        Predicate::Not(part) => tests_nothing(part),
        Predicate::Test(_) => false,
    }
}

proptest! {
    /// What is not there makes nothing match, however it is negated.
    #[test]
    fn a_field_that_is_absent_never_matches(tree in tree(&["a", "b"]), mut values in values()) {
        values.remove("a");
        values.remove("b");
        prop_assume!(!tests_nothing(&tree));
        prop_assert_eq!(tree.truth(&shown(&of(values))), None);
    }

    /// What is taken without a field is taken whatever stands in it: so it was not taken for its absence. What is turned down
    /// for sure stays turned down.
    #[test]
    fn nothing_is_decided_by_an_absent_field(
        tree in tree(&["a", "b", "c"]),
        mut values in values(),
        instead in value(),
    ) {
        values.remove("a");
        let without = tree.truth(&shown(&of(values.clone())));
        values.insert("a".to_owned(), instead);
        let with = tree.truth(&shown(&of(values)));
        prop_assert!(without.is_none() || without == with, "{without:?} {with:?}");
    }

    #[test]
    fn de_morgans_laws_hold(
        parts in prop::collection::vec(tree(&["a", "b", "c"]), 0..4),
        values in values(),
    ) {
        let memory = of(values);
        let truth = |tree: Predicate| tree.truth(&shown(&memory));
        let negated: Vec<Predicate> = parts.iter().cloned().map(not).collect();
        prop_assert_eq!(truth(not(Predicate::And(parts.clone()))), truth(Predicate::Or(negated.clone())));
        prop_assert_eq!(truth(not(Predicate::Or(parts))), truth(Predicate::And(negated)));
    }

    #[test]
    fn a_double_negation_is_none(tree in tree(&["a", "b", "c"]), values in values()) {
        let memory = of(values);
        prop_assert_eq!(not(not(tree.clone())).truth(&shown(&memory)), tree.truth(&shown(&memory)));
    }

    /// The order in which parts are said does not matter.
    #[test]
    fn parts_commute(mut parts in prop::collection::vec(tree(&["a", "b"]), 0..4), values in values()) {
        let memory = of(values);
        let (and, or) = (Predicate::And(parts.clone()), Predicate::Or(parts.clone()));
        parts.reverse();
        prop_assert_eq!(and.truth(&shown(&memory)), Predicate::And(parts.clone()).truth(&shown(&memory)));
        prop_assert_eq!(or.truth(&shown(&memory)), Predicate::Or(parts).truth(&shown(&memory)));
    }

    /// Operators that say the opposite of each other do.
    #[test]
    fn opposites_are_opposite(one in operand(), some in prop::collection::vec(operand(), 1..4), values in values()) {
        let memory = of(values);
        let truth = |comparison| {
            Predicate::Test(Test { field: Field::Custom("a".to_owned()), comparison }).truth(&shown(&memory))
        };
        let opposite = |so: Option<bool>| so.map(|so| !so);
        prop_assert_eq!(truth(Comparison::Ne(one.clone())), opposite(truth(Comparison::Eq(one.clone()))));
        prop_assert_eq!(truth(Comparison::Nin(some.clone())), opposite(truth(Comparison::In(some))));
        prop_assert_eq!(truth(Comparison::Lte(one.clone())), opposite(truth(Comparison::Gt(one.clone()))));
        prop_assert_eq!(truth(Comparison::Gte(one.clone())), opposite(truth(Comparison::Lt(one))));
        let there = truth(Comparison::Exists(true));
        prop_assert!(there.is_some());
        prop_assert_eq!(truth(Comparison::Exists(false)), opposite(there));
    }

    /// What is kept to be asked again is read back as the same.
    #[test]
    fn what_is_kept_is_read_back(tree in tree(&["a", "b.c"])) {
        let kept = serde_json::to_value(&tree).expect("it can be written");
        prop_assert_eq!(serde_json::from_value::<Predicate>(kept).expect("it can be read"), tree);
    }
}
