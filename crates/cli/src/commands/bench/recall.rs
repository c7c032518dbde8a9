//! `memoryscope bench recall`: how well a server finds.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use memoryscope_load::http::Target;
use memoryscope_load::launch::Place;
use memoryscope_load::recall::{self, CATEGORIES, Conversation, Group, Oddity, Plan, Report, dataset};

use super::{described_bytes, new_run, own_server, time};
use crate::commands::{aligned, print};
use crate::wiring;

/// So many oddities of the file are told to people; `--json` has all.
const ODDITIES_TOLD: usize = 5;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Conversations and questions, in LoCoMo's JSON. The file is only read; its turns go to the server that is asked.
    #[arg(long, value_name = "FILE")]
    dataset: PathBuf,
    /// Which conversations of the file: all, or numbers and ranges, such as 1-3 or 4,5.
    #[arg(long, value_name = "NUMBERS", default_value = "all")]
    conversations: Chosen,
    /// At how many hits to tell the recall, 1 to 100, separated by commas.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "5,10,20", value_parser = clap::value_parser!(u64).range(1..=100))]
    cutoffs: Vec<u64>,
    /// Store what is seen on pictures with the turns that show them.
    #[arg(long)]
    captions: bool,
    /// Ask a server that runs. Default: one that is started for it, on a temporary store.
    #[arg(long, value_name = "http://HOST:PORT", conflicts_with_all = ["database_url", "words_only"])]
    url: Option<String>,
    /// The database of the server that is started: sqlite://PATH or postgresql://… It is written to and left so.
    #[arg(long, visible_alias = "database", value_name = "URL")]
    database_url: Option<String>,
    /// Start the server without a model, so that it ranks by words alone.
    #[arg(long)]
    words_only: bool,
    /// How long to wait for vectors after everything is stored, such as 600s.
    #[arg(long, value_name = "TIME", default_value = "1800s", value_parser = time)]
    timeout: Duration,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Which conversations of a file; none in the place of all.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Chosen(Option<Vec<RangeInclusive<usize>>>);

impl FromStr for Chosen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self(None));
        }
        let wrong = || "must be all, or numbers from 1 and ranges, such as 1-3 or 4,5".to_owned();
        let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => digits.parse().ok().filter(|number| *number > 0),
            false => None,
        };
        let range = |part: &str| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            Some(number(from)?..=number(to)?).filter(|range| !range.is_empty())
        };
        let ranges = text.split(',').map(range).collect::<Option<Vec<_>>>();
        ranges.map(|ranges| Self(Some(ranges))).ok_or_else(wrong)
    }
}

impl Chosen {
    /// These of all, each once and in the order of the file.
    fn of(&self, all: Vec<Conversation>) -> anyhow::Result<Vec<Conversation>> {
        let Self(Some(ranges)) = self else { return Ok(all) };
        let last = ranges.iter().map(|range| *range.end()).max().unwrap_or_default();
        if last > all.len() {
            bail!("--conversations names {last}, and the file has {}", all.len());
        }
        let is_wanted = |one: &Conversation| ranges.iter().any(|range| range.contains(&one.number));
        Ok(all.into_iter().filter(is_wanted).collect())
    }
}

/// Does what the command line says; exit code 1 when a search was answered wrongly.
///
/// # Errors
/// When the file is not what it should be, or the server cannot be started or reached, or does not store what it says.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let named = || args.dataset.display().to_string();
    let text =
        std::fs::read_to_string(&args.dataset).with_context(|| format!("{} cannot be read", named()))?;
    let conversations = args.conversations.of(dataset::parse(&text).with_context(named)?)?;
    let place = match &args.url {
        Some(url) => Place::Running(Target::parse(url)?),
        None => Place::Own(own_server(args.database_url)?),
    };
    let mut cutoffs: Vec<usize> = args.cutoffs.iter().map(|cutoff| *cutoff as usize).collect();
    cutoffs.sort_unstable();
    cutoffs.dedup();
    let plan = Plan {
        cutoffs,
        captions: args.captions,
        words_only: args.words_only,
        patience: args.timeout,
        run: new_run("recall"),
    };
    let report = wiring::until_stopped(recall::run(&plan, &conversations, place))?;
    print(&if args.json { serde_json::to_string_pretty(&report)? } else { described(&report) })?;
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn described(report: &Report) -> String {
    let data = &report.data;
    let numbers: Vec<String> = data.conversations.iter().map(ToString::to_string).collect();
    let captions = if data.captions { " with captions" } else { "" };
    let ranked = match &report.vectors {
        Some(vectors) => format!("words and meaning ({})", vectors.model.as_deref().unwrap_or("a model")),
        None => "words alone".to_owned(),
    };
    let asked = data.questions - data.without_evidence;
    let mut parts = vec![format!(
        "conversations {}: {} turns{captions}, {} questions, of which {asked} with evidence are asked\nranked by {ranked}",
        numbers.join(", "),
        data.turns,
        data.questions,
    )];
    let header = ["CATEGORY", "QUESTIONS"].map(str::to_owned).into_iter();
    let header = header.chain(report.cutoffs.iter().map(|cutoff| format!("RECALL@{cutoff} %")));
    parts.push(aligned(header.collect(), report.groups.iter().map(row)));
    parts.push(speeds(report));
    for (odd, what) in [
        (&data.unknown, "turns are named as evidence that are not there"),
        (&data.unreadable, "pieces of evidence cannot be read"),
        (&data.repeated, "turns have the id of another"),
    ] {
        parts.extend(oddities(odd, what));
    }
    if !report.ok {
        let told = report.wrong.join("\n  ");
        parts.push(format!("WRONG: {} searches, which are not in the table\n  {told}", report.wrong_answers));
    }
    parts.join("\n\n")
}

