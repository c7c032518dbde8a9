//! What the stores share: everything that is neither one engine's SQL nor its way of waiting.

pub(crate) mod conflict;
pub(crate) mod failure;
pub(crate) mod fill;
pub(crate) mod filter;
pub(crate) mod migration;
pub(crate) mod packed;
pub(crate) mod person;
pub(crate) mod prepare;
pub(crate) mod row;
pub(crate) mod walk;
