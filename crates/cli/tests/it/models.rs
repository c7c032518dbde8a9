//! A server that has graphs made by a model: one that answers, one that is not there, and one that is silent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use crate::http::Client;
use crate::process::{Server, binary, until};

const KEY: &str = "sk-canary7f3a";

/// An endpoint that finds a person and a company in everything, or says nothing at all; and what it is asked.
fn endpoint(is_silent: bool) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (say, said) = channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let Some(asked) = take(&mut stream) else { continue };
            // Nobody listens once the test has failed.
            let _ = say.send(asked);
            match is_silent {
                true => held.push(stream),
                false => answer(stream.get_mut()),
            }
        }
    });
    (address, said)
}

fn answer(stream: &mut TcpStream) {
    let graph = json!({
        "nodes": [
            {"id": "n1", "type": "Person", "properties": [{"name": "name", "value": "Ann Lee"}]},
            {"id": "n2", "type": "Company", "properties": [{"name": "name", "value": "Blue Sky"}]},
            {"id": "n3"},
        ],
        "relationships": [
            {"source": "n1", "target": "n2", "type": "WORKS_AT", "properties": []},
            {"source": "n1", "target": "n9", "type": "KNOWS", "properties": []},
        ],
    });
    let message = json!({"role": "assistant", "content": graph.to_string()});
    let body = json!({"choices": [{"finish_reason": "stop", "message": message}]}).to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
    let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).expect("an answer that is taken");
}

/// One question, head and body.
fn take(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8_lossy(&body))
}

fn start(folder: &Path, model: SocketAddr) -> Server {
    let mut command = binary(folder);
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-level", "DEBUG"]);
    command.env("MEMORYSCOPE_LLM_URL", format!("http://{model}/v1"));
    command.env("MEMORYSCOPE_LLM_MODEL", "test-model").env("MEMORYSCOPE_LLM_API_KEY", KEY);
    command.env("MEMORYSCOPE_LLM_TIMEOUT_SECONDS", "600");
    Server::spawn(&mut command)
}

fn add(client: &mut Client, content: &str, consent: &str) -> String {
    let body = json!({"content": content, "external_user_id": "ana", "consent": consent});
    let added = client.post("/v1/memory", &body).expect(200).json();
    added["data"][0]["memoryId"].as_str().expect("an id").to_owned()
}

fn status(client: &mut Client, id: &str) -> Value {
    client.get(&format!("/v1/memory/status/{id}?external_user_id=ana")).expect(200).json()
}

fn found(client: &mut Client, words: &str) -> Value {
    let search = json!({"query": words, "external_user_id": "ana", "enable_agentic_graph": true});
    client.post("/v1/memory/search", &search).expect(200).json()["data"].clone()
}

#[test]
fn a_model_makes_graphs_of_what_it_may_be_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let (address, asked) = endpoint(false);
    let server = start(folder.path(), address);
    let mut client = server.client();
    let silent = add(&mut client, "Canary-silent works somewhere.", "none");
    let id = add(&mut client, "Canary-spoken works at Blue Sky.", "explicit");
    let told = until("an extraction", || {
        Some(status(&mut client, &id)).filter(|told| told["status"] == "completed")
    });
    assert_eq!(told["status"], "completed", "{told:#}");
    let extraction = &told["extraction"];
    assert_eq!(extraction["extractor"], "model:test-model");
    assert_eq!(extraction["lost"]["malformed"], 1);
    let edges = extraction["relationships"].as_array().expect("edges");
    let outcomes: Vec<&Value> = edges.iter().map(|edge| &edge["outcome"]).collect();
    assert_eq!(outcomes, ["created", "rejected"]);
    let mut labels: Vec<String> = found(&mut client, "spoken")["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .map(|node| format!("{} {}", node["label"], node["properties"]["name"]))
        .collect();
    labels.sort();
    assert_eq!(labels, [r#""Company" "Blue Sky""#, r#""Person" "Ann Lee""#]);
    assert_eq!(status(&mut client, &silent)["extraction"]["reason"], "no_consent");
    let (ended, log) = server.stop();
    assert!(ended.success(), "{log}");
    let asked: Vec<String> = asked.try_iter().collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].contains("Canary-spoken") && asked[0].contains(KEY), "{asked:?}");
    assert!(log.contains("texts with consent are sent to a model"), "{log}");
    assert!(!log.to_lowercase().contains("canary"), "a key or a text is in the log: {log}");
}

#[test]
fn without_its_model_a_server_keeps_what_waits_and_finds_it_by_its_words() {
    let folder = tempfile::tempdir().expect("a folder");
    // A port that was free a moment ago, and that nobody listens on.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let server = start(folder.path(), free);
    let mut client = server.client();
    let id = add(&mut client, "Dr. Ann Lee works at Blue Sky Ltd.", "explicit");
    assert_eq!(found(&mut client, "Blue Sky")["memories"][0]["id"], json!(id));
    let told = until("a reason", || {
        Some(status(&mut client, &id)).filter(|told| !told["extraction"]["reason"].is_null())
    });
    let extraction = &told["extraction"];
    assert_eq!(
        (&told["status"], &extraction["reason"]),
        (&json!("processing"), &json!("unavailable")),
        "{told:#}"
    );
    assert_eq!((&extraction["attempts"], &extraction["extractor"]), (&json!(0), &json!("model:test-model")));
    let not_before = extraction["not_before"].as_str().expect("a time");
    assert!(not_before.ends_with('Z'), "{told:#}");
    let data = found(&mut client, "Blue Sky");
    assert_eq!((&data["memories"][0]["id"], &data["nodes"]), (&json!(id), &json!([])));
}

#[test]
fn a_silent_model_keeps_no_server_from_ending() {
    let folder = tempfile::tempdir().expect("a folder");
    let (address, asked) = endpoint(true);
    let server = start(folder.path(), address);
    add(&mut server.client(), "Ann called.", "explicit");
    let question = asked.recv_timeout(crate::process::DEADLINE).expect("a question");
    assert!(question.contains("Ann called."), "{question}");
    let (ended, log) = server.stop();
    assert!(ended.success(), "{log}");
}
