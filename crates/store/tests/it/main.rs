//! Every store is held to one suite and to the memory store's answers; each kind besides to what only it can break.

// `cfg(test)` tells the lints what is obvious here: this is a test, and may unwrap.
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod contents;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod erasure;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod make;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod transfer;
#[cfg(test)]
mod upgrades;
