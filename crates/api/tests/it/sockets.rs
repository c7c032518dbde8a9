//! What only bytes on a socket show.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use memoryscope_api::edge::{EdgeConfig, Hosts};
use memoryscope_api::serve::{ServeConfig, Stopped, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::edge::Log;
use crate::support::{Stored, app, app_with, config as edge};

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Stopped>,
}

async fn start(config: ServeConfig) -> Server {
    start_app(config, |_| app()).await
}

async fn start_app(config: ServeConfig, app: impl FnOnce(SocketAddr) -> Router) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let shutdown = async move { drop(stopped.await) };
    let running = tokio::spawn(serve(listener, app(address), config, shutdown));
    Server { address, stop, running }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    async fn stop(self) -> Stopped {
        drop(self.stop);
        self.running.await.expect("no panic")
    }
}

async fn rest(mut client: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset after the answer is no matter here; what was read before it counts.
    let _ = client.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

const HEAD: &str = "POST /memory HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";

#[tokio::test]
async fn a_client_that_writes_before_it_reads_sees_the_413() {
    let server = start(ServeConfig::default()).await;
    // 8 MiB, all of it sent before the answer is looked at.
    let mut client = server.connect().await;
    client.write_all(format!("{HEAD}content-length: {}\r\n\r\n", 8 << 20).as_bytes()).await.expect("sent");
    let chunk = vec![b' '; 1 << 16];
    for _ in 0..128 {
        client.write_all(&chunk).await.expect("the server drains");
    }
    let answer = rest(client).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("connection: close") && answer.contains("1048576"), "{answer}");
    // The same in chunks, whose sum nobody declared.
    let mut client = server.connect().await;
    client.write_all(format!("{HEAD}transfer-encoding: chunked\r\n\r\n").as_bytes()).await.expect("sent");
    for _ in 0..128 {
        client.write_all(b"10000\r\n").await.expect("the server drains");
        client.write_all(&chunk).await.expect("the server drains");
        client.write_all(b"\r\n").await.expect("the server drains");
    }
    client.write_all(b"0\r\n\r\n").await.expect("the server drains");
    let answer = rest(client).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(server.stop().await, Stopped { cut: 0 });
}

#[tokio::test]
async fn a_gibibyte_is_refused_at_once() {
    let server = start(ServeConfig::default()).await;
    let mut client = server.connect().await;
    client.write_all(format!("{HEAD}content-length: {}\r\n\r\n", 1u64 << 30).as_bytes()).await.expect("sent");
    let mut first = [0u8; 12];
    client.read_exact(&mut first).await.expect("an answer, though no body was sent");
    assert_eq!(&first, b"HTTP/1.1 413");
    drop(client);
    // A client that asks first is told no without being told to go on.
    let mut client = server.connect().await;
    let head = format!("{HEAD}expect: 100-continue\r\ncontent-length: {}\r\n\r\n", 1u64 << 30);
    client.write_all(head.as_bytes()).await.expect("sent");
    let answer = rest(client).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_one_line() {
    let (log, _guard) = Log::listen();
    let server = start(ServeConfig::default()).await;
    let mut client = server.connect().await;
    let head = HEAD.replace("/memory", "/slow");
    client
        .write_all(format!("{head}expect: 100-continue\r\ncontent-length: 2\r\n\r\n").as_bytes())
        .await
        .expect("sent");
    // The handler asks for the body: it is at work.
    let mut first = [0u8; 25];
    client.read_exact(&mut first).await.expect("leave to go on");
    assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"{}").await.expect("sent");
    drop(client);
    assert_eq!(server.stop().await, Stopped { cut: 0 });
    assert_eq!(log.requests(), ["POST /slow 499"]);
}

