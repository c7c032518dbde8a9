//! `GET /metrics`: what this server counts, in the text format of Prometheus.
//!
//! Labels come from closed lists: methods, patterns of routes, statuses, operations, outcomes, purposes. No content,
//! no user, no tenant, no client and no request id is in them, so the page has a size that requests cannot grow.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use memoryscope_domain::purpose::Purpose;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::port::{Decision, ExpiryRun, Health, Meter};
use prometheus::core::Collector;
use prometheus::{
    Encoder as _, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::openapi::{Example, Operation, Routes, Tag, Verb};

/// Where the page is.
pub const PATH: &str = "/metrics";

/// The tenant whose chain's length is shown: the one that every server has. Others would be labels without end.
const SHOWN_TENANT: &str = "t_default";
/// How long the store may take to say that it is there.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// Seconds: from a cached read to a request that is about to time out.
const REQUEST_SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// Seconds: from one change set on an idle disk to a writer that waits for another process.
const COMMIT_SECONDS: [f64; 12] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 5.0];
/// Change sets in one transaction.
const BATCH_SETS: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    decisions: IntCounterVec,
    commit_sets: Histogram,
    commit_seconds: Histogram,
    audit_head: IntGauge,
    audit_head_seen: AtomicU64,
    expiry_lag_seconds: Gauge,
    expired: IntCounter,
    expiry_runs: IntCounterVec,
    store_up: IntGauge,
    connections: IntGaugeVec,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// Registers what was made; names that are wrong or stand twice are found by every test that makes a server.
fn registered<C: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    let made = made.expect("a metric's name and labels are good");
    registry.register(Box::new(made.clone())).expect("no metric stands twice");
    made
}

fn connections(all: &Registry) -> IntGaugeVec {
    let help =
        "Connections that read from PostgreSQL, by whether they are busy, idle, or closed (not yet open).";
    registered(all, IntGaugeVec::new(Opts::new("memoryscope_store_connections", help), &["state"]))
}

impl Metrics {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(version: &str) -> Self {
        let all = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            registered(&all, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            registered(&all, Histogram::with_opts(options))
        };
        let gauge = |name: &str, help: &str| registered(&all, IntGauge::new(name, help));
        let request_seconds = HistogramOpts::new(
            "memoryscope_http_request_duration_seconds",
            "How long requests took, by method and route pattern.",
        );
        let build =
            Opts::new("memoryscope_build_info", "Which build this is.").const_label("version", version);
        registered(&all, IntGauge::with_opts(build)).set(1);
        Self {
            requests: counters(
                "memoryscope_http_requests_total",
                "Requests by method, route pattern and status; 499 is a client that went away.",
                &["method", "route", "status"],
            ),
            request_seconds: registered(
                &all,
                HistogramVec::new(request_seconds.buckets(REQUEST_SECONDS.to_vec()), &["method", "route"]),
            ),
            decisions: counters(
                "memoryscope_decisions_total",
                "Decisions whose audit entry is durable, by operation, outcome and purpose: one entry each.",
                &["operation", "outcome", "purpose"],
            ),
            commit_sets: histogram(
                "memoryscope_commit_batch_size",
                "Change sets that were made durable together.",
                &BATCH_SETS,
            ),
            commit_seconds: histogram(
                "memoryscope_commit_duration_seconds",
                "How long a transaction took until it was durable.",
                &COMMIT_SECONDS,
            ),
            audit_head: gauge(
                "memoryscope_audit_head",
                "The newest entry that this server wrote to the chain of t_default; 0 before the first.",
            ),
            audit_head_seen: AtomicU64::new(0),
            expiry_lag_seconds: registered(
                &all,
                Gauge::new(
                    "memoryscope_expiry_lag_seconds",
                    "How long the longest due memory had been due when the expiry job last erased it.",
                ),
            ),
            expired: registered(
                &all,
                IntCounter::new("memoryscope_expired_memories_total", "Memories that the expiry job erased."),
            ),
            expiry_runs: counters(
                "memoryscope_expiry_runs_total",
                "Runs of the expiry job, by whether all that was due could be erased.",
                &["result"],
            ),
            store_up: gauge("memoryscope_store_up", "Whether the store can be read and written now."),
            connections: connections(&all),
            registry: all,
        }
    }

