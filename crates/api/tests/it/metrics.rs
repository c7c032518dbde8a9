//! `GET /metrics`: scraped as Prometheus does it, and read as it reads.

use std::collections::{BTreeMap, BTreeSet};

use memoryscope_engine::jobs;
use memoryscope_engine::port::Clock as _;
use serde_json::json;

use crate::faulty::Fault;
use crate::governed::{App, Ask, memory, reading};

/// A page: the types by name, and the samples by name and labels as they are written.
#[derive(Debug)]
struct Page {
    types: BTreeMap<String, String>,
    samples: BTreeMap<String, f64>,
}

impl Page {
    async fn scrape(app: &App) -> Self {
        let answer = app.ask(Ask::new("GET /metrics")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
        Self::parse(&answer.text)
    }

    fn parse(text: &str) -> Self {
        let (mut types, mut helped) = (BTreeMap::new(), BTreeSet::new());
        let mut samples = BTreeMap::new();
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                helped.insert(help.split_once(' ').expect("a sentence").0.to_owned());
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect("a type");
                assert!(helped.contains(name) && types.insert(name.to_owned(), kind.to_owned()).is_none());
            } else {
                let (series, value) = line.rsplit_once(' ').expect("a series and a value");
                let name = series.split('{').next().expect("a name");
                let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
                let family =
                    family.filter(|family| types.get(*family).is_some_and(|kind| kind == "histogram"));
                assert!(types.contains_key(family.unwrap_or(name)), "{line}");
                let value = value.parse().expect("a number");
                assert!(samples.insert(series.to_owned(), value).is_none(), "{line} stands twice");
            }
        }
        Self { types, samples }
    }

    fn value(&self, series: &str) -> f64 {
        *self.samples.get(series).unwrap_or_else(|| panic!("{series} is not in {:#?}", self.samples))
    }

    /// The values of a label.
    fn label(&self, label: &str) -> BTreeSet<&str> {
        let start = format!("{label}=\"");
        let found = self.samples.keys().filter_map(|series| series.split_once(&start));
        found.map(|(_, rest)| rest.split('"').next().unwrap_or_default()).collect()
    }
}

fn requests(method: &str, route: &str, status: u16) -> String {
    format!("memoryscope_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}")
}

fn decisions(operation: &str, outcome: &str, purpose: &str) -> String {
    format!(
        "memoryscope_decisions_total{{operation=\"{operation}\",outcome=\"{outcome}\",purpose=\"{purpose}\"}}"
    )
}

#[tokio::test]
async fn what_happened_can_be_counted() {
    let app = App::new();
    for _ in 0..3 {
        assert_eq!(app.post("/memory", &memory()).await.status, 201);
    }
    assert_eq!(app.post("/memory/read", &reading()).await.status, 200);
    let wrong = json!({"user_id": "user-1", "scope": "preferences", "purpose": "schedule a call"});
    assert_eq!(app.post("/memory/read", &wrong).await.status, 403);
    assert_eq!(app.post("/memory", &json!({})).await.status, 422);
    app.ask(Ask::new("DELETE /memory/018f0000-0000-7000-8000-000000000000?user_id=user-1")).await;
    app.ask(Ask::new("BREW /a/canary-path")).await;

    let page = Page::scrape(&app).await;
    assert_eq!(page.value(&requests("POST", "/memory", 201)), 3.0);
    assert_eq!(page.value(&requests("POST", "/memory", 422)), 1.0);
    assert_eq!(page.value(&requests("POST", "/memory/read", 403)), 1.0);
    assert_eq!(page.value(&requests("DELETE", "/memory/{id}", 404)), 1.0);
    assert_eq!(page.value(&requests("OTHER", "none", 404)), 1.0);
    let took = |end: &str| format!("memoryscope_http_request_duration_seconds_{end}");
    let posts = "method=\"POST\",route=\"/memory\"";
    assert_eq!(page.value(&took(&format!("count{{{posts}}}"))), 4.0);
    assert_eq!(page.value(&took(&format!("bucket{{{posts},le=\"+Inf\"}}"))), 4.0);
    assert_eq!(page.value(&decisions("memory.create", "allowed", "none")), 3.0);
    assert_eq!(page.value(&decisions("memory.read", "allowed", "recommendation")), 1.0);
    assert_eq!(page.value(&decisions("memory.read", "denied", "scheduling")), 1.0);
    assert_eq!(page.value(&decisions("memory.delete", "not_found", "none")), 1.0);
    assert_eq!(page.value("memoryscope_build_info{version=\"0.0.0\"}"), 1.0);
    assert_eq!(page.value("memoryscope_store_up"), 1.0);

    // Each decision has its one entry in the chain, and nothing else has.
    let all = page.samples.iter().filter(|(series, _)| series.starts_with("memoryscope_decisions_total"));
    let head = app.head().await.seq.0;
    assert_eq!(all.map(|(_, count)| count).sum::<f64>(), head as f64);
    assert_eq!(page.value("memoryscope_audit_head"), head as f64);
    assert!(page.types.keys().all(|name| name.starts_with("memoryscope_")));
}

