//! What a rule gives: a constraint with places for what was captured.

use super::pattern::Captures;
use crate::constraint::{Avoided, Kind, Name, Params, Strategy, Target, Term};

/// How a constraint meets others, and how much it counts.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    pub(super) target: Target,
    pub(super) slot: Name,
    pub(super) strategy: Strategy,
    pub(super) weight: f64,
    pub(super) priority: i32,
    pub(super) confidence: f64,
}

impl Manner {
    pub(super) const fn new(slot: Name) -> Self {
        Self {
            target: Target::Response,
            slot,
            strategy: Strategy::Union,
            weight: 1.0,
            priority: 0,
            confidence: 1.0,
        }
    }
}

/// Fixed words, or those of a slot.
#[derive(Debug, Clone)]
enum Words {
    Fixed(Term),
    Captured(String),
}

/// What a rule gives.
#[derive(Debug, Clone)]
pub(super) struct Gift {
    pub(super) kind: Kind,
    pub(super) rule: Name,
    pub(super) manner: Manner,
    subject: Words,
    attribute: Option<Words>,
    is_class: bool,
    needs_consent: bool,
}

impl Gift {
    /// Reads `kind words`: `tone direct`, `avoid {topic}`, `avoid class:sarcasm`, `prefer drink={topic}`,
    /// `safety crisis_aware consent`.
    pub(super) fn parse(kind: Kind, text: &str, rule: Name, manner: Manner) -> Result<Self, String> {
        let rest = text.strip_prefix(kind.name()).unwrap_or_default().trim();
        let (rest, needs_consent) = match rest.strip_suffix(" consent") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let (rest, is_class) = match rest.strip_prefix("class:") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let (attribute, subject) = match rest.split_once('=') {
            Some((attribute, value)) => (Some(words(attribute)?), value),
            None => (None, rest),
        };
        if attribute.is_some() != (kind == Kind::Prefer) {
            return Err(format!("`{text}`: prefer, and nothing else, needs attribute=value"));
        }
        Ok(Self { kind, rule, manner, subject: words(subject)?, attribute, is_class, needs_consent })
    }

    /// The constraints' parameters: one for each item that was captured and can be a topic.
    pub(super) fn params(
        &self,
        captures: &Captures,
        to_term: impl Fn(&[String]) -> Option<Term>,
    ) -> Vec<Params> {
        let terms = |words: &Words| match words {
            Words::Fixed(term) => vec![term.clone()],
            Words::Captured(slot) => {
                captures.get(slot).into_iter().flatten().filter_map(|item| to_term(item)).collect()
            }
        };
        let attribute = self.attribute.as_ref().and_then(|attribute| terms(attribute).into_iter().next());
        let subjects = terms(&self.subject).into_iter();
        subjects.filter_map(|subject| self.with(subject, attribute.clone())).collect()
    }

    fn with(&self, subject: Term, attribute: Option<Term>) -> Option<Params> {
        Some(match self.kind {
            Kind::Avoid if self.is_class => Params::Avoid(Avoided::ContentClass(subject)),
            Kind::Avoid => Params::Avoid(Avoided::Topic(subject)),
            Kind::Prefer => Params::Prefer { attribute: attribute?, value: subject },
            Kind::Require => Params::Require { behavior: subject },
            Kind::Tone => Params::Tone { tone_profile: subject },
            Kind::Style => Params::Style { format: subject },
            Kind::Boundary => Params::Boundary { boundary_type: subject },
            Kind::Safety => Params::Safety { mode: subject, consent_required: self.needs_consent },
            Kind::ClarifyFirst => Params::ClarifyFirst { topic: subject },
            Kind::AskPermission => Params::AskPermission { topic: subject },
        })
    }
}

fn words(text: &str) -> Result<Words, String> {
    let slot = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    match slot {
        Some(slot) => Ok(Words::Captured(slot.to_owned())),
        None => Term::parse(text).map(Words::Fixed).map_err(|fault| format!("`{text}` {fault}")),
    }
}
