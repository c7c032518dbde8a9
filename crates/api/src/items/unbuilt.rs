//! What other servers of this dialect do, and this one does not: it says so, and never pretends.

use crate::openapi::Routes;
use crate::problem::{Code, Problem};

use super::Items;

/// Paths of the dialect that nothing is built for, each with its methods.
const PATHS: &[&str] = &[
    "/v1/namespace/{id}/api-keys",
    "/v1/namespace/{id}/instance",
    "/v1/organization/instance",
    "/v1/document",
    "/v1/document/{id}",
    "/v1/document/status/{id}",
    "/v1/sync/tiers",
    "/v1/sync/delta",
    "/v1/graphql",
    "/v1/telemetry/events",
    "/v1/ai/usage",
    "/v1/ai/openai/chat/completions",
    "/v1/ai/openai/responses",
    "/v1/ai/anthropic/messages",
    "/v1/ai/google/models/{model}",
    "/v1/graph/domains",
    "/v1/graph/domains/{id}",
    "/v1/graph/rerank",
    "/v1/graph/transform",
    "/v1/holographic",
    "/v1/holographic/{*rest}",
    "/v1/frequencies",
    "/v1/frequencies/{id}",
];

/// The routes, each answering 501 whatever the method. They are in no description: there is nothing to describe.
pub(super) fn routes(routes: Routes<Items>) -> Routes<Items> {
    PATHS.iter().fold(routes, |routes, path| routes.unbuilt(path, handler))
}

async fn handler() -> Problem {
    Problem::new(Code::NotImplemented, "This part of the protocol is not built into this server")
        .hint("docs/papr.md lists what works")
}
