//! Reads `value_json`: any shape, with every fault at its own place.

use memoryscope_domain::limits;
use memoryscope_domain::preference::{Domain, InvalidReason, InvalidValue, Kind, Preference, Source};
use serde_json::{Value, json};

use crate::wire::{Decode, Fault, FieldError, Notes, Path, object_or_array};

/// Reads a value into the preference that it is, with what stands beside it in the request.
pub(super) struct ValueJson {
    pub(super) kind: Kind,
    pub(super) domain: Option<Domain>,
    pub(super) source: Source,
}

impl Decode for ValueJson {
    type Out = Preference;

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<Preference> {
        let value = object_or_array(limits::VALUE_JSON_BYTES_MAX).decode(value, at, notes)?;
        let preference = Preference::new(self.kind, self.domain.clone(), self.source, value);
        preference.map_err(|faults| faults.iter().for_each(|fault| note(fault, at, notes))).ok()
    }

    fn schema(&self) -> Value {
        let mut schema = object_or_array(limits::VALUE_JSON_BYTES_MAX).schema();
        let opinions = json!({"type": "array", "items": {"type": ["string", "number", "boolean", "null"]}});
        let windows = ["start", "end", "day"].map(|key| json!({"required": [key]}));
        schema["anyOf"] = json!([
            {"type": "object", "properties": {"likes": opinions, "dislikes": opinions}},
            {"type": "array", "minItems": 1, "items": {"type": "string"}},
            {"type": "array", "minItems": 1, "items": {"type": "object", "anyOf": windows}},
        ]);
        schema
    }
}

fn note(fault: &InvalidValue, at: &Path<'_>, notes: &mut Notes) {
    let mut push =
        |at: &Path<'_>| notes.push(FieldError::new(at, kind(fault.reason), fault.reason.to_string()));
    // A fault's path is empty, or a key, or a key with the index of an element.
    let (key, index) = match fault.path.split_once('[') {
        Some((key, index)) => (key, index.trim_end_matches(']').parse::<usize>().ok()),
        None => (fault.path.as_str(), None),
    };
    if key.is_empty() {
        return push(at);
    }
    let member = Path::Key(at, key);
    match index {
        Some(index) => push(&Path::Index(&member, index)),
        None => push(&member),
    }
}

fn kind(reason: InvalidReason) -> Fault {
    match reason {
        InvalidReason::NotContainer | InvalidReason::NotArray | InvalidReason::NotScalar => Fault::WrongType,
        InvalidReason::TooLong => Fault::TooLong,
        InvalidReason::TooDeep | InvalidReason::NoShape => Fault::Invalid,
    }
}
