//! The domain's tests from outside, in one binary.

mod audit_chain;
mod audit_support;
