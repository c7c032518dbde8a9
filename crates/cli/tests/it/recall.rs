//! `memoryscope bench recall` and `memoryscope bench search`, against the real server. No speed is asserted.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::process::{Said, Server, run};

/// A small file in LoCoMo's format, made up for this: each question but one is answered by what shares words with it.
fn dataset() -> Value {
    let turn = |id: &str, speaker: &str, text: &str| json!({"dia_id": id, "speaker": speaker, "text": text});
    let asked = |question: &str, category: u8, evidence: &[&str]| json!({"question": question, "category": category, "evidence": evidence});
    json!([
        {
            "conversation": {
                "speaker_a": "Ida", "speaker_b": "Olu",
                "session_1_date_time": "1:56 pm on 8 May, 2023",
                "session_1": [
                    turn("D1:1", "Ida", "My pottery class starts in June."),
                    turn("D1:2", "Olu", "I adopted a greyhound."),
                    {"dia_id": "D1:3", "speaker": "Ida", "text": "Look!", "blip_caption": "a turquoise vase"},
                ],
                "session_2_date_time": "12:05 am on 1 June, 2023",
                "session_2": [
                    turn("D2:1", "Olu", "The greyhound ate my sandals."),
                    turn("D2:2", "Ida", "The kiln cracked."),
                ],
            },
            "qa": [
                asked("When does the pottery class start?", 2, &["D1:1"]),
                asked("What happened with the greyhound?", 1, &["D1:2; D2:01", "D2"]),
                asked("What broke?", 4, &["D2:2"]),
                asked("Who has turquoise things?", 4, &["D1:3"]),
                asked("Who sold the kiln?", 5, &["D2:2"]),
                asked("What will Ida do next year?", 3, &["D7:1"]),
            ],
        },
        {
            "conversation": {
                "session_1_date_time": "9:00 am on 2 January, 2024",
                "session_1": [turn("D1:1", "Uma", "A greyhound passed by.")],
            },
            "qa": [asked("What about the greyhound?", 4, &["D1:1"])],
        },
    ])
}

#[track_caller]
fn recall(folder: &Path, arguments: &[&str]) -> Said {
    std::fs::write(folder.join("talks.json"), dataset().to_string()).expect("a file");
    run(folder, &[&["bench", "recall", "--dataset", "talks.json", "--words-only"], arguments].concat())
}

#[test]
fn recall_is_told_of_each_category() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = recall(folder.path(), &["--cutoffs", "20,1,1", "--json"]).expect(0).json();
    let category = |categories: &[u8], questions: u8, recall: &Value| json!({"categories": categories, "questions": questions, "recall": recall});
    // Of the greyhound's two turns one is among the first one. What broke is not said in these words, and what a picture
    // shows is not stored unless that is asked for.
    let expected = [
        category(&[1, 2, 3, 4], 5, &json!([0.5, 0.6])),
        category(&[1], 1, &json!([0.5, 1.0])),
        category(&[2], 1, &json!([1.0, 1.0])),
        category(&[3], 0, &json!([null, null])),
        category(&[4], 3, &json!([1.0 / 3.0, 1.0 / 3.0])),
        category(&[5], 1, &json!([1.0, 1.0])),
    ];
    assert_eq!(report["cutoffs"], json!([1, 20]));
    assert_eq!(report["groups"], json!(expected), "{report:#}");
    assert_eq!(
        report["data"],
        json!({
            "conversations": [1, 2], "turns": 6, "captions": false, "questions": 7, "without_evidence": 1,
            "unknown": [{"place": "[0].qa[5]", "text": "D7:1"}],
            "unreadable": [{"place": "[0].qa[1]", "text": "D2"}],
            "repeated": [],
        })
    );
    assert_eq!(
        (&report["vectors"], &report["wrong"], &report["ok"]),
        (&json!(null), &json!([]), &json!(true))
    );
    assert_eq!((&report["search"]["searches"], &report["ingest"]["memories"]), (&json!(6), &json!(6)));
    assert!(report["database_bytes"]["file"].as_u64() > Some(0), "{report:#}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left behind");
}

