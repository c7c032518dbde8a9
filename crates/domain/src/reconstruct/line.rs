//! How what is told is put into words.

use serde_json::{Value, json};

use super::sprout::Sprout;
use super::{Context, EventReference, Format, Held, Wanted, event_json};
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

/// The items in the wanted form.
pub(super) fn render(items: &[Item<'_>], wanted: &Wanted<'_>) -> Context {
    match wanted.format {
        Format::Text => Context::Text(text(items, wanted.purpose)),
        Format::Messages if items.is_empty() => Context::Messages(Vec::new()),
        Format::Messages => Context::Messages(vec![("system", text(items, wanted.purpose))]),
        Format::Json => Context::Json(object(items, wanted.purpose)),
    }
}

fn text(items: &[Item<'_>], purpose: Purpose) -> String {
    let mut text = String::new();
    let mut section = "";
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
    }
    text
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
