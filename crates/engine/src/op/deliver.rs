//! `delivery.turn`: the server takes what a client's server is to be told, and says what became of it.

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::Change;
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::job::{Event, JobState, Lease, Work};
use memoryscope_domain::limits;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::record::{Record, RecordKind};
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::webhook::{Delivery, SIGNATURE_HEADER, signature};
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::notify::{Message, Undelivered};
use crate::port::{Select, WantedRecords};
use crate::refusal::Refusal;

/// What it declares of itself.
pub static INFO: Info = Info { name: "delivery.turn", audit: Code::literal("DELIVERY"), changes: true };

/// Takes a delivery that is due, where the work is over that it tells of; else puts it off. One that is over is forgotten once its
/// time has come, and so is a batch.
#[derive(Debug, Clone)]
pub struct Take {
    /// What was found to be due, as it was found.
    pub found: Record,
    /// The memories that it is about.
    pub memories: Vec<MemoryId>,
    /// Those of them that still wait for something that no snapshot tells of.
    pub awaited: usize,
    /// Who takes it.
    pub holder: String,
}

/// What became of what was due.
#[derive(Debug, Clone, Default)]
pub enum Taken {
    /// Nothing is to be done with it now.
    #[default]
    Nothing,
    /// It is to be sent.
    Message(Box<Message>),
}

/// How long until the work is looked at again: longer each time.
fn pause_micros(looks: u32) -> i64 {
    (1_i64 << looks.min(16)).min(limits::DELIVERY_LOOK_SECONDS_MAX) * 1_000_000
}

impl Take {
    /// What becomes of the delivery, and what is sent.
    fn turn(
        &self,
        delivery: &Delivery,
        seen: &Visible<Facts>,
        now: Timestamp,
    ) -> Option<(Delivery, Option<Message>)> {
        let id = &self.found.id;
        let work = self.memories.iter().map(|id| {
            let memory = seen.memories().iter().find(|memory| memory.id == *id);
            (id.prefixed(), Work::on(memory.map(AsRef::as_ref), now))
        });
        let work: Vec<(String, Work)> = work.collect();
        let is_over = work.iter().all(|(_, work)| work.is_over()) && self.awaited == 0;
        let waits = delivery.finished.is_none() && !is_over;
        let lease = Lease {
            holder: self.holder.clone(),
            until: now.plus_micros(limits::JOB_LEASE_SECONDS * 1_000_000),
        };
        let mut next = delivery.clone();
        if waits && now.micros_since(self.found.created) < limits::DELIVERY_WAIT_HOURS * 3_600_000_000 {
            let until = now.plus_micros(pause_micros(delivery.looks));
            next.progress = delivery.progress.step(id, Event::Postpone(until), now)?;
            next.looks = delivery.looks.saturating_add(1);
            return Some((next, None));
        }
        next.progress = delivery.progress.step(id, Event::Claim(lease), now)?;
        if waits || next.progress.state == JobState::Failed {
            let error = "work_unfinished".to_owned();
            let failed = Event::Fail { holder: self.holder.clone(), error, is_final: true };
            next.progress = next.progress.step(id, failed, now).unwrap_or(next.progress);
            return Some((next, None));
        }
        next.finished = delivery.finished.or(Some(now));
        let told: Vec<(String, bool)> =
            work.into_iter().map(|(id, work)| (id, work == Work::Completed)).collect();
        let body = next.body(id, &told, now);
        let signed = delivery.secret.as_ref().map(|secret| signature(secret, now, &body));
        let message = delivery.url.as_ref().map(|url| Message {
            event_id: id.clone(),
            url: url.clone(),
            signature: signed.map(|signed| (SIGNATURE_HEADER, signed)),
            body,
        });
        Some((next, message))
    }
}

impl Operation for Take {
    type Output = Taken;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::System
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(Purpose::Maintenance)
    }

    fn select(&self, _cx: &Context) -> Select {
        if self.memories.is_empty() { Select::Nothing } else { Select::Memories(self.memories.clone()) }
    }

    fn records(&self, _cx: &Context) -> WantedRecords {
        WantedRecords { named: vec![(self.found.kind, self.found.id.clone())], page: None }
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), json!({"record": self.found.id}))])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let nothing = || Plan { came_to_nothing: true, ..Plan::answer(Taken::Nothing) };
        let held = seen.records().named.first().filter(|held| held.due.is_some_and(|due| due <= cx.now));
        let Some(held) = held else { return Ok(nothing()) };
        let forgets = Change::ForgetRecord { kind: held.kind, id: held.id.clone() };
        if held.kind != RecordKind::Delivery {
            return Ok(Plan { changes: vec![forgets], ..Plan::answer(Taken::Nothing) });
        }
        let delivery = Delivery::read(held)?;
        if delivery.progress.state.is_over() {
            return Ok(Plan { changes: vec![forgets], ..Plan::answer(Taken::Nothing) });
        }
        let Some((next, message)) = self.turn(&delivery, seen, cx.now) else { return Ok(nothing()) };
        let next = next.next(held)?;
        let output = message.map_or(Taken::Nothing, |message| Taken::Message(Box::new(message)));
        Ok(Plan { changes: vec![Change::KeepRecord(Box::new(next))], ..Plan::answer(output) })
    }
}

/// Says what became of a delivery that was taken.
#[derive(Debug, Clone)]
pub struct Finish {
    /// The event's name.
    pub id: String,
    /// Who took it.
    pub holder: String,
    /// The status that was answered, or why there was none.
    pub result: Result<u16, Undelivered>,
}

impl Operation for Finish {
    /// How it stands now; none where somebody else has it in hand by now, or ended it.
    type Output = Option<JobState>;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::System
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(Purpose::Maintenance)
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    fn records(&self, _cx: &Context) -> WantedRecords {
        WantedRecords { named: vec![(RecordKind::Delivery, self.id.clone())], page: None }
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), json!({"record": self.id}))])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let nothing = || Plan { came_to_nothing: true, ..Plan::answer(None) };
        let Some(held) = seen.records().named.first() else { return Ok(nothing()) };
        let delivery = Delivery::read(held)?;
        let fail = |error: String, is_final| Event::Fail { holder: self.holder.clone(), error, is_final };
        let event = match &self.result {
            Ok(200..=299) => Event::Succeed(self.holder.clone()),
            // Who says that it is gone, is.
            Ok(status) => fail(format!("status_{status}"), *status == 410),
            Err(why) => fail(why.reason.to_owned(), why.is_final),
        };
        let Some(progress) = delivery.progress.step(&self.id, event, cx.now) else { return Ok(nothing()) };
        let state = progress.state;
        let answer = self.result.as_ref().ok().copied();
        let next = Delivery { progress, answer, ..delivery }.next(held)?;
        Ok(Plan { changes: vec![Change::KeepRecord(Box::new(next))], ..Plan::answer(Some(state)) })
    }
}
