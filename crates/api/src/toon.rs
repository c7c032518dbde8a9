//! JSON values as text in Token-Oriented Object Notation (TOON), which language models read with fewer tokens.
//!
//! What is written are the forms of the specification's version 3, which version 4 reads likewise: two blanks for each level, commas
//! between values, `key[N]: a,b` for lists of primitive values, a table for lists of objects that all have the same primitive
//! members, and a list of `- ` items for any other. A control character for which version 3 has no escape is written as version 4
//! does: `\u001f`.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

/// The value as text, without a line feed at its end.
#[must_use]
pub fn text(value: &Value) -> String {
    let mut out = Lines::default();
    match value {
        Value::Object(members) => out.members(members, 0),
        Value::Array(items) => out.list("", items, 0, 1),
        primitive => out.line(0, &written(primitive)),
    }
    out.text
}

#[derive(Default)]
struct Lines {
    text: String,
    /// What stands before the next line in place of the last of its blanks: that of a list's item.
    is_item: bool,
}

impl Lines {
    fn line(&mut self, depth: usize, content: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let is_item = std::mem::take(&mut self.is_item);
        for level in 0..depth {
            self.text.push_str(if is_item && level + 1 == depth { "- " } else { "  " });
        }
        self.text.push_str(content);
    }

    fn members(&mut self, members: &Map<String, Value>, depth: usize) {
        for (key, value) in members {
            let key = written_key(key);
            match value {
                Value::Object(inner) => {
                    self.line(depth, &format!("{key}:"));
                    self.members(inner, depth + 1);
                }
                Value::Array(items) => self.list(&key, items, depth, depth + 1),
                primitive => self.line(depth, &format!("{key}: {}", written(primitive))),
            }
        }
    }

    /// A list whose head is at a depth, and its rows or items at another.
    fn list(&mut self, key: &str, items: &[Value], depth: usize, below: usize) {
        let count = items.len();
        if items.iter().all(is_primitive) {
            let blank = if items.is_empty() { "" } else { " " };
            self.line(depth, &format!("{key}[{count}]:{blank}{}", row(items.iter())));
            return;
        }
        if let Some(fields) = fields(items) {
            let names: Vec<String> = fields.iter().map(|field| written_key(field)).collect();
            self.line(depth, &format!("{key}[{count}]{{{}}}:", names.join(",")));
            for item in items {
                self.line(below, &row(fields.iter().map(|field| &item[field.as_str()])));
            }
            return;
        }
        self.line(depth, &format!("{key}[{count}]:"));
        for item in items {
            self.item(item, below);
        }
    }

    fn item(&mut self, item: &Value, depth: usize) {
        match item {
            Value::Object(members) if members.is_empty() => self.line(depth, "-"),
            Value::Object(members) => {
                // Its first member stands on its own line, as deep as the others.
                self.is_item = true;
                self.members(members, depth + 1);
            }
            // A table needs a key to stand behind.
            Value::Array(items) if !items.iter().all(is_primitive) => {
                self.line(depth, &format!("- [{}]:", items.len()));
                for item in items {
                    self.item(item, depth + 1);
                }
            }
            Value::Array(items) => {
                let blank = if items.is_empty() { "" } else { " " };
                self.line(depth, &format!("- [{}]:{blank}{}", items.len(), row(items.iter())));
            }
            primitive => self.line(depth, &format!("- {}", written(primitive))),
        }
    }
}

fn is_primitive(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

/// The members that all items have, and none has others, where all of them are primitive.
fn fields(items: &[Value]) -> Option<Vec<&String>> {
    let first = items.first()?.as_object().filter(|first| !first.is_empty())?;
    let is_alike = |item: &Value| {
        item.as_object().is_some_and(|item| {
            item.len() == first.len()
                && item.iter().all(|(key, value)| first.contains_key(key) && is_primitive(value))
        })
    };
    items.iter().all(is_alike).then(|| first.keys().collect())
}

fn row<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    values.map(written).collect::<Vec<_>>().join(",")
}

/// A primitive value.
fn written(value: &Value) -> String {
    match value {
        Value::Number(number) => written_number(number),
        Value::String(text) if is_plain(text) => text.clone(),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

/// Without an exponent, and without what adds nothing.
fn written_number(number: &Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        // Both zeros are one.
        Some(number) => format!("{}", if number == 0.0 { 0.0 } else { number }),
        None => number.to_string(),
    }
}

/// Whether a text is read as itself where it stands without quotes.
fn is_plain(text: &str) -> bool {
    let is_special = |c: char| matches!(c, ',' | ':' | '"' | '\\' | '[' | ']' | '{' | '}') || c < ' ';
    let is_trimmed = text.trim() == text;
    let begins_otherwise = text.starts_with(['-', '#']);
    let is_word = matches!(text, "true" | "false" | "null");
    !text.is_empty()
        && is_trimmed
        && !begins_otherwise
        && !is_word
        && !is_numeric(text)
        && !text.contains(is_special)
}

/// Whether a text looks like a number, be it one with a sign or with zeros before it.
fn is_numeric(text: &str) -> bool {
    let digits = |text: &str| {
        let count = text.bytes().take_while(u8::is_ascii_digit).count();
        (count > 0).then_some(count)
    };
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let Some(count) = digits(rest) else { return false };
    let mut rest = &rest[count..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let Some(count) = digits(fraction) else { return false };
        rest = &fraction[count..];
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let Some(count) = digits(exponent) else { return false };
        rest = &exponent[count..];
    }
    rest.is_empty()
}

fn written_key(key: &str) -> String {
    let is_name = |key: &str| {
        key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.')
            && key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
    };
    if is_name(key) { key.to_owned() } else { quoted(key) }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
