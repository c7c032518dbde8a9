//! The lexicon: word lists, weights and thresholds as data, read once and checked whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::Pattern;
use super::phrase::{Phrase, Spellings, words};
use super::signal::{STRUCTURAL, Value};
use crate::policy::error::Errors;
use crate::policy::yaml::{self, Node};

/// The text of the built-in lexicon.
pub const LEXICON_SOURCE: &str = include_str!("lexicon.yaml");

/// The largest lexicon that is read, in bytes: a hundred times the built-in one.
const LEXICON_BYTES_MAX: usize = 1_024 * 1_024;

const KEYS: &[&str] = &["events_min", "full_share", "spellings", "stopwords", "lists", "patterns"];
const LIST_KEYS: &[&str] = &["phrases", "categories"];
const PATTERN_KEYS: &[&str] = &["threshold", "at_least", "at_most", "weights"];
/// What a list's name is followed by in the name of the signal that says how much more often it is met later.
const RISING: &str = "_rising";

#[expect(clippy::panic, reason = "the text is compiled in, and a test reads it")]
static BUILTIN: LazyLock<Lexicon> = LazyLock::new(|| match Lexicon::parse(LEXICON_SOURCE) {
    Ok(lexicon) => lexicon,
    Err(faults) => panic!("the built-in lexicon is wrong: {faults:?}"),
});

/// A list of phrases, and the categories that stand for them where a text is not looked at.
#[derive(Debug, Default)]
struct List {
    phrases: Vec<Phrase>,
    by_first: BTreeMap<String, Vec<usize>>,
    categories: BTreeSet<String>,
}

/// What makes a pattern: signals by their place, with numbers in thousandths.
#[derive(Debug, Default)]
struct Rule {
    threshold: i64,
    at_least: Vec<(usize, i64)>,
    at_most: Vec<(usize, i64)>,
    weights: Vec<(usize, i64)>,
}

/// Word lists, weights and thresholds. [`Lexicon::builtin`] is compiled in; [`Lexicon::parse`] reads another.
#[derive(Debug)]
pub struct Lexicon {
    pub(super) spellings: Spellings,
    pub(super) stopwords: BTreeSet<String>,
    events_min: usize,
    full_share: i64,
    names: Vec<String>,
    lists: Vec<List>,
    rules: BTreeMap<Pattern, Rule>,
}

impl Lexicon {
    /// The one that is compiled in.
    #[must_use]
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Reads a lexicon as YAML, in the form of [`LEXICON_SOURCE`].
    ///
    /// # Errors
    /// Everything that is wrong with it, each with line and column.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        if text.len() > LEXICON_BYTES_MAX {
            return Err(vec![format!("must be at most {LEXICON_BYTES_MAX} bytes")]);
        }
        let mut loader = Loader { errors: Errors::default(), names: Vec::new() };
        let root = yaml::read(text, &mut loader.errors);
        let lexicon = root.map(|root| loader.lexicon(&root));
        let faults = loader.errors.into_vec();
        match lexicon {
            Some(lexicon) if faults.is_empty() => Ok(lexicon),
            _ => Err(faults.iter().map(ToString::to_string).collect()),
        }
    }

    /// In how many events a pattern shows, at least.
    pub(super) const fn events_min(&self) -> usize {
        self.events_min
    }

    pub(super) const fn lists_count(&self) -> usize {
        self.lists.len()
    }

    /// A share of events as a signal: full from `full_share` on.
    pub(super) const fn filled(&self, share: i64) -> i64 {
        let filled = share * 1000 / self.full_share;
        if filled > 1000 { 1000 } else { filled }
    }

    /// By list: whether one of the categories stands for it.
    pub(super) fn carried_by_categories(&self, categories: &[&str]) -> Vec<bool> {
        let has = |list: &List| categories.iter().any(|category| list.categories.contains(*category));
        self.lists.iter().map(has).collect()
    }

    /// Notes the lists of which a phrase stands in these sentences.
    pub(super) fn add_carried_by_text(&self, sentences: &[Vec<String>], carries: &mut [bool]) {
        for (list, is_carried) in self.lists.iter().zip(carries) {
            *is_carried = *is_carried || sentences.iter().any(|sentence| list.is_in(sentence));
        }
    }

    /// How surely a pattern holds, in thousandths; none where it does not. What cannot be measured of its weights counts
    /// neither for nor against it.
    pub(super) fn score(&self, pattern: Pattern, signals: &[Value]) -> Option<i64> {
        let rule = self.rules.get(&pattern)?;
        let is_high =
            rule.at_least.iter().all(|&(at, least)| signals[at].is_some_and(|value| value >= least));
        let is_low = rule.at_most.iter().all(|&(at, most)| signals[at].is_none_or(|value| value <= most));
        if !is_high || !is_low {
            return None;
        }
        let (mut gained, mut possible) = (0, 0);
        for &(at, weight) in &rule.weights {
            let Some(value) = signals[at] else { continue };
            gained += weight * value;
            possible += weight.max(0);
        }
        let score = if possible > 0 { (gained / possible).clamp(0, 1000) } else { 0 };
        (score >= rule.threshold).then_some(score)
    }

    /// The names of the signals that speak for a pattern, from a strength on, sorted.
    pub(super) fn signals_for(&self, pattern: Pattern, signals: &[Value], from: i64) -> Vec<String> {
        let weights = self.rules.get(&pattern).map_or(&[][..], |rule| &rule.weights);
        let speaks = |&&(at, weight): &&(usize, i64)| weight > 0 && signals[at] >= Some(from);
        let mut names: Vec<String> =
            weights.iter().filter(speaks).map(|&(at, _)| self.names[at].clone()).collect();
        names.sort_unstable();
        names
    }
}

