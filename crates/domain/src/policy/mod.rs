//! The policy language: what may be done with a memory, for whom, and why.
