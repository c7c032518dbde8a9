//! The rules as data: `rules.yaml`, read once and checked whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::gift::{Gift, Manner};
use super::pattern::{self, Phrase, Phrases, Piece};
use super::read::Lexicon;
use crate::constraint::{Kind, Name, Strategy, Target};
use crate::object::{Activation, Unit};
use crate::policy::error::Errors;
use crate::policy::yaml::{self, Node, NodeKind};

/// The text of the built-in rules.
pub const RULES_SOURCE: &str = include_str!("rules.yaml");

/// How a pattern's words are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A wish: `be direct`, `could you be direct`.
    Do,
    /// Its opposite: `don't be direct`.
    Dont,
    /// A statement: `I'm deaf`.
    Say,
}

/// A pattern and the rule that it belongs to.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) form: Form,
    pub(super) pieces: Vec<Piece>,
    /// The place of the rule whose gifts it gives.
    pub(super) rule: usize,
}

/// The rules over text.
#[derive(Debug, Default)]
pub(super) struct TextRules {
    pub(super) patterns: Vec<Pattern>,
    /// What each rule gives.
    pub(super) gifts: Vec<Vec<Gift>>,
    /// The places of the patterns that can begin with a word.
    by_first: BTreeMap<String, Vec<usize>>,
    /// The places of those that can begin with any.
    anywhere: Vec<usize>,
}

impl TextRules {
    fn add(&mut self, patterns: Vec<(Form, Vec<Piece>)>, gifts: Vec<Gift>) {
        let rule = self.gifts.len();
        self.gifts.push(gifts);
        for (form, pieces) in patterns {
            let place = self.patterns.len();
            match pattern::first_words(&pieces) {
                Some(firsts) => {
                    for first in firsts {
                        self.by_first.entry(first).or_default().push(place);
                    }
                }
                None => self.anywhere.push(place),
            }
            self.patterns.push(Pattern { form, pieces, rule });
        }
    }

