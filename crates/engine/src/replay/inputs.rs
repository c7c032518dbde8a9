//! What a decision went by that is kept in one state only: spirals that held, and seeds that rested. It stands beside the
//! entry, so that a replay goes by the same.

use std::collections::BTreeMap;

use memoryscope_domain::govern::{Facts, Visible};
use memoryscope_domain::ids::{MemoryId, TenantId};
use memoryscope_domain::memory::Body;
use memoryscope_domain::spiral::{Finding, Spirals, ThoughtPatternArtifact};
use memoryscope_domain::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::context::Context;

/// The member of an entry's private part.
pub(crate) const INPUTS: &str = "inputs";

const SPIRALS: &str = "spirals";
const RESTING: &str = "resting";
const SECOND_MICROS: i64 = 1_000_000;

/// The spirals that held, without what they were told by.
pub(crate) fn of_spirals(spirals: &Spirals) -> Map<String, Value> {
    let bare = |spiral: &ThoughtPatternArtifact| {
        let finding = Finding { signals: Vec::new(), references: Vec::new(), ..spiral.finding.clone() };
        ThoughtPatternArtifact { finding, ..spiral.clone() }.write().ok()
    };
    let held: Vec<String> = spirals.live.values().filter_map(bare).collect();
    if held.is_empty() { Map::new() } else { Map::from_iter([(SPIRALS.to_owned(), json!(held))]) }
}

/// The seeds that are seen and rest, and since when.
pub(crate) fn of_resting(cx: &Context, seen: &Visible<Facts>) -> Map<String, Value> {
    let mut resting = Map::new();
    for memory in seen.memories() {
        let (Body::Seed(seed), Some(last)) = (&memory.body, seen.activated(memory)) else { continue };
        if cx.now.micros_since(last) < i64::from(seed.activation.cooldown_seconds()) * SECOND_MICROS {
            resting.insert(memory.id.prefixed(), json!(last.unix_micros()));
        }
    }
    if resting.is_empty() { resting } else { Map::from_iter([(RESTING.to_owned(), Value::Object(resting))]) }
}

/// What a recorded decision went by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inputs {
    /// The spirals that held.
    pub(crate) spirals: Spirals,
    /// The seeds that rested, and since when.
    pub(crate) resting: BTreeMap<MemoryId, Timestamp>,
}

/// What stands beside an entry; none where it is not what is written there.
pub(crate) fn read(tenant: &TenantId, private: &Map<String, Value>) -> Option<Inputs> {
    let Some(inputs) = private.get(INPUTS) else { return Some(Inputs::default()) };
    let inputs = inputs.as_object()?;
    let mut read = Inputs::default();
    for text in inputs.get(SPIRALS).map_or(Some(&Vec::new()), Value::as_array)? {
        let spiral = ThoughtPatternArtifact::read(text.as_str()?).ok()?;
        if spiral.tenant != *tenant {
            return None;
        }
        read.spirals.live.insert(spiral.partition, spiral);
    }
    for (id, at) in inputs.get(RESTING).map_or(Some(&Map::new()), Value::as_object)? {
        read.resting.insert(MemoryId::parse(id).ok()?, Timestamp::from_unix_micros(at.as_i64()?));
    }
    Some(read)
}
