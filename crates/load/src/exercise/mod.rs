//! A test app: people's memories are stored, read for purposes that the policy allows and for some that it denies, read
//! again with the tokens, and no more once these are revoked. It expects what docs/api-scoped.md promises of a server with
//! the built-in policy, and needs no key.

mod data;
mod phase;
mod report;

use serde_json::{Value, json};

pub use report::{Failed, PhaseReport, Report};

use self::data::Group;
use self::phase::{Phases, Request};
use crate::Failure;
use crate::http::{Answer, Target};

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// People.
    pub users: u32,
    /// Memories of each: with six, of every scope and of every shape.
    pub memories: u32,
    /// What the data are made of: the same seed, the same data.
    pub seed: u64,
    /// Requests under way at once, at least 1.
    pub concurrency: usize,
    /// What the users' ids begin with; another for each run, or runs would read each other's memories.
    pub run: String,
}

/// A read that was allowed.
struct Granted {
    token: String,
    answer: Value,
}

impl Granted {
    fn body(&self) -> Value {
        json!({"revocation_token": self.token})
    }
}

/// Runs all phases.
///
/// # Errors
/// When the server cannot be reached or is not ready. Wrong answers are part of the report.
pub async fn run(plan: &Plan, target: &Target) -> Result<Report, Failure> {
    target.ready().await?;
    let data = data::make(&plan.run, plan.seed, plan.users, plan.memories);
    let mut phases = Phases::new(target, plan);

    let store = |memory: &Value| Request::new("/memory", memory.clone());
    phases.run("store", &data.memories, store, stored).await?;
    let read = |group: &Group| Request::new("/memory/read", group.reading(group.allowed));
    let granted: Vec<Granted> = phases.run("read", &data.groups, read, was_read).await?;
    let read = |group: &Group| Request::new("/memory/read", group.reading(group.denied));
    phases.run("read-denied", &data.groups, read, |_, answer| refused(answer, "POLICY_DENIED")).await?;
    let proceed = |grant: &Granted| Request::new("/memory/read/continue", grant.body());
    phases.run("continue", &granted, proceed, continued).await?;
    let revoke = |grant: &Granted| Request::new("/memory/revoke", grant.body());
    phases.run("revoke", &granted, revoke, revoked).await?;
    phases.run("verify-revoked", &granted, proceed, |_, answer| refused(answer, "REVOKED")).await?;

    let (phases, failures) = phases.done();
    // A phase without requests has shown nothing: what it needed had failed before.
    let ok = phases.iter().all(|phase| phase.failed == 0 && phase.requests > 0);
    Ok(Report {
        url: target.url().to_owned(),
        version: target.version().await,
        run: plan.run.clone(),
        seed: plan.seed,
        users: plan.users,
        memories: plan.memories,
        phases,
        failures,
        ok,
    })
}

/// The answer as JSON, when it has the status.
fn with_status(answer: &Answer<'_>, status: u16) -> Result<Value, String> {
    match answer.status == status {
        true => Ok(answer.json()),
        false => Err(format!("expected {status}: {}", answer.message())),
    }
}

fn stored(memory: &Value, answer: &Answer<'_>) -> Result<(), String> {
    let told = with_status(answer, 201)?;
    for member in ["user_id", "scope", "domain"] {
        if told[member] != memory[member] {
            return Err(format!("{member} is not what was sent"));
        }
    }
    told["id"].is_string().then_some(()).ok_or_else(|| "it has no id".to_owned())
}

fn was_read(group: &Group, answer: &Answer<'_>) -> Result<Granted, String> {
    let told = with_status(answer, 200)?;
    // Half, and a tenth for each memory, up to nine tenths.
    let expected = f64::from(5 + group.memories.min(4)) / 10.0;
    let confidence = told["confidence"].as_f64().unwrap_or_default();
    if (confidence - expected).abs() > 1e-9 {
        return Err(format!(
            "{} memories have the confidence {confidence} and not {expected}",
            group.memories
        ));
    }
    if told["summary_struct"].as_object().is_none_or(serde_json::Map::is_empty) {
        return Err("the summary is empty".to_owned());
    }
    let token = told["revocation_token"].as_str().ok_or("there is no token")?.to_owned();
    Ok(Granted { token, answer: told })
}

fn continued(grant: &Granted, answer: &Answer<'_>) -> Result<(), String> {
    let told = with_status(answer, 200)?;
    (told == grant.answer).then_some(()).ok_or_else(|| "it differs from what was read first".to_owned())
}

fn revoked(_: &Granted, answer: &Answer<'_>) -> Result<(), String> {
    let told = with_status(answer, 200)?;
    (told["revoked"] == true).then_some(()).ok_or_else(|| "it does not say that it is revoked".to_owned())
}

/// 403 for that reason, and nothing of what is remembered.
fn refused(answer: &Answer<'_>, code: &str) -> Result<(), String> {
    let told = with_status(answer, 403)?;
    if told["error"]["code"] != code {
        return Err(format!("expected the code {code}: {}", answer.message()));
    }
    told.get("summary_struct").is_none().then_some(()).ok_or_else(|| "a refusal has a summary".to_owned())
}
