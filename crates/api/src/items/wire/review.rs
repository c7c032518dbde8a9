//! What waits for a review, and how a review ends.

use memoryscope_domain::items::{AccessList, AclId, Risk};
use memoryscope_domain::lifecycle::{Cleared, Step};
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Awaited, Memory, MemoryType, State};
use memoryscope_domain::object::{Note, OwnerType};
use memoryscope_domain::scope::ScopeType;
use memoryscope_engine::op::review::Waits;
use serde_json::{Value, json};

use super::memory::content;
use super::queries::Named;
use crate::cursor::{Cursor, cursor};
use crate::openapi::schema::{list, maybe, names, object, or_null, prefixed, text, time};
use crate::wire::{Decode, Fields, Shape, choice, string, whole};

/// `GET /v1/review`.
#[derive(Debug)]
pub(in crate::items) struct ReviewQuery {
    pub(in crate::items) named: Named,
    pub(in crate::items) limit: usize,
    pub(in crate::items) cursor: Option<Cursor>,
}

impl Shape for ReviewQuery {
    const NAME: &'static str = "ReviewQuery";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let named = Named::read(f);
        let limit = f.or("limit", whole(1..=limits::REVIEW_ITEMS_MAX), limits::REVIEW_ITEMS_DEFAULT);
        let cursor = f.optional("cursor", cursor());
        Some(Self { named, limit: usize::try_from(limit?).ok()?, cursor })
    }
}

fn reason() -> impl Decode<Out = Note> {
    string().trimmed().chars(1..=limits::NOTE_CHARS_MAX).parsed(|text: &String| Note::parse(text))
}

/// A request that ends a review.
pub(in crate::items) trait StepRequest: Shape {
    /// Who reviews, and how it ends.
    fn into_step(self) -> (Named, Step);
}

/// `POST /v1/review/{id}/approve`.
#[derive(Debug)]
pub(in crate::items) struct ApproveRequest {
    named: Named,
    risk: Cleared,
    reason: Option<Note>,
}

impl Shape for ApproveRequest {
    const NAME: &'static str = "ApproveItem";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let named = Named::read(f);
        let risks = Cleared::ALL.iter().map(|risk| (risk.name(), *risk));
        let risk = f.or_shown("risk", choice(risks), Cleared::Sensitive, Cleared::Sensitive.name());
        let reason = f.optional("reason", reason());
        Some(Self { named, risk: risk?, reason })
    }
}

impl StepRequest for ApproveRequest {
    fn into_step(self) -> (Named, Step) {
        (self.named, Step::Approve { risk: self.risk, reason: self.reason })
    }
}

/// `POST /v1/review/{id}/reject`.
#[derive(Debug)]
pub(in crate::items) struct RejectRequest {
    named: Named,
    reason: Option<Note>,
}

impl Shape for RejectRequest {
    const NAME: &'static str = "RejectItem";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let named = Named::read(f);
        let reason = f.optional("reason", reason());
        Some(Self { named, reason })
    }
}

impl StepRequest for RejectRequest {
    fn into_step(self) -> (Named, Step) {
        (self.named, Step::Reject { reason: self.reason })
    }
}

/// A memory that waits, as far as whoever reviews it may see it.
pub(in crate::items) fn shown(waits: &Waits) -> Value {
    let memory = &*waits.item.memory;
    let says_something = memory.object().is_some_and(|object| object.content.is_some());
    let item = memory.item();
    let mut shown = json!({
        "id": memory.id.prefixed(),
        "type": memory.body.memory_type().name(),
        "reason": waits.waiting.why.name(),
        "since": waits.waiting.since.to_string(),
        "by": waits.waiting.by.as_ref().map(|by| by.as_str()),
        "owners": owners(memory),
        "state": memory.state.name(),
        "risk": item.map(|item| item.policy.risk.value.name()),
        "risk_layer": item.map(|item| item.policy.risk.layer.name()),
        "acl": item.and_then(|item| item.policy.acl.as_ref()).map(|acl| AccessList::to_json(&acl.value)),
        "content": says_something.then(|| content(memory)),
        "redacted": waits.redacted,
        "createdAt": memory.created.to_string(),
    });
    if let Some(namespace) = item.and_then(|item| item.namespace_id.as_ref()) {
        shown["namespace_id"] = json!(namespace);
    }
    shown
}

/// Whose it is, each spelt as access lists spell it, as far as they can.
fn owners(memory: &Memory) -> Vec<String> {
    if let Some(item) = memory.item() {
        return vec![item.owner.to_string()];
    }
    let Some(object) = memory.object().filter(|object| !object.ownership.owners.is_empty()) else {
        let kind = match memory.scope.scope_type {
            ScopeType::User => "external_user",
            of => of.name(),
        };
        return vec![format!("{kind}:{}", memory.scope.id)];
    };
    let spelt = |owner: &memoryscope_domain::ids::UserId| match object.ownership.owner_type {
        OwnerType::User => AclId::of_external_user(owner).to_string(),
        of => format!("{}:{}", of.name(), owner.as_str()),
    };
    object.ownership.owners.iter().map(spelt).collect()
}

/// What waits.
pub(in crate::items) fn queue_schema() -> Value {
    let lists = || object("StatedAccess", [("read", list(text())), ("write", list(text()))]);
    let waiting = object(
        "WaitingMemory",
        [
            ("id", prefixed("mem_")),
            ("type", names(MemoryType::NAMES.iter().copied().filter(|name| *name != "preference"))),
            ("reason", names(Awaited::NAMES.iter().copied())),
            ("since", time()),
            ("by", or_null(text())),
            ("owners", list(text())),
            ("state", names([State::Active, State::Restricted].map(State::name))),
            ("risk", or_null(names(Risk::NAMES.iter().copied()))),
            ("risk_layer", or_null(text())),
            ("acl", or_null(lists())),
            ("content", or_null(text())),
            ("redacted", list(text())),
            ("createdAt", time()),
        ],
    );
    let waiting = maybe(waiting, [("namespace_id", text())]);
    object(
        "ReviewQueue",
        [
            ("code", json!({"type": "integer"})),
            ("status", names(["success"])),
            ("data", list(waiting)),
            ("next_cursor", or_null(text())),
            ("error", json!({"type": "null"})),
            ("details", json!({"type": "null"})),
        ],
    )
}

/// How a review ended.
pub(in crate::items) fn reviewed_schema() -> Value {
    super::schema_answers::warned(object(
        "ReviewedItem",
        [
            ("code", json!({"type": "integer"})),
            ("status", names(["success"])),
            ("message", text()),
            ("memoryId", prefixed("mem_")),
            ("objectId", prefixed("mem_")),
            ("state", names([State::Active, State::Revoked].map(State::name))),
            ("risk", or_null(names(Risk::NAMES.iter().copied()))),
            ("updatedAt", time()),
            ("error", json!({"type": "null"})),
            ("details", json!({"type": "null"})),
        ],
    ))
}
