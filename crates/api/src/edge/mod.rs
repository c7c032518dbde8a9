//! What happens to every request, whatever its dialect: a name, a clock, a bound on time and size, one log
//! line, and one error body.
//!
//! From the outside in: name, time and log line; CORS; panics and time; the body's size; the routes. No
//! log line holds a path, a query string, a body or a user: the route's pattern is all that is said.

mod cors;
mod guard;
mod host;
mod limit;
mod trace;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use memoryscope_domain::ids::RequestId;
use memoryscope_domain::limits;
use memoryscope_domain::time::Timestamp;
use serde_json::Value;
use tracing::{Instrument as _, Span};

pub use cors::CorsConfig;
pub use guard::install_panic_hook;
pub use host::Hosts;

use crate::meta::RequestMeta;
use crate::metrics::Metrics;
use crate::problem::{self, Code, Problem};

/// The request's name, taken or given.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How long the answer took, in seconds.
pub const X_RESPONSE_TIME: HeaderName = HeaderName::from_static("x-response-time");

/// The status that the log line of a request has whose client went away before the answer.
const CLIENT_GONE: u16 = 499;

/// The bounds on requests, and who may ask from other origins.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// How long a request may take, its body's arrival included.
    pub timeout: Duration,
    /// The largest body.
    pub body_bytes_max: usize,
    /// The largest body of the routes in `batch_routes`.
    pub batch_body_bytes_max: usize,
    /// The patterns of the routes that take batches, as they were given to the router: `/memory/batch`.
    pub batch_routes: BTreeSet<String>,
    /// Other origins that browsers may ask from; `None` is the same origin only.
    pub cors: Option<CorsConfig>,
    /// The names that the server answers to; `None` is any.
    pub hosts: Option<Hosts>,
    /// The body of a refusal where a dialect has one of its own.
    pub refusal: RefusalBody,
}

/// The body of a refusal, by the route's pattern or the path that is no route's.
pub type RefusalBody = fn(&str, &Problem, &RequestMeta) -> Option<Value>;

impl Default for EdgeConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(limits::REQUEST_TIMEOUT_SECONDS),
            body_bytes_max: limits::BODY_BYTES_MAX,
            batch_body_bytes_max: limits::BATCH_BODY_BYTES_MAX,
            batch_routes: BTreeSet::new(),
            cors: None,
            hosts: None,
            refusal: |_, _, _| None,
        }
    }
}

