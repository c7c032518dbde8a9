//! The policy engine held to Cedar, an engine that other people made and proved.
//!
//! Random rule sets are written in our language and, effect by effect, in Cedar's ([`translate`]); random memories and
//! requests ([`world`]) are put before both; outcomes, determining rules, and what each condition is worth have to be
//! the same ([`compare`](mod@compare)). Where the two languages mean different things, what is expected is corrected, and
//! counted ([`oracle`]). docs/policy.md says what comes of it and how to run it.

pub mod clause;
pub mod compare;
pub mod coverage;
pub mod entities;
pub mod expression;
pub mod generate;
pub mod oracle;
pub mod pair;
pub mod rng;
pub mod run;
pub mod shrink;
pub mod translate;
pub mod vocabulary;
pub mod world;
