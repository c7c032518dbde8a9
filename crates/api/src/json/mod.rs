//! Reads a body into a strict JSON value, or says what is wrong with it and where.
//!
//! 400 `INVALID_JSON` with line and column: not JSON, not UTF-8, a byte order mark, a lone surrogate, a
//! duplicate key, deeper than [`limits::JSON_DEPTH_MAX`], more than [`limits::JSON_VALUES_MAX`] values, or
//! more memory than its length entitles it to, at most
//! [`limits::JSON_TREE_BYTES_MAX`]. 422 with the field's path: U+0000 in a key or a string, a number that
//! neither an integer of 64 bits nor a double can hold. 415: a body that does not say it is JSON (a missing
//! `Content-Type` too: a browser sends such a request to other origins without asking). 413: too large.
//!
//! [`limits::JSON_DEPTH_MAX`]: memoryscope_domain::limits::JSON_DEPTH_MAX
//! [`limits::JSON_TREE_BYTES_MAX`]: memoryscope_domain::limits::JSON_TREE_BYTES_MAX
//! [`limits::JSON_VALUES_MAX`]: memoryscope_domain::limits::JSON_VALUES_MAX

mod body;
mod huge;
mod strict;

use std::cell::Cell;
use std::io;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use hyper::body::Body as _;
use memoryscope_domain::limits;
use memoryscope_domain::time::Timestamp;
use serde::de::DeserializeSeed as _;
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};

pub use body::{TooLarge, read};
use strict::{Halt, Seed, State};

use crate::problem::{Code, Problem};
use crate::wire::{Errors, Fault, FieldError, Path, Read, Shape, Unknown, field_text};

/// A body that is JSON, and what is wrong with single values in it.
#[derive(Debug, Clone)]
pub struct Document {
    value: Value,
    faults: Errors,
    /// The place that a large body's tree takes among all of them, for as long as the tree lives.
    _place: Option<Arc<SemaphorePermit<'static>>>,
}

/// Places for the trees of large bodies, a mebibyte each: however many clients send one at once, the memory is bounded.
static TREES: Semaphore = Semaphore::const_new(limits::JSON_TREES_MIB_MAX);

/// How much memory the tree of a body of that length may take.
fn tree_bytes_max(body_bytes: usize) -> usize {
    let twice = body_bytes.saturating_mul(2);
    limits::JSON_TREE_BYTES_BASE.saturating_add(twice).min(limits::JSON_TREE_BYTES_MAX)
}

/// Waits for the place that a body's tree may take; a small one takes none.
async fn place(declared_bytes: Option<u64>) -> Option<SemaphorePermit<'static>> {
    let body_bytes = declared_bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX);
    if body_bytes <= limits::SMALL_BODY_BYTES {
        return None;
    }
    let mebibytes = tree_bytes_max(body_bytes).div_ceil(1_024 * 1_024);
    TREES.acquire_many(u32::try_from(mebibytes).unwrap_or(u32::MAX)).await.ok()
}

impl Document {
    /// Reads it as a shape.
    ///
    /// # Errors
    /// 422 with every wrong field.
    pub fn decode<T: Shape>(&self, unknown: Unknown) -> Result<Read<T>, Problem> {
        crate::wire::decode(self, unknown)
    }

    /// Reads it as a shape that asks for the time of the request.
    ///
    /// # Errors
    /// 422 with every wrong field.
    pub fn decode_at<T: Shape>(&self, unknown: Unknown, now: Timestamp) -> Result<Read<T>, Problem> {
        crate::wire::decode_at(self, unknown, now)
    }

    /// The value, where no shape is asked for.
    ///
    /// # Errors
    /// 422 when it holds U+0000 or a number that is out of range.
    pub fn into_value(self) -> Result<Value, Problem> {
        if self.faults.is_empty() { Ok(self.value) } else { Err(self.faults.into()) }
    }

    pub(crate) fn value(&self) -> &Value {
        &self.value
    }

    pub(crate) fn faults(&self) -> &Errors {
        &self.faults
    }
}

/// The body of a request, as a handler's last argument.
impl<S: Sync> FromRequest<S> for Document {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let declared_bytes = body.size_hint().upper();
        let place = place(declared_bytes).await.map(Arc::new);
        let document = parse(&read(&parts.headers, body).await?)?;
        Ok(Document { _place: place, ..document })
    }
}

/// Reads a body's bytes.
///
/// # Errors
/// 400 or 422, as above.
pub fn parse(bytes: &[u8]) -> Result<Document, Problem> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(missing());
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(invalid("it starts with a byte order mark; send UTF-8 without one", 1, 1));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let (line, column) = position(&bytes[..e.valid_up_to()]);
        invalid("it is not UTF-8", line, column)
    })?;
    match parse_text(text, Reading::Fast, Vec::new()) {
        Err(Stop::Ambiguous) => {
            let (text, huge) = huge::replaced(text);
            match parse_text(&text, Reading::Exact, huge) {
                Err(Stop::Ambiguous) => Err(Problem::bug("json-ambiguous", &Unreachable)),
                Err(Stop::Refused(problem)) => Err(problem),
                Ok(document) => Ok(document),
            }
        }
        Err(Stop::Refused(problem)) => Err(problem),
        Ok(document) => Ok(document),
    }
}

