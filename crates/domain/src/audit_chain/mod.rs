//! The tamper-evident chain of audit entries.
