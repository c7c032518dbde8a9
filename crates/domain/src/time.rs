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
        // A page of memories has hundreds of times in it.
        if let Some(text) = self.written() {
            return f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?);
        }
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => write!(f, "{time:.6}"),
            Err(_) => write!(f, "{}µs", self.0),
        }
    }
}

impl Timestamp {
    /// How it is written, where the library could and the year has four digits.
    fn written(self) -> Option<[u8; 27]> {
        jiff::Timestamp::from_microsecond(self.0).ok()?;
        let (year, month, day) = date(self.0.div_euclid(DAY_MICROS));
        if !(0..=9_999).contains(&year) {
            return None;
        }
        let micros = self.0.rem_euclid(DAY_MICROS);
        let seconds = micros / 1_000_000;
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let mut write = |at: usize, digits: usize, mut number: i64| {
            for place in text[at..at + digits].iter_mut().rev() {
                *place += (number % 10) as u8;
                number /= 10;
            }
        };
        write(0, 4, year);
        write(5, 2, month);
        write(8, 2, day);
        write(11, 2, seconds / 3_600);
        write(14, 2, seconds / 60 % 60);
        write(17, 2, seconds % 60);
        write(20, 6, micros % 1_000_000);
        Some(text)
    }
}

/// The year, month and day of the day that is so many after 1970-01-01. Years are counted from March here, so that the
/// day that some lack is the last; 400 of them, an era, have always 146,097 days.
const fn date(days_since_1970: i64) -> (i64, i64, i64) {
    let days = days_since_1970 + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
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
    fn every_day_is_written_as_the_library_writes_it() {
        let written =
            |micros: i64| jiff::Timestamp::from_microsecond(micros).map(|time| format!("{time:.6}"));
        // Four hundred years from 1800 on, and the ends of what has four digits.
        let days = (-62_091..84_006).chain(-719_528..-719_160).chain(2_932_530..2_932_896);
        for day in days {
            let micros = day * DAY_MICROS + (day * 7_919_333_777).rem_euclid(DAY_MICROS);
            let time = Timestamp::from_unix_micros(micros);
            assert_eq!(written(micros).expect("in range"), time.to_string());
        }
        for micros in [-62_167_219_200_000_001, 253_402_207_200_999_999, i64::MAX, i64::MIN] {
            let library = written(micros).unwrap_or_else(|_| format!("{micros}µs"));
            assert_eq!(Timestamp::from_unix_micros(micros).to_string(), library);
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
