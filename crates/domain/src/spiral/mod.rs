//! Whether a scope's recent events go round in circles or downwards: a pure, deterministic detection.
//!
//! [`detect`] looks at the last events of a scope and says whether one of six patterns of thought holds, how surely, and
//! by which signals. Words and thresholds are data ([`Lexicon`], [`LEXICON_SOURCE`]). All arithmetic is in whole
//! thousandths, so that every machine comes to the same numbers. It judges what is written and how it goes on, never a
//! person: it is no diagnosis.

mod artifact;
mod event;
mod lexicon;
mod phrase;
mod signal;

use serde::{Deserialize, Serialize};

use crate::ids::MemoryId;
use crate::object::Unit;

pub use artifact::{Spirals, ThoughtPatternArtifact};
pub use event::Event;
pub use lexicon::{LEXICON_SOURCE, Lexicon};

use self::signal::Marked;

/// A window holds at most so many events.
pub const WINDOW_EVENTS_MAX: usize = 20;
/// A window reaches back so many minutes: a day.
pub const WINDOW_MINUTES_MAX: i64 = 24 * 60;
/// Microseconds in a minute.
const MINUTE_MICROS: i64 = 60_000_000;
/// A signal that is at least this strong, in thousandths, is named in a finding.
const NAMED_FROM: i64 = 300;

/// What kind of spiral.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// Repetition without new content.
    Rumination,
    /// From something small to the worst that could come of it.
    CatastrophicProjection,
    /// What could have been, branching on and on.
    RunawayCounterfactual,
    /// A guess becomes a certainty without evidence.
    CertaintyInflation,
    /// Nothing is ahead any more.
    FutureCollapse,
    /// A feeling that feeds on itself.
    NegativeFeedbackLoop,
}

impl Pattern {
    /// Every pattern. Of two that hold equally surely, the one that stands first is found.
    pub const ALL: [Self; 6] = [
        Self::Rumination,
        Self::CatastrophicProjection,
        Self::RunawayCounterfactual,
        Self::CertaintyInflation,
        Self::FutureCollapse,
        Self::NegativeFeedbackLoop,
    ];

    /// Its name in policies and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rumination => "rumination",
            Self::CatastrophicProjection => "catastrophic_projection",
            Self::RunawayCounterfactual => "runaway_counterfactual",
            Self::CertaintyInflation => "certainty_inflation",
            Self::FutureCollapse => "future_collapse",
            Self::NegativeFeedbackLoop => "negative_feedback_loop",
        }
    }

    /// The pattern of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pattern| pattern.name() == name)
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Which pattern.
    pub pattern: Pattern,
    /// How surely, 0 to 1, in steps of a thousandth.
    pub confidence: Unit,
    /// The names of the signals that speak for it, sorted: names of the lexicon, never words of an event.
    pub signals: Vec<String>,
    /// How many events it was found in.
    pub window_events: usize,
    /// How many whole minutes lie between the first and the last of them.
    pub window_minutes: i64,
    /// These events, the oldest first.
    pub references: Vec<MemoryId>,
}

/// Looks for a spiral in a scope's events, whatever their order. Only the last [`WINDOW_EVENTS_MAX`] within
/// [`WINDOW_MINUTES_MAX`] before the latest one count; of those, the run of latest events in which a pattern is surest.
#[must_use]
pub fn detect(lexicon: &Lexicon, events: &[Event<'_>]) -> Option<Finding> {
    let mut events: Vec<&Event<'_>> = events.iter().collect();
    events.sort_by_key(|event| (event.at, event.memory));
    let latest = events.last()?.at;
    events.retain(|event| latest.micros_since(event.at) <= WINDOW_MINUTES_MAX * MINUTE_MICROS);
    let events = &events[events.len().saturating_sub(WINDOW_EVENTS_MAX)..];
    let marked: Vec<Marked> = events.iter().map(|event| Marked::new(lexicon, event)).collect();
    let mut best: Option<(i64, Pattern, usize)> = None;
    // From the longest run to the shortest: of equal ones, the longest is found.
    for start in 0..=events.len().checked_sub(lexicon.events_min())? {
        let signals = signal::measure(lexicon, &marked[start..]);
        for pattern in Pattern::ALL {
            let Some(score) = lexicon.score(pattern, &signals) else { continue };
            if best.is_none_or(|(most, ..)| score > most) {
                best = Some((score, pattern, start));
            }
        }
    }
    let (score, pattern, start) = best?;
    let run = &events[start..];
    let signals = signal::measure(lexicon, &marked[start..]);
    Some(Finding {
        pattern,
        // At most four digits: exact, and divided the same everywhere.
        confidence: Unit::clamped(score as f64 / 1000.0),
        signals: lexicon.signals_for(pattern, &signals, NAMED_FROM),
        window_events: run.len(),
        window_minutes: latest.micros_since(run.first()?.at) / MINUTE_MICROS,
        references: run.iter().map(|event| event.memory).collect(),
    })
}
