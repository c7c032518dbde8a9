//! Work that is done behind a request: how far it is, who does it, and when it is tried again. Pure: what a server does with it is
//! elsewhere.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::constraint::closed_list;
use crate::graph::ExtractionStatus;
use crate::limits;
use crate::memory::{Memory, State};
use crate::time::Timestamp;

closed_list!(
    /// What is done.
    JobType {
        /// The graph of a memory is made.
        Extraction "extraction",
        /// What memories are found by in meaning is made.
        Embedding "embedding",
        /// What has expired is erased.
        Expiry "expiry",
        /// What was derived follows what it was derived from.
        Propagation "propagation",
        /// A client's own server is told.
        Webhook "webhook",
    }
);

closed_list!(
    /// How far a job is.
    JobState {
        /// It waits for its turn.
        Queued "queued",
        /// A server has it in hand, as long as its lease lasts.
        Running "running",
        /// It failed, and waits to be tried again.
        Retrying "retrying",
        /// It is done. Nothing leads out of it.
        Completed "completed",
        /// It failed too often, or for good. Only who says so tries it again.
        Failed "failed",
        /// Somebody did not want it any more. Nothing leads out of it.
        Cancelled "cancelled",
    }
);

impl JobState {
    /// Whether nothing is to be done any more, unless somebody says so.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// Who has a job in hand, and how long nobody else takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The server, by a name that it made up when it started.
    pub holder: String,
    /// From then on somebody else may take it.
    pub until: Timestamp,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Its state.
    pub state: JobState,
    /// How often it was begun since somebody wanted it.
    pub attempts: u32,
    /// When it may be begun, where it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
    /// Who has it in hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// Why it failed the last time: a word for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it last changed.
    pub updated: Timestamp,
}

/// What befalls a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A server takes it.
    Claim(Lease),
    /// It is not yet time for it: until then.
    Postpone(Timestamp),
    /// The server of that name has done it.
    Succeed(String),
    /// It could not.
    Fail {
        /// Who.
        holder: String,
        /// Why: a word for programs.
        error: String,
        /// Whether trying it again would not help.
        is_final: bool,
    },
    /// Somebody does not want it any more.
    Cancel,
    /// Somebody wants it again.
    Retry,
}

impl Progress {
    /// It waits for its turn, which may come at once.
    #[must_use]
    pub const fn queued(now: Timestamp) -> Self {
        Self {
            state: JobState::Queued,
            attempts: 0,
            next: Some(now),
            lease: None,
            last_error: None,
            updated: now,
        }
    }

    /// What becomes of it; none where that cannot befall it. `id` is the job's own: what fails together is not tried again together.
    #[must_use]
    pub fn step(&self, id: &str, event: Event, now: Timestamp) -> Option<Self> {
        let waits = matches!(self.state, JobState::Queued | JobState::Retrying);
        let is_held_by = |holder: &str| {
            self.state == JobState::Running && self.lease.as_ref().is_some_and(|lease| lease.holder == holder)
        };
        let moved = |state| Self { state, next: None, lease: None, updated: now, ..self.clone() };
        match event {
            Event::Claim(lease) => {
                let is_left = self.state == JobState::Running
                    && self.lease.as_ref().is_none_or(|lease| lease.until <= now);
                let is_due = waits && self.next.is_none_or(|next| next <= now);
                if !(is_due || is_left) || lease.until <= now {
                    return None;
                }
                if is_left && self.attempts >= limits::JOB_ATTEMPTS_MAX {
                    // Whoever had it in hand last never said what became of it.
                    return Some(Self {
                        last_error: Some("abandoned".to_owned()),
                        ..moved(JobState::Failed)
                    });
                }
                let attempts = self.attempts.saturating_add(1);
                Some(Self { attempts, lease: Some(lease), ..moved(JobState::Running) })
            }
            Event::Postpone(until) => waits.then(|| Self { next: Some(until), ..moved(self.state) }),
            Event::Succeed(holder) => {
                is_held_by(&holder).then(|| Self { last_error: None, ..moved(JobState::Completed) })
            }
            Event::Fail { holder, error, is_final } if is_held_by(&holder) => {
                let last_error = Some(error);
                if is_final || self.attempts >= limits::JOB_ATTEMPTS_MAX {
                    return Some(Self { last_error, ..moved(JobState::Failed) });
                }
                let next = Some(now.plus_micros(backoff_micros(id, self.attempts)));
                Some(Self { last_error, next, ..moved(JobState::Retrying) })
            }
            Event::Fail { .. } => None,
            Event::Cancel => (!self.state.is_over()).then(|| moved(JobState::Cancelled)),
            Event::Retry => (self.state == JobState::Failed).then(|| Self {
                attempts: 0,
                next: Some(now),
                ..moved(JobState::Queued)
            }),
        }
    }

    /// When a server has to look at it: when it may be begun, or taken from who had it in hand.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        match self.state {
            JobState::Queued | JobState::Retrying => self.next,
            JobState::Running => self.lease.as_ref().map(|lease| lease.until),
            JobState::Completed | JobState::Failed | JobState::Cancelled => None,
        }
    }
}

