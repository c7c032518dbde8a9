//! `session.history`, `session.status` and `session.compress`: the messages of a session that may be seen, in order, and what they
//! come to; and how those that are only kept are processed.
//!
//! A session is nothing but its messages: where none of them may be seen there is no session, and what is counted, shown or
//! summarised is what may be seen of it now. Nothing of that is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::{Change, IdempotencyRecord};
use memoryscope_domain::govern::{About, Authority, Facts, Visible, subject_of};
use memoryscope_domain::ids::{IdSeed, IdSource, MemoryId};
use memoryscope_domain::items::MessageStatus;
use memoryscope_domain::items::message::{SessionDocument, in_order, session_group, session_record_id};
use memoryscope_domain::items::request::SessionPatch;
use memoryscope_domain::lifecycle::{Revision, Step};
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Key, Memory, MemoryType};
use memoryscope_domain::object::Content;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::record::{Record, RecordKind};
use memoryscope_domain::scope::{Partition, Scope};
use memoryscope_domain::summary::{self, Summaries, Turn};
use memoryscope_domain::time::Timestamp;
use serde_json::{Map, Value, json};

use super::feedback::{read, record};
use super::query::Item;
use super::step::MakeStep;
use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::engine::Engine;
use crate::port::{KeyedSelect, RecordPage, Select, WantedRecords};
use crate::refusal::Refusal;

/// A session's messages are looked at.
pub static HISTORY: Info =
    Info { name: "session.history", audit: Code::literal("SESSION_READ"), changes: false };
/// How far their processing is.
pub static STATUS: Info =
    Info { name: "session.status", audit: Code::literal("SESSION_STATUS"), changes: false };
/// Those that are only kept are looked for, to be processed.
pub static PROCESS: Info =
    Info { name: "session.process", audit: Code::literal("SESSION_PROCESS"), changes: false };
/// They are summarised.
pub static COMPRESS: Info =
    Info { name: "session.compress", audit: Code::literal("SESSION_COMPRESS"), changes: false };

/// What a session is called is changed.
pub static NAME: Info = Info { name: "session.name", audit: Code::literal("SESSION_WRITE"), changes: true };

/// Sessions of one name of which it is looked at what they are called, where nobody says whose is meant.
const SESSIONS_OF_A_NAME: usize = 100;
/// Sessions with no more messages than this are not summarised with their history: whoever reads that has all of it.
const SUMMARISED_ABOVE: usize = 15;

/// What is asked of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A page of its messages.
    History {
        /// So many are passed over, from the first on.
        skip: usize,
        /// At most so many.
        limit: usize,
    },
    /// How far they are processed.
    Status,
    /// Which of them are only kept.
    Process,
    /// What they come to.
    Compress,
}

/// Looks at a session.
#[derive(Debug, Clone)]
pub struct Look {
    /// Its name.
    pub session: String,
    /// Whose it is, and in which namespace. Where nobody acts, and this is the scope in which the developer's own is kept, it is the
    /// one session of that name that may be seen, whosever it is; its own comes first.
    pub scope: Scope,
    /// What for.
    pub purpose: Purpose,
    /// What is asked of it.
    pub what: What,
}

/// What a session is, as whoever looks may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Whose scope it is in.
    pub scope: Scope,
    /// A page of its messages where they are asked for, else none; the oldest first.
    pub page: Vec<Item>,
    /// How many messages there are.
    pub total: usize,
    /// Whether it has more messages than are looked at.
    pub more: bool,
    /// How many are how far.
    pub statuses: BTreeMap<MessageStatus, usize>,
    /// Those that are only kept, the oldest first.
    pub held: Vec<MemoryId>,
    /// What it is called, and what is kept with it.
    pub document: SessionDocument,
    /// When the last of them was made.
    pub last: Option<Timestamp>,
    /// What they come to, where that is asked for, or there are more than a reader needs to be spared; with what can be put before
    /// a model in their place.
    pub summary: Option<(Summaries, String)>,
}

/// What was found under a session's name.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// Nothing that may be seen.
    Nothing,
    /// One session.
    One(Box<Session>),
    /// Sessions of several users: whose is meant has to be said.
    Several,
}

impl Look {
    /// Its messages that are shown: for conversations only such as may be put into a prompt.
    fn messages(&self, cx: &Context, seen: &Visible<Facts>) -> Vec<Item> {
        let is_for_prompts = self.purpose == Purpose::ChatResponse;
        let wanted = seen.memories().iter().filter(|memory| {
            memory.scope.namespace == self.scope.namespace
                && memory.message().is_some_and(|message| message.session == self.session)
        });
        let items = wanted.map(|memory| Item::of(cx, seen, memory));
        let mut items: Vec<Item> = items.filter(|item| item.include_in_prompt || !is_for_prompts).collect();
        items.sort_by(|a, b| in_order(&a.memory, &b.memory));
        items
    }

