//! `feedback.give` and `feedback.get`: what somebody says of the answer to a search of theirs, and what they come to think of the
//! memories that were in it.

use std::collections::BTreeMap;

use memoryscope_domain::audit_chain::{Code, Hash32};
use memoryscope_domain::change::{Change, IdempotencyKey, IdempotencyRecord};
use memoryscope_domain::feedback::{Feedback, FeedbackRecord, Opinion, opinion_id};
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::ids::{AuditId, MemoryId};
use memoryscope_domain::limits;
use memoryscope_domain::memory::SubjectRef;
use memoryscope_domain::policy::Filter;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::record::{Record, RecordKind};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::engine::Engine;
use crate::load::loading;
use crate::port::{Load, Select, WantedRecords};
use crate::refusal::Refusal;

/// Feedback is given.
pub static GIVE: Info = Info { name: "feedback.give", audit: Code::literal("FEEDBACK_GIVE"), changes: true };
/// Feedback is looked at.
pub static GET: Info = Info { name: "feedback.get", audit: Code::literal("FEEDBACK_READ"), changes: false };

/// What feedback's id begins with.
const PREFIX: &str = "fb_";

/// Says what somebody thinks of an answer.
#[derive(Debug, Clone)]
pub struct Give {
    /// To which search.
    pub search: AuditId,
    /// What.
    pub feedback: Feedback,
}

impl Give {
    /// The memories about which it votes.
    fn voted(&self) -> Vec<MemoryId> {
        if self.feedback.vote().is_some() { self.feedback.memories() } else { Vec::new() }
    }

    /// What is thought of the memories that may be seen, with this vote.
    fn opinions(&self, cx: &Context, seen: &Visible<Facts>, is_for: bool) -> Result<Vec<Change>, Refusal> {
        let mut changes = Vec::new();
        for memory in seen.memories() {
            let id = opinion_id(memory.id, &cx.principal.client, cx.principal.user.as_ref());
            let held =
                seen.records().named.iter().find(|held| held.kind == RecordKind::Opinion && held.id == id);
            let before = held.map_or_else(|| Ok(Opinion::default()), |held| read(&held.document))?;
            let after = before.with(self.search, is_for);
            if before != after {
                let version = held.map_or(1, |held| held.version + 1);
                let created = held.map_or(cx.now, |held| held.created);
                let record = record(cx, (RecordKind::Opinion, id, memory.id.prefixed()), &after)?;
                changes.push(Change::KeepRecord(Box::new(Record { version, created, ..record })));
            }
        }
        Ok(changes)
    }
}

impl Operation for Give {
    /// Its id.
    type Output = String;

    fn info(&self) -> &'static Info {
        &GIVE
    }

    fn authority(&self) -> Authority {
        Authority::GiveFeedback
    }

    /// What is cited was read for a conversation.
    fn purpose(&self) -> Option<Purpose> {
        Some(Purpose::ChatResponse)
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Logged { entry: self.search, ids: self.voted() }
    }

    fn records(&self, cx: &Context) -> WantedRecords {
        let opinion = |id: MemoryId| {
            (RecordKind::Opinion, opinion_id(id, &cx.principal.client, cx.principal.user.as_ref()))
        };
        let again = cx.idempotency.as_ref().map(|given| (RecordKind::Feedback, named_by(&given.key)));
        WantedRecords { named: self.voted().into_iter().map(opinion).chain(again).collect(), page: None }
    }

    fn private(&self) -> Map<String, Value> {
        let request = json!({ "search_id": self.search.prefixed(), "type": self.feedback.kind.name() });
        Map::from_iter([("request".to_owned(), request)])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let id = match &cx.idempotency {
            Some(given) => named_by(&given.key),
            None => prefixed(mint.ids.next_uuid()),
        };
        let kept = FeedbackRecord {
            client: cx.principal.client.clone(),
            user: cx.principal.user.clone(),
            search: self.search,
            feedback: self.feedback.clone(),
            given: cx.now,
        };
        let feedback = record(cx, (RecordKind::Feedback, id.clone(), String::new()), &kept)?;
        let mut changes = vec![Change::KeepRecord(Box::new(feedback))];
        if let Some(is_for) = self.feedback.vote() {
            changes.extend(self.opinions(cx, seen, is_for)?);
        }
        Ok(Plan { changes, ..Plan::answer(id) })
    }

    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Logged { entry: self.search, ids: Vec::new() })
    }

    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        let made = seen.records().named.iter().find(|record| record.kind == RecordKind::Feedback)?;
        Some(Plan { reason: Some(Code::literal("IDEMPOTENT_REPEAT")), ..Plan::answer(made.id.clone()) })
    }
}

