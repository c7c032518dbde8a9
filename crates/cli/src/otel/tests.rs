//! The layer without a collector, and the queue without a network.

use memoryscope_domain::ids::IdSeed;
use serde_json::{Value, json};
use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";

#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(1_795_317_589_980_281)
    }
}

impl Ids for Fixed {
    fn seed(&self) -> IdSeed {
        IdSeed([0xab; 16])
    }
}

/// What is exported of what happens in `work`.
fn exported(work: impl FnOnce()) -> Vec<Value> {
    let queue = Arc::new(Queue::default());
    let spans = Spans { queue: Arc::clone(&queue), clock: Arc::new(Fixed), ids: Arc::new(Fixed) };
    let filter = Targets::new().with_target(traces::TARGET, LevelFilter::INFO);
    let subscriber = tracing_subscriber::registry().with(spans.with_filter(filter));
    tracing::subscriber::with_default(subscriber, work);
    queue.close();
    let mut sent = Vec::new();
    export::run(&queue, |spans| {
        let body = wire::request(&json!({}), spans);
        sent.extend(body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().expect("spans").clone());
        Ok(())
    });
    sent
}

fn request(traceparent: Option<&str>, status: u16) {
    let span = info_span!(
        target: traces::TARGET,
        traces::REQUEST,
        method = "GET",
        route = "/memory/{id}",
        request_id = "r-1",
        other = "CANARY",
        status = tracing::field::Empty,
        traceparent = tracing::field::Empty,
    );
    if let Some(parent) = traceparent {
        span.record("traceparent", parent);
    }
    let entered = span.enter();
    // One of the log's, in between, with content.
    let logged = info_span!("CANARY", user = "CANARY");
    let between = logged.enter();
    drop(info_span!(target: traces::TARGET, traces::LOAD, what = "CANARY"));
    drop((between, entered));
    span.record("status", status);
}

#[test]
fn a_request_and_its_parts_are_one_trace() {
    let sent = exported(|| request(Some(&format!("{PARENT}-01")), 503));
    let [load, request] = sent.as_slice() else { panic!("two spans: {sent:?}") };
    assert_eq!(load["name"], "load");
    assert_eq!(load["parentSpanId"], request["spanId"]);
    for span in [load, request] {
        assert_eq!(span["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(span["startTimeUnixNano"], "1795317589980281000");
    }
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    assert_eq!(
        request["attributes"],
        json!([
            text("http.request.method", "GET"),
            text("http.route", "/memory/{id}"),
            text("memoryscope.request_id", "r-1"),
            {"key": "http.response.status_code", "value": {"intValue": "503"}},
        ])
    );
    assert_eq!((&request["name"], &request["kind"]), (&json!("GET /memory/{id}"), &json!(2)));
    assert_eq!(
        (&request["parentSpanId"], &request["status"]["code"]),
        (&json!("00f067aa0ba902b7"), &json!(2))
    );
    assert!(!json!(sent).to_string().contains("CANARY"), "{sent:?}");
}

#[test]
fn whose_caller_does_not_record_is_not_recorded() {
    assert_eq!(exported(|| request(Some(&format!("{PARENT}-00")), 200)), Vec::<Value>::new());
    let sent = exported(|| request(None, 200));
    assert_eq!(sent[1]["traceId"], "ab".repeat(16));
    assert!(sent[1]["parentSpanId"].is_null() && sent[1]["status"].is_null(), "{sent:?}");
}

#[test]
fn what_belongs_to_no_request_stays_here() {
    let sent = exported(|| drop(info_span!(target: traces::TARGET, traces::COMMIT)));
    assert_eq!(sent, Vec::<Value>::new());
}

fn ended() -> Ended {
    let place = Place { trace: [1; 16], span: [2; 8], parent: None, sampled: true };
    Ended { place, name: "load", began: Fixed.now(), nanos: 1, said: Said::default() }
}

#[test]
fn the_queue_is_bounded_and_says_what_it_dropped() {
    let queue = Queue::default();
    (0..5_000).for_each(|_| queue.push(ended()));
    let first = queue.next().expect("a batch");
    assert_eq!((first.spans.len(), first.dropped, first.closing), (512, 904, false));
    queue.close();
    let rest: Vec<_> = std::iter::from_fn(|| queue.next()).collect();
    assert_eq!(rest.iter().map(|batch| batch.spans.len()).sum::<usize>(), 4_096 - 512);
    assert!(rest.iter().all(|batch| batch.dropped == 0 && batch.closing));
}

#[test]
fn a_collector_that_fails_is_not_waited_for_at_the_end() {
    let queue = Queue::default();
    (0..2_000).for_each(|_| queue.push(ended()));
    queue.close();
    let mut tries = 0;
    export::run(&queue, |_| {
        tries += 1;
        Err("no route to host".to_owned())
    });
    assert_eq!(tries, 1);
}
