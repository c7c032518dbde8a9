//! What a decision went by that is kept in one state only: spirals that held, and seeds that rested. It stands beside the
//! entry, so that a replay goes by the same.

use std::collections::{BTreeMap, BTreeSet};

use memoryscope_domain::govern::{Facts, Visible};
use memoryscope_domain::ids::{BridgeId, MemoryId, TenantId};
use memoryscope_domain::memory::Body;
use memoryscope_domain::spiral::{Finding, Spirals, ThoughtPatternArtifact};
use memoryscope_domain::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::context::Context;

/// The member of an entry's private part.
pub(crate) const INPUTS: &str = "inputs";

const SPIRALS: &str = "spirals";
const RESTING: &str = "resting";
const PENDING: &str = "pending";
const BRIDGES: &str = "bridges";
const SECOND_MICROS: i64 = 1_000_000;

/// All that is known before it is decided.
pub(crate) fn of(spirals: &Spirals, facts: &Facts, goes_behind_bridges: bool) -> Map<String, Value> {
    let mut inputs = of_spirals(spirals);
    inputs.extend(of_pending(facts));
    if goes_behind_bridges {
        inputs.extend(of_bridges(facts));
    }
    inputs
}

/// Whether something was still to follow: what is hidden for as long cannot be told afterwards.
fn of_pending(facts: &Facts) -> Map<String, Value> {
    if facts.has_pending { Map::from_iter([(PENDING.to_owned(), json!(true))]) } else { Map::new() }
}

/// The bridges that led to what was read. They are kept for as long as both their ends are.
fn of_bridges(facts: &Facts) -> Map<String, Value> {
    let ids: Vec<String> = facts.bridges.iter().map(|bridge| bridge.id.prefixed()).collect();
    if ids.is_empty() { Map::new() } else { Map::from_iter([(BRIDGES.to_owned(), json!(ids))]) }
}

/// The spirals that held, without what they were told by.
fn of_spirals(spirals: &Spirals) -> Map<String, Value> {
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
    /// Whether something was still to follow.
    pub(crate) has_pending: bool,
    /// The bridges that led to what was read.
    pub(crate) bridges: BTreeSet<BridgeId>,
}

/// What stands beside an entry; none where it is not what is written there.
pub(crate) fn read(tenant: &TenantId, private: &Map<String, Value>) -> Option<Inputs> {
    let Some(inputs) = private.get(INPUTS) else { return Some(Inputs::default()) };
    let inputs = inputs.as_object()?;
    let has_pending = inputs.get(PENDING).is_some();
    let mut read = Inputs { has_pending, ..Inputs::default() };
    for text in inputs.get(SPIRALS).map_or(Some(&Vec::new()), Value::as_array)? {
        let spiral = ThoughtPatternArtifact::read(text.as_str()?).ok()?;
        if spiral.tenant != *tenant {
            return None;
        }
        read.spirals.live.insert(spiral.partition, spiral);
    }
    for id in inputs.get(BRIDGES).map_or(Some(&Vec::new()), Value::as_array)? {
        read.bridges.insert(BridgeId::parse(id.as_str()?).ok()?);
    }
    for (id, at) in inputs.get(RESTING).map_or(Some(&Map::new()), Value::as_object)? {
        read.resting.insert(MemoryId::parse(id).ok()?, Timestamp::from_unix_micros(at.as_i64()?));
    }
    Some(read)
}