    /// The places of the patterns that can begin with one of these words, in the order of the rules, each once.
    pub(super) fn candidates(&self, firsts: [Option<&str>; 2]) -> Vec<usize> {
        let mut places = self.anywhere.clone();
        for first in firsts.into_iter().flatten() {
            places.extend(self.by_first.get(first).into_iter().flatten());
        }
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// A rule over what makes an event sensitive.
#[derive(Debug)]
pub(super) struct CategoryRule {
    pub(super) any_of: BTreeSet<String>,
    pub(super) gifts: Vec<Gift>,
}

/// A rule over how an event felt. What is not named is not asked for.
#[derive(Debug)]
pub(super) struct AffectRule {
    pub(super) labels: BTreeSet<String>,
    pub(super) valence_max: Option<f64>,
    pub(super) arousal_min: Option<f64>,
    pub(super) confidence_min: f64,
    pub(super) gifts: Vec<Gift>,
}

/// What makes a seed.
#[derive(Debug)]
pub(super) struct SeedRules {
    pub(super) cues_max: usize,
    pub(super) normal: Activation,
    pub(super) sensitive: Activation,
    pub(super) sealed: Activation,
    pub(super) stopwords: BTreeSet<String>,
}

/// All rules.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) transform_id: Name,
    pub(super) version: u32,
    pub(super) spellings: BTreeMap<String, Phrase>,
    pub(super) lexicon: Lexicon,
    pub(super) texts: TextRules,
    pub(super) categories: Vec<CategoryRule>,
    pub(super) affects: Vec<AffectRule>,
    pub(super) somatic: Vec<Gift>,
    pub(super) procedural: Vec<Gift>,
    pub(super) seed: SeedRules,
}

/// The built-in rules.
#[expect(clippy::panic, reason = "the text is compiled in, and a test reads it")]
pub(super) static BUILTIN: LazyLock<Rules> = LazyLock::new(|| match load(RULES_SOURCE) {
    Ok(rules) => rules,
    Err(faults) => panic!("the built-in rules are wrong: {faults:?}"),
});

/// Reads rules; the error names everything that is wrong.
pub(super) fn load(text: &str) -> Result<Rules, Vec<String>> {
    let mut errors = Errors::default();
    let root = yaml::read(text, &mut errors);
    let mut loader = Loader { errors, kinds: BTreeMap::new(), lists: BTreeMap::new() };
    let rules = root.as_ref().and_then(|root| loader.rules(root));
    let faults = loader.errors.into_vec();
    match rules {
        Some(rules) if faults.is_empty() => Ok(rules),
        _ => Err(faults.iter().map(ToString::to_string).collect()),
    }
}

struct Loader {
    errors: Errors,
    kinds: BTreeMap<Kind, Manner>,
    lists: BTreeMap<String, Vec<Phrase>>,
}

impl Loader {
    fn rules(&mut self, root: &Node) -> Option<Rules> {
        const KEYS: &[&str] = &[
            "transform_id",
            "version",
            "kinds",
            "spellings",
            "lexicon",
            "lists",
            "rules",
            "categories",
            "affect",
            "somatic",
            "procedural",
            "seed",
        ];
        for (key, _) in root.as_map("the rules", &mut self.errors) {
            if !KEYS.contains(&key.text.as_str()) {
                self.errors.unknown(key.place, "key", &key.text, KEYS);
            }
        }
        for (key, node) in self.members(root, "kinds") {
            match Kind::from_name(&key) {
                Some(kind) => {
                    let manner = Manner::new(Name::parse("slot").ok()?);
                    let manner = self.manner(&node, manner);
                    self.kinds.insert(kind, manner);
                }
                None => self.errors.push(node.place, format!("no kind is called `{key}`")),
            }
        }
        for (name, node) in self.members(root, "lists") {
            let phrases = self.phrases(&node);
            self.lists.insert(name, phrases);
        }
        let mut spellings = BTreeMap::new();
        for (word, node) in self.members(root, "spellings") {
            spellings.insert(word, pattern::phrase(&self.text(&node)));
        }
        let lexicon = self.member(root, "lexicon")?;
        Some(Rules {
            transform_id: Name::parse(&self.member(root, "transform_id").map(|node| self.text(&node))?)
                .ok()?,
            version: self.member(root, "version").map(|node| self.whole(&node))?,
            spellings,
            lexicon: self.lexicon(&lexicon),
            texts: self.text_rules(root),
            categories: self.items(root, "categories").iter().map(|node| self.category_rule(node)).collect(),
            affects: self.items(root, "affect").iter().map(|node| self.affect_rule(node)).collect(),
            somatic: self.member(root, "somatic").map(|node| self.gifts(&node)).unwrap_or_default(),
            procedural: self.member(root, "procedural").map(|node| self.gifts(&node)).unwrap_or_default(),
            seed: self.member(root, "seed").and_then(|node| self.seed(&node))?,
        })
    }

    fn lexicon(&mut self, node: &Node) -> Lexicon {
        let phrases = |loader: &mut Self, name: &str| match loader.member(node, name) {
            Some(list) => loader.phrases(&list),
            None => {
                loader.errors.push(node.place, format!("the lexicon lacks {name}"));
                Vec::new()
            }
        };
        let set = |phrases: Vec<Phrase>| phrases.into_iter().flatten().collect::<BTreeSet<String>>();
        Lexicon {
            fillers: Phrases::new(phrases(self, "fillers")),
            asks: Phrases::new(phrases(self, "asks")),
            refusals: Phrases::new(phrases(self, "refusals")),
            hypotheticals: Phrases::new(phrases(self, "hypotheticals")),
            lead_ins: phrases(self, "lead_ins"),
            passing: Phrases::new(phrases(self, "passing")),
            reports: set(phrases(self, "reports")),
            others: set(phrases(self, "others")),
            stops: set(phrases(self, "stops")),
            vague: set(phrases(self, "vague")),
            conjunctions: set(phrases(self, "conjunctions")),
            turns: set(phrases(self, "turns")),
            joins: set(phrases(self, "joins")),
            clause_starts: set(phrases(self, "clause_starts")),
            tails: set(phrases(self, "tails")),
            adjuncts: set(phrases(self, "adjuncts")),
        }
    }

