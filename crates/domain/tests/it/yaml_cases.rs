//! Reads the corpus files: YAML as a JSON value.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like a test")]

use granit_parser::{Event, Parser};
use serde_json::{Map, Value};

/// A collection that is still open, and the key that waits for its value.
type Open = (Value, Option<String>);

/// The document of a file below `tests/corpus`.
pub(crate) fn read(path: &str) -> Value {
    let path = format!("{}/tests/corpus/{path}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut open: Vec<Open> = Vec::new();
    let mut root = Value::Null;
    for event in Parser::new_from_str(&text) {
        let (event, span) = event.unwrap_or_else(|error| panic!("{path}: {error:?}"));
        let place = span.start.line();
        let done = match event {
            Event::Scalar(text, ..) => {
                if let Some((Value::Object(_), key @ None)) = open.last_mut() {
                    *key = Some(text.to_string());
                    continue;
                }
                Value::String(text.to_string())
            }
            Event::SequenceStart(..) => {
                open.push((Value::Array(Vec::new()), None));
                continue;
            }
            Event::MappingStart(..) => {
                open.push((Value::Object(Map::new()), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().unwrap().0,
            _ => continue,
        };
        match open.last_mut() {
            None => root = done,
            Some((Value::Array(items), _)) => items.push(done),
            Some((Value::Object(members), key)) => {
                let key = key.take().unwrap();
                let double = members.insert(key.clone(), done);
                assert!(double.is_none(), "{path}:{place}: {key} twice");
            }
            Some(_) => unreachable!("only collections are open"),
        }
    }
    root
}
