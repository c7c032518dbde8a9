//! Every store is held to one suite, to the memory store, and SQLite to what only a file can break.

mod conformance;
mod durability;
mod erasure;
mod faults;
mod make;
mod parity;
mod schema;
