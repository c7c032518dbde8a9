//! Reports errors and panics to Sentry: that something went wrong, where in the program, in which build. A panic's
//! message may quote what was being handled, so no message, field, request or host name leaves: see [`scrub`].

use sentry::protocol::Event;
use sentry::{ClientInitGuard, ClientOptions};
use sentry_tracing::ErrorLayer;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::config::{Config, SentryDsn};

/// Reports until the guard is dropped, which waits for what is under way.
pub(crate) fn start(dsn: &SentryDsn, config: &Config) -> ClientInitGuard {
    sentry::init(
        ClientOptions::new()
            .dsn(dsn.reveal())
            .release(concat!("memoryscope@", env!("CARGO_PKG_VERSION")))
            .environment(config.environment.value.to_string())
            .send_default_pii(false)
            .max_breadcrumbs(0)
            .before_send(|event| Some(scrub(event))),
    )
}

/// Turns a line logged as an error into a report.
pub(crate) fn layer<S: Subscriber + for<'span> LookupSpan<'span>>() -> impl Layer<S> {
    ErrorLayer::new().with_filter(LevelFilter::ERROR)
}

/// Keeps what is known when the program is written: where it was and of which kind the fault is.
fn scrub(event: Event<'static>) -> Event<'static> {
    let exception = event.exception.into_iter().map(|mut exception| {
        exception.value = None;
        exception
    });
    Event {
        event_id: event.event_id,
        level: event.level,
        timestamp: event.timestamp,
        platform: event.platform,
        release: event.release,
        environment: event.environment,
        logger: event.logger,
        sdk: event.sdk,
        exception: exception.collect::<Vec<_>>().into(),
        stacktrace: event.stacktrace,
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use sentry::protocol::{Exception, User};

    use super::*;

    #[test]
    fn no_content_leaves_in_a_report() {
        let exception =
            Exception { ty: "panic".to_owned(), value: Some("CANARY".to_owned()), ..Exception::default() };
        let mut event = Event {
            message: Some("CANARY".to_owned()),
            server_name: Some("CANARY".into()),
            user: Some(User { id: Some("CANARY".to_owned()), ..User::default() }),
            transaction: Some("CANARY".to_owned()),
            exception: vec![exception].into(),
            ..Event::default()
        };
        event.extra.insert("field".to_owned(), "CANARY".into());
        event.tags.insert("field".to_owned(), "CANARY".to_owned());
        let report = serde_json::to_string(&scrub(event)).expect("a report is JSON");
        assert!(report.contains("panic") && !report.contains("CANARY"), "{report}");
    }
}
