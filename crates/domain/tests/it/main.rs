//! The domain's tests, in one binary: linking dominates the time of many small ones.

mod preference_docs;
mod preference_merge;
mod preference_purpose;
mod preference_ratio;
mod preference_shapes;
