//! Reads the windows of `tests/corpus/spiral` and counts what detection makes of them. The example `spiral_table` prints
//! the same figures, for a lexicon of one's own too.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like a test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::object::TruthMode;
use memoryscope_domain::spiral::{Event, Finding, Lexicon, Pattern, detect};
use memoryscope_domain::time::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::yaml_cases;

/// The labels of windows that do not spiral.
pub(crate) const CONTROLS: [&str; 3] = ["negative", "neutral", "positive"];

/// One line of a window: minutes, truth mode, valence and arousal, text.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) minutes: i64,
    pub(crate) truth_mode: TruthMode,
    pub(crate) feeling: Option<(f64, f64)>,
    pub(crate) text: String,
}

impl Line {
    /// Reads `12 cf -0.4/0.6 | What if …`. Without a truth mode it is a subjective experience; `.` is no feeling.
    pub(crate) fn parse(line: &str) -> Self {
        let (head, text) = line.split_once(" | ").unwrap_or_else(|| panic!("no ` | ` in {line}"));
        let words: Vec<&str> = head.split_whitespace().collect();
        let (mode, feeling) = match words[..] {
            [_, feeling] => ("", feeling),
            [_, mode, feeling] => (mode, feeling),
            _ => panic!("{line}"),
        };
        let truth_mode = match mode {
            "" => TruthMode::SubjectiveExperience,
            "cf" => TruthMode::Counterfactual,
            "im" => TruthMode::Imagined,
            "fact" => TruthMode::FactualClaim,
            "social" => TruthMode::SociallySourced,
            "proc" => TruthMode::Procedural,
            other => panic!("{other} is no truth mode of the corpus: {line}"),
        };
        let number = |text: &str| text.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
        let feeling = (feeling != ".").then(|| match feeling.split_once('/') {
            Some((valence, arousal)) => (number(valence), number(arousal)),
            None => (number(feeling), 0.0),
        });
        Self { minutes: words[0].parse().unwrap(), truth_mode, feeling, text: text.to_owned() }
    }
}

/// A labelled window.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) label: String,
    pub(crate) lines: Vec<Line>,
}

impl Window {
    /// As events.
    pub(crate) fn events(&self) -> Vec<Event<'_>> {
        let event = |(at, line): (usize, &'_ Line)| Event {
            memory: MemoryId::from_uuid(Uuid::from_u128(u128::try_from(at).unwrap())),
            at: Timestamp::from_unix_micros(0).plus_micros(line.minutes * 60_000_000),
            truth_mode: line.truth_mode,
            text: None,
            categories: Vec::new(),
            feeling: line.feeling,
        };
        let lines = self.lines.iter().enumerate();
        lines.map(|(at, line)| Event { text: Some(line.text.as_str()), ..event((at, line)) }).collect()
    }

    /// What detection finds in it.
    pub(crate) fn finding(&self, lexicon: &Lexicon) -> Option<Finding> {
        detect(lexicon, &self.events())
    }
}

/// All windows of a half, `tuning` or `reporting`.
pub(crate) fn half(name: &str) -> Vec<Window> {
    let labels = Pattern::ALL.map(Pattern::name).into_iter().chain(CONTROLS);
    let mut windows = Vec::new();
    for label in labels {
        let file = yaml_cases::read(&format!("spiral/{name}/{label}.yaml"));
        for window in file.as_array().unwrap() {
            let lines = window.as_array().unwrap().iter().map(Value::as_str);
            let lines = lines.map(|line| Line::parse(line.unwrap())).collect();
            windows.push(Window { label: label.to_owned(), lines });
        }
    }
    windows
}

/// Precision and recall of each pattern, and false alarms of each control, as a Markdown table.
pub(crate) fn table(lexicon: &Lexicon, windows: &[Window]) -> String {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for window in windows {
        let found = window.finding(lexicon).map_or("none", |finding| finding.pattern.name());
        *counts.entry((window.label.as_str(), found)).or_default() += 1;
    }
    let sum = |filter: &dyn Fn(&str, &str) -> bool| -> usize {
        counts.iter().filter(|((label, found), _)| filter(label, found)).map(|(_, count)| count).sum()
    };
    let percent = |part: usize, whole: usize| match (part * 1000 + whole / 2).checked_div(whole) {
        Some(thousandths) => format!("{}.{} %", thousandths / 10, thousandths % 10),
        None => "–".to_owned(),
    };
    let mut table = String::from(
        "| pattern | windows | found | right | precision | recall |\n|---|--:|--:|--:|--:|--:|\n",
    );
    let mut row = |name: &str, windows: usize, found: usize, right: usize| {
        let (precision, recall) = (percent(right, found), percent(right, windows));
        writeln!(table, "| {name} | {windows} | {found} | {right} | {precision} | {recall} |").unwrap();
    };
    for pattern in Pattern::ALL.map(Pattern::name) {
        let right = sum(&|label, found| label == pattern && found == pattern);
        row(pattern, sum(&|label, _| label == pattern), sum(&|_, found| found == pattern), right);
    }
    let is_spiral = |label: &str| !CONTROLS.contains(&label);
    let right = sum(&|label, found| is_spiral(label) && found != "none");
    row("any of them", sum(&|label, _| is_spiral(label)), sum(&|_, found| found != "none"), right);
    table.push_str("\n| not spiralling | windows | false alarms |\n|---|--:|--:|\n");
    for control in CONTROLS {
        let windows = sum(&|label, _| label == control);
        let alarms = sum(&|label, found| label == control && found != "none");
        writeln!(table, "| {control} | {windows} | {alarms} |").unwrap();
    }
    table
}
