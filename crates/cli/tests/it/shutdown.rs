//! Being asked to stop, and what is left behind: nothing lost, and nothing that was taken back.

use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;

use serde_json::json;

use crate::http::{connect, read_answer};
use crate::memories::{create, list, memory, reading};
use crate::process::{Server, run, until};

#[test]
fn a_request_in_flight_is_answered_before_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let idle = connect(server.address).expect("a connection");
    let body = memory("ada", "in flight").to_string();
    let mut busy = connect(server.address).expect("a connection");
    let head = "POST /memory HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n";
    busy.write_all(format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes()).expect("sent");
    let mut answers = BufReader::new(busy.try_clone().expect("a second handle"));
    // The request is being worked on: its handler has asked for the body.
    assert_eq!(read_answer(&mut answers).expect("an answer").status, 100);
    server.terminate();
    until("no new connections", || TcpStream::connect(server.address).err());
    busy.write_all(body.as_bytes()).expect("sent");
    let answer = read_answer(&mut answers).expect("an answer").expect(201);
    let (status, said) = server.wait();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("stopped"), "{said}");
    drop(idle);
    let server = Server::start(folder.path());
    assert_eq!(list(&mut server.client(), "ada"), [answer.text("id")].into());
}

#[test]
fn stopping_at_once_after_listening_is_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    for _ in 0..5 {
        let (status, said) = Server::start(folder.path()).stop();
        assert_eq!(status.code(), Some(0), "{said}");
    }
}

/// Files of the database, and how often each holds the text.
fn holders(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let bytes = std::fs::read(entry.path()).expect("a file");
        if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found.sort();
    found
}

#[test]
fn what_was_deleted_is_in_no_file_after_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let mut client = server.client();
    let kept = create(&mut client, "ada", "kept-kumquat");
    let mut body = memory("ada", "gone-canary");
    // Long enough for pages of its own.
    body["value_json"]["dislikes"] = json!([format!("{}gone-canary", "x".repeat(20_000))]);
    let gone = client.post("/memory", &body).expect(201).text("id");
    client.post("/memory/read", &reading("ada")).expect(200);
    assert_ne!(holders(folder.path(), "gone-canary"), [""; 0], "the scan finds what is there");
    client.send("DELETE", &format!("/memory/{gone}?user_id=ada"), &[], b"").expect("an answer").expect(200);
    // Soon, in a server that goes on; and at the latest at its end.
    until("the bytes are gone", || holders(folder.path(), "gone-canary").is_empty().then_some(()));
    assert_eq!(list(&mut client, "ada"), [kept].into());
    assert!(server.stop().0.success());
    assert_eq!(holders(folder.path(), "gone-canary"), [""; 0]);
    assert_eq!(holders(folder.path(), "kept-kumquat"), ["memoryscope.db"]);
    run(folder.path(), &["audit", "verify"]).expect(0);
}

#[test]
fn what_was_deleted_just_before_a_kill_is_in_no_file_after_the_next_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let mut client = server.client();
    let gone = create(&mut client, "ada", "gone-canary");
    client.send("DELETE", &format!("/memory/{gone}?user_id=ada"), &[], b"").expect("an answer").expect(200);
    server.kill();
    assert!(Server::start(folder.path()).stop().0.success());
    assert_eq!(holders(folder.path(), "gone-canary"), [""; 0]);
}
