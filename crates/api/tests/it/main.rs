//! The edge, driven as clients drive it: through the router, and over real sockets where bytes matter.

mod bodies;
mod canary;
mod core_v2;
mod cors;
mod dialects;
mod docs;
mod edge;
mod explained;
mod faulty;
mod fields;
mod governed;
mod health;
mod items;
mod items_feedback;
mod items_graph;
mod items_messages;
mod items_omo;
mod items_review;
mod matrix;
mod metrics;
mod openapi;
mod repeats;
mod schema;
mod shapes;
mod sockets;
mod support;