#[tokio::test]
async fn slow_heads_are_cut_and_big_ones_refused() {
    let config = ServeConfig { header_read_timeout: Duration::from_millis(200), ..ServeConfig::default() };
    let server = start(config).await;
    let mut slow = server.connect().await;
    slow.write_all(b"POST /memory HTTP/1.1\r\nhost:").await.expect("sent");
    let cut = tokio::time::timeout(Duration::from_secs(10), rest(slow)).await;
    assert!(cut.is_ok(), "a slow head is still waited for");
    let mut big = server.connect().await;
    let head = format!("GET /meta HTTP/1.1\r\nhost: x\r\nx-big: {}\r\n\r\n", "a".repeat(40 * 1024));
    big.write_all(head.as_bytes()).await.expect("sent");
    let answer = rest(big).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let mut many = server.connect().await;
    let head = format!("GET /meta HTTP/1.1\r\nhost: x\r\n{}\r\n", "x-a: 1\r\n".repeat(200));
    many.write_all(head.as_bytes()).await.expect("sent");
    assert!(rest(many).await.starts_with("HTTP/1.1 431 "));
    server.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_most_wait_their_turn() {
    let server = start(ServeConfig { connections_max: 1, ..ServeConfig::default() }).await;
    let request = b"GET /meta HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut first = server.connect().await;
    first.write_all(request).await.expect("sent");
    let mut answer = [0u8; 15];
    first.read_exact(&mut answer).await.expect("answered");
    let mut second = server.connect().await;
    second.write_all(request).await.expect("sent");
    let waiting = tokio::time::timeout(Duration::from_millis(200), second.read_exact(&mut answer)).await;
    assert!(waiting.is_err(), "served beyond the most");
    drop(first);
    second.read_exact(&mut answer).await.expect("answered, later");
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    server.stop().await;
}

#[tokio::test]
async fn shutdown_lets_requests_in_flight_end() {
    let server = start(ServeConfig::default()).await;
    let idle = server.connect().await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /short HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let address = server.address;
    let stopping = tokio::spawn(server.stop());
    let answer = rest(busy).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(rest(idle).await, "");
    assert_eq!(stopping.await.expect("no panic"), Stopped { cut: 0 });
    assert!(TcpStream::connect(address).await.is_err(), "still accepting");
}

#[tokio::test]
async fn shutdown_is_bounded() {
    let server = start(ServeConfig { drain: Duration::from_millis(100), ..ServeConfig::default() }).await;
    let mut stuck = server.connect().await;
    stuck.write_all(b"POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await.expect("sent");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.stop().await, Stopped { cut: 1 });
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let server = start(ServeConfig { write_timeout: Duration::from_secs(2), ..ServeConfig::default() }).await;
    let mut reader = server.connect().await;
    reader.write_all(b"GET /big HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("sent");
    assert!(rest(reader).await.len() > 64 << 20, "a client that reads is cut");
    let mut client = server.connect().await;
    client.write_all(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut first = [0u8; 12];
    client.read_exact(&mut first).await.expect("an answer begins");
    // The server can only end, with nothing left to cut, once it has given the client up.
    assert_eq!(server.stop().await, Stopped { cut: 0 });
    assert!(rest(client).await.len() < 64 << 20, "the whole answer came");
}

#[tokio::test]
async fn a_page_whose_name_points_here_is_refused() {
    let here =
        |address| app_with(EdgeConfig { hosts: Hosts::of(address, None), ..edge() }, &Stored::default());
    let server = start_app(ServeConfig::default(), here).await;
    let port = server.address.port();
    for (head, status) in [
        (format!("GET /memory/1 HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"), "200"),
        ("GET /memory/1 HTTP/1.1\r\nHOST: app.localhost\r\n".to_owned(), "200"),
        ("GET http://localhost/memory/1 HTTP/1.1\r\nhost: localhost\r\n".to_owned(), "200"),
        ("GET /memory/1 HTTP/1.0\r\n".to_owned(), "200"),
        (format!("GET /memory/1 HTTP/1.1\r\nhost: evil.example:{port}\r\n"), "421"),
        ("GET /nowhere HTTP/1.1\r\nhost: evil.example\r\n".to_owned(), "421"),
        ("GET /memory/1 HTTP/1.0\r\nhost: evil.example\r\n".to_owned(), "421"),
        ("GET http://evil.example/memory/1 HTTP/1.1\r\nhost: localhost\r\n".to_owned(), "421"),
        ("GET http://localhost/memory/1 HTTP/1.1\r\nhost: evil.example\r\n".to_owned(), "421"),
        ("GET /memory/1 HTTP/1.1\r\nhost: \r\n".to_owned(), "421"),
        ("GET /memory/1 HTTP/1.1\r\n".to_owned(), "400"),
        ("GET /memory/1 HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n".to_owned(), "400"),
    ] {
        let mut client = server.connect().await;
        client.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).await.expect("sent");
        let answer = rest(client).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{head}{answer}");
        assert!(status != "421" || answer.contains(r#""code":"MISDIRECTED""#), "{answer}");
        assert!(answer.contains("x-request-id: "), "{answer}");
    }
    assert_eq!(server.stop().await, Stopped { cut: 0 });
}
