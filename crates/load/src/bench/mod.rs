//! The load generator: how many requests a second a server answers, and how fast.
//!
//! Each connection sends its next request when it has its answer. Repeats of the cases take turns, and so do the
//! servers of a comparison, so that what the machine does meanwhile befalls all of them.

mod case;
mod core;
mod family;
mod growth;
mod items;
mod prepare;
mod report;
pub mod search;
mod window;

use std::time::Duration;

use indicatif::ProgressBar;

pub use case::Case;
pub use family::Families;
pub use growth::Growth;
pub use report::{CaseReport, ColdStart, Ratio, Repeat, Report, ServerReport};

use self::case::Requests;
use self::window::Load;
use crate::Failure;
use crate::http::Target;
use crate::launch::{Launcher, Server};
use crate::process::Process;
use crate::progress;

/// So many wrong answers are told.
const WRONG_TOLD: usize = 10;

/// What to measure, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Connections that ask at once, at least 1.
    pub connections: usize,
    /// The length of each measurement.
    pub duration: Duration,
    /// What each is preceded by, and is not counted.
    pub warm_up: Duration,
    /// How often each case is measured, at least 1.
    pub repeats: u32,
    /// What is measured beside the floor, which always is.
    pub cases: Vec<Case>,
    /// Users whom the requests are spread over, at least 1; the reads of 1,000 memories over a tenth of them.
    pub users: u32,
    /// Memories to put into each store first.
    pub preload: u64,
    /// Events in the scope of a case that reads a large one.
    pub large_scope: u32,
    /// Events to store last, to see whether storing grows slower; 0 for none.
    pub growth: u64,
    /// Memories with a thousand descendants to revoke last; 0 for none.
    pub families: u32,
    /// Whether starts are measured too.
    pub cold_start: bool,
    /// What the names of all users begin with; another for each run, or runs would read each other's memories.
    pub run: String,
}

/// Which servers are measured.
#[derive(Debug)]
pub enum Place {
    /// One that is started for it.
    Own(Launcher),
    /// One that runs.
    Running(Target),
    /// Two that run, to be compared.
    Both(Box<[Target; 2]>),
}

/// A server under measurement.
struct Subject {
    target: Target,
    process: Option<Process>,
    database: Option<String>,
    /// The users of each case.
    users: Vec<(Case, Vec<String>)>,
    measured: Vec<(Case, Vec<Repeat>)>,
}

/// Measures what the plan says.
///
/// # Errors
/// When a server cannot be started, reached or prepared. Wrong answers are part of the report.
pub async fn run(plan: &Plan, place: Place) -> Result<Report, Failure> {
    let mut cases = plan.cases.clone();
    cases.push(Case::Live);
    cases.sort_unstable();
    cases.dedup();
    // It is kept until all is measured. The server ends before its folder goes.
    let mut own: Option<(Server, Launcher)> = None;
    let mut cold_start = None;
    let mut subjects = Vec::new();
    match place {
        Place::Own(launcher) => {
            let mut server = launcher.start().await?;
            let first = server.ready_after;
            let mut subject = prepared(plan, &cases, server.target.clone()).await?;
            if plan.cold_start {
                let (last, started) = start_again(plan, &launcher, server, first).await?;
                (server, cold_start) = (last, Some(started));
                subject.target = server.target.clone();
            }
            subject.process = Some(server.process());
            subject.database = Some(launcher.database().to_owned());
            subjects.push(subject);
            own = Some((server, launcher));
        }
        Place::Running(target) => subjects.push(prepared(plan, &cases, target).await?),
        Place::Both(both) => {
            for target in *both {
                subjects.push(prepared(plan, &cases, target).await?);
            }
        }
    }
    let mut report = measured(plan, &cases, subjects).await?;
    report.cold_start = cold_start;
    drop(own);
    Ok(report)
}

