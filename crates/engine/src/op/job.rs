//! `job.*` and `delivery.list`: what is done behind requests, for who runs the tenant.
//!
//! What waits for its graph is known by keys of the memories themselves, and what is told to clients' servers by records; a job is
//! what one of these is shown as.

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::graph::ExtractionStatus;
use memoryscope_domain::graph::extraction::{GIVEN_UP, WAITING, WAITING_LONGER};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::job::{JobState, JobType};
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Key, Memory, State, Unreadable};
use memoryscope_domain::record::{Record, RecordKind};
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::webhook::{Delivery, Topic};
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::{KeyedSelect, RecordPage, Select, WantedRecords};
use crate::refusal::Refusal;

/// Lists jobs.
pub static LIST: Info = Info { name: "job.list", audit: Code::literal("JOB_LIST"), changes: false };
/// Shows one.
pub static GET: Info = Info { name: "job.get", audit: Code::literal("JOB_READ"), changes: false };
/// Ends one.
pub static CANCEL: Info = Info { name: "job.cancel", audit: Code::literal("JOB_CANCEL"), changes: true };
/// Has one that failed tried again.
pub static RETRY: Info = Info { name: "job.retry", audit: Code::literal("JOB_RETRY"), changes: true };
/// Lists what clients' servers are told.
pub static DELIVERIES: Info =
    Info { name: "delivery.list", audit: Code::literal("DELIVERY_LIST"), changes: false };

/// The one job of its type: what was derived follows what it was derived from.
const PROPAGATION: &str = "propagation";
/// The one job of its type: vectors are made.
const EMBEDDING: &str = "embedding";
/// The one job of its type: what has expired is erased.
const EXPIRY: &str = "expiry";
/// What the name of the job begins with that makes a memory's graph.
pub const OF_EXTRACTION: &str = "extraction_";
/// What the name of an event begins with.
pub const OF_EVENT: &str = "evt_";

/// A job, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub id: String,
    /// What is done.
    pub of: JobType,
    /// How far it is.
    pub state: JobState,
    /// How often it was begun.
    pub attempts: u32,
    /// How often it is begun at most; none where that is not bounded.
    pub attempts_max: Option<u32>,
    /// When it is begun again, where that is known.
    pub next: Option<Timestamp>,
    /// Why it failed the last time: a word for programs.
    pub last_error: Option<String>,
    /// The memory that it is about, where it is about one.
    pub memory: Option<String>,
    /// Since when there is something to do.
    pub created: Option<Timestamp>,
    /// When it last changed.
    pub updated: Option<Timestamp>,
}

/// What a job's name names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    Delivery(String),
    Extraction(MemoryId),
    Sweep(JobType),
}

impl Named {
    pub(super) fn read(id: &str) -> Option<Self> {
        if let Some(hex) = id.strip_prefix(OF_EXTRACTION) {
            return MemoryId::parse(hex).ok().map(Self::Extraction);
        }
        match id {
            PROPAGATION => Some(Self::Sweep(JobType::Propagation)),
            EMBEDDING => Some(Self::Sweep(JobType::Embedding)),
            EXPIRY => Some(Self::Sweep(JobType::Expiry)),
            _ => id.starts_with(OF_EVENT).then(|| Self::Delivery(id.to_owned())),
        }
    }

    pub(super) fn select(&self) -> Select {
        match self {
            Self::Extraction(id) => Select::Memories(vec![*id]),
            Self::Sweep(JobType::Expiry) => Select::Expired { limit: 1 },
            Self::Delivery(_) | Self::Sweep(_) => Select::Nothing,
        }
    }

    pub(super) fn records(&self) -> WantedRecords {
        match self {
            Self::Delivery(id) => {
                WantedRecords { named: vec![(RecordKind::Delivery, id.clone())], page: None }
            }
            Self::Extraction(_) | Self::Sweep(_) => WantedRecords::nothing(),
        }
    }
}

/// The server's own look at what waits, which no snapshot holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Embeddings {
    /// How many memories wait for a vector.
    pub pending: usize,
    /// Why none can be made now.
    pub last_error: Option<&'static str>,
}

/// A job that is of the whole tenant, if there is something to do.
fn sweep(of: JobType, seen: &Visible<Facts>, embeddings: &Embeddings) -> Option<Job> {
    let (id, is_there, created, last_error) = match of {
        JobType::Propagation => (PROPAGATION, seen.has_pending(), None, None),
        JobType::Embedding => (EMBEDDING, embeddings.pending > 0, None, embeddings.last_error),
        JobType::Expiry => {
            let first = seen.memories().first().and_then(|memory| memory.expires);
            (EXPIRY, first.is_some(), first, None)
        }
        JobType::Extraction | JobType::Webhook => return None,
    };
    is_there.then(|| Job {
        id: id.to_owned(),
        of,
        state: if last_error.is_some() { JobState::Retrying } else { JobState::Queued },
        attempts: 0,
        attempts_max: None,
        next: None,
        last_error: last_error.map(str::to_owned),
        memory: None,
        created,
        updated: None,
    })
}

