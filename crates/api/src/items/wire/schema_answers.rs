//! What answers hold.

use memoryscope_domain::fields::WarningKind;
use memoryscope_domain::items::acl::GRANULAR;
use serde_json::{Value, json};

use crate::explained::{explanation_schema, searched_schema};
use crate::openapi::schema::{
    about, count, free, list, maybe, names, object, or_null, prefixed, text, time, truth, with,
};

pub(super) fn code() -> Value {
    json!({"type": "integer", "minimum": 200, "maximum": 299})
}

pub(super) fn status() -> Value {
    names(["success", "partial", "error"])
}

fn nothing() -> Value {
    json!({"type": "null"})
}

/// What `warnings[]` names: what is unknown, deprecated, removed or without effect.
pub(super) fn warned(answer: Value) -> Value {
    let warning = object(
        "ItemWarning",
        [("field", text()), ("message", text()), ("type", names(WarningKind::NAMES.iter().copied()))],
    );
    let warning = maybe(warning, [("successor", text())]);
    maybe(answer, [("warnings", list(warning))])
}

/// What was added.
pub(in crate::items) fn added() -> Value {
    let item = object(
        "AddedItem",
        [
            ("memoryId", prefixed("mem_")),
            ("objectId", prefixed("mem_")),
            ("createdAt", time()),
            ("memoryChunkIds", list(prefixed("mem_"))),
        ],
    );
    let answer = object(
        "AddedItems",
        [
            ("code", code()),
            ("status", status()),
            ("data", list(item)),
            ("error", nothing()),
            ("details", or_null(free())),
        ],
    );
    maybe(warned(answer), [("index", count()), ("omo", list(super::schema_omo::omo()))])
}

/// What became of each item of a batch.
pub(in crate::items) fn batch() -> Value {
    of_each("ItemBatch", Some(("batch_id", prefixed("batch_"))))
}

/// What became of each item that was to be erased.
pub(in crate::items) fn erased_all() -> Value {
    of_each("ErasedItems", None)
}

fn of_each(name: &str, id: Option<(&'static str, Value)>) -> Value {
    let refused = object(
        "RefusedAddition",
        [
            ("index", json!({"type": "integer", "minimum": -1})),
            ("error", text()),
            ("code", json!({"type": "integer"})),
            ("status", status()),
            ("details", or_null(free())),
            ("problem", crate::openapi::error()),
        ],
    );
    let members = [
        ("code", code()),
        ("status", status()),
        ("message", text()),
        ("successful", list(added())),
        ("errors", list(refused)),
        ("total_processed", count()),
        ("total_successful", count()),
        ("total_failed", count()),
        ("total_content_size", count()),
        ("total_storage_size", count()),
    ];
    let answer = object(name, members);
    warned(match id {
        Some(id) => with(answer, [id]),
        None => answer,
    })
}

fn memory() -> Value {
    let score = || json!({"type": "number", "minimum": 0, "maximum": 1});
    let memory = object(
        "ItemMemory",
        [
            ("id", prefixed("mem_")),
            ("content", text()),
            ("type", text()),
            ("user_id", text()),
            ("acl", json!({"type": "object", "additionalProperties": {"type": "object"}})),
            ("createdAt", time()),
            ("updatedAt", time()),
            ("state", text()),
        ],
    );
    let memory = GRANULAR.iter().fold(memory, |memory, (name, ..)| maybe(memory, [(*name, list(text()))]));
    let message = object("ShownContextMessage", [("role", text()), ("content", text())]);
    maybe(
        memory,
        [
            ("role", text()),
            ("category", text()),
            ("topics", list(text())),
            ("tags", list(text())),
            ("hierarchical_structures", text()),
            ("source_url", text()),
            ("source_type", text()),
            ("page_id", text()),
            ("conversation_id", text()),
            ("location", text()),
            ("context", list(message)),
            ("external_user_id", text()),
            ("organization_id", text()),
            ("namespace_id", text()),
            ("metadata", free()),
            ("customMetadata", free()),
            ("consent", text()),
            ("risk", text()),
            ("effective_policy", or_null(free())),
            (
                "similarity_score",
                about(or_null(score()), "How near its meaning is to the query's: the cosine."),
            ),
            ("relevance_score", about(score(), "Its score, relative to the best of the answer.")),
            ("explanation", explanation_schema()),
        ],
    )
}

/// What was found.
pub(in crate::items) fn found() -> Value {
    let data = object("FoundItems", [("memories", list(memory())), ("nodes", list(free()))]);
    let data = maybe(data, [("schemas_used", list(text()))]);
    let answer =
        object("FoundAnswer", [("code", code()), ("status", status()), ("data", data), ("error", nothing())]);
    let next = about(or_null(text()), "Where the search goes on, if there may be more.");
    let tokens = about(count(), "Of the memories' contents: bytes divided by four, rounded up.");
    let answer = maybe(answer, [("next_cursor", next), ("tokens_used", tokens)]);
    let details = object("FoundDetails", []);
    let details = maybe(details, [("explanation", searched_schema()), ("truncated", truth())]);
    maybe(warned(answer), [("search_id", prefixed("log_")), ("details", or_null(details))])
}

/// What was changed.
pub(in crate::items) fn updated() -> Value {
    let item = object(
        "UpdatedItem",
        [
            ("memoryId", prefixed("mem_")),
            ("objectId", prefixed("mem_")),
            ("updatedAt", time()),
            ("content", text()),
            ("memoryChunkIds", list(prefixed("mem_"))),
            ("metadata", or_null(free())),
        ],
    );
    warned(object(
        "UpdatedItems",
        [
            ("code", code()),
            ("status", status()),
            ("memory_items", list(item)),
            ("status_obj", parts("UpdateStatus")),
            ("message", text()),
            ("error", nothing()),
            ("details", or_null(free())),
        ],
    ))
}

/// The parts that other servers of the dialect keep a memory in; here it is kept in one.
fn parts(title: &str) -> Value {
    object(title, [("pinecone", truth()), ("neo4j", truth()), ("parse", truth())])
}

/// What was erased.
pub(in crate::items) fn deleted() -> Value {
    object(
        "DeletedItem",
        [
            ("code", code()),
            ("status", status()),
            ("message", text()),
            ("memoryId", prefixed("mem_")),
            ("objectId", prefixed("mem_")),
            ("deletion_status", with(parts("DeletionStatus"), [("qdrant", truth())])),
            ("error", nothing()),
            ("details", or_null(free())),
        ],
    )
}

/// How far a memory is.
/// How far the work on a memory is.
fn progress() -> Value {
    names(["queued", "quick_saved", "processing", "completed", "failed"])
}

/// How far a batch is.
pub(in crate::items) fn status_of_batch() -> Value {
    let one = object("BatchMemoryStatus", [("memory_id", prefixed("mem_")), ("status", progress())]);
    object(
        "ItemBatchStatus",
        [
            ("code", code()),
            ("batch_id", prefixed("batch_")),
            ("status", names(["processing", "completed", "partial", "failed"])),
            ("total", count()),
            ("refused", count()),
            ("completed", count()),
            ("failed", count()),
            ("processing", count()),
            ("createdAt", time()),
            ("memories", list(one)),
        ],
    )
}

pub(in crate::items) fn status_of() -> Value {
    object(
        "ItemStatus",
        [
            ("code", code()),
            ("memoryId", prefixed("mem_")),
            ("memory_id", prefixed("mem_")),
            ("status", progress()),
            ("extraction", or_null(free())),
        ],
    )
}
