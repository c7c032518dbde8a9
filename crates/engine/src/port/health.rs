//! How a store is.

/// How a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Which engine, as people call it: `sqlite`, `memory`.
    pub engine: &'static str,
    /// The schema's version, and the newest that this program knows.
    pub schema: (u32, u32),
    /// The connections that read, where the store has a pool of them.
    pub pool: Option<PoolUse>,
}

/// How a pool of connections is used at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// Connections that somebody is using.
    pub busy: usize,
    /// Connections that are open and free.
    pub idle: usize,
    /// The most that are open at once.
    pub limit: usize,
}
