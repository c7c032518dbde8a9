//! The names under which a request is traced. A build without an exporter listens to none of this.

/// The target of every span that may leave the process. What is no span of it stays here.
pub const TARGET: &str = "memoryscope::traces";
/// A request, from its head to its answer.
pub const REQUEST: &str = "request";
/// Asking the store for what a request is about.
pub const LOAD: &str = "load";
/// Making a request's changes and its audit entry durable.
pub const COMMIT: &str = "commit";
