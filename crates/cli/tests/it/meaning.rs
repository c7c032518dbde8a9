//! A server that finds by meaning, its vectors made by an endpoint that is the test's: texts are alike whose words mean the like.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::http::Client;
use crate::process::{Said, Server, binary, until};

/// Words that mean the like.
const SYNONYMS: [&[&str]; 3] =
    [&["car", "automobile"], &["physician", "doctor"], &["purchase", "buy", "bought"]];

/// A vector of the words, a direction for each meaning.
fn vector(text: &str) -> Vec<f64> {
    let mut vector = vec![0.01; 64];
    for word in text.to_lowercase().split(|letter: char| !letter.is_alphanumeric()) {
        let place = SYNONYMS.iter().position(|alike| alike.contains(&word));
        let hash = word.bytes().fold(7_usize, |hash, byte| (hash * 31 + usize::from(byte)) % 61);
        vector[place.unwrap_or(hash + SYNONYMS.len())] += 1.0;
    }
    vector
}

/// An endpoint of the OpenAI protocol, and whether it is away: then it turns every request down.
fn endpoint() -> (SocketAddr, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let is_away = Arc::new(AtomicBool::new(false));
    let away = Arc::clone(&is_away);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let Some(asked) = take(&mut stream) else { continue };
            let texts = asked["input"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let rows: Vec<Value> = texts.map(|text| json!({"embedding": vector(text)})).collect();
            let (status, body) = match away.load(Ordering::SeqCst) {
                true => ("401 Unauthorized", json!({})),
                false => ("200 OK", json!({"data": rows})),
            };
            let body = body.to_string();
            let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close");
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            // A server that was stopped takes no answer.
            let _ = stream.get_mut().write_all(answer.as_bytes());
        }
    });
    (address, is_away)
}

/// The body of one question.
fn take(stream: &mut BufReader<TcpStream>) -> Option<Value> {
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
    serde_json::from_slice(&body).ok()
}

fn embedding(folder: &Path, model: SocketAddr) -> Command {
    let mut command = binary(folder);
    command.env("MEMORYSCOPE_EMBED_URL", format!("http://{model}/v1"));
    command.env("MEMORYSCOPE_EMBED_MODEL", "alike");
    command
}

fn start(folder: &Path, model: SocketAddr) -> Server {
    Server::spawn(embedding(folder, model).args(["serve", "--listen", "127.0.0.1:0"]))
}

fn add(client: &mut Client, content: &str, user: &str) -> String {
    let body = json!({"content": content, "external_user_id": user});
    let added = client.post("/v1/memory", &body).expect(200).json();
    added["data"][0]["memoryId"].as_str().expect("an id").to_owned()
}

fn search(client: &mut Client, query: &str, user: &str) -> Value {
    let body = json!({"query": query, "external_user_id": user, "explain": true});
    client.post("/v1/memory/search", &body).expect(200).json()
}

fn found(answer: &Value) -> Vec<&str> {
    let memories = answer["data"]["memories"].as_array().expect("memories");
    memories.iter().filter_map(|memory| memory["id"].as_str()).collect()
}

fn embedded(client: &mut Client) {
    until("vectors", || {
        let ready = client.get("/healthz/ready").expect(200).json();
        (ready["embedding"]["pending"] == 0 && ready["models"] == "ok").then_some(())
    });
}

fn models(client: &mut Client) -> Value {
    client.get("/healthz/ready").expect(200).json()["models"].clone()
}

#[test]
fn what_means_the_like_is_found_until_it_is_sealed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (address, _) = endpoint();
    let server = start(folder.path(), address);
    let mut client = server.client();
    let car = add(&mut client, "Ana bought an automobile.", "ana");
    add(&mut client, "Rain fell on Porto.", "ana");
    add(&mut client, "Ben bought an automobile.", "ben");
    embedded(&mut client);
    let answer = search(&mut client, "the purchase of her car", "ana");
    assert_eq!(found(&answer)[0], car, "{answer:#}");
    let hit = &answer["data"]["memories"][0];
    let why = &hit["explanation"];
    assert_eq!((&why["keyword"], &why["semantic"]["rank"]), (&Value::Null, &json!(1)), "no word is the same");
    assert_eq!(hit["similarity_score"], why["semantic"]["cosine"]);
    let searched = json!({"keyword": true, "semantic": true, "model": "model:alike"});
    assert_eq!(answer["details"], json!({"explanation": searched}));
    assert!(!answer.to_string().contains("Ben"), "{answer:#}");
    assert_eq!(found(&search(&mut client, "the purchase of her car", "cem")), [""; 0]);
    let seal = json!({"tenant_id": "t_default"});
    let headers = [("x-memoryscope-user", "ana"), ("content-type", "application/json")];
    let path = format!("/v2/memories/{car}/seal");
    client.send("POST", &path, &headers, seal.to_string().as_bytes()).expect("an answer").expect(200);
    let answer = search(&mut client, "the purchase of her car", "ana");
    assert!(!found(&answer).contains(&car.as_str()), "{answer:#}");
}

