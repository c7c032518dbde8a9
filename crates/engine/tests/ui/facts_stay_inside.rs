//! An operation cannot reach through what is visible to what was loaded.
use memoryscope_domain::govern::{Facts, Visible};

fn peek(seen: &Visible<Facts>) -> usize {
    seen.facts.memories.len()
}

fn main() {}