    /// The messages of the one session that is meant; none where it may be one of several.
    fn of_one(&self, items: Vec<Item>) -> Option<Vec<Item>> {
        let partitions: BTreeSet<Partition> = items.iter().map(|item| item.memory.partition).collect();
        let own = self.scope.partition();
        let meant = match partitions.len() {
            0 | 1 => return Some(items),
            _ if partitions.contains(&own) => own,
            _ => return None,
        };
        Some(items.into_iter().filter(|item| item.memory.partition == meant).collect())
    }

    /// What its record says.
    fn document(&self, partition: Partition, seen: &Visible<Facts>) -> Result<SessionDocument, Refusal> {
        let id = session_record_id(partition, &self.session);
        let mut held = seen.records().named.iter().chain(&seen.records().page);
        let held = held.find(|held| held.kind == RecordKind::Session && held.id == id);
        held.map_or_else(|| Ok(SessionDocument::default()), |held| read(&held.document))
    }

    fn session(&self, items: Vec<Item>, (document, more): (SessionDocument, bool)) -> Option<Session> {
        let first = items.first()?;
        let mut session = Session {
            document,
            scope: first.memory.scope.clone(),
            page: Vec::new(),
            total: items.len(),
            more,
            statuses: BTreeMap::new(),
            held: Vec::new(),
            last: items.iter().map(|item| item.memory.made_at()).max(),
            summary: None,
        };
        for (item, message) in items.iter().filter_map(|item| Some((item, item.memory.message()?))) {
            *session.statuses.entry(message.status).or_default() += 1;
            session.held.extend(Some(item.memory.id).filter(|_| message.message.is_held));
        }
        let is_summarised = match self.what {
            What::History { .. } => items.len() > SUMMARISED_ABOVE,
            What::Status | What::Process => false,
            What::Compress => true,
        };
        session.summary = is_summarised.then(|| summarised(&items));
        if let What::History { skip, limit } = self.what {
            session.page = items.into_iter().skip(skip).take(limit).collect();
        }
        Some(session)
    }
}

/// What a message says, as it is shown.
fn text_of(memory: &Memory) -> &str {
    memory.object().and_then(|object| object.content.as_ref()).and_then(Content::as_text).unwrap_or_default()
}

fn summarised(items: &[Item]) -> (Summaries, String) {
    let turn = |item: &Item| {
        // One that only says that it was there is none.
        item.memory.message().map(|message| message.role).map(|role| (role, text_of(&item.memory).to_owned()))
    };
    let said: Vec<_> = items.iter().filter_map(turn).collect();
    let turns: Vec<Turn<'_>> = said.iter().map(|(role, text)| Turn { role: *role, text }).collect();
    let summaries = summary::summarise(&turns);
    let context = summary::context(&summaries, &turns);
    (summaries, context)
}

impl Operation for Look {
    type Output = Found;

    fn info(&self) -> &'static Info {
        match self.what {
            What::History { .. } => &HISTORY,
            What::Status => &STATUS,
            What::Process => &PROCESS,
            What::Compress => &COMPRESS,
        }
    }

    fn authority(&self) -> Authority {
        Authority::ReadEach
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(self.purpose)
    }

    fn about(&self) -> About {
        About::Objects(&[MemoryType::Event])
    }

    fn select(&self, cx: &Context) -> Select {
        let key = match &cx.principal.user {
            Some(_) => Key::session(self.scope.partition(), &self.session),
            None => Key::session_anywhere(&self.session),
        };
        Select::Keyed(KeyedSelect { keys: vec![key], after: None, limit: limits::SESSION_MESSAGES_MAX })
    }

    fn records(&self, cx: &Context) -> WantedRecords {
        match &cx.principal.user {
            Some(_) => named(self.scope.partition(), &self.session),
            None => WantedRecords {
                named: Vec::new(),
                page: Some(RecordPage::Listed {
                    kind: RecordKind::Session,
                    group: Some(session_group(&self.session)),
                    after: None,
                    limit: SESSIONS_OF_A_NAME,
                    counted: false,
                }),
            },
        }
    }

    fn private(&self) -> Map<String, Value> {
        let mut request = json!({ "session": self.session, "purpose": self.purpose.name() });
        if let What::History { skip, limit } = self.what {
            (request["skip"], request["limit"]) = (json!(skip), json!(limit));
        }
        Map::from_iter([("request".to_owned(), request)])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let Some(items) = self.of_one(self.messages(cx, seen)) else {
            return Ok(Plan { reason: Some(Code::literal("AMBIGUOUS")), ..Plan::answer(Found::Several) });
        };
        let all: Vec<MemoryId> = items.iter().map(|item| item.memory.id).collect();
        let document = match items.first() {
            Some(first) => self.document(first.memory.partition, seen)?,
            None => SessionDocument::default(),
        };
        let Some(session) = self.session(items, (document, seen.more())) else {
            return Ok(Plan { reason: Some(Code::literal("NOT_FOUND")), ..Plan::answer(Found::Nothing) });
        };
        // A summary tells of all of them.
        let shown = session.page.iter().map(|item| item.memory.id);
        let memory_ids = if session.summary.is_some() { all } else { shown.collect() };
        Ok(Plan { memory_ids, ..Plan::answer(Found::One(Box::new(session))) })
    }
}

