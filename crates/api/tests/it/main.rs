//! The edge, driven as clients drive it.
