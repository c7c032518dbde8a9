//! What asks a running server, as applications do: a load generator ([`mod@bench`]), a measure of what is found
//! ([`recall`]) and a test app ([`exercise`]).
//!
//! **Invariant: load cannot look inside.** It knows the wire and no crate of ours, so what it measures is what a caller
//! gets, and what it checks is what a caller is promised. Start with [`bench::run`], [`recall::run`] and [`exercise::run`].

pub mod bench;
mod chance;
pub mod exercise;
pub mod http;
pub mod launch;
mod process;
pub mod progress;
pub mod recall;
pub mod stats;
pub mod vectors;

/// Why nothing, or not all, could be measured or tried. What a server answered wrongly is no failure but a result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The URL names no server that can be asked.
    #[error("{0:?} is no http://HOST:PORT")]
    Url(String),
    /// Nobody answers there.
    #[error("the server at {url} cannot be reached: {cause}")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        cause: http::Fault,
    },
    /// There is a server, but it is not ready, or is no MemoryScope server.
    #[error("the server at {url} is not ready: GET /healthz/ready answers {said}")]
    NotReady {
        /// Where.
        url: String,
        /// Status and message.
        said: String,
    },
    /// A memory that the measurement needs was not stored, or could not be read.
    #[error("what is to be measured could not be prepared: {0}")]
    Preparing(String),
    /// Vectors of what was stored were not made in time.
    #[error("{pending} memories have no vector yet after {seconds} s: --timeout gives it longer")]
    Vectors {
        /// How many are left.
        pending: u64,
        /// How long it was waited.
        seconds: u64,
    },
    /// What was written is not found.
    #[error("what was written is not found after {seconds} s")]
    NotFound {
        /// How long it was looked for.
        seconds: u64,
    },
    /// The server makes vectors though it should not.
    #[error(
        "the server that was started embeds texts, though --words-only is given: is MEMORYSCOPE_EMBED_URL set in .env?"
    )]
    Embeds,
    /// The server that was to be measured could not be started.
    #[error("the server does not start: {0}")]
    Launch(String),
    /// There is nowhere to put the store of the server that is started.
    #[error("no temporary folder: {0}")]
    Folder(std::io::Error),
}
