//! Every store is held to one suite, SQLite to the memory store's answers, and to what only a file can break.

// `cfg(test)` tells the lints what is obvious here: this is a test, and may unwrap.
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod erasure;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod make;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tampering;
