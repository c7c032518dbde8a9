//! What somebody says of an answer.

use serde_json::Value;

use super::identity::Identity;
use super::{DeprecatedId, InvalidRequest, Reading, TooMany, finish};
use crate::feedback::{Feedback, FeedbackSource, FeedbackType, Said};
use crate::fields::{
    At, Fault, Members, Notes, Read, Unknown, any_case, flag, line, list_of, number, object_within, text,
};
use crate::ids::AuditId;
use crate::items::metadata::MetadataIdentity;
use crate::limits;

/// A request to keep what somebody says of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedbackRequest {
    /// Which search the answer was to; none where that is no search's name, and so names none.
    pub search: Option<AuditId>,
    /// For whom, and where.
    pub identity: Identity,
    /// What is said.
    pub feedback: Feedback,
}

/// What became of reading each item of a batch.
pub type EachRead = Vec<Result<Read<FeedbackRequest>, InvalidRequest>>;

impl FeedbackRequest {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// See [`InvalidRequest`].
    pub fn read(body: &Value, reading: &Reading) -> Result<Read<Self>, InvalidRequest> {
        Self::read_at(body, &At::Root("body"), reading)
    }

    /// Reads the items of a batch, each for itself.
    ///
    /// # Errors
    /// When the batch is none, or has more items than one may have.
    pub fn read_batch(body: &Value, reading: &Reading) -> Result<EachRead, InvalidRequest> {
        let (root, max) = (At::Root("body"), limits::FEEDBACK_BATCH_ITEMS_MAX);
        let mut notes = Notes::new(reading.is_strict);
        let items = Members::open(body, &root, &mut notes).and_then(|mut members| {
            // What surrounds the whole session is not kept.
            members.ignored("session_context");
            members.required("feedback_items", &mut notes, |value, at, notes| match value.as_array() {
                Some(items) if items.is_empty() => {
                    notes.wrong(at, Fault::TooShort, format!("must have 1 to {max} members"))
                }
                Some(items) => Some(items.clone()),
                None => notes.wrong(at, Fault::WrongType, "must be a list"),
            })
        });
        let items = finish(notes, items, None, None)?.value;
        let list = At::Key(&root, "feedback_items");
        if items.len() > max {
            return Err(TooMany { field: crate::fields::field_text(&list.steps()), max }.into());
        }
        let read = |(at, item): (usize, &Value)| Self::read_at(item, &At::Index(&list, at), reading);
        Ok(items.iter().enumerate().map(read).collect())
    }

    fn read_at(value: &Value, at: &At<'_>, reading: &Reading) -> Result<Read<Self>, InvalidRequest> {
        let mut notes = Notes::new(reading.is_strict);
        let mut trap: Option<DeprecatedId> = None;
        let request = Members::open(value, at, &mut notes).and_then(|mut members| {
            let search = members.required("search_id", &mut notes, line(limits::USER_ID_BYTES_MAX));
            let feedback = members.required("feedbackData", &mut notes, read_data);
            let identity = Identity::read(&mut members, MetadataIdentity::default(), &mut notes, &mut trap);
            members.close(Unknown::Warn, &mut notes);
            let search = AuditId::parse(&search?).ok();
            Some(Self { search, identity, feedback: feedback? })
        });
        finish(notes, request, trap, None)
    }
}

