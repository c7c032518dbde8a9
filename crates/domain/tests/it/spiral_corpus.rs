//! The labelled windows of `tests/corpus/spiral`, and the figures of docs/spirals.md about them.

use std::collections::{BTreeMap, BTreeSet};

use memoryscope_domain::spiral::{Lexicon, Pattern, WINDOW_MINUTES_MAX};
use serde_json::{Value, json};

use crate::spiral_eval::{CONTROLS, Line, Window, half, table};

const PAGE: &str = include_str!("../../../../docs/spirals.md");

fn texts(windows: &[Window]) -> Vec<&str> {
    windows.iter().flat_map(|window| &window.lines).map(|line| line.text.as_str()).collect()
}

fn normal(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[test]
fn no_text_is_in_both_halves() {
    let (tuning, reporting) = (half("tuning"), half("reporting"));
    assert!(tuning.len() + reporting.len() >= 300);
    let ours: BTreeSet<String> = texts(&tuning).into_iter().map(normal).collect();
    let theirs: BTreeSet<String> = texts(&reporting).into_iter().map(normal).collect();
    assert_eq!(ours.intersection(&theirs).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn every_label_has_its_windows_in_both_halves() {
    for name in ["tuning", "reporting"] {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for window in half(name) {
            assert!(window.lines.len() >= 3 && window.lines.is_sorted_by_key(|line| line.minutes));
            assert!(
                window.lines.iter().all(|line| line.minutes <= WINDOW_MINUTES_MAX && !line.text.is_empty())
            );
            *counts.entry(window.label).or_default() += 1;
        }
        assert!(Pattern::ALL.iter().all(|pattern| counts[pattern.name()] >= 12), "{counts:?}");
        assert!(CONTROLS.iter().all(|control| counts[*control] >= 18), "{counts:?}");
    }
}

#[test]
fn the_page_tells_the_figures_as_they_are() {
    for name in ["reporting", "tuning"] {
        let table = table(Lexicon::builtin(), &half(name));
        assert!(PAGE.contains(&table), "docs/spirals.md lacks this table of the half for {name}:\n\n{table}");
    }
}

#[test]
fn the_examples_of_the_page_are_true() {
    let examples: Vec<Value> = PAGE
        .split("```json\n")
        .skip(1)
        .map(|rest| serde_json::from_str(rest.split("```").next().unwrap()).unwrap())
        .filter(|example: &Value| example.get("events").is_some())
        .collect();
    assert!(examples.len() >= 4);
    for example in examples {
        let lines = example["events"].as_array().unwrap().iter();
        let lines = lines.map(|line| Line::parse(line.as_str().unwrap())).collect();
        let window = Window { label: String::new(), lines };
        let found = window.finding(Lexicon::builtin()).map(|finding| {
            json!({
                "pattern": finding.pattern.name(), "confidence": finding.confidence.get(), "signals": finding.signals,
                "window_events": finding.window_events, "window_minutes": finding.window_minutes,
            })
        });
        assert_eq!(json!(found), example["found"], "{example}");
    }
}
