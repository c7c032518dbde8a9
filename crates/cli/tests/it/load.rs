//! `memoryscope bench` and `memoryscope exercise`, against the real server. No speed is asserted.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::memories::reading;
use crate::places::Place;
use crate::process::{Said, Server, binary, run, until};

/// Runs short measurements, which print JSON.
#[track_caller]
fn bench(folder: &Path, arguments: &[&str]) -> Said {
    let short = ["bench", "--json", "--connections", "2", "--duration", "200ms", "--warm-up", "50ms"];
    run(folder, &[&short[..], &["--repeats", "2", "--users", "4"], arguments].concat())
}

/// JSON with types in the place of numbers, and with the first element only of lists of objects.
fn shape(value: &Value) -> Value {
    match value {
        Value::Number(_) => json!("number"),
        Value::Array(items) if items.first().is_some_and(Value::is_object) => json!([shape(&items[0])]),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        other => other.clone(),
    }
}

/// The cases of a server's report, each of which must have been answered rightly in every repeat.
#[track_caller]
fn measured(server: &Value) -> Vec<&str> {
    let cases = server["cases"].as_array().expect("cases");
    for case in cases {
        assert_eq!(case["errors"], 0, "{case:#}");
        let repeats = case["repeats"].as_array().expect("repeats");
        assert_eq!(repeats.len(), 2);
        for repeat in repeats {
            assert!(repeat["requests"].as_u64() > Some(0), "{case:#}");
            assert!(repeat["max_ms"].as_f64() > Some(0.0), "{case:#}");
        }
    }
    cases.iter().map(|case| case["case"].as_str().expect("a name")).collect()
}

#[test]
fn every_case_is_measured_on_a_server_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let more =
        ["--preload", "30", "--cold-start", "--large-scope", "200", "--growth", "1200", "--families", "1"];
    let said = bench(folder.path(), &more).expect(0);
    let mut report = said.json();
    let scoped = ["live", "create", "read10", "read1000", "mix"];
    let core = ["ingest", "derive", "query100", "querylarge", "querydenied", "reconstruct"];
    let later = ["reinforce", "explain", "replay"];
    let items = ["additem", "addgraph", "addbatch", "searchitems"];
    assert_eq!(measured(&report["servers"][0]), [&scoped[..], &core[..], &later[..], &items[..]].concat());
    assert_eq!(report["servers"][0]["families"]["revoked"], 1);
    assert_eq!(report["servers"][0]["growth"]["memories"], 1_200);
    assert!(report["servers"][0]["url"].as_str().expect("a URL").starts_with("http://127.0.0.1:"));
    report["servers"][0]["url"] = json!("a URL");
    report["servers"][0]["version"] = json!("a version");
    if let Some(cases) = report["servers"][0]["cases"].as_array_mut() {
        // The floor has no share of itself.
        cases.remove(0);
    }
    insta::assert_json_snapshot!(shape(&report));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");
}

#[test]
fn people_read_a_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let few = ["--connections", "1", "--duration", "50ms", "--warm-up", "0s", "--repeats", "1"];
    let said = run(folder.path(), &[&["bench", "--cases", "create"], &few[..]].concat()).expect(0);
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(lines[0].starts_with("1 connections, 0.05 s after 0 s of warm-up, 1 repeats, "), "{said:#?}");
    for start in ["CASE ", "live ", "create "] {
        assert!(lines.iter().any(|line| line.starts_with(start)), "{said:#?}");
    }
    assert!(said.err.is_empty(), "no bars where there is no terminal: {said:#?}");
}

#[test]
fn a_run_that_is_stopped_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = binary(folder.path());
    command.args(["bench", "--duration", "3600s"]).env("TMPDIR", folder.path()).stdout(Stdio::null());
    let child = command.stderr(Stdio::piped()).spawn().expect("the binary runs");
    until("a server with its store", || {
        let mut entries = std::fs::read_dir(folder.path()).expect("a folder").flatten();
        entries.any(|entry| entry.path().join("memoryscope.db").exists()).then_some(())
    });
    let kill = format!("kill -TERM {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh runs").success());
    let said: Said = child.wait_with_output().expect("it ends").into();
    assert_eq!(said.expect(1).err, "error: stopped before it was done\n");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn a_database_that_is_given_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = bench(folder.path(), &["--cases", "create", "--database-url", "sqlite://kept.db"]).expect(0);
    assert_eq!(measured(&said.json()["servers"][0]), ["live", "create"]);
    assert!(folder.path().join("kept.db").exists());
}

#[test]
fn postgresql_is_measured_where_it_is_named() {
    let Some(place) = Place::postgres() else { return };
    let named = ["--cases", "create,mix", "--database-url", place.url()];
    // In another folder than the place's own, whose .env names it too.
    let folder = tempfile::tempdir().expect("a folder");
    let report = bench(folder.path(), &named).expect(0).json();
    assert_eq!(measured(&report["servers"][0]), ["live", "create", "mix"]);
    assert_eq!(report["servers"][0]["database"], "postgresql");
    // Whoever does not name it does not write to it.
    let report = bench(place.folder(), &["--cases", "create"]).expect(0).json();
    assert_eq!(report["servers"][0]["database"], "sqlite");
}