fn read_data(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Feedback> {
    let mut members = Members::open(value, at, notes)?;
    let kind =
        members.required("feedbackType", notes, any_case(FeedbackType::NAMES, FeedbackType::from_name));
    let source =
        members.required("feedbackSource", notes, any_case(FeedbackSource::NAMES, FeedbackSource::from_name));
    let is_scored = members.sends("feedbackScore");
    let score = members.optional("feedbackScore", notes, |value, at, notes| {
        let score = number(value, at, notes)?;
        match kind.filter(|kind| !kind.allows(score)) {
            Some(kind) => notes.wrong(at, Fault::OutOfRange, kind.scores()),
            None => Some(score),
        }
    });
    if kind == Some(FeedbackType::Rating) && !is_scored {
        notes.wrong::<()>(&members.place("feedbackScore"), Fault::Missing, FeedbackType::Rating.scores());
    }
    let long = || text(limits::FEEDBACK_TEXT_BYTES_MAX);
    let feedback_value = members.optional("feedbackValue", notes, long());
    let feedback_text = members.optional("feedbackText", notes, long());
    let impact = members.optional("feedbackImpact", notes, long());
    members.optional("feedbackProcessed", notes, flag);
    let user_message = members.optional("userMessage", notes, read_message);
    let assistant_message = members.optional("assistantMessage", notes, read_message);
    let cited = || list_of(limits::FEEDBACK_CITED_MAX, line(limits::NODE_ID_CHARS_MAX));
    let memories = members.optional("citedMemoryIds", notes, cited());
    let nodes = members.optional("citedNodeIds", notes, cited());
    members.close(Unknown::Warn, notes);
    Some(Feedback {
        kind: kind?,
        source: source?,
        score,
        said: Said { value: feedback_value, text: feedback_text, impact, user_message, assistant_message },
        cited_memories: memories.unwrap_or_default(),
        cited_nodes: nodes.unwrap_or_default(),
    })
}

/// A message: its text, or an object that points to it elsewhere.
fn read_message(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Value> {
    match value {
        Value::String(_) => text(limits::FEEDBACK_TEXT_BYTES_MAX)(value, at, notes).map(Value::String),
        Value::Object(_) => {
            let members = object_within(limits::CUSTOM_KEYS_MAX, limits::FEEDBACK_TEXT_BYTES_MAX);
            members(value, at, notes).map(Value::Object)
        }
        _ => notes.wrong(at, Fault::WrongType, "must be a string or a JSON object"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SEARCH: &str = "log_019b76daa800700084360c28f730d58d";

    fn read(data: &Value) -> Result<Feedback, Vec<String>> {
        let body = json!({"search_id": SEARCH, "feedbackData": data});
        match FeedbackRequest::read(&body, &Reading::default()) {
            Ok(read) => Ok(read.value.feedback),
            Err(InvalidRequest::Faults(faults)) => {
                Err(faults.list.iter().map(|fault| format!("{}: {}", fault.field(), fault.message)).collect())
            }
            Err(other) => Err(vec![other.to_string()]),
        }
    }

    #[track_caller]
    fn refuses(data: &Value, expect: &[&str]) {
        assert_eq!(read(data).expect_err("it is wrong"), expect);
    }

    #[test]
    fn scores_are_those_of_their_type() {
        let check = |kind: &str, score: Value, expect: Option<&str>| {
            let found =
                read(&json!({"feedbackType": kind, "feedbackSource": "inline", "feedbackScore": score}));
            let expect = expect.map(|expect| vec![format!("body.feedbackData.feedbackScore: {expect}")]);
            assert_eq!(found.err(), expect, "{kind} {score}");
        };
        check("thumbs_up", json!(1), None);
        check("thumbs_up", json!(-1), Some("must be 1"));
        check("thumbs_down", json!(-1.0), None);
        check("thumbs_down", json!(0), Some("must be -1"));
        check("rating", json!(5), None);
        check("rating", json!(0), Some("must be a number from 1 to 5"));
        check("rating", json!(null), Some("must be a number from 1 to 5"));
        check("answer_quality", json!(0.5), None);
        check("answer_quality", json!(2), Some("must be a number from -1 to 1"));
        check("report", json!("bad"), Some("must be a number"));
        check("thumbs_up", json!(null), None);
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        refuses(
            &json!({"feedbackType": "love", "feedbackText": 7, "citedMemoryIds": "mem_1", "userMessage": []}),
            &[
                "body.feedbackData.feedbackType: must be one of: thumbs_up, thumbs_down, rating, correction, report, \
                 copy_action, save_action, create_document, memory_relevance, answer_quality",
                "body.feedbackData.feedbackSource: is required",
                "body.feedbackData.feedbackText: must be a string",
                "body.feedbackData.userMessage: must be a string or a JSON object",
                "body.feedbackData.citedMemoryIds: must be a list",
            ],
        );
        let empty = FeedbackRequest::read(&json!({}), &Reading::default());
        assert!(matches!(empty, Err(InvalidRequest::Faults(faults)) if faults.list.len() == 2));
    }

    #[test]
    fn items_of_a_batch_are_read_each_for_itself() {
        let good = json!({"search_id": "nonsense", "feedbackData": {"feedbackType": "report", "feedbackSource": "inline"}});
        let batch =
            json!({"feedback_items": [good, {"search_id": 7}, 8], "session_context": {"any": "thing"}});
        let read = FeedbackRequest::read_batch(&batch, &Reading::default()).expect("a batch");
        assert_eq!(read.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(read[0].as_ref().map(|read| read.value.search).ok(), Some(None));
        let too_many = json!({"feedback_items": vec![good; limits::FEEDBACK_BATCH_ITEMS_MAX + 1]});
        let refused = FeedbackRequest::read_batch(&too_many, &Reading::default());
        assert!(matches!(refused, Err(InvalidRequest::TooMany(_))));
        for wrong in [json!({}), json!({"feedback_items": []}), json!({"feedback_items": 7}), json!(7)] {
            assert!(FeedbackRequest::read_batch(&wrong, &Reading::default()).is_err(), "{wrong}");
        }
    }
}
