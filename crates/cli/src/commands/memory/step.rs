//! `memoryscope seal|release|revoke|reinforce|dispute|attest`: steps with a memory that was stored.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Missing, Whom, show};
use crate::commands::print;
use crate::wiring;

/// Which memory, why, and who asks.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The memory, as it was answered when it was stored.
    #[arg(value_name = "MEMORY")]
    id: String,
    /// Why: it stands in the memory's history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    whom: Whom,
}

/// How much stronger a memory gets.
#[derive(Debug, clap::Args)]
pub(crate) struct ReinforceArgs {
    /// By how much, beyond what is left of it now: 0 to 1. Default: 0.1.
    #[arg(long, value_name = "NUMBER")]
    delta: Option<f64>,
    #[command(flatten)]
    step: Args,
}

/// What a person says about a memory's truth.
#[derive(Debug, clap::Args)]
pub(crate) struct AttestArgs {
    /// The memory, as it was answered when it was stored.
    #[arg(value_name = "MEMORY")]
    id: String,
    /// What the person says.
    #[arg(value_name = "TEXT")]
    attestation: String,
    /// They say that it is not so.
    #[arg(long)]
    contradict: bool,
    #[command(flatten)]
    whom: Whom,
}

/// Seals, releases, revokes or disputes: `name` is the API's word for it.
///
/// # Errors
/// When it is refused, or nobody can be asked.
pub(crate) fn run(name: &str, args: &Args) -> anyhow::Result<ExitCode> {
    make(&args.whom, &args.id, name, json!({ "reason": args.reason }))
}

/// Reinforces.
///
/// # Errors
/// As [`run`].
pub(crate) fn reinforce(args: &ReinforceArgs) -> anyhow::Result<ExitCode> {
    let said = json!({ "reason": args.step.reason, "delta": args.delta });
    make(&args.step.whom, &args.step.id, "reinforce", said)
}

/// Attests.
///
/// # Errors
/// As [`run`].
pub(crate) fn attest(args: &AttestArgs) -> anyhow::Result<ExitCode> {
    let verdict = if args.contradict { "contradict" } else { "affirm" };
    make(&args.whom, &args.id, "attest", json!({ "attestation": args.attestation, "verdict": verdict }))
}

fn make(whom: &Whom, id: &str, name: &str, mut body: Value) -> anyhow::Result<ExitCode> {
    body["tenant_id"] = json!(whom.tenant);
    // An id stands in a path: what is none is refused by the API, and reaches no other route.
    let id: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '-').collect();
    wiring::until_stopped(async {
        let mut asking = whom.asked(Missing::IsAnError).await?;
        let answer = asking.post(&format!("/v2/memories/{id}/{name}"), &body).await?;
        let text = if whom.json { serde_json::to_string_pretty(&answer)? } else { show::stepped(&answer) };
        print(&text)?;
        Ok::<_, anyhow::Error>(ExitCode::SUCCESS)
    })
}