#[test]
fn two_servers_are_compared() {
    let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (first, second) = (Server::start(one.path()), Server::start(other.path()));
    let [a, b] = [&first, &second].map(|server| format!("http://{}", server.address));
    let report = bench(one.path(), &["--cases", "mix", "--compare", &a, &b]).expect(0).json();
    for (server, url) in report["servers"].as_array().expect("servers").iter().zip([&a, &b]) {
        assert_eq!(server["url"], **url);
        assert_eq!(measured(server), ["live", "mix"]);
    }
    let ratios = report["ratios"].as_array().expect("ratios");
    assert_eq!(ratios.len(), 2);
    for ratio in ratios {
        assert!(ratio["requests_per_second"]["median"].as_f64() > Some(0.0), "{ratio:#}");
    }
}

/// A server that answers `200 {}` to everything, for as long as the test lasts.
fn yes_man() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // Each request is small and comes in one piece.
                let mut request = [0; 4_096];
                while stream.read(&mut request).is_ok_and(|count| count > 0) {
                    if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn wrong_answers_are_counted_told_and_end_in_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("http://{}", yes_man());
    let report = bench(folder.path(), &["--cases", "create", "--url", &url]).expect(1).json();
    assert_eq!(report["ok"], false);
    let cases = report["servers"][0]["cases"].as_array().expect("cases");
    assert_eq!((&cases[0]["errors"], &cases[1]["requests"]), (&json!(0), &json!(0)));
    assert!(cases[1]["errors"].as_u64() > Some(0));
    let wrong = report["wrong"][0].as_str().expect("a text");
    assert!(wrong.contains("create at") && wrong.contains("200 and not 201"), "{wrong}");
}

#[test]
fn servers_that_are_not_there_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    let url = format!("http://{address}");
    for command in ["bench", "exercise"] {
        let said = run(folder.path(), &[command, "--url", &url]).expect(1);
        let expected = format!("error: the server at {url} cannot be reached: ");
        assert!(said.err.starts_with(&expected), "{said:#?}");
        assert!(said.out.is_empty(), "{said:#?}");
        let said = run(folder.path(), &[command, "--url", "https://example.org"]).expect(1);
        assert_eq!(said.err, "error: \"https://example.org\" is no http://HOST:PORT\n");
    }
    let said = run(folder.path(), &["bench", "--database-url", "sqlite://no/such/folder/m.db"]).expect(1);
    assert!(said.err.contains("the server does not start: it ended with exit status: 1"), "{said:#?}");
    assert!(said.err.contains("no/such/folder/m.db"), "{said:#?}");
}

#[test]
fn the_test_app_finds_everything_as_promised() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let url = format!("http://{}", server.address);
    let plan = ["--users", "3", "--memories", "14", "--seed", "5", "--concurrency", "4"];
    let arguments = [&["exercise", "--json", "--url", &url], &plan[..]].concat();
    let report = run(folder.path(), &arguments).expect(0).json();
    assert_eq!((&report["ok"], &report["failures"]), (&json!(true), &json!([])));
    let phases = report["phases"].as_array().expect("phases");
    let told: Vec<_> = phases.iter().map(|phase| phase["phase"].as_str().unwrap_or_default()).collect();
    let names = ["store", "read", "read-denied", "continue", "revoke", "verify-revoked"];
    assert_eq!(told, names);
    assert!(phases.iter().all(|phase| phase["failed"] == 0 && phase["rate_percent"] == 100.0), "{report:#}");
    assert_eq!(phases[0]["requests"], 42);
    for phase in &phases[1..] {
        assert!(phase["requests"].as_u64() >= Some(18), "six scopes of three people: {phase}");
        assert_eq!(phase["requests"], phases[1]["requests"]);
    }

    // The same again, as people read it; the runs do not meet.
    let said = run(folder.path(), &[&["exercise", "--url", &url], &plan[..]].concat()).expect(0);
    assert!(said.out.contains("verify-revoked"), "{said:#?}");
    assert!(said.out.ends_with("Everything was as expected.\n"), "{said:#?}");
    assert!(said.err.is_empty(), "{said:#?}");
}

#[test]
fn the_test_app_says_what_was_not_as_promised() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "policy_version: open\nextends: builtin/default\nrules:\n  - id: open\n    then: {allow_read: true}\n";
    std::fs::write(folder.path().join("open.yaml"), text).expect("a policy");
    let server = Server::start_with(folder.path(), &["--policy", "open.yaml"]);
    server.client().post("/memory/read", &reading("nobody")).expect(200);
    let url = format!("http://{}", server.address);
    let arguments = ["exercise", "--url", &url, "--users", "1", "--memories", "6", "--run", "mine"];
    let said = run(folder.path(), &arguments).expect(1);
    let lines: Vec<&str> = said.out.lines().collect();
    let denied = lines.iter().find(|line| line.starts_with("read-denied")).expect("a row");
    let words: Vec<&str> = denied.split_whitespace().collect();
    assert_eq!(words[..5], ["read-denied", "6", "0", "6", "0.00"], "{said:#?}");
    assert!(lines.iter().any(|line| line.starts_with("  mine-read-denied-0 200: expected 403")), "{said:#?}");
    assert!(said.out.ends_with("NOT everything was as expected.\n"), "{said:#?}");
}
