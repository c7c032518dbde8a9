//! `memoryscope policy …`: policies, checked and explained without a server, and activated in a store.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use memoryscope_domain::ids::{TenantId, UserId};
use memoryscope_domain::memory::SubjectRef;
use memoryscope_domain::policy::explain::{Explanation, Outcome, RuleExplanation};
use memoryscope_domain::policy::lint::{Warning, lint};
use memoryscope_domain::policy::{
    DecidedBy, Filter, MemoryFacts, Policy, PolicyError, RequestFacts, cases, explain,
};
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::policy::Activate;
use memoryscope_engine::port::{BridgesTo, Load, Rights, Select, WantedRecords};
use serde_json::json;

use super::flags::{self, CommonFlags, ServerFlags};
use super::{policy_diff, print, table};
use crate::{logging, wiring};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Report errors with line and column, and warnings; exit code 1 when there are errors.
    Check(CheckArgs),
    /// The same; exit code 1 when there are warnings too: rules that never match, are shadowed, contradict.
    Lint(CheckArgs),
    /// Compare two policies: over a table of cases, or over the last recorded decisions of a store.
    Diff(policy_diff::Args),
    /// Say what a policy decides about one memory, and why.
    Explain(ExplainArgs),
    /// Run a table of cases: request and memory, and the decision that is expected.
    Test(TestArgs),
    /// Let a tenant's decisions be made by this policy from now on.
    Activate(ActivateArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The policy.
    file: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// The policy.
    file: PathBuf,
    /// A file with the memory's attributes (docs/policy.md).
    #[arg(long, value_name = "FILE")]
    memory: PathBuf,
    /// Why the memory would be read.
    #[arg(long)]
    purpose: String,
    /// A role of the caller; may be given more than once. Default: app.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// A group of the caller, such as org:acme; may be given more than once.
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// The user for whom the caller acts.
    #[arg(long)]
    user: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    /// The cases.
    file: PathBuf,
    /// The policy. Default: the built-in one.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ActivateArgs {
    /// The policy.
    file: PathBuf,
    /// Whose decisions.
    #[arg(long, value_name = "TENANT", default_value = "t_default")]
    tenant: String,
    #[command(flatten)]
    common: CommonFlags,
}

/// Does what the command line says.
///
/// # Errors
/// When a file cannot be read; a policy that is wrong is an exit code.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check(args) => check(&args, false),
        Command::Lint(args) => check(&args, true),
        Command::Diff(args) => policy_diff::run(args),
        Command::Explain(args) => explain_one(&args),
        Command::Test(args) => test(&args),
        Command::Activate(args) => activate(args),
    }
}

pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn check(args: &CheckArgs, warnings_fail: bool) -> anyhow::Result<ExitCode> {
    let loaded = Policy::load(&read(&args.file)?);
    let (errors, warnings) = match &loaded {
        Ok(policy) => (Vec::new(), lint(policy)),
        Err(errors) => (errors.clone(), Vec::new()),
    };
    if args.json {
        let version = loaded
            .as_ref()
            .ok()
            .map(|policy| json!({"policy_version": &**policy.version(), "hash": &**policy.hash()}));
        print(&serde_json::to_string_pretty(&json!({
            "valid": errors.is_empty(), "policy": version, "errors": errors, "warnings": warnings,
        }))?)?;
    } else {
        print(&findings(&args.file, &loaded, &errors, &warnings))?;
    }
    let is_well = errors.is_empty() && (warnings.is_empty() || !warnings_fail);
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn findings(
    file: &Path,
    loaded: &Result<Policy, Vec<PolicyError>>,
    errors: &[PolicyError],
    warnings: &[Warning],
) -> String {
    let file = file.display();
    let mut lines: Vec<String> = errors.iter().map(|error| format!("{file}:{error}")).collect();
    lines.extend(
        warnings
            .iter()
            .map(|w| format!("{file}:{}:{}: warning: rule {}: {}", w.line, w.column, w.rule, w.message)),
    );
    match loaded {
        Ok(policy) => {
            let (rules, warnings) =
                (counted(policy.rules().len(), "rule"), counted(warnings.len(), "warning"));
            lines.push(format!("{} is valid: {rules}, {warnings}", policy.version()));
        }
        Err(_) => lines.push(counted(errors.len(), "error")),
    }
    lines.join("\n")
}

/// `1 error`, `2 errors`.
fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// A policy that loads, or its errors on standard error by way of the exit.
pub(super) fn load(path: &Path) -> anyhow::Result<Policy> {
    wiring::read_policy(path)
}

fn explain_one(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let policy = load(&args.file)?;
    let memory = MemoryFacts::parse(&read(&args.memory)?).map_err(|errors| wrong(&args.memory, &errors))?;
    let mut request = RequestFacts { purpose: Some(purpose(&args.purpose)?), ..RequestFacts::default() };
    if !args.roles.is_empty() {
        request.principal.roles = args.roles.iter().map(|name| role(name)).collect::<Result<_, _>>()?;
    }
    request.principal.groups = args.groups.iter().cloned().collect();
    request.principal.user = args.user.as_deref().map(UserId::parse).transpose().context("--user")?;
    let explanation = explain(&policy, &request.as_request(), &memory);
    if args.json {
        print(&serde_json::to_string_pretty(&json!({
            "trace": explanation.decision.trace,
            "obligations": explanation.decision.obligations,
            "rules": explanation.rules,
        }))?)?;
    } else {
        print(&in_words(&explanation))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn in_words(explanation: &Explanation) -> String {
    let trace = &explanation.decision.trace;
    let effects = trace.effects.iter().map(|verdict| {
        let rules: Vec<&str> = verdict.rules.iter().map(|rule| &**rule).collect();
        let by = match verdict.by {
            DecidedBy::Rule => rules.join(", "),
            DecidedBy::ErredRule => format!("{} (could not be tested)", rules.join(", ")),
            DecidedBy::Default => "the policy's defaults".to_owned(),
            DecidedBy::NoGrant => "nothing grants it".to_owned(),
            DecidedBy::NotReadable => "it may not be read".to_owned(),
        };
        let allowed = if verdict.allowed { "allowed" } else { "denied" };
        [verdict.effect.name().to_owned(), allowed.to_owned(), by]
    });
    let rules = explanation.rules.iter().map(|rule: &RuleExplanation| {
        let why = match &rule.outcome {
            Outcome::Matched => "matches".to_owned(),
            Outcome::MatchedWithoutNamingTheState => {
                "matches, but does not name the memory's state".to_owned()
            }
            Outcome::Failed(failed) => format!("fails at line {}: {}", failed.line, failed.condition),
            Outcome::Erred(erred) => format!("cannot be tested at line {}: {}", erred.line, erred.condition),
        };
        [rule.id.to_string(), why]
    });
    let mut text = table(["EFFECT", "DECISION", "BY"], effects);
    text.push_str("\n\n");
    text.push_str(&table(["RULE", "WHY"], rules));
    if let Some(hint) = &trace.nearest_grant {
        text.push_str(&format!("\n\n{}", hint.text));
    }
    text
}

fn test(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let policy = match &args.policy {
        Some(path) => Arc::new(load(path)?),
        None => Policy::builtin(),
    };
    let report = cases::run(&read(&args.file)?, &policy).map_err(|errors| wrong(&args.file, &errors))?;
    let failures = report.failures();
    if args.json {
        print(&serde_json::to_string_pretty(&json!({
            "policy_version": &**policy.version(), "failed": failures, "cases": report.cases,
        }))?)?;
    } else {
        let failed = report.cases.iter().filter(|case| !case.mismatches.is_empty());
        let mut lines = Vec::new();
        for case in failed {
            lines.push(format!("{}:{}: {}", args.file.display(), case.line, case.name));
            lines.extend(case.mismatches.iter().map(|mismatch| {
                format!("    {}: expected {}, got {}", mismatch.what, mismatch.expected, mismatch.actual)
            }));
        }
        lines.push(format!("{} cases passed, {failures} failed", report.cases.len() - failures));
        print(&lines.join("\n"))?;
    }
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn activate(args: ActivateArgs) -> anyhow::Result<ExitCode> {
    let config = flags::load(args.common, ServerFlags::default())?;
    logging::start(&config)?;
    let policy = Arc::new(load(&args.file)?);
    let tenant = TenantId::parse(&args.tenant).context("--tenant")?;
    let runtime = wiring::runtime()?;
    let store = runtime.block_on(wiring::open_existing_store(&config, config.migrate.value))?;
    let engine = wiring::engine(&config, store)?;
    if runtime.block_on(is_active(&engine, &tenant, &policy))? {
        print(&format!("{} decides for {tenant} already; nothing was written", policy.version()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let cx = wiring::operator(&engine, tenant);
    let op = Activate { policy: Arc::clone(&policy) };
    let done = runtime.block_on(engine.run(&cx, &op))?;
    let (version, tenant) = (policy.version(), &args.tenant);
    print(&format!(
        "{version} decides for {tenant} from now on (audit entry {})",
        done.access_log.prefixed()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Whether the tenant's active policy is this one, and its text is whole: activating it again repairs a damaged one.
async fn is_active(engine: &Engine, tenant: &TenantId, policy: &Policy) -> anyhow::Result<bool> {
    let store = &engine.ports().store;
    let load = Load {
        tenant: tenant.clone(),
        now: engine.ports().clock.now(),
        select: Select::Nothing,
        filter: Filter::Nothing,
        subject: SubjectRef::TENANT,
        idempotency: None,
        as_of: None,
        spirals: Vec::new(),
        bridges: BridgesTo::default(),
        rights: Rights::default(),
        records: WantedRecords::nothing(),
    };
    if store.load(&load).await?.active_policy.as_deref() != Some(&**policy.hash()) {
        return Ok(false);
    }
    let kept = store.policy(tenant, policy.hash()).await?;
    Ok(kept.is_some_and(|kept| kept.text == policy.source()))
}

pub(super) fn wrong(path: &Path, errors: &[PolicyError]) -> anyhow::Error {
    let lines: Vec<String> = errors.iter().map(|error| format!("{}:{error}", path.display())).collect();
    anyhow::Error::msg(lines.join("\n"))
}

fn purpose(name: &str) -> anyhow::Result<Purpose> {
    let Some(purpose) = Purpose::from_name(name) else {
        let names: Vec<&str> = Purpose::ALL.iter().map(|purpose| purpose.name()).collect();
        bail!("--purpose must be one of: {}", names.join(", "))
    };
    Ok(purpose)
}

fn role(name: &str) -> anyhow::Result<Role> {
    let Some(role) = Role::from_name(name) else {
        let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
        bail!("--role must be one of: {}", names.join(", "))
    };
    Ok(role)
}
