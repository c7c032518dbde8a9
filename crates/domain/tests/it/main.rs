//! The domain's integration tests: one binary, one module per subject.

mod audit_chain;
mod audit_support;
mod policy_default;
