//! The one error body. A [`Problem`] is what any code at the edge answers when it cannot do as asked.
//!
//! A handler returns it; the edge knows the request's id and time and writes the body. Where a dialect has
//! an envelope of its own, it takes the problem out of the response ([`Problem::of`]) before the edge does.
//! What is shown is apart from what is logged: nothing that a cause says reaches a caller.

mod code;

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

pub use code::Code;

use crate::meta::RequestMeta;
use crate::wire::FieldError;

/// The most wrong fields that one answer lists; `details.omitted_count` says how many more there are.
pub const FIELDS_SHOWN_MAX: usize = 100;

/// After how many seconds a client may come back, where nobody knows better.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Why a request is not done, and what the caller is told of it.
#[derive(Debug, Clone)]
pub struct Problem(Arc<Told>);

/// What the caller is told.
#[derive(Debug, Clone)]
struct Told {
    code: Code,
    message: Cow<'static, str>,
    fields: Vec<FieldError>,
    details: Map<String, Value>,
    hint: Option<Cow<'static, str>>,
    retry_after_seconds: Option<u32>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with a message that names no content, SQL, file or stack.
    #[must_use]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        let waits = matches!(code.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
            || code == Code::InProgress;
        Self(Arc::new(Told {
            code,
            message: message.into(),
            fields: Vec::new(),
            details: Map::new(),
            hint: None,
            retry_after_seconds: waits.then_some(RETRY_AFTER_SECONDS),
            headers: Vec::new(),
        }))
    }

    /// All the wrong fields of a request.
    #[must_use]
    pub fn invalid(mut fields: Vec<FieldError>) -> Self {
        let omitted = fields.len().saturating_sub(FIELDS_SHOWN_MAX);
        fields.truncate(FIELDS_SHOWN_MAX);
        let problem = Self::new(Code::ValidationError, "Request validation failed");
        let problem = problem.with(|told| told.fields = fields);
        if omitted > 0 { problem.detail("omitted_count", omitted) } else { problem }
    }

    /// Absent, or hidden: the same bytes for both.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "Not found")
    }

    /// A bug. The chain of causes is logged under `id`; the caller sees the id alone.
    ///
    /// A cause's text must not hold content: it goes to the log.
    #[must_use]
    pub fn bug(id: &str, cause: &(dyn Error + 'static)) -> Self {
        tracing::error!(bug_id = id, cause = chain(cause), "bug");
        Self::new(Code::InternalError, format!("Internal error {id}"))
            .detail("bug_id", id)
            .hint("This is a bug in the server: report it with its id")
    }

    /// The body is larger than `limit_bytes`.
    #[must_use]
    pub fn too_large(limit_bytes: usize) -> Self {
        Self::new(Code::PayloadTooLarge, format!("The body is larger than {limit_bytes} bytes"))
            .detail("limit_bytes", limit_bytes)
    }

    /// What the caller can do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.with(|told| told.hint = Some(hint.into()))
    }

    /// A member of `error.details`.
    #[must_use]
    pub fn detail(self, name: &str, value: impl Into<Value>) -> Self {
        self.with(|told| drop(told.details.insert(name.to_owned(), value.into())))
    }

    /// After how many seconds the caller may come back.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.with(|told| told.retry_after_seconds = Some(seconds))
    }

    /// A header of the answer, such as `WWW-Authenticate`.
    #[must_use]
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.with(|told| told.headers.push((name, value)))
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.code.status()
    }

    /// The message for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The wrong fields, where there are any.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// The `error` object: what `/v1` puts under `problem`.
    #[must_use]
    pub fn error(&self, meta: &RequestMeta) -> Value {
        let told = &*self.0;
        let mut details = told.details.clone();
        if told.code == Code::ValidationError {
            details.insert("fields".to_owned(), told.fields.iter().map(FieldError::as_field).collect());
        }
        let mut error = json!({
            "code": told.code.as_str(),
            "message": told.message,
            "request_id": meta.request_id.as_str(),
            "timestamp": meta.now.to_string(),
            "details": details,
        });
        if let Some(hint) = &told.hint {
            error["hint"] = json!(hint);
        }
        error
    }

    /// `detail`: one sentence, or a 422's list.
    #[must_use]
    pub fn fastapi_detail(&self) -> Value {
        if self.0.code == Code::ValidationError {
            self.0.fields.iter().map(FieldError::as_detail).collect()
        } else {
            json!(self.0.message)
        }
    }

    /// The whole body.
    #[must_use]
    pub fn body(&self, meta: &RequestMeta) -> Value {
        json!({"error": self.error(meta), "detail": self.fastapi_detail()})
    }

    /// The whole answer, with the problem in its extensions.
    #[must_use]
    pub fn response(&self, meta: &RequestMeta) -> Response {
        let mut response = self.clone().into_response();
        self.write_body(&mut response, &self.body(meta));
        response
    }

    /// The problem that a response stands for, if it does.
    #[must_use]
    pub fn of(response: &Response) -> Option<Self> {
        response.extensions().get::<Self>().cloned()
    }

    /// Puts `body` (a dialect's envelope) into the response and marks it as written.
    pub fn write_body(&self, response: &mut Response, body: &Value) {
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.extensions_mut().insert(Written);
        *response.body_mut() = Body::from(body.to_string());
    }

    fn with(mut self, change: impl FnOnce(&mut Told)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

/// Marks a response whose problem has its body already.
#[derive(Debug, Clone, Copy)]
struct Written;

/// The edge's last step: writes the body of a problem that nobody has written yet.
pub(crate) fn finish(mut response: Response, body: &dyn Fn(&Problem) -> Value) -> Response {
    if let Some(problem) = Problem::of(&response)
        && response.extensions().get::<Written>().is_none()
    {
        problem.write_body(&mut response, &body(&problem));
    }
    response
}

/// The status and headers, and the problem itself for the edge, which writes the body.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        if let Some(seconds) = self.0.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        for (name, value) in &self.0.headers {
            headers.append(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// A cause and all that stands behind it.
fn chain(cause: &(dyn Error + 'static)) -> String {
    let mut text = cause.to_string();
    let mut next = cause.source();
    while let Some(cause) = next {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
