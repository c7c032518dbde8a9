//! The extractor and the embedder against endpoints that answer well, badly, late, or not at all.

mod embedding;
mod endpoint;
mod extraction;
mod requests;
mod webhooks;
