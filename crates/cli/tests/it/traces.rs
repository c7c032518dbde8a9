//! What a collector is sent, and a server whose collector is not there. Only with the feature `otel`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use crate::memories::create;
use crate::process::{Server, binary};
use crate::secrets::{CANARY, sing};

/// Takes what is posted, and says yes to it.
fn collector() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (say, said) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            while let Some(posted) = take(&mut stream) {
                // Nobody listens once the test has failed.
                let _ = say.send(posted);
                stream
                    .get_mut()
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                    .expect("an answer that is taken");
            }
        }
    });
    (address, said)
}

/// One request, head and body; `None` when no more comes.
fn take(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.to_ascii_lowercase();
    let (_, length) = length.split_once("content-length: ")?;
    let length = length.lines().next()?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8_lossy(&body))
}

fn start(folder: &Path, collector: SocketAddr) -> Server {
    let mut command = binary(folder);
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}/base"));
    Server::spawn(&mut command)
}

fn spans(posted: &[String]) -> Vec<Value> {
    let bodies = posted.iter().map(|text| text.split_once("\r\n\r\n").expect("a body").1);
    let bodies = bodies.map(|body| serde_json::from_str::<Value>(body).expect("JSON"));
    bodies
        .flat_map(|body| {
            let resource = &body["resourceSpans"][0];
            assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "memoryscope");
            resource["scopeSpans"][0]["spans"].as_array().expect("spans").clone()
        })
        .collect()
}

fn attribute(span: &Value, key: &str) -> Value {
    let all = span["attributes"].as_array().expect("attributes");
    all.iter().find(|one| one["key"] == key).map_or(Value::Null, |one| one["value"].clone())
}

#[test]
fn a_collector_is_sent_spans_and_no_content() {
    let folder = tempfile::tempdir().expect("a folder");
    let (address, posted) = collector();
    let server = start(folder.path(), address);
    let mut client = server.client();
    let tokens = sing(&mut client);
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let read = json!({"user_id": "ada", "scope": "preferences", "purpose": "recommend"}).to_string();
    for flags in ["01", "00"] {
        let traceparent = format!("00-{trace}-{parent}-{flags}");
        let headers = [
            ("content-type", "application/json"),
            ("x-request-id", "r-1"),
            ("traceparent", &*traceparent),
            ("tracestate", "vendor=canary7f3a"),
        ];
        client.send("POST", "/memory/read", &headers, read.as_bytes()).expect("an answer").expect(200);
    }
    let (status, said) = server.stop();
    assert!(status.success(), "{said}");
    // The process has ended: what it had to say, it has said.
    let posted: Vec<String> = posted.try_iter().collect();
    assert!(posted.iter().all(|text| text.starts_with("POST /base/v1/traces HTTP/1.1\r\n")), "{posted:?}");
    let text = posted.join("\n");
    assert!(!text.to_lowercase().contains(CANARY), "content in a span");
    assert!(tokens.iter().all(|token| !text.contains(token)), "a token in a span");
    assert!(!text.contains("t_default") && !text.contains("\"ada\""), "a tenant or a person in a span");

    let spans = spans(&posted);
    let traced: Vec<&Value> = spans.iter().filter(|span| span["traceId"] == trace).collect();
    let names: Vec<&str> = traced.iter().filter_map(|span| span["name"].as_str()).collect();
    assert_eq!(names, ["load", "commit", "POST /memory/read"], "those of the request that is recorded");
    let request = traced[2];
    assert_eq!(request["parentSpanId"], parent);
    assert!(traced[..2].iter().all(|span| span["parentSpanId"] == request["spanId"]));
    assert_eq!(attribute(request, "http.request.method")["stringValue"], "POST");
    assert_eq!(attribute(request, "http.route")["stringValue"], "/memory/read");
    assert_eq!(attribute(request, "http.response.status_code")["intValue"], "200");
    assert_eq!(attribute(request, "memoryscope.request_id")["stringValue"], "r-1");
    let nanos = |key: &str| request[key].as_str().and_then(|text| text.parse::<u64>().ok()).expect("a time");
    assert!(nanos("endTimeUnixNano") > nanos("startTimeUnixNano"));
    // One line of the log for each request's span, and one more for the one that nobody wanted.
    let requests = spans.iter().filter(|span| span["kind"] == 2).count();
    let lines = said.lines().filter(|line| line.contains("memoryscope::request")).count();
    assert_eq!(requests + 1, lines, "{said}");
}

#[test]
fn a_collector_that_is_not_there_or_says_nothing_is_no_matter() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    for address in [silent.local_addr().expect("an address"), gone] {
        let folder = tempfile::tempdir().expect("a folder");
        let server = start(folder.path(), address);
        let mut client = server.client();
        for name in 0..20 {
            create(&mut client, &format!("user-{name}"), "tea");
        }
        let (status, said) = server.stop();
        assert!(status.success(), "{said}");
        assert_eq!(said.matches("traces cannot be exported").count(), 1, "{said}");
    }
}