/// The job that makes a memory's graph, if there is one.
pub(super) fn of_memory(memory: &Memory, now: Timestamp) -> Option<Job> {
    let item = memory.item().filter(|_| memory.state == State::Active && memory.is_live(now))?;
    let extraction = item.extraction.as_ref()?;
    let state = match extraction.status {
        ExtractionStatus::Queued if extraction.not_before.is_some() => JobState::Retrying,
        ExtractionStatus::Queued => JobState::Queued,
        ExtractionStatus::Completed => JobState::Completed,
        ExtractionStatus::Failed => JobState::Failed,
        ExtractionStatus::Skipped if extraction.reason.as_deref() == Some(CANCELLED) => JobState::Cancelled,
        ExtractionStatus::Skipped => return None,
    };
    Some(Job {
        id: format!("{OF_EXTRACTION}{}", memory.id.uuid().simple()),
        of: JobType::Extraction,
        state,
        attempts: extraction.attempts,
        attempts_max: Some(limits::EXTRACTION_ATTEMPTS_MAX),
        next: extraction.not_before,
        last_error: extraction.reason.clone().filter(|_| state != JobState::Cancelled),
        memory: Some(memory.id.prefixed()),
        created: Some(memory.created),
        updated: None,
    })
}

/// Why an extraction is skipped that somebody ended.
pub(super) const CANCELLED: &str = "cancelled";

/// What is kept of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptDelivery {
    /// The event's name, which is the job's too.
    pub id: String,
    /// Since when it waits.
    pub created: Timestamp,
    /// What is told, and how far that is.
    pub delivery: Delivery,
}

impl KeptDelivery {
    pub(super) fn read(record: &Record) -> Result<Self, Unreadable> {
        let delivery = Delivery::read(record)?;
        Ok(Self { id: record.id.clone(), created: record.created, delivery })
    }

    /// The job that it is.
    #[must_use]
    pub fn job(&self) -> Job {
        let progress = &self.delivery.progress;
        Job {
            id: self.id.clone(),
            of: JobType::Webhook,
            state: progress.state,
            attempts: progress.attempts,
            attempts_max: Some(limits::JOB_ATTEMPTS_MAX),
            next: progress.due(),
            last_error: progress.last_error.clone(),
            memory: match &self.delivery.topic {
                Topic::Memory(id) => Some(id.clone()),
                Topic::Batch(_) => None,
            },
            created: Some(self.created),
            updated: Some(progress.updated),
        }
    }
}

/// Where a listing of jobs goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// Behind that delivery.
    Delivery(String),
    /// Behind that memory's extraction.
    Extraction(MemoryId),
}

/// Lists jobs: what is told to clients' servers, then what makes memories' graphs, then what is of the whole tenant.
#[derive(Debug, Clone)]
pub struct List {
    /// Only those of a type.
    pub of: Option<JobType>,
    /// Only those in a state.
    pub state: Option<JobState>,
    /// Only those behind this one.
    pub after: Option<After>,
    /// At most so many, and those of the whole tenant.
    pub limit: usize,
    /// What waits for vectors.
    pub embeddings: Embeddings,
}

/// A page of jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Where the next page begins, if there may be one.
    pub next: Option<After>,
}

impl List {
    fn wants(&self, of: JobType) -> bool {
        self.of.is_none_or(|wanted| wanted == of)
    }

    /// Under what extractions are found that are in the state that is asked for.
    fn keys(&self) -> Vec<Key> {
        let jobs: &[&str] = match self.state {
            None => &[WAITING, WAITING_LONGER, GIVEN_UP],
            Some(JobState::Queued) => &[WAITING],
            Some(JobState::Retrying) => &[WAITING_LONGER],
            Some(JobState::Failed) => &[GIVEN_UP],
            Some(JobState::Running | JobState::Completed | JobState::Cancelled) => &[],
        };
        jobs.iter().map(|job| Key::waiting(job)).collect()
    }

    fn lists_deliveries(&self) -> bool {
        self.wants(JobType::Webhook) && !matches!(self.after, Some(After::Extraction(_)))
    }
}

impl Operation for List {
    type Output = Page;

