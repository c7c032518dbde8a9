//! How strong a memory is: computed when it is looked at, from what was stored and the time that passed.
//!
//! The order of the operations is fixed and the functions are those of `libm`, so that every machine gets the same bits.

use serde::{Deserialize, Serialize};

use super::number::{HalfLifeDays, Unit};
use crate::constraint::closed_list;
use crate::time::Timestamp;

/// Microseconds in a day.
const DAY_MICROS: f64 = 86_400_000_000.0;

closed_list!(
    /// How strength is lost. With `s` the strength when it was last set, `d` the days since and `h` the half-life:
    DecayModel {
        /// `s · 2^(-d/h)`.
        HalfLife "half_life",
        /// `max(0, s · (1 - d/2h))`.
        Linear "linear",
        /// `s / (1 + ln(1 + d/h))`.
        Logarithmic "logarithmic",
        /// `s` until `d` reaches `h`, then half of it, and so on after each `h`.
        Step "step",
    }
);

/// How strong a memory is, and how it loses strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strength {
    /// When it was stored.
    pub initial: Unit,
    /// When it was last set: stored, or reinforced.
    pub current: Unit,
    /// How it is lost.
    pub decay_model: DecayModel,
    /// How long it takes to lose half of it, as the model means it.
    pub half_life: HalfLifeDays,
    /// When it was last reinforced. Until then it decays from the time when it was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reinforced: Option<Timestamp>,
}

impl Default for Strength {
    /// As strong as can be, halved every thirty days.
    fn default() -> Self {
        Self::new(Unit::ONE)
    }
}

impl Strength {
    /// A strength that is halved every thirty days.
    #[must_use]
    pub fn new(initial: Unit) -> Self {
        Self {
            initial,
            current: initial,
            decay_model: DecayModel::HalfLife,
            half_life: HalfLifeDays::default(),
            last_reinforced: None,
        }
    }

    /// From when on it decays.
    const fn anchor(&self, created: Timestamp) -> Timestamp {
        match self.last_reinforced {
            Some(at) => at,
            None => created,
        }
    }

    /// What is left at `now` of a memory that was stored at `created`. Before it was set it is what was set.
    #[must_use]
    pub fn effective(&self, created: Timestamp, now: Timestamp) -> Unit {
        let elapsed_days = now.micros_since(self.anchor(created)).max(0) as f64 / DAY_MICROS;
        let half_lives = elapsed_days / self.half_life.get();
        let current = self.current.get();
        Unit::clamped(match self.decay_model {
            DecayModel::HalfLife => current * libm::exp2(-half_lives),
            DecayModel::Linear => current * (1.0 - half_lives / 2.0),
            DecayModel::Logarithmic => current / (1.0 + libm::log(1.0 + half_lives)),
            // Beyond 2^-1100 nothing is left of any number; scalbn is exact but for the smallest.
            DecayModel::Step => libm::scalbn(current, -(half_lives.min(1_100.0) as i32)),
        })
    }

    /// From when on what is left is below `threshold`, if ever.
    ///
    /// The closed form of the model, and then the very microsecond: what [`Strength::effective`] says is below the
    /// threshold there, and is not one microsecond before. A stored column can hold it.
    #[must_use]
    pub fn dormant_at(&self, created: Timestamp, threshold: Unit) -> Option<Timestamp> {
        let anchor = self.anchor(created);
        let (current, threshold) = (self.current.get(), threshold.get());
        if current < threshold {
            return Some(anchor);
        }
        if threshold == 0.0 {
            return None;
        }
        let ratio = current / threshold;
        let half_lives = match self.decay_model {
            DecayModel::HalfLife => libm::log2(ratio),
            DecayModel::Linear => 2.0 * (1.0 - threshold / current),
            DecayModel::Logarithmic => libm::expm1(ratio - 1.0),
            DecayModel::Step => libm::floor(libm::log2(ratio)) + 1.0,
        };
        // A float beyond the last microsecond becomes the last one.
        let guess = (half_lives * self.half_life.get() * DAY_MICROS) as i64;
        let last = i64::MAX.saturating_sub(anchor.unix_micros().max(0));
        let below = |micros: i64| self.effective(created, anchor.plus_micros(micros)).get() < threshold;
        first_where(below, guess.clamp(0, last), last).map(|micros| anchor.plus_micros(micros))
    }

