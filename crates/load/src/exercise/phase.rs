//! One phase after the other: a list of requests, several under way at once, each with one right answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::future::try_join_all;
use serde_json::Value;

use super::{Failed, PhaseReport, Plan};
use crate::Failure;
use crate::http::{Answer, Connection, Fault, Target};
use crate::progress;

/// So many failures are told.
const FAILURES_TOLD: usize = 5;

/// A `POST`.
pub(super) struct Request {
    path: &'static str,
    body: Value,
}

impl Request {
    pub(super) fn new(path: &'static str, body: Value) -> Self {
        Self { path, body }
    }
}

/// The phases so far.
pub(super) struct Phases<'a> {
    target: &'a Target,
    plan: &'a Plan,
    reports: Vec<PhaseReport>,
    failures: Vec<Failed>,
}

impl<'a> Phases<'a> {
    pub(super) fn new(target: &'a Target, plan: &'a Plan) -> Self {
        Self { target, plan, reports: Vec::new(), failures: Vec::new() }
    }

    pub(super) fn done(self) -> (Vec<PhaseReport>, Vec<Failed>) {
        (self.reports, self.failures)
    }

    /// Sends a request for each of `items`, and answers what `check` made of the right answers, in the order of the items.
    pub(super) async fn run<T, U>(
        &mut self,
        phase: &'static str,
        items: &[T],
        request: impl Fn(&T) -> Request,
        check: impl Fn(&T, &Answer<'_>) -> Result<U, String>,
    ) -> Result<Vec<U>, Failure> {
        let (target, run) = (self.target, &self.plan.run);
        let bar = &progress::bar(items.len() as u64, &format!("requests: {phase}"));
        let next = &AtomicUsize::new(0);
        let (request, check) = (&request, &check);
        let worker = async || {
            let unreachable = |cause| Failure::Unreachable { url: target.url().to_owned(), cause };
            let mut connection = Connection::open(target).await.map_err(unreachable)?;
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(at) else { return Ok::<_, Failure>(done) };
                let Request { path, body } = request(item);
                let request_id = format!("{run}-{phase}-{at}");
                let sent = target.post(path, &[("x-request-id", &request_id)], &body);
                let failed =
                    |status, message| Failed { phase, request_id: request_id.clone(), status, message };
                let outcome = match connection.exchange(&sent).await {
                    // The server is gone, and every request after this one would say the same.
                    Err(fault @ Fault::Connect(_)) => return Err(unreachable(fault)),
                    Err(fault) => Err(failed(None, fault.to_string())),
                    Ok(answer) => check(item, &answer).map_err(|why| failed(Some(answer.status), why)),
                };
                done.push((at, outcome));
                bar.inc(1);
            }
        };
        let began = Instant::now();
        let workers = self.plan.concurrency.min(items.len());
        let mut done: Vec<_> =
            try_join_all((0..workers).map(|_| worker())).await?.into_iter().flatten().collect();
        let seconds = began.elapsed().as_secs_f64();
        bar.finish_and_clear();
        done.sort_unstable_by_key(|(at, _)| *at);
        let requests = done.len() as u64;
        let mut right = Vec::new();
        for (_, outcome) in done {
            match outcome {
                Ok(made) => right.push(made),
                Err(failed) if self.failures.len() < FAILURES_TOLD => self.failures.push(failed),
                Err(_) => {}
            }
        }
        let success = right.len() as u64;
        self.reports.push(PhaseReport {
            phase,
            requests,
            success,
            failed: requests - success,
            rate_percent: (requests > 0).then(|| 100.0 * success as f64 / requests as f64),
            requests_per_second: if requests > 0 { requests as f64 / seconds } else { 0.0 },
        });
        Ok(right)
    }
}
