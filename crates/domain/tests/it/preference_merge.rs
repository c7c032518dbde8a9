//! Merging: the rules one by one, and its laws.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like a test")]

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::limits;
use memoryscope_domain::preference::{Kind, Preference, Source, Summary, merge, ratio};
use memoryscope_domain::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::preference_shapes::any_value;

type Memory = (Timestamp, MemoryId, Preference);

fn memory(kind: Kind, created_at: i64, id: u128, value: Value) -> Memory {
    let preference = Preference::new(kind, None, Source::ExplicitUserInput, value).unwrap();
    (Timestamp::from_unix_micros(created_at), MemoryId::from_uuid(Uuid::from_u128(id)), preference)
}

fn merged(kind: Kind, memories: &[Memory]) -> Summary {
    merge(kind, memories.iter().map(|(at, id, preference)| (*at, *id, preference)))
}

fn shown(summary: &Summary) -> String {
    let mut text = format!("{}\n{}", summary.summary_text, summary.summary_struct);
    for conflict in &summary.conflicts {
        text.push('\n');
        text.push_str(&json!(conflict).to_string());
    }
    text
}

/// Merges one memory per line, the oldest first.
#[track_caller]
fn check(kind: Kind, input: &str, expect: &str) {
    let values = input.lines().map(|line| serde_json::from_str(line).unwrap());
    let memories: Vec<_> =
        (0u8..).zip(values).map(|(at, value)| memory(kind, at.into(), u128::from(at) + 1, value)).collect();
    assert_eq!(shown(&merged(kind, &memories)), expect, "{input}");
}

#[test]
fn nothing_is_said_by_nobody() {
    for kind in Kind::ALL {
        let summary = merged(
            kind,
            &[memory(Kind::Preferences, 0, 1, json!({}))][usize::from(kind == Kind::Preferences)..],
        );
        assert_eq!((shown(&summary).as_str(), summary.confidence_tenths), ("No memories found.\n{}", 0));
    }
}

#[test]
fn listed_members_are_there_even_when_empty() {
    check(
        Kind::Preferences,
        "{}",
        "Likes: 0, Dislikes: 0, Settings: 0\n{\"dislikes\":[],\"likes\":[],\"settings\":{}}",
    );
    check(Kind::Constraints, "{}", "Rules: 0, Constraints: 0\n{\"constraints\":{},\"rules\":[]}");
    check(Kind::Communication, "{}", "Communication preferences: 0 settings\n{\"preferences\":{}}");
    check(Kind::Accessibility, "{}", "Accessibility: 0 flags, 0 settings\n{\"flags\":{},\"settings\":{}}");
    check(Kind::Schedule, "{}", "Schedule: 0 time windows\n{\"windows\":[]}");
    check(Kind::Attention, "{}", "Attention settings: 0 preferences\n{\"settings\":{}}");
}

/// One value of each shape, with something beside the lists.
const EVERY_SHAPE: &str = r#"{"likes":["tea"],"dislikes":["rain"],"Beside":1}
{"flag":true}
{"windows":[{"day":"Mon"}],"tz":"UTC"}
[{"start":9}]
{"focus_mode":"Deep"}
{"theme":"Dark"}
["no nuts"]"#;

#[test]
fn every_shape_lands_in_every_scope() {
    let lists = r#""likes":["tea"],"#;
    let settings = r#""settings":{"Beside":1,"flag":true,"focus_mode":"deep","theme":"Dark","tz":"UTC"}"#;
    let tail = r#""windows":[{"day":"Mon"},{"start":9}]"#;
    let rules = r#""rules":["no nuts"],"#;
    let dislikes = r#""dislikes":["rain"],"#;
    for (kind, text) in [
        (Kind::Preferences, "Likes: 1, Dislikes: 1, Settings: 5"),
        (Kind::Schedule, "Schedule: 2 time windows"),
        (Kind::Attention, "Attention settings: 5 preferences"),
    ] {
        check(kind, EVERY_SHAPE, &format!("{text}\n{{{dislikes}{lists}{rules}{settings},{tail}}}"));
    }
    let beside = r#""settings":{"Beside":1,"tz":"UTC"}"#;
    let map = r#"{"flag":true,"focus_mode":"deep","theme":"Dark"}"#;
    check(
        Kind::Constraints,
        EVERY_SHAPE,
        &format!(
            "Rules: 1, Constraints: 3\n{{\"constraints\":{map},{dislikes}{lists}{rules}{beside},{tail}}}"
        ),
    );
    check(
        Kind::Communication,
        EVERY_SHAPE,
        &format!(
            "Communication preferences: 3 settings\n{{{dislikes}{lists}\"preferences\":{map},{rules}{beside},{tail}}}"
        ),
    );
    let settings = r#""settings":{"Beside":1,"focus_mode":"deep","theme":"Dark","tz":"UTC"}"#;
    check(
        Kind::Accessibility,
        EVERY_SHAPE,
        &format!(
            "Accessibility: 1 flags, 4 settings\n{{{dislikes}\"flags\":{{\"flag\":true}},{lists}{rules}{settings},{tail}}}"
        ),
    );
}