/// The first version of a record of whoever acts.
pub(super) fn record(
    cx: &Context,
    (kind, id, group): (RecordKind, String, String),
    document: &impl Serialize,
) -> Result<Record, Refusal> {
    let document = serde_json::to_string(document);
    let document = document.map_err(|why| Refusal::Bug(format!("a record cannot be written: {why}")))?;
    if document.len() > limits::RECORD_BYTES {
        return Err(Refusal::TooLarge { limit: "bytes of what is kept", max: limits::RECORD_BYTES as u64 });
    }
    let subject = cx.principal.user.as_ref().map(SubjectRef::of_user);
    Ok(Record { kind, id, group, subject, due: None, version: 1, created: cx.now, document })
}

/// A record's document.
pub(super) fn read<T: serde::de::DeserializeOwned>(document: &str) -> Result<T, Refusal> {
    // What it says is not repeated.
    serde_json::from_str(document).map_err(|_| Refusal::Bug("a record cannot be read".to_owned()))
}

/// The id of feedback that a text is; none where it is none.
#[must_use]
pub fn id_of(text: &str) -> Option<String> {
    let id = Uuid::try_parse(text.strip_prefix(PREFIX)?).ok()?;
    Some(prefixed(id)).filter(|id| id == text)
}

fn prefixed(id: Uuid) -> String {
    format!("{PREFIX}{}", id.simple())
}

/// The id of the feedback that a request with an idempotency key gives: a repeat finds it by the key.
fn named_by(key: &IdempotencyKey) -> String {
    let text = format!("memoryscope-feedback-v1\0{}\0{}", key.client, key.key);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Hash32::of(text.as_bytes()).0[..16]);
    prefixed(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// Looks at feedback.
#[derive(Debug, Clone)]
pub struct Get {
    /// Its id.
    pub id: String,
}

impl Operation for Get {
    /// None where there is none that the caller gave, or the person for whom it acts.
    type Output = Option<FeedbackRecord>;

    fn info(&self) -> &'static Info {
        &GET
    }

    fn authority(&self) -> Authority {
        Authority::ReadRecords
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    fn records(&self, _cx: &Context) -> WantedRecords {
        WantedRecords { named: vec![(RecordKind::Feedback, self.id.clone())], page: None }
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), json!({ "feedback_id": self.id }))])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let found = seen.records().named.first().map(|held| read::<FeedbackRecord>(&held.document));
        let found = found.transpose()?.filter(|kept| kept.client == cx.principal.client);
        let reason = found.is_none().then_some(Code::literal("NOT_FOUND"));
        Ok(Plan { reason, ..Plan::answer(found) })
    }
}

impl Engine {
    /// What whoever acts thinks of these memories, of those of which they said anything: at most
    /// [`limits::OPINIONS_ASKED_MAX`] are asked about, the first ones. An opinion is only its person's own, so nothing is decided
    /// about it; what it is about has to be what the caller may see.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn opinions(
        &self,
        cx: &Context,
        memories: &[MemoryId],
    ) -> Result<BTreeMap<MemoryId, Opinion>, Refusal> {
        let asked = &memories[..memories.len().min(limits::OPINIONS_ASKED_MAX)];
        let name = |id: &MemoryId| opinion_id(*id, &cx.principal.client, cx.principal.user.as_ref());
        let named = asked.iter().map(|id| (RecordKind::Opinion, name(id))).collect();
        let records = WantedRecords { named, page: None };
        let load = Load { records, ..loading(cx, Select::Nothing, Filter::Everything) };
        let mut opinions = BTreeMap::new();
        for held in self.load_of(&load).await?.facts.records.named {
            if let Ok(id) = MemoryId::parse(&held.group) {
                opinions.insert(id, read::<Opinion>(&held.document)?);
            }
        }
        Ok(opinions)
    }
}
