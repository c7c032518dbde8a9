//! Numbers that are in their range, so that arithmetic on them cannot go wrong.

use serde::{Deserialize, Serialize};

use crate::limits;

/// Why a value is not of the wanted kind; it says what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// What it must be.
    #[error("{0}")]
    Rule(&'static str),
    /// It is longer than that many characters.
    #[error("must be at most {0} characters")]
    Chars(usize),
    /// It has more than that many members.
    #[error("must have at most {0} members")]
    Members(usize),
}

/// Declares a finite number in a closed range, with a total order.
macro_rules! ranged {
    ($(#[$doc:meta])* $name:ident, $min:expr, $max:expr, $message:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            /// Takes a number.
            ///
            /// # Errors
            #[doc = concat!("It ", $message, "; NaN and the infinities are not.")]
            pub fn new(number: f64) -> Result<Self, Invalid> {
                if ($min..=$max).contains(&number) {
                    // -0 equals 0 and is written differently.
                    Ok(Self(if number == 0.0 { 0.0 } else { number }))
                } else {
                    Err(Invalid::Rule($message))
                }
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        // There is no NaN in it.
        impl Eq for $name {}

        impl TryFrom<f64> for $name {
            type Error = Invalid;
            fn try_from(number: f64) -> Result<Self, Invalid> {
                Self::new(number)
            }
        }

        impl From<$name> for f64 {
            fn from(number: $name) -> Self {
                number.0
            }
        }
    };
}

ranged!(
    /// A confidence, a strength, an arousal: a number from 0 to 1.
    Unit, 0.0, 1.0, "must be a number from 0 to 1"
);
ranged!(
    /// How pleasant something is: a number from -1 to 1.
    Valence, -1.0, 1.0, "must be a number from -1 to 1"
);
ranged!(
    /// How many days it takes to decay by half: from a second to about a century.
    HalfLifeDays, limits::HALF_LIFE_DAYS_MIN, limits::HALF_LIFE_DAYS_MAX,
    "must be a number of days from 0.0000116 (a second) to 36500"
);

impl Unit {
    /// Nothing.
    pub const ZERO: Self = Self(0.0);
    /// All of it.
    pub const ONE: Self = Self(1.0);

    /// The nearest unit to a number; NaN is nothing.
    #[must_use]
    pub fn clamped(number: f64) -> Self {
        Self::new(number.clamp(0.0, 1.0)).unwrap_or(Self::ZERO)
    }
}

impl Valence {
    /// Neither pleasant nor unpleasant.
    pub const NEUTRAL: Self = Self(0.0);
}

impl Default for HalfLifeDays {
    /// Thirty days.
    fn default() -> Self {
        Self(30.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_their_range_or_are_not() {
        fn check<T: TryFrom<f64> + Into<f64>>(good: &[f64], bad: &[f64]) {
            for number in good {
                let back: f64 = T::try_from(*number).ok().expect("in range").into();
                assert_eq!(back, *number);
                assert!(back != 0.0 || back.is_sign_positive());
            }
            for number in bad.iter().chain(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]) {
                assert!(T::try_from(*number).is_err(), "{number}");
            }
        }
        check::<Unit>(
            &[0.0, -0.0, f64::MIN_POSITIVE, 0.5, 1.0],
            &[-f64::MIN_POSITIVE, 1.000_000_000_000_000_2],
        );
        check::<Valence>(&[-1.0, -0.0, 1.0], &[-1.1, 1.1]);
        check::<HalfLifeDays>(&[1.0 / 86_400.0, 30.0, 36_500.0], &[0.0, -1.0, 1e-6, 36_500.1]);
        assert_eq!(Unit::clamped(f64::NAN), Unit::ZERO);
        assert_eq!([-3.0, 0.25, 7.0].map(|n| Unit::clamped(n).get()), [0.0, 0.25, 1.0]);
    }
}
