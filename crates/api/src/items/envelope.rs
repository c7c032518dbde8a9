//! What answers are wrapped in. Each family of routes has its own envelope, and an answer that says no has the problem in
//! it, as in every dialect, under `problem`.

use serde_json::{Value, json};

use crate::meta::RequestMeta;
use crate::problem::Problem;

/// The body of a refusal, by the route's pattern or the path that is no route's. Other dialects have another.
pub(crate) fn refusal(route: &str, problem: &Problem, meta: &RequestMeta) -> Option<Value> {
    let within = route.strip_prefix("/v1/")?;
    let (code, error) = (problem.status().as_u16(), problem.error(meta));
    let mut body = json!({
        "code": code,
        "status": "error",
        "error": problem.message(),
        "details": error["details"],
    });
    match family(within) {
        Family::Memory => body["data"] = Value::Null,
        Family::Batch => {
            let whole = json!({"index": -1, "error": problem.message(), "code": code, "status": "error"});
            body["errors"] = json!([whole]);
        }
        Family::Schemas => body = json!({"success": false, "error": problem.message(), "code": code}),
        Family::Messages => body = json!({}),
        Family::Other => {}
    }
    body["problem"] = error;
    body["detail"] = problem.fastapi_detail();
    Some(body)
}

/// A family of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Memory,
    Batch,
    Schemas,
    Messages,
    Other,
}

fn family(route: &str) -> Family {
    match route {
        "memory/batch" | "memory/all" => Family::Batch,
        route if route == "memory" || route.starts_with("memory/") => Family::Memory,
        route if route.starts_with("schemas") => Family::Schemas,
        route if route.starts_with("messages") => Family::Messages,
        _ => Family::Other,
    }
}
