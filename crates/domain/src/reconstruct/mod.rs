//! A context for a purpose, out of constraints and seeds and never out of events.
//!
//! [`reconstruct()`] puts the most important first, keeps within a budget of tokens, and says what it left out. It
//! depends on the set of what it is given, not on its order. `docs/reconstruction.md` has the formulae.

mod confidence;
mod line;
mod sprout;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use self::line::{Item, Told};
use crate::constraint::{Avoided, Constraint, Kind, Params, Target, importance};
use crate::ids::{ConstraintId, MemoryId};
use crate::object::{Activation, Cue, Unit};
use crate::purpose::Purpose;
use crate::time::Timestamp;

/// How many characters are counted as one token.
const TOKEN_CHARS: usize = 4;

/// How much a memory supports what was learnt from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Support {
    /// Its effective strength now.
    pub strength: Unit,
    /// How sure its source was.
    pub confidence: Unit,
    /// When it was last reinforced, or else made.
    pub reinforced_at: Timestamp,
}

/// A constraint that was merged, and what supports it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held<'a> {
    /// What it says.
    pub constraint: &'a Constraint,
    /// The impact that holds it.
    pub impact: MemoryId,
    /// What the impact is worth.
    pub support: Support,
}

/// A seed that may sprout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dormant<'a> {
    /// The seed.
    pub seed: MemoryId,
    /// What makes it sprout.
    pub cues: &'a [Cue],
    /// When it does.
    pub activation: Activation,
    /// When it last did.
    pub last_activated_at: Option<Timestamp>,
    /// What it is worth.
    pub support: Support,
}

/// An event that may be referred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventReference {
    /// The event.
    pub event: MemoryId,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// How many answer what was asked better; 0 for all where nothing was asked.
    pub rank: usize,
}

/// What a context is put together from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Material<'a> {
    /// The constraints, merged.
    pub constraints: &'a [Held<'a>],
    /// The seeds.
    pub seeds: &'a [Dormant<'a>],
    /// The events that the policy lets be referred to.
    pub events: &'a [EventReference],
}

/// In what form a context is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Plain text: a section of a system prompt.
    Text,
    /// A JSON object.
    Json,
    /// Messages for a chat model.
    Messages,
}

/// How a context is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted<'a> {
    /// For what.
    pub purpose: Purpose,
    /// In what form.
    pub format: Format,
    /// The most tokens, by estimate; unbounded when absent.
    pub max_tokens: Option<usize>,
    /// Whether to refer to events.
    pub include_events: bool,
    /// What the request is about; when empty, every seed counts as met that asks for half a match at most.
    pub cues: &'a [&'a str],
    /// By how much a seed is harder to wake, while a spiral is on.
    pub raise_activation_by: Unit,
    /// The time of the request.
    pub now: Timestamp,
}

/// A context in its form.
#[derive(Debug, Clone, PartialEq)]
pub enum Context {
    /// Plain text.
    Text(String),
    /// A JSON object.
    Json(Value),
    /// Messages: each a role and a content.
    Messages(Vec<(&'static str, String)>),
}

/// What was not told, most important first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Constraints that the budget had no room for.
    pub constraints: Vec<ConstraintId>,
    /// Constraints that name what must not stand in a prompt.
    pub withheld: Vec<ConstraintId>,
    /// Seeds that sprouted and that the budget had no room for.
    pub seeds: Vec<MemoryId>,
    /// Events that the budget had no room for.
    pub events: Vec<MemoryId>,
}

/// What a context was put together from, each id once, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// The impacts.
    pub impacts: Vec<MemoryId>,
    /// The seeds that sprouted: their cooldown begins.
    pub seeds: Vec<MemoryId>,
    /// The events that are referred to.
    pub events: Vec<MemoryId>,
}

