//! Objects that are asked for, and objects that come.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Identity, InvalidRequest, Reading, TooLarge, TooMany, finish};
use crate::fields::{At, Fault, Members, Notes, Read, Unknown, flag};
use crate::ids::MemoryId;
use crate::items::metadata::MetadataIdentity;
use crate::items::omo::OmoObject;
use crate::limits;

/// A request for items as objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportRequest {
    /// With whose eyes, and where.
    pub identity: Identity,
    /// Which, each once. What is no memory's id names none.
    pub ids: Vec<MemoryId>,
}

/// Objects to be stored, each right or wrong by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRequest {
    /// For whom, and where.
    pub identity: Identity,
    /// The objects in their order.
    pub objects: Vec<Result<Read<OmoObject>, InvalidRequest>>,
    /// Whether what is there already is left out without a word.
    pub skip_duplicates: bool,
}

/// The ids among these texts, each once.
///
/// # Errors
/// When there are more than [`limits::OMO_ITEMS_MAX`].
pub fn ids_among<'a>(field: &str, texts: impl Iterator<Item = &'a str>) -> Result<Vec<MemoryId>, TooMany> {
    let (mut ids, mut seen) = (Vec::new(), BTreeSet::new());
    for (at, text) in texts.enumerate() {
        if at >= limits::OMO_ITEMS_MAX {
            return Err(TooMany { field: field.to_owned(), max: limits::OMO_ITEMS_MAX });
        }
        ids.extend(MemoryId::parse(text.trim()).ok().filter(|id| seen.insert(*id)));
    }
    Ok(ids)
}

impl ExportRequest {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// See [`InvalidRequest`].
    pub fn read(body: &Value, reading: &Reading) -> Result<Read<Self>, InvalidRequest> {
        let mut notes = Notes::new(reading.is_strict);
        let (mut trap, mut too_many) = (None, None);
        let read = Members::open(body, &At::Root("body"), &mut notes).and_then(|mut members| {
            let ids = members.required("memory_ids", &mut notes, |value, at, notes| {
                let Value::Array(items) = value else {
                    return notes.wrong(at, Fault::WrongType, "must be a list");
                };
                if items.is_empty() {
                    return notes.wrong(at, Fault::TooShort, "must have at least one member");
                }
                let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                let Some(texts) = texts else {
                    return notes.wrong(at, Fault::WrongType, "must be a list of strings");
                };
                match ids_among("body.memory_ids", texts.into_iter()) {
                    Ok(ids) => Some(ids),
                    Err(error) => {
                        too_many = Some(error);
                        None
                    }
                }
            });
            let identity = Identity::read(&mut members, MetadataIdentity::default(), &mut notes, &mut trap);
            members.close(Unknown::Warn, &mut notes);
            Some(Self { identity, ids: ids? })
        });
        match too_many {
            Some(too_many) => Err(too_many.into()),
            None => finish(notes, read, trap, None),
        }
    }
}

impl ImportRequest {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// What is wrong with it as a whole. What is wrong with an object stands in its place.
    pub fn read(body: &Value, reading: &Reading) -> Result<Read<Self>, InvalidRequest> {
        let mut notes = Notes::new(reading.is_strict);
        let mut trap = None;
        if let Some(Value::Array(items)) = body.get("memories")
            && items.len() > limits::OMO_ITEMS_MAX
        {
            return Err(TooMany { field: "body.memories".to_owned(), max: limits::OMO_ITEMS_MAX }.into());
        }
        let read = Members::open(body, &At::Root("body"), &mut notes).and_then(|mut members| {
            let objects = members.required("memories", &mut notes, |value, _, notes| {
                OmoObject::read_all(value)
                    .map_err(|faults| faults.list.into_iter().for_each(|fault| notes.fault(fault)))
                    .ok()
            });
            let skips = members.optional("skip_duplicates", &mut notes, flag);
            // What stands beside the objects in the file of an export.
            ["code", "status", "count"].into_iter().for_each(|name| members.ignored(name));
            let identity = Identity::read(&mut members, MetadataIdentity::default(), &mut notes, &mut trap);
            members.close(Unknown::Warn, &mut notes);
            let objects = objects?.into_iter().enumerate().map(|(index, read)| match read {
                Ok(read) if read.value.content.len() > reading.content_bytes_max => Err(TooLarge {
                    field: format!("body.memories[{index}].content"),
                    bytes: read.value.content.len(),
                    bytes_max: reading.content_bytes_max,
                }
                .into()),
                other => other.map_err(InvalidRequest::from),
            });
            Some(Self { identity, objects: objects.collect(), skip_duplicates: skips.unwrap_or(true) })
        });
        finish(notes, read, trap, None)
    }
}
