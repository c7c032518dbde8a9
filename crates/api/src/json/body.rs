//! Reads a body's bytes: the right media type, not too many.

use std::error::Error;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;

use super::missing;
use crate::problem::{Code, Problem};

/// The edge cut a body off at its limit.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the body is larger than {limit_bytes} bytes")]
pub struct TooLarge {
    /// The limit of the route.
    pub limit_bytes: usize,
}

/// Reads a body that must be JSON. The edge has bounded it.
///
/// # Errors
/// 415 when it does not say it is JSON in UTF-8 or is compressed, 422 when there is none, 413 when it is too large, 400 when the
/// client stopped sending.
pub async fn read(headers: &HeaderMap, mut body: Body) -> Result<Bytes, Problem> {
    if body.is_end_stream() || body.size_hint().exact() == Some(0) {
        return Err(missing());
    }
    if !is_json(headers.get(header::CONTENT_TYPE)) {
        let message = "The body must be sent as Content-Type: application/json in UTF-8";
        return Err(Problem::new(Code::UnsupportedMediaType, message));
    }
    if !headers.get_all(header::CONTENT_ENCODING).iter().all(is_plain) {
        let message = "The body must be sent as it is, without Content-Encoding";
        return Err(Problem::new(Code::UnsupportedMediaType, message));
    }
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| broken(&e))?;
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes.freeze())
}

/// `application/json` or `application/*+json`, in UTF-8.
fn is_json(content_type: Option<&HeaderValue>) -> bool {
    let Some(text) = content_type.and_then(|value| value.to_str().ok()) else { return false };
    let mut parts = text.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let Some(subtype) = media_type.strip_prefix("application/") else { return false };
    let named = subtype == "json" || subtype.strip_suffix("+json").is_some_and(|name| !name.is_empty());
    named
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => {
                charset.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

/// Not compressed: what a small body unpacks to has no bound.
fn is_plain(encoding: &HeaderValue) -> bool {
    encoding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")
}

fn broken(error: &axum::Error) -> Problem {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(too_large) = error.downcast_ref::<TooLarge>() {
            return Problem::too_large(too_large.limit_bytes);
        }
        cause = error.source();
    }
    Problem::new(Code::BadRequest, "The body ended before its time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        let is = |text: &'static str| is_json(Some(&HeaderValue::from_static(text)));
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/merge-patch+json",
            "application/json; profile=x",
        ] {
            assert!(is(good), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "application/json; charset=utf-16",
            "application/+json",
            "application/jsonx",
        ] {
            assert!(!is(bad), "{bad}");
        }
        assert!(!is_json(None));
    }
}
