//! Stores. **Invariant: a store cannot decide.**
