//! Asking the core API as a client does: a running server over HTTP, or the same routes over a store that is opened here.
//! Both ways send the same JSON and get the same answer, so no command knows which one it is.

use std::fmt;
use std::sync::Arc;

use anyhow::Context as _;
use memoryscope_api::app::AppConfig;
use memoryscope_api::in_process::InProcess;
use memoryscope_api::metrics::Metrics;
use memoryscope_load::http::{Connection, Target};
use serde_json::Value;

use crate::config::{Config, LogLevel};
use crate::{logging, wiring};

/// Who answers.
pub(crate) enum Asked {
    /// A running server.
    Server(Target, Connection),
    /// The routes over a store.
    Store(InProcess),
}

/// Whether a database that is not there is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// By what stores.
    IsMade,
    /// Not by what reads.
    IsAnError,
}

impl Asked {
    /// A running server, by its URL.
    ///
    /// # Errors
    /// When the URL names none, or it cannot be reached.
    pub(crate) async fn server(url: &str) -> anyhow::Result<Self> {
        let target = Target::parse(url)?;
        let connection = Connection::open(&target).await;
        let connection = connection.with_context(|| format!("{} cannot be reached", target.url()))?;
        Ok(Self::Server(target, connection))
    }

    /// The store that the configuration names.
    ///
    /// # Errors
    /// When it cannot be opened, or the policy does not load.
    pub(crate) async fn store(mut config: Config, missing: Missing) -> anyhow::Result<Self> {
        // The line of each request is for servers; here it would stand between the answer's.
        if config.log_level.origin.is_default() {
            config.log_level.value = LogLevel::Warning;
        }
        logging::start(&config)?;
        let store = match missing {
            Missing::IsMade => wiring::open_store(&config, config.migrate.value).await?,
            Missing::IsAnError => wiring::open_existing_store(&config, false).await?,
        };
        let engine = wiring::engine(&config, store)?;
        let version = env!("CARGO_PKG_VERSION");
        let metrics = Arc::new(Metrics::new(version));
        let (timeout, items) = (config.request_timeout.value, wiring::items(&config));
        let app = AppConfig { timeout, cors: None, hosts: None, version, metrics, items };
        Ok(Self::Store(InProcess::new(&engine, app)))
    }

    /// Posts JSON and answers the JSON that comes back.
    ///
    /// # Errors
    /// [`Refused`] when the answer is an error; otherwise when none came.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        headers: &[(&'static str, &str)],
        body: &Value,
    ) -> anyhow::Result<Value> {
        let (status, body) = match self {
            Self::Store(routes) => routes.post(path, headers, body).await?,
            Self::Server(target, connection) => {
                let request = target.post(path, headers, body);
                let answer = connection.exchange(&request).await;
                let answer = answer.with_context(|| format!("{} gives no answer", target.url()))?;
                let body = serde_json::from_slice(answer.body);
                (answer.status, body.with_context(|| format!("{} answers no JSON", target.url()))?)
            }
        };
        if (200..300).contains(&status) { Ok(body) } else { Err(Refused { status, body }.into()) }
    }
}

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Refused {
    /// Whether the request itself was wrong, so that nothing was tried.
    pub(crate) const fn is_misuse(&self) -> bool {
        matches!(self.status, 400 | 422)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = &self.body["error"];
        let (code, message) = (error["code"].as_str(), error["message"].as_str());
        write!(f, "{}: {}", code.unwrap_or("unknown"), message.unwrap_or("no message"))?;
        if let Some(hint) = error["hint"].as_str() {
            write!(f, " ({hint})")?;
        }
        for field in self.body["detail"].as_array().into_iter().flatten() {
            let place: Vec<String> = field["loc"].as_array().into_iter().flatten().map(step).collect();
            write!(f, "\n  {} {}", place.join("."), field["msg"].as_str().unwrap_or_default())?;
        }
        match error["details"]["access_log_id"].as_str() {
            Some(id) => write!(f, "\n  recorded as {id}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refused {}

/// A step of a field's place: a name or a number.
fn step(step: &Value) -> String {
    step.as_str().map_or_else(|| step.to_string(), str::to_owned)
}
