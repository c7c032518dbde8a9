//! The edge, driven as clients drive it: through the router, and over real sockets where bytes matter.

mod bodies;
mod cors;
mod edge;
mod health;
mod sockets;
mod support;
