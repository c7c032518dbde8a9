//! Accepts connections and serves them until told to stop.
//!
//! A client may be slow, silent or one of too many, and none of that may cost the others: headers must arrive
//! in time and within bounds, answers must be read, connections beyond the most wait in the system's queue (they
//! are accepted later, not dropped), and running out of file descriptors is waited out.

mod stall;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// The first wait after an accept that failed for want of resources; it doubles.
const BACKOFF_FIRST: Duration = Duration::from_millis(20);
/// The longest such wait.
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// The bounds on connections.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// How long the head of a request may take to arrive; also how long an idle connection is kept.
    pub header_read_timeout: Duration,
    /// How long a client may leave an answer unread.
    pub write_timeout: Duration,
    /// The most connections at once.
    pub connections_max: usize,
    /// The most headers of a request (431 beyond).
    pub headers_max: usize,
    /// The most bytes of a request's head (431 beyond).
    pub header_bytes_max: usize,
    /// The most bytes that one connection buffers.
    pub buffer_bytes_max: usize,
    /// How long requests in flight may take to end once the server is told to stop.
    pub drain: Duration,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            header_read_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(30),
            connections_max: 8_192,
            headers_max: 100,
            header_bytes_max: 32 * 1_024,
            buffer_bytes_max: 64 * 1_024,
            drain: Duration::from_secs(25),
        }
    }
}

/// How the serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Connections that were cut because their requests did not end within [`ServeConfig::drain`].
    pub cut: usize,
}

/// Serves `router` on `listener` until `shutdown` is ready, then lets requests in flight end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: ServeConfig,
    shutdown: impl Future<Output = ()>,
) -> Stopped {
    serve_on(listener, router, config, shutdown).await
}

/// Where connections come from.
trait Accept {
    async fn accept(&self) -> io::Result<TcpStream>;
}

impl Accept for TcpListener {
    async fn accept(&self) -> io::Result<TcpStream> {
        TcpListener::accept(self).await.map(|(stream, _)| stream)
    }
}

async fn serve_on(
    listener: impl Accept,
    router: Router,
    config: ServeConfig,
    shutdown: impl Future<Output = ()>,
) -> Stopped {
    let permits = Arc::new(Semaphore::new(config.connections_max));
    let (stop, stopping) = watch::channel(());
    let http = http(&config);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        while connections.try_join_next().is_some() {}
        let (stream, permit) = tokio::select! {
            next = next(&listener, &permits) => next,
            () = &mut shutdown => break,
        };
        let stream = stall::Stalling::new(stream, config.write_timeout);
        connections.spawn(connection(stream, permit, http.clone(), router.clone(), stopping.clone()));
    }
    // New connections are refused from here on; those we have are told to end after their request.
    drop((listener, stopping));
    stop.send_replace(());
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(config.drain, drained).await;
    let cut = connections.len();
    if cut > 0 {
        tracing::warn!(cut, "connections were cut at shutdown");
    }
    connections.shutdown().await;
    Stopped { cut }
}

fn http(config: &ServeConfig) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(config.header_read_timeout)
        .max_headers(config.headers_max)
        .max_header_size(config.header_bytes_max)
        .max_buf_size(config.buffer_bytes_max);
    http
}

/// The next connection, once there is room for one.
async fn next(listener: &impl Accept, permits: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed.
    let permit = Arc::clone(permits).acquire_owned().await.ok();
    let mut backoff = BACKOFF_FIRST;
    loop {
        match listener.accept().await {
            Ok(stream) => {
                // Answers are small and awaited: do not wait for more to send.
                let _ = stream.set_nodelay(true);
                return (stream, permit);
            }
            Err(error) if of_one_connection(&error) => {}
            Err(error) => {
                // Out of file descriptors or memory: what is open must end first.
                tracing::warn!(kind = ?error.kind(), os = error.raw_os_error(), "cannot accept a connection");
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
    }
}

/// Whether only the connection that would have come is concerned.
fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

async fn connection(
    stream: stall::Stalling,
    permit: Option<OwnedSemaphorePermit>,
    http: http1::Builder,
    router: Router,
    mut stopping: watch::Receiver<()>,
) {
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // A client that went away or was too slow; the error's text is hyper's own and holds no content.
        tracing::debug!(timeout = error.is_timeout(), parse = error.is_parse(), "a connection ended early");
    }
    drop(permit);
}

#[cfg(test)]
mod tests;
