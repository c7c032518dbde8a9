//! Canonical JSON (RFC 8785): one spelling for one value.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

/// The largest whole number that every JSON reader keeps exact: 2^53 − 1.
pub(super) const WHOLE_MAX: u64 = (1 << 53) - 1;

/// Writes an object whose member names the caller gives in order.
pub(super) struct ObjectWriter {
    out: String,
    open: bool,
}

impl ObjectWriter {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut out = String::with_capacity(bytes);
        out.push('{');
        Self { out, open: true }
    }

    /// Begins a member. Names are plain ASCII and sorted: checked against a second implementation by tests.
    fn name(&mut self, name: &'static str) {
        if !self.open {
            self.out.push(',');
        }
        self.open = false;
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
    }

    /// A text that may need escapes.
    pub(super) fn text(&mut self, name: &'static str, text: &str) {
        self.name(name);
        push_string(&mut self.out, text);
    }

    /// A text written by `write`, which never needs escapes (digits, hexadecimal, fixed prefixes).
    pub(super) fn plain(&mut self, name: &'static str, write: impl FnOnce(&mut String)) {
        self.name(name);
        self.out.push('"');
        write(&mut self.out);
        self.out.push('"');
    }

    /// A whole number; over 2^53 − 1 it stops there, where JSON numbers stop being exact.
    pub(super) fn whole(&mut self, name: &'static str, number: u64) {
        self.name(name);
        push_whole(&mut self.out, number);
    }

    /// Any value, written by `write`.
    pub(super) fn raw(&mut self, name: &'static str, write: impl FnOnce(&mut String)) {
        self.name(name);
        write(&mut self.out);
    }

    pub(super) fn finish(mut self) -> String {
        self.out.push('}');
        self.out
    }
}

/// Appends a whole number.
pub(super) fn push_whole(out: &mut String, number: u64) {
    let _ = write!(out, "{}", number.min(WHOLE_MAX));
}

/// Appends a string with its quotes: short escapes where JSON has them, `\u00xx` for other control characters,
/// all else as it is.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[plain_from..at]);
        plain_from = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            0x0c => out.push_str("\\f"),
            b'\r' => out.push_str("\\r"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(&text[plain_from..]);
    out.push('"');
}

/// Sorts member names as RFC 8785 asks: by UTF-16 code units, which differs from code points beyond U+FFFF.
pub(super) fn sort_names<T>(members: &mut [(&str, T)]) {
    if members.iter().any(|(name, _)| !name.is_ascii()) {
        members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    } else {
        members.sort_unstable_by_key(|(name, _)| *name);
    }
}

/// The canonical text of an object (RFC 8785).
///
/// One deviation, so that nothing is lost: whole numbers beyond ±2^53 keep all their digits, where RFC 8785
/// would round them to a double.
#[must_use]
pub fn canonical_json(object: &Map<String, Value>) -> String {
    let mut out = String::new();
    push_object(&mut out, object);
    out
}

fn push_object(out: &mut String, object: &Map<String, Value>) {
    let mut members: Vec<(&str, &Value)> =
        object.iter().map(|(name, value)| (name.as_str(), value)).collect();
    sort_names(&mut members);
    out.push('{');
    for (at, (name, value)) in members.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_string(out, name);
        out.push(':');
        push_value(out, value);
    }
    out.push('}');
}

fn push_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => push_number(out, number),
        Value::String(text) => push_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                push_value(out, item);
            }
            out.push(']');
        }
        Value::Object(object) => push_object(out, object),
    }
}

fn push_number(out: &mut String, number: &Number) {
    match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(whole), ..) => {
            let _ = write!(out, "{whole}");
        }
        (_, Some(whole), _) => {
            let _ = write!(out, "{whole}");
        }
        (_, _, Some(float)) => push_float(out, float),
        _ => out.push_str("null"),
    }
}

/// ECMAScript's `Number::toString`, which RFC 8785 asks for: the shortest digits that read back, of two that are as near
/// the even one, plain between 1e-7 and 1e21.
fn push_float(out: &mut String, float: f64) {
    out.push_str(ryu_js::Buffer::new().format_finite(float));
}
