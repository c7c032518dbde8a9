//! How what is told is put into words.

use serde_json::{Value, json};

use super::sprout::Sprout;
use super::{Context, EventReference, Format, Held, Wanted, event_json, tokens};
use crate::constraint::{Avoided, Constraint, Params, Target};
use crate::ids::ConstraintId;
use crate::purpose::Purpose;

/// The slot of what somebody's body cannot bear (`derive/rules.yaml`).
const ALLERGENS: &str = "allergens";

/// One thing that is told.
#[derive(Debug, Clone)]
pub(super) enum Item<'a> {
    /// What to hold to.
    Constraint(Held<'a>),
    /// What is known from before.
    Seed(Sprout<'a>),
    /// What could be looked up.
    Event(EventReference),
}

impl Item<'_> {
    /// Its constraint, if it is one.
    pub(super) fn constraint(&self) -> Option<ConstraintId> {
        match self {
            Self::Constraint(held) => Some(held.constraint.constraint_id),
            _ => None,
        }
    }

    /// The section that it belongs to.
    const fn section(&self, purpose: Purpose) -> &'static str {
        match self {
            Self::Constraint(_) => match purpose {
                Purpose::TaskExecution | Purpose::Scheduling => {
                    "Hold to the following while you act for this person. It follows from what they asked for and \
                     need. Do not mention that you were told."
                }
                _ => {
                    "Hold to the following when you answer this person. It follows from what they asked for and \
                     need. Do not mention that you were told."
                }
            },
            Self::Seed(_) => "From earlier, where it helps; do not bring it up unasked:",
            Self::Event(_) => "Events on record, by id:",
        }
    }

    fn line(&self) -> String {
        match self {
            Self::Constraint(held) => sentence(held.constraint),
            Self::Seed(sprout) => sprout.cues.join(", "),
            Self::Event(event) => format!("{} ({})", event.event.prefixed(), event.occurred_at),
        }
    }
}

/// What a constraint asks for, as a sentence.
fn sentence(constraint: &Constraint) -> String {
    let words = constraint.params.subject().spaced();
    match &constraint.params {
        Params::Safety { consent_required: true, .. } => {
            format!("Take care ({words}): ask for consent before you go into anything that this protects.")
        }
        Params::Safety { .. } => format!("Take care: {words}."),
        Params::Boundary { .. } => format!("Respect this boundary: {words}."),
        // To speak of it is no harm, to have it is.
        Params::Avoid(Avoided::Topic(_)) if constraint.merge.slot.as_str() == ALLERGENS => {
            format!("They must not be given: {words}.")
        }
        Params::Avoid(Avoided::Topic(_)) => format!("Do not bring up: {words}."),
        Params::Avoid(Avoided::ContentClass(_)) => format!("Leave out: {words}."),
        Params::AskPermission { .. } if constraint.target == Target::ToolExecution => {
            format!("Ask for permission before you do this: {words}.")
        }
        Params::AskPermission { .. } => format!("Ask for permission before you bring up: {words}."),
        Params::ClarifyFirst { .. } => format!("Ask for clarification first about: {words}."),
        Params::Require { .. } => format!("They need: {words}."),
        Params::Tone { .. } => format!("Speak in this tone: {words}."),
        Params::Style { .. } => format!("Write in this form: {words}."),
        Params::Prefer { attribute, .. } if attribute.as_str() == "choice" => {
            format!("They prefer: {words}.")
        }
        Params::Prefer { attribute, .. } => format!("Preferred {}: {words}.", attribute.spaced()),
    }
}

/// As many of the items as the budget has room for, from the first on.
pub(super) struct Told {
    /// They, in the wanted form.
    pub(super) context: Context,
    /// How many they are.
    pub(super) count: usize,
    /// How long that is; 0 when there are none.
    pub(super) token_estimate: usize,
}

/// Tells as much as fits, in the wanted form. What is longer has more tokens, so the longest beginning that fits is
/// what all that is longer does not.
pub(super) fn fit(items: &[Item<'_>], wanted: &Wanted<'_>) -> Told {
    let fits = |characters: usize| wanted.max_tokens.is_none_or(|most| tokens(characters) <= most);
    if wanted.format == Format::Json {
        return fit_object(items, wanted.purpose, fits);
    }
    let Lines { mut text, ends } = lines(items, wanted.purpose);
    let count = ends.partition_point(|end| fits(end.characters));
    let end = count.checked_sub(1).map_or_else(End::default, |last| ends[last]);
    text.truncate(end.bytes);
    let context = match wanted.format {
        Format::Messages if count == 0 => Context::Messages(Vec::new()),
        Format::Messages => Context::Messages(vec![("system", text)]),
        Format::Text | Format::Json => Context::Text(text),
    };
    Told { context, count, token_estimate: tokens(end.characters) }
}

/// The same as a JSON object, which has to be written to be measured: the longest that fits is found by halving.
fn fit_object(items: &[Item<'_>], purpose: Purpose, fits: impl Fn(usize) -> bool) -> Told {
    let measured = |count: usize| {
        let object = object(&items[..count], purpose);
        let characters = if count == 0 { 0 } else { object.to_string().chars().count() };
        (object, characters)
    };
    let (mut count, mut too_many) = (0, items.len() + 1);
    let mut told = measured(0);
    while count + 1 < too_many {
        // All of it first: mostly there is room.
        let middle = if too_many > items.len() { items.len() } else { usize::midpoint(count, too_many) };
        let tried = measured(middle);
        if fits(tried.1) {
            (count, told) = (middle, tried);
        } else {
            too_many = middle;
        }
    }
    Told { context: Context::Json(told.0), count, token_estimate: tokens(told.1) }
}

/// Items in words, and where each ends.
struct Lines {
    text: String,
    ends: Vec<End>,
}

/// Where a beginning of a text ends.
#[derive(Clone, Copy, Default)]
struct End {
    bytes: usize,
    characters: usize,
}

fn lines(items: &[Item<'_>], purpose: Purpose) -> Lines {
    let (mut text, mut ends) = (String::new(), Vec::with_capacity(items.len()));
    let (mut section, mut end) = ("", End::default());
    for item in items {
        let next = item.section(purpose);
        if next != section {
            text.push_str(if section.is_empty() { "" } else { "\n" });
            text.push_str(next);
            text.push('\n');
            section = next;
        }
        text.push_str("- ");
        text.push_str(&item.line());
        text.push('\n');
        end = End { characters: end.characters + text[end.bytes..].chars().count(), bytes: text.len() };
        ends.push(end);
    }
    Lines { text, ends }
}

fn object(items: &[Item<'_>], purpose: Purpose) -> Value {
    if items.is_empty() {
        return json!({});
    }
    let (mut constraints, mut seeds, mut events) = (Vec::new(), Vec::new(), Vec::new());
    for item in items {
        match item {
            Item::Constraint(held) => constraints.push(json!({
                "kind": held.constraint.kind().name(),
                "target": held.constraint.target.name(),
                "params": held.constraint.params.to_map(),
                "priority": held.constraint.priority,
            })),
            Item::Seed(sprout) => seeds.push(json!({ "cues": sprout.cues })),
            Item::Event(event) => events.push(event_json(event)),
        }
    }
    json!({ "purpose": purpose.name(), "constraints": constraints, "seeds": seeds, "events": events })
}
