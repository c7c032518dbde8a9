//! What came out of a run.

use serde::Serialize;

/// One phase: requests of one kind, of which each has one right answer.
#[derive(Debug, Clone, Serialize)]
pub struct PhaseReport {
    /// Its name.
    pub phase: &'static str,
    /// Requests sent.
    pub requests: u64,
    /// Those that were answered rightly.
    pub success: u64,
    /// Those that were not, or not at all.
    pub failed: u64,
    /// The part of them that was answered rightly, in percent; none of none.
    pub rate_percent: Option<f64>,
    /// Requests answered in a second.
    pub requests_per_second: f64,
}

/// A request that was not answered as it must be.
#[derive(Debug, Clone, Serialize)]
pub struct Failed {
    /// In which phase.
    pub phase: &'static str,
    /// The request's id, under which the server knows it.
    pub request_id: String,
    /// The status of the answer; none when there was none.
    pub status: Option<u16>,
    /// What was expected, and what the answer says.
    pub message: String,
}

/// A whole run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The server.
    pub url: String,
    /// What it says it is.
    pub version: Option<String>,
    /// What all names of users begin with.
    pub run: String,
    /// What the data were made of.
    pub seed: u64,
    /// People.
    pub users: u32,
    /// Memories of each.
    pub memories: u32,
    /// The phases, in their order.
    pub phases: Vec<PhaseReport>,
    /// The first requests that failed.
    pub failures: Vec<Failed>,
    /// Whether everything was as expected.
    pub ok: bool,
}
