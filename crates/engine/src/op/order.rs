//! `job.cancel` and `job.retry`: what who runs the tenant wants of a job.

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::{Change, IdempotencyRecord};
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::graph::Extraction;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::job::{Event, JobState};
use memoryscope_domain::memory::Memory;
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::webhook::Delivery;
use serde_json::{Map, Value, json};

use super::job::{CANCEL, CANCELLED, Embeddings, Job, KeptDelivery, Named, RETRY, found, of_memory};
use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::{Select, WantedRecords};
use crate::refusal::Refusal;

/// What somebody wants of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// That it ends.
    Cancel,
    /// That it is tried again.
    Retry,
}

/// What became of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// There is no such job.
    Unknown,
    /// It is so now.
    Done(Job),
    /// It cannot be so: this is how the job stands.
    NotSo(Job),
    /// It is to be so, by the server itself: a memory's next version says it.
    Extraction(MemoryId),
}

/// Ends a job, or has it tried again.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its name.
    pub id: String,
    /// What is wanted.
    pub wish: Wish,
}

impl Operation for Order {
    type Output = Changed;

    fn info(&self) -> &'static Info {
        match self.wish {
            Wish::Cancel => &CANCEL,
            Wish::Retry => &RETRY,
        }
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
        let named = Named::read(&self.id);
        let Some(job) = found(named.as_ref(), seen, &Embeddings::default(), cx.now)? else {
            return Ok(Plan { came_to_nothing: true, ..Plan::answer(Changed::Unknown) });
        };
        let not_so = |job| Plan { came_to_nothing: true, ..Plan::answer(Changed::NotSo(job)) };
        match named {
            Some(Named::Extraction(id)) => {
                let may_be = match self.wish {
                    Wish::Cancel => matches!(job.state, JobState::Queued | JobState::Retrying),
                    Wish::Retry => matches!(job.state, JobState::Failed | JobState::Cancelled),
                };
                Ok(if may_be { Plan::answer(Changed::Extraction(id)) } else { not_so(job) })
            }
            Some(Named::Delivery(id)) => {
                let Some(held) = seen.records().named.first() else { return Ok(not_so(job)) };
                let kept = KeptDelivery::read(held)?;
                let event = match self.wish {
                    Wish::Cancel => Event::Cancel,
                    Wish::Retry => Event::Retry,
                };
                let Some(progress) = kept.delivery.progress.step(&id, event, cx.now) else {
                    return Ok(not_so(job));
                };
                let delivery = Delivery { progress, ..kept.delivery };
                let job = KeptDelivery { delivery: delivery.clone(), ..kept }.job();
                let next = delivery.next(held)?;
                let changes = vec![Change::KeepRecord(Box::new(next))];
                Ok(Plan { changes, ..Plan::answer(Changed::Done(job)) })
            }
            _ => Ok(not_so(job)),
        }
    }

    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        Some(Named::read(&self.id).map_or(Select::Nothing, |named| named.select()))
    }

    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        // Whether it has expired since makes no difference to what was asked for.
        let then = Timestamp::from_unix_micros(i64::MIN);
        let job = found(Named::read(&self.id).as_ref(), seen, &Embeddings::default(), then).ok()??;
        let reason = Some(Code::literal("IDEMPOTENT_REPEAT"));
        Some(Plan { reason, ..Plan::answer(Changed::Done(job)) })
    }
}

/// Carries a wish out on a memory's extraction. The server does so for who may wish it.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Which memory.
    pub id: MemoryId,
    /// What is wanted.
    pub wish: Wish,
}

impl Operation for Turn {
    /// The job as it stands from now on; none where it stands otherwise by now.
    type Output = Option<Job>;

    fn info(&self) -> &'static Info {
        &super::extract::INFO
    }

    fn authority(&self) -> Authority {
        Authority::System
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Memories(vec![self.id])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let nothing = || Plan { came_to_nothing: true, ..Plan::answer(None) };
        let Some(current) = seen.memories().first() else { return Ok(nothing()) };
        let Some(job) = of_memory(current, cx.now) else { return Ok(nothing()) };
        let turned = match (self.wish, job.state) {
            (Wish::Cancel, JobState::Queued | JobState::Retrying) => Extraction::skipped(CANCELLED),
            (Wish::Retry, JobState::Failed | JobState::Cancelled) => Extraction::queued(),
            _ => return Ok(nothing()),
        };
        let mut next = Memory { version: current.version + 1, ..Memory::clone(current) };
        if let Some(item) = next.body.object_mut().and_then(|object| object.item.as_deref_mut()) {
            item.extraction = Some(turned);
        }
        let job = of_memory(&next, cx.now);
        let memory_ids = vec![self.id];
        Ok(Plan { changes: vec![Change::ReplaceMemory(next)], memory_ids, ..Plan::answer(job) })
    }
}
