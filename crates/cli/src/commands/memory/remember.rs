//! `memoryscope remember`: store an event, an impact or a seed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::builder::PossibleValuesParser;
use memoryscope_domain::limits;
use memoryscope_domain::object::{Handling, Level, TruthMode};
use serde_json::{Map, Value, json};

use super::{Asking, Missing, Whom, header_text, show};
use crate::commands::{Misused, print};
use crate::wiring;

/// Bytes of memories that are sent at once: well below what a batch may have (`limits::BATCH_BODY_BYTES_MAX`).
const BATCH_BYTES: usize = 4 * 1_024 * 1_024;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to remember; - reads it from standard input.
    #[arg(value_name = "TEXT", required_unless_present = "from")]
    text: Option<String>,
    /// Store many: a file (- is standard input) of one JSON object a line, each as POST /v2/memories takes it. Tenant and
    /// scope are those of the flags where a line names none.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["text", "object"])]
    from: Option<PathBuf>,
    #[command(flatten)]
    object: Object,
    /// Storing with the same key again does nothing twice.
    #[arg(long, value_name = "KEY", conflicts_with = "from", value_parser = header_text)]
    idempotency_key: Option<String>,
    #[command(flatten)]
    whom: Whom,
}

/// What is said of one memory beside its text.
#[derive(Debug, clap::Args)]
#[group(id = "object", multiple = true)]
struct Object {
    /// In what sense it is true. Default: factual_claim.
    #[arg(long, value_name = "MODE", value_parser = PossibleValuesParser::new(TruthMode::ALL.iter().map(|mode| mode.name())))]
    truth_mode: Option<String>,
    /// How openly it is kept; the policy only tightens it. Default: active.
    #[arg(long, value_name = "STATE", value_parser = ["active", "restricted", "sealed"])]
    state: Option<String>,
    /// What makes it sensitive (trauma, shame, health, …); may be given several times.
    #[arg(long = "category", value_name = "CATEGORY")]
    categories: Vec<String>,
    /// How sensitive it is. Default: low.
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(Level::ALL.iter().map(|level| level.name())))]
    level: Option<String>,
    /// How it is to be handled. Default: normal.
    #[arg(long, value_name = "HANDLING", value_parser = PossibleValuesParser::new(Handling::ALL.iter().map(|one| one.name())))]
    handling: Option<String>,
    /// When it happened: 2026-01-31T12:00:00Z. Default: now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The language of the text, such as en or de.
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<String>,
}

/// Does what the command line says; exit code 1 when anything was not stored.
///
/// # Errors
/// When it is refused, or nobody can be asked.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    wiring::until_stopped(async {
        match &args.from {
            Some(file) => many(args, file).await,
            None => one(args).await,
        }
    })
}

async fn one(args: &Args) -> anyhow::Result<ExitCode> {
    let body = request(args)?;
    let mut asking = args.whom.asked(Missing::IsMade).await?;
    asking.idempotency_key = args.idempotency_key.as_deref();
    let answer = asking.post("/v2/memories", &body).await?;
    print(&if args.whom.json { serde_json::to_string_pretty(&answer)? } else { show::stored(&answer) })?;
    Ok(ExitCode::SUCCESS)
}

/// What the flags say, as the API takes it; what they do not say is left to it.
fn request(args: &Args) -> anyhow::Result<Value> {
    let mut text = args.text.clone().unwrap_or_default();
    if text == "-" {
        text.clear();
        let most = limits::BODY_BYTES_MAX as u64;
        io::stdin().take(most).read_to_string(&mut text).context("standard input")?;
        text.truncate(text.trim_end().len());
    }
    let Object { truth_mode, state, categories, level, handling, at, language } = &args.object;
    let mut body = args.whom.about();
    body["type"] = json!("event");
    body["truth_mode"] = json!(truth_mode.as_deref().unwrap_or(TruthMode::FactualClaim.name()));
    body["content"] = given([("text", Some(json!(text))), ("language", language.as_ref().map(|l| json!(l)))]);
    body["content"]["format"] = json!("text");
    let categories = Some(json!(categories)).filter(|_| !categories.is_empty());
    let told = |text: &Option<String>| text.as_ref().map(|text| json!(text));
    let sensitivity = [("level", told(level)), ("categories", categories), ("handling", told(handling))];
    body["sensitivity"] = given(sensitivity);
    body["temporal"] = given([("occurred_at_observed", told(at))]);
    body["state"] = json!(state);
    if let Value::Object(members) = &mut body {
        members
            .retain(|_, value| !value.is_null() && value.as_object().is_none_or(|inner| !inner.is_empty()));
    }
    Ok(body)
}

/// An object of those members that there are.
fn given<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let there = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(there.collect())
}

async fn many(args: &Args, file: &std::path::Path) -> anyhow::Result<ExitCode> {
    let lines: Box<dyn BufRead> = if file.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        Box::new(BufReader::new(opened))
    };
    let mut asking = args.whom.asked(Missing::IsMade).await?;
    let mut sent = Sent::default();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for (at, line) in lines.lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {}", file.display()))?;
        if line.trim().is_empty() {
            continue;
        }
        batch.push((at + 1, member(args, &line).with_context(|| format!("{}:{}", file.display(), at + 1))?));
        bytes += line.len();
        if batch.len() == limits::BATCH_ITEMS_MAX || bytes >= BATCH_BYTES {
            sent.send(&mut asking, &mut batch).await?;
            bytes = 0;
        }
    }
    sent.send(&mut asking, &mut batch).await?;
    if !args.whom.json {
        print(&show::batch(&sent.results))?;
    }
    Ok(if sent.rejected == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A line as a member of a batch, which names the tenant itself.
fn member(args: &Args, line: &str) -> anyhow::Result<Value> {
    let mut members: Map<String, Value> = serde_json::from_str(line).map_err(|why| {
        let why = why.to_string();
        Misused(format!("must be a JSON object: {}", why.split(" at line").next().unwrap_or(&why)))
    })?;
    if members.get("tenant_id").and_then(Value::as_str) == Some(args.whom.tenant.as_str()) {
        members.remove("tenant_id");
    }
    members.entry("scope").or_insert_with(|| args.whom.scope());
    Ok(Value::Object(members))
}

/// What became of the lines of a file.
#[derive(Default)]
struct Sent {
    /// The number of each line, and what the API says of it.
    results: Vec<(usize, Value)>,
    rejected: u64,
}

impl Sent {
    async fn send(&mut self, asking: &mut Asking<'_>, batch: &mut Vec<(usize, Value)>) -> anyhow::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let (lines, memories): (Vec<usize>, Vec<Value>) = std::mem::take(batch).into_iter().unzip();
        let body = json!({"tenant_id": asking.whom.tenant, "memories": memories});
        let answer = asking.post("/v2/memories/batch", &body).await?;
        self.rejected += answer["rejected"].as_u64().unwrap_or_default();
        if asking.whom.json {
            print(&answer.to_string())?;
        }
        let results = answer["results"].as_array().cloned().unwrap_or_default();
        self.results.extend(lines.into_iter().zip(results));
        Ok(())
    }
}
