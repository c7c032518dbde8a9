//! Tests of attributes as Cedar expressions.
//!
//! Attributes keep their dotted names and are flat: `resource["memory.type"]`. What may be of any type, metadata, is a
//! record with one field that is named for its type, since Cedar cannot ask for a type: `{text: "a"}`. What errs in our
//! language errs in Cedar's: by comparing what has no order, or by asking for a field that is not there.

use memoryscope_domain::policy::catalogue::Kind;
use serde_json::Value as Json;

use crate::vocabulary::{BUILTIN_WORDS, GLOBS, WORDS, kind_of};

/// Ten-thousandths: Cedar's numbers are integers.
#[expect(clippy::cast_possible_truncation, reason = "the vocabulary's numbers are small")]
#[must_use]
pub fn scaled(number: f64) -> i64 {
    (number * 10_000.0).round() as i64
}

/// A text as Cedar writes it.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// A set of texts as Cedar writes it.
#[must_use]
pub fn list(texts: &[&str]) -> String {
    let texts = texts.iter().map(|text| quoted(text)).collect::<Vec<_>>();
    format!("[{}]", texts.join(", "))
}

/// The Boolean not.
#[must_use]
pub fn negated(expression: &str) -> String {
    format!("!({expression})")
}

/// An attribute as Cedar sees it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Whether it is there.
    pub has: String,
    /// What it is worth.
    get: String,
    kind: Kind,
}

