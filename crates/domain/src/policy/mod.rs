//! The policy language: what may be done with a memory, for whom, and why.
//!
//! A policy is text ([`Policy::load`]) that is checked against one [`catalogue`] of attributes. It then answers two
//! questions, without I/O, clock or allocation per attribute:
//!
//! - [`Policy::decide`]: what is allowed with this memory, for this request?
//! - [`Policy::narrow`]: what can a store leave out before anything is read?
//!
//! [`lint`](mod@lint), [`explain`](fn@explain) and [`cases`] serve the people who write policies.
//! **Invariant: the order of the rules changes no decision.**

pub mod cases;
pub mod catalogue;
pub mod compile;
pub mod condition;
pub mod decide;
mod describe;
pub mod effect;
pub mod error;
pub mod explain;
pub mod facts;
pub mod filter;
pub mod hint;
pub mod lint;
pub mod narrow;
mod parse;
pub mod request;
pub mod trace;
pub mod value;
pub(crate) mod yaml;

pub use catalogue::Attribute;
pub use compile::{BUILTIN_SOURCE, Policy, Rule};
pub use decide::{Decision, Obligations, Prepared};
pub use effect::{Effect, EffectSet, IngestState};
pub use error::PolicyError;
pub use explain::{Explanation, explain};
pub use facts::{MemoryFacts, OwnedValue, RequestFacts};
pub use filter::{Filter, FilterField};
pub use hint::Hint;
pub use narrow::Narrowed;
pub use parse::{BUILTIN_NAME, Globals, SpiralGlobals};
pub use request::{Dialect, Request, SpiralFacts};
pub use trace::{DecidedBy, RuleCounts, RuleId, Trace, Verdict};
pub use value::{MemoryAttributes, NoMemory, TextSet, Value};
