//! How sure a context is.

use super::Support;
use super::line::Item;
use crate::time::Timestamp;

/// After how many days without reinforcement recency has fallen to one half.
const RECENCY_DAYS: f64 = 90.0;
/// The parts of strength and of recency.
const STRENGTH_PART: f64 = 0.7;
const RECENCY_PART: f64 = 0.3;
/// What a seed weighs; a constraint weighs what it says.
const SEED_WEIGHT: f64 = 0.5;
const DAY_MICROS: f64 = 86_400.0 * 1e6;

/// The mean of what is told, by weight; when nothing weighs anything, all weigh the same. Only sums, products and
/// quotients, in the order of what is told: the same bits on every machine.
pub(super) fn of(items: &[Item<'_>], now: Timestamp) -> f64 {
    let told: Vec<(f64, f64)> = items.iter().filter_map(|item| weighed(item, now)).collect();
    if told.is_empty() {
        return 0.0;
    }
    // Weights are scaled by the largest, so that no sum is too large for a number.
    let largest = told.iter().fold(0.0, |largest: f64, (weight, _)| largest.max(*weight));
    let weight = |weight: f64| if largest > 0.0 { weight / largest } else { 1.0 };
    let (mut sum, mut total) = (0.0, 0.0);
    for (its_weight, confidence) in told {
        sum += weight(its_weight) * confidence;
        total += weight(its_weight);
    }
    (sum / total * 10_000.0).round() / 10_000.0
}

fn weighed(item: &Item<'_>, now: Timestamp) -> Option<(f64, f64)> {
    match item {
        Item::Constraint(held) => {
            let confidence = held.constraint.confidence * supported(&held.support, now);
            Some((held.constraint.weight, confidence))
        }
        Item::Seed(sprout) => Some((SEED_WEIGHT, supported(&sprout.support, now))),
        Item::Event(_) => None,
    }
}

/// What a memory is worth: how sure its source was, times its strength and its recency in parts.
fn supported(support: &Support, now: Timestamp) -> f64 {
    let micros = now.micros_since(support.reinforced_at).max(0);
    // Microseconds of 292,000 years: what a float cannot count exactly does not matter in days.
    let days = micros as f64 / DAY_MICROS;
    let recency = 1.0 / (1.0 + days / RECENCY_DAYS);
    support.confidence.get() * (STRENGTH_PART * support.strength.get() + RECENCY_PART * recency)
}
