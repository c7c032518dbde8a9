//! When something happened: as it was observed, and as somebody claims.

use serde::{Deserialize, Serialize};

use super::number::{Invalid, Unit};
use crate::constraint::closed_list;
use crate::time::Timestamp;

closed_list!(
    /// How exact the claimed time is.
    Precision {
        /// To the instant.
        Exact "exact",
        /// About then.
        Approximate "approximate",
        /// Some time in the range.
        Range "range",
        /// Nobody knows.
        Unknown "unknown",
    }
);

/// From when to when; either end may be open, not both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RangeParts", into = "RangeParts")]
pub struct TimeRange {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

/// The ends of a [`TimeRange`], unchecked.
#[derive(Serialize, Deserialize)]
struct RangeParts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<Timestamp>,
}

impl TimeRange {
    /// Takes the ends.
    ///
    /// # Errors
    /// When both are open, or the end lies before the start.
    pub fn new(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<Self, Invalid> {
        match (start, end) {
            (None, None) => Err(Invalid::Rule("must have a start or an end")),
            (Some(start), Some(end)) if end < start => Err(Invalid::Rule("must not end before it starts")),
            _ => Ok(Self { start, end }),
        }
    }

    /// From when on.
    #[must_use]
    pub const fn start(&self) -> Option<Timestamp> {
        self.start
    }

    /// Until when.
    #[must_use]
    pub const fn end(&self) -> Option<Timestamp> {
        self.end
    }
}

impl TryFrom<RangeParts> for TimeRange {
    type Error = Invalid;
    fn try_from(parts: RangeParts) -> Result<Self, Invalid> {
        Self::new(parts.start, parts.end)
    }
}

impl From<TimeRange> for RangeParts {
    fn from(range: TimeRange) -> Self {
        Self { start: range.start, end: range.end }
    }
}

/// When something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Temporal {
    /// When it was observed: on ingest, unless the client says.
    pub observed: Timestamp,
    /// When it is claimed to have happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Timestamp>,
    precision: Precision,
    /// How sure the claimed time is.
    pub confidence: Unit,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    range: Option<TimeRange>,
    /// How unsure its place among other memories is: 0 is certain.
    pub ordering_uncertainty: Unit,
}

impl Temporal {
    /// Observed then, and nothing claimed.
    #[must_use]
    pub const fn observed(at: Timestamp) -> Self {
        Self {
            observed: at,
            claimed: None,
            precision: Precision::Exact,
            confidence: Unit::ONE,
            range: None,
            ordering_uncertainty: Unit::ZERO,
        }
    }

    /// The same, with the precision of the claimed time.
    ///
    /// # Errors
    /// When the precision is `range` without a range, or there is a range with another precision.
    pub fn with_precision(self, precision: Precision, range: Option<TimeRange>) -> Result<Self, Invalid> {
        match (precision, range) {
            (Precision::Range, None) => Err(Invalid::Rule("must have a range where time_precision is range")),
            (Precision::Range, Some(_)) | (_, None) => Ok(Self { precision, range, ..self }),
            (_, Some(_)) => Err(Invalid::Rule("must have no range unless time_precision is range")),
        }
    }

    /// How exact the claimed time is.
    #[must_use]
    pub const fn precision(&self) -> Precision {
        self.precision
    }

    /// The range, where the precision is one.
    #[must_use]
    pub const fn range(&self) -> Option<TimeRange> {
        self.range
    }

    /// When it happened, as far as ordering and `since`/`until` are concerned: the claimed time where it is as sure as
    /// the policy's `claimed_time_trust_threshold` or surer, else the observed one.
    #[must_use]
    pub fn occurred(&self, claimed_time_trust_threshold: f64) -> Timestamp {
        let trusted = self.confidence.get() >= claimed_time_trust_threshold;
        self.claimed.filter(|_| trusted).unwrap_or(self.observed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_precisions_go_together() {
        let at = |second: i64| Some(Timestamp::from_unix_micros(second * 1_000_000));
        assert!(TimeRange::new(None, None).is_err());
        assert!(TimeRange::new(at(2), at(1)).is_err());
        let range = TimeRange::new(at(1), at(1)).ok();
        assert!(
            range.is_some() && TimeRange::new(None, at(0)).is_ok() && TimeRange::new(at(0), None).is_ok()
        );
        let time = Temporal::observed(Timestamp::from_unix_micros(0));
        for precision in Precision::ALL {
            let is_range = *precision == Precision::Range;
            assert_eq!(time.with_precision(*precision, range).is_ok(), is_range, "{precision:?}");
            assert_eq!(time.with_precision(*precision, None).is_ok(), !is_range, "{precision:?}");
        }
    }

    #[test]
    fn a_claimed_time_counts_where_it_is_trusted() {
        let check = |claimed: Option<i64>, confidence: f64, threshold: f64, expect: i64| {
            let time = Temporal {
                claimed: claimed.map(Timestamp::from_unix_micros),
                confidence: Unit::clamped(confidence),
                ..Temporal::observed(Timestamp::from_unix_micros(9))
            };
            assert_eq!(
                time.occurred(threshold),
                Timestamp::from_unix_micros(expect),
                "{confidence} {threshold}"
            );
        };
        check(Some(1), 0.75, 0.75, 1);
        check(Some(1), 0.749_999, 0.75, 9);
        check(Some(1), 1.0, 1.0, 1);
        check(Some(1), 0.0, 0.0, 1);
        check(None, 1.0, 0.0, 9);
    }
}
