//! How many tokens a day may cost.

use std::sync::{Mutex, MutexGuard, PoisonError};

use memoryscope_domain::time::Timestamp;

const DAY_MICROS: i64 = 86_400 * 1_000_000;

/// The tokens of the current day in UTC, as far as this process has used them.
#[derive(Debug)]
pub(crate) struct Budget {
    /// `None`: no limit.
    per_day: Option<u64>,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    day: i64,
    tokens: u64,
}

impl Budget {
    pub(crate) fn new(per_day: Option<u64>) -> Self {
        Self { per_day, used: Mutex::default() }
    }

    /// Whether nothing is left for today. The call that goes beyond it is finished.
    pub(crate) fn is_used_up(&self, now: Timestamp) -> bool {
        self.per_day.is_some_and(|limit| self.today(now).tokens >= limit)
    }

    pub(crate) fn spend(&self, now: Timestamp, tokens: u64) {
        let mut used = self.today(now);
        used.tokens = used.tokens.saturating_add(tokens);
    }

    fn today(&self, now: Timestamp) -> MutexGuard<'_, Used> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let day = now.unix_micros().div_euclid(DAY_MICROS);
        if used.day != day {
            *used = Used { day, tokens: 0 };
        }
        used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_and_without_a_limit_nothing_is_used_up() {
        let at = |day: i64, micros: i64| Timestamp::from_unix_micros(day * DAY_MICROS + micros);
        let budget = Budget::new(Some(100));
        assert!(!budget.is_used_up(at(3, 0)));
        budget.spend(at(3, 0), 99);
        assert!(!budget.is_used_up(at(3, 1)));
        budget.spend(at(3, 1), 1);
        assert!(budget.is_used_up(at(3, DAY_MICROS - 1)));
        assert!(!budget.is_used_up(at(4, 0)));
        let endless = Budget::new(None);
        endless.spend(at(3, 0), u64::MAX);
        endless.spend(at(3, 0), u64::MAX);
        assert!(!endless.is_used_up(at(3, 0)));
    }
}
