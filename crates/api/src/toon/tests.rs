use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn values_are_written_as_the_specification_says() {
    let check = |value: Value, expect: &[&str]| assert_eq!(text(&value), expect.join("\n"), "{value}");
    check(json!({}), &[]);
    check(json!([]), &["[0]:"]);
    check(json!("a b"), &["a b"]);
    check(
        json!({"id": 7, "name": "Ana", "is": true, "none": null}),
        &["id: 7", "is: true", "name: Ana", "none: null"],
    );
    check(json!({"a": {"b": {"c": 1}, "d": {}}}), &["a:", "  b:", "    c: 1", "  d:"]);
    check(json!({"tags": ["a", "b,c", 1.5, null], "no": []}), &["no[0]:", "tags[4]: a,\"b,c\",1.5,null"]);
    let rows = json!({"rows": [{"a": 1, "b": "x"}, {"b": "y z", "a": null}]});
    check(rows, &["rows[2]{a,b}:", "  1,x", "  null,y z"]);
    check(
        json!({"rows": [{"a": 1}, {"b": 2}, 3, [4, 5], [], [[6]], {}]}),
        &[
            "rows[7]:",
            "  - a: 1",
            "  - b: 2",
            "  - 3",
            "  - [2]: 4,5",
            "  - [0]:",
            "  - [1]:",
            "    - [1]: 6",
            "  -",
        ],
    );
    check(
        json!([{"a": [{"b": 1}, {"b": 2}], "c": {"d": 3}}, {"a": {"e": 4}, "c": [[5]]}]),
        &[
            "[2]:",
            "  - a[2]{b}:",
            "      1",
            "      2",
            "    c:",
            "      d: 3",
            "  - a:",
            "      e: 4",
            "    c[1]:",
            "      - [1]: 5",
        ],
    );
    check(json!({"a.b_1": 1, "a-b": 2, "": 3, "é": 4}), &["\"\": 3", "\"a-b\": 2", "a.b_1: 1", "\"é\": 4"]);
}

#[test]
fn what_would_be_read_otherwise_is_quoted() {
    let check = |value: &str, expect: &str| assert_eq!(text(&json!(value)), expect, "{value}");
    for plain in ["Ana", "a b", "é", "1a", "1.", ".5", "1e", "True", "a-b", "a#b", "+", "e5", "☃"] {
        check(plain, plain);
    }
    for quoted in [
        "", " a", "a ", "true", "false", "null", "1", "-1", "+1", "05", "1.5", "1e5", "1E+5", "-", "-a",
        "#a", "a:b", "a,b", "[a", "a}",
    ] {
        check(quoted, &format!("\"{quoted}\""));
    }
    check("a\"b\\c", "\"a\\\"b\\\\c\"");
    check("a\nb\tc\rd\u{1}", "\"a\\nb\\tc\\rd\\u0001\"");
}

#[test]
fn numbers_have_no_exponents() {
    let check = |value: Value, expect: &str| assert_eq!(text(&value), expect);
    check(json!(1.0), "1");
    check(json!(-0.0), "0");
    check(json!(0.1), "0.1");
    check(json!(1e-7), "0.0000001");
    check(json!(1e21), "1000000000000000000000");
    check(json!(u64::MAX), "18446744073709551615");
}

