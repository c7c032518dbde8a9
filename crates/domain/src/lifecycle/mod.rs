//! What happens to a memory after it was stored, and what follows for everything that was derived from it.
//!
//! A [`Step`] makes the next version of one memory; [`propagate()`] makes the next versions of its descendants, out of
//! facts that were loaded with it. Both are pure: the same facts give the same versions, so a change and all that
//! follows from it are one commit. `docs/lifecycle.md` is the manual.

mod family;
mod pending;
mod recall;
mod review;
mod revise;
mod step;
#[cfg(test)]
mod tests;
mod withhold;

pub use family::{Family, Kin, demanded, inherited, propagate};
pub use pending::{Ancestry, Following, PAGES, PendingMark};
pub use recall::Updates;
pub use review::{Cleared, without_lost_parents};
pub use revise::Revision;
pub use step::{Barred, By, Step, Stepped, Verdict};
pub use withhold::withhold;
