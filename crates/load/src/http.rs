//! A client of HTTP/1.1 that costs little: requests are made beforehand, an answer is read into one buffer, and of its
//! head only what is needed is looked at. No retries and no redirects; one request at a time on a connection.

use std::fmt::Write as _;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::ops::Range;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Failure;

/// How long an answer is waited for: longer than a server takes for any (30 s unless configured otherwise).
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a connection is waited for.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// What a buffer begins with: most answers are smaller.
const BUFFER_BYTES: usize = 16 * 1_024;
/// The longest answer that is taken: a summary of a hundred thousand memories is shorter.
const ANSWER_BYTES_MAX: usize = 256 * 1_024 * 1_024;

/// A server, by its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: String,
    host: String,
    address: SocketAddr,
}

impl Target {
    /// Reads `http://HOST[:PORT]` and looks its address up.
    ///
    /// # Errors
    /// When it is something else, or the host has no address.
    pub fn parse(url: &str) -> Result<Self, Failure> {
        let wrong = || Failure::Url(url.to_owned());
        let rest = url.strip_prefix("http://").ok_or_else(wrong)?;
        let host = rest.strip_suffix('/').unwrap_or(rest);
        if host.is_empty()
            || host.contains(['/', '?', '#', '@'])
            || !host.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(wrong());
        }
        let with_port = match host.ends_with(']') || !host.contains(':') {
            true => format!("{host}:80"),
            false => host.to_owned(),
        };
        let unreachable = |cause| Failure::Unreachable { url: url.to_owned(), cause: Fault::Connect(cause) };
        let address = with_port.to_socket_addrs().map_err(unreachable)?.next().ok_or_else(wrong)?;
        Ok(Self { url: format!("http://{host}"), host: host.to_owned(), address })
    }

    /// The URL, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A request without a body, as it goes over the wire.
    #[must_use]
    pub fn get(&self, path: &str) -> Vec<u8> {
        format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.host).into_bytes()
    }

    /// A request with a JSON body and further headers.
    #[must_use]
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Vec<u8> {
        let body = body.to_string();
        let mut text =
            format!("POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n", self.host);
        for (name, value) in headers {
            // Writing to a String cannot fail.
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let _ = write!(text, "content-length: {}\r\n\r\n{body}", body.len());
        text.into_bytes()
    }

    /// Asks whether the server is ready to work, and answers what it says of its parts.
    ///
    /// # Errors
    /// When nobody answers, or it is not.
    pub async fn ready(&self) -> Result<Value, Failure> {
        let unreachable = |cause| Failure::Unreachable { url: self.url.clone(), cause };
        let mut connection = Connection::open(self).await.map_err(unreachable)?;
        let answer = connection.exchange(&self.get("/healthz/ready")).await.map_err(unreachable)?;
        match answer.status {
            200 => Ok(answer.json()),
            status => {
                let said = format!("{status} {}", answer.message());
                Err(Failure::NotReady { url: self.url.clone(), said })
            }
        }
    }

    /// The version that the server says it is; none when it does not say.
    pub async fn version(&self) -> Option<String> {
        let mut connection = Connection::open(self).await.ok()?;
        let answer = connection.exchange(&self.get("/version")).await.ok()?;
        let told: Value = serde_json::from_slice(answer.body).ok()?;
        told["version"].as_str().map(str::to_owned)
    }
}

/// Why no answer came. It says nothing of what the server did.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No connection.
    #[error("{0}")]
    Connect(io::Error),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broke(#[from] io::Error),
    /// The server closed the connection before its answer was complete.
    #[error("the connection was closed before the answer was complete")]
    Closed,
    /// The answer took too long.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Late,
    /// What came is no answer.
    #[error("what came is not HTTP/1.1")]
    NotHttp,
}

/// An answer, in the connection's buffer.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// Its status code.
    pub status: u16,
    head: &'a [u8],
    /// Its body.
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// The value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(self.head, name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(self.body).unwrap_or_default()
    }

    /// What the body says of an error: its code and message, or as much of the body as fits a line.
    #[must_use]
    pub fn message(&self) -> String {
        let told = self.json();
        let error = &told["error"];
        match (error["code"].as_str(), error["message"].as_str()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            _ => String::from_utf8_lossy(self.body).chars().take(200).collect(),
        }
    }
}

