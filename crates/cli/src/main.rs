//! The binary `memoryscope`. **Invariant: the cli cannot think.**

fn main() {}
