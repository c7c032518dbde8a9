//! What is done about an endpoint that does not answer as it should: one table.

use std::time::Duration;

use memoryscope_domain::limits;
use memoryscope_engine::extract::Failure;

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// There is an answer to read.
    Read,
    /// The same once more, after so long.
    Again(Duration),
    /// Nothing more.
    Fail(Failure),
}

/// Why there is no answer at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Nobody was reached, or the connection broke.
    Connection,
    /// It took too long.
    Timeout,
    /// It was longer than any that is wanted.
    TooLarge,
    /// It was no HTTP.
    Protocol,
}

/// After an answer with a status, as the so-manieth try.
#[must_use]
pub fn after_status(status: u16, retry_after: Option<&str>, tries: u32) -> Next {
    let failure = match status {
        200..=299 => return Next::Read,
        300..=399 => Failure::of_extractor("redirected"),
        401 | 403 => Failure::of_extractor("unauthorized"),
        402 => Failure::of_extractor("payment_required"),
        404 | 405 => Failure::of_extractor("not_found"),
        429 => return again(Failure::of_extractor("rate_limited"), retry_after, tries),
        408 | 500..=599 => return again(Failure::unclear("server_error"), retry_after, tries),
        _ => Failure::of_text("bad_request"),
    };
    Next::Fail(failure)
}

/// After no answer, as the so-manieth try.
#[must_use]
pub fn after_break(broken: Broken, tries: u32) -> Next {
    match broken {
        Broken::Connection => again(Failure::of_extractor("unavailable"), None, tries),
        // It has waited long enough.
        Broken::Timeout => Next::Fail(Failure::unclear("timeout")),
        Broken::TooLarge => Next::Fail(Failure::of_text("answer_too_large")),
        Broken::Protocol => Next::Fail(Failure::unclear("malformed_answer")),
    }
}

/// Twice as long each time, or as long as the endpoint asks for, where that is not too long to wait here.
fn again(failure: Failure, retry_after: Option<&str>, tries: u32) -> Next {
    let asked = retry_after.and_then(|text| text.trim().parse::<u64>().ok());
    let is_too_long = asked.is_some_and(|seconds| seconds > limits::MODEL_RETRY_AFTER_SECONDS_MAX);
    if tries >= limits::MODEL_TRIES_MAX || is_too_long {
        return Next::Fail(failure);
    }
    let own = 1 << tries.saturating_sub(1).min(5);
    Next::Again(Duration::from_secs(asked.unwrap_or(own)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_consequence() {
        let check = |status: u16, retry_after: Option<&str>, tries: u32, expect: &str| {
            let told = match after_status(status, retry_after, tries) {
                Next::Read => "read".to_owned(),
                Next::Again(time) => format!("again after {}", time.as_secs()),
                Next::Fail(failure) => {
                    format!("{} {} {}", failure.reason, failure.counts(), failure.ends_the_round())
                }
            };
            assert_eq!(told, expect, "{status} {retry_after:?} {tries}");
        };
        check(200, None, 1, "read");
        check(307, None, 1, "redirected false true");
        check(400, None, 1, "bad_request true false");
        check(401, None, 1, "unauthorized false true");
        check(402, None, 1, "payment_required false true");
        check(403, None, 1, "unauthorized false true");
        check(404, None, 1, "not_found false true");
        check(408, None, 1, "again after 1");
        check(413, None, 1, "bad_request true false");
        check(422, None, 1, "bad_request true false");
        check(429, None, 2, "again after 2");
        check(429, Some(" 7 "), 2, "again after 7");
        check(429, Some("0"), 2, "again after 0");
        check(429, Some("31"), 1, "rate_limited false true");
        check(429, Some("Fri, 31 Dec 1999 23:59:59 GMT"), 1, "again after 1");
        check(429, None, 3, "rate_limited false true");
        check(500, None, 1, "again after 1");
        check(503, Some("3"), 1, "again after 3");
        check(503, None, 3, "server_error true true");
    }

    #[test]
    fn who_was_not_reached_is_asked_again_and_who_took_too_long_is_not() {
        let second = Next::Again(Duration::from_secs(2));
        assert_eq!(after_break(Broken::Connection, 2), second);
        assert_eq!(after_break(Broken::Connection, 3), Next::Fail(Failure::of_extractor("unavailable")));
        assert_eq!(after_break(Broken::Timeout, 1), Next::Fail(Failure::unclear("timeout")));
        assert_eq!(after_break(Broken::TooLarge, 1), Next::Fail(Failure::of_text("answer_too_large")));
        assert_eq!(after_break(Broken::Protocol, 1), Next::Fail(Failure::unclear("malformed_answer")));
    }
}
