//! What may go wrong inside a statement's use.

use memoryscope_domain::memory::Unreadable;
use memoryscope_engine::port::StoreError;

/// Either kind of failure.
#[derive(Debug)]
pub(crate) enum Failure<E> {
    /// The engine's, or its connection's.
    Engine(E),
    /// Ours.
    Store(StoreError),
}

/// What an engine says, in the words of the port.
pub(crate) trait EngineError {
    /// Without values: a message may be shown to anybody.
    fn describe(self) -> StoreError;
}

impl<E> Failure<E> {
    /// What was read, or nothing where it could not be understood: a walk says what is wrong, and is not stopped by it.
    pub(crate) fn unless_unreadable<T>(read: Result<T, Self>) -> Result<Option<T>, Self> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(Self::Store(StoreError::Corrupt(_))) => Ok(None),
            Err(why) => Err(why),
        }
    }
}

impl<E> From<StoreError> for Failure<E> {
    fn from(why: StoreError) -> Self {
        Self::Store(why)
    }
}

impl<E> From<Unreadable> for Failure<E> {
    fn from(why: Unreadable) -> Self {
        Self::Store(why.into())
    }
}

impl<E: EngineError> From<Failure<E>> for StoreError {
    fn from(failure: Failure<E>) -> Self {
        match failure {
            Failure::Engine(why) => why.describe(),
            Failure::Store(why) => why,
        }
    }
}
