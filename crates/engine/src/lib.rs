//! The governed pipeline. **Invariant: the engine cannot speak SQL or HTTP.**
