use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::wire::Step;

fn value(text: &str) -> Value {
    parse(text.as_bytes())
        .and_then(Document::into_value)
        .unwrap_or_else(|p| panic!("{text}: {}", p.message()))
}

fn refused(bytes: &[u8]) -> (u16, String) {
    let problem = parse(bytes).and_then(Document::into_value).unwrap_err();
    let fields: Vec<String> =
        problem.fields().iter().map(|f| format!("{}: {}", f.field(), f.fault.as_str())).collect();
    let text = if fields.is_empty() { problem.message().to_owned() } else { fields.join(", ") };
    (problem.status().as_u16(), text.trim_start_matches("The body cannot be read as JSON: ").to_owned())
}

#[test]
fn json_is_kept_as_sent() {
    let text = r#"{"a":[1,-2,18446744073709551615,-9223372036854775808,0.1,1e20,"é🙂\u00e9\ud83d\ude42",true,null,{}]}"#;
    let read = value(text);
    assert_eq!(read, serde_json::from_str::<Value>(text).unwrap());
    assert_eq!(value(" \n[]\t"), json!([]));
    assert_eq!(value("[1e20,2e300,-1.5e19]"), json!([1e20, 2e300, -1.5e19]));
    assert_eq!(value("5"), json!(5));
    for decimal in ["0.1", "2.2250738585072011e-308", "9007199254740993.0", "123456789.12345679"] {
        let expected: f64 = decimal.parse().unwrap();
        assert_eq!(value(decimal).as_f64(), Some(expected), "{decimal}");
    }
}

#[test]
fn what_is_wrong_and_where() {
    let ten_to_400 = format!("{{\"a\":1{}}}", "0".repeat(400));
    let bodies: [&[u8]; 24] = [
        b"",
        b" \n",
        b"{\"a\":1,\n \"a\":2}",
        b"{\"x\":[{\"a\":1,\"a\":2}]}",
        b"{\"a\":1,\"\\u0061\":2}",
        b"{\"a\":1} x",
        b"{\"a\":",
        b"{\"a\":1,}",
        b"{\"a\":\"\n\"}",
        b"\xef\xbb\xbf{}",
        b"{\n\"a\":\"\xff\"}",
        b"[\"\xed\xa0\x80\"]",
        br#"["\ud800"]"#,
        br#"["\udc00"]"#,
        br#"{"\ud800\ud800":1}"#,
        b"[NaN]",
        b"[01]",
        br#"{"a":["x\u0000"],"\u0000b":1}"#,
        br#"{"a":{"b":1e400}}"#,
        br#"{"a":["\u0000",-1e999999999999]}"#,
        b"[1,18446744073709551616]",
        b"{\"a\":-9223372036854775809 , \"b\":1e30}",
        b"99999999999999999999999",
        ten_to_400.as_bytes(),
    ];
    let mut table = String::new();
    for bytes in bodies {
        let (status, text) = refused(bytes);
        let shown: String = bytes.escape_ascii().map(char::from).take(50).collect();
        table.push_str(&format!("{shown}\n    {status} {text}\n"));
    }
    insta::assert_snapshot!("refusals", table);
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    value(&nested(64));
    assert_eq!(refused(nested(65).as_bytes()).1, "it is nested deeper than 64 levels (line 1, column 66)");
    assert_eq!(refused("[".repeat(100_000).as_bytes()).0, 400);
    assert_eq!(refused("{\"a\":".repeat(100_000).as_bytes()).0, 400);
}

