//! Numbers that no double holds: `serde_json` stops at them, and would hide all that is wrong behind them.

use serde::de::IgnoredAny;

/// The shortest of them is `1e309`.
const CHARS_MIN: usize = 5;

/// The text with `0` and spaces in place of each such number, as long as it was, and where they begin.
pub(super) fn replaced(text: &str) -> (String, Vec<usize>) {
    let mut out = String::with_capacity(text.len());
    let mut starts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (string, after) = rest.split_at(string_length(rest));
        out.push_str(string);
        let plain = after.find(|c| c == '"' || is_of_number(c)).unwrap_or(after.len());
        let (plain, after) = after.split_at(plain);
        out.push_str(plain);
        let (number, after) = after.split_at(after.find(|c| !is_of_number(c)).unwrap_or(after.len()));
        if is_huge(number) {
            starts.push(out.len());
            out.push('0');
            out.extend(std::iter::repeat_n(' ', number.len() - 1));
        } else {
            out.push_str(number);
        }
        rest = after;
    }
    (out, starts)
}

/// How long the string is that the text begins with; 0 when it begins with none.
fn string_length(text: &str) -> usize {
    let mut bytes = text.bytes().enumerate();
    if !matches!(bytes.next(), Some((_, b'"'))) {
        return 0;
    }
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return at + 1,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
    text.len()
}

fn is_of_number(c: char) -> bool {
    matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E')
}

/// Whether it is a number, and too large for the parser.
fn is_huge(number: &str) -> bool {
    number.len() >= CHARS_MIN
        && serde_json::from_str::<IgnoredAny>(number).is_ok()
        && serde_json::from_str::<f64>(number).is_err()
}
