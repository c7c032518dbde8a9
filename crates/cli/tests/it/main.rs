//! Tests of the whole binary and of the repository.