    fn info(&self) -> &'static Info {
        &LIST
    }

    fn authority(&self) -> Authority {
        Authority::Operator
    }

    fn select(&self, _cx: &Context) -> Select {
        if self.of == Some(JobType::Expiry) {
            return Select::Expired { limit: 1 };
        }
        let keys = self.keys();
        if !self.wants(JobType::Extraction) || keys.is_empty() {
            return Select::Nothing;
        }
        let after = match self.after {
            Some(After::Extraction(id)) => Some(id),
            _ => None,
        };
        Select::Keyed(KeyedSelect { keys, after, limit: self.limit })
    }

    fn records(&self, _cx: &Context) -> WantedRecords {
        let after = match &self.after {
            Some(After::Delivery(id)) => Some(id.clone()),
            _ => None,
        };
        let page = RecordPage::Listed {
            kind: RecordKind::Delivery,
            group: self.state.map(|state| state.name().to_owned()),
            after,
            limit: self.limit,
            counted: false,
        };
        WantedRecords { named: Vec::new(), page: self.lists_deliveries().then_some(page) }
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let records = seen.records();
        let mut page = Page { jobs: Vec::new(), next: None };
        for record in &records.page {
            page.jobs.push(KeptDelivery::read(record)?.job());
        }
        if records.more {
            page.next = records.page.last().map(|last| After::Delivery(last.id.clone()));
            return Ok(Plan::answer(page));
        }
        if self.of != Some(JobType::Expiry) {
            let room = self.limit - page.jobs.len();
            let listed = seen.memories().iter().take(room);
            page.jobs.extend(listed.clone().filter_map(|memory| of_memory(memory, cx.now)));
            if seen.more() || seen.memories().len() > room {
                // Where there was no room at all, the next page begins with the first of them.
                page.next = match listed.clone().next_back() {
                    Some(last) => Some(After::Extraction(last.id)),
                    None => records.page.last().map(|last| After::Delivery(last.id.clone())),
                };
                return Ok(Plan::answer(page));
            }
        }
        let sweeps = [JobType::Propagation, JobType::Embedding, JobType::Expiry].into_iter();
        let sweeps = sweeps.filter(|of| self.wants(*of) && (*of != JobType::Expiry || self.of.is_some()));
        let sweeps = sweeps.filter_map(|of| sweep(of, seen, &self.embeddings));
        page.jobs.extend(sweeps.filter(|job| self.state.is_none_or(|state| state == job.state)));
        Ok(Plan::answer(page))
    }
}

/// Shows a job; none where there is none of that name.
#[derive(Debug, Clone)]
pub struct Look {
    /// Its name.
    pub id: String,
    /// What waits for vectors.
    pub embeddings: Embeddings,
}

/// The job of a name, as far as it was loaded.
pub(super) fn found(
    named: Option<&Named>,
    seen: &Visible<Facts>,
    embeddings: &Embeddings,
    now: Timestamp,
) -> Result<Option<Job>, Refusal> {
    Ok(match named {
        None => None,
        Some(Named::Delivery(_)) => match seen.records().named.first() {
            Some(record) => Some(KeptDelivery::read(record)?.job()),
            None => None,
        },
        Some(Named::Extraction(_)) => seen.memories().first().and_then(|memory| of_memory(memory, now)),
        Some(Named::Sweep(of)) => sweep(*of, seen, embeddings),
    })
}

impl Operation for Look {
    type Output = Option<Job>;

    fn info(&self) -> &'static Info {
        &GET
    }

    fn authority(&self) -> Authority {
        Authority::Operator
    }

    fn select(&self, _cx: &Context) -> Select {
        Named::read(&self.id).map_or(Select::Nothing, |named| named.select())
    }

    fn records(&self, _cx: &Context) -> WantedRecords {
        Named::read(&self.id).map_or_else(WantedRecords::nothing, |named| named.records())
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), json!({"job": self.id}))])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        Ok(Plan::answer(found(Named::read(&self.id).as_ref(), seen, &self.embeddings, cx.now)?))
    }
}

/// Lists what clients' servers are told, in order of the events' names.
#[derive(Debug, Clone)]
pub struct Deliveries {
    /// Only those in a state.
    pub state: Option<JobState>,
    /// Only those behind this one.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

impl Operation for Deliveries {
    /// The deliveries, and whether there are more.
    type Output = (Vec<KeptDelivery>, bool);

    fn info(&self) -> &'static Info {
        &DELIVERIES
    }

    fn authority(&self) -> Authority {
        Authority::Operator
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    fn records(&self, _cx: &Context) -> WantedRecords {
        let page = RecordPage::Listed {
            kind: RecordKind::Delivery,
            group: self.state.map(|state| state.name().to_owned()),
            after: self.after.clone(),
            limit: self.limit,
            counted: false,
        };
        WantedRecords { named: Vec::new(), page: Some(page) }
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let kept = seen.records().page.iter().map(KeptDelivery::read).collect::<Result<_, _>>()?;
        Ok(Plan::answer((kept, seen.records().more)))
    }
}
