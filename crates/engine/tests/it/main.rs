//! The engine on its memory store: what each operation does with right, wrong and repeated input.

mod authorization;
mod faults;
mod grants;
mod idempotency;
mod memories;
mod properties;
mod support;
mod types;
mod upkeep;
