//! No content in logs, at any level, in any format: everything that is sent holds a canary, and no line does.

use std::io::{BufReader, Write as _};
use std::path::Path;

use serde_json::json;

use crate::http::{Client, connect, read_answer};
use crate::process::{Server, binary, sql};

pub(crate) const CANARY: &str = "canary7f3a";

/// A text that nobody else writes.
fn canary(name: &str) -> String {
    format!("{CANARY}-{name}")
}

/// Requests that are answered, denied and refused, with a canary wherever there is room for one.
pub(crate) fn sing(client: &mut Client) -> Vec<String> {
    let headers = [
        ("content-type", "application/json"),
        ("x-memoryscope-groups", &canary("group")),
        ("x-memoryscope-user", &canary("header-user")),
        ("idempotency-key", &canary("key")),
        ("user-agent", &canary("agent")),
        ("authorization", &canary("bearer")),
        ("cookie", &canary("cookie")),
        ("referer", &canary("referer")),
        ("x-request-id", "not a request id, canary7f3a"),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
    let user = canary("user");
    let mut write = json!({
        "user_id": user, "scope": "preferences", "source": "explicit_user_input", "ttl_days": 30,
        "domain": canary("domain"),
        "value_json": {"likes": [canary("like")], canary("name"): {"deep": canary("setting")}},
        canary("field"): canary("unknown"),
    });
    // A key belongs to one request: here to the first.
    let keyless: Vec<_> = headers.iter().copied().filter(|(name, _)| *name != "idempotency-key").collect();
    let mut post = |path: &str, body: &str| {
        let headers = if path == "/memory" { &headers } else { &keyless };
        client.send("POST", path, headers, body.as_bytes()).expect("an answer")
    };
    let made = post("/memory", &write.to_string()).expect(201).text("id");
    // The same key with another request, a wrong shape, wrong values, no JSON at all.
    write["ttl_days"] = json!(31);
    post("/memory", &write.to_string()).expect(409);
    write["ttl_days"] = json!(canary("ttl"));
    write["scope"] = json!(canary("scope"));
    write["source"] = json!(canary("source"));
    write["value_json"] = json!({"likes": canary("shape")});
    post("/memory", &write.to_string()).expect(422);
    post("/memory", &format!("{{\"{CANARY}\": \"{CANARY}\" {CANARY}")).expect(400);
    post("/memory", &format!("{{\"{CANARY}\": 1, \"{CANARY}\": 2}}")).expect(400);
    post("/memory/batch", &json!({"memories": [canary("item"), write]}).to_string());
    let read = json!({"user_id": user, "scope": "preferences", "domain": canary("domain"),
        "purpose": format!("recommend {CANARY}")});
    let token = post("/memory/read", &read.to_string()).expect(200).text("revocation_token");
    let mut denied = read;
    denied["purpose"] = json!(canary("purpose"));
    post("/memory/read", &denied.to_string()).expect(403);
    let grant = json!({"revocation_token": token}).to_string();
    post("/memory/read/continue", &grant).expect(200);
    post("/memory/revoke", &grant).expect(200);
    post("/memory/revoke", &grant).expect(404);
    post("/memory/read/continue", &json!({"revocation_token": canary("token")}).to_string()).expect(404);
    wander(client, &headers, &user, made);
    vec![token]
}

/// The same in paths, query strings, ids, roles and methods.
fn wander(client: &mut Client, headers: &[(&str, &str)], user: &str, made: String) {
    let paths = [
        format!(
            "/memory?user_id={user}&scope=preferences&purpose=recommend+{CANARY}&domain={CANARY}&{CANARY}=1"
        ),
        format!("/memory?user_id={user}&scope={CANARY}&cursor={CANARY}&limit={CANARY}"),
        format!("/v2/access-logs/{CANARY}?{CANARY}={CANARY}"),
        format!("/v2/audit?tenant_id={CANARY}&cursor={CANARY}"),
        format!("/{CANARY}/{CANARY}?{CANARY}#{CANARY}"),
        format!("/memory/%{CANARY}"),
    ];
    for path in paths {
        client.send("GET", &path, headers, b"").expect("an answer");
    }
    for id in [canary("id"), made] {
        client.send("DELETE", &format!("/memory/{id}?user_id={user}"), headers, b"").expect("an answer");
    }
    let roles = [("x-memoryscope-roles", &*canary("role"))];
    client.send("GET", "/v2/audit", &roles, b"").expect("an answer").expect(400);
    client.send(CANARY, "/memory", headers, b"").expect("an answer");
}

/// What is no request, each on a connection of its own.
fn croak(server: &Server) {
    for head in [
        format!("{CANARY}\r\n\r\n"),
        format!("GET /{CANARY} HTTP/9.9\r\n{CANARY}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: {CANARY}\r\n{CANARY} : {CANARY}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: {CANARY}\r\nx: {}\r\n\r\n", CANARY.repeat(5_000)),
        format!("POST /memory HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{CANARY}"),
    ] {
        let mut stream = connect(server.address).expect("a connection");
        // The server may hang up before it has taken everything.
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = read_answer(&mut BufReader::new(stream));
    }
}

/// Everything that the server said in its life.
fn log_of(folder: &Path, format: &str) -> String {
    let mut command = binary(folder);
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-level", "DEBUG", "--log-format", format]);
    let server = Server::spawn(&mut command);
    let mut client = server.client();
    let tokens = sing(&mut client);
    croak(&server);
    // And when the store fails under it, which is said in a warning, and as a bug that has a name.
    sql(folder, "memoryscope.db", "ALTER TABLE audit_heads RENAME TO gone");
    let body = json!({"user_id": canary("user"), "scope": "preferences", "purpose": canary("recommend")});
    let failed = client.post("/memory/read", &body);
    assert!(matches!(failed.status, 500 | 503), "{failed:?}");
    let (status, said) = server.stop();
    assert!(status.success(), "{said}");
    for token in tokens {
        assert!(!said.contains(&token), "a token is in the log");
    }
    said
}

#[test]
fn no_content_is_in_the_logs() {
    for format in ["json", "human"] {
        let folder = tempfile::tempdir().expect("a folder");
        let said = log_of(folder.path(), format);
        let leaks: Vec<&str> = said.lines().filter(|line| line.to_lowercase().contains(CANARY)).collect();
        assert!(leaks.is_empty(), "{format}: content in the log:\n{}", leaks.join("\n"));
        // It did log: one line a request, by the route's pattern.
        let requests = said.lines().filter(|line| line.contains("/memory/read/continue")).count();
        assert_eq!(requests, 2, "{said}");
        if format == "json" {
            let lines = said.lines().filter(|line| !line.starts_with("listening on "));
            for line in lines {
                serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|why| panic!("{why}: {line}"));
            }
        }
    }
}
