//! Every field of every request with every wrong type and beyond each bound: 422 naming that field alone, and
//! nothing stored, not even an audit entry.

use serde_json::{Value, json};

use crate::governed::{App, Ask, changed, memory, reading, without};
use crate::support::Answer;

/// What a field takes, and so which types are wrong.
#[derive(Clone, Copy)]
enum Takes {
    Text,
    Whole,
    Container,
    List,
}

/// One field of a request.
struct Field {
    name: &'static str,
    takes: Takes,
    required: bool,
    /// Values of the right type that are refused, with the type of the fault.
    refused: Vec<(Value, &'static str)>,
    /// The outermost values that are taken.
    taken: Vec<Value>,
}

fn user_id() -> Field {
    Field {
        name: "user_id",
        takes: Takes::Text,
        required: true,
        refused: vec![
            (json!(""), "too_short"),
            (json!(" \t\n"), "too_short"),
            (json!("a\u{0}b"), "nul_character"),
            (json!("a\u{7}b"), "invalid"),
            (json!("a\u{85}b"), "invalid"),
            (json!("x".repeat(1_025)), "too_long"),
            (json!("é".repeat(513)), "too_long"),
        ],
        taken: vec![
            json!("x".repeat(1_024)),
            json!(format!(" {} ", "é".repeat(512))),
            json!("Åsa"),
            json!("用户"),
            json!("👩‍👧"),
            json!("a b/c?d#e"),
            json!("0"),
        ],
    }
}

fn scope() -> Field {
    let wrong = ["", "Preferences", "preferences ", "mood", "user"];
    Field {
        name: "scope",
        takes: Takes::Text,
        required: true,
        refused: wrong.into_iter().map(|name| (json!(name), "not_allowed")).collect(),
        taken: vec![json!("preferences")],
    }
}

fn domain() -> Field {
    Field {
        name: "domain",
        takes: Takes::Text,
        required: false,
        refused: vec![
            (json!("x".repeat(501)), "too_long"),
            (json!("é".repeat(501)), "too_long"),
            (json!("a\u{1}b"), "invalid"),
            (json!("\u{0}"), "nul_character"),
        ],
        taken: vec![json!(""), json!("  "), json!("é".repeat(500)), json!(format!(" {} ", "x".repeat(500)))],
    }
}

fn max_age_days() -> Field {
    whole("max_age_days", false, 1, 36_500)
}

fn whole(name: &'static str, required: bool, low: i64, high: i64) -> Field {
    let beyond =
        [json!(low - 1), json!(high + 1), json!(-1), json!(i64::MIN), json!(i64::MAX), json!(u64::MAX)];
    Field {
        name,
        takes: Takes::Whole,
        required,
        refused: beyond.into_iter().map(|value| (value, "out_of_range")).collect(),
        taken: vec![json!(low), json!(high)],
    }
}

fn create_fields() -> Vec<Field> {
    let source = Field {
        name: "source",
        takes: Takes::Text,
        required: true,
        refused: ["", "user", "USER_SETTING"].into_iter().map(|name| (json!(name), "not_allowed")).collect(),
        taken: vec![json!("explicit_user_input"), json!("user_setting")],
    };
    let value_json = Field {
        name: "value_json",
        takes: Takes::Container,
        required: true,
        refused: vec![
            (json!([]), "invalid"),
            (json!([1]), "invalid"),
            (json!(["a", 1]), "invalid"),
            (json!([{"day": 1}, {"note": 1}]), "invalid"),
            (json!({"a": "x".repeat(65_536)}), "too_long"),
        ],
        taken: vec![
            json!({}),
            json!({"a": null}),
            json!(["a"]),
            json!([{"day": "mon"}]),
            json!({"likes": []}),
            json!({"a": "x".repeat(65_536 - 8)}),
            json!({"a": {"b": [[{}]]}}),
        ],
    };
    vec![user_id(), scope(), domain(), source, whole("ttl_days", true, 1, 365), value_json]
}

fn read_fields() -> Vec<Field> {
    let purpose = Field {
        name: "purpose",
        takes: Takes::Text,
        required: true,
        refused: vec![(json!("suggest ".repeat(126)), "too_long"), (json!("suggest\u{0}"), "nul_character")],
        taken: vec![json!("suggest ".repeat(125)), json!("Recommend\n\u{7}")],
    };
    let class = ["", "chat_response", "subject_access", "Recommendation"];
    let purpose_class = Field {
        name: "purpose_class",
        takes: Takes::Text,
        required: false,
        refused: class.into_iter().map(|name| (json!(name), "not_allowed")).collect(),
        taken: vec![json!("recommendation"), json!("content_generation")],
    };
    vec![user_id(), scope(), domain(), purpose, purpose_class, max_age_days()]
}

fn token_fields() -> Vec<Field> {
    vec![Field {
        name: "revocation_token",
        takes: Takes::Text,
        required: true,
        refused: vec![
            (json!(""), "too_short"),
            (json!("x".repeat(513)), "too_long"),
            (json!("rt_\u{0}"), "nul_character"),
        ],
        taken: Vec::new(),
    }]
}

/// Values of the wrong type.
fn wrong_types(field: &Field) -> Vec<Value> {
    let mut wrong = vec![json!(true), json!(false)];
    match field.takes {
        Takes::Text => {
            wrong.extend([json!(0), json!(1.5), json!([]), json!(["a"]), json!({}), json!({"a": 1})]);
        }
        Takes::Whole => {
            wrong.extend([json!("7"), json!(7.0), json!(1e300), json!(0.5), json!([7]), json!({})]);
        }
        Takes::Container => wrong.extend([json!(0), json!(-1.5), json!("{}"), json!("")]),
        Takes::List => wrong.extend([json!(0), json!("[]"), json!({}), json!({"0": 1})]),
    }
    if field.required && field.name != "purpose" {
        wrong.push(Value::Null);
    }
    wrong
}

/// All that is wrong with a field, with the type of the fault.
fn wrong(field: &Field) -> Vec<(Value, &'static str)> {
    let types = wrong_types(field).into_iter().map(|value| (value, "wrong_type"));
    types.chain(field.refused.iter().cloned()).collect()
}

/// The fields that an answer names, with the types of their faults, read from both of its lists.
fn named(answer: &Answer) -> Vec<(String, String)> {
    let body = answer.json();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let fields = body["error"]["details"]["fields"].as_array().expect("fields");
    let named: Vec<_> = fields.iter().map(|f| (text(&f["field"]), text(&f["type"]))).collect();
    let details = body["detail"].as_array().expect("a list").iter().map(|detail| {
        let loc = detail["loc"].as_array().expect("a place");
        let place = loc.iter().fold(String::new(), |place, step| match step.as_str() {
            Some(key) if place.is_empty() => key.to_owned(),
            Some(key) => format!("{place}.{key}"),
            None => format!("{place}[{step}]"),
        });
        (place, text(&detail["type"]))
    });
    assert_eq!(named, details.collect::<Vec<_>>(), "the two lists differ");
    named
}

fn cut(value: &Value) -> String {
    value.to_string().chars().take(60).collect()
}

async fn check_body(path: &str, base: &Value, fields: &[Field]) {
    let app = App::new();
    let before = app.head().await;
    for field in fields {
        let place = format!("body.{}", field.name);
        let mut cases: Vec<(Value, &str)> = wrong(field)
            .into_iter()
            .map(|(value, kind)| (changed(base, &[(field.name, value)]), kind))
            .collect();
        if field.required {
            cases.push((without(base, field.name), "missing"));
        }
        for (body, kind) in cases {
            let answer = app.post(path, &body).await;
            let what = format!("{path} {} = {}", field.name, cut(&body[field.name]));
            assert_eq!(answer.status, 422, "{what}: {}", answer.text);
            assert_eq!(named(&answer), [(place.clone(), kind.to_owned())], "{what}");
        }
    }
    assert_eq!(app.head().await, before, "{path} stored something");
    for (field, value) in fields.iter().flat_map(|field| field.taken.iter().map(move |value| (field, value)))
    {
        let answer = app.post(path, &changed(base, &[(field.name, value.clone())])).await;
        assert!([200, 201].contains(&answer.status), "{} {}: {}", field.name, cut(value), answer.text);
    }
    for field in fields.iter().filter(|field| !field.required) {
        let answer = app.post(path, &changed(base, &[(field.name, Value::Null)])).await;
        assert!([200, 201].contains(&answer.status), "{} null: {}", field.name, answer.text);
        let answer = app.post(path, &without(base, field.name)).await;
        assert!([200, 201].contains(&answer.status), "no {}: {}", field.name, answer.text);
    }
}

/// Each field with the first thing that is wrong with it: all of them are named, in the order of the fields.
async fn check_all_at_once(path: &str, fields: &[Field]) {
    let app = App::new();
    let members = fields.iter().map(|field| (field.name.to_owned(), wrong_types(field)[0].clone()));
    let answer = app.post(path, &Value::Object(members.collect())).await;
    let places: Vec<String> = named(&answer).into_iter().map(|(place, _)| place).collect();
    let expected: Vec<String> = fields.iter().map(|field| format!("body.{}", field.name)).collect();
    assert_eq!(places, expected, "{path}");
}

#[tokio::test]
async fn create() {
    check_body("/memory", &memory(), &create_fields()).await;
    check_all_at_once("/memory", &create_fields()).await;
}

#[tokio::test]
async fn read() {
    check_body("/memory/read", &reading(), &read_fields()).await;
    check_all_at_once("/memory/read", &read_fields()).await;
}

#[tokio::test]
async fn tokens() {
    let base = json!({"revocation_token": "rt_x"});
    check_body("/memory/revoke", &base, &token_fields()).await;
    let fields: Vec<Field> = token_fields().into_iter().chain([max_age_days()]).collect();
    let app = App::new();
    let token = app.post("/memory/read", &reading()).await.json()["revocation_token"].clone();
    let base = json!({"revocation_token": token});
    let before = app.head().await;
    for field in &fields {
        for (value, kind) in wrong(field) {
            let answer = app.post("/memory/read/continue", &changed(&base, &[(field.name, value)])).await;
            assert_eq!(named(&answer), [(format!("body.{}", field.name), kind.to_owned())]);
        }
    }
    assert_eq!(app.head().await, before);
    check_all_at_once("/memory/read/continue", &fields).await;
    for days in [json!(1), json!(36_500), Value::Null] {
        let answer = app.post("/memory/read/continue", &changed(&base, &[("max_age_days", days)])).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

#[tokio::test]
async fn batch() {
    let app = App::new();
    let list = Field {
        name: "memories",
        takes: Takes::List,
        required: true,
        refused: vec![(json!([]), "too_short"), (json!(vec![1; 1_001]), "too_long")],
        taken: Vec::new(),
    };
    let base = json!({"memories": [memory()]});
    let before = app.head().await;
    for (value, kind) in wrong(&list) {
        let answer = app.post("/memory/batch", &changed(&base, &[("memories", value)])).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert_eq!(named(&answer), [("body.memories".to_owned(), kind.to_owned())]);
    }
    // Every fault of every field as an item of its own: each is refused for itself.
    let mut items: Vec<Value> = Vec::new();
    let mut expected: Vec<(String, &str)> = Vec::new();
    for field in create_fields() {
        let mut cases: Vec<(Value, &str)> = wrong(&field)
            .into_iter()
            .map(|(value, kind)| (changed(&memory(), &[(field.name, value)]), kind))
            .collect();
        if field.required {
            cases.push((without(&memory(), field.name), "missing"));
        }
        for (item, kind) in cases {
            expected.push((format!("body.memories[{}].{}", items.len(), field.name), kind));
            items.push(item);
        }
    }
    let answer = app.post("/memory/batch", &json!({"memories": items})).await;
    assert_eq!(answer.status, 207, "{}", answer.text);
    let body = answer.json();
    assert_eq!((&body["accepted"], &body["rejected"]), (&json!(0), &json!(items.len())));
    for (result, (place, kind)) in body["results"].as_array().unwrap().iter().zip(&expected) {
        let fields = &result["error"]["details"]["fields"];
        assert_eq!(fields.as_array().map(Vec::len), Some(1), "{place}: {result}");
        assert_eq!((&fields[0]["field"], &fields[0]["type"]), (&json!(place), &json!(kind)), "{result}");
        assert_eq!(result["status"], 422);
    }
    assert_eq!(app.head().await, before, "a refused batch stored something");
    // Good ones among them are stored, at their own places.
    items.truncate(3);
    items.insert(1, memory());
    let answer = app.post("/memory/batch", &json!({"memories": items})).await;
    let statuses: Vec<Value> =
        answer.json()["results"].as_array().unwrap().iter().map(|result| result["status"].clone()).collect();
    assert_eq!((answer.status, statuses), (207, vec![json!(422), json!(201), json!(422), json!(422)]));
    let full = json!({"memories": vec![memory(); 1_000]});
    assert_eq!(app.post("/memory/batch", &full).await.status, 200);
}

/// Percent-encoded.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Query parameters: each wrong text names its parameter alone.
async fn check_query(method: &str, path: &str, base: &[(&str, &str)], cases: &[(&str, &str, &str)]) {
    let app = App::new();
    let ask = |parameters: &[(&str, &str)]| {
        let pairs: Vec<String> = parameters.iter().map(|(k, v)| format!("{k}={}", encoded(v))).collect();
        Ask::new(&format!("{method} {path}?{}", pairs.join("&"))).auditor()
    };
    let before = app.head().await;
    for (name, text, kind) in cases {
        let mut parameters: Vec<(&str, &str)> = base.iter().filter(|(k, _)| k != name).copied().collect();
        if *kind != "missing" {
            parameters.push((name, text));
        }
        let answer = app.ask(ask(&parameters)).await;
        assert_eq!(answer.status, 422, "{path} {name}={}: {}", cut(&json!(text)), answer.text);
        assert_eq!(named(&answer), [(format!("query.{name}"), (*kind).to_owned())], "{path} {name}={text:?}");
    }
    for (name, text) in base {
        let mut parameters = base.to_vec();
        parameters.push((name, text));
        let answer = app.ask(ask(&parameters)).await;
        assert_eq!(named(&answer), [(format!("query.{name}"), "repeated".to_owned())]);
    }
    assert_eq!(app.head().await, before, "{path} stored something");
    let answer = app.ask(ask(base)).await;
    assert!([200, 404].contains(&answer.status), "{}", answer.text);
}

#[tokio::test]
async fn queries() {
    let long_user = "x".repeat(1_025);
    let long_text = "x".repeat(1_001);
    let users = [
        ("user_id", "", "missing"),
        ("user_id", "", "too_short"),
        ("user_id", " ", "too_short"),
        ("user_id", "\u{0}", "nul_character"),
        ("user_id", "\u{7}a\u{7}b", "invalid"),
        ("user_id", &long_user, "too_long"),
    ];
    let list = [
        ("scope", "", "missing"),
        ("scope", "Schedule", "not_allowed"),
        ("domain", "\u{1}", "invalid"),
        ("domain", &long_text, "too_long"),
        ("purpose", "", "missing"),
        ("purpose", &long_text, "too_long"),
        ("purpose_class", "", "not_allowed"),
        ("purpose_class", "chat_response", "not_allowed"),
        ("limit", "0", "out_of_range"),
        ("limit", "1001", "out_of_range"),
        ("limit", "-1", "out_of_range"),
        ("limit", "99999999999999999999", "out_of_range"),
        ("limit", "", "wrong_type"),
        ("limit", "1.0", "wrong_type"),
        ("limit", "+1", "wrong_type"),
        ("limit", "0x1", "wrong_type"),
        ("limit", "true", "wrong_type"),
        ("cursor", "", "too_short"),
        ("cursor", "AAAA", "invalid"),
        ("cursor", "é", "invalid"),
        ("cursor", &long_text, "too_long"),
    ];
    let base = [("user_id", "u"), ("scope", "preferences"), ("purpose", "suggest")];
    check_query("GET", "/memory", &base, &[&users[..], &list[..]].concat()).await;
    let path = "/memory/01900000-0000-7000-8000-000000000001";
    check_query("DELETE", path, &[("user_id", "u")], &users).await;
    let tenant =
        [("tenant_id", "", "invalid"), ("tenant_id", "t_", "invalid"), ("tenant_id", "t_a b", "invalid")];
    let page = [
        ("limit", "0", "out_of_range"),
        ("limit", "1001", "out_of_range"),
        ("limit", "x", "wrong_type"),
        ("cursor", "-1", "invalid"),
        ("cursor", "9223372036854775808", "invalid"),
        ("cursor", "1-9223372036854775808", "invalid"),
        ("cursor", "1-2-3", "invalid"),
        ("cursor", "", "too_short"),
        ("colour", "red", "unknown_field"),
    ];
    let base = [("tenant_id", "t_default")];
    for path in ["/v2/audit", "/v2/access-logs"] {
        check_query("GET", path, &base, &[&tenant[..], &page[..]].concat()).await;
    }
    check_query("GET", "/v2/audit/verify", &base, &tenant).await;
    check_query("GET", "/v2/access-logs/log_01900000000070008000000000000001", &base, &tenant).await;
}

#[tokio::test]
async fn ids_in_paths() {
    let app = App::new();
    let before = app.head().await;
    let bad = [
        "x",
        "mem_",
        "mem_12",
        "log_01900000000070008000000000000001",
        "%00",
        "01900000-0000-7000-8000-00000000000g",
    ];
    for id in bad {
        let answer = app.ask(Ask::new(&format!("DELETE /memory/{id}?user_id=u"))).await;
        assert_eq!(answer.status, 422, "{id}: {}", answer.text);
        let kind = if id == "%00" { "nul_character" } else { "invalid" };
        assert_eq!(named(&answer), [("path.id".to_owned(), kind.to_owned())], "{id}");
    }
    for id in ["x", "log_", "mem_01900000000070008000000000000001", "%00"] {
        let answer = app.get(&format!("/v2/access-logs/{id}")).await;
        assert_eq!((answer.status, named(&answer)[0].0.as_str()), (422, "path.id"), "{id}");
    }
    assert_eq!(app.head().await, before);
}

#[tokio::test]
async fn a_huge_number_in_a_batch_is_its_items_alone() {
    let app = App::new();
    let bad = changed(&memory(), &[("ttl_days", json!("HUGE"))]);
    let body = json!({"memories": [bad, memory(), bad]}).to_string().replace("\"HUGE\"", "1e400");
    let answer = app.ask(Ask::new("POST /memory/batch").text(&body)).await;
    assert_eq!(answer.status, 207, "{}", answer.text);
    let statuses: Vec<Value> =
        answer.json()["results"].as_array().unwrap().iter().map(|r| r["status"].clone()).collect();
    assert_eq!(statuses, [422, 201, 422]);
}

#[tokio::test]
async fn a_bad_cursor_is_told_with_all_else() {
    let answer = App::new().get("/memory?scope=x&purpose=suggest&limit=0&cursor=AAAA").await;
    let fields: Vec<String> = named(&answer).into_iter().map(|(field, _)| field).collect();
    assert_eq!(answer.status, 422);
    assert_eq!(fields, ["query.user_id", "query.scope", "query.limit", "query.cursor"]);
}
