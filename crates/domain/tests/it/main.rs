//! The domain's integration tests: one binary, one module per subject.

mod audit_chain;
mod audit_support;
mod policy_default;
mod preference_docs;
mod preference_merge;
mod preference_purpose;
mod preference_ratio;
mod preference_shapes;