/// A context and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconstruction {
    /// The context. Empty (no text, an object without members, no messages) when there is nothing to say.
    pub context: Context,
    /// How sure it is, 0 to 1, in steps of 0.0001.
    pub confidence: f64,
    /// What it was put together from.
    pub sources: Sources,
    /// Its length in tokens: its characters divided by four, rounded up; 0 when it is empty.
    pub token_estimate: usize,
    /// What was not told.
    pub left_out: LeftOut,
}

/// Puts a context together.
#[must_use]
pub fn reconstruct(material: &Material<'_>, wanted: &Wanted<'_>) -> Reconstruction {
    let unspeakable = topics(material.constraints, |target| target == Target::PromptContext);
    let avoided = topics(material.constraints, |_| true);
    let (mut items, withheld) = constraints(material.constraints, &unspeakable);
    items.extend(sprout::sprouted(material.seeds, wanted, &avoided));
    if wanted.include_events {
        items.extend(events(material.events));
    }
    let Told { context, count, token_estimate } = line::fit(&items, wanted);
    let (told, untold) = items.split_at(count);
    let left = sources(untold);
    Reconstruction {
        confidence: confidence::of(told, wanted.now),
        sources: sources(told),
        token_estimate,
        context,
        left_out: LeftOut {
            constraints: untold.iter().filter_map(Item::constraint).collect(),
            withheld,
            seeds: left.seeds,
            events: left.events,
        },
    }
}

/// The topics that are to be left out, by their words.
fn topics(held: &[Held<'_>], is_meant: impl Fn(Target) -> bool) -> BTreeSet<String> {
    let avoided = held.iter().filter(|held| is_meant(held.constraint.target));
    avoided
        .filter_map(|held| match &held.constraint.params {
            Params::Avoid(Avoided::Topic(topic)) => Some(topic.spaced()),
            _ => None,
        })
        .collect()
}

/// The constraints that are told, the most important first, and those that may not be. What a prompt must not hold is
/// not written into it in order to say so; what is done with memories is no model's business.
fn constraints<'a>(held: &[Held<'a>], unspeakable: &BTreeSet<String>) -> (Vec<Item<'a>>, Vec<ConstraintId>) {
    let mut held: Vec<Held<'a>> = held.to_vec();
    held.sort_by(|a, b| importance(a.constraint, b.constraint).then_with(|| a.impact.cmp(&b.impact)));
    held.dedup_by_key(|held| held.constraint.constraint_id);
    let (mut told, mut withheld) = (Vec::new(), Vec::new());
    for held in held {
        let constraint = held.constraint;
        let is_named = unspeakable.contains(&constraint.params.subject().spaced());
        let is_kept = matches!(constraint.kind(), Kind::Safety | Kind::Boundary);
        if constraint.target == Target::MemoryOps {
            continue;
        }
        if is_named && !is_kept {
            withheld.push(constraint.constraint_id);
        } else {
            told.push(Item::Constraint(held));
        }
    }
    (told, withheld)
}

/// The events, those that answer best first, and of those that answer alike the latest.
fn events<'a>(events: &[EventReference]) -> Vec<Item<'a>> {
    let mut events = events.to_vec();
    events.sort_by_key(|event| (event.rank, std::cmp::Reverse(event.occurred_at), event.event));
    events.dedup();
    events.into_iter().map(Item::Event).collect()
}

fn sources(items: &[Item<'_>]) -> Sources {
    let mut sources = Sources::default();
    for item in items {
        match item {
            Item::Constraint(held) => sources.impacts.push(held.impact),
            Item::Seed(sprout) => sources.seeds.push(sprout.seed),
            Item::Event(event) => sources.events.push(event.event),
        }
    }
    for ids in [&mut sources.impacts, &mut sources.seeds, &mut sources.events] {
        ids.sort_unstable();
        ids.dedup();
    }
    sources
}

/// The estimate for so many characters.
const fn tokens(characters: usize) -> usize {
    characters.div_ceil(TOKEN_CHARS)
}

/// An event as JSON.
fn event_json(event: &EventReference) -> Value {
    json!({ "id": event.event.prefixed(), "occurred_at": event.occurred_at.to_string() })
}
