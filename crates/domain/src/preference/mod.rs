//! The scoped dialect's values: their shapes, their normal form, their deterministic merge.