#[test]
fn recall_is_a_table_for_people() {
    let folder = tempfile::tempdir().expect("a folder");
    let chosen = ["--conversations", "1", "--captions", "--cutoffs", "1,5", "--database", "sqlite://kept.db"];
    let said = recall(folder.path(), &chosen).expect(0);
    // What comes behind the table are speeds and sizes.
    let parts: Vec<&str> = said.out.split("\n\n").collect();
    let told = [&parts[..2], &parts[3..]].concat().join("\n\n");
    insta::assert_snapshot!(told);
    assert!(
        parts[2].starts_with("stored in ") && parts[2].contains("the database (sqlite) has "),
        "{said:#?}"
    );
    assert!(said.err.is_empty(), "no bars where there is no terminal: {said:#?}");
    assert!(folder.path().join("kept.db").exists());
}

#[test]
fn recall_asks_a_server_that_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    std::fs::write(folder.path().join("talks.json"), dataset().to_string()).expect("a file");
    let url = format!("http://{}", server.address);
    let asking =
        ["bench", "recall", "--dataset", "talks.json", "--conversations", "2", "--url", &url, "--json"];
    // Twice: another run's memories are not found.
    for _ in 0..2 {
        let report = run(folder.path(), &asking).expect(0).json();
        assert_eq!(report["groups"][0]["recall"], json!([1.0, 1.0, 1.0]), "{report:#}");
        assert_eq!((&report["url"], &report["database"]), (&json!(url), &json!(null)));
    }
}

#[test]
fn recall_refuses_what_it_cannot_read() {
    let folder = tempfile::tempdir().expect("a folder");
    #[track_caller]
    fn check(folder: &Path, file: &Value, arguments: &[&str], expect: &str) {
        std::fs::write(folder.join("odd.json"), file.to_string()).expect("a file");
        let said =
            run(folder, &[&["bench", "recall", "--dataset", "odd.json"], arguments].concat()).expect(1);
        assert_eq!((said.err.as_str(), said.out.as_str()), (expect, ""));
    }
    let mut odd = dataset();
    odd[0]["conversation"]["session_2_date_time"] = json!("yesterday");
    let place = "[0].conversation.session_2_date_time";
    let wrong = format!("error: odd.json: {place}: must be a time such as \"1:56 pm on 8 May, 2023\"\n");
    check(folder.path(), &odd, &[], &wrong);
    let wrong = "error: --conversations names 3, and the file has 2\n";
    check(folder.path(), &dataset(), &["--conversations", "1,3"], wrong);
    let said = run(folder.path(), &["bench", "recall", "--dataset", "none.json"]).expect(1);
    assert!(said.err.starts_with("error: none.json cannot be read: "), "{said:#?}");
    let mut long = dataset();
    long[0]["conversation"]["session_1"][1]["text"] = json!("x".repeat(20_000));
    std::fs::write(folder.path().join("odd.json"), long.to_string()).expect("a file");
    let said = run(folder.path(), &["bench", "recall", "--dataset", "odd.json", "--words-only"]).expect(1);
    assert!(said.err.contains("conversation 1, the batch from D1:1: D1:2 is refused: "), "{said:#?}");
    let usage = [("--cutoffs", "0"), ("--cutoffs", "5,101"), ("--conversations", "3-1"), ("--timeout", "5")];
    for (flag, wrong) in usage {
        run(folder.path(), &["bench", "recall", "--dataset", "odd.json", flag, wrong]).expect(2);
    }
}

