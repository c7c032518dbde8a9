//! The domain's integration tests: one binary, one module per subject.

mod policy_corpus;
mod policy_default;
mod policy_docs;
mod policy_laws;
mod policy_model;
mod policy_reference;
mod policy_speed;