impl List {
    fn is_in(&self, sentence: &[String]) -> bool {
        sentence.iter().enumerate().any(|(at, word)| {
            let starting = self.by_first.get(word).into_iter().flatten();
            starting.into_iter().any(|&phrase| self.phrases[phrase].stands_at(sentence, at))
        })
    }
}

struct Loader {
    errors: Errors,
    names: Vec<String>,
}

impl Loader {
    fn lexicon(&mut self, root: &Node) -> Lexicon {
        self.only(root, "key", KEYS);
        let mut spellings = Spellings::new();
        for (word, node) in self.members(root, "spellings") {
            let stands_for = node.as_text("what it stands for", &mut self.errors).unwrap_or_default();
            spellings.insert(word, words(stands_for, &Spellings::new()).concat());
        }
        let stopwords = self.texts(root, "stopwords").into_iter().map(|(_, word)| word).collect();
        self.names = STRUCTURAL.map(str::to_owned).to_vec();
        let mut lists = Vec::new();
        for (name, node) in self.members(root, "lists") {
            lists.push(self.list(&node, &spellings));
            self.names.extend([name.clone(), format!("{name}{RISING}")]);
        }
        let mut rules = BTreeMap::new();
        for (name, node) in self.members(root, "patterns") {
            match Pattern::from_name(&name) {
                Some(pattern) => {
                    let rule = self.rule(&node);
                    rules.insert(pattern, rule);
                }
                None => {
                    let known = Pattern::ALL.map(Pattern::name);
                    self.errors.unknown(node.place, "pattern", &name, &known);
                }
            }
        }
        let events_min = self.whole(root, "events_min", 2, 20).unwrap_or(3);
        Lexicon {
            spellings,
            stopwords,
            events_min: usize::try_from(events_min).unwrap_or(usize::MAX),
            full_share: self.whole(root, "full_share", 1, 1000).unwrap_or(1000),
            names: std::mem::take(&mut self.names),
            lists,
            rules,
        }
    }

    fn list(&mut self, node: &Node, spellings: &Spellings) -> List {
        self.only(node, "key of a list", LIST_KEYS);
        let categories = self.texts(node, "categories").into_iter().map(|(_, word)| word).collect();
        let mut list = List { categories, ..List::default() };
        for (item, text) in self.texts(node, "phrases") {
            let Some(phrase) = Phrase::parse(&text, spellings) else {
                self.errors.push(item.place, "a phrase must begin and end with a word");
                continue;
            };
            for first in phrase.firsts() {
                list.by_first.entry(first.clone()).or_default().push(list.phrases.len());
            }
            list.phrases.push(phrase);
        }
        list
    }