    /// Set anew at `now`: what is left and `by` more, at most 1.
    #[must_use]
    pub fn reinforced(&self, created: Timestamp, now: Timestamp, by: Unit) -> Self {
        let current = Unit::clamped(self.effective(created, now).get() + by.get());
        Self { current, last_reinforced: Some(now), ..*self }
    }
}

/// The first of `0..=last` for which a test holds that stays true once it is: looked for around a guess, in doubling
/// steps and then by halves.
fn first_where(test: impl Fn(i64) -> bool, guess: i64, last: i64) -> Option<i64> {
    // `test` holds at `high` and not at `low`; -1 stands for before the first.
    let (mut low, mut high);
    let mut step = 1_i64;
    if test(guess) {
        high = guess;
        low = guess.saturating_sub(step).max(-1);
        while low >= 0 && test(low) {
            high = low;
            step = step.saturating_mul(2);
            low = low.saturating_sub(step).max(-1);
        }
    } else {
        low = guess;
        high = guess.saturating_add(step).min(last);
        while !test(high) {
            if high == last {
                return None;
            }
            low = high;
            step = step.saturating_mul(2);
            high = high.saturating_add(step).min(last);
        }
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if test(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CREATED: Timestamp = Timestamp::from_unix_micros(1_767_268_800_000_000);

    fn strength(model: DecayModel, current: f64, half_life: f64) -> Strength {
        Strength {
            decay_model: model,
            half_life: HalfLifeDays::new(half_life).expect("in range"),
            ..Strength::new(Unit::new(current).expect("in range"))
        }
    }

    fn after(days: f64) -> Timestamp {
        CREATED.plus_micros((days * DAY_MICROS) as i64)
    }

    /// The bits, so that another machine, or another version of `libm`, cannot give others unnoticed.
    #[test]
    fn the_same_strength_has_the_same_bits_everywhere() {
        let mut table = String::from("model | current | half-life | days | strength | bits\n");
        for model in DecayModel::ALL {
            for (current, half_life, days) in [
                (1.0, 30.0, 0.0),
                (1.0, 30.0, 1.0),
                (1.0, 30.0, 29.999),
                (1.0, 30.0, 30.0),
                (0.7, 30.0, 45.5),
                (0.7, 30.0, 60.0),
                (0.9, 7.25, 100.0),
                (0.333, 0.01, 0.017),
                (1.0, 36_500.0, 12_345.678),
                (1.0, 0.001, 36_500.0),
            ] {
                let left = strength(*model, current, half_life).effective(CREATED, after(days)).get();
                let name = model.name();
                table += &format!(
                    "{name} | {current} | {half_life} | {days} | {left} | {:016x}\n",
                    left.to_bits()
                );
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn the_boundaries_are_where_the_formulas_say() {
        let check = |model, current, days: f64, expect: f64| {
            let left = strength(model, current, 30.0).effective(CREATED, after(days)).get();
            assert!((left - expect).abs() < 1e-12, "{model:?} {current} {days}: {left}, not {expect}");
        };
        for model in DecayModel::ALL {
            check(*model, 0.8, 0.0, 0.8);
            check(*model, 0.8, -5.0, 0.8);
            check(*model, 0.0, 3.0, 0.0);
        }
        check(DecayModel::HalfLife, 0.8, 30.0, 0.4);
        check(DecayModel::HalfLife, 0.8, 90.0, 0.1);
        check(DecayModel::Linear, 0.8, 30.0, 0.4);
        check(DecayModel::Linear, 0.8, 60.0, 0.0);
        check(DecayModel::Linear, 0.8, 61.0, 0.0);
        check(DecayModel::Logarithmic, 0.8, 30.0, 0.8 / (1.0 + std::f64::consts::LN_2));
        check(DecayModel::Step, 0.8, 29.999_999, 0.8);
        check(DecayModel::Step, 0.8, 30.0, 0.4);
        check(DecayModel::Step, 0.8, 89.999_999, 0.2);
        check(DecayModel::Step, 0.8, 90.0, 0.1);
    }

    #[test]
    fn it_sleeps_when_the_formula_says_or_never() {
        let check = |model, current, threshold: f64, expect: Option<f64>| {
            let at = strength(model, current, 30.0).dormant_at(CREATED, Unit::clamped(threshold));
            let days = at.map(|at| at.micros_since(CREATED) as f64 / DAY_MICROS);
            match (days, expect) {
                (Some(days), Some(expect)) => assert!((days - expect).abs() < 1e-6, "{model:?}: {days}"),
                (days, expect) => assert_eq!(days, expect, "{model:?} {current} {threshold}"),
            }
        };
        for model in DecayModel::ALL {
            check(*model, 1.0, 0.0, None);
            check(*model, 0.0, 0.0, None);
            check(*model, 0.04, 0.05, Some(0.0));
            check(*model, 0.0, 0.05, Some(0.0));
        }
        check(DecayModel::HalfLife, 0.4, 0.05, Some(90.0));
        check(DecayModel::Linear, 0.4, 0.05, Some(52.5));
        check(DecayModel::Logarithmic, 0.1, 0.05, Some(30.0 * (std::f64::consts::E - 1.0)));
        // 0.4 → 0.2 → 0.1 → 0.05, which is not below it → 0.025.
        check(DecayModel::Step, 0.4, 0.05, Some(120.0));
        // 30 days · (e^999 - 1): beyond all time.
        check(DecayModel::Logarithmic, 1.0, 0.001, None);
    }

    #[test]
    fn reinforcement_starts_from_what_is_left() {
        let before = strength(DecayModel::HalfLife, 0.8, 30.0);
        let now = after(30.0);
        let after_it = before.reinforced(CREATED, now, Unit::clamped(0.1));
        assert_eq!(after_it.current.get(), 0.5);
        assert_eq!((after_it.initial, after_it.last_reinforced), (before.initial, Some(now)));
        assert_eq!(after_it.effective(CREATED, now).get(), 0.5);
        assert_eq!(after_it.effective(CREATED, now.plus_days(30)).get(), 0.25);
        assert_eq!(before.reinforced(CREATED, now, Unit::ONE).current, Unit::ONE);
    }

    fn any_strength() -> impl Strategy<Value = Strength> {
        let half_lives = prop_oneof![
            Just(30.0),
            Just(crate::limits::HALF_LIFE_DAYS_MIN),
            Just(crate::limits::HALF_LIFE_DAYS_MAX),
            0.001..400.0f64,
        ];
        (prop::sample::select(DecayModel::ALL), 0.0..=1.0f64, half_lives)
            .prop_map(|(model, current, half_life)| strength(model, current, half_life))
    }

    proptest! {
        #[test]
        fn strength_is_only_lost(strength in any_strength(), days in prop::collection::vec(-10.0..80_000.0f64, 2..20)) {
            let mut days = days;
            days.sort_by(f64::total_cmp);
            let left: Vec<f64> =
                days.iter().map(|days| strength.effective(CREATED, after(*days)).get()).collect();
            prop_assert!(left.iter().all(|left| (0.0..=strength.current.get()).contains(left)), "{left:?}");
            prop_assert!(left.is_sorted_by(|a, b| a >= b), "{left:?}");
        }

        #[test]
        fn it_is_dormant_from_the_first_microsecond_below(strength in any_strength(), threshold in 0.0..=1.0f64, days in 0.0..80_000.0f64) {
            let left = |at: Timestamp| strength.effective(CREATED, at).get();
            match strength.dormant_at(CREATED, Unit::clamped(threshold)) {
                Some(at) => {
                    prop_assert!(left(at) < threshold);
                    prop_assert!(at == CREATED || left(at.plus_micros(-1)) >= threshold);
                    prop_assert_eq!(left(after(days)) < threshold, after(days) >= at, "{} {}", after(days), at);
                }
                None => prop_assert!(left(after(days)) >= threshold),
            }
        }

        #[test]
        fn the_first_is_found_whatever_was_guessed(first in 0..5_000i64, guess in 0..5_000i64, last in 0..5_000i64) {
            let found = first_where(|n| n >= first, guess.min(last), last);
            prop_assert_eq!(found, (first <= last).then_some(first));
        }
    }
}