/// How the text is read: `serde_json` turns an integer beyond 64 bits into a double without a word, and stops at
/// a number that no double holds. Where a number could be one, the text is read again, byte by byte, so that the
/// number's own text can be looked at, and with stand-ins for those that would stop the reading.
#[derive(Debug, Clone, Copy)]
enum Reading {
    Fast,
    Exact,
}

enum Stop {
    Ambiguous,
    Refused(Problem),
}

/// The exact reading saw a number whose text it could not look at.
#[derive(Debug, thiserror::Error)]
#[error("an exact reading was ambiguous")]
struct Unreachable;

fn parse_text(text: &str, reading: Reading, huge: Vec<usize>) -> Result<Document, Stop> {
    let at = Cell::new(0);
    let tape = matches!(reading, Reading::Exact).then_some((text.as_bytes(), &at));
    let mut state = State::new(tree_bytes_max(text.len()), tape);
    state.huge = huge;
    let outcome = match reading {
        Reading::Fast => {
            let mut json = serde_json::Deserializer::from_str(text);
            Seed(&mut state).deserialize(&mut json).and_then(|value| json.end().map(|()| value))
        }
        Reading::Exact => {
            let mut json = serde_json::Deserializer::from_reader(Tape { bytes: text.as_bytes(), at: &at });
            Seed(&mut state).deserialize(&mut json).and_then(|value| json.end().map(|()| value))
        }
    };
    match outcome {
        Ok(value) => Ok(Document { value, faults: state.faults, _place: None }),
        Err(error) => Err(refusal(&error, state, reading)),
    }
}

/// The text, and how much of it was read.
struct Tape<'a> {
    bytes: &'a [u8],
    at: &'a Cell<usize>,
}

impl io::Read for Tape<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.at.get()..];
        // One byte at a time, so that `at` is where the parser is.
        let (Some(to), Some(from)) = (into.first_mut(), rest.first()) else { return Ok(0) };
        *to = *from;
        self.at.set(self.at.get() + 1);
        Ok(1)
    }
}

/// What to answer when the reading stopped.
fn refusal(error: &serde_json::Error, mut state: State<'_>, reading: Reading) -> Stop {
    let (line, column) = (error.line(), error.column());
    let place = || field_text(&state.path);
    let what = match state.halt {
        Some(Halt::Ambiguous) => return Stop::Ambiguous,
        Some(Halt::Duplicate) => format!("the key at {} is there twice", place()),
        Some(Halt::Depth(max)) => format!("it is nested deeper than {max} levels"),
        Some(Halt::Values(max)) => format!("it holds more than {max} values"),
        Some(Halt::Memory) => "it holds too many small objects and arrays; send fewer at a time".to_owned(),
        None => {
            let text = error.to_string();
            if text.starts_with("number out of range") {
                if matches!(reading, Reading::Fast) {
                    return Stop::Ambiguous;
                }
                // What follows the number made it no number, and no stand-in was found for it.
                state.out_of_range();
                return Stop::Refused(state.faults.into());
            }
            spoken(&text)
        }
    };
    let problem = invalid(&what, line, column);
    Stop::Refused(match state.halt {
        Some(Halt::Duplicate) => problem.detail("field", place()),
        _ => problem,
    })
}

/// `serde_json`'s words, none of which repeat the input, where they can be said better.
fn spoken(text: &str) -> String {
    let words = text.split(" at line ").next().unwrap_or_default();
    match words {
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            "it has a lone surrogate (a \\u escape of half a character)".to_owned()
        }
        "trailing characters" => "something follows the JSON value".to_owned(),
        "recursion limit exceeded" => "it is nested too deep".to_owned(),
        eof if eof.starts_with("EOF while parsing") => "it ends too early".to_owned(),
        other => other.to_owned(),
    }
}

fn invalid(what: &str, line: usize, column: usize) -> Problem {
    let message = format!("The body cannot be read as JSON: {what} (line {line}, column {column})");
    Problem::new(Code::InvalidJson, message).detail("line", line).detail("column", column)
}

pub(crate) fn missing() -> Problem {
    let error = FieldError::new(&Path::Root("body"), Fault::Missing, "a JSON body is required");
    Errors::from(error).into()
}

/// Line and column, both from 1, of the byte after `before`.
fn position(before: &[u8]) -> (usize, usize) {
    let lines = before.iter().filter(|b| **b == b'\n').count();
    let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    (lines + 1, before.len() - line_start + 1)
}

#[cfg(test)]
mod tests;
