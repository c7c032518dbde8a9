//! Open Memory Objects in the document.

use memoryscope_domain::items::omo::OmoType;
use memoryscope_domain::items::policy::{Consent, Risk};
use memoryscope_domain::limits;
use serde_json::{Map, Value, json};

use super::schema::{identity, maybe, names, object, says, text};
use super::schema_answers::{code, status, warned};
use super::schema_policy::acl;
use crate::openapi::schema as answers;

/// An object.
pub(super) fn omo() -> Value {
    let ext = "Whatever a server keeps beside. papr:metadata and papr:memory_policy are read; what begins with memoryscope: is \
               this server's own; the rest is given back as it came.";
    let fields = Map::from_iter([
        ("id".to_owned(), text(limits::NODE_ID_CHARS_MAX)),
        ("createdAt".to_owned(), json!({"type": "string", "format": "date-time"})),
        ("type".to_owned(), says(names(OmoType::NAMES), "There are no image, audio and video here.")),
        ("content".to_owned(), text(limits::ITEM_CONTENT_BYTES_MAX)),
        ("consent".to_owned(), names(Consent::NAMES)),
        ("risk".to_owned(), maybe(names(Risk::NAMES))),
        (
            "topics".to_owned(),
            json!({"type": ["array", "null"], "maxItems": limits::ITEM_TAGS_MAX, "items": {"type": "string"}}),
        ),
        ("sourceUrl".to_owned(), maybe(text(limits::ITEM_TEXT_CHARS_MAX))),
        ("acl".to_owned(), maybe(acl())),
        ("ext".to_owned(), says(json!({"type": ["object", "null"]}), ext)),
    ]);
    let mut omo = object("OpenMemoryObject", &["id", "createdAt", "type", "content", "consent"], fields);
    omo["additionalProperties"] = json!(false);
    omo
}

/// `POST /v1/omo/export`.
pub(in crate::items) fn export() -> Value {
    let mut fields = identity();
    let ids = json!({"type": "array", "minItems": 1, "maxItems": limits::OMO_ITEMS_MAX, "items": {"type": "string"}});
    fields.insert("memory_ids".to_owned(), ids);
    object("ExportItems", &["memory_ids"], fields)
}

/// `POST /v1/omo/import`.
pub(in crate::items) fn import() -> Value {
    let mut fields = identity();
    let objects = json!({"type": "array", "minItems": 1, "maxItems": limits::OMO_ITEMS_MAX, "items": omo()});
    fields.insert("memories".to_owned(), objects);
    let skips = json!({"type": ["boolean", "null"], "default": true});
    let about =
        "Whether what is there already is left out and counted; else it is an error. It is never changed.";
    fields.insert("skip_duplicates".to_owned(), says(skips, about));
    object("ImportItems", &["memories"], fields)
}

/// Objects as they leave.
pub(in crate::items) fn exported() -> Value {
    warned(answers::object(
        "ExportedItems",
        [
            ("code", code()),
            ("status", status()),
            ("count", answers::count()),
            ("memories", answers::list(omo())),
        ],
    ))
}

/// What became of each object of an import.
pub(in crate::items) fn imported() -> Value {
    let reasons = ["denied", "duplicate", "erased", "failed", "id_taken", "invalid", "too_large"];
    let refused = answers::object(
        "RefusedObject",
        [
            ("index", answers::count()),
            ("reason", answers::names(reasons)),
            ("error", answers::text()),
            ("code", json!({"type": "integer"})),
            ("status", status()),
            ("details", answers::or_null(answers::free())),
            ("problem", crate::openapi::error()),
        ],
    );
    warned(answers::object(
        "ImportedItems",
        [
            ("code", code()),
            ("status", status()),
            ("imported", answers::count()),
            ("skipped", answers::count()),
            ("errors", answers::list(refused)),
            ("memory_ids", answers::list(answers::prefixed("mem_"))),
        ],
    ))
}
