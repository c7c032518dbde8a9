//! Which constraint restricts more, and which contradict each other.

use std::collections::BTreeMap;

use super::{Constraint, Kind, Params, Target, Term};
use crate::ids::ConstraintId;

/// How much a constraint restricts: by its kind, then by what it says.
pub(super) type Rank = (u8, u8);

/// Tones from the least careful to the most. A tone that is not here ranks below them all.
const TONES: [&str; 14] = [
    "humorous",
    "playful",
    "casual",
    "blunt",
    "firm",
    "direct",
    "matter of fact",
    "neutral",
    "formal",
    "calm",
    "supportive",
    "gentle",
    "reassuring",
    "non judgemental",
];

/// Forms from the least restrictive to the most. A form that is not here ranks below them all.
const FORMATS: [&str; 8] = [
    "detailed",
    "technical",
    "bullets",
    "numbered steps",
    "paragraphs",
    "short paragraphs",
    "brief",
    "plain language",
];

/// Tones and forms that cannot both be had.
const OPPOSITES: [(&str, &str); 12] = [
    ("firm", "reassuring"),
    ("firm", "gentle"),
    ("blunt", "reassuring"),
    ("blunt", "gentle"),
    ("blunt", "supportive"),
    ("casual", "formal"),
    ("playful", "formal"),
    ("humorous", "formal"),
    ("humorous", "serious"),
    ("playful", "serious"),
    ("detailed", "brief"),
    ("technical", "plain language"),
];

/// How much a kind restricts; the highest first in every order of importance.
pub(super) const fn kind_rank(kind: Kind) -> u8 {
    match kind {
        Kind::Safety => 8,
        Kind::Boundary => 7,
        Kind::Avoid => 6,
        Kind::AskPermission => 5,
        Kind::ClarifyFirst => 4,
        Kind::Require => 3,
        Kind::Tone => 2,
        Kind::Style => 1,
        Kind::Prefer => 0,
    }
}

/// How much a constraint restricts.
pub(super) fn restrictiveness(params: &Params) -> Rank {
    let place = |list: &[&str], term: &Term| {
        let words = term.spaced();
        let at = list.iter().position(|item| *item == words);
        at.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(0)
    };
    let detail = match params {
        Params::Tone { tone_profile } => place(&TONES, tone_profile),
        Params::Style { format } => place(&FORMATS, format),
        Params::Safety { consent_required, .. } => u8::from(*consent_required),
        _ => 0,
    };
    (kind_rank(params.kind()), detail)
}

/// What has been kept so far, by what others could contradict.
#[derive(Default)]
pub(super) struct Said {
    /// What is to be left out, and what lines not to cross.
    excluded: BTreeMap<(Target, String), ConstraintId>,
    /// The tones and forms.
    manners: BTreeMap<(Target, Kind, String), ConstraintId>,
}

impl Said {
    /// What was kept and contradicts this one. Safety, boundaries, what to leave out and what to ask about are
    /// contradicted by nothing: only a wish can go.
    pub(super) fn contradiction(&self, constraint: &Constraint) -> Option<ConstraintId> {
        let kind = constraint.kind();
        let words = constraint.params.subject().spaced();
        let excluded = |words: String| self.excluded.get(&(constraint.target, words)).copied();
        match kind {
            Kind::Prefer => excluded(words).or_else(|| excluded(constraint.topic.spaced())),
            Kind::Require => excluded(words),
            Kind::Tone | Kind::Style => {
                let opposite = |a: &str| self.manners.get(&(constraint.target, kind, a.to_owned())).copied();
                let opposites = OPPOSITES.iter().filter_map(|(a, b)| match words.as_str() {
                    word if word == *a => opposite(b),
                    word if word == *b => opposite(a),
                    _ => None,
                });
                excluded(words.clone()).or_else(|| opposites.min())
            }
            Kind::Safety | Kind::Boundary | Kind::Avoid | Kind::AskPermission | Kind::ClarifyFirst => None,
        }
    }

    /// Notes one that is kept.
    pub(super) fn add(&mut self, constraint: &Constraint) {
        let words = constraint.params.subject().spaced();
        let id = constraint.constraint_id;
        match constraint.kind() {
            Kind::Avoid | Kind::Boundary => {
                self.excluded.entry((constraint.target, words)).or_insert(id);
            }
            kind @ (Kind::Tone | Kind::Style) => {
                self.manners.entry((constraint.target, kind, words)).or_insert(id);
            }
            _ => {}
        }
    }
}
