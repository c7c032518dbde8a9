//! Edges. **Invariant: the api cannot store.**
//!
//! What every dialect shares stands at the top: [`json`] reads a body, [`wire`] decodes it and describes
//! it, [`problem`] says no, [`edge`] wraps each request, [`serve`] accepts connections, and [`health`]
//! tells how the server is. A dialect is a folder of its own, and none imports another.

pub mod app;
pub mod audit;
pub mod auth;
pub mod core_v2;
pub mod cursor;
pub mod edge;
pub mod explained;
pub mod health;
pub mod in_process;
pub mod items;
pub mod jobs;
pub mod json;
pub mod meta;
pub mod metrics;
pub mod openapi;
pub mod predicate;
pub mod problem;
pub mod refused;
pub mod scoped;
pub mod serve;
pub mod toon;
pub mod wire;