    fn text_rules(&mut self, root: &Node) -> TextRules {
        let mut rules = TextRules::default();
        for node in self.items(root, "rules") {
            let mut patterns = Vec::new();
            for (name, form) in [("do", Form::Do), ("dont", Form::Dont), ("say", Form::Say)] {
                for item in self.items(&node, name) {
                    let text = self.text(&item);
                    match pattern::parse(&text, &self.lists) {
                        Ok(pieces) => patterns.push((form, pieces)),
                        Err(fault) => self.errors.push(item.place, fault),
                    }
                }
            }
            let gifts = self.gifts(&node);
            rules.add(patterns, gifts);
        }
        rules
    }

    fn category_rule(&mut self, node: &Node) -> CategoryRule {
        CategoryRule { any_of: self.words(node, "any_of"), gifts: self.gifts(node) }
    }

    fn affect_rule(&mut self, node: &Node) -> AffectRule {
        AffectRule {
            labels: self.words(node, "labels"),
            valence_max: self.member(node, "valence_max").map(|node| self.number(&node)),
            arousal_min: self.member(node, "arousal_min").map(|node| self.number(&node)),
            confidence_min: self.member(node, "confidence_min").map_or(0.0, |node| self.number(&node)),
            gifts: self.gifts(node),
        }
    }

    /// What a rule gives, each in its kind's manner unless the rule says otherwise.
    fn gifts(&mut self, node: &Node) -> Vec<Gift> {
        let id = self.member(node, "id").map(|node| self.text(&node)).unwrap_or_default();
        let Ok(rule) = Name::parse(&id) else {
            self.errors.push(node.place, "a rule needs an id of a few words");
            return Vec::new();
        };
        let slots: BTreeMap<String, Node> = self.members(node, "slots").into_iter().collect();
        let mut gifts = Vec::new();
        for item in self.items(node, "gives") {
            let text = self.text(&item);
            let kind = Kind::from_name(text.split(' ').next().unwrap_or_default());
            let known = kind.and_then(|kind| self.kinds.get(&kind).cloned());
            let Some((kind, known)) = kind.zip(known) else {
                self.errors.push(item.place, format!("`{text}` names no kind that `kinds` describes"));
                continue;
            };
            let mut manner = self.manner(node, known);
            if let Some(slot) = slots.get(kind.name()) {
                manner.slot = self.name(slot, manner.slot);
            }
            match Gift::parse(kind, &text, rule.clone(), manner) {
                Ok(gift) => gifts.push(gift),
                Err(fault) => self.errors.push(item.place, fault),
            }
        }
        gifts
    }

    fn manner(&mut self, node: &Node, mut manner: Manner) -> Manner {
        if let Some(slot) = self.member(node, "slot") {
            manner.slot = self.name(&slot, manner.slot);
        }
        if let Some(item) = self.member(node, "strategy") {
            let name = self.text(&item);
            match Strategy::from_name(&name) {
                Some(strategy) => manner.strategy = strategy,
                None => self.errors.push(item.place, format!("no strategy is called `{name}`")),
            }
        }
        if let Some(item) = self.member(node, "target") {
            let name = self.text(&item);
            match Target::from_name(&name) {
                Some(target) => manner.target = target,
                None => self.errors.push(item.place, format!("no target is called `{name}`")),
            }
        }
        if let Some(item) = self.member(node, "priority") {
            manner.priority = i32::try_from(self.whole(&item)).unwrap_or(i32::MAX);
        }
        if let Some(item) = self.member(node, "weight") {
            manner.weight = self.number(&item);
        }
        if let Some(item) = self.member(node, "confidence") {
            manner.confidence = self.number(&item);
        }
        manner
    }

