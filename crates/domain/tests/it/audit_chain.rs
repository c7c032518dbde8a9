//! An entry has one spelling, one hash and one reading.

use std::collections::BTreeMap;
use std::sync::Arc;

use memoryscope_domain::audit_chain::{
    AUDIT_IDS_MAX, AuditKey, Code, Draft, Entry, Hash32, Head, InvalidEntry, MemoryRefs, Private,
    PrivateCheck, Reason, Record, Row, Seq, Verifier, View, canonical_json, link,
};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::audit_support::{Numbers, draft, key, log, tenant};

/// Drafts with texts and times as odd as their types allow.
fn any_draft() -> impl Strategy<Value = Draft> {
    let rules = prop::collection::btree_map(any::<String>(), 0..(1_u64 << 53), 0..6);
    let times = prop_oneof![any::<i64>(), -(1_i64 << 57)..(1_i64 << 57), 0..(1_i64 << 51)];
    (any::<u64>(), rules, any::<String>(), times, 0..600_usize).prop_map(
        |(seed, rules, version, micros, ids)| {
            let mut draft = draft(&tenant("t_any"), &mut Numbers(seed));
            draft.rules = rules.into_iter().map(|(rule, count)| (Arc::from(rule), count)).collect();
            draft.policy.version = Arc::from(version);
            draft.time = Timestamp::from_unix_micros(micros);
            if ids > 300 {
                draft.memories = MemoryRefs::of(&memory_ids(ids));
            }
            draft
        },
    )
}

fn memory_ids(count: usize) -> Vec<MemoryId> {
    (0..count).map(|n| MemoryId::from_uuid(Uuid::from_u128(n as u128))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn an_entry_is_what_another_canonicaliser_writes(draft in any_draft()) {
        let entry = link(&Head { seq: Seq(41), hash: Hash32::of(b"before") }, &draft);
        let value: Value = serde_json::from_str(&entry.text).expect("an entry is JSON");
        let other = serde_json_canonicalizer::to_string(&value).expect("canonicalises");
        prop_assert_eq!(&entry.text, &other);
    }

    #[test]
    fn an_entry_reads_back_as_it_was_drafted(draft in any_draft()) {
        let entry = link(&Head { seq: Seq(41), hash: Hash32::of(b"before") }, &draft);
        let record = entry.parse().expect("an entry reads back");
        prop_assert_eq!(record.seq, Seq(42));
        prop_assert_eq!(record.draft, draft);
    }

    #[test]
    fn canonical_json_is_rfc_8785_where_numbers_are_exact(value in any_json()) {
        let object = Map::from_iter([("value".to_owned(), value)]);
        let other = serde_json_canonicalizer::to_string(&object).expect("canonicalises");
        prop_assert_eq!(canonical_json(&object), other);
    }
}

#[test]
fn numbers_are_written_as_ecmascript_does() {
    let check = |number: f64, expect: &str| {
        let object = Map::from_iter([("n".to_owned(), serde_json::json!(number))]);
        assert_eq!(canonical_json(&object), format!("{{\"n\":{expect}}}"));
    };
    check(-0.0, "0");
    check(1e21, "1e+21");
    check(1e-7, "1e-7");
    check(0.000_001, "0.000001");
    check(123_456.75, "123456.75");
    // It is …263.25, as near to .2 as to .3: the even digit.
    check(-1_845_951_369_992_263.2, "-1845951369992263.2");
    check(5e-324, "5e-324");
    check(f64::MAX, "1.7976931348623157e+308");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 53)..(1_i64 << 53)).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-400_i32..400, -1000_i32..1000).prop_map(|(exponent, digits)| format!("{digits}e{exponent}")
            .parse::<f64>()
            .map_or(Value::Null, Value::from)),
        any::<String>().prop_map(Value::from),
        "[\\x00-\\x7f]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Value::from(Map::from_iter(members))),
        ]
    })
}

#[test]
fn whole_numbers_that_a_double_cannot_hold_keep_their_digits() {
    let object = json!({"b": u64::MAX, "a": i64::MIN});
    assert_eq!(
        canonical_json(object.as_object().expect("an object")),
        r#"{"a":-9223372036854775808,"b":18446744073709551615}"#
    );
}

#[test]
fn a_link_is_the_hash_of_label_previous_hash_and_text() {
    let entries = log(&tenant("t_a"), 3, 1);
    let mut prev = [0_u8; 32];
    for (entry, seq) in entries.iter().zip(1..) {
        let mut bytes = b"memoryscope-audit-v1\0".to_vec();
        bytes.extend(prev);
        bytes.extend(entry.text.as_bytes());
        assert_eq!(entry.seq, Seq(seq));
        assert_eq!(entry.prev_hash, Hash32(prev));
        prev = Sha256::digest(&bytes).into();
        assert_eq!(entry.hash, Hash32(prev));
    }
}

