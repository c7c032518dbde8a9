//! Objects, arrays, maps, and values that are read further.

use std::collections::BTreeMap;
use std::io;
use std::marker::PhantomData;
use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::notes::{Errors, Notes};
use super::path::{Fault, Path};
use super::text::bounded;
use super::{Decode, Read, Shape, object_schema, read_object};

/// A spec whose result is read further. See [`Decode::parsed`].
#[derive(Debug, Clone)]
pub struct Parsed<D, F> {
    inner: D,
    read: F,
}

impl<D, F> Parsed<D, F> {
    pub(super) fn new(inner: D, read: F) -> Self {
        Self { inner, read }
    }

    fn further<T, E: std::fmt::Display>(&self, out: &D::Out, at: &Path<'_>, notes: &mut Notes) -> Option<T>
    where
        D: Decode,
        F: Fn(&D::Out) -> Result<T, E>,
    {
        (self.read)(out).map_or_else(|e| notes.wrong(at, Fault::Invalid, e.to_string()), Some)
    }
}

impl<D, T, E, F> Decode for Parsed<D, F>
where
    D: Decode,
    E: std::fmt::Display,
    F: Fn(&D::Out) -> Result<T, E>,
{
    type Out = T;

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<T> {
        let out = self.inner.decode(value, at, notes)?;
        self.further(&out, at, notes)
    }

    fn decode_text(&self, text: &str, at: &Path<'_>, notes: &mut Notes) -> Option<T> {
        let out = self.inner.decode_text(text, at, notes)?;
        self.further(&out, at, notes)
    }

    fn schema(&self) -> Value {
        self.inner.schema()
    }
}

/// A nested object.
#[must_use]
pub fn object<T: Shape>() -> impl Decode<Out = T> {
    Object(PhantomData)
}

struct Object<T>(PhantomData<fn() -> T>);

impl<T: Shape> Decode for Object<T> {
    type Out = T;

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<T> {
        read_object(value, at, notes)
    }

    fn schema(&self) -> Value {
        object_schema::<T>()
    }
}

/// An array whose elements are all alike; one wrong element makes the whole wrong.
#[must_use]
pub fn list_of<D: Decode>(spec: D, count: RangeInclusive<usize>) -> impl Decode<Out = Vec<D::Out>> {
    List { spec, count }
}

struct List<D> {
    spec: D,
    count: RangeInclusive<usize>,
}

impl<D: Decode> Decode for List<D> {
    type Out = Vec<D::Out>;

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<Self::Out> {
        let list = elements(value, &self.count, at, notes)?;
        let read: Vec<_> = list
            .iter()
            .enumerate()
            .map(|(index, element)| self.spec.decode(element, &Path::Index(at, index), notes))
            .collect();
        read.into_iter().collect()
    }

    fn schema(&self) -> Value {
        array_schema(&self.spec.schema(), &self.count)
    }
}

/// A batch: each element is read or refused on its own.
#[must_use]
pub fn each<T: Shape>(count: RangeInclusive<usize>) -> impl Decode<Out = Vec<Result<Read<T>, Errors>>> {
    Each { count, shape: PhantomData }
}

struct Each<T> {
    count: RangeInclusive<usize>,
    shape: PhantomData<fn() -> T>,
}

impl<T: Shape> Decode for Each<T> {
    type Out = Vec<Result<Read<T>, Errors>>;

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<Self::Out> {
        let list = elements(value, &self.count, at, notes)?;
        let each = list.iter().enumerate().map(|(index, element)| {
            let at = Path::Index(at, index);
            let mut own = notes.split_off(&at);
            let out = read_object(element, &at, &mut own);
            own.finish(out, &at)
        });
        Some(each.collect())
    }

    fn schema(&self) -> Value {
        array_schema(&object_schema::<T>(), &self.count)
    }
}

fn elements<'v>(
    value: &'v Value,
    count: &RangeInclusive<usize>,
    at: &Path<'_>,
    notes: &mut Notes,
) -> Option<&'v Vec<Value>> {
    let Value::Array(list) = value else {
        return notes.wrong(at, Fault::WrongType, "must be an array");
    };
    bounded(list.len(), count, "elements", at, notes)?;
    Some(list)
}