/// A server that searches by vectors and makes one of them each time that it is asked whether it is ready; three are missing as soon
/// as something is stored. It finds what is found only when none is.
fn slow_with_vectors() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let pending = Arc::new(AtomicU64::new(0));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let pending = Arc::clone(&pending);
            std::thread::spawn(move || {
                // Each request is small and comes in one piece.
                let mut request = [0; 8_192];
                while let Ok(count @ 1..) = stream.read(&mut request) {
                    let asked = String::from_utf8_lossy(&request[..count]).into_owned();
                    let left = pending.load(Ordering::SeqCst);
                    let body = if asked.starts_with("GET /healthz/ready ") {
                        pending.store(left.saturating_sub(1), Ordering::SeqCst);
                        json!({"models": "ok", "embedding": {"model": "a-model:1", "pending": left}})
                    } else if asked.starts_with("POST /v1/memory/batch ") {
                        pending.store(3, Ordering::SeqCst);
                        json!({})
                    } else {
                        let found = json!([{"customMetadata": {"dia_id": "D1:1"}}]);
                        json!({"data": {"memories": if left == 0 { found } else { json!([]) }}})
                    };
                    let body = body.to_string();
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    if stream.write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn recall_waits_for_vectors() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("talks.json"), dataset().to_string()).expect("a file");
    let url = format!("http://{}", slow_with_vectors());
    let asking =
        ["bench", "recall", "--dataset", "talks.json", "--conversations", "2", "--json", "--url", &url];
    let report = run(folder.path(), &asking).expect(0).json();
    assert_eq!(report["vectors"]["model"], "a-model:1");
    assert!(report["vectors"]["lag_ms"].as_f64() > Some(0.0), "{report:#}");
    assert_eq!(report["groups"][0]["recall"], json!([1.0, 1.0, 1.0]));
    let said = run(folder.path(), &[&asking[..], &["--timeout", "0s"]].concat()).expect(1);
    assert_eq!(said.err, "error: 3 memories have no vector yet after 0 s: --timeout gives it longer\n");
    run(folder.path(), &[&asking[..], &["--words-only"]].concat()).expect(2);
}

/// JSON with types in the place of numbers.
fn shape(value: &Value) -> Value {
    match value {
        Value::Number(_) => json!("number"),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        other => other.clone(),
    }
}

/// Short measurements of few memories.
const SHORT: [&str; 16] = [
    "bench",
    "search",
    "--words-only",
    "--duration",
    "100ms",
    "--warm-up",
    "0s",
    "--repeats",
    "2",
    "--probes",
    "3",
    "--writes-per-second",
    "20",
    "--scopes",
    "2",
    "--seed=3",
];

#[test]
fn searches_are_measured_at_each_size() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = [&SHORT[..], &["--memories", "600,200", "--json"]].concat();
    let mut report = run(folder.path(), &arguments).expect(0).json();
    assert_eq!((&report["ok"], &report["wrong"]), (&json!(true), &json!([])));
    let sizes = report["sizes"].as_array().expect("sizes");
    assert_eq!(
        sizes.iter().map(|size| size["memories"].as_u64()).collect::<Vec<_>>(),
        [Some(200), Some(600)]
    );
    for searched in sizes.iter().flat_map(|size| size["searches"].as_array().expect("searches")) {
        assert!(searched["requests"].as_u64() > Some(0) && searched["errors"] == 0, "{searched:#}");
    }
    let lag = &report["lag"];
    assert_eq!((&lag["probes"], &lag["by_words"]["at_once"]), (&json!(3), &json!(3)), "{lag:#}");
    report["url"] = json!("a URL");
    report["version"] = json!("a version");
    insta::assert_json_snapshot!(shape(&report));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");
}

#[test]
fn searches_are_a_table_for_people() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = run(folder.path(), &[&SHORT[..], &["--memories", "100"]].concat()).expect(0);
    let lines: Vec<&str> = said.out.lines().collect();
    let first = "memories of 2 users, 1 connections, 0.1 s, 2 repeats, seed 3, ";
    assert!(lines[0].starts_with(first), "{said:#?}");
    for start in
        ["100 memories, stored at ", "live: p50 ", "SEARCH ", "rare ", "topic ", "frequent ", "by words "]
    {
        assert!(lines.iter().any(|line| line.starts_with(start)), "{start}: {said:#?}");
    }
    assert!(
        said.out.ends_with("not by meaning: the server has no model that it searches with\n"),
        "{said:#?}"
    );
    assert!(said.err.is_empty(), "no bars where there is no terminal: {said:#?}");
}
