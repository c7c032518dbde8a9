//! What a policy redacts of a preference is gone, however its keys are spelled and however deep it lies.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like a test")]

use memoryscope_domain::policy::Policy;
use memoryscope_domain::preference::{Kind, Preference, Source};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::preference_shapes::any_value;

fn preference(value: Value) -> Preference {
    Preference::new(Kind::Preferences, None, Source::ExplicitUserInput, value).unwrap()
}

fn left(value: Value, path: &str) -> Value {
    preference(value).without(&[path]).value().clone()
}

#[test]
fn what_is_named_is_removed() {
    let likes = || json!({"dislikes": ["milk"], "likes": ["tea"]});
    for path in
        ["value", "value_json", "value.*", "content", "content.json", "content.json.*", "nope", "likes"]
    {
        assert_eq!(left(likes(), path), json!({}), "{path}");
        assert_eq!(left(json!(["be brief"]), path), json!([]), "{path}");
    }
    for path in ["value.likes", "value_json.likes", "value.Likes", "value.LI-KES", "content.json.likes"] {
        assert_eq!(left(likes(), path), json!({"dislikes": ["milk"]}), "{path}");
    }
    assert_eq!(left(likes(), "value.likes.*"), json!({"dislikes": ["milk"], "likes": []}));
    assert_eq!(left(likes(), "value.likes.0"), json!({"dislikes": ["milk"], "likes": []}));
    assert_eq!(left(likes(), "content.text"), likes(), "it has no text");
}

#[test]
fn keys_are_compared_as_a_merge_does() {
    for key in ["max budget", "Max-Budget", "max_budget", "maxBudget"] {
        for path in ["value.max_budget", "value.MaxBudget", "value.max-budget"] {
            assert_eq!(left(json!({key: "9", "a": "b"}), path), json!({"a": "b"}), "{key} {path}");
        }
    }
    let dotted = json!({"likes": [], "a.b": {"c": 1, "d": 2}});
    assert_eq!(left(dotted, "value.a.b.c"), json!({"likes": [], "a.b": {"d": 2}}));
}

#[test]
fn lists_are_looked_through() {
    let windows = || json!([{"day": "monday", "start": "09:00", "end": "10:00", "location": {"room": 1}}]);
    let without = json!([{"day": "monday", "start": "09:00", "end": "10:00"}]);
    for path in ["value.location", "value.*.location", "value.0.location"] {
        assert_eq!(left(windows(), path), without, "{path}");
    }
    for path in ["value.windows.location", "value.windows.*.location", "value.*.location"] {
        let left = left(json!({"windows": windows()}), path);
        assert_eq!(left, json!({"windows": without}), "{path}");
    }
}

#[test]
fn a_path_that_removes_nothing_does_not_load() {
    let loads = |path: &str| {
        let text = format!(
            "policy_version: p\nrules:\n  - id: r\n    then: {{allow_read: true, redact: [{path}]}}\n"
        );
        Policy::load(&text)
    };
    for path in ["value", "value_json.likes", "value.a.*.b", "content", "content.text", "content.json.a"] {
        assert!(loads(path).is_ok(), "{path}");
    }
    for (path, suggestion) in [
        ("vaule.likes", Some("value.likes")),
        ("content.jsn", Some("content.json")),
        ("likes", None),
        ("nope", None),
    ] {
        let error = loads(path).unwrap_err().remove(0);
        assert_eq!((error.line, error.column, error.suggestion.as_deref()), (4, 39, suggestion), "{path}");
    }
    for path in ["value.li*", "value..a", "value.", "content.text.a", "content.*", "''"] {
        assert!(loads(path).is_err(), "{path}");
    }
}

fn folded(text: &str) -> String {
    text.to_lowercase().replace(['_', '-', ' '], "")
}

/// Whether something is at the path, by another way than the one that removes it.
fn reaches(value: &Value, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    match value {
        Value::Object(members) => members
            .iter()
            .any(|(key, below)| (first == "*" || folded(first) == folded(key)) && reaches(below, rest)),
        Value::Array(items) => {
            items.iter().any(|item| reaches(item, path) || first == "*" && reaches(item, rest))
        }
        _ => false,
    }
}

/// Every path to a member, with lists looked through.
fn paths_of(value: &Value, above: &[String], into: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(members) => {
            for (key, below) in members {
                let path = [above, std::slice::from_ref(key)].concat();
                paths_of(below, &path, into);
                into.push(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| paths_of(item, above, into)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn nothing_that_a_path_reaches_remains(
        value in any_value(), pick in any::<prop::sample::Index>(), star in prop::option::of(0_usize..4),
        upper in any::<bool>(),
    ) {
        let Ok(preference) = Preference::new(Kind::Preferences, None, Source::ExplicitUserInput, value) else {
            return Ok(());
        };
        let mut paths = vec![Vec::new()];
        paths_of(preference.value(), &[], &mut paths);
        let mut path = paths.swap_remove(pick.index(paths.len()));
        if let Some(segment) = star.and_then(|at| path.get_mut(at)) {
            *segment = "*".to_owned();
        }
        // What upper case does to other scripts does not come back.
        if upper && path.iter().all(|segment| segment.is_ascii()) {
            path.iter_mut().for_each(|segment| segment.make_ascii_uppercase());
        }
        let dotted = [&["value".to_owned()], path.as_slice()].concat().join(".");
        let left = preference.without(&[&dotted]);
        prop_assert_eq!(left.shape(), preference.shape());
        if path.is_empty() {
            let is_empty = matches!(left.value().to_string().as_str(), "{}" | "[]");
            prop_assert!(is_empty, "{}", left.value());
        } else {
            prop_assert!(!reaches(left.value(), &path), "{} of {}", dotted, left.value());
        }
        prop_assert_eq!(&left.without(&[&dotted]), &left);
    }
}
