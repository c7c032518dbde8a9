//! What asks a model: [`ChatExtractor`], the engine's `Extractor` by an endpoint that speaks the OpenAI protocol, and two of its
//! `Embedder`: [`RemoteEmbedder`], by such an endpoint, and [`local::LocalEmbedder`], in this process.
//! And what tells clients' own servers, which is asked nothing: [`HttpNotifier`].
//!
//! What is sent and what is understood of an answer are pure functions ([`request`], [`answer::read`]); what is done about a failure
//! is one table ([`retry`]); only [`endpoint`](ChatConfig) waits. Neither texts nor answers nor keys are ever logged.

pub mod answer;
mod asking;
mod budget;
mod candidates;
mod endpoint;
mod extractor;
mod json_schema;
mod key;
pub mod local;
mod prompt;
mod remote;
mod repair;
pub mod retry;
mod vector;
mod webhook;

pub use asking::Pause;
pub use extractor::{ChatConfig, ChatExtractor};
pub use key::ApiKey;
pub use prompt::request;
pub use remote::{RemoteConfig, RemoteEmbedder};
pub use webhook::HttpNotifier;
