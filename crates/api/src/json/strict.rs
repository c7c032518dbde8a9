//! The visitor: counts, remembers the path, refuses.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use memoryscope_domain::limits;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::wire::{Errors, Fault, FieldError, Step};

/// From here on a double may be an integer that did not fit: 2^63.
const INTEGER_ENDS: f64 = 9_223_372_036_854_775_808.0;
/// An object's first node, by the layout of std's B-tree: eleven keys and values at once.
const OBJECT_BYTES: usize = 640;
/// Any further member beside its key's text, and any element (a vector may be half empty).
const MEMBER_BYTES: usize = 64;

/// Why the reading stopped, where JSON itself is not at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    Ambiguous,
    Duplicate,
    Depth(usize),
    Values(usize),
    Memory,
}

/// What the reading knows.
pub(super) struct State<'a> {
    /// The way to the value that is being read; after a failure, to the one that failed.
    pub(super) path: Vec<Step>,
    pub(super) faults: Errors,
    pub(super) halt: Option<Halt>,
    /// Where numbers that no double holds were replaced by stand-ins.
    pub(super) huge: Vec<usize>,
    depth: usize,
    values: usize,
    bytes: usize,
    bytes_max: usize,
    tape: Option<(&'a [u8], &'a Cell<usize>)>,
}

impl<'a> State<'a> {
    pub(super) fn new(bytes_max: usize, tape: Option<(&'a [u8], &'a Cell<usize>)>) -> Self {
        let path = vec![Step::Key(Cow::Borrowed("body"))];
        Self {
            path,
            faults: Errors::default(),
            halt: None,
            huge: Vec::new(),
            depth: 0,
            values: 0,
            bytes: 0,
            bytes_max,
            tape,
        }
    }

    pub(super) fn out_of_range(&mut self) {
        self.fault(Fault::OutOfRange, "is a number out of range");
    }

    fn fault(&mut self, fault: Fault, message: &'static str) {
        let loc = self.path.clone();
        self.faults.push(FieldError { loc, message: Cow::Borrowed(message), fault });
    }

    fn halt<E: Error>(&mut self, halt: Halt) -> E {
        self.halt = Some(halt);
        E::custom("halted")
    }

    fn count<E: Error>(&mut self, bytes: usize) -> Result<(), E> {
        self.values += 1;
        self.bytes += bytes;
        if self.values > limits::JSON_VALUES_MAX {
            return Err(self.halt(Halt::Values(limits::JSON_VALUES_MAX)));
        }
        if self.bytes > self.bytes_max {
            return Err(self.halt(Halt::Memory));
        }
        Ok(())
    }

    fn enter<E: Error>(&mut self) -> Result<(), E> {
        self.depth += 1;
        if self.depth > limits::JSON_DEPTH_MAX {
            return Err(self.halt(Halt::Depth(limits::JSON_DEPTH_MAX)));
        }
        Ok(())
    }

    fn check_nul(&mut self, text: &str) {
        if text.contains('\0') {
            self.fault(Fault::NulCharacter, "must not contain U+0000");
        }
    }

    /// Whether the number just read is a stand-in: a digit, and the space after it that the parser looked at.
    fn is_stand_in(&self) -> bool {
        let start = self.tape.and_then(|(_, at)| at.get().checked_sub(2));
        start.is_some_and(|start| self.huge.binary_search(&start).is_ok())
    }

    /// Whether the number just read was written as an integer; `None` when that cannot be seen.
    fn written_as_integer(&self) -> Option<bool> {
        let (bytes, at) = self.tape?;
        let of_number = |b: &u8| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let read = &bytes[..at.get()];
        // The parser has looked at the byte after the number, unless the text ends there.
        let end = if read.last().is_some_and(of_number) { read.len() } else { read.len().saturating_sub(1) };
        let digits = read[..end].iter().rev().take_while(|b| of_number(b));
        Some(digits.clone().all(|b| !matches!(b, b'.' | b'e' | b'E')))
    }
}

/// Reads one value.
pub(super) struct Seed<'s, 'a>(pub(super) &'s mut State<'a>);

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.0.count(0)?;
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        self.0.count(0)?;
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        self.0.count(0)?;
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        self.0.count(0)?;
        if self.0.is_stand_in() {
            self.0.out_of_range();
            // Nothing is made of it, but it is told from other numbers where the request is compared.
            return Ok(Value::from(f64::MAX));
        }
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        self.0.count(0)?;
        if number.abs() >= INTEGER_ENDS {
            match self.0.written_as_integer() {
                None => return Err(self.0.halt(Halt::Ambiguous)),
                Some(true) => self.0.out_of_range(),
                Some(false) => {}
            }
        }
        // JSON has no NaN and no infinity, so this is always a number.
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.0.count(text.len())?;
        self.0.check_nul(text);
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let state = self.0;
        state.count(0)?;
        state.enter()?;
        let mut list = Vec::new();
        loop {
            state.path.push(Step::Index(list.len()));
            let element = elements.next_element_seed(Seed(state))?;
            state.path.pop();
            let Some(element) = element else { break };
            // A first element takes room for four.
            state.bytes += if list.is_empty() { 3 * MEMBER_BYTES } else { MEMBER_BYTES };
            list.push(element);
        }
        state.depth -= 1;
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let state = self.0;
        state.count(0)?;
        state.enter()?;
        let mut map = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            state.bytes += key.len() + if map.is_empty() { OBJECT_BYTES } else { MEMBER_BYTES };
            let twice = map.contains_key(&key);
            let has_nul = key.contains('\0');
            state.path.push(Step::Key(Cow::Owned(key)));
            if twice {
                return Err(state.halt(Halt::Duplicate));
            }
            if has_nul {
                state.fault(Fault::NulCharacter, "must not contain U+0000");
            }
            let value = members.next_value_seed(Seed(state))?;
            if let Some(Step::Key(key)) = state.path.pop() {
                map.insert(key.into_owned(), value);
            }
        }
        state.depth -= 1;
        Ok(Value::Object(map))
    }
}
