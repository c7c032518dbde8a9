//! One question to an endpoint, over HTTP.

use std::fmt;
use std::time::Duration;

use memoryscope_domain::limits;
use tokio::sync::oneshot;
use ureq::http::HeaderValue;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::key::ApiKey;
use crate::retry::Broken;

/// How long a connection is waited for, however long an answer may take.
const CONNECT_SECONDS_MAX: u64 = 10;

/// Where questions go.
pub(crate) struct Endpoint {
    agent: ureq::Agent,
    url: String,
    authorization: Option<HeaderValue>,
    answer_bytes_max: u64,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Endpoint {
    /// `base` is the protocol's base URL, and `path` what is asked for there.
    pub(crate) fn new(base: &str, path: &str, key: Option<&ApiKey>, timeout: Duration) -> Self {
        let connect = timeout.min(Duration::from_secs(CONNECT_SECONDS_MAX));
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A text goes where it was told to go, and a key nowhere else.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(timeout))
            .timeout_resolve(Some(connect))
            .timeout_connect(Some(connect))
            .user_agent(concat!("memoryscope/", env!("CARGO_PKG_VERSION")));
        if base.starts_with("https://") {
            config = config.tls_config(TlsConfig::builder().root_certs(roots()).build());
        }
        let authorization = key.and_then(|key| {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", key.reveal())).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        let url = format!("{}/{path}", base.trim_end_matches('/'));
        let answer_bytes_max = limits::MODEL_ANSWER_BYTES_MAX;
        Self { agent: config.build().new_agent(), url, authorization, answer_bytes_max }
    }

    /// The same, reading answers of so many bytes.
    pub(crate) fn reading(self, answer_bytes_max: u64) -> Self {
        Self { answer_bytes_max, ..self }
    }

    /// Sends a question and waits for the reply.
    ///
    /// It is waited for on a thread of its own: a runtime that ends waits for its own blocking tasks, and a server that is told to
    /// stop must not wait for a model.
    pub(crate) async fn post(&self, body: String) -> Result<Reply, Broken> {
        let (say, said) = oneshot::channel();
        let (agent, url, authorization) = (self.agent.clone(), self.url.clone(), self.authorization.clone());
        let answer_bytes_max = self.answer_bytes_max;
        let thread = std::thread::Builder::new().name("model".to_owned()).spawn(move || {
            // Nobody listens once the job was ended.
            let _ = say.send(call(&agent, &url, authorization, body, answer_bytes_max));
        });
        match thread {
            Ok(_) => said.await.unwrap_or(Err(Broken::Connection)),
            Err(_) => Err(Broken::Connection),
        }
    }
}

fn call(
    agent: &ureq::Agent,
    url: &str,
    authorization: Option<HeaderValue>,
    body: String,
    answer_bytes_max: u64,
) -> Result<Reply, Broken> {
    let mut request = agent.post(url).content_type("application/json").header("accept", "application/json");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let mut response = request.send(body).map_err(|error| broken(&error))?;
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let retry_after = retry_after.map(str::to_owned);
    // What is no answer is not read: it says nothing that is shown.
    if !response.status().is_success() {
        return Ok(Reply { status, retry_after, body: Vec::new() });
    }
    let reader = response.body_mut().with_config().limit(answer_bytes_max);
    let body = reader.read_to_vec().map_err(|error| broken(&error))?;
    Ok(Reply { status, retry_after, body })
}

fn broken(error: &ureq::Error) -> Broken {
    use ureq::{Error, Timeout};
    match error {
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => Broken::Connection,
        Error::Timeout(_) => Broken::Timeout,
        Error::BodyExceedsLimit(_) => Broken::TooLarge,
        Error::Protocol(_) | Error::LargeResponseHeader(..) => Broken::Protocol,
        _ => Broken::Connection,
    }
}

/// Whom this machine trusts, as everything else on it; the web's authorities where it trusts nobody.
pub(crate) fn roots() -> RootCerts {
    let own = rustls_native_certs::load_native_certs().certs;
    if own.is_empty() {
        return RootCerts::WebPki;
    }
    let certificates = own.iter().map(|certificate| Certificate::from_der(certificate.as_ref()).to_owned());
    RootCerts::from(certificates)
}
