//! `GET /metrics` of the real server: the numbers that only a real store has.

use crate::memories::{create, reading};
use crate::process::Server;

/// The value of a series.
#[track_caller]
fn value(page: &str, series: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{series} is not in\n{page}"))
}

#[test]
fn commits_are_measured_and_no_content_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let mut client = server.client();
    for number in 0..5 {
        create(&mut client, "canary-user", &format!("canary {number}"));
    }
    client.post("/memory/read", &reading("canary-user")).expect(200);
    let answer = client.get("/metrics").expect(200);
    let page = String::from_utf8(answer.body).expect("UTF-8");
    assert_eq!(value(&page, "memoryscope_commit_batch_size_sum"), 6.0);
    let transactions = value(&page, "memoryscope_commit_batch_size_count");
    assert!((1.0..=6.0).contains(&transactions));
    assert_eq!(value(&page, "memoryscope_commit_duration_seconds_count"), transactions);
    assert!(value(&page, "memoryscope_commit_duration_seconds_sum") > 0.0);
    assert_eq!(value(&page, "memoryscope_audit_head"), 6.0);
    assert_eq!(value(&page, "memoryscope_store_up"), 1.0);
    assert!(!page.contains("canary"));
}