/// Starts servers one after the other on the same store; answers the last, which runs.
async fn start_again(
    plan: &Plan,
    launcher: &Launcher,
    mut server: Server,
    first: Duration,
) -> Result<(Server, ColdStart), Failure> {
    let bar = progress::bar(u64::from(plan.repeats), "starts");
    let mut again = Vec::new();
    for _ in 0..plan.repeats {
        drop(server);
        server = launcher.start().await?;
        again.push(server.ready_after.as_secs_f64() * 1e3);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let again_ms = crate::stats::Spread::of(again);
    Ok((server, ColdStart { first_ms: first.as_secs_f64() * 1e3, again_ms }))
}

/// A server with everything in its store that is read.
async fn prepared(plan: &Plan, cases: &[Case], target: Target) -> Result<Subject, Failure> {
    target.ready().await?;
    let read = cases.iter().map(|case| case.memories(plan.users, plan.large_scope));
    let bar = progress::bar(plan.preload + read.sum::<u64>(), "memories stored");
    prepare::preload(&target, &plan.run, plan.preload, &bar).await?;
    let mut users = Vec::new();
    for case in cases {
        users.push((*case, prepare::users(&target, plan, *case, &bar).await?));
    }
    bar.finish_and_clear();
    let measured = cases.iter().map(|case| (*case, Vec::new())).collect();
    Ok(Subject { target, process: None, database: None, users, measured })
}

async fn measured(plan: &Plan, cases: &[Case], mut subjects: Vec<Subject>) -> Result<Report, Failure> {
    let steps = u64::from(plan.repeats) * (cases.len() * subjects.len()) as u64;
    let bar = progress::bar(steps, "measurements");
    let mut wrong = Vec::new();
    for repeat in 0..plan.repeats {
        for index in 0..cases.len() {
            for turn in 0..subjects.len() {
                // Who goes first changes, because who goes first has another machine.
                let which = (turn + repeat as usize) % subjects.len();
                if let Some(said) = subjects[which].measure_once(plan, index, &bar).await? {
                    wrong.push(said);
                }
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    let mut servers = Vec::new();
    for subject in subjects {
        let version = subject.target.version().await;
        let of = |(case, repeats)| CaseReport::of(case, repeats);
        let cases: Vec<CaseReport> = subject.measured.into_iter().map(of).collect();
        let families = match plan.families {
            0 => None,
            count => Some(family::measure(&subject.target, &plan.run, count).await?),
        };
        let growth = match plan.growth {
            0 => None,
            count => Some(growth::measure(&subject.target, &plan.run, count).await?),
        };
        servers.push(ServerReport {
            url: subject.target.url().to_owned(),
            version,
            database: subject.database,
            cases,
            families,
            growth,
        });
    }
    let ratios = match servers.as_slice() {
        [a, b] => a.cases.iter().zip(&b.cases).map(|(a, b)| Ratio::of(a, b)).collect(),
        _ => Vec::new(),
    };
    let all = || servers.iter().flat_map(|server| &server.cases);
    let ok = all().all(|case| case.errors == 0 && case.repeats.iter().all(|repeat| repeat.requests > 0));
    wrong.truncate(WRONG_TOLD);
    Ok(Report {
        connections: plan.connections,
        duration_seconds: plan.duration.as_secs_f64(),
        warm_up_seconds: plan.warm_up.as_secs_f64(),
        repeats: plan.repeats,
        users: plan.users,
        preloaded: plan.preload,
        large_scope: plan.large_scope,
        processors: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        cold_start: None,
        servers,
        ratios,
        wrong,
        ok,
    })
}

impl Subject {
    /// Measures a case once; answers what went wrong, if anything.
    async fn measure_once(
        &mut self,
        plan: &Plan,
        index: usize,
        bar: &ProgressBar,
    ) -> Result<Option<String>, Failure> {
        let (case, users) = &self.users[index];
        bar.set_message(case.name());
        let requests = Requests::new(*case, &self.target, users);
        let load = Load { connections: plan.connections, warm_up: plan.warm_up, duration: plan.duration };
        let mut sample = window::measure(&self.target, self.process.as_ref(), requests, load).await?;
        // The floor is the first case of every repeat.
        let floor = (*case != Case::Live).then(|| self.measured[0].1.last()).flatten().cloned();
        let repeat = Repeat::of(&mut sample, floor.as_ref());
        let said = match &sample.first_wrong {
            Some(wrong) => Some(format!(
                "{} at {}: {} wrong, the first: {}",
                case.name(),
                self.target.url(),
                sample.errors,
                wrong.0
            )),
            None if sample.requests == 0 => {
                Some(format!("{} at {}: no answer within the window", case.name(), self.target.url()))
            }
            None => None,
        };
        self.measured[index].1.push(repeat);
        Ok(said)
    }
}
