//! Ann's conversation, and what she says of an answer.

use memoryscope_domain::ids::AuditId;
use memoryscope_domain::items::Message;
use memoryscope_domain::items::request::{FeedbackRequest, Reading, SessionPatch};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use memoryscope_engine::op::feedback::{Get, Give};
use memoryscope_engine::op::session::{Found, Look, Name, What};
use serde_json::json;

use super::Case;
use crate::items;
use crate::support::user;

/// Something is wrong with the answer to a search.
pub(super) fn report(search: AuditId) -> Give {
    let body = json!({"search_id": search.prefixed(),
        "feedbackData": {"feedbackType": "report", "feedbackSource": "inline"}});
    let read = FeedbackRequest::read(&body, &Reading::default()).unwrap().value;
    Give { search, feedback: read.feedback }
}

impl Case {
    /// Ann says something.
    pub(super) async fn talk(&self) {
        let said =
            json!({"content": "Ann likes tea.", "metadata": {"role": "user", "conversationId": "talk"}});
        let mut said = items::item("ann", &said, self.world.nobody().now);
        said.body.object_mut().unwrap().be_message(Message::default());
        self.world.ingest("ann", said).await;
    }

    /// Runs an operation on Ann's session, or on what she said of an answer.
    pub(super) async fn run_on_answers(&mut self, name: &str) -> Option<char> {
        let (session, scope) = ("talk".to_owned(), Scope::of_user(&user("ann")));
        let purpose = Purpose::ChatResponse;
        let what = match name {
            "session.history" => What::History { skip: 0, limit: 9 },
            "session.status" => What::Status,
            "session.process" => What::Process,
            "session.compress" => What::Compress,
            "session.name" => {
                let patch =
                    SessionPatch { title: Some(Some("A talk".to_owned())), ..SessionPatch::default() };
                let rename = Name { session, scope, purpose, patch, message: None };
                return Some(self.mark(rename, |named| matches!(named, Some(Ok(_)))).await);
            }
            "feedback.give" => {
                return Some(self.mark(report(self.log), |id| id.starts_with("fb_")).await);
            }
            _ => {
                let id = self.said.clone();
                return Some(self.mark(Get { id }, Option::is_some).await);
            }
        };
        let sees = |found: &Found| matches!(found, Found::One(session) if session.total == 1);
        Some(self.mark(Look { session, scope, purpose, what }, sees).await)
    }
}
