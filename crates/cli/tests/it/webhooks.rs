//! Webhooks and jobs of the binary: a client's server is told, and who runs the server sees it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use memoryscope_domain::time::Timestamp;
use memoryscope_domain::webhook::signature;
use serde_json::{Value, json};

use crate::process::{Server, binary, run, until};

/// A client's server: it answers with these, then with 200, and says what it was sent.
fn listening(statuses: Vec<u16>) -> (SocketAddr, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (say, said) = channel();
    std::thread::spawn(move || {
        let mut statuses = statuses.into_iter();
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert!(stream.read_line(&mut head).expect("a head") > 0, "{head}");
            }
            let head = head.to_ascii_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
            let mut body = vec![0; length.parse().expect("a number")];
            stream.read_exact(&mut body).expect("a body");
            let status = statuses.next().unwrap_or(200);
            let answer =
                format!("HTTP/1.1 {status} Status\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.get_mut().write_all(answer.as_bytes()).expect("an answer");
            // Nobody listens once the test has failed.
            let _ = say.send((head, String::from_utf8(body).expect("text")));
        }
    });
    (address, said)
}

fn start(folder: &Path) -> Server {
    let mut command = binary(folder);
    command.args(["serve", "--listen", "127.0.0.1:0"]).env("MEMORYSCOPE_WEBHOOK_ALLOW_PRIVATE", "true");
    Server::spawn(&mut command)
}

/// Whether it is signed with the secret at the time that it says.
fn is_signed(head: &str, secret: &str, body: &str) -> bool {
    let signed = head.lines().find_map(|line| line.strip_prefix("memoryscope-signature: ")).expect("signed");
    let seconds = signed.trim_start_matches("t=").split(',').next().expect("a time");
    let at = Timestamp::from_unix_micros(seconds.parse::<i64>().expect("a number") * 1_000_000);
    signed == signature(secret, at, body)
}

#[test]
fn a_clients_server_is_told_of_memories_and_batches() {
    let folder = tempfile::tempdir().expect("a folder");
    let (address, said) = listening(Vec::new());
    let server = start(folder.path());
    let mut client = server.client();
    let path = format!("/v1/memory?webhook_url=http://{address}/hook?token=t0p&webhook_secret=s3cret");
    let body = json!({"content": "Dr. Ann Lee works at CANARY Ltd.", "external_user_id": "ana"});
    let added: Value = client.post(&path, &body).expect(200).json();
    let id = added["data"][0]["memoryId"].clone();
    let (head, body) = said.recv().expect("a message");
    assert!(head.starts_with("post /hook?token=t0p http/1.1"), "{head}");
    assert!(head.contains("memoryscope-hop: 1\r\n") && is_signed(&head, "s3cret", &body), "{head}");
    assert!(!body.contains("CANARY"), "{body}");
    let told: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((&told["event"], &told["status"]), (&json!("memory.completed"), &json!("completed")));
    assert_eq!(told["memories"], json!([{"memory_id": id, "status": "completed"}]));
    let batch = json!({"webhook_url": format!("http://{address}/"), "memories": [{"content": "one"}, {"content": "two"}]});
    let added: Value = client.post("/v1/memory/batch", &batch).expect(200).json();
    let (head, body) = said.recv().expect("a message");
    assert!(!head.contains("memoryscope-signature"), "{head}");
    let told: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((&told["event"], &told["batch_id"]), (&json!("batch.completed"), &added["batch_id"]));
    assert_eq!(told["memories"].as_array().map(Vec::len), Some(2));
    let path = format!("/v1/memory/batch/status/{}", added["batch_id"].as_str().expect("a name"));
    assert_eq!(client.get(&path).expect(200).json()["status"], "completed");
    let kept = until("both are done", || {
        let kept: Value = client.get("/v2/webhooks/deliveries?state=completed").expect(200).json();
        Some(kept).filter(|kept| kept["items"].as_array().is_some_and(|items| items.len() == 2))
    });
    assert!(!kept.to_string().contains("t0p") && !kept.to_string().contains("s3cret"), "{kept}");
    let (_, log) = server.stop();
    assert!(!log.contains("t0p") && !log.contains("s3cret"), "{log}");
    let listed = run(folder.path(), &["jobs", "--json"]).expect(0).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
}

#[test]
fn what_could_not_be_told_is_seen_ended_and_told_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (address, said) = listening([vec![410], vec![500; 99]].concat());
    let server = start(folder.path());
    let mut client = server.client();
    let path = format!("/v1/memory?webhook_url=http://{address}/");
    for content in ["one", "two"] {
        client.post(&path, &json!({"content": content})).expect(200);
        said.recv().expect("a message");
    }
    until("both are known", || {
        let jobs: Value = client.get("/v2/jobs?type=webhook").expect(200).json();
        let states = jobs["items"].as_array()?.iter().map(|job| job["state"].clone()).collect::<Vec<_>>();
        Some(()).filter(|()| states == [json!("failed"), json!("retrying")])
    });
    server.kill();
    let table = run(folder.path(), &["jobs", "--type", "webhook"]).expect(0).out;
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["job", "type", "state", "attempts", "next", "attempt", "last", "error"]);
    assert_eq!(lines[1][1..], ["webhook", "failed", "1/12", "-", "status_410"]);
    assert_eq!((lines[2][2], lines[2][5]), ("retrying", "status_500"));
    let (gone, retrying) = (lines[1][0], lines[2][0]);
    let told = run(folder.path(), &["jobs", "--cancel", retrying, "--json"]).expect(0).json();
    assert_eq!(told["state"], "cancelled");
    let again = run(folder.path(), &["jobs", "--cancel", retrying]).expect(1);
    assert!(again.err.contains("a job that is cancelled cannot be ended"), "{}", again.err);
    run(folder.path(), &["jobs", "--retry", gone]).expect(0);
    let server = start(folder.path());
    let name = format!("memoryscope-event-id: {gone}");
    let told = said.iter().find(|(head, _)| head.contains(&name));
    assert!(told.is_some());
    drop(server);
    let unknown = run(folder.path(), &["jobs", "--retry", "evt_0"]).expect(1);
    assert!(unknown.err.contains("there is no job evt_0"), "{}", unknown.err);
}