#[test]
fn values_and_memory_are_bounded() {
    let keys = |n: usize| {
        let members: Vec<String> = (0..n).map(|i| format!("\"k{i}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    value(&keys(100_000));
    assert!(refused(keys(1_000_000).as_bytes()).1.starts_with("it holds more than 400000 values"));
    let tiny = format!("[{}{{}}]", "{\"\":0},".repeat(150_000));
    assert!(
        refused(tiny.as_bytes()).1.starts_with("it holds too many small objects"),
        "{:?}",
        refused(tiny.as_bytes())
    );
    value(&format!("[{}{{}}]", "{\"a\":0},".repeat(20_000)));
    // The same objects in a longer body: its length entitles it to more.
    let padded = |objects: usize, padding: usize| {
        format!("[{}\"{}\"]", "{\"a\":0},".repeat(objects), "x".repeat(padding))
    };
    assert!(refused(padded(30_000, 0).as_bytes()).1.starts_with("it holds too many small objects"));
    value(&padded(30_000, 10_000_000));
}

/// Any JSON that is within the bounds.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[^\0]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[^\0]{0,4}", inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// The way to each marker, in order.
fn markers(json: &Value, path: &mut Vec<Step>, found: &mut Vec<String>) {
    let members: Vec<(Step, &Value)> = match json {
        Value::String(text) if text == MARKER => return found.push(field_text(path)),
        Value::Array(list) => list.iter().enumerate().map(|(at, v)| (Step::Index(at), v)).collect(),
        Value::Object(map) => map.iter().map(|(key, v)| (Step::Key(key.clone().into()), v)).collect(),
        _ => return,
    };
    for (step, value) in members {
        path.push(step);
        markers(value, path, found);
        path.pop();
    }
}

/// Stands where a huge number is to be; longer than any other string there.
const MARKER: &str = "a huge number";

#[test]
fn a_huge_number_hides_nothing() {
    let (status, text) =
        refused(br#"[1e400,"\u0000",{"a":-1E+999 ,"1e999":"1e999"},18446744073709551616,1e308,9e999]"#);
    assert_eq!(status, 422);
    let all = "body[0]: out_of_range, body[1]: nul_character, body[2].a: out_of_range, \
               body[3]: out_of_range, body[5]: out_of_range";
    assert_eq!(text, all);
    for (bad, status) in
        [("[1e999x]", 400), ("[01e999]", 400), ("[1e999,", 400), ("[1e999 1]", 400), ("[1e999.5]", 422)]
    {
        assert_eq!(refused(bad.as_bytes()).0, status, "{bad}");
    }
    let started = std::time::Instant::now();
    assert_eq!(refused(format!("[{}1e999]", "1 ,".repeat(100_000)).as_bytes()).0, 422);
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}

proptest! {
    #[test]
    fn huge_numbers_are_told_where_they_are(
        json in any_json(),
        more in prop::collection::vec((any_json(), any::<bool>()), 1..6),
        number in prop_oneof!["-?[1-9][0-9]{0,3}[eE][+]?[3-9][1-9][0-9]{1,4}", "-?[1-9][0-9]{310}", "-?9[.]9{1,20}e309"],
    ) {
        let huge = more.iter().any(|(_, huge)| *huge);
        let more: Vec<Value> = more.into_iter().map(|(v, huge)| if huge { json!([v, {"k": MARKER}]) } else { v }).collect();
        let tree = json!({"one": json, "more": more});
        let mut expected = Vec::new();
        markers(&tree, &mut vec![Step::Key("body".into())], &mut expected);
        for text in [tree.to_string(), format!("{tree:#}")] {
            let text = text.replace(&format!("{MARKER:?}"), &number);
            let result = parse(text.as_bytes()).and_then(Document::into_value);
            let told: Vec<String> = result.err().iter().flat_map(Problem::fields).map(|f| f.field()).collect();
            prop_assert_eq!(&told, &expected);
            prop_assert_eq!(huge, !told.is_empty());
        }
    }

    #[test]
    fn what_is_written_is_read_back(json in any_json()) {
        prop_assert_eq!(value(&json.to_string()), json.clone());
        prop_assert_eq!(value(&format!("{json:#}")), json);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        drop(parse(&bytes));
    }

    #[test]
    fn no_text_like_json_panics(text in r#"[\[\]{},:"\\ud8c0eE.+0-9\-]{0,40}"#) {
        let strict = parse(text.as_bytes()).and_then(Document::into_value);
        if let Ok(read) = strict {
            prop_assert_eq!(read, serde_json::from_str::<Value>(&text).expect("stricter, never laxer"));
        }
    }
}
