//! Edges. **Invariant: the api cannot store.**