fn row(group: &Group) -> Vec<String> {
    let name = match group.categories.as_slice() {
        [number] => {
            let named = CATEGORIES.iter().find(|(category, _)| category == number);
            format!("{number} {}", named.map_or("", |(_, name)| name))
        }
        several => format!("{}-{}", several[0], several[several.len() - 1]),
    };
    let recall = group.recall.iter().map(|recall| match recall {
        Some(recall) => format!("{:.1}", recall * 100.0),
        None => "-".to_owned(),
    });
    [name, group.questions.to_string()].into_iter().chain(recall).collect()
}

fn speeds(report: &Report) -> String {
    let (ingest, search) = (&report.ingest, &report.search);
    let mut lines = vec![format!(
        "stored in {:.1} s, {:.0} a second; searched one at a time: p50 {:.2} ms, p99 {:.2} ms",
        ingest.seconds, ingest.per_second, search.p50_ms, search.p99_ms
    )];
    if let Some(vectors) = &report.vectors {
        lines.push(format!("all vectors were made {:.0} ms after the last write", vectors.lag_ms));
    }
    if let (Some(bytes), Some(database)) = (report.database_bytes, &report.database) {
        lines.push(format!("the database ({database}) has {}", described_bytes(bytes)));
    }
    lines.join("\n")
}

fn oddities(odd: &[Oddity], what: &str) -> Option<String> {
    let more = odd.len().saturating_sub(ODDITIES_TOLD);
    let mut lines = vec![format!("{} {what}:", odd.len())];
    lines.extend(odd.iter().take(ODDITIES_TOLD).map(|odd| format!("  {}: {}", odd.place, odd.text)));
    lines.extend((more > 0).then(|| format!("  and {more} more")));
    (!odd.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversations_are_numbers_and_ranges() {
        #[track_caller]
        fn check(text: &str, expect: Result<Option<Vec<RangeInclusive<usize>>>, ()>) {
            let said = "must be all, or numbers from 1 and ranges, such as 1-3 or 4,5".to_owned();
            assert_eq!(text.parse::<Chosen>(), expect.map(Chosen).map_err(|()| said), "{text:?}");
        }
        check("all", Ok(None));
        check("2", Ok(Some(vec![2..=2])));
        check("1-3", Ok(Some(vec![1..=3])));
        check("4,5", Ok(Some(vec![4..=4, 5..=5])));
        check("1-2,9", Ok(Some(vec![1..=2, 9..=9])));
        for wrong in ["", "0", "0-2", "3-1", "1-", "-1", "1--2", "1,", "a", "+1", "ALL", "1 2"] {
            check(wrong, Err(()));
        }
    }

    #[test]
    fn chosen_conversations_keep_the_order_of_the_file() {
        let one =
            |number| Conversation { number, turns: Vec::new(), questions: Vec::new(), repeated: Vec::new() };
        let of = |text: &str| text.parse::<Chosen>().expect("numbers").of((1..=4).map(one).collect());
        let numbers = |text| of(text).map(|all| all.iter().map(|one| one.number).collect::<Vec<_>>());
        assert_eq!(numbers("all").expect("all"), [1, 2, 3, 4]);
        assert_eq!(numbers("4,2-3,3").expect("some"), [2, 3, 4]);
        assert_eq!(
            numbers("3-5").expect_err("too many").to_string(),
            "--conversations names 5, and the file has 4"
        );
    }
}