/// What wraps the routes: the bounds, and the injected sources of time and names.
pub struct Edge {
    config: EdgeConfig,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    mint: Box<dyn Fn() -> RequestId + Send + Sync>,
    metrics: Option<Arc<Metrics>>,
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Edge {
    /// An edge with its clock and its source of request ids.
    pub fn new(
        config: EdgeConfig,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        mint: impl Fn() -> RequestId + Send + Sync + 'static,
    ) -> Self {
        Self { config, now: Box::new(now), mint: Box::new(mint), metrics: None }
    }

    /// The same, counting requests.
    #[must_use]
    pub fn measured_by(self, metrics: Arc<Metrics>) -> Self {
        Self { metrics: Some(metrics), ..self }
    }

    /// Wraps the routes. Give it the whole router: what is added later is not wrapped.
    pub fn wrap(self, router: Router) -> Router {
        let cors = self.config.cors.as_ref().map(CorsConfig::layer);
        let edge = Arc::new(self);
        let router = router
            .fallback(async || Problem::not_found())
            .method_not_allowed_fallback(async || Problem::new(Code::MethodNotAllowed, "Method not allowed"))
            .layer(from_fn_with_state(Arc::clone(&edge), guard::guard));
        let router = match cors {
            Some(cors) => router.layer(cors),
            None => router,
        };
        router.layer(from_fn_with_state(edge, frame))
    }

    fn meta(&self, request: &Request) -> RequestMeta {
        let sent = request.headers().get(&X_REQUEST_ID).and_then(|value| value.to_str().ok());
        let request_id = sent.and_then(|text| RequestId::parse(text).ok()).unwrap_or_else(|| (self.mint)());
        RequestMeta { request_id, now: (self.now)() }
    }

    fn body_bytes_max(&self, request: &Request) -> usize {
        let route = request.extensions().get::<MatchedPath>();
        if route.is_some_and(|route| self.config.batch_routes.contains(route.as_str())) {
            self.config.batch_body_bytes_max
        } else {
            self.config.body_bytes_max
        }
    }
}

/// Name, time, log line.
async fn frame(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let meta = edge.meta(&request);
    let mut line = LogLine {
        started: Instant::now(),
        method: method_name(request.method()),
        route: request.extensions().get::<MatchedPath>().cloned(),
        request_id: meta.request_id.clone(),
        status: CLIENT_GONE,
        metrics: edge.metrics.clone(),
        trace: Span::none(),
    };
    line.trace = trace::span(&line, request.headers());
    request.extensions_mut().insert(meta.clone());
    let path = line.route.is_none().then(|| request.uri().path().to_owned());
    let span = tracing::info_span!("request", request_id = meta.request_id.as_str());
    let response = next.run(request).instrument(line.trace.clone()).instrument(span).await;
    let refusal = |problem: &Problem| {
        let own = (edge.config.refusal)(path.as_deref().unwrap_or_else(|| line.route()), problem, &meta);
        own.unwrap_or_else(|| problem.body(&meta))
    };
    let mut response = problem::finish(plain_refusal(response), &refusal);
    line.status = response.status().as_u16();
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, header_value(meta.request_id.as_str()));
    headers.insert(X_RESPONSE_TIME, header_value(&format!("{:.3}", line.started.elapsed().as_secs_f64())));
    response
}

/// The log line of a request, its count and its trace, written when the request is over, however it ends.
struct LogLine {
    started: Instant,
    method: &'static str,
    route: Option<MatchedPath>,
    request_id: RequestId,
    status: u16,
    metrics: Option<Arc<Metrics>>,
    /// Ends with the line.
    trace: Span,
}

impl LogLine {
    /// The route's pattern; paths that match none are content.
    fn route(&self) -> &str {
        self.route.as_ref().map_or("none", MatchedPath::as_str)
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        let route = self.route();
        self.trace.record(trace::STATUS, self.status);
        let took = self.started.elapsed();
        if let Some(metrics) = &self.metrics {
            metrics.requested(self.method, route, self.status, took);
        }
        tracing::info!(
            target: "memoryscope::request",
            method = self.method,
            route,
            status = self.status,
            duration_ms = took.as_micros() as f64 / 1_000.0,
            request_id = self.request_id.as_str(),
            "request"
        );
    }
}

/// A method's name, unless the client made it up.
fn method_name(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|name| method.as_str() == *name).unwrap_or("OTHER")
}

/// A header from characters that we chose or checked.
fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// An extractor of the framework says no in plain text: the same no, in our body.
fn plain_refusal(response: Response) -> Response {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let plain = content_type.is_none_or(|value| value.as_bytes().starts_with(b"text/plain"));
    if Problem::of(&response).is_some() || !plain {
        return response;
    }
    let problem = match response.status() {
        StatusCode::BAD_REQUEST => Problem::new(Code::BadRequest, "The request is malformed"),
        StatusCode::NOT_FOUND => Problem::not_found(),
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(Code::MethodNotAllowed, "Method not allowed"),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::PayloadTooLarge, "The body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Problem::new(Code::UnsupportedMediaType, "The body must be sent as application/json")
        }
        _ => return response,
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.remove(header::CONTENT_LENGTH);
    let mut ours = problem.into_response();
    for (name, value) in &parts.headers {
        ours.headers_mut().append(name, value.clone());
    }
    ours
}
