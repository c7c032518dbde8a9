//! What a caller wants to count beside how well a memory answers.

use serde::{Deserialize, Serialize};

use crate::memory::Memory;
use crate::object::Unit;
use crate::time::Timestamp;

/// After how many days a memory counts as half as recent.
const RECENCY_HALF_LIFE_DAYS: f64 = 30.0;
const MICROS_A_DAY: f64 = 86_400e6;

/// How far what is beside the question moves scores: nothing where 0, and at most by half of the score up or down where 1.
///
/// Each is a factor of `1 + w * (x - 0.5)`, where `x` is 0 to 1 and `w` what stands here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Boost {
    /// How strong it is now.
    pub strength: Unit,
    /// How recent it is: 1 now, half of that after 30 days, and so on.
    pub recency: Unit,
    /// How searches that found it were judged.
    pub feedback: Unit,
}

impl Default for Boost {
    fn default() -> Self {
        Self { strength: Unit::ZERO, recency: Unit::ZERO, feedback: Unit::ZERO }
    }
}

impl Boost {
    /// Whether it moves nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The factor for a memory, 0.125 to 3.375. `liked` is how it was judged, from 0 to 1; 0.5 where nobody did.
    #[must_use]
    pub fn factor(&self, memory: &Memory, now: Timestamp, liked: f64) -> f64 {
        let one = |weight: Unit, x: f64| 1.0 + weight.get() * (x - 0.5);
        one(self.strength, memory.strength(now).get())
            * one(self.recency, recency(memory.placed.unwrap_or(memory.created), now))
            * one(self.feedback, liked)
    }
}

/// How recent something is that happened then; what is still to come is as recent as what happens now.
fn recency(at: Timestamp, now: Timestamp) -> f64 {
    let days = now.micros_since(at).max(0) as f64 / MICROS_A_DAY;
    libm::exp2(-days / RECENCY_HALF_LIFE_DAYS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_recent_fades_by_half_in_thirty_days() {
        let now = Timestamp::from_unix_micros(100 * 86_400_000_000);
        for (days, expect) in [(0, 1.0), (30, 0.5), (60, 0.25), (-5, 1.0)] {
            assert_eq!(recency(now.plus_days(-days), now), expect, "{days}");
        }
    }

    proptest! {
        #[test]
        fn a_factor_is_bounded(weights in prop::array::uniform3(0.0..=1.0_f64), days in -10_i64..4_000, liked in 0.0..=1.0_f64) {
            let [strength, recency, feedback] = weights.map(Unit::clamped);
            let boost = Boost { strength, recency, feedback };
            let now = Timestamp::from_unix_micros(0).plus_days(10_000);
            let memory = super::super::tests::turn(1, "c", "tea");
            let memory = Memory { placed: Some(now.plus_days(-days)), ..memory };
            let factor = boost.factor(&memory, now, liked);
            prop_assert!((0.125..=3.375).contains(&factor), "{factor}");
            prop_assert_eq!(Boost::default().factor(&memory, now, liked), 1.0);
        }
    }
}
