//! `memoryscope health`: whether a server is ready, for supervisors in places where there is no other client.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::flags::{self, CommonFlags, ServerFlags};
use super::print;

/// How long the server may take for each step of its answer; it gives its store 3 s.
const PATIENCE: Duration = Duration::from_secs(5);
/// So much of an answer is read; a probe's is a hundred bytes.
const ANSWER_BYTES_MAX: u64 = 64 * 1_024;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server. Default: where MEMORYSCOPE_LISTEN says that one listens on this machine.
    #[arg(long, value_name = "http://HOST:PORT")]
    url: Option<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let host = match &args.url {
        Some(url) => host_of(url)?,
        None => {
            let config = flags::load(CommonFlags::default(), ServerFlags::default())?;
            reachable(config.listen.value).to_string()
        }
    };
    let answer = ask(&host).with_context(|| format!("http://{host} does not answer"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    print(if body.is_empty() { head } else { body })?;
    Ok(if status == "200" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Host and port of a URL.
fn host_of(url: &str) -> anyhow::Result<String> {
    let host = url.strip_prefix("http://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    match host.filter(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ', '\r', '\n'])) {
        Some(host) if host.ends_with(']') || !host.contains(':') => Ok(format!("{host}:80")),
        Some(host) => Ok(host.to_owned()),
        None => bail!("--url must be http://HOST:PORT"),
    }
}

/// Where a server that listens on every address is reached from this machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn ask(host: &str) -> io::Result<String> {
    let address = host.to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /healthz/ready HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_found() {
        assert_eq!(host_of("http://127.0.0.1:8000/").unwrap(), "127.0.0.1:8000");
        assert_eq!(host_of("http://api").unwrap(), "api:80");
        assert_eq!(host_of("http://[::1]").unwrap(), "[::1]:80");
        for wrong in ["127.0.0.1:8000", "https://a", "http://", "http://a/b", "http://u@a", "http://a b"] {
            assert!(host_of(wrong).is_err(), "{wrong}");
        }
        let local = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(local("0.0.0.0:8000"), "127.0.0.1:8000");
        assert_eq!(local("[::]:8000"), "[::1]:8000");
        assert_eq!(local("192.0.2.7:80"), "192.0.2.7:80");
    }
}
