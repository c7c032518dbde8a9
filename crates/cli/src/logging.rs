//! Log lines to standard error: for people, or one JSON object each. Never content (see SECURITY.md).

use std::io::{self, IsTerminal as _};

use memoryscope_engine::traces;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt};

use crate::config::{Config, LogFormat, LogLevel};

/// What listens, each with a filter of its own: one without would hear everything.
pub(crate) type Listener = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logging for the life of the process.
///
/// # Errors
/// When it has been started before.
pub(crate) fn start(config: &Config) -> anyhow::Result<()> {
    start_with(config, Vec::new())
}

/// The same, with others that listen.
///
/// # Errors
/// When it has been started before.
pub(crate) fn start_with(config: &Config, mut listeners: Vec<Listener>) -> anyhow::Result<()> {
    let lines: Listener = match config.log_format.value {
        LogFormat::Json => {
            Box::new(fmt::layer().json().flatten_event(true).with_current_span(false).with_writer(io::stderr))
        }
        LogFormat::Human => {
            let colour =
                io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
            Box::new(fmt::layer().with_ansi(colour).with_writer(io::stderr))
        }
    };
    listeners.push(Box::new(lines.with_filter(filter(config.log_level.value))));
    #[cfg(feature = "sentry")]
    listeners.push(Box::new(crate::sentry_report::layer()));
    tracing_subscriber::registry().with(listeners).try_init()?;
    Ok(())
}

/// Our own crates at the level that was asked for; all others only when something is wrong, because what a
/// library says at `DEBUG` may quote a request. What is traced stands in a request's line already.
fn filter(level: LogLevel) -> Targets {
    let ours = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    Targets::new()
        .with_default(ours.min(LevelFilter::WARN))
        .with_target("memoryscope", ours)
        .with_target(traces::TARGET, LevelFilter::OFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn other_crates_speak_only_when_something_is_wrong() {
        let debug = filter(LogLevel::Debug);
        assert!(debug.would_enable("memoryscope_store::sqlite", &Level::DEBUG));
        assert!(debug.would_enable("hyper", &Level::WARN));
        assert!(!debug.would_enable("hyper", &Level::INFO));
        assert!(!debug.would_enable(traces::TARGET, &Level::INFO));
        let error = filter(LogLevel::Error);
        assert!(!error.would_enable("hyper", &Level::WARN));
        assert!(!error.would_enable("memoryscope", &Level::WARN));
        assert!(error.would_enable("memoryscope_api", &Level::ERROR));
    }
}
