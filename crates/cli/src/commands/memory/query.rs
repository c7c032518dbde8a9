//! `memoryscope query`: the memories of a scope, for a purpose.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Missing, Whom, purposes, show};
use crate::commands::print;
use crate::wiring;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What for.
    #[arg(long, value_name = "PURPOSE", value_parser = purposes())]
    purpose: String,
    /// Only those: type, truth-mode, state, label, min-strength, since or until; may be given several times, and several of
    /// one name ask for either.
    #[arg(long = "filter", value_name = "NAME=VALUE", value_parser = filter)]
    filters: Vec<(&'static str, Value)>,
    /// Only those that have to do with this text.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// At most so many, or pages of so many. Default: the API's.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u32>,
    /// Ask for every page. With --json, one answer a line.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    whom: Whom,
}

/// How filters are called here and in the API; the last three take one value only.
const FILTERS: [(&str, &str); 7] = [
    ("type", "type"),
    ("truth-mode", "truth_mode"),
    ("state", "state"),
    ("label", "labels"),
    ("min-strength", "min_strength"),
    ("since", "since"),
    ("until", "until"),
];

fn filter(text: &str) -> Result<(&'static str, Value), String> {
    let named = text.split_once('=').and_then(|(name, value)| {
        let name = name.replace('_', "-");
        FILTERS.iter().find(|(known, _)| *known == name).map(|(_, theirs)| (*theirs, value))
    });
    match named {
        Some(("min_strength", value)) => {
            let number = value.parse::<f64>().ok().filter(|number| number.is_finite());
            Ok(("min_strength", json!(number.ok_or("min-strength must be a number from 0 to 1")?)))
        }
        Some((name, value)) => Ok((name, json!(value))),
        None => {
            Err(format!("must be NAME=VALUE with one of these names: {}", FILTERS.map(|f| f.0).join(", ")))
        }
    }
}

fn request(args: &Args) -> Value {
    let mut body = args.whom.about();
    body["purpose"] = json!(args.purpose);
    for (name, value) in &args.filters {
        let sent = &mut body["filters"][name];
        match sent {
            Value::Null => *sent = value.clone(),
            Value::Array(several) => several.push(value.clone()),
            one => *one = json!([one.take(), value]),
        }
    }
    if let Some(text) = &args.text {
        body["query_text"] = json!(text);
    }
    if let Some(limit) = args.limit {
        body["limit"] = json!(limit);
    }
    body
}

/// Does what the command line says.
///
/// # Errors
/// When it is refused, or nobody can be asked.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    wiring::until_stopped(async {
        let mut asking = args.whom.asked(Missing::IsAnError).await?;
        let mut body = request(args);
        let mut pages = Vec::new();
        loop {
            let page = asking.post("/v2/memories/query", &body).await?;
            let next = Some(page["next_cursor"].clone()).filter(|next| args.all && !next.is_null());
            match (args.whom.json, args.all) {
                (true, true) => print(&page.to_string())?,
                (true, false) => print(&serde_json::to_string_pretty(&page)?)?,
                (false, _) => pages.push(page),
            }
            let Some(next) = next else { break };
            body["cursor"] = next;
        }
        if !args.whom.json {
            print(&show::queried(&pages))?;
        }
        Ok::<_, anyhow::Error>(ExitCode::SUCCESS)
    })
}
