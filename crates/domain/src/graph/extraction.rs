//! How far the extraction of a memory's graph has come.

use serde::{Deserialize, Serialize};

use super::resolve::Report;
use crate::constraint::closed_list;
use crate::items::EffectivePolicy;
use crate::items::policy::GraphPlan;
use crate::memory::Key;
use crate::time::Timestamp;

closed_list!(
    /// How far it has come.
    ExtractionStatus {
        /// It waits for its turn.
        Queued "queued",
        /// It is done.
        Completed "completed",
        /// It was tried too often.
        Failed "failed",
        /// There is nothing to do: nobody is to make a graph of the memory, or whoever wrote it did not want it yet.
        Skipped "skipped",
    }
);

/// The job that memories wait for under [`Key::waiting`].
pub const WAITING: &str = "extraction";
/// What they wait for where it is not to be tried at once: looked at less often, so that a long queue of those costs little.
pub const WAITING_LONGER: &str = "extraction.later";
/// Under what those are found that were given up: nothing waits there, but that somebody has them tried again.
pub const GIVEN_UP: &str = "extraction.failed";

/// What became of the extraction of one memory's graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extraction {
    /// How far it has come.
    pub status: ExtractionStatus,
    /// Why it was skipped, or failed: a word for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// When it may be tried again, where that is not at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Which extractor did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extractor: Option<String>,
    /// What became of everything that was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

impl Extraction {
    /// What is to be done for a new memory, or one that says something else from now on.
    #[must_use]
    pub fn of(policy: &EffectivePolicy) -> Self {
        match policy.graph() {
            GraphPlan::NoConsent => Self::skipped("no_consent"),
            GraphPlan::Off => Self::skipped("mode_none"),
            GraphPlan::Given | GraphPlan::Extracted => Self::queued(),
        }
    }

    /// It waits for its turn.
    #[must_use]
    pub const fn queued() -> Self {
        let status = ExtractionStatus::Queued;
        Self { status, reason: None, attempts: 0, not_before: None, extractor: None, report: None }
    }

    /// There is nothing to do.
    #[must_use]
    pub fn skipped(reason: &str) -> Self {
        Self { status: ExtractionStatus::Skipped, reason: Some(reason.to_owned()), ..Self::queued() }
    }

    /// What was given was made of it.
    #[must_use]
    pub fn given(report: Report) -> Self {
        Self { status: ExtractionStatus::Completed, report: Some(report), ..Self::queued() }
    }

    /// Whether a job has it still to do.
    #[must_use]
    pub const fn waits(&self) -> bool {
        matches!(self.status, ExtractionStatus::Queued)
    }

    /// Whether it may be tried now.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.waits() && self.not_before.is_none_or(|time| time <= now)
    }

    /// Under what it is found, while there is something to do, or it was given up.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        match self.status {
            ExtractionStatus::Queued if self.not_before.is_some() => Some(Key::waiting(WAITING_LONGER)),
            ExtractionStatus::Queued => Some(Key::waiting(WAITING)),
            ExtractionStatus::Failed => Some(Key::waiting(GIVEN_UP)),
            ExtractionStatus::Completed | ExtractionStatus::Skipped => None,
        }
    }
}
