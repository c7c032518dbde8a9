//! Instants: microseconds since 1970 in UTC, written as RFC 3339 with `Z` and six decimals.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Microseconds in a day.
const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// An instant, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since 1970.
    #[must_use]
    pub const fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn unix_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since 1970; 0 before.
    #[must_use]
    pub fn unix_ms(self) -> u64 {
        u64::try_from(self.0.div_euclid(1000)).unwrap_or(0)
    }

    /// `days` later (or earlier, when negative); stops at the ends of what can be represented.
    #[must_use]
    pub const fn plus_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(days.saturating_mul(DAY_MICROS)))
    }

    /// `micros` microseconds later; stops at the end of what can be represented.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds from `earlier` to this.
    #[must_use]
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole days from `earlier` to this, 0 when `earlier` is later.
    #[must_use]
    pub fn days_since(self, earlier: Self) -> u64 {
        u64::try_from(self.micros_since(earlier) / DAY_MICROS).unwrap_or(0)
    }

    /// Reads RFC 3339; a time without a zone is UTC. Digits finer than a microsecond are cut.
    ///
    /// # Errors
    /// When the text is no RFC 3339 time between the years -9999 and 9999.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        let zoned = text.parse::<jiff::Timestamp>();
        let utc = zoned.or_else(|_| format!("{text}Z").parse::<jiff::Timestamp>());
        utc.map(|t| Self(t.as_microsecond())).map_err(|_| InvalidTime)
    }
}

/// The text is no RFC 3339 time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 time such as 2026-01-31T12:00:00Z")]
pub struct InvalidTime;

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => write!(f, "{time:.6}"),
            Err(_) => write!(f, "{}µs", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_microseconds_and_read_back() {
        let time = Timestamp::from_unix_micros(1_795_317_589_980_281);
        assert_eq!(time.to_string(), "2026-11-22T03:19:49.980281Z");
        assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
        assert_eq!(Timestamp::parse("2026-11-22T03:19:49.980281"), Ok(time));
        assert_eq!(Timestamp::parse("2026-11-22T05:19:49.980281+02:00"), Ok(time));
        assert_eq!(Timestamp::from_unix_micros(0).to_string(), "1970-01-01T00:00:00.000000Z");
        for bad in ["", "now", "2026-13-01T00:00:00Z", "2026-11-22"] {
            assert_eq!(Timestamp::parse(bad), Err(InvalidTime), "{bad}");
        }
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let end = Timestamp::from_unix_micros(i64::MAX);
        assert_eq!(end.plus_days(1), end);
        assert_eq!(Timestamp::from_unix_micros(0).plus_days(2).days_since(Timestamp::from_unix_micros(1)), 1);
        assert_eq!(Timestamp::from_unix_micros(0).days_since(end), 0);
    }
}
