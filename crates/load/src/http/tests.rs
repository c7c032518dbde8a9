use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::json;

use super::*;

/// What the client makes of one answer, which comes in pieces.
async fn check(pieces: &'static [&'static str], expected: Result<(u16, &str), &str>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Target::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1_024];
        assert!(stream.read(&mut request).unwrap() > 0);
        stream.set_nodelay(true).unwrap();
        for piece in pieces {
            stream.write_all(piece.as_bytes()).unwrap();
        }
    });
    let mut connection = Connection::open(&target).await.unwrap();
    let read = connection.exchange(&target.get("/")).await;
    let read =
        read.map(|a| (a.status, String::from_utf8(a.body.to_vec()).unwrap())).map_err(|e| e.to_string());
    assert_eq!(read.as_ref().map(|(s, b)| (*s, b.as_str())).map_err(String::as_str), expected, "{pieces:?}");
    server.join().unwrap();
}

#[tokio::test]
async fn answers_are_read_however_they_come() {
    const CHUNKS: &str =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n";
    let closed = "the connection was closed before the answer was complete";
    check(&["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"], Ok((200, "ok"))).await;
    check(&["HTTP/1.1 20", "1 Created\r\ncontent-length:3\r", "\n\r\nab", "c"], Ok((201, "abc"))).await;
    check(&["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"], Ok((204, ""))).await;
    check(&[CHUNKS], Ok((200, "abc0123456789"))).await;
    check(&["HTTP/1.1 200 OK\r\n\r\n", "to the end"], Ok((200, "to the end"))).await;
    check(&["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"], Err(closed)).await;
    check(&[], Err(closed)).await;
    check(&["HTTP/1.0 200 OK\r\n\r\n"], Err("what came is not HTTP/1.1")).await;
    check(&["HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"], Err("what came is not HTTP/1.1")).await;
    check(&["HTTP/1.1 2x0 OK\r\n\r\n"], Err("what came is not HTTP/1.1")).await;
}

#[test]
fn urls_name_a_server() {
    assert_eq!(Target::parse("http://127.0.0.1:8000/").unwrap().url(), "http://127.0.0.1:8000");
    assert_eq!(Target::parse("http://[::1]").unwrap().address.to_string(), "[::1]:80");
    for wrong in ["127.0.0.1:8000", "https://127.0.0.1", "http://", "http://a/b", "http://u@a", "http://a b"]
    {
        let said = Target::parse(wrong).unwrap_err().to_string();
        assert_eq!(said, format!("{wrong:?} is no http://HOST:PORT"));
    }
}

#[test]
fn requests_are_made_beforehand() {
    let target = Target::parse("http://127.0.0.1:8000").unwrap();
    assert_eq!(target.get("/a"), b"GET /a HTTP/1.1\r\nhost: 127.0.0.1:8000\r\n\r\n");
    let post = target.post("/b", &[("x-request-id", "r")], &json!({"ü": 1}));
    let expected = "POST /b HTTP/1.1\r\nhost: 127.0.0.1:8000\r\ncontent-type: application/json\r\n\
                    x-request-id: r\r\ncontent-length: 8\r\n\r\n{\"ü\":1}";
    assert_eq!(String::from_utf8(post).unwrap(), expected);
}
