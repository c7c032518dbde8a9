//! The server's routes without a network: for commands that do on a store what a client does over the wire.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, header};
use memoryscope_engine::engine::Engine;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::app::{self, AppConfig};

/// Why a request could not be asked, or its answer not be read.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A header that no client could send.
    #[error("{0:?} is not a good value of a header")]
    Header(String),
    /// What came back is not what the routes answer with.
    #[error("the answer cannot be read: {0}")]
    Answer(String),
}

/// Every route of the server, asked in this process. A request takes the same way as one from the network: admission,
/// strict reading, the engine, the audit log.
#[derive(Debug, Clone)]
pub struct InProcess(Router);

impl InProcess {
    /// The routes over an engine; `config.hosts` does not matter to what has no host.
    #[must_use]
    pub fn new(engine: &Arc<Engine>, config: AppConfig) -> Self {
        Self(app::router(engine, AppConfig { hosts: None, ..config }))
    }

    /// Posts JSON, and answers the status code and the JSON that comes back.
    ///
    /// # Errors
    /// When a header cannot be sent, or the answer is no JSON.
    pub async fn post(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
        body: &Value,
    ) -> Result<(u16, Value), Fault> {
        let mut request = Request::post(path);
        for (name, value) in headers {
            let sent = HeaderValue::from_bytes(value.as_bytes());
            request = request
                .header(HeaderName::from_static(name), sent.map_err(|_| Fault::Header((*value).to_owned()))?);
        }
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .map_err(|why| Fault::Answer(why.to_string()))?;
        // The routes answer every request: their error has no value.
        let Ok(response) = self.0.clone().oneshot(request).await;
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .map_err(|why| Fault::Answer(why.to_string()))?;
        let body = serde_json::from_slice(&bytes).map_err(|why| Fault::Answer(why.to_string()))?;
        Ok((status, body))
    }
}