/// The attribute of that path.
#[must_use]
pub fn subject(path: &str) -> Subject {
    let kind = kind_of(path);
    let whose = match path.split('.').next() {
        Some("memory") => "resource",
        Some("principal") => "principal",
        _ => "context",
    };
    // Cedar computes the hour itself.
    let (name, get) = match path {
        "time.hour" => ("time.now", r#"(context["time.now"].toTime().toHours() * 10000)"#.to_owned()),
        other => (other, format!("{whose}[{}]", quoted(path))),
    };
    Subject { has: format!("{whose} has {}", quoted(name)), get, kind }
}

/// A whole test: several operators in one map must all hold.
#[must_use]
pub fn test(subject: &Subject, test: &Json) -> String {
    let parts = operators(test).into_iter().map(|(name, value)| operator(subject, name, value));
    format!("({})", parts.collect::<Vec<_>>().join(" && "))
}

/// The operators of a test, a bare value's or list's included.
#[must_use]
pub fn operators(test: &Json) -> Vec<(&str, &Json)> {
    match test {
        Json::Object(operators) => operators.iter().map(|(name, value)| (name.as_str(), value)).collect(),
        Json::Array(_) => vec![("list", test)],
        _ => vec![("value", test)],
    }
}

/// One operator. Absence matches nothing but `exists: false`.
#[must_use]
pub fn operator(subject: &Subject, name: &str, value: &Json) -> String {
    let Subject { has, get, kind } = subject;
    let body = match name {
        "value" => equal(get, *kind, value),
        "list" | "any_of" => one_of(get, *kind, value),
        "none_of" => negated(&one_of(get, *kind, value)),
        "all_of" => {
            let set = if *kind == Kind::Open { format!("{get}.set") } else { get.clone() };
            format!("{set}.containsAll({})", literals(value))
        }
        "not" => negated(&test(subject, value)),
        "exists" => return exists(subject, value == true),
        "matches" => matches(get, *kind, value.as_str().unwrap_or_default()),
        order => compare(get, *kind, order, value),
    };
    format!("{has} && {body}")
}

/// Of a set, another type is an error even here.
fn exists(Subject { has, get, kind }: &Subject, wanted: bool) -> String {
    match (kind.is_set(), wanted) {
        (false, true) => has.clone(),
        (false, false) => negated(has),
        (true, true) => format!("{has} && {get}.containsAll([])"),
        (true, false) => negated(&format!("{has} && {get}.containsAll([])")),
    }
}

fn equal(get: &str, kind: Kind, value: &Json) -> String {
    match kind {
        Kind::Open => one_of(get, kind, value),
        _ if kind.is_set() => format!("{get}.contains({})", literal(value)),
        _ => format!("{get} == {}", literal(value)),
    }
}

fn one_of(get: &str, kind: Kind, values: &Json) -> String {
    match kind {
        Kind::Open => one_of_any_type(get, values),
        _ if kind.is_set() => format!("{get}.containsAny({})", literals(values)),
        _ => format!("{}.contains({get})", literals(values)),
    }
}

/// By the field that the value's type has.
fn one_of_any_type(get: &str, values: &Json) -> String {
    let values = values.as_array().map_or_else(|| std::slice::from_ref(values), Vec::as_slice);
    let of_type = |is: fn(&Json) -> bool| values.iter().filter(|value| is(value)).cloned().collect::<Json>();
    let (texts, numbers) = (literals(&of_type(Json::is_string)), literals(&of_type(Json::is_number)));
    let flags = literals(&of_type(Json::is_boolean));
    format!(
        "({get} has text && {texts}.contains({get}.text) || {get} has set && {get}.set.containsAny({texts}) \
         || {get} has number && {numbers}.contains({get}.number) || {get} has flag && {flags}.contains({get}.flag))"
    )
}

/// A glob is Cedar's `like`. Over a set, which Cedar cannot walk, it is unrolled over what a set may hold.
fn matches(get: &str, kind: Kind, glob: &str) -> String {
    let like = |text: &str| format!("{text} like {}", quoted(glob));
    let one_matches = |set: &str| {
        let words = WORDS
            .iter()
            .chain(&BUILTIN_WORDS)
            .chain(&GLOBS)
            .map(|word| format!("{set}.contains({0}) && {1}", quoted(word), like(&quoted(word))));
        format!("({})", words.collect::<Vec<_>>().join(" || "))
    };
    match kind {
        Kind::Open => {
            let set = format!("{get}.set");
            format!("(if {get} has set then {} else {})", one_matches(&set), like(&format!("{get}.text")))
        }
        _ if kind.is_set() => one_matches(get),
        _ => like(get),
    }
}

fn compare(get: &str, kind: Kind, order: &str, bound: &Json) -> String {
    let sign = match order {
        "gt" => ">",
        "gte" => ">=",
        "lt" => "<",
        _ => "<=",
    };
    match (kind, bound) {
        (Kind::Ordered(names), _) => {
            let at = names.iter().position(|name| bound == name).unwrap_or_default();
            let passing = match order {
                "gt" => &names[at + 1..],
                "gte" => &names[at..],
                "lt" => &names[..at],
                _ => &names[..=at],
            };
            // What is none of them has no rank.
            format!(
                r#"(if {}.contains({get}) then {}.contains({get}) else resource["no rank"])"#,
                list(names),
                list(passing)
            )
        }
        (Kind::Open, Json::Number(_)) => format!("{get}.number {sign} {}", literal(bound)),
        (Kind::Open, _) => format!("{get}.time {sign} {}", instant(bound)),
        (Kind::Time, _) => format!("{get} {sign} {}", instant(bound)),
        _ => format!("{get} {sign} {}", literal(bound)),
    }
}

/// An instant, or one that follows the request's.
fn instant(bound: &Json) -> String {
    let text = bound.as_str().unwrap_or_default();
    match text.strip_prefix("now") {
        None => format!("datetime({})", quoted(text)),
        Some("") => r#"context["time.now"]"#.to_owned(),
        Some(offset) => {
            format!(r#"context["time.now"].offset(duration({}))"#, quoted(offset.trim_start_matches('+')))
        }
    }
}

fn literal(value: &Json) -> String {
    match value {
        Json::String(text) => quoted(text),
        Json::Number(number) => scaled(number.as_f64().unwrap_or_default()).to_string(),
        other => other.to_string(),
    }
}

fn literals(values: &Json) -> String {
    let values = values.as_array().into_iter().flatten().map(literal).collect::<Vec<_>>();
    format!("[{}]", values.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(path: &str, value: &Json, expect: &str) {
        assert_eq!(test(&subject(path), value), expect);
    }

    #[test]
    fn operators_have_their_cedar() {
        let level = r#"resource["memory.sensitivity.level"]"#;
        check(
            "memory.age_days",
            &json!({"lt": 2.5}),
            r#"(resource has "memory.age_days" && resource["memory.age_days"] < 25000)"#,
        );
        check(
            "principal.roles",
            &json!("agent"),
            r#"(principal has "principal.roles" && principal["principal.roles"].contains("agent"))"#,
        );
        check(
            "memory.sensitivity.level",
            &json!({"gt": "medium"}),
            &format!(
                "(resource has \"memory.sensitivity.level\" && (if [\"low\", \"medium\", \"high\", \"critical\"].contains({level}) \
                 then [\"high\", \"critical\"].contains({level}) else resource[\"no rank\"]))"
            ),
        );
        check(
            "time.now",
            &json!({"gte": "now-30d"}),
            r#"(context has "time.now" && context["time.now"] >= context["time.now"].offset(duration("-30d")))"#,
        );
        check("memory.domain", &json!({"exists": false}), r#"(!(resource has "memory.domain"))"#);
        check(
            "memory.domain",
            &json!({"not": ["a"]}),
            r#"(resource has "memory.domain" && !((resource has "memory.domain" && ["a"].contains(resource["memory.domain"]))))"#,
        );
    }
}