#[test]
fn while_its_endpoint_is_away_words_are_searched_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let (address, is_away) = endpoint();
    let server = start(folder.path(), address);
    let mut client = server.client();
    let car = add(&mut client, "Ana bought an automobile.", "ana");
    embedded(&mut client);
    is_away.store(true, Ordering::SeqCst);
    // Nothing is written meanwhile: only questions tell that it is away, and nobody's question that it is back.
    for _ in 0..2 {
        let answer = search(&mut client, "automobile", "ana");
        assert_eq!(found(&answer), [car.as_str()]);
        let told = json!({"keyword": true, "semantic": false, "reason": "model_failed"});
        assert_eq!(answer["details"]["explanation"], told);
        assert_eq!(answer["data"]["memories"][0]["similarity_score"], Value::Null);
        assert_eq!(models(&mut client), "degraded");
    }
    assert_eq!(found(&search(&mut client, "car", "ana")), [""; 0]);
    is_away.store(false, Ordering::SeqCst);
    embedded(&mut client);
    assert_eq!(found(&search(&mut client, "car", "ana")), [car.as_str()]);
    // And so it is for what is written while it is away.
    is_away.store(true, Ordering::SeqCst);
    let doctor = add(&mut client, "The doctor called.", "ana");
    until("a failure", || (models(&mut client) == "degraded").then_some(()));
    assert_eq!(found(&search(&mut client, "called", "ana")), [doctor.as_str()]);
    is_away.store(false, Ordering::SeqCst);
    embedded(&mut client);
    assert_eq!(found(&search(&mut client, "physician", "ana"))[0], doctor);
    let (ended, log) = server.stop();
    assert!(ended.success() && log.contains("embedding goes on"), "{log}");
    assert!(!log.contains("automobile"), "a text is in the log: {log}");
}

fn embed(command: &mut Command, arguments: &[&str]) -> Said {
    command.arg("embed").args(arguments).output().expect("the binary runs").into()
}

#[test]
fn vectors_are_made_by_a_command_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let server = Server::start(folder);
    let mut client = server.client();
    let car = add(&mut client, "Ana bought an automobile.", "ana");
    let answer = search(&mut client, "car", "ana");
    assert_eq!(answer["details"]["explanation"]["reason"], "no_model");
    let other = json!({"content": "A car.", "external_user_id": "ana", "organization_id": "acme"});
    client.post("/v1/memory", &other).expect(200);
    assert!(server.stop().0.success());
    let said = embed(&mut binary(folder), &["--all"]).expect(1);
    assert!(
        said.err.contains("there is no model that embeds texts: `memoryscope model pull` brings it"),
        "{said:?}"
    );
    assert_eq!(said.out, "");
    embed(&mut binary(folder), &[]).expect(2);
    let (address, is_away) = endpoint();
    is_away.store(true, Ordering::SeqCst);
    let said = embed(&mut embedding(folder, address), &["--all", "--json"]).expect(1);
    assert_eq!((&said.json()["embedded"], said.json()["ended_by"].is_string()), (&json!(0), true));
    assert!(said.err.contains("it ended before it was through"), "{said:?}");
    is_away.store(false, Ordering::SeqCst);
    let said = embed(&mut embedding(folder, address), &["--tenant", "t_acme", "--json"]).expect(0);
    let told =
        |count: usize| json!({"model": "model:alike", "embedded": count, "failed": 0, "ended_by": null});
    assert_eq!(said.json(), told(1));
    let said = embed(&mut embedding(folder, address), &["--all"]).expect(0);
    assert!(said.out.contains("embedded by model:alike, 0 failed"), "{said:?}");
    let said = embed(&mut embedding(folder, address), &["--all", "--json"]).expect(0);
    assert_eq!(said.json(), told(0), "nothing is left to be done");
    let server = start(folder, address);
    assert_eq!(found(&search(&mut server.client(), "car", "ana"))[0], car);
}
