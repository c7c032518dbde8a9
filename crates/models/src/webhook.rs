//! Sends messages to clients' own servers over HTTP, and reaches nothing else.
//!
//! Whoever adds memories says where such a server is, so what is there is nobody's word but theirs. A name is looked up once for each
//! message; the addresses that are found are looked at, and the connection goes to one of these and to no other. No answer is
//! believed to be elsewhere, nothing of one is kept but its status, and no proxy is asked.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use memoryscope_domain::limits;
use memoryscope_domain::webhook::{EVENT_HEADER, HOP_HEADER, is_address, is_public};
use memoryscope_engine::notify::{Message, Notifier, Undelivered};
use tokio::sync::oneshot;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::endpoint::roots;

/// How long a name is looked up, and how long a connection is waited for.
const CONNECT_SECONDS_MAX: u64 = 5;

/// What a lookup says whose every address is refused. It is told apart by this text, which no other error has.
const REFUSED: &str = "no address may be reached";

/// Sends webhooks.
#[derive(Debug, Clone, Copy)]
pub struct HttpNotifier {
    /// Whether addresses of this machine and of its networks may be reached.
    pub allows_private: bool,
}

/// Looks names up, and lets through what may be reached.
struct Guarded {
    inner: DefaultResolver,
    allows_private: bool,
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("allows_private", &self.allows_private).finish_non_exhaustive()
    }
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let mut allowed = self.empty();
        for address in found.iter().filter(|address| self.allows_private || may_be_reached(address)) {
            allowed.push(*address);
        }
        if allowed.is_empty() { Err(ureq::Error::Io(std::io::Error::other(REFUSED))) } else { Ok(allowed) }
    }
}

fn may_be_reached(address: &SocketAddr) -> bool {
    // An address with a zone is of a network of this machine.
    is_public(address.ip()) && !matches!(address, SocketAddr::V6(address) if address.scope_id() != 0)
}

#[async_trait]
impl Notifier for HttpNotifier {
    async fn send(&self, message: &Message) -> Result<u16, Undelivered> {
        if !is_address(&message.url) {
            return Err(Undelivered { reason: "address_refused", is_final: true });
        }
        let (say, said) = oneshot::channel();
        let (allows_private, message) = (self.allows_private, message.clone());
        // As with models: a server that is told to stop waits for no answer.
        let thread = std::thread::Builder::new().name("webhook".to_owned()).spawn(move || {
            let _ = say.send(call(allows_private, &message));
        });
        let broken = Undelivered { reason: "connection", is_final: false };
        match thread {
            Ok(_) => said.await.unwrap_or(Err(broken)),
            Err(_) => Err(broken),
        }
    }
}

fn call(allows_private: bool, message: &Message) -> Result<u16, Undelivered> {
    let connect = Duration::from_secs(CONNECT_SECONDS_MAX);
    let mut config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        // The next message looks the name up anew.
        .max_idle_connections(0)
        .timeout_global(Some(Duration::from_secs(limits::DELIVERY_SECONDS_MAX)))
        .timeout_resolve(Some(connect))
        .timeout_connect(Some(connect))
        .user_agent(concat!("memoryscope/", env!("CARGO_PKG_VERSION")));
    if message.url.starts_with("https://") {
        config = config.tls_config(TlsConfig::builder().root_certs(roots()).build());
    }
    let guarded = Guarded { inner: DefaultResolver::default(), allows_private };
    let agent = ureq::Agent::with_parts(config.build(), DefaultConnector::default(), guarded);
    let mut request = agent
        .post(&message.url)
        .content_type("application/json")
        .header(EVENT_HEADER, &message.event_id)
        .header(HOP_HEADER, "1");
    if let Some((name, value)) = &message.signature {
        request = request.header(*name, value);
    }
    // What is answered is not read.
    let response = request.send(message.body.as_str()).map_err(|error| undelivered(&error))?;
    Ok(response.status().as_u16())
}

fn undelivered(error: &ureq::Error) -> Undelivered {
    use ureq::Error;
    let (reason, is_final) = match error {
        Error::Io(why) if why.to_string() == REFUSED => ("address_refused", true),
        Error::HostNotFound => ("host_not_found", false),
        Error::Timeout(_) => ("timeout", false),
        Error::Tls(_) | Error::Rustls(_) => ("tls", false),
        Error::Protocol(_) | Error::LargeResponseHeader(..) => ("protocol", false),
        _ => ("connection", false),
    };
    Undelivered { reason, is_final }
}