#[test]
fn only_the_canonical_spelling_is_an_entry() {
    let text = &log(&tenant("t_a"), 1, 3)[0].text;
    let unreadable = Err(InvalidEntry::Unreadable);
    let not_canonical = Err(InvalidEntry::NotCanonical);
    assert!(Record::parse(text).is_ok());
    assert_eq!(Record::parse(&format!("{text} ")), not_canonical);
    assert_eq!(Record::parse(&text.replace(",\"", ", \"")), not_canonical);
    assert_eq!(Record::parse(&text.replace("\"v\":1", "\"v\":2")), unreadable);
    assert_eq!(Record::parse(&text.replace("\"v\":1", "\"v\":1.0")), unreadable);
    assert_eq!(Record::parse(&text.replace("\"v\":1", "\"v\":1,\"v\":1")), unreadable);
    assert_eq!(Record::parse(&text.replace("\"v\":1", "\"v\":1,\"w\":1")), unreadable);
    assert_eq!(
        Record::parse(&text.replace("\"v\":1", "\"v\":1,\"value_digest\":null")),
        not_canonical_or(text)
    );
    assert_eq!(Record::parse(&text.replace("\"id\":\"log_", "\"id\":\"")), not_canonical);
    assert_eq!(Record::parse(&text.replace("000Z", "000+00:00").replace("Z\"", "+00:00\"")), not_canonical);
}

/// A second `value_digest` is unreadable where the entry has one already.
fn not_canonical_or(text: &str) -> Result<Record, InvalidEntry> {
    let twice = text.contains("value_digest");
    Err(if twice { InvalidEntry::Unreadable } else { InvalidEntry::NotCanonical })
}

#[test]
fn a_long_list_of_memories_is_cut_counted_and_hashed() {
    let mut long = draft(&tenant("t_a"), &mut Numbers(1));
    long.memories = MemoryRefs::of(&memory_ids(AUDIT_IDS_MAX + 1));
    let entry = link(&Head::GENESIS, &long);
    let read = entry.parse().expect("reads back").draft.memories;
    assert_eq!(read.listed().len(), AUDIT_IDS_MAX);
    assert_eq!(read.count(), AUDIT_IDS_MAX as u64 + 1);
    assert_eq!(*read.digest(), MemoryRefs::digest_of(&memory_ids(AUDIT_IDS_MAX + 1)));
    // A list that contradicts its own count or digest is no entry, even with the right hash.
    let short = entry.text.replace("\"memory_count\":257", "\"memory_count\":256");
    assert_eq!(Record::parse(&short), Err(InvalidEntry::Unreadable));
}

#[test]
fn digests_are_hmacs_apart_by_label_and_key() {
    let key = key();
    let private = Private::of(json!({"b": 1, "a": "x"}).as_object().expect("an object"));
    assert_eq!(private.as_str(), r#"{"a":"x","b":1}"#);
    // Made with Python: hmac.new(b"\x07" * 32, b"memoryscope-audit-v1\0actor\0Ada", "sha256").hexdigest()
    assert_eq!(
        key.actor("Ada").to_string(),
        "09ccbcc132d53e19f7f09c420d20ab6daf5fd8b329ec344f73a83ee5339e6734"
    );
    let text = r#"{"a":"x","b":1}"#;
    let digests = [key.actor(text), key.subject(text), key.value(text.as_bytes()), key.private(&private)];
    assert_eq!(digests.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    assert_ne!(key.actor("Ada"), AuditKey::from_bytes([8; 32]).actor("Ada"));
    assert_eq!(format!("{key:?} {private:?}"), "AuditKey(redacted) Private(15 bytes)");
}

#[test]
fn a_private_text_can_be_erased_but_not_changed() {
    let key = key();
    let object = json!({"request": {"domain": "food"}});
    let private = Private::of(object.as_object().expect("an object"));
    let mut draft = draft(&tenant("t_a"), &mut Numbers(5));
    draft.private_digest = Some(key.private(&private));
    let entry = link(&Head::GENESIS, &draft);
    let changed = Private::from_stored(private.as_str().replace("food", "work"));
    let cases = [
        (Some(&private), Some(&key), PrivateCheck::Matches, true),
        (Some(&private), None, PrivateCheck::Unkeyed, true),
        (None, Some(&key), PrivateCheck::Erased, true),
        (None, None, PrivateCheck::Erased, true),
        (Some(&changed), Some(&key), PrivateCheck::Differs, false),
    ];
    for (text, with, check, ok) in cases {
        let mut verifier = Verifier::new(tenant("t_a"));
        let record = verifier.push(&Row::from(&entry)).expect("is in order");
        assert_eq!(verifier.check_private(&record, text, with), check);
        let verification = verifier.finish();
        assert_eq!(verification.ok, ok);
        assert_eq!(verification.first_broken.is_some_and(|it| it.reason == Reason::PrivateDiffers), !ok);
    }
}

#[test]
fn an_auditor_sees_every_member() {
    let entry: Entry = log(&tenant("t_a"), 1, 12).remove(0);
    let record = entry.parse().expect("reads back");
    let view = View { record: &record, prev_hash: entry.prev_hash, hash: entry.hash };
    insta::assert_snapshot!(serde_json::to_string_pretty(&view).expect("serialises"));
}

#[test]
#[should_panic(expected = "1 to 64 characters")]
fn a_code_holds_no_free_text() {
    assert!(Code::parse("has a space").is_err());
    assert!(Code::parse(&"a".repeat(65)).is_err());
    assert!(Code::parse("").is_err());
    let _ = Code::literal("free text");
}

#[test]
fn rules_are_sorted_by_utf_16() {
    let mut draft = draft(&tenant("t_a"), &mut Numbers(1));
    let names = ["𝒳", "\u{fb33}", "z", "é"];
    draft.rules = names.iter().zip(1..).map(|(name, n)| (Arc::from(*name), n)).collect::<BTreeMap<_, _>>();
    let text = link(&Head::GENESIS, &draft).text;
    assert!(text.contains("\"rules\":{\"z\":3,\"é\":4,\"𝒳\":1,\"\u{fb33}\":2}"), "{text}");
}
