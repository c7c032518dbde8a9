//! A policy's `globals`: thresholds that the engine reads, each with its range.

use serde::Serialize;

use crate::policy::error::Errors;
use crate::policy::yaml::Node;

/// The thresholds of a policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Globals {
    /// Below it, ordering uses the observed time: 0 to 1.
    pub claimed_time_trust_threshold: f64,
    /// Below it, a memory is dormant: 0 to 1.
    pub dormancy_threshold: f64,
    /// How many attestations settle a dispute: 1 to 1,000.
    pub attestation_quorum: u32,
    /// What a spiral does.
    pub spiral: SpiralGlobals,
}

/// What a spiral does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpiralGlobals {
    /// Whether spirals are looked for where the scope does not say.
    pub enabled_default: bool,
    /// How long one lasts, in minutes: above 0, to 10,080 (a week).
    pub ttl_minutes: f64,
    /// Whether one blocks tools.
    pub block_tool_execution: bool,
    /// Whether one blocks reinforcement.
    pub block_reinforcement: bool,
    /// Whether one blocks new impacts.
    pub block_new_impacts: bool,
    /// How much harder seeds activate: 0 to 1.
    pub raise_seed_activation_threshold_by: f64,
}

impl Default for Globals {
    fn default() -> Self {
        Self {
            claimed_time_trust_threshold: 0.75,
            dormancy_threshold: 0.05,
            attestation_quorum: 2,
            spiral: SpiralGlobals::default(),
        }
    }
}

impl Default for SpiralGlobals {
    fn default() -> Self {
        Self {
            enabled_default: false,
            ttl_minutes: 45.0,
            block_tool_execution: true,
            block_reinforcement: true,
            block_new_impacts: true,
            raise_seed_activation_threshold_by: 0.15,
        }
    }
}

/// Sets one threshold.
type Change = Box<dyn Fn(&mut Globals)>;

/// The thresholds that a document states; the others stay as they were.
#[derive(Default)]
pub(in crate::policy) struct GlobalsPatch(Vec<Change>);

impl std::fmt::Debug for GlobalsPatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GlobalsPatch({} changes)", self.0.len())
    }
}

impl GlobalsPatch {
    /// These thresholds, with what the document states.
    pub(in crate::policy) fn applied_to(&self, mut globals: Globals) -> Globals {
        for change in &self.0 {
            change(&mut globals);
        }
        globals
    }
}

const KEYS: &[&str] = &["claimed_time_trust_threshold", "dormancy_threshold", "attestation_quorum", "spiral"];
const SPIRAL_KEYS: &[&str] = &[
    "enabled_default",
    "ttl_minutes",
    "block_tool_execution",
    "block_reinforcement",
    "block_new_impacts",
    "raise_seed_activation_threshold_by",
];

/// A number within a range, as a change.
fn number(
    node: &Node,
    name: &str,
    (low, high): (f64, f64),
    set: fn(&mut Globals, f64),
    errors: &mut Errors,
) -> Option<Change> {
    let number = node.as_number(name, errors)?;
    if !(low..=high).contains(&number) {
        errors.push(node.place, format!("{name} must be from {low} to {high}"));
        return None;
    }
    Some(Box::new(move |globals| set(globals, number)))
}

/// A bool, as a change.
fn flag(node: &Node, name: &str, set: fn(&mut Globals, bool), errors: &mut Errors) -> Option<Change> {
    let flag = node.as_bool(name, errors)?;
    Some(Box::new(move |globals| set(globals, flag)))
}

/// Reads `globals`.
pub(super) fn read(node: &Node, errors: &mut Errors) -> GlobalsPatch {
    let mut changes = Vec::new();
    for (key, value) in node.as_map("globals", errors) {
        let name = key.text.as_str();
        let change = match name {
            "claimed_time_trust_threshold" => {
                number(value, name, (0.0, 1.0), |g, n| g.claimed_time_trust_threshold = n, errors)
            }
            "dormancy_threshold" => number(value, name, (0.0, 1.0), |g, n| g.dormancy_threshold = n, errors),
            "attestation_quorum" => quorum(value, errors),
            "spiral" => {
                changes.extend(spiral(value, errors));
                None
            }
            other => {
                errors.unknown(key.place, "global", other, KEYS);
                None
            }
        };
        changes.extend(change);
    }
    GlobalsPatch(changes)
}

fn quorum(node: &Node, errors: &mut Errors) -> Option<Change> {
    let number = node.as_number("attestation_quorum", errors)?;
    if number.fract() != 0.0 || !(1.0..=1000.0).contains(&number) {
        errors.push(node.place, "attestation_quorum must be a whole number from 1 to 1000");
        return None;
    }
    Some(Box::new(move |globals| globals.attestation_quorum = number as u32))
}

fn spiral(node: &Node, errors: &mut Errors) -> Vec<Change> {
    let mut changes = Vec::new();
    for (key, value) in node.as_map("spiral", errors) {
        let name = key.text.as_str();
        changes.extend(match name {
            "enabled_default" => flag(value, name, |g, on| g.spiral.enabled_default = on, errors),
            "block_tool_execution" => flag(value, name, |g, on| g.spiral.block_tool_execution = on, errors),
            "block_reinforcement" => flag(value, name, |g, on| g.spiral.block_reinforcement = on, errors),
            "block_new_impacts" => flag(value, name, |g, on| g.spiral.block_new_impacts = on, errors),
            "ttl_minutes" => number(value, name, (0.001, 10_080.0), |g, n| g.spiral.ttl_minutes = n, errors),
            "raise_seed_activation_threshold_by" => number(
                value,
                name,
                (0.0, 1.0),
                |g, n| g.spiral.raise_seed_activation_threshold_by = n,
                errors,
            ),
            other => {
                errors.unknown(key.place, "global of spiral", other, SPIRAL_KEYS);
                None
            }
        });
    }
    changes
}
