//! What is asked of `/v2`: events, impacts and seeds, and questions about them.

use serde_json::{Value, json};

/// The tenant whose memories they are.
pub(super) const TENANT: &str = "t_default";
/// Memories on the page that is asked for.
pub(super) const PAGE: u64 = 50;
/// Of so many memories of a scope where most are denied, one is not.
pub(super) const ONE_VISIBLE_OF: u32 = 100;

/// Made of words that derivation passes over, so that nothing follows from it.
const TELLS_NOTHING: &str = "We went out together again last week, and it was really good to see them all.";

const ALLERGENS: [&str; 5] = ["peanuts", "shellfish", "sesame", "soy", "celery"];
const TOPICS: [&str; 8] =
    ["the divorce", "the exam", "my ex", "the layoffs", "the move", "my weight", "the trial", "the merger"];
const CITIES: [&str; 7] = ["Lisbon", "Kraków", "Oslo", "Ghent", "Porto", "Turin", "Bergen"];
const MANNERS: [&str; 4] =
    ["keep it short", "use bullet points", "be gentle with me", "ask me before you book anything"];

fn scope(name: &str) -> Value {
    json!({"scope_type": "user", "scope_id": name})
}

/// An event of this text.
pub(super) fn event_saying(name: &str, text: &str) -> Value {
    let content = json!({"format": "text", "language": "en", "text": text});
    json!({"scope": scope(name), "type": "event", "truth_mode": "subjective_experience", "content": content})
}

/// An event from which nothing follows.
pub(super) fn plain_event(name: &str) -> Value {
    event_saying(name, TELLS_NOTHING)
}

/// An event from which an impact with several constraints and a seed with several cues follow.
pub(super) fn telling_event(name: &str, number: u32) -> Value {
    let at = number as usize;
    let text = format!(
        "We met Maria in {}. I'm allergic to {}. Please don't bring up {}. Please {}.",
        CITIES[at % CITIES.len()],
        ALLERGENS[at % ALLERGENS.len()],
        TOPICS[at % TOPICS.len()],
        MANNERS[at % MANNERS.len()],
    );
    event_saying(name, &text)
}

/// One of a scope's memories: of five three are events, one an impact, one a seed, and nothing follows from any.
pub(super) fn mixed(name: &str, number: u32) -> Value {
    let at = number as usize;
    let mut memory = json!({"scope": scope(name), "type": "impact", "truth_mode": "subjective_experience"});
    match number % 5 {
        0..=2 => return plain_event(name),
        3 => {
            memory["impact_payload"] = json!({"constraints": [
                {
                    "kind": "avoid", "topic": ALLERGENS[at % ALLERGENS.len()], "target": "response",
                    "rule": "asked for", "params": {"topic": ALLERGENS[at % ALLERGENS.len()]},
                    "merge": {"slot": "allergens", "strategy": "union"},
                },
                {
                    "kind": "tone", "topic": "gentle", "target": "response", "rule": "asked for",
                    "params": {"tone_profile": "gentle"},
                    "merge": {"slot": "tone.warmth", "strategy": "latest_wins"},
                },
            ]});
        }
        _ => {
            memory["type"] = json!("seed");
            memory["seed_payload"] = json!({"cues": [CITIES[at % CITIES.len()], "Maria"]});
        }
    }
    memory
}

/// One of a scope's events, of which the policy denies all but one of [`ONE_VISIBLE_OF`] to a conversation.
pub(super) fn mostly_denied(name: &str, number: u32) -> Value {
    let mut event = plain_event(name);
    if !number.is_multiple_of(ONE_VISIBLE_OF) {
        event["sensitivity"] = json!({"level": "high"});
    }
    event
}

/// What stores one memory.
pub(super) fn storing(mut memory: Value) -> Value {
    memory["tenant_id"] = json!(TENANT);
    memory
}

/// What asks for a scope's latest memories.
pub(super) fn querying(name: &str) -> Value {
    json!({"tenant_id": TENANT, "scope": scope(name), "purpose": "chat_response", "limit": PAGE})
}

/// What asks for a context.
pub(super) fn reconstructing(name: &str) -> Value {
    json!({
        "tenant_id": TENANT, "scope": scope(name), "purpose": "chat_response", "format": "text",
        "max_tokens": 500, "cues": ["Lisbon", "Maria"],
    })
}

/// Who may look at every decision.
pub(super) const AUDITOR: [(&str, &str); 1] = [("X-MemoryScope-Roles", "auditor")];

/// What makes a memory a little stronger.
pub(super) fn reinforcing() -> Value {
    json!({"tenant_id": TENANT, "delta": 0.000_1})
}

/// What asks about a decision.
pub(super) fn looking(log: &str) -> Value {
    json!({"tenant_id": TENANT, "access_log_id": log})
}