    /// A request has come to its end.
    pub(crate) fn requested(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let mut digits = [0; 5];
        self.requests.with_label_values(&[method, route, decimal(status, &mut digits)]).inc();
        self.request_seconds.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }

    /// What the store said of itself, or that it said nothing.
    fn probed(&self, health: Option<&Health>) {
        self.store_up.set(i64::from(health.is_some()));
        let Some(pool) = health.and_then(|health| health.pool) else { return };
        let closed = pool.limit.saturating_sub(pool.busy + pool.idle);
        for (state, count) in [("busy", pool.busy), ("idle", pool.idle), ("closed", closed)] {
            self.connections.with_label_values(&[state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// The page.
    fn text(&self) -> prometheus::Result<Vec<u8>> {
        let mut page = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut page)?;
        Ok(page)
    }
}

/// A number's digits, without an allocation.
fn decimal(number: u16, digits: &mut [u8; 5]) -> &str {
    let mut left = number;
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
        if left == 0 {
            return std::str::from_utf8(&digits[first..]).unwrap_or("0");
        }
    }
}

impl Meter for Metrics {
    fn decided(&self, decision: &Decision<'_>) {
        let purpose = decision.purpose.map_or("none", Purpose::name);
        self.decisions.with_label_values(&[decision.operation, decision.outcome.name(), purpose]).inc();
        if decision.tenant.as_str() == SHOWN_TENANT {
            // Commits may answer in another order than they were numbered.
            let seen = self.audit_head_seen.fetch_max(decision.seq.0, Ordering::Relaxed);
            self.audit_head.set(i64::try_from(seen.max(decision.seq.0)).unwrap_or(i64::MAX));
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "batches are small")]
    fn committed(&self, change_sets: usize, took: Duration) {
        self.commit_sets.observe(change_sets as f64);
        self.commit_seconds.observe(took.as_secs_f64());
    }

    fn expired(&self, run: ExpiryRun) {
        self.expired.inc_by(run.erased as u64);
        // A run that could not even look says nothing of how late it is.
        if !(run.failed && run.lag.is_zero()) {
            self.expiry_lag_seconds.set(run.lag.as_secs_f64());
        }
        self.expiry_runs.with_label_values(&[if run.failed { "failed" } else { "ok" }]).inc();
    }
}

/// What the scrape is made from.
pub(crate) type Sources = (Arc<Engine>, Arc<Metrics>);

/// The page's route. It is open: it holds numbers only, and whoever scrapes has no key to send.
pub(crate) fn routes() -> Routes<Sources> {
    let scraped = Operation::new(Verb::Get, PATH, Tag::Server, "getMetrics")
        .says("What the server counts, for Prometheus", "No tenant, user or content is in any label.")
        .answers_as(
            200,
            "The text format of Prometheus.",
            "text/plain",
            serde_json::json!({"type": "string"}),
        )
        .example(Example::new("scrape"));
    Routes::new().add(scraped, scrape)
}

async fn scrape(State((engine, metrics)): State<Sources>) -> Response {
    let probe = tokio::time::timeout(PROBE_TIMEOUT, engine.ports().store.probe()).await;
    metrics.probed(probe.ok().and_then(Result::ok).as_ref());
    match metrics.text() {
        Ok(page) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], page).into_response(),
        Err(cause) => crate::problem::Problem::bug("metrics", &cause).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written() {
        let mut digits = [0; 5];
        for number in [0, 7, 200, 499, 65_535] {
            assert_eq!(decimal(number, &mut digits), number.to_string());
        }
    }
}
