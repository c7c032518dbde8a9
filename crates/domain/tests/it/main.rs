//! The domain's integration tests: one binary, one module per subject.

mod audit_attacks;
mod audit_chain;
mod audit_export;
mod audit_support;
mod constraint_merge;
mod constraint_shape;
mod derive_corpus;
mod derive_docs;
mod derive_laws;
mod policy_corpus;
mod policy_default;
mod policy_docs;
mod policy_laws;
mod policy_model;
mod policy_reference;
mod preference_docs;
mod preference_merge;
mod preference_purpose;
mod preference_ratio;
mod preference_redaction;
mod preference_shapes;
mod reconstruct;
mod spiral_corpus;
mod spiral_eval;
mod spiral_laws;
mod yaml_cases;
