//! Bodies that mean harm, over real sockets: refused as they should be, nothing stored, memory bounded, and others
//! are served meanwhile.

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::http::{Answer, Client, connect, read_answer};
use crate::memories::{create, memory};
use crate::process::{Server, binary, sql};

/// What the whole set may make the server grow by. The tree of one such body may take 18 MiB, the next may be read before it is gone, and the
/// allocator keeps some of what was freed: 36 to 57 MiB on an idle machine, 70 on a busy one. What sends a gibibyte and is kept
/// would be seen all the same.
const GROWTH_KIB_MAX: u64 = 96 * 1_024;
const GIBIBYTE: u64 = 1 << 30;
const JSON: (&str, &str) = ("content-type", "application/json");

/// Bodies of which none is right, and what each must be answered with.
fn bodies() -> Vec<(&'static str, Vec<u8>, u16, &'static str)> {
    let keys = |count: usize| {
        let keys: Vec<String> = (0..count).map(|key| format!("\"{key:x}\":0")).collect();
        format!("{{\"value_json\":{{{}}}}}", keys.join(",")).into_bytes()
    };
    let value = |text: &str| format!("{{\"value_json\":{text}}}").into_bytes();
    let huge = "1".to_owned() + &"0".repeat(400);
    vec![
        ("arrays 100,000 deep", "[".repeat(100_000).into_bytes(), 400, "INVALID_JSON"),
        ("objects 100,000 deep", "{\"a\":".repeat(100_000).into_bytes(), 400, "INVALID_JSON"),
        (
            "as deep and closed",
            ("[".repeat(100_000) + &"]".repeat(100_000)).into_bytes(),
            400,
            "INVALID_JSON",
        ),
        ("1,000,000 keys", keys(1_000_000), 413, "PAYLOAD_TOO_LARGE"),
        ("as many keys as fit", keys(100_000), 422, "VALIDATION_ERROR"),
        ("as many values as fit", value(&format!("[{}0]", "0,".repeat(500_000))), 400, "INVALID_JSON"),
        ("as many objects as fit", value(&format!("[{}{{}}]", "{},".repeat(340_000))), 400, "INVALID_JSON"),
        // A tree of these takes the most memory for its text.
        (
            "as many small objects as fit",
            value(&format!("[{}0]", "{\"\":0},".repeat(149_000))),
            400,
            "INVALID_JSON",
        ),
        ("a key twice", br#"{"user_id":"a","user_id":"b"}"#.to_vec(), 400, "INVALID_JSON"),
        ("a key twice, deep", value(r#"{"likes":[],"likes":[]}"#), 400, "INVALID_JSON"),
        ("NUL, escaped", br#"{"user_id":"a\u0000b"}"#.to_vec(), 422, "VALIDATION_ERROR"),
        ("NUL, raw", b"{\"user_id\":\"a\0b\"}".to_vec(), 400, "INVALID_JSON"),
        ("a lone surrogate", br#"{"user_id":"\ud800"}"#.to_vec(), 400, "INVALID_JSON"),
        ("surrogates reversed", br#"{"user_id":"\udc00\ud800"}"#.to_vec(), 400, "INVALID_JSON"),
        ("10^400", format!("{{\"ttl_days\":{huge}}}").into_bytes(), 422, "VALIDATION_ERROR"),
        ("10^400 as a value", value(&format!("{{\"a\":{huge}}}")), 422, "VALIDATION_ERROR"),
        ("1e400", b"{\"ttl_days\":1e400}".to_vec(), 422, "VALIDATION_ERROR"),
        ("invalid UTF-8", b"{\"user_id\":\"\xff\xfe\"}".to_vec(), 400, "INVALID_JSON"),
        ("overlong UTF-8", b"{\"user_id\":\"\xc0\xaf\"}".to_vec(), 400, "INVALID_JSON"),
        ("a surrogate in UTF-8", b"{\"user_id\":\"\xed\xa0\x80\"}".to_vec(), 400, "INVALID_JSON"),
        ("NaN", b"{\"ttl_days\":NaN}".to_vec(), 400, "INVALID_JSON"),
        ("two values", b"{} {}".to_vec(), 400, "INVALID_JSON"),
        ("half a value", b"{\"user_id\":".to_vec(), 400, "INVALID_JSON"),
        ("nothing", Vec::new(), 422, "VALIDATION_ERROR"),
        ("an array", b"[]".to_vec(), 422, "VALIDATION_ERROR"),
        ("null", b"null".to_vec(), 422, "VALIDATION_ERROR"),
    ]
}

/// Every route that takes a body, each on a connection that goes on or is closed in order.
fn send_bodies(server: &Server) {
    let bodies = bodies();
    for path in ["/memory", "/memory/read", "/memory/read/continue", "/memory/revoke"] {
        let mut client = server.client();
        for (name, body, status, code) in &bodies {
            let answer = client.send("POST", path, &[JSON], body).expect("an answer");
            // Where `value_json` is no field, what is in it is no fault, but fields are missing.
            assert_eq!((answer.status, answer.code().as_str()), (*status, *code), "{path}: {name}");
            assert!(answer.body.len() < 16_000, "{path}: {name}: an answer of {} bytes", answer.body.len());
        }
    }
}

/// Every field with every wrong type.
fn send_wrong_types(server: &Server) {
    let requests = [
        ("/memory", {
            let mut body = memory("ada", "tea");
            body["domain"] = json!("food");
            body
        }),
        (
            "/memory/read",
            json!({"user_id": "ada", "scope": "preferences", "purpose": "", "max_age_days": 1,
            "purpose_class": "recommendation", "domain": "food"}),
        ),
        ("/memory/read/continue", json!({"revocation_token": "x", "max_age_days": 1})),
        ("/memory/revoke", json!({"revocation_token": "x"})),
    ];
    let wrong = [json!(true), json!(-1), json!(1.5), json!([[]]), json!({"a": {"b": []}}), json!("\u{7f}\n")];
    let mut client = server.client();
    for (path, right) in &requests {
        let fields = right.as_object().expect("an object");
        for name in fields.keys() {
            for value in &wrong {
                // Free text is free, a text may be a token, and objects are values.
                let fits = match name.as_str() {
                    "purpose" | "revocation_token" => value.is_string(),
                    "value_json" => value.is_object(),
                    _ => false,
                };
                if fits {
                    continue;
                }
                let mut body = right.clone();
                body[name] = value.clone();
                let answer = client.post(path, &body).expect(422);
                let named = answer.json()["error"]["details"]["fields"][0]["field"].clone();
                let named = named.as_str().unwrap_or_default();
                assert!(named.starts_with(&format!("body.{name}")), "{path}: {name}={value}: {named}");
            }
        }
    }
}

/// A gibibyte that is announced, and one that is not: refused before it has come.
fn send_a_gibibyte(server: &Server) {
    let head = format!("POST /memory HTTP/1.1\r\nhost: localhost\r\ncontent-type: {}\r\n", JSON.1);
    let mut announced = connect(server.address).expect("a connection");
    announced.write_all(format!("{head}content-length: {GIBIBYTE}\r\n\r\n").as_bytes()).expect("sent");
    let answer = read_answer(&mut BufReader::new(announced)).expect("an answer, though no body was sent");
    assert_eq!((answer.status, answer.code().as_str()), (413, "PAYLOAD_TOO_LARGE"));
    for (name, framing, frame) in [
        ("announced and sent", format!("content-length: {GIBIBYTE}\r\n\r\n"), vec![b' '; 65_536]),
        ("in chunks", "transfer-encoding: chunked\r\n\r\n".to_owned(), chunk()),
    ] {
        let stream = connect(server.address).expect("a connection");
        let (answer, sent) = pour(stream, &format!("{head}{framing}"), &frame);
        assert_eq!((answer.status, answer.code().as_str()), (413, "PAYLOAD_TOO_LARGE"), "{name}");
        assert!(sent < GIBIBYTE / 4, "{name}: the server took {sent} bytes");
    }
}

fn chunk() -> Vec<u8> {
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend([b' '; 65_536]);
    chunk.extend(b"\r\n");
    chunk
}

/// Sends a head and then frames until a gibibyte is sent or the server has had enough; reads meanwhile.
fn pour(mut stream: TcpStream, head: &str, frame: &[u8]) -> (Answer, u64) {
    let mut reading = BufReader::new(stream.try_clone().expect("a second handle"));
    let answer = std::thread::spawn(move || read_answer(&mut reading));
    stream.write_all(head.as_bytes()).expect("sent");
    let mut sent = 0;
    while sent < GIBIBYTE && stream.write_all(frame).is_ok() {
        sent += frame.len() as u64;
    }
    (answer.join().expect("no panic").expect("an answer"), sent)
}

/// Clients that never finish their heads, held open while the rest is sent.
fn slow_heads(server: &Server) -> Vec<TcpStream> {
    let start = |number: usize| {
        let mut stream = connect(server.address).expect("a connection");
        let head = format!("POST /memory HTTP/1.1\r\nhost: localhost\r\nx-slow-{number}: ");
        stream.write_all(head.as_bytes()).expect("sent");
        stream
    };
    (0..300).map(start).collect()
}

/// Heads that are too big, too many, or no heads.
fn send_bad_heads(server: &Server) {
    let get = "GET /version HTTP/1.1\r\nhost: localhost\r\n";
    for (head, status) in [
        (format!("{get}x-big: {}\r\n\r\n", "a".repeat(64 * 1_024)), 431),
        (format!("{get}{}\r\n", "x-a: 1\r\n".repeat(200)), 431),
        (format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(80_000)), 431),
        ("\0\u{1}\u{2} nonsense\r\n\r\n".to_owned(), 400),
        (format!("{get}content-length: 1\r\ncontent-length: 2\r\n\r\n"), 400),
    ] {
        let mut stream = connect(server.address).expect("a connection");
        // The server may refuse before it has taken everything.
        let _ = stream.write_all(head.as_bytes());
        let mut first = [0; 12];
        match stream.read_exact(&mut first) {
            Ok(()) => assert_eq!(String::from_utf8_lossy(&first), format!("HTTP/1.1 {status}"), "{head:.60}"),
            Err(why) => assert_eq!(why.kind(), std::io::ErrorKind::ConnectionReset, "{head:.60}"),
        }
    }
}

/// Asks until it is told to stop; answers how often and how long the longest answer took. All must be right.
fn ask_on(client: &mut Client, done: &AtomicBool) -> (u64, Duration) {
    let (mut count, mut longest) = (0, Duration::ZERO);
    while !done.load(Ordering::Acquire) {
        let asked = Instant::now();
        client.get("/v2/limits").expect(200);
        longest = longest.max(asked.elapsed());
        count += 1;
    }
    (count, longest)
}

fn stored(folder: &Path) -> [String; 3] {
    let ask = |statement| sql(folder, "memoryscope.db", statement);
    [
        ask("SELECT tenant, seq FROM audit_heads"),
        ask("SELECT count(*) FROM memories"),
        ask("SELECT count(*) FROM read_grants"),
    ]
}

#[test]
fn hostile_requests_are_refused_and_cost_little() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = binary(folder.path());
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let server = Server::spawn(&mut command);
    create(&mut server.client(), "ada", "before");
    let before = (stored(folder.path()), server.memory_kib("VmRSS"));
    let done = AtomicBool::new(false);
    let (asked, longest) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask_on(&mut server.client(), &done));
        // Ends the asking whatever happens here.
        let _ends = Ends(&done);
        let _slow = slow_heads(&server);
        send_bodies(&server);
        send_wrong_types(&server);
        send_bad_heads(&server);
        send_a_gibibyte(&server);
        done.store(true, Ordering::Release);
        asking.join().expect("the others were served")
    });
    let growth_kib = server.memory_kib("VmHWM").saturating_sub(before.1);
    println!("grew by at most {growth_kib} KiB; {asked} other requests, the longest took {longest:?}");
    assert_eq!(stored(folder.path()), before.0, "something was stored");
    assert!(growth_kib <= GROWTH_KIB_MAX, "grew by {growth_kib} KiB");
    assert!(longest < Duration::from_secs(5), "another client waited {longest:?}");
    create(&mut server.client(), "ada", "after");
    assert!(server.stop().0.success());
}

/// Sets a flag when it goes.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
