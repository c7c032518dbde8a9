//! The engine on its memory store: what each operation does with right, wrong and repeated input.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, also in its helpers")]

mod authorization;
mod bridge_ends;
mod bridges;
mod extraction;
mod faults;
mod gate;
mod grants;
mod graphs;
mod idempotency;
mod items;
mod lifecycle;
mod meaning;
mod memories;
mod objects;
mod omo;
mod paging;
mod pending;
mod properties;
mod records;
mod replay;
mod replay_bridges;
mod reviews;
mod rights;
mod rogue;
mod search;
mod searches;
mod spirals;
mod sprouting;
mod subjects;
mod support;
mod twins;
mod types;
mod upkeep;
mod walks;
mod webhooks;
