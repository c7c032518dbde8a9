//! The domain's tests from outside, in one binary.

mod audit_attacks;
mod audit_chain;
mod audit_export;
mod audit_support;
