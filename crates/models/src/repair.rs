//! JSON out of what a model wrote: what is around it is left out, and commas before a closing bracket. Nothing else is made up.

use serde_json::{Map, Value};

/// Places at which an object is looked for in prose.
const OBJECTS_TRIED_MAX: usize = 16;

/// The object that a text is, or holds.
///
/// # Errors
/// Why there is none, in words that repeat nothing of the text.
pub(crate) fn object(text: &str) -> Result<Map<String, Value>, String> {
    let text = text.trim();
    let why = match parse(text) {
        Ok(object) => return Ok(object),
        Err(why) => why,
    };
    let inside = fenced(text).into_iter().chain(objects(text)).find_map(|part| parse(part).ok());
    inside.ok_or(why)
}

fn parse(text: &str) -> Result<Map<String, Value>, String> {
    let read = |text: &str| serde_json::from_str::<Value>(text);
    let value = read(text).or_else(|error| read(&without_last_commas(text)).map_err(|_| error));
    match value {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("it is no JSON object".to_owned()),
        Err(error) => Err(format!("it is no JSON: {error}")),
    }
}

/// What stands between the first fences, perhaps behind the name of a language.
fn fenced(text: &str) -> Option<&str> {
    let (_, behind) = text.split_once("```")?;
    let behind = behind.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    // The closing one is the last: a text in the JSON may hold another.
    Some(behind.rsplit_once("```").map_or(behind, |(inside, _)| inside).trim())
}

/// What begins with a brace and ends where that is closed.
fn objects(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.match_indices('{').map(|(at, _)| at).take(OBJECTS_TRIED_MAX);
    starts.filter_map(|start| {
        let rest = text.get(start..)?;
        let mut depth = 0_usize;
        let end = outside(rest).find_map(|(at, byte)| {
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => return None,
            }
            (depth == 0).then_some(at)
        })?;
        rest.get(..=end)
    })
}

/// The bytes that do not stand in strings, with their places.
fn outside(text: &str) -> impl Iterator<Item = (usize, u8)> {
    let (mut is_string, mut is_escaped) = (false, false);
    text.bytes().enumerate().filter(move |(_, byte)| {
        let was_string = is_string;
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_string => is_escaped = true,
            b'"' => is_string = !is_string,
            _ => {}
        }
        !was_string && !is_string
    })
}

fn without_last_commas(text: &str) -> String {
    let mut last = Vec::new();
    let mut comma = None;
    for (at, byte) in outside(text) {
        match byte {
            b',' => comma = Some(at),
            b'}' | b']' => last.extend(comma.take()),
            byte if byte.is_ascii_whitespace() => {}
            _ => comma = None,
        }
    }
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    for at in last {
        kept.push_str(&text[from..at]);
        from = at + 1;
    }
    kept.push_str(&text[from..]);
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_found_in_what_is_around_it() {
        let check = |text: &str, expect: Value| {
            assert_eq!(object(text).map(Value::Object), Ok(expect), "{text}");
        };
        check(r#" {"a": 1} "#, json!({"a": 1}));
        check("```json\n{\"a\": 1}\n```", json!({"a": 1}));
        check("```\n{\"a\": \"```\"}\n```", json!({"a": "```"}));
        check("Here it is:\n```JSON\n{\"a\": [1, 2,],}\n```\nAnything else?", json!({"a": [1, 2]}));
        check(r#"Sure! {"a": "}"} is what I found."#, json!({"a": "}"}));
        check(r#"In {braces} I found {"a": {"b": "\"{"}}."#, json!({"a": {"b": "\"{"}}));
        check(
            r#"{"a": ",]", "b": [1,
        ] , }"#,
            json!({"a": ",]", "b": [1]}),
        );
    }

    #[test]
    fn what_is_none_is_said_without_a_word_of_it() {
        let check = |text: &str, expect: &str| {
            assert_eq!(object(text), Err(expect.to_owned()), "{text}");
        };
        check("[1]", "it is no JSON object");
        check("Sorry.", "it is no JSON: expected value at line 1 column 1");
        check(r#"{"a": 1"#, "it is no JSON: EOF while parsing an object at line 1 column 7");
        check(r#"{"a" 1}"#, "it is no JSON: expected `:` at line 1 column 6");
        check(r#"{"a": [1,,]}"#, "it is no JSON: expected value at line 1 column 10");
        check("", "it is no JSON: EOF while parsing a value at line 1 column 0");
    }

    proptest! {
        #[test]
        fn whatever_is_written_it_ends_and_what_is_right_stays(text in "[{}\\[\\]\",:a1` \\\\\n]{0,60}") {
            if let Ok(Value::Object(map)) = serde_json::from_str(&text) {
                prop_assert_eq!(object(&text), Ok(map));
            } else {
                let _ = object(&text);
            }
        }
    }
}