fn named(partition: Partition, session: &str) -> WantedRecords {
    WantedRecords { named: vec![(RecordKind::Session, session_record_id(partition, session))], page: None }
}

/// Changes what a session is called, and what is kept with it.
#[derive(Debug, Clone)]
pub struct Name {
    /// Its name.
    pub session: String,
    /// Whose scope it is in.
    pub scope: Scope,
    /// What for.
    pub purpose: Purpose,
    /// What is stated.
    pub patch: SessionPatch,
    /// A message of it, where one is known: then none is looked for.
    pub message: Option<MemoryId>,
}

impl Name {
    fn select_messages(&self) -> Select {
        match self.message {
            Some(id) => Select::Memories(vec![id]),
            None => {
                let keys = vec![Key::session(self.scope.partition(), &self.session)];
                Select::Keyed(KeyedSelect { keys, after: None, limit: limits::SESSION_MESSAGES_MAX })
            }
        }
    }

    /// A message of it that may be seen, if there is one.
    fn seen<'a>(&self, seen: &'a Visible<Facts>) -> Option<&'a Memory> {
        let is_of = |memory: &&Arc<Memory>| {
            memory.partition == self.scope.partition()
                && memory.message().is_some_and(|message| message.session == self.session)
        };
        seen.memories().iter().find(is_of).map(|memory| &**memory)
    }
}

impl Operation for Name {
    /// What it is called from now on, or what is wrong with its metadata; none where none of its messages may be seen.
    type Output = Option<Result<SessionDocument, String>>;

    fn info(&self) -> &'static Info {
        &NAME
    }

    fn authority(&self) -> Authority {
        Authority::KeepSession
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(self.purpose)
    }

    fn about(&self) -> About {
        About::Objects(&[MemoryType::Event])
    }

    fn select(&self, _cx: &Context) -> Select {
        self.select_messages()
    }

    fn records(&self, _cx: &Context) -> WantedRecords {
        named(self.scope.partition(), &self.session)
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), json!({ "session": self.session }))])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let Some(message) = self.seen(seen) else {
            let reason = Some(Code::literal("NOT_FOUND"));
            return Ok(Plan { reason, came_to_nothing: true, ..Plan::answer(None) });
        };
        let held = seen.records().named.first();
        let before = held.map_or_else(|| Ok(SessionDocument::default()), |held| read(&held.document))?;
        let document = match before.patched(&self.patch) {
            Ok(document) => SessionDocument { session: self.session.clone(), ..document },
            Err(wrong) => {
                let reason = Some(Code::literal("INVALID"));
                return Ok(Plan { reason, came_to_nothing: true, ..Plan::answer(Some(Err(wrong))) });
            }
        };
        let named = (
            RecordKind::Session,
            session_record_id(self.scope.partition(), &self.session),
            session_group(&self.session),
        );
        let first = record(cx, named, &document)?;
        let next = Record {
            subject: subject_of(message),
            version: held.map_or(1, |held| held.version + 1),
            created: held.map_or(cx.now, |held| held.created),
            ..first
        };
        let changes = vec![Change::KeepRecord(Box::new(next))];
        Ok(Plan { changes, ..Plan::answer(Some(Ok(document))) })
    }

    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        Some(self.select_messages())
    }

    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        self.seen(seen)?;
        let document = read(&seen.records().named.first()?.document).ok()?;
        Some(Plan { reason: Some(Code::literal("IDEMPOTENT_REPEAT")), ..Plan::answer(Some(Ok(document))) })
    }
}

/// What became of messages that were to be processed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Processed {
    /// How many are treated like any other item from now on.
    pub queued: usize,
    /// How many the caller may not change, or cannot be changed as they are.
    pub refused: usize,
}

/// Has messages that are only kept be treated like any other item from now on, each in a commit of its own: where it ends early, the
/// rest is only kept still, and asked for again it is done.
///
/// # Errors
/// When one of them cannot be written now.
pub async fn process_each(engine: &Engine, cx: &Context, ids: &[MemoryId]) -> Result<Processed, Refusal> {
    let mut seeds = IdSource::new(cx.id_seed, cx.now);
    let mut processed = Processed::default();
    for id in ids {
        let id_seed = IdSeed(*seeds.next_uuid().as_bytes());
        let cx = Context { id_seed, idempotency: None, ..cx.clone() };
        let step = Step::Revise(Box::new(Revision::processing()));
        match engine.run(&cx, &MakeStep { id: *id, step }).await {
            Ok(done) if done.output.is_ok() => processed.queued += 1,
            Ok(_) | Err(Refusal::Denied { .. } | Refusal::Hidden { .. }) => processed.refused += 1,
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(processed)
}