    fn rule(&mut self, node: &Node) -> Rule {
        self.only(node, "key of a pattern", PATTERN_KEYS);
        Rule {
            threshold: self.whole(node, "threshold", 1, 1000).unwrap_or(1000),
            at_least: self.by_signal(node, "at_least", 0),
            at_most: self.by_signal(node, "at_most", 0),
            weights: self.by_signal(node, "weights", -1000),
        }
    }

    fn by_signal(&mut self, node: &Node, name: &str, least: i64) -> Vec<(usize, i64)> {
        let mut found = Vec::new();
        for (signal, item) in self.members(node, name) {
            let number = self.number(&item, &signal, least, 1000);
            match self.names.iter().position(|known| *known == signal) {
                Some(at) => found.extend(number.map(|number| (at, number))),
                None => {
                    let known: Vec<&str> = self.names.iter().map(String::as_str).collect();
                    self.errors.unknown(item.place, "signal", &signal, &known);
                }
            }
        }
        found
    }

    fn whole(&mut self, node: &Node, name: &str, least: i64, most: i64) -> Option<i64> {
        let Some(item) = self.member(node, name) else {
            self.errors.push(node.place, format!("`{name}` is missing"));
            return None;
        };
        self.number(&item, name, least, most)
    }

    fn number(&mut self, node: &Node, name: &str, least: i64, most: i64) -> Option<i64> {
        let number = node.as_number(name, &mut self.errors)?;
        if number.fract() != 0.0 || number < least as f64 || number > most as f64 {
            self.errors.push(node.place, format!("{name} must be a whole number from {least} to {most}"));
            return None;
        }
        // Within range, as was just checked.
        Some(number as i64)
    }

    fn only(&mut self, node: &Node, what: &str, known: &[&str]) {
        for (key, _) in node.as_map("it", &mut self.errors) {
            if !known.contains(&key.text.as_str()) {
                self.errors.unknown(key.place, what, &key.text, known);
            }
        }
    }

    fn texts(&mut self, node: &Node, name: &str) -> Vec<(Node, String)> {
        let Some(list) = self.member(node, name) else { return Vec::new() };
        let items = list.as_list(name, &mut self.errors).to_vec();
        let mut texts = Vec::new();
        for item in items {
            if let Some(text) = item.as_text("a word", &mut self.errors).map(str::to_owned) {
                texts.push((item, text));
            }
        }
        texts
    }

    fn members(&mut self, node: &Node, name: &str) -> Vec<(String, Node)> {
        let Some(map) = self.member(node, name) else { return Vec::new() };
        let members = map.as_map(name, &mut self.errors).iter();
        members.map(|(key, node)| (key.text.clone(), node.clone())).collect()
    }

    fn member(&mut self, node: &Node, name: &str) -> Option<Node> {
        let members = node.as_map("it", &mut self.errors);
        members.iter().find(|(key, _)| key.text == name).map(|(_, node)| node.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_lexicon_has_all_patterns() {
        let lexicon = Lexicon::parse(LEXICON_SOURCE).unwrap_or_else(|faults| panic!("{}", faults.join("\n")));
        assert!(Pattern::ALL.iter().all(|pattern| lexicon.rules.contains_key(pattern)));
        assert!(lexicon.lists.iter().all(|list| !list.phrases.is_empty()));
    }

    #[test]
    fn what_is_wrong_with_a_lexicon_is_named() {
        for (from, to, message) in [
            ("rumination:", "ruminations:", "unknown pattern `ruminations`"),
            ("dwelling:", "dweling:", "unknown signal `dwelling`"),
            ("events_min: 3", "events_min: 1", "events_min must be a whole number from 2 to 20"),
            ("full_share", "full_shares", "`full_share` is missing"),
            ("lists:\n", "lists: 4\nlist:\n", "lists must be a mapping, not a number"),
        ] {
            assert!(LEXICON_SOURCE.contains(from), "{from}");
            let faults = Lexicon::parse(&LEXICON_SOURCE.replacen(from, to, 1)).expect_err("it has a fault");
            assert!(faults.iter().any(|fault| fault.contains(message)), "{faults:?}");
        }
        let faults = Lexicon::parse(&" ".repeat(LEXICON_BYTES_MAX + 1)).expect_err("it is too long");
        assert_eq!(faults, ["must be at most 1048576 bytes"]);
    }
}
