//! Which names of the server a request may use.
//!
//! A page's own name can be made to point at this machine (DNS rebinding): for the browser the server is then of
//! the page's origin, and no rule of origins stops it. What gives it away is the name that it asks for.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::Request;
use axum::http::{Version, header};

use super::CorsConfig;
use crate::problem::{Code, Problem};

/// The names that a server which only this machine can reach answers to: this machine's, and those of the origins
/// that may ask it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    others: BTreeSet<String>,
}

impl Hosts {
    /// The names for a server that listens on `bound`; `None`, which is any, where others than this machine can
    /// reach it: what it is called there is not known here.
    #[must_use]
    pub fn of(bound: SocketAddr, cors: Option<&CorsConfig>) -> Option<Self> {
        let others = cors.map(CorsConfig::hosts).unwrap_or_default();
        bound.ip().to_canonical().is_loopback().then_some(Self { others })
    }

    /// 400 when the request names no host or several, 421 when it names another than ours.
    pub(super) fn check(&self, request: &Request) -> Result<(), Problem> {
        let mut named = request.headers().get_all(header::HOST).iter();
        let (first, second) = (named.next(), named.next());
        let target = request.uri().authority();
        let must = target.is_none() && request.version() == Version::HTTP_11;
        if second.is_some() || (first.is_none() && must) {
            return Err(Problem::new(Code::BadRequest, "The request must have one Host header"));
        }
        let named_well = first.is_none_or(|host| host.to_str().is_ok_and(|host| self.holds(host)));
        if named_well && target.is_none_or(|target| self.holds(target.as_str())) {
            return Ok(());
        }
        let problem = Problem::new(Code::Misdirected, "The server does not answer to this Host");
        Err(problem.hint("Ask localhost, or list the page's origin in CORS_ORIGINS"))
    }

    /// Whether `host[:port]` is one of the names.
    fn holds(&self, authority: &str) -> bool {
        let end = match authority.starts_with('[') {
            true => authority.find(']').map_or(authority.len(), |at| at + 1),
            false => authority.find(':').unwrap_or(authority.len()),
        };
        let (host, port) = authority.split_at(end);
        let port = port.strip_prefix(':').unwrap_or(port);
        if !port.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
        let host = host.to_ascii_lowercase();
        is_this_machine(&host) || self.others.contains(&host)
    }
}

fn is_this_machine(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match inner {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    };
    let loopback = address.is_some_and(|address| address.is_loopback());
    loopback || host == "localhost" || host.strip_suffix(".localhost").is_some_and(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_and_of_listed_origins() {
        let cors = CorsConfig::new("https://app.example:8443, http://[fd00::1], null", false).expect("good");
        let hosts = Hosts::of(([127, 0, 0, 1], 8_000).into(), Some(&cors)).expect("only this machine");
        for good in [
            "localhost",
            "LocalHost:8000",
            "a.b.localhost:1",
            "127.0.0.1",
            "127.9.9.9:80",
            "[::1]",
            "[::1]:8000",
            "app.example",
            "app.example:9",
            "[fd00::1]:80",
        ] {
            assert!(hosts.holds(good), "{good}");
        }
        for bad in [
            "",
            ".localhost",
            "localhost.evil.example",
            "evil.example",
            "evil.example:8000",
            "127.0.0.1.evil.example",
            "0.0.0.0",
            "[::]",
            "::1",
            "[::1]evil.example",
            "[::1",
            "localhost@evil.example",
            "localhost:80@evil.example",
            "null",
            "192.168.0.1",
        ] {
            assert!(!hosts.holds(bad), "{bad}");
        }
    }

    #[test]
    fn any_name_beyond_this_machine() {
        assert_eq!(Hosts::of(([0, 0, 0, 0], 8_000).into(), None), None);
        assert_eq!(Hosts::of(([192, 168, 0, 1], 8_000).into(), None), None);
        assert!(Hosts::of((Ipv6Addr::LOCALHOST, 8_000).into(), None).is_some());
    }
}
