//! What follows from an event: its constraints and its cues, as a pure function.
//!
//! [`derive()`] takes what an event says, how sensitive it is and how it felt, and gives at most one impact's
//! constraints and at most one seed. The rules are data, [`RULES_SOURCE`]; they have a version, and the same event
//! gives the same bytes on every machine. A sealed event gives only what its categories give: nothing else of it is
//! looked at.

mod child;
mod cues;
mod gift;
mod pattern;
mod read;
mod rules;
pub(crate) mod text;

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use self::gift::Gift;
use self::pattern::Captures;
use self::rules::{BUILTIN, Rules};
use crate::constraint::{Constraint, ConstraintParts, Kind, Merge, Name, Params, Provenance, Term};
use crate::ids::{ConstraintId, MemoryId};
use crate::limits;
use crate::memory::State;
use crate::object::{Activation, Level, Object, TruthMode};
use crate::time::Timestamp;

pub use child::{Wanted, children};
pub use rules::RULES_SOURCE;

/// How an event felt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affect<'a> {
    /// How pleasant, -1 to 1.
    pub valence: f64,
    /// How exciting, 0 to 1.
    pub arousal: f64,
    /// In words, lower case.
    pub labels: &'a [&'a str],
    /// How sure that is, 0 to 1.
    pub confidence: f64,
}

/// What derivation looks at of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Source<'a> {
    /// The event.
    pub memory: MemoryId,
    /// Its state: a sealed one gives what its categories give, a revoked or erased one nothing.
    pub state: State,
    /// In what sense it is true: what is counterfactual or imagined gives tone and style only.
    pub truth_mode: TruthMode,
    /// Its text.
    pub text: Option<&'a str>,
    /// The text's language as a tag; text in another language than English gives nothing. Unknown counts as English:
    /// the rules' words meet no other.
    pub language: Option<&'a str>,
    /// What makes it sensitive, lower case with `_` between words.
    pub categories: &'a [&'a str],
    /// How sensitive it is: from high on its seed sprouts less easily.
    pub level: Level,
    /// How it felt.
    pub affect: Option<Affect<'a>>,
    /// What its somatic payload wants to be left out of prompts.
    pub do_not_prompt_with: &'a [&'a str],
    /// How many steps its procedural payload has.
    pub procedure_steps: usize,
    /// When it was stored: when its constraints were made.
    pub created_at: Timestamp,
}

/// A seed's content.
#[derive(Debug, Clone, PartialEq)]
pub struct DerivedSeed {
    /// What brings it back: at least one, no two equal.
    pub cues: Vec<Term>,
    /// When it sprouts, and how long it rests then.
    pub activation: Activation,
}

/// What follows from an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// The constraints of its one impact; none when there are none.
    pub constraints: Vec<Constraint>,
    /// Its one seed, if it has cues.
    pub seed: Option<DerivedSeed>,
}

/// The name and the version of the rules: what the provenance of everything derived says.
#[must_use]
pub fn transform() -> (Name, u32) {
    (BUILTIN.transform_id.clone(), BUILTIN.version)
}

/// Derives what follows from an event. `impact` is the impact's id: the ids of its constraints follow from it, so that
/// deriving again gives the same ones.
#[must_use]
pub fn derive(source: &Source<'_>, impact: MemoryId) -> Derived {
    let rules = &*BUILTIN;
    if matches!(source.state, State::Revoked | State::Tombstoned) {
        return Derived { constraints: Vec::new(), seed: None };
    }
    let mut maker = Maker { source, rules, impact, made: Vec::new(), said: BTreeSet::new() };
    maker.add_text();
    maker.add_payloads();
    maker.add_affect();
    maker.add_categories();
    Derived { constraints: maker.made, seed: seed(source, rules) }
}

/// Derives what follows from an event as it is kept.
#[must_use]
pub fn derive_event(
    event: &Object,
    memory: MemoryId,
    state: State,
    created_at: Timestamp,
    impact: MemoryId,
) -> Derived {
    let content = event.content.as_ref();
    let categories: Vec<&str> =
        event.sensitivity.categories.as_vec().iter().map(|category| category.as_str()).collect();
    let labels: Vec<&str> = event
        .affect
        .iter()
        .flat_map(|affect| affect.feeling.labels.as_vec())
        .map(|label| label.as_str())
        .collect();
    let do_not_prompt_with: Vec<&str> = event
        .somatic
        .iter()
        .flat_map(|somatic| somatic.do_not_prompt_with.as_vec())
        .map(|label| label.as_str())
        .collect();
    let source = Source {
        memory,
        state,
        truth_mode: event.truth_mode(),
        text: content.and_then(|content| content.as_text()),
        language: content.map(|content| content.language.as_str()),
        categories: &categories,
        level: event.sensitivity.level,
        affect: event.affect.as_ref().map(|affect| Affect {
            valence: affect.feeling.valence.get(),
            arousal: affect.feeling.arousal.get(),
            labels: &labels,
            confidence: affect.feeling.confidence.get(),
        }),
        do_not_prompt_with: &do_not_prompt_with,
        procedure_steps: event.procedural.as_ref().map_or(0, |procedural| procedural.steps.len()),
        created_at,
    };
    derive(&source, impact)
}

/// English, or nobody said what.
pub(crate) fn is_english(language: Option<&str>) -> bool {
    let Some(tag) = language else { return true };
    let primary = tag.split(['-', '_']).next().unwrap_or_default();
    primary.eq_ignore_ascii_case("en") || primary.eq_ignore_ascii_case("und")
}

