//! The extractor against endpoints that answer well, badly, late, or not at all.

mod endpoint;
mod extraction;
mod requests;
