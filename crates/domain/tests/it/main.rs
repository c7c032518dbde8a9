//! The domain's integration tests: one binary, one module per subject.

mod policy_default;
