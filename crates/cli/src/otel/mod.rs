//! Exports traces over OTLP: one span a request, with what its log line says, and one each for what the store did.
//! Nothing else is a span here, so no content, person, tenant or token can leave.

mod export;
mod wire;

use std::sync::Arc;
use std::time::Instant;

use memoryscope_domain::time::Timestamp;
use memoryscope_engine::port::{Clock, Ids};
use memoryscope_engine::traces;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::config::{Config, OtlpEndpoint};
use crate::{logging, wiring};

pub(crate) use export::Exporting;
use export::Queue;

/// The lowest bit of `traceparent`'s flags: the caller records its part of the trace.
const SAMPLED: u8 = 1;

/// Starts logging, and exporting where an endpoint is set, until what it returns is dropped.
///
/// # Errors
/// When logging has been started before, or the system gives no thread.
pub(crate) fn start(config: &Config) -> anyhow::Result<Option<Exporting>> {
    let Some(endpoint) = &config.otlp_endpoint.value else {
        logging::start(config)?;
        return Ok(None);
    };
    let (spans, exporting) = export(endpoint, config)?;
    let filter = Targets::new().with_target(traces::TARGET, LevelFilter::INFO);
    logging::start_with(config, vec![Box::new(spans.with_filter(filter))])?;
    Ok(Some(exporting))
}

fn export(endpoint: &OtlpEndpoint, config: &Config) -> anyhow::Result<(Spans, Exporting)> {
    let resource = wire::resource(env!("CARGO_PKG_VERSION"), &config.environment.value.to_string());
    let queue = Arc::new(Queue::default());
    let exporting = Exporting::start(endpoint, resource, Arc::clone(&queue))?;
    let (clock, ids) = (wiring::clock(), wiring::ids());
    Ok((Spans { queue, clock, ids }, exporting))
}

/// Turns spans of [`traces::TARGET`] into finished ones.
struct Spans {
    queue: Arc<Queue>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

/// Where a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    trace: [u8; 16],
    span: [u8; 8],
    parent: Option<[u8; 8]>,
    /// Whether anybody wants it.
    sampled: bool,
}

/// A span that has begun.
#[derive(Debug)]
struct Open {
    place: Place,
    name: &'static str,
    began: Timestamp,
    /// For its duration, which a clock that is set must not change.
    since: Instant,
    said: Said,
}

/// A span that has ended.
#[derive(Debug)]
struct Ended {
    place: Place,
    name: &'static str,
    began: Timestamp,
    nanos: u64,
    said: Said,
}

/// The closed list of what a span may say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    method: Option<String>,
    route: Option<String>,
    request_id: Option<String>,
    status: Option<u64>,
    traceparent: Option<String>,
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        let place = match field.name() {
            "method" => &mut self.method,
            "route" => &mut self.route,
            "request_id" => &mut self.request_id,
            "traceparent" => &mut self.traceparent,
            _ => return,
        };
        *place = Some(value.to_owned());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "status" {
            self.status = Some(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl Place {
    /// The same span in the caller's trace. The edge has checked the text.
    fn within(self, traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-').skip(1);
        let trace = u128::from_str_radix(parts.next()?, 16).ok()?.to_be_bytes();
        let parent = u64::from_str_radix(parts.next()?, 16).ok()?.to_be_bytes();
        let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
        Some(Self { trace, parent: Some(parent), sampled: flags & SAMPLED != 0, ..self })
    }

    fn child(self, span: [u8; 8]) -> Self {
        Self { span, parent: Some(self.span), ..self }
    }
}

impl Spans {
    /// A new trace's first span.
    fn root(&self) -> Place {
        let mut trace = self.ids.seed().0;
        // All zeros would mean none.
        trace[0] |= 1;
        Place { trace, span: self.name(), parent: None, sampled: true }
    }

    /// A new span's id.
    fn name(&self) -> [u8; 8] {
        let [first, .., a, b, c, d, e, f, g] = self.ids.seed().0;
        [first | 1, a, b, c, d, e, f, g]
    }
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let name = attributes.metadata().name();
        let place = if name == traces::REQUEST {
            Some(self.root())
        } else {
            // What jobs do belongs to no request.
            let parent = span.parent();
            parent
                .and_then(|parent| parent.extensions().get::<Open>().map(|open| open.place))
                .map(|place| place.child(self.name()))
        };
        let Some(place) = place else { return };
        let mut open =
            Open { place, name, began: self.clock.now(), since: Instant::now(), said: Said::default() };
        attributes.record(&mut open.said);
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        let Some(open) = extensions.get_mut::<Open>() else { return };
        values.record(&mut open.said);
        if let Some(place) = open.said.traceparent.take().and_then(|parent| open.place.within(&parent)) {
            open.place = place;
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else { return };
        if open.place.sampled {
            let nanos = u64::try_from(open.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let Open { place, name, began, said, .. } = open;
            self.queue.push(Ended { place, name, began, nanos, said });
        }
    }
}

#[cfg(test)]
mod tests;
