//! The core dialect, `/v2` (api-core.md): events, impacts and seeds.
//!
//! A translator and nothing more: request, operation, response.

mod error;
mod who;
mod wire;
