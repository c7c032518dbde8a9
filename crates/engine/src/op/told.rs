//! `batch.keep`, `batch.get` and `memory.status`: which memories came together, and how far the work on them is.

use std::collections::BTreeMap;

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::Change;
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::job::Work;
use memoryscope_domain::memory::SubjectRef;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::record::RecordKind;
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::webhook::{Batch, Delivery, Topic, Webhook};
use serde_json::{Map, Value, json};

use super::job::OF_EVENT;
use super::{Info, Mint, Operation, Plan};
use crate::context::{Context, Tells};
use crate::notify::{memories_in, parts_of};
use crate::port::{Select, WantedRecords};
use crate::refusal::Refusal;

/// A batch is kept.
pub static KEEP: Info = Info { name: "batch.keep", audit: Code::literal("BATCH_KEEP"), changes: true };
/// A batch is looked at.
pub static GET: Info = Info { name: "batch.get", audit: Code::literal("BATCH_READ"), changes: false };
/// How far memories are.
pub static STATUS: Info =
    Info { name: "memory.status", audit: Code::literal("MEMORY_STATUS"), changes: false };

/// What is kept beside memories that a request has just made.
pub(super) fn beside(cx: &Context, made: &[MemoryId], mint: &mut Mint) -> Result<Vec<Change>, Refusal> {
    let (Some(tells), Some(first)) = (&cx.tells, made.first()) else { return Ok(Vec::new()) };
    let subject = cx.principal.user.as_ref().map(SubjectRef::of_user);
    let record = match tells {
        Tells::Memory(hook) => {
            let id = format!("{OF_EVENT}{}", mint.ids.next_uuid().simple());
            Delivery::new(Topic::Memory(first.prefixed()), hook, cx.now).record(&id, subject, cx.now, 1)
        }
        Tells::Part { batch, number } => {
            let memories = made.iter().map(|id| id.prefixed()).collect();
            let part = Batch { memories, ..batch_of(cx) };
            part.record(&Batch::part_name(batch, *number), subject, cx.now)
        }
    };
    Ok(vec![Change::KeepRecord(Box::new(record?))])
}

fn batch_of(cx: &Context) -> Batch {
    let user = cx.principal.user.as_ref().map(|user| user.as_str().to_owned());
    Batch { client: cx.principal.client.clone(), user, ..Batch::default() }
}

/// Keeps that a batch is whole, and whom to tell of it. A batch that is kept already stays as it is.
#[derive(Debug, Clone)]
pub struct Keep {
    /// Its name.
    pub id: String,
    /// How many memories were sent.
    pub sent: usize,
    /// How many of them were refused.
    pub refused: usize,
    /// Whom to tell.
    pub hook: Option<Webhook>,
}

impl Operation for Keep {
    type Output = ();

    fn info(&self) -> &'static Info {
        &KEEP
    }

    fn authority(&self) -> Authority {
        Authority::ChangeRecords
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    fn records(&self, _cx: &Context) -> WantedRecords {
        WantedRecords { named: vec![(RecordKind::Batch, self.id.clone())], page: None }
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), json!({"batch": self.id}))])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        if !seen.records().named.is_empty() {
            return Ok(Plan { reason: Some(Code::literal("ALREADY_DONE")), ..Plan::answer(()) });
        }
        let Self { sent, refused, .. } = *self;
        let batch = Batch { sent, refused, ..batch_of(cx) };
        let subject = cx.principal.user.as_ref().map(SubjectRef::of_user);
        let mut records = vec![batch.record(&self.id, subject, cx.now)?];
        if let Some(hook) = &self.hook {
            let id = format!("{OF_EVENT}{}", mint.ids.next_uuid().simple());
            let delivery = Delivery::new(Topic::Batch(self.id.clone()), hook, cx.now);
            records.push(delivery.record(&id, subject, cx.now, 1)?);
        }
        let changes = records.into_iter().map(|record| Change::KeepRecord(Box::new(record))).collect();
        Ok(Plan { changes, ..Plan::answer(()) })
    }
}

/// A batch, as who sent it is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// How many memories were sent.
    pub sent: usize,
    /// How many of them were refused.
    pub refused: usize,
    /// Those that were stored, but for what was forgotten with its person.
    pub memories: Vec<MemoryId>,
    /// When it was sent.
    pub created: Timestamp,
}

/// Shows a batch; none where there is none of that name, or it is somebody else's.
#[derive(Debug, Clone)]
pub struct Look {
    /// Its name.
    pub id: String,
}

impl Operation for Look {
    type Output = Option<Kept>;

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
        let mut named = vec![(RecordKind::Batch, self.id.clone())];
        named.extend(parts_of(&self.id));
        WantedRecords { named, page: None }
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), json!({"batch": self.id}))])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let named = &seen.records().named;
        let Some((whole, parts)) = named.split_first().filter(|(whole, _)| whole.id == self.id) else {
            return Ok(Plan::answer(None));
        };
        let batch = Batch::read(whole)?;
        Ok(Plan::answer(Some(Kept {
            sent: batch.sent,
            refused: batch.refused,
            memories: memories_in(parts)?,
            created: whole.created,
        })))
    }
}

/// Says how far the work on memories is. Those that the caller may not see are left out, as those that are gone.
#[derive(Debug, Clone)]
pub struct Status {
    /// Which.
    pub ids: Vec<MemoryId>,
    /// What for.
    pub purpose: Purpose,
}

impl Operation for Status {
    type Output = BTreeMap<MemoryId, Work>;

    fn info(&self) -> &'static Info {
        &STATUS
    }

    fn authority(&self) -> Authority {
        Authority::ReadEach
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(self.purpose)
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Memories(self.ids.clone())
    }

    fn private(&self) -> Map<String, Value> {
        let ids: Vec<String> = self.ids.iter().map(|id| id.prefixed()).collect();
        Map::from_iter([("request".to_owned(), json!({"memory_ids": ids}))])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let living = seen.memories().iter().filter(|memory| !memory.is_tombstone());
        let work: BTreeMap<MemoryId, Work> =
            living.map(|memory| (memory.id, Work::on(Some(memory), cx.now))).collect();
        let memory_ids = work.keys().copied().collect();
        Ok(Plan { memory_ids, ..Plan::answer(work) })
    }
}
