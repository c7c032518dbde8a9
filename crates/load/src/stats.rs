//! Numbers of many measurements as few.

use std::time::Duration;

use serde::Serialize;

/// The middle and the ends of several measurements of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; of an even number the mean of the middle two.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of these measurements; none of none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => f64::midpoint(values[middle - 1], values[middle]),
            _ => values[middle],
        };
        Some(Self { median, min, max })
    }
}

/// How long each of many requests took, in microseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    /// Adds one; longer than 71 minutes counts as that.
    pub(crate) fn push(&mut self, took: Duration) {
        self.0.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    /// Puts these and those together.
    pub(crate) fn append(&mut self, other: &mut Self) {
        self.0.append(&mut other.0);
    }

    /// The time within which each of these shares (0 to 1) was answered, in milliseconds; 0 of none.
    pub(crate) fn quantiles_ms<const N: usize>(&mut self, shares: [f64; N]) -> [f64; N] {
        self.0.sort_unstable();
        shares.map(|share| {
            // The nearest rank: the smallest that so many are not above.
            let rank = (share * self.0.len() as f64).ceil() as usize;
            let at = rank.max(1) - 1;
            f64::from(self.0.get(at).copied().unwrap_or_default()) / 1e3
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_ends() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(Spread::of([4.0, 1.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
    }

    #[test]
    fn quantiles_by_nearest_rank() {
        let mut all = Latencies::default();
        assert_eq!(all.quantiles_ms([0.5, 1.0]), [0.0, 0.0]);
        for micros in (1..=100).rev() {
            all.push(Duration::from_micros(micros * 1_000));
        }
        assert_eq!(all.quantiles_ms([0.5, 0.99, 1.0]), [50.0, 99.0, 100.0]);
    }
}