#[tokio::test]
async fn a_store_that_is_down_shows_and_counts_no_decision() {
    let app = App::new();
    app.post("/memory", &memory()).await;
    app.store.set(Fault::Unavailable);
    assert_eq!(app.post("/memory", &memory()).await.status, 503);
    let page = Page::scrape(&app).await;
    assert_eq!(page.value("memoryscope_store_up"), 0.0);
    assert_eq!(page.value(&requests("POST", "/memory", 503)), 1.0);
    assert_eq!(page.value(&decisions("memory.create", "allowed", "none")), 1.0);
    app.store.set(Fault::None);
    assert_eq!(Page::scrape(&app).await.value("memoryscope_store_up"), 1.0);
}

#[tokio::test]
async fn expiry_tells_how_late_it_was() {
    let app = App::new();
    app.post("/memory", &memory()).await;
    assert_eq!(jobs::expire_all(&app.engine).await.expect("a run"), 0);
    app.clock.advance_days(30);
    app.clock.advance_micros(2_500_000);
    let now = app.clock.now();
    assert_eq!(jobs::expire_all(&app.engine).await.expect("a run"), 1, "at {now}");
    let page = Page::scrape(&app).await;
    assert_eq!(page.value("memoryscope_expiry_lag_seconds"), 2.5);
    assert_eq!(page.value("memoryscope_expired_memories_total"), 1.0);
    assert_eq!(page.value("memoryscope_expiry_runs_total{result=\"ok\"}"), 2.0);
    assert_eq!(jobs::expire_all(&app.engine).await.expect("a run"), 0);
    assert_eq!(Page::scrape(&app).await.value("memoryscope_expiry_lag_seconds"), 0.0);
}

#[tokio::test]
async fn strangers_cannot_make_the_page_grow() {
    let app = App::new();
    let ask = |number: usize| {
        Ask::new(&format!("CANARY{number} /canary-{number}?canary={number}"))
            .with("x-memoryscope-tenant", &format!("t_canary{number}"))
            .with("x-memoryscope-client", &format!("canary-{number}"))
            .with("x-request-id", &format!("canary-{number}"))
    };
    app.ask(ask(0)).await;
    let before = Page::scrape(&app).await;
    let once_more = Page::scrape(&app).await;
    for number in 1..100 {
        app.ask(ask(number)).await;
        let body = json!({"user_id": format!("canary-{number}"), "scope": "canary", "purpose": "canary"});
        app.post("/memory/read", &body).await;
    }
    let after = Page::scrape(&app).await;
    assert!(before.samples.len() < once_more.samples.len(), "the scrape itself is counted");
    assert!(!format!("{after:?}").contains("canary"));
    let added: Vec<_> =
        after.samples.keys().filter(|series| !once_more.samples.contains_key(*series)).collect();
    assert!(added.iter().all(|series| series.contains("/memory/read") || series.contains("memory.read")));
    assert_eq!(after.label("route"), ["/memory/read", "/metrics", "none"].into());
}
