//! What asks a model. So far that is [`ChatExtractor`]: the engine's `Extractor` by an endpoint that speaks the OpenAI protocol.
//!
//! What is sent and what is understood of an answer are pure functions ([`request`], [`answer::read`]); what is done about a failure
//! is one table ([`retry`]); only [`endpoint`](ChatConfig) waits. Neither texts nor answers nor keys are ever logged.

pub mod answer;
mod budget;
mod candidates;
mod endpoint;
mod extractor;
mod json_schema;
mod key;
mod prompt;
mod repair;
pub mod retry;

pub use extractor::{ChatConfig, ChatExtractor, Pause};
pub use key::ApiKey;
pub use prompt::request;
