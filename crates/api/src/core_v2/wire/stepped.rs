//! What a step with a memory is answered with.

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::State;
use memoryscope_domain::object::DisputeState;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::op::step::Made;
use serde_json::{Value, json};

use super::answers::decided_schema;
use crate::openapi::schema::{about, count, list, names, object, or_null, prefixed, time, truth};

/// What a step with a memory came to.
pub(in crate::core_v2) fn stepped(id: MemoryId, made: &Made, now: Timestamp) -> Value {
    // Of what is sealed or gone only that is told.
    let object = made.memory.object().filter(|_| made.memory.state < State::Sealed);
    let names: Vec<String> = made.propagated_to.iter().map(|id| id.prefixed()).collect();
    json!({
        "id": id.prefixed(),
        "state": made.memory.state.name(),
        "version": made.memory.version,
        "strength": object.map(|_| made.memory.strength(now).get()),
        "dispute_state": object.map(|object| object.ownership.dispute_state.name()),
        "reinforced_at": object.and_then(|object| object.strength.last_reinforced).map(|at| at.to_string()),
        "propagated_to": names,
        "propagated": made.propagated_to.len(),
        "pending": made.pending,
    })
}

/// The schema of [`stepped`].
pub(in crate::core_v2) fn stepped_schema() -> Value {
    decided_schema(object(
        "ChangedMemory",
        [
            ("id", prefixed("mem_")),
            ("state", names(State::ALL.map(State::name))),
            ("version", count()),
            ("strength", about(or_null(json!({"type": "number"})), "What is left of it now.")),
            ("dispute_state", or_null(names(DisputeState::ALL.iter().map(|state| state.name())))),
            ("reinforced_at", or_null(time())),
            (
                "propagated_to",
                about(list(prefixed("mem_")), "Everything derived from it that changed with it."),
            ),
            ("propagated", about(count(), "How many these are.")),
            (
                "pending",
                about(
                    truth(),
                    "Whether more was derived from it than follows in one commit: it is hidden until it has followed.",
                ),
            ),
        ],
    ))
}
