//! The other values: each parses itself, and shows itself without secrets.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    Warning,
    Error,
}

impl LogLevel {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_uppercase().as_str() {
            "DEBUG" => Ok(Self::Debug),
            "INFO" => Ok(Self::Info),
            "WARNING" => Ok(Self::Warning),
            // Nothing here is graver than an error.
            "ERROR" | "CRITICAL" => Ok(Self::Error),
            _ => Err(String::new()),
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        })
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Json,
    Human,
}

impl LogFormat {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "json" => Ok(Self::Json),
            "human" => Ok(Self::Human),
            _ => Err(String::new()),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::Human => "human",
        })
    }
}

/// What kind of place this server runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Environment {
    Development,
    Staging,
    Production,
}

impl Environment {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "development" => Ok(Self::Development),
            "staging" => Ok(Self::Staging),
            "production" => Ok(Self::Production),
            _ => Err(String::new()),
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        })
    }
}

/// Which pages of other origins may call this server from a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CorsOrigins {
    /// None: the same origin only.
    SameOrigin,
    /// Every one.
    Any,
    /// These, each as a browser sends it; `null` is a page opened from a file.
    These(Vec<String>),
}

impl CorsOrigins {
    /// The list as it would be set; `None` for the same origin only.
    pub(crate) fn as_list(&self) -> Option<String> {
        match self {
            Self::SameOrigin => None,
            Self::Any => Some("*".to_owned()),
            Self::These(origins) => Some(origins.join(",")),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut origins = Vec::new();
        let mut any = false;
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part {
                "*" => any = true,
                "null" => origins.push("null".to_owned()),
                _ => origins.push(origin(part)?),
            }
        }
        origins.sort();
        origins.dedup();
        Ok(match (any, origins.is_empty()) {
            (true, _) => Self::Any,
            (false, true) => Self::SameOrigin,
            (false, false) => Self::These(origins),
        })
    }
}

/// An origin as a browser writes it: lower case, no path, no default port.
fn origin(text: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    let lower = lower.strip_suffix('/').unwrap_or(&lower);
    let wrong = || format!("{:?} is not an origin", super::shorten(text));
    let (scheme, authority) = lower.split_once("://").ok_or_else(wrong)?;
    if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
        return Err(wrong());
    }
    let shaped = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    if authority.is_empty() || !authority.bytes().all(shaped) {
        return Err(format!("{} (an origin has a host, perhaps a port, and nothing else)", wrong()));
    }
    if let Some((_, port)) = authority.rsplit_once(':')
        && !authority.ends_with(']')
        && port.parse::<u16>().is_err()
    {
        return Err(format!("{} (the port is wrong)", wrong()));
    }
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    Ok(format!("{scheme}://{}", authority.strip_suffix(default_port).unwrap_or(authority)))
}

impl fmt::Display for CorsOrigins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameOrigin => Ok(()),
            Self::Any => f.write_str("*"),
            Self::These(origins) => f.write_str(&origins.join(",")),
        }
    }
}

/// Where errors are reported to. Its key is a secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SentryDsn(String);

impl SentryDsn {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let (key, place) = rest.and_then(|rest| rest.split_once('@')).ok_or_else(String::new)?;
        let (host, project) = place.rsplit_once('/').ok_or_else(String::new)?;
        if key.is_empty() || host.is_empty() || project.is_empty() || place.contains(char::is_whitespace) {
            return Err(String::new());
        }
        Ok(Self(text.to_owned()))
    }

    /// The DSN itself, key and all.
    #[cfg_attr(
        not(feature = "sentry"),
        expect(dead_code, reason = "only the feature `sentry` reports anywhere")
    )]
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// Without the key.
impl fmt::Display for SentryDsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.split("://").next().unwrap_or_default();
        let place = self.0.rsplit('@').next().unwrap_or_default();
        write!(f, "{scheme}://***@{place}")
    }
}

impl fmt::Debug for SentryDsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SentryDsn({self})")
    }
}

/// The base of a collector's URLs. Keys have no place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OtlpEndpoint(String);

impl OtlpEndpoint {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        base_url(text).map(Self)
    }

    /// Where traces go.
    #[cfg_attr(not(feature = "otel"), expect(dead_code, reason = "only the feature `otel` exports anything"))]
    pub(crate) fn traces_url(&self) -> String {
        format!("{}/v1/traces", self.0)
    }
}

impl fmt::Display for OtlpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A URL that paths are added to, without a slash at its end.
pub(super) fn base_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let rest = rest.ok_or_else(String::new)?;
    if rest.contains('@') {
        return Err("it must not hold a user or a password".to_owned());
    }
    let host = rest.split('/').next().unwrap_or_default();
    let port = host.rsplit_once(':').filter(|_| !host.ends_with(']')).map(|(_, port)| port);
    let named = !host.is_empty() && !host.starts_with(':');
    let plain = rest.bytes().all(|b| b.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&b));
    if !named || !plain || port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err(String::new());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(String::new()),
    }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix("localhost:") {
        let port = port.parse().map_err(|_| "the port is wrong".to_owned())?;
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.parse().map_err(|_| String::new())
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(seconds @ 1..=600) => Ok(Duration::from_secs(seconds)),
        _ => Err(String::new()),
    }
}