/// Reads back what is written: its own way, by the specification's rules for readers.
struct Reader<'a> {
    lines: Vec<(usize, &'a str)>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(text: &'a str) -> Value {
        let depth = |line: &str| (line.len() - line.trim_start_matches(' ').len()) / 2;
        let lines: Vec<(usize, &str)> =
            text.lines().map(|line| (depth(line), line.trim_start_matches(' '))).collect();
        let mut reader = Reader { lines, at: 0 };
        match reader.lines.as_slice() {
            [] => json!({}),
            [(_, first), ..] if first.starts_with('[') => reader.member(0, 1).1,
            [(_, only)] if key_of(only).is_none() => primitive(only),
            _ => reader.object(0),
        }
    }

    fn next(&mut self, depth: usize) -> Option<&'a str> {
        let (at, line) = *self.lines.get(self.at)?;
        (at == depth).then_some(line)
    }

    fn object(&mut self, depth: usize) -> Value {
        let mut members = Map::new();
        while self.next(depth).is_some() {
            let (key, value) = self.member(depth, depth + 1);
            members.insert(key, value);
        }
        Value::Object(members)
    }

    /// The member that begins in the next line, what is below it being so deep.
    fn member(&mut self, depth: usize, below: usize) -> (String, Value) {
        let line = self.next(depth).expect("a line");
        self.at += 1;
        self.read(line, below)
    }

    fn read(&mut self, line: &'a str, below: usize) -> (String, Value) {
        let (key, rest) = key_of(line).unwrap_or_else(|| panic!("no key in {line}"));
        let Some(head) = rest.strip_prefix('[') else {
            let rest = rest.strip_prefix(':').expect("a colon");
            let value = match rest.strip_prefix(' ') {
                Some(value) => primitive(value),
                None => self.object(below),
            };
            return (key, value);
        };
        let (count, rest) = head.split_once(']').expect("a bracket");
        let count: usize = count.parse().expect("a count");
        let value = if let Some(fields) = rest.strip_prefix('{') {
            let (fields, _) = fields.rsplit_once("}:").expect("fields");
            let fields = cells(fields);
            let rows = (0..count).map(|_| {
                let row = self.next(below).expect("a row");
                self.at += 1;
                let names = fields.iter().map(|name| unquoted(name));
                Value::Object(names.zip(cells(row).into_iter().map(primitive)).collect())
            });
            Value::Array(rows.collect())
        } else if let Some(values) = rest.strip_prefix(": ") {
            Value::Array(cells(values).into_iter().map(primitive).collect())
        } else {
            Value::Array((0..count).map(|_| self.item(below)).collect())
        };
        assert_eq!(value.as_array().map(Vec::len), Some(count), "{line}");
        (key, value)
    }

    fn item(&mut self, depth: usize) -> Value {
        let line = self.next(depth).expect("an item");
        self.at += 1;
        let Some(line) = line.strip_prefix("- ") else {
            assert_eq!(line, "-");
            return json!({});
        };
        if line.starts_with('[') {
            return self.read(line, depth + 1).1;
        }
        if key_of(line).is_none() {
            return primitive(line);
        }
        let (key, value) = self.read(line, depth + 2);
        let mut members = Map::from_iter([(key, value)]);
        if let Value::Object(more) = self.object(depth + 1) {
            members.extend(more);
        }
        Value::Object(members)
    }
}

/// How long the quoted text is with which this begins.
fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    let mut rest = text.strip_prefix('"')?.char_indices();
    rest.find_map(|(at, c)| {
        let is_end = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        is_end.then_some(at + 2)
    })
}

/// The key with which a line begins, and the rest of it from `:` or `[` on.
fn key_of(line: &str) -> Option<(String, &str)> {
    let length = quoted_length(line).or_else(|| line.find([':', '[']))?;
    let (key, rest) = line.split_at(length);
    rest.starts_with([':', '[']).then(|| (unquoted(key), rest))
}

fn cells(row: &str) -> Vec<&str> {
    let (mut cells, mut rest) = (Vec::new(), row);
    loop {
        let length = quoted_length(rest).unwrap_or_else(|| rest.find(',').unwrap_or(rest.len()));
        cells.push(&rest[..length]);
        match rest[length..].strip_prefix(',') {
            Some(more) => rest = more,
            None => return cells,
        }
    }
}

fn unquoted(text: &str) -> String {
    // The escapes are JSON's.
    if text.starts_with('"') { serde_json::from_str(text).expect("a text") } else { text.to_owned() }
}

fn primitive(text: &str) -> Value {
    if text.starts_with('"') {
        return json!(unquoted(text));
    }
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

fn values() -> impl Strategy<Value = Value> {
    let texts = prop_oneof![
        "[ -~]{0,6}",
        "[-+0-9.eE]{1,5}",
        "[\\PC\n\t\r\u{1}]{0,4}",
        prop::sample::select(vec!["true", "null", "- a", "a: b", "[1]", "#", "\"", "\\"])
            .prop_map(str::to_owned),
    ];
    let primitives = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1000_i32..1000).prop_map(|number| json!(f64::from(number) / 8.0)),
        texts.clone().prop_map(Value::from),
    ];
    let keys = prop_oneof!["[a-c]", texts];
    primitives.prop_recursive(4, 48, 4, move |inner| {
        let object = prop::collection::btree_map(keys.clone(), inner.clone(), 0..4);
        let object = object.prop_map(|members| Value::Object(members.into_iter().collect()));
        let row = prop::collection::vec(inner.clone(), 2);
        let rows = prop::collection::vec(row, 1..4);
        let table =
            rows.prop_map(|rows| rows.iter().map(|row| json!({"x": row[0], "y, z": row[1]})).collect());
        prop_oneof![object, prop::collection::vec(inner, 0..4).prop_map(Value::Array), table]
    })
}

/// Whole numbers are one, whether or not they were written with a fraction.
fn same(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(whole) if whole.fract() == 0.0 => json!(whole as i64),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(same).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(key, value)| (key.clone(), same(value))).collect())
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back(value in values()) {
        let written = text(&value);
        prop_assert_eq!(Reader::value(&written), same(&value), "{}", written);
    }
}
