//! How the store is opened: the URL, and bounds on every wait.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use memoryscope_domain::limits;
use memoryscope_engine::port::{Meter, NoMeter, StoreError};
use tokio_postgres::config::SslMode;

#[cfg(feature = "faults")]
use super::fault::Faults;

/// Connections that read: what a load waits for is the database, which does several at once.
const READERS: usize = 8;
/// Connections that write. A tenant always uses the same one; several tenants are written at once.
const WRITERS: usize = 4;
/// How long a connection may take to be made.
const CONNECT_MS: u64 = 5_000;
/// How long a statement may take, in the server's own judgement.
const STATEMENT_MS: u64 = 10_000;
/// How long a load waits for a connection to be free.
const POOL_MS: u64 = 5_000;
/// For how long a transaction that was lost is tried again: as long as a server takes to restart.
const PATIENCE_MS: u64 = 6_000;
/// An idle connection is asked so often whether it still stands.
const KEEPALIVE_MS: u64 = 15_000;

/// How far the server is trusted before anything is said to it. The meanings are libpq's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Encrypted or not, whoever answers.
    Anyone,
    /// A certificate that a known authority signed, for whatever name.
    Signed,
    /// A certificate that a known authority signed for this host.
    Named,
}

/// How the store is opened.
#[derive(Clone)]
pub struct PostgresConfig {
    pub(super) server: tokio_postgres::Config,
    pub(super) trust: Trust,
    pub(super) roots: Option<PathBuf>,
    pub(super) migrate: bool,
    pub(super) readers: usize,
    pub(super) writers: usize,
    pub(super) connect: Duration,
    pub(super) statement: Duration,
    pub(super) pool: Duration,
    pub(super) patience: Duration,
    pub(super) vector_bytes: usize,
    pub(super) meter: Arc<dyn Meter>,
    #[cfg(feature = "faults")]
    pub(super) faults: Option<Faults>,
}

/// Without the password.
impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("hosts", &self.server.get_hosts())
            .field("ports", &self.server.get_ports())
            .field("database", &self.server.get_dbname())
            .field("ssl", &(self.server.get_ssl_mode(), self.trust))
            .finish_non_exhaustive()
    }
}

impl PostgresConfig {
    /// Reads `postgres://`, `postgresql://` or `postgresql+driver://`, with libpq's options.
    ///
    /// # Errors
    /// When it cannot be read; the text never quotes it, since it may hold a password.
    pub fn url(text: &str) -> Result<Self, StoreError> {
        let refused = |why: &str| StoreError::Unavailable(format!("the database URL cannot be used: {why}"));
        let (scheme, rest) = text.split_once("://").ok_or_else(|| refused("it has no scheme"))?;
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(scheme.split('+').next(), Some("postgres" | "postgresql")) {
            return Err(refused("its scheme is not postgresql"));
        }
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        let mut tls = Tls::default();
        let mut kept = Vec::new();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            if !tls.takes(option).map_err(|why| refused(&why))? {
                kept.push(option);
            }
        }
        let (mode, trust) = tls.meaning();
        let mark = if kept.is_empty() { "" } else { "?" };
        let plain = format!("postgresql://{place}{mark}{}", kept.join("&"));
        let mut server =
            tokio_postgres::Config::from_str(&plain).map_err(|why| refused(&without_values(&why)))?;
        server.ssl_mode(mode);
        if server.get_application_name().is_none() {
            server.application_name("memoryscope");
        }
        let connect = server.get_connect_timeout().copied().unwrap_or(Duration::from_millis(CONNECT_MS));
        server.connect_timeout(connect);
        if !plain.contains("keepalives_idle=") {
            server.keepalives_idle(Duration::from_millis(KEEPALIVE_MS));
            server.keepalives_interval(Duration::from_millis(KEEPALIVE_MS / 3));
            server.keepalives_retries(3);
        }
        Ok(Self {
            server,
            trust,
            roots: tls.roots,
            migrate: true,
            readers: READERS,
            writers: WRITERS,
            connect,
            statement: Duration::from_millis(STATEMENT_MS),
            pool: Duration::from_millis(POOL_MS),
            patience: Duration::from_millis(PATIENCE_MS),
            vector_bytes: limits::VECTOR_BYTES,
            meter: Arc::new(NoMeter),
            #[cfg(feature = "faults")]
            faults: None,
        })
    }

    /// Whether the schema is brought up to date when the store is opened; if not, an older one is refused.
    #[must_use]
    pub fn migrate(self, migrate: bool) -> Self {
        Self { migrate, ..self }
    }

    /// How much memory the vectors of scopes that are searched may take, in bytes.
    #[must_use]
    pub fn vector_bytes(self, vector_bytes: usize) -> Self {
        Self { vector_bytes, ..self }
    }

    /// Where its measurements go.
    #[must_use]
    pub fn measured_by(self, meter: Arc<dyn Meter>) -> Self {
        Self { meter, ..self }
    }

    /// How many connections read at most; at least one does.
    #[must_use]
    pub fn readers(self, readers: usize) -> Self {
        Self { readers: readers.max(1), ..self }
    }

    /// How many connections write at most; at least one does.
    #[must_use]
    pub fn writers(self, writers: usize) -> Self {
        Self { writers: writers.max(1), ..self }
    }

    /// How long a statement may take. The server enforces it; twice as long is waited for its answer.
    #[must_use]
    pub fn statement_timeout(self, statement: Duration) -> Self {
        Self { statement, ..self }
    }

    /// How long a load waits for a connection to be free.
    #[must_use]
    pub fn pool_timeout(self, pool: Duration) -> Self {
        Self { pool, ..self }
    }

    /// For how long a commit whose connection was lost is tried again before it is answered "unavailable".
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Breaks connections where it is told to.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn faults(self, faults: Faults) -> Self {
        Self { faults: Some(faults), ..self }
    }
}

