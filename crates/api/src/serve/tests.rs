use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// Fails a few times, as a process without file descriptors does, then accepts.
struct Poor {
    listener: TcpListener,
    failures: AtomicUsize,
}

impl Accept for Poor {
    async fn accept(&self) -> io::Result<TcpStream> {
        let left = self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        match left {
            // EMFILE, and a client that hung up in the queue.
            Ok(n) if n % 2 == 0 => Err(io::Error::from_raw_os_error(24)),
            Ok(_) => Err(io::ErrorKind::ConnectionAborted.into()),
            Err(_) => Accept::accept(&self.listener).await,
        }
    }
}

#[tokio::test]
async fn running_out_of_file_descriptors_is_survived() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let poor = Poor { listener, failures: AtomicUsize::new(4) };
    let router = Router::new().route("/", get(async || "here"));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async move { drop(stopped.await) };
    let server = tokio::spawn(serve_on(poor, router, ServeConfig::default(), shutdown));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("here"), "{answer}");
    drop(stop);
    assert_eq!(server.await.unwrap(), Stopped { cut: 0 });
}
