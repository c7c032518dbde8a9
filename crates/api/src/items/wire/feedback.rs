//! Feedback on the wire.

use memoryscope_domain::feedback::{FeedbackRecord, FeedbackSource, FeedbackType};
use memoryscope_domain::limits;
use serde_json::{Map, Value, json};

use super::schema::{identity, maybe as nullable, object as open, says};
use super::schema_answers::warned;
use crate::openapi::schema::{count, free, list, names, object, or_null, prefixed, text, time};
use crate::wire::USER_ID_PATTERN;

/// What the id of feedback looks like.
pub(in crate::items) const FEEDBACK_ID_PATTERN: &str = "^fb_[0-9a-f]{32}$";

/// What was said, in the words of the request.
pub(in crate::items) fn shown(kept: &FeedbackRecord) -> Value {
    let (feedback, said) = (&kept.feedback, &kept.feedback.said);
    json!({
        "search_id": kept.search.prefixed(),
        "external_user_id": kept.user.as_ref().map(|user| user.as_str()),
        "createdAt": kept.given.to_string(),
        "feedbackData": {
            "feedbackType": feedback.kind.name(),
            "feedbackSource": feedback.source.name(),
            "feedbackScore": feedback.score,
            "feedbackValue": said.value,
            "feedbackText": said.text,
            "feedbackImpact": said.impact,
            "userMessage": said.user_message,
            "assistantMessage": said.assistant_message,
            "citedMemoryIds": feedback.cited_memories,
            "citedNodeIds": feedback.cited_nodes,
        },
    })
}

fn line(chars_max: usize) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": chars_max, "pattern": USER_ID_PATTERN})
}

fn data() -> Value {
    let long = || nullable(json!({"type": "string", "maxLength": limits::FEEDBACK_TEXT_BYTES_MAX}));
    let cited = || json!({"type": ["array", "null"], "maxItems": limits::FEEDBACK_CITED_MAX, "items": line(limits::NODE_ID_CHARS_MAX)});
    let message = || {
        json!({
            "type": ["string", "object", "null"],
            "maxLength": limits::FEEDBACK_TEXT_BYTES_MAX, "maxProperties": limits::CUSTOM_KEYS_MAX,
        })
    };
    let score =
        "For thumbs_up 1, for thumbs_down -1, for rating from 1 to 5 and required, else from -1 to 1.";
    let fields = Map::from_iter([
        ("feedbackType".to_owned(), names(FeedbackType::NAMES.iter().copied())),
        ("feedbackSource".to_owned(), names(FeedbackSource::NAMES.iter().copied())),
        (
            "feedbackScore".to_owned(),
            says(json!({"type": ["number", "null"], "minimum": -1, "maximum": 5}), score),
        ),
        ("feedbackValue".to_owned(), long()),
        ("feedbackText".to_owned(), long()),
        ("feedbackImpact".to_owned(), long()),
        ("feedbackProcessed".to_owned(), json!({"type": ["boolean", "null"]})),
        ("userMessage".to_owned(), message()),
        ("assistantMessage".to_owned(), message()),
        ("citedMemoryIds".to_owned(), cited()),
        ("citedNodeIds".to_owned(), cited()),
    ]);
    let mut data = open("FeedbackData", &["feedbackType", "feedbackSource"], fields);
    data["anyOf"] = scores();
    data
}

/// Which scores go with which types.
fn scores() -> Value {
    let group = |types: Vec<&str>, (least, most): (i8, i8), is_required: bool| {
        let kind = if is_required { json!("number") } else { json!(["number", "null"]) };
        let score = json!({"type": kind, "minimum": least, "maximum": most});
        let mut group = json!({"properties": {"feedbackType": names(types), "feedbackScore": score}});
        if is_required {
            group["required"] = json!(["feedbackScore"]);
        }
        group
    };
    let (up, down, rating) = (FeedbackType::ThumbsUp, FeedbackType::ThumbsDown, FeedbackType::Rating);
    let of_own = [up, down, rating];
    let others = FeedbackType::ALL.iter().filter(|kind| !of_own.contains(kind)).map(|kind| kind.name());
    json!([
        group(vec![up.name()], (1, 1), false),
        group(vec![down.name()], (-1, -1), false),
        group(vec![rating.name()], (1, 5), true),
        group(others.collect(), (-1, 1), false),
    ])
}

/// `POST /v1/feedback`.
pub(in crate::items) fn give() -> Value {
    let mut fields = identity();
    let search = "The search_id that a search answered with, to whoever gives the feedback.";
    fields.insert("search_id".to_owned(), says(line(limits::USER_ID_BYTES_MAX), search));
    fields.insert("feedbackData".to_owned(), data());
    open("GiveFeedback", &["search_id", "feedbackData"], fields)
}

/// `POST /v1/feedback/batch`.
pub(in crate::items) fn batch() -> Value {
    let max = limits::FEEDBACK_BATCH_ITEMS_MAX;
    let fields = Map::from_iter([
        (
            "feedback_items".to_owned(),
            json!({"type": "array", "minItems": 1, "maxItems": max, "items": give()}),
        ),
        ("session_context".to_owned(), says(json!({}), "Not kept.")),
    ]);
    open("GiveFeedbacks", &["feedback_items"], fields)
}

/// That it is kept.
pub(in crate::items) fn given_schema() -> Value {
    warned(object(
        "GivenFeedback",
        [
            ("code", json!({"type": "integer"})),
            ("status", names(["success"])),
            ("feedback_id", prefixed("fb_")),
            ("message", text()),
            ("error", json!({"type": "null"})),
            ("details", json!({"type": "null"})),
        ],
    ))
}

/// What became of each item.
pub(in crate::items) fn batch_schema() -> Value {
    let refused = object(
        "RefusedFeedback",
        [
            ("index", count()),
            ("error", text()),
            ("code", json!({"type": "integer"})),
            ("status", names(["error"])),
            ("details", or_null(free())),
            ("problem", crate::openapi::error()),
        ],
    );
    warned(object(
        "FeedbackBatch",
        [
            ("code", json!({"type": "integer"})),
            ("status", names(["success", "partial", "error"])),
            ("message", text()),
            ("successful_count", count()),
            ("failed_count", count()),
            ("feedback_ids", list(prefixed("fb_"))),
            ("errors", list(refused)),
            ("error", json!({"type": "null"})),
        ],
    ))
}

/// What was said.
pub(in crate::items) fn kept_schema() -> Value {
    let message = || or_null(json!({"type": ["string", "object"]}));
    let data = object(
        "KeptFeedbackData",
        [
            ("feedbackType", names(FeedbackType::NAMES.iter().copied())),
            ("feedbackSource", names(FeedbackSource::NAMES.iter().copied())),
            ("feedbackScore", json!({"type": ["number", "null"]})),
            ("feedbackValue", or_null(text())),
            ("feedbackText", or_null(text())),
            ("feedbackImpact", or_null(text())),
            ("userMessage", message()),
            ("assistantMessage", message()),
            ("citedMemoryIds", list(text())),
            ("citedNodeIds", list(text())),
        ],
    );
    let details = object(
        "FeedbackDetails",
        [
            ("search_id", prefixed("log_")),
            ("external_user_id", or_null(text())),
            ("createdAt", time()),
            ("feedbackData", data),
        ],
    );
    object(
        "KeptFeedback",
        [
            ("code", json!({"type": "integer"})),
            ("status", names(["success"])),
            ("feedback_id", prefixed("fb_")),
            ("message", text()),
            ("error", json!({"type": "null"})),
            ("details", details),
        ],
    )
}
