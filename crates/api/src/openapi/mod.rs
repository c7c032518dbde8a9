//! The description of every route, made from what the routes are made of.
//!
//! [`Routes`] is the only way to a router: a route comes with its [`Operation`], so none can be served that is not
//! described and none described that is not served. What a request may hold is said by the [`crate::wire::Shape`]
//! that reads it; what an answer holds stands beside the function that writes it.

mod document;
mod operation;
mod page;
pub mod schema;
mod shared;

use axum::Router;
use axum::handler::Handler;
use axum::routing::{any, on};

pub use document::document;
pub use operation::{Example, Operation, Tag, Verb};
pub use page::{Pages, routes};
pub use shared::{audit_entry, error, policy_trace, warnings};

/// Routes, each with its description.
#[derive(Debug)]
pub struct Routes<S = ()> {
    router: Router<S>,
    operations: Vec<Operation>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self { router: Router::new(), operations: Vec::new() }
    }

    /// One more, answered by `handler`.
    #[must_use]
    pub fn add<H, T>(mut self, operation: Operation, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.router = self.router.route(operation.path, on(operation.verb.filter(), handler));
        self.operations.push(operation);
        self
    }

    /// A path that is part of a protocol and not built: `handler` says so, whatever the method. It is in no description.
    #[must_use]
    pub fn unbuilt<H, T>(mut self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.router = self.router.route(path, any(handler));
        self
    }

    /// These and others.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.operations.extend(other.operations);
        self
    }

    /// With what their handlers share.
    #[must_use]
    pub fn with_state(self, state: S) -> Routes {
        Routes { router: self.router.with_state(state), operations: self.operations }
    }

    /// Their descriptions.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Themselves.
    pub fn into_router(self) -> Router<S> {
        self.router
    }
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}