/// A connection, which is made again after the server has closed it.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When there is nobody.
    pub async fn open(target: &Target) -> Result<Self, Fault> {
        let stream = connect(target.address).await?;
        Ok(Self { address: target.address, stream: Some(stream), buffer: Vec::with_capacity(BUFFER_BYTES) })
    }

    /// Sends a request and reads the answer. After an error the next request goes over a new connection.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>, Fault> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.address).await?,
        };
        let read = timeout(PATIENCE, exchange(&mut stream, request, &mut self.buffer)).await;
        let frame = read.map_err(|_| Fault::Late)??;
        if !frame.close {
            self.stream = Some(stream);
        }
        let Frame { status, head, body, .. } = frame;
        Ok(Answer { status, head: &self.buffer[head], body: &self.buffer[body] })
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, Fault> {
    let stream = timeout(CONNECT_PATIENCE, TcpStream::connect(address)).await;
    let stream = stream.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(Fault::Connect)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Where the parts of an answer are in the buffer.
struct Frame {
    status: u16,
    head: Range<usize>,
    body: Range<usize>,
    close: bool,
}

async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> Result<Frame, Fault> {
    stream.write_all(request).await?;
    buffer.clear();
    let mut head = read_head(stream, buffer, 0).await?;
    let mut status = status(&buffer[head.clone()])?;
    while (100..200).contains(&status) {
        head = read_head(stream, buffer, head.end).await?;
        status = self::status(&buffer[head.clone()])?;
    }
    let part = &buffer[head.clone()];
    let mut close = header(part, "connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
    let chunked =
        header(part, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case(b"chunked"));
    let length =
        header(part, "content-length").map(|text| number(text, 10).ok_or(Fault::NotHttp)).transpose()?;
    let end = match length {
        _ if status == 204 || status == 304 => head.end,
        _ if chunked => read_chunks(stream, buffer, head.end).await?,
        Some(length) => {
            let end = head.end.saturating_add(length);
            while buffer.len() < end {
                more(stream, buffer).await?;
            }
            end
        }
        // It ends where the connection does.
        None => {
            close = true;
            while !matches!(more(stream, buffer).await, Err(Fault::Closed)) {}
            buffer.len()
        }
    };
    let body = head.end..end;
    Ok(Frame { status, head, body, close })
}

/// Reads more into the buffer.
async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(), Fault> {
    if buffer.len() > ANSWER_BYTES_MAX {
        return Err(Fault::NotHttp);
    }
    match stream.read_buf(buffer).await? {
        0 => Err(Fault::Closed),
        _ => Ok(()),
    }
}

/// Reads until a head that begins at `start` is complete; the empty line is part of it.
async fn read_head(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    start: usize,
) -> Result<Range<usize>, Fault> {
    let mut looked = start;
    loop {
        if let Some(at) = buffer[looked..].windows(4).position(|window| window == b"\r\n\r\n") {
            return Ok(start..looked + at + 4);
        }
        looked = buffer.len().saturating_sub(3).max(start);
        more(stream, buffer).await?;
    }
}

/// Reads a body in chunks, and leaves only what they hold; answers where it ends.
async fn read_chunks(stream: &mut TcpStream, buffer: &mut Vec<u8>, start: usize) -> Result<usize, Fault> {
    let (mut place, mut kept) = (start, start);
    loop {
        let Some(line) = buffer[place..].windows(2).position(|window| window == b"\r\n") else {
            more(stream, buffer).await?;
            continue;
        };
        let size = buffer[place..place + line].split(|byte| *byte == b';').next().unwrap_or_default();
        let size = number(size, 16).ok_or(Fault::NotHttp)?;
        let data = place + line + 2;
        let end = data.checked_add(size).ok_or(Fault::NotHttp)?;
        while buffer.len() < end.saturating_add(2) {
            more(stream, buffer).await?;
        }
        if &buffer[end..end + 2] != b"\r\n" {
            // A trailer, or no HTTP: nothing that is asked here answers so.
            return Err(Fault::NotHttp);
        }
        buffer.copy_within(data..end, kept);
        kept += size;
        place = end + 2;
        if size == 0 {
            return Ok(kept);
        }
    }
}

fn status(head: &[u8]) -> Result<u16, Fault> {
    let digits = head.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)).ok_or(Fault::NotHttp)?;
    number(digits, 10).and_then(|status| u16::try_from(status).ok()).ok_or(Fault::NotHttp)
}

fn number(text: &[u8], radix: u32) -> Option<usize> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    if digits { usize::from_str_radix(text, radix).ok() } else { None }
}

/// The value of a header in a head.
fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (key, rest) = line.split_at_checked(name.len())?;
        let rest = rest.strip_prefix(b":")?;
        key.eq_ignore_ascii_case(name.as_bytes()).then(|| rest.trim_ascii())
    })
}

#[cfg(test)]
#[path = "http/tests.rs"]
mod tests;