/// The text, where it may be looked at.
fn readable_text<'a>(source: &Source<'a>) -> Option<&'a str> {
    source.text.filter(|_| source.state != State::Sealed && is_english(source.language))
}

/// Makes constraints, each that says something new.
struct Maker<'a> {
    source: &'a Source<'a>,
    rules: &'a Rules,
    impact: MemoryId,
    made: Vec<Constraint>,
    said: BTreeSet<Params>,
}

impl Maker<'_> {
    fn add_text(&mut self) {
        for found in readable_text(self.source).map(|text| read::find(text, self.rules)).unwrap_or_default() {
            let expires_at = found.is_passing.then(|| self.source.created_at.plus_days(1));
            self.add(found.gift, found.params, expires_at);
        }
    }

    fn add_payloads(&mut self) {
        if self.source.state == State::Sealed {
            return;
        }
        let rules = self.rules;
        let split = |text: &&str| text.split_whitespace().map(crate::preference::lower).collect::<Vec<_>>();
        let topics = self.source.do_not_prompt_with.iter().map(split).collect();
        let captures = Captures::from([("topic".to_owned(), topics)]);
        for gift in &rules.somatic {
            // Whatever a body asks for is left out, also what would be no topic in a sentence.
            let to_term = |words: &[String]| {
                let first = words.len().saturating_sub(limits::CONSTRAINT_TERM_WORDS_MAX);
                read::topic(words, &rules.lexicon).or_else(|| Term::parse(&words[first..].join(" ")).ok())
            };
            self.add_all(gift, &captures, to_term);
        }
        if self.source.procedure_steps > 1 {
            for gift in &rules.procedural {
                self.add_all(gift, &Captures::new(), |_| None);
            }
        }
    }

    fn add_affect(&mut self) {
        let Some(affect) = self.source.affect.filter(|_| self.source.state != State::Sealed) else { return };
        for rule in &self.rules.affects {
            let is_labelled =
                rule.labels.is_empty() || affect.labels.iter().any(|label| rule.labels.contains(*label));
            let is_met = is_labelled
                && affect.confidence >= rule.confidence_min
                && rule.valence_max.is_none_or(|most| affect.valence <= most)
                && rule.arousal_min.is_none_or(|least| affect.arousal >= least);
            if is_met {
                rule.gifts.iter().for_each(|gift| self.add_all(gift, &Captures::new(), |_| None));
            }
        }
    }

    fn add_categories(&mut self) {
        for rule in &self.rules.categories {
            if self.source.categories.iter().any(|category| rule.any_of.contains(*category)) {
                rule.gifts.iter().for_each(|gift| self.add_all(gift, &Captures::new(), |_| None));
            }
        }
    }

    fn add_all(&mut self, gift: &Gift, captures: &Captures, to_term: impl Fn(&[String]) -> Option<Term>) {
        for params in gift.params(captures, to_term) {
            self.add(gift, params, None);
        }
    }

    fn add(&mut self, gift: &Gift, params: Params, expires_at: Option<Timestamp>) {
        let is_fiction = matches!(self.source.truth_mode, TruthMode::Counterfactual | TruthMode::Imagined);
        let is_manner = matches!(gift.kind, Kind::Tone | Kind::Style);
        let is_room = self.made.len() < limits::DERIVED_CONSTRAINTS_MAX;
        if (is_fiction && !is_manner) || !is_room || !self.said.insert(params.clone()) {
            return;
        }
        let manner = &gift.manner;
        let parts = ConstraintParts {
            constraint_id: self.id(&gift.rule, &params),
            topic: params.subject().clone(),
            target: manner.target,
            rule: gift.rule.clone(),
            params,
            weight: manner.weight,
            priority: manner.priority,
            confidence: manner.confidence,
            created_at: self.source.created_at,
            expires_at,
            source_refs: vec![self.source.memory],
            provenance: Provenance {
                transform_id: Some(self.rules.transform_id.clone()),
                version: Some(self.rules.version),
            },
            merge: Merge { slot: manner.slot.clone(), strategy: manner.strategy, tie_breakers: Vec::new() },
        };
        // Its numbers come from the rules; an expiry past the end of time is not later, and so holds nothing.
        self.made.extend(Constraint::new(parts));
    }

    /// The same for the same impact, rule and parameters, and for no others.
    fn id(&self, rule: &Name, params: &Params) -> ConstraintId {
        let mut hasher = Sha256::new();
        hasher.update(b"memoryscope-constraint-v1\0");
        hasher.update(self.impact.uuid().as_bytes());
        for part in [rule.as_str(), &params.key()] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        let mut bytes = [0u8; 16];
        bytes.copy_from_slice(&hasher.finalize()[..16]);
        ConstraintId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

fn seed(source: &Source<'_>, rules: &Rules) -> Option<DerivedSeed> {
    let mut cues = Vec::new();
    if let Some(text) = readable_text(source) {
        cues = cues::of_text(text, &rules.seed);
    }
    let categories = source.categories.iter().filter_map(|category| Term::parse(category).ok());
    for category in categories {
        if !cues.contains(&category) && cues.len() < limits::DERIVED_CUES_MAX {
            cues.push(category);
        }
    }
    let activation = match source.state {
        State::Sealed => rules.seed.sealed,
        _ if source.level >= Level::High => rules.seed.sensitive,
        _ => rules.seed.normal,
    };
    (!cues.is_empty()).then_some(DerivedSeed { cues, activation })
}