/// How long a job is left alone that was begun so often: twice as long each time, and at most [`limits::JOB_BACKOFF_SECONDS_MAX`]; by its
/// id up to half as long again.
#[must_use]
pub fn backoff_micros(id: &str, attempts: u32) -> i64 {
    let most = i64::from(limits::JOB_BACKOFF_SECONDS_MAX) * 1_000_000;
    let exponent = attempts.clamp(1, 32) - 1;
    let pause = (i64::from(limits::JOB_BACKOFF_SECONDS) * 1_000_000).saturating_mul(1_i64 << exponent);
    let digest = Sha256::new().chain_update(attempts.to_be_bytes()).chain_update(id.as_bytes()).finalize();
    let chance = i64::from(u16::from_be_bytes([digest[0], digest[1]]));
    let jitter = pause.min(most) / 2 * chance / i64::from(u16::MAX);
    pause.saturating_add(jitter).min(most)
}

/// How far the work on a memory is that goes on behind its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Something is still to be done that was not begun.
    Waits,
    /// Something was begun.
    Goes,
    /// It is done, and its text could be read.
    Completed,
    /// It was given up.
    Failed,
}

impl Work {
    /// That on a memory; of one that is gone, or closed, nothing is done any more.
    #[must_use]
    pub fn on(memory: Option<&Memory>, now: Timestamp) -> Self {
        let Some(memory) = memory.filter(|memory| memory.is_live(now) && !memory.is_tombstone()) else {
            return Self::Failed;
        };
        let Some(extraction) = memory.item().and_then(|item| item.extraction.as_ref()) else {
            return Self::Completed;
        };
        match extraction.status {
            ExtractionStatus::Queued if memory.state != State::Active => Self::Completed,
            ExtractionStatus::Queued if extraction.not_before.is_some() => Self::Goes,
            ExtractionStatus::Queued => Self::Waits,
            ExtractionStatus::Completed | ExtractionStatus::Skipped => Self::Completed,
            ExtractionStatus::Failed => Self::Failed,
        }
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_unix_micros(micros)
    }

    fn event() -> impl Strategy<Value = Event> {
        let holder = prop_oneof![Just("a".to_owned()), Just("b".to_owned())];
        prop_oneof![
            (holder.clone(), 0..40_000_000_i64)
                .prop_map(|(holder, until)| Event::Claim(Lease { holder, until: at(until) })),
            (0..40_000_000_i64).prop_map(|until| Event::Postpone(at(until))),
            holder.clone().prop_map(Event::Succeed),
            (holder, any::<bool>()).prop_map(|(holder, is_final)| Event::Fail {
                holder,
                error: "so".to_owned(),
                is_final
            }),
            Just(Event::Cancel),
            Just(Event::Retry),
        ]
    }

    proptest! {
        #[test]
        fn nothing_leads_out_of_an_end_and_one_holds_it(
            events in prop::collection::vec((event(), 0..2_000_000_i64), 0..60),
        ) {
            let mut now = at(0);
            let mut job = Progress::queued(now);
            for (event, later) in events {
                now = now.plus_micros(later);
                let Some(next) = job.step("job", event.clone(), now) else { continue };
                prop_assert!(!matches!(job.state, JobState::Completed | JobState::Cancelled), "{job:?} {event:?}");
                prop_assert!(job.state != JobState::Failed || event == Event::Retry, "{job:?} {event:?}");
                prop_assert_eq!(next.lease.is_some(), next.state == JobState::Running);
                prop_assert_eq!(next.due().is_none(), next.state.is_over());
                prop_assert!(next.attempts <= limits::JOB_ATTEMPTS_MAX);
                if let (Some(held), Event::Claim(lease)) = (&job.lease, &event) {
                    // Nobody takes it from who still has it.
                    prop_assert!(held.until <= now, "{held:?} {lease:?}");
                }
                if let (Event::Succeed(holder) | Event::Fail { holder, .. }, Some(held)) = (&event, &job.lease) {
                    prop_assert_eq!(holder, &held.holder);
                }
                job = next;
            }
        }

        #[test]
        fn pauses_grow_and_are_bounded(id in "[a-z0-9]{1,20}", attempts in 1..40_u32) {
            let most = i64::from(limits::JOB_BACKOFF_SECONDS_MAX) * 1_000_000;
            let (one, next) = (backoff_micros(&id, attempts), backoff_micros(&id, attempts + 1));
            prop_assert!(one >= i64::from(limits::JOB_BACKOFF_SECONDS) * 1_000_000);
            prop_assert!(one <= next && next <= most);
            prop_assert_eq!(one, backoff_micros(&id, attempts));
        }
    }

    #[test]
    fn a_job_that_fails_is_tried_so_often_and_no_oftener() {
        let mut now = at(0);
        let mut job = Progress::queued(now);
        let mut begun = 0;
        while let Some(claimed) =
            job.step("j", Event::Claim(Lease { holder: "a".to_owned(), until: now.plus_micros(5) }), now)
        {
            begun += 1;
            let failed = Event::Fail { holder: "a".to_owned(), error: "away".to_owned(), is_final: false };
            job = claimed.step("j", failed, now).expect("it is held");
            now = job.next.unwrap_or(now);
        }
        assert_eq!((begun, job.state), (limits::JOB_ATTEMPTS_MAX, JobState::Failed));
        let again = job.step("j", Event::Retry, now).expect("a failed one");
        assert_eq!((again.state, again.attempts), (JobState::Queued, 0));
    }
}
