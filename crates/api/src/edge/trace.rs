//! The span of a request, for those who export traces: the caller's trace goes on in it.

use axum::http::{HeaderMap, HeaderName};
use memoryscope_engine::traces;
use tracing::field::Empty;
use tracing::{Span, info_span};

use super::LogLine;

/// The field that is known at the end.
pub(super) const STATUS: &str = "status";

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// `VERSION-TRACE-PARENT-FLAGS`: the places of the hexadecimal digits, which a later version may not move.
const PARTS: [usize; 4] = [2, 32, 16, 2];

/// A span of what the log line says, and nothing when nobody listens.
pub(super) fn span(line: &LogLine, headers: &HeaderMap) -> Span {
    let span = info_span!(
        target: traces::TARGET,
        traces::REQUEST,
        method = line.method,
        route = line.route(),
        request_id = line.request_id.as_str(),
        status = Empty,
        traceparent = Empty,
    );
    if !span.is_disabled()
        && let Some(parent) = traceparent(headers)
    {
        span.record("traceparent", parent);
    }
    span
}

/// The caller's place in its trace: only what is shaped like one, so that nothing else can be said in it.
fn traceparent(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let text = values.next()?.to_str().ok().filter(|_| values.next().is_none())?;
    let known = PARTS.iter().sum::<usize>() + PARTS.len() - 1;
    let (head, rest) = text.split_at_checked(known)?;
    let mut parts = head.split('-');
    for length in PARTS {
        let digits = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        parts.next().filter(|part| part.len() == length && part.bytes().all(digits))?;
    }
    let version = &head[..PARTS[0]];
    let ends = rest.is_empty() || (version != "00" && rest.starts_with('-'));
    let mut ids = head.split('-').skip(1).take(2);
    let named = ids.all(|id| id.bytes().any(|b| b != b'0'));
    (ends && named && version != "ff").then_some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";

    fn read(texts: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for text in texts {
            headers.append(TRACEPARENT, text.parse().expect("a good header"));
        }
        traceparent(&headers).map(str::to_owned)
    }

    #[test]
    fn a_place_in_a_trace_is_read_strictly() {
        let good = format!("00-{TRACE}-01");
        assert_eq!(read(&[&good]), Some(good.clone()));
        assert_eq!(read(&[&format!("cc-{TRACE}-00-later")]), Some(format!("cc-{TRACE}-00")));
        let none = "0".repeat(16);
        for bad in [
            String::new(),
            "canary".to_owned(),
            format!("ff-{TRACE}-01"),
            format!("00-{TRACE}-01-more"),
            format!("cc-{TRACE}-01more"),
            format!("00-{TRACE}-0"),
            format!("00-{}-01", TRACE.to_uppercase()),
            format!("00-{}-01", TRACE.replace('9', "x")),
            format!("00-{none}{none}-00f067aa0ba902b7-01"),
            format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{none}-01"),
            format!("00-{}-01", TRACE.replace('-', "")),
        ] {
            assert_eq!(read(&[&bad]), None, "{bad}");
        }
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[&good, &good]), None, "whose would it be?");
    }
}
