//! Shapes, normal forms, and what is refused.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like a test")]

use memoryscope_domain::limits;
use memoryscope_domain::preference::{Domain, InvalidValue, Kind, Preference, Shape, Source};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn preference(value: Value) -> Result<Preference, Vec<InvalidValue>> {
    Preference::new(Kind::Preferences, None, Source::UserSetting, value)
}

/// `shape: normal form`, or the faults.
#[track_caller]
fn check(input: &str, expect: &str) {
    let value = serde_json::from_str(input).unwrap();
    let found = match preference(value) {
        Ok(preference) => format!("{}: {}", preference.shape().name(), preference.value()),
        Err(faults) => {
            let faults: Vec<_> =
                faults.iter().map(|f| format!("{}: {f}", f.path_below("value_json"))).collect();
            faults.join("\n")
        }
    };
    assert_eq!(found, expect, "{input}");
}

const NO_SHAPE: &str = "value_json: value_json does not match any allowed shape";

#[test]
fn likes_are_one_of_each_without_case_and_sorted() {
    check(
        r#"{"likes":["jazz","Tea","JAZZ","tea","Zoo"]}"#,
        r#"likes_dislikes: {"likes":["Tea","Zoo","jazz"]}"#,
    );
    check(r#"{"dislikes":[]}"#, r#"likes_dislikes: {"dislikes":[]}"#);
    check(
        r#"{"likes":["1",1,true,null,"null",1.0,1]}"#,
        r#"likes_dislikes: {"likes":["1",1,1.0,"null",null,true]}"#,
    );
    check(
        r#"{"likes":["Straße","STRASSE","ÅL","ål"," ål"]}"#,
        r#"likes_dislikes: {"likes":[" ål","STRASSE","Straße","ÅL"]}"#,
    );
    check(
        r#"{"Likes":["a"],"Theme":"Dark","disLIKES":["b"]}"#,
        r#"likes_dislikes: {"Theme":"Dark","dislikes":["b"],"likes":["a"]}"#,
    );
    check(r#"{"Likes":["a"],"likes":["b"]}"#, r#"likes_dislikes: {"likes":["b"]}"#);
    check(r#"{"likes":["<b>&amp;"]}"#, r#"likes_dislikes: {"likes":["<b>&amp;"]}"#);
}

#[test]
fn likes_are_arrays_of_scalars() {
    let not_array = "must be an array of strings, numbers, booleans or nulls";
    let not_scalar = "must be a string, a number, a boolean or null";
    check(r#"{"likes":"jazz"}"#, &format!("value_json.likes: {not_array}"));
    check(r#"{"likes":true}"#, &format!("value_json.likes: {not_array}"));
    check(r#"{"Likes":null,"dislikes":[]}"#, &format!("value_json.Likes: {not_array}"));
    check(
        r#"{"likes":["a",{},"b",[1]],"dislikes":{}}"#,
        &format!(
            "value_json.likes[1]: {not_scalar}\nvalue_json.likes[3]: {not_scalar}\nvalue_json.dislikes: {not_array}"
        ),
    );
    let faults = preference(json!({ "likes": vec![json!([]); 1000], "dislikes": 1 })).unwrap_err();
    assert_eq!(faults.len(), InvalidValue::REPORTED_MAX);
}

#[test]
fn flags_are_booleans_only() {
    check("{}", "boolean_flags: {}");
    check(r#"{"High_Contrast":true,"b":false}"#, r#"boolean_flags: {"b":false,"high_contrast":true}"#);
    check(r#"{"focus_mode":true}"#, r#"boolean_flags: {"focus_mode":true}"#);
    check(r#"{"windows":false}"#, r#"boolean_flags: {"windows":false}"#);
    check(r#"{"a":true,"b":null}"#, r#"kv_map: {"a":true,"b":null}"#);
}

#[test]
fn windows_are_one_of_each_in_their_order() {
    check(
        r#"{"windows":[{"start":9,"end":{"h":1,"m":2}},{"end":{"m":2,"h":1},"start":9},{"day":"Mon"}],"TZ":"Europe/Oslo"}"#,
        r#"schedule_windows: {"TZ":"Europe/Oslo","windows":[{"end":{"h":1,"m":2},"start":9},{"day":"Mon"}]}"#,
    );
    check(r#"{"Time_Slots":["9-10","9-10","8-9"]}"#, r#"schedule_windows: {"time_slots":["9-10","8-9"]}"#);
    check(r#"{"windows":"9-17"}"#, r#"schedule_windows: {"windows":"9-17"}"#);
    check(r#"[{"day":"Mon"},{"end":1},{"day":"Mon"}]"#, r#"schedule_windows: [{"day":"Mon"},{"end":1}]"#);
    check(r#"[{"day":"Mon"},{"Day":"Tue"}]"#, NO_SHAPE);
    check(r#"[{"day":null}]"#, r#"schedule_windows: [{"day":null}]"#);
}

#[test]
fn attention_settings_and_maps_are_lower_cased_where_it_is_said() {
    check(
        r#"{"Focus_Mode":"Deep","do_not_disturb":true,"Ring":["A"]}"#,
        r#"attention_settings: {"do_not_disturb":true,"focus_mode":"deep","ring":["A"]}"#,
    );
    check(
        r#"{"Theme":"Dark","hashTag":"Jazz","tags":["A"],"stage":"Main"}"#,
        r#"kv_map: {"hashtag":"jazz","stage":"main","tags":["A"],"theme":"Dark"}"#,
    );
    check(r#"{"":1," ":2,"A.B":{"C":"D"}}"#, r#"kv_map: {"":1," ":2,"a.b":{"C":"D"}}"#);
}

#[test]
fn of_keys_that_become_equal_the_lower_case_one_stands() {
    check(r#"{"Theme":1,"theme":2,"THEME":3}"#, r#"kv_map: {"theme":2}"#);
    check(r#"{"THEME":1,"Theme":2}"#, r#"kv_map: {"theme":2}"#);
    // The Kelvin sign sorts after k.
    check("{\"k\":1,\"\u{212a}\":2}", r#"kv_map: {"k":1}"#);
    check(r#"{"A":1,"a":true}"#, r#"boolean_flags: {"a":true}"#);
    check(r#"{"Windows":[1],"windows":true}"#, r#"boolean_flags: {"windows":true}"#);
}

#[test]
fn rules_are_one_of_each_and_sorted() {
    check(r#"["b","a","b","B"," a"]"#, r#"rules_list: [" a","B","a","b"]"#);
    check(r#"[""]"#, r#"rules_list: [""]"#);
}

#[test]
fn what_fits_no_shape_is_refused() {
    for input in ["[]", "[1]", r#"["a",1]"#, r#"["a",null]"#, "[null]", "[[]]", "[{}]", r#"[{"day":1},"a"]"#]
    {
        check(input, NO_SHAPE);
    }
    for input in ["null", "true", "0", "1.5", r#""likes""#] {
        check(input, "value_json: must be an object or an array");
    }
}

/// `depth` arrays inside a map, which makes one level more.
fn nested(depth: usize) -> Value {
    let mut value = json!(0);
    for _ in 0..depth {
        value = Value::Array(vec![value]);
    }
    Value::Object(Map::from_iter([("a".to_owned(), value)]))
}

#[test]
fn depth_and_length_have_edges() {
    assert_eq!(preference(nested(63)).map(|p| p.shape()), Ok(Shape::KvMap));
    for depth in [64, 2000] {
        let faults = preference(nested(depth)).unwrap_err();
        assert_eq!(faults[0].to_string(), "must not nest deeper than 64 levels");
    }
    let frame = json!({ "a": "" }).to_string().len();
    let filled = |bytes: usize| json!({ "a": "x".repeat(bytes - frame) });
    assert!(preference(filled(limits::VALUE_JSON_BYTES_MAX)).is_ok());
    let faults = preference(filled(limits::VALUE_JSON_BYTES_MAX + 1)).unwrap_err();
    assert_eq!((faults[0].path.as_str(), faults.len()), ("", 1));
    assert_eq!(faults[0].to_string(), format!("must be at most {} bytes of compact JSON", 64 * 1024));
    // Each of these letters takes two bytes, and three in lower case.
    let letters = "Ⱥ".repeat((limits::VALUE_JSON_BYTES_MAX - 20) / 2);
    assert!(preference(json!({ "theme": letters })).is_ok());
    assert!(preference(json!({ "tag": letters })).is_err());
}

#[test]
fn domains_are_trimmed_and_blank_means_none() {
    let parse =
        |text: &str| Domain::parse(text).map(|d| d.map(String::from)).map_err(|fault| fault.to_string());
    assert_eq!(parse(" müsic "), Ok(Some("müsic".to_owned())));
    assert_eq!(parse(""), Ok(None));
    assert_eq!(parse(" \u{3000}\t"), Ok(None));
    assert!(parse(&"é".repeat(500)).is_ok());
    assert_eq!(parse(&"é".repeat(501)), Err("must be at most 500 characters".to_owned()));
    for bad in ["a\0b", "a\nb", "a\u{85}b"] {
        assert_eq!(parse(bad), Err("must not contain control characters".to_owned()));
    }
    assert!(serde_json::from_str::<Domain>(r#"" ""#).is_err());
}

#[test]
fn names_read_back_and_the_stored_form_is_stable() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_name(kind.name()), Some(kind));
        assert_eq!(json!(kind), json!(kind.name()));
    }
    for source in Source::ALL {
        assert_eq!(Source::from_name(source.name()), Some(source));
        assert_eq!(json!(source), json!(source.name()));
    }
    for shape in Shape::ALL {
        assert_eq!(json!(shape), json!(shape.name()));
    }
    assert_eq!((Kind::from_name("Schedule"), Source::from_name("")), (None, None));
    let domain = Domain::parse("music").unwrap();
    let value = json!({ "likes": ["jazz"] });
    let stored = Preference::new(Kind::Preferences, domain, Source::ExplicitUserInput, value).unwrap();
    let text = serde_json::to_string(&stored).unwrap();
    assert_eq!(
        text,
        r#"{"kind":"preferences","domain":"music","shape":"likes_dislikes","value":{"likes":["jazz"]},"source":"explicit_user_input"}"#
    );
    assert_eq!(serde_json::from_str::<Preference>(&text).unwrap(), stored);
}

#[test]
fn maps_of_json_keep_their_keys_sorted() {
    // Normal forms, window equality and the summary's bytes rest on it; serde_json's `preserve_order` would break it.
    assert_eq!(serde_json::from_str::<Value>(r#"{"b":1,"a":2}"#).unwrap().to_string(), r#"{"a":2,"b":1}"#);
}

/// Any value, mostly near the shapes.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        4 => prop::sample::select(vec![
            "likes", "Likes", "dislikes", "windows", "Windows", "time_slots", "focus_mode", "FOCUS_mode",
            "do_not_disturb", "tag", "Tags", "theme", "Theme", "font_size", "font-size", "Font Size", "a", "A", "_", "",
        ])
        .prop_map(str::to_owned),
        1 => "\\PC{0,3}",
    ];
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2i64..3).prop_map(Value::from),
        (-1.0f64..1.0).prop_map(Value::from),
        prop::sample::select(vec![
            "tea",
            "Tea ",
            "TEA",
            "teas",
            "jazz",
            "jazzy",
            "Jazz music",
            "Σίσυφος",
            "İ",
            ""
        ])
        .prop_map(Value::from),
        "\\PC{0,4}".prop_map(Value::from),
    ];
    let scalars = prop::collection::vec(scalar.clone(), 0..5).prop_map(Value::from);
    let window = prop::collection::btree_map(prop::sample::select(vec!["start", "end", "day"]), 0..3, 1..3)
        .prop_map(|map| json!(map));
    let leaf = prop_oneof![scalar.clone(), scalars.clone(), window.clone()];
    let strings = prop::collection::vec("[ab]{0,2}", 1..5).prop_map(|strings| json!(strings));
    let windows = prop::collection::vec(window, 1..4).prop_map(Value::from);
    let lists = (scalars.clone(), scalars)
        .prop_map(|(likes, dislikes)| json!({ "likes": likes, "dislikes": dislikes }));
    let map = prop::collection::btree_map(key.clone(), leaf, 0..5).prop_map(|map| json!(map));
    let flags = prop::collection::btree_map(key, any::<bool>(), 0..4).prop_map(|map| json!(map));
    prop_oneof![4 => lists, 4 => map, 2 => flags, 2 => strings, 2 => windows, 1 => scalar]
}

proptest! {
    #[test]
    fn a_normal_form_is_its_own_and_keeps_its_shape(value in any_value()) {
        if let Ok(once) = preference(value) {
            let twice = preference(once.value().clone());
            prop_assert_eq!(twice.as_ref(), Ok(&once));
        }
    }

    #[test]
    fn lower_casing_twice_changes_nothing(text in "\\PC{0,20}") {
        let once = preference(json!({ "tag": text })).unwrap();
        let twice = preference(once.value().clone()).unwrap();
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn faults_are_some_and_few(value in any_value()) {
        if let Err(faults) = preference(value) {
            prop_assert!(!faults.is_empty() && faults.len() <= InvalidValue::REPORTED_MAX);
        }
    }
}
