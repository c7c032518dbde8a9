//! Whether storing grows slower while the store grows.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::core;
use super::prepare::{self, Batches};
use crate::Failure;
use crate::http::Target;
use crate::progress;

/// Events of each scope. The scopes take turns, so that every batch writes all over the store.
const OF_EACH_SCOPE: u64 = 100;
/// The start and the end are so many parts of the whole each.
const PARTS: u64 = 10;

/// The rate of storing while a store grows.
#[derive(Debug, Clone, Serialize)]
pub struct Growth {
    /// Events that were stored, in batches.
    pub memories: u64,
    /// How long that took.
    pub seconds: f64,
    /// Events stored in a second, of the first tenth.
    pub start_per_second: f64,
    /// The same of the last tenth.
    pub end_per_second: f64,
    /// The second as a part of the first.
    pub ratio: f64,
}

/// Stores so many events from which nothing follows, a hundred of each scope.
pub(super) async fn measure(target: &Target, run: &str, count: u64) -> Result<Growth, Failure> {
    let bar = progress::bar(count, "memories stored");
    let scopes = count.div_ceil(OF_EACH_SCOPE);
    let nth = |n: u64| core::plain_event(&format!("{run}-growth-{}", n % scopes));
    let from = Instant::now();
    let mut stored = prepare::store(target, count, &nth, &Batches::CORE, &bar).await?;
    bar.finish_and_clear();
    stored.sort_unstable();
    let times: Vec<(Duration, u64)> = stored.into_iter().map(|(at, count)| (at - from, count)).collect();
    Ok(Growth::of(&times))
}

impl Growth {
    /// By when how many were stored, the earliest first.
    fn of(times: &[(Duration, u64)]) -> Self {
        let memories: u64 = times.iter().map(|(_, count)| count).sum();
        // The batch with which a tenth is full, or nothing but the last tenth is left, belongs to it.
        let after = |wanted: u64| {
            let mut sum = 0;
            let mut reached = times.iter().map(|(at, count)| {
                sum += count;
                (*at, sum)
            });
            reached.find(|(_, sum)| *sum >= wanted).map_or((0.0, 0), |(at, sum)| (at.as_secs_f64(), sum))
        };
        let rate = |count: u64, seconds: f64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let tenth = memories.div_ceil(PARTS);
        let ((start, at_start), (last, before_last)) = (after(tenth), after(memories - tenth));
        let seconds = times.last().map_or(0.0, |(at, _)| at.as_secs_f64());
        let start_per_second = rate(at_start, start);
        let end_per_second = rate(memories - before_last, seconds - last);
        let ratio = if start_per_second > 0.0 { end_per_second / start_per_second } else { 0.0 };
        Self { memories, seconds, start_per_second, end_per_second, ratio }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_tenth_is_compared_with_the_last() {
        // Ten to a second at first, and five at last.
        let at = |n: u64| Duration::from_millis(if n <= 15 { n * 100 } else { 1_500 + (n - 15) * 200 });
        let times: Vec<(Duration, u64)> = (1..=20).map(|n| (at(n), 1)).collect();
        let growth = Growth::of(&times);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert_eq!(growth.memories, 20);
        assert!(close(growth.seconds, 2.5) && close(growth.start_per_second, 10.0), "{growth:?}");
        assert!(close(growth.end_per_second, 5.0) && close(growth.ratio, 0.5), "{growth:?}");
    }
}