/// What the URL says of encryption.
#[derive(Debug, Default)]
struct Tls {
    mode: Option<Mode>,
    roots: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy)]
enum Mode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl Tls {
    /// Whether the option is about encryption; then it is kept here.
    fn takes(&mut self, option: &str) -> Result<bool, String> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            "sslmode" => {
                self.mode = Some(match value {
                    "disable" => Mode::Disable,
                    "allow" | "prefer" => Mode::Prefer,
                    "require" => Mode::Require,
                    "verify-ca" => Mode::VerifyCa,
                    "verify-full" => Mode::VerifyFull,
                    _ => {
                        return Err(
                            "sslmode is none of disable, prefer, require, verify-ca, verify-full".into()
                        );
                    }
                });
            }
            "sslrootcert" => {
                let path = decode(value).ok_or("sslrootcert is not percent-encoded UTF-8")?;
                self.roots = (path != "system").then(|| PathBuf::from(path));
            }
            "sslcert" | "sslkey" | "sslcrl" | "sslpassword" => {
                return Err(format!("{name} is not supported"));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// As libpq: `require` looks at the certificate only if an authority is named.
    fn meaning(&self) -> (SslMode, Trust) {
        match self.mode {
            Some(Mode::Disable) => (SslMode::Disable, Trust::Anyone),
            None | Some(Mode::Prefer) => (SslMode::Prefer, Trust::Anyone),
            Some(Mode::Require) if self.roots.is_none() => (SslMode::Require, Trust::Anyone),
            Some(Mode::Require | Mode::VerifyCa) => (SslMode::Require, Trust::Signed),
            Some(Mode::VerifyFull) => (SslMode::Require, Trust::Named),
        }
    }
}

/// The client's complaint about a URL. It names options and never their values.
fn without_values(why: &tokio_postgres::Error) -> String {
    std::error::Error::source(why).map_or_else(|| "it cannot be read".to_owned(), ToString::to_string)
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(options: &str, mode: SslMode, trust: Trust) -> PostgresConfig {
        let config =
            PostgresConfig::url(&format!("postgresql+psycopg://u:p%40ss@h:5433/d{options}")).unwrap();
        assert_eq!((config.server.get_ssl_mode(), config.trust), (mode, trust), "{options}");
        assert_eq!(config.server.get_password(), Some(b"p@ss".as_slice()));
        assert_eq!((config.server.get_dbname(), config.server.get_ports()), (Some("d"), [5433].as_slice()));
        config
    }

    #[test]
    fn encryption_means_what_libpq_means() {
        check("", SslMode::Prefer, Trust::Anyone);
        check("?sslmode=disable", SslMode::Disable, Trust::Anyone);
        check("?sslmode=prefer&connect_timeout=3", SslMode::Prefer, Trust::Anyone);
        check("?sslmode=require", SslMode::Require, Trust::Anyone);
        let config = check("?sslmode=require&sslrootcert=%2Fca%20s.pem", SslMode::Require, Trust::Signed);
        assert_eq!(config.roots, Some(PathBuf::from("/ca s.pem")));
        check("?sslmode=verify-ca", SslMode::Require, Trust::Signed);
        check("?sslmode=verify-full&sslrootcert=system", SslMode::Require, Trust::Named);
    }

    #[test]
    fn what_is_refused_is_not_quoted() {
        for url in [
            "memoryscope.db",
            "mysql://u:s3cret@h/d",
            "postgres://u:s3cret@h/d?sslmode=s3cret",
            "postgres://u:s3cret@h:s3cret/d",
            "postgres://u:s3cret@h/d?s3=s3cret",
            "postgres://u:s3cret@h/d?sslkey=s3cret",
            "postgres://u:s3cret@h/d?sslrootcert=%zz",
        ] {
            let why = PostgresConfig::url(url).unwrap_err().to_string();
            assert!(why.contains("cannot be used") && !why.contains("cret"), "{url}: {why}");
        }
        let config = PostgresConfig::url("postgres://u:s3cret@h/d").unwrap();
        assert!(!format!("{config:?}").contains("s3cret"));
    }
}