/// Likes only: `merged` is the list.
#[track_caller]
fn check_likes(input: &str, expect: &str) {
    let count = serde_json::from_str::<Vec<Value>>(expect).unwrap().len();
    let text = format!("Likes: {count}, Dislikes: 0, Settings: 0");
    check(
        Kind::Preferences,
        input,
        &format!("{text}\n{{\"dislikes\":[],\"likes\":{expect},\"settings\":{{}}}}"),
    );
}

#[test]
fn alike_likes_are_one_in_their_first_spelling() {
    check_likes(
        "{\"likes\":[\"Jazz music\"]}\n{\"likes\":[\"jazz  music\",\"JAZZ-music\",\"rock\"]}",
        r#"["Jazz music","rock"]"#,
    );
    check_likes("{\"likes\":[\" Tea \"]}\n{\"likes\":[\"tea\"]}", r#"[" Tea "]"#);
    check_likes(r#"{"likes":["vegan","vegetarian"]}"#, r#"["vegan","vegetarian"]"#);
    check_likes("{\"likes\":[\"ål\",\"zoo\",\"Ål\"]}\n{\"likes\":[\"Zebra\"]}", r#"["Zebra","zoo","ål"]"#);
    check_likes(r#"{"likes":["",""," "]}"#, r#"[""]"#);
    // A variant of a dropped spelling is measured against what was kept.
    check_likes(r#"{"likes":["abcdefgh","abcdefghi","abcdefghijk"]}"#, r#"["abcdefgh","abcdefghijk"]"#);
}

#[test]
fn other_scalars_are_alike_to_themselves_only() {
    check_likes(
        "{\"likes\":[1,\"1\",1.0,null]}\n{\"likes\":[true,\"true\",null,1,10000000,10000001]}",
        r#"["1",1,1.0,10000000,10000001,null,"true",true]"#,
    );
}

#[test]
fn long_likes_are_compared_exactly() {
    let of = |length: usize, end: &str| format!("{}{end}", "x".repeat(length - 1));
    for (length, expect) in [(200, 1), (201, 2)] {
        let likes = [of(length, "a"), of(length, "b"), of(length, "A")];
        let summary =
            merged(Kind::Preferences, &[memory(Kind::Preferences, 0, 1, json!({ "likes": likes }))]);
        assert_eq!(summary.summary_struct["likes"].as_array().unwrap().len(), expect);
    }
}

#[test]
fn the_later_statement_wins_and_the_conflict_is_named() {
    let conflict = |item: &str, kept: &str, dropped: &str| {
        format!("\n{{\"dropped\":\"{dropped}\",\"item\":{item},\"kept\":\"{kept}\"}}")
    };
    let counts = |likes: u8, dislikes: u8| format!("Likes: {likes}, Dislikes: {dislikes}, Settings: 0\n");
    check(
        Kind::Preferences,
        "{\"likes\":[\"Tea\"]}\n{\"dislikes\":[\" tea\"]}",
        &(counts(0, 1)
            + r#"{"dislikes":[" tea"],"likes":[],"settings":{}}"#
            + &conflict("\" tea\"", "dislikes", "likes")),
    );
    check(
        Kind::Preferences,
        "{\"likes\":[\"Tea\",7]}\n{\"dislikes\":[\"tea\",7]}\n{\"likes\":[\"TEA\"]}",
        &(counts(1, 1)
            + r#"{"dislikes":[7],"likes":["Tea"],"settings":{}}"#
            + &conflict("7", "dislikes", "likes")
            + &conflict("\"Tea\"", "likes", "dislikes")),
    );
    check(
        Kind::Schedule,
        r#"{"likes":["tea"],"dislikes":["tea"]}"#,
        &("Schedule: 0 time windows\n".to_owned()
            + r#"{"dislikes":["tea"],"windows":[]}"#
            + &conflict("\"tea\"", "dislikes", "likes")),
    );
    // Alike, and yet no contradiction.
    check(
        Kind::Preferences,
        r#"{"likes":["without sugar"],"dislikes":["with sugar"]}"#,
        &(counts(1, 1) + r#"{"dislikes":["with sugar"],"likes":["without sugar"],"settings":{}}"#),
    );
}

#[test]
fn a_key_keeps_its_first_name_and_its_latest_value() {
    check(
        Kind::Preferences,
        "{\"Font_Size\":12,\"theme\":\"dark\"}\n{\"font-size\":{\"px\":14}}\n{\"likes\":[],\"FontSize\":16}",
        "Likes: 0, Dislikes: 0, Settings: 2\n{\"dislikes\":[],\"likes\":[],\"settings\":{\"font_size\":16,\"theme\":\"dark\"}}",
    );
    check(
        Kind::Communication,
        "{\"a b\":1,\"a-b\":2,\"a_b\":3,\"_\":4,\"-\":5,\"\":6}",
        "Communication preferences: 4 settings\n{\"preferences\":{\"\":6,\"-\":5,\"_\":4,\"a b\":3}}",
    );
    // A key is in one place only: the latest.
    check(
        Kind::Accessibility,
        "{\"contrast\":true,\"motion\":false}\n{\"contrast\":\"high\",\"size\":2}",
        "Accessibility: 1 flags, 2 settings\n{\"flags\":{\"motion\":false},\"settings\":{\"contrast\":\"high\",\"size\":2}}",
    );
}

#[test]
fn rules_are_a_set_and_windows_stay_in_order() {
    check(
        Kind::Constraints,
        "[\"b\",\"a\"]\n[\"b\",\"B\",\"ab\"]",
        "Rules: 4, Constraints: 0\n{\"constraints\":{},\"rules\":[\"B\",\"a\",\"ab\",\"b\"]}",
    );
    check(
        Kind::Schedule,
        "[{\"day\":\"Tue\",\"at\":{\"a\":1,\"b\":2}}]\n{\"time_slots\":[{\"day\":\"Sun\"}],\"windows\":[{\"day\":\"Mon\"},{\"at\":{\"b\":2,\"a\":1},\"day\":\"Tue\"}]}\n{\"windows\":null,\"time_slots\":\"9-10\"}",
        "Schedule: 4 time windows\n{\"windows\":[{\"at\":{\"a\":1,\"b\":2},\"day\":\"Tue\"},{\"day\":\"Mon\"},{\"day\":\"Sun\"},\"9-10\"]}",
    );
}

#[test]
fn confidence_grows_by_tenths_and_order_is_by_time_then_id() {
    let all: Vec<_> = (0u8..40).map(|n| memory(Kind::Attention, 5, n.into(), json!({ "n": n }))).collect();
    let tenths: Vec<_> = (0..6).map(|n| merged(Kind::Attention, &all[..n]).confidence_tenths).collect();
    assert_eq!(tenths, [0, 6, 7, 8, 9, 9]);
    assert_eq!(merged(Kind::Attention, &all).summary_struct["settings"]["n"], 39);
    let first = memory(Kind::Attention, 4, 99, json!({ "N": "first" }));
    assert_eq!(merged(Kind::Attention, &[all[3].clone(), first]).summary_struct["settings"]["n"], 3);
}

/// The definition, without bounds: each like against each kept one.
fn naive_likes(memories: &[Memory]) -> Vec<String> {
    let mut kept: Vec<(Vec<char>, String)> = Vec::new();
    for (_, _, preference) in memories {
        for like in preference.value()["likes"].as_array().unwrap() {
            let new: Vec<char> = like.as_str().unwrap().trim().to_lowercase().chars().collect();
            if !kept.iter().any(|(known, _)| ratio::alike(known, &new)) {
                kept.push((new, like.as_str().unwrap().to_owned()));
            }
        }
    }
    let mut list: Vec<_> = kept.into_iter().map(|(_, spelling)| spelling).collect();
    list.sort();
    list
}

/// A sentence, and small changes of it: what reaches the later bounds.
fn sentences() -> impl Strategy<Value = Vec<String>> {
    let change = (any::<prop::sample::Index>(), "[a-e ]{0,3}", 0usize..8);
    let changes = prop::collection::vec(prop::collection::vec(change, 0..6), 1..6);
    ("[a-e ]{5,150}", changes).prop_map(|(sentence, changes)| {
        let changed = changes.into_iter().map(|changes| {
            let mut text = sentence.clone();
            for (at, insert, cut) in changes {
                let start = at.index(text.len() + 1);
                let end = text.len().min(start + cut);
                text.replace_range(start..end, &insert);
            }
            text
        });
        changed.collect()
    })
}

fn any_memories() -> impl Strategy<Value = (Kind, Vec<Memory>)> {
    let fits = any_value().prop_filter("fits no shape", |value| {
        Preference::new(Kind::Attention, None, Source::UserSetting, value.clone()).is_ok()
    });
    let timed = prop::collection::vec((0i64..4, fits), 0..8);
    (prop::sample::select(Kind::ALL.to_vec()), timed).prop_map(|(kind, timed)| {
        let memories = (1u128..).zip(timed).map(|(id, (at, value))| memory(kind, at, id, value));
        (kind, memories.collect())
    })
}

/// Values of which nothing may be dropped: each scalar, rule or window must be in the summary, or be like one there.
fn leaves(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(Value::to_string).collect(),
        _ => Vec::new(),
    }
}

proptest! {
    #[test]
    fn the_order_of_memories_does_not_matter(
        (kind, memories) in any_memories(),
        seed in prop::collection::vec(any::<prop::sample::Index>(), 8),
    ) {
        let mut other = memories.clone();
        for (place, index) in seed.iter().enumerate().take(other.len()) {
            let with = index.index(other.len());
            other.swap(place, with);
        }
        let (a, b) = (merged(kind, &memories), merged(kind, &other));
        prop_assert_eq!(shown(&a), shown(&b));
        prop_assert_eq!(a.confidence_tenths, b.confidence_tenths);
    }

    #[test]
    fn the_newest_memory_again_changes_nothing((kind, memories) in any_memories()) {
        let mut again = memories.clone();
        let newest = memories.iter().max_by_key(|(at, id, _)| (*at, *id)).cloned();
        again.extend(newest.map(|(at, _, preference)| (at, MemoryId::from_uuid(Uuid::from_u128(1000)), preference)));
        prop_assert_eq!(shown(&merged(kind, &memories)), shown(&merged(kind, &again)));
    }

    #[test]
    fn a_summary_keeps_its_form((kind, memories) in any_memories()) {
        let summary = merged(kind, &memories);
        prop_assert!(summary.summary_text.chars().count() <= limits::SUMMARY_TEXT_CHARS_MAX);
        prop_assert!(summary.confidence_tenths <= 9);
        prop_assert!(summary.summary_struct.is_object());
        prop_assert!(summary.conflicts.iter().all(|conflict| conflict.kept != conflict.dropped));
        for list in ["likes", "dislikes", "rules"] {
            let texts: Vec<_> = summary.summary_struct[list].as_array().into_iter().flatten()
                .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect();
            prop_assert!(texts.is_sorted());
        }
        for (_, _, preference) in memories.iter().filter(|(_, _, p)| p.value().is_array()) {
            let mut there = leaves(&summary.summary_struct["rules"]);
            there.extend(leaves(&summary.summary_struct["windows"]));
            prop_assert!(leaves(preference.value()).iter().all(|leaf| there.contains(leaf)));
        }
    }

    #[test]
    fn the_bounds_change_no_answer(
        lists in prop::collection::vec(prop_oneof![prop::collection::vec("[abA ]{0,12}", 0..8), sentences()], 0..5)
    ) {
        let memories: Vec<_> = (0u8..).zip(lists)
            .map(|(at, likes)| memory(Kind::Preferences, at.into(), at.into(), json!({ "likes": likes })))
            .collect();
        let expect = json!(naive_likes(&memories));
        let summary = merged(Kind::Preferences, &memories);
        let found = summary.summary_struct.get("likes").cloned().unwrap_or_else(|| json!([]));
        prop_assert_eq!(found, expect);
    }
}