fn array_schema(items: &Value, count: &RangeInclusive<usize>) -> Value {
    let mut schema = json!({"type": "array", "items": items});
    if *count.start() > 0 {
        schema["minItems"] = json!(count.start());
    }
    if *count.end() != usize::MAX {
        schema["maxItems"] = json!(count.end());
    }
    schema
}

/// An object with free names, whose values are all alike.
#[must_use]
pub fn map_of<D: Decode>(spec: D, members_max: usize) -> impl Decode<Out = BTreeMap<String, D::Out>> {
    MapOf { spec, members_max }
}

struct MapOf<D> {
    spec: D,
    members_max: usize,
}

impl<D: Decode> Decode for MapOf<D> {
    type Out = BTreeMap<String, D::Out>;

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<Self::Out> {
        let Value::Object(map) = value else {
            return notes.wrong(at, Fault::WrongType, "must be a JSON object");
        };
        bounded(map.len(), &(0..=self.members_max), "members", at, notes)?;
        let read: Vec<_> = map
            .iter()
            .map(|(key, value)| {
                self.spec.decode(value, &Path::Key(at, key), notes).map(|out| (key.clone(), out))
            })
            .collect();
        read.into_iter().collect()
    }

    fn schema(&self) -> Value {
        let mut schema = json!({"type": "object", "additionalProperties": self.spec.schema()});
        if self.members_max != usize::MAX {
            schema["maxProperties"] = json!(self.members_max);
        }
        schema
    }
}

/// Any value, null too, of at most this many bytes as JSON.
#[must_use]
pub fn any(bytes_max: usize) -> impl Decode<Out = Value> {
    Free { bytes_max, object: true, array: true, scalar: true }
}

/// An object or an array of any content, of at most this many bytes as JSON.
#[must_use]
pub fn object_or_array(bytes_max: usize) -> impl Decode<Out = Value> {
    Free { bytes_max, object: true, array: true, scalar: false }
}

/// An object of any content, of at most this many bytes as JSON.
#[must_use]
pub fn object_of_any(bytes_max: usize) -> impl Decode<Out = Map<String, Value>> {
    FreeObject(Free { bytes_max, object: true, array: false, scalar: false })
}

struct Free {
    bytes_max: usize,
    object: bool,
    array: bool,
    scalar: bool,
}

impl Decode for Free {
    type Out = Value;

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<Value> {
        let taken = match value {
            Value::Object(_) => self.object,
            Value::Array(_) => self.array,
            _ => self.scalar,
        };
        if !taken {
            let wanted =
                if self.array { "must be a JSON object or an array" } else { "must be a JSON object" };
            return notes.wrong(at, Fault::WrongType, wanted);
        }
        if self.bytes_max != usize::MAX && json_bytes(value) > self.bytes_max {
            let message = format!("must be at most {} bytes as JSON", self.bytes_max);
            return notes.wrong(at, Fault::TooLong, message);
        }
        Some(value.clone())
    }

    fn schema(&self) -> Value {
        let mut schema = match (self.array, self.scalar) {
            (_, true) => json!({}),
            (true, false) => json!({"type": ["object", "array"]}),
            (false, false) => json!({"type": "object", "additionalProperties": true}),
        };
        if self.bytes_max != usize::MAX {
            schema["description"] = json!(format!("At most {} bytes as JSON.", self.bytes_max));
        }
        schema
    }
}

struct FreeObject(Free);

impl Decode for FreeObject {
    type Out = Map<String, Value>;

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<Self::Out> {
        match self.0.decode(value, at, notes)? {
            Value::Object(map) => Some(map),
            _ => None,
        }
    }

    fn schema(&self) -> Value {
        self.0.schema()
    }
}

/// How many bytes a value takes as compact JSON.
#[must_use]
pub fn json_bytes(value: &Value) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // A Value has string keys and finite numbers, and the writer takes everything: this cannot fail.
    drop(serde_json::to_writer(&mut count, value));
    count.0
}