    fn seed(&mut self, node: &Node) -> Option<SeedRules> {
        let mut activation = |name: &str| {
            let rule = self.member(node, name)?;
            let min_confidence = self.member(&rule, "min_confidence").map(|node| self.number(&node))?;
            let cooldown_seconds = self.member(&rule, "cooldown_seconds").map(|node| self.whole(&node))?;
            Activation::new(Unit::new(min_confidence).ok()?, cooldown_seconds).ok()
        };
        let rules = ["normal", "sensitive", "sealed"].map(&mut activation);
        let [Some(normal), Some(sensitive), Some(sealed)] = rules else {
            self.errors.push(node.place, "seed needs a valid normal, sensitive and sealed");
            return None;
        };
        let cues_max = self.member(node, "cues_max").map_or(0, |node| self.whole(&node));
        let cues_max = usize::try_from(cues_max).unwrap_or(0);
        Some(SeedRules { cues_max, normal, sensitive, sealed, stopwords: self.words(node, "stopwords") })
    }

    fn name(&mut self, node: &Node, otherwise: Name) -> Name {
        let text = self.text(node);
        Name::parse(&text).unwrap_or_else(|fault| {
            self.errors.push(node.place, fault.to_string());
            otherwise
        })
    }

    fn words(&mut self, node: &Node, name: &str) -> BTreeSet<String> {
        self.items(node, name).iter().map(|item| self.text(item)).collect()
    }

    fn phrases(&mut self, node: &Node) -> Vec<Phrase> {
        let items = node.as_list("a list of phrases", &mut self.errors).to_vec();
        let mut phrases: Vec<Phrase> = items.iter().map(|item| pattern::phrase(&self.text(item))).collect();
        phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
        phrases
    }

    fn members(&mut self, node: &Node, name: &str) -> Vec<(String, Node)> {
        let Some(map) = self.member(node, name) else { return Vec::new() };
        let members = map.as_map(name, &mut self.errors).iter();
        members.map(|(key, node)| (key.text.clone(), node.clone())).collect()
    }

    fn items(&mut self, node: &Node, name: &str) -> Vec<Node> {
        let Some(list) = self.member(node, name) else { return Vec::new() };
        list.as_list(name, &mut self.errors).to_vec()
    }

    fn member(&mut self, node: &Node, name: &str) -> Option<Node> {
        let members = node.as_map("a rule", &mut self.errors);
        members.iter().find(|(key, _)| key.text == name).map(|(_, node)| node.clone())
    }

    /// A word of a list may look like something else to YAML: `5`, `on`.
    fn text(&mut self, node: &Node) -> String {
        match &node.kind {
            NodeKind::Number(number) => number.to_string(),
            _ => node.as_text("a word", &mut self.errors).unwrap_or_default().to_owned(),
        }
    }

    fn number(&mut self, node: &Node) -> f64 {
        node.as_number("it", &mut self.errors).unwrap_or_default()
    }

    fn whole(&mut self, node: &Node) -> u32 {
        let number = self.number(node);
        if number.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&number) {
            self.errors.push(node.place, "must be a whole number, 0 or more");
        }
        // Within range, as was just checked.
        number as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_rules_load() {
        let rules = load(RULES_SOURCE).unwrap_or_else(|faults| panic!("{}", faults.join("\n")));
        let texts = &rules.texts;
        assert!(texts.gifts.iter().all(|gifts| !gifts.is_empty()));
        let has_pattern = |rule| texts.patterns.iter().any(|pattern| pattern.rule == rule);
        assert!((0..texts.gifts.len()).all(has_pattern));
        assert!(rules.categories.iter().all(|rule| !rule.gifts.is_empty() && !rule.any_of.is_empty()));
        assert_eq!(rules.somatic.len(), 1);
        assert_eq!(rules.procedural.len(), 1);
        assert_eq!(Kind::ALL.len(), 9);
    }

    #[test]
    fn a_typo_does_not_load() {
        for (from, to, message) in [
            ("strategy: union", "strategy: onion", "no strategy is called `onion`"),
            ("gives: [\"tone direct\"]", "gives: [\"tune direct\"]", "names no kind"),
            ("<to_me>", "<too_me>", "no list is called `too_me`"),
            ("somatic:", "somatics:", "unknown key `somatics`"),
            ("target: memory_ops", "target: memories", "no target is called `memories`"),
        ] {
            let faults = load(&RULES_SOURCE.replacen(from, to, 1)).expect_err("it has a typo");
            assert!(faults.iter().any(|fault| fault.contains(message)), "{faults:?}");
        }
    }
}
