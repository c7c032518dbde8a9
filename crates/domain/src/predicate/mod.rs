//! What a reader asks of a memory's fields: a tree of tests, evaluated on what is shown.
//!
//! A test has three answers: it holds, it does not, or it cannot be answered. It cannot be answered of a field that the
//! memory does not have, or that is not shown, and of a value of another kind than the one it is compared with. `and`, `or`
//! and `not` are those of Kleene's three-valued logic, and a memory is taken where the whole tree holds. So
//!
//! - what a memory does not have never makes it match, not under `ne`, `nin` or `not` either: whatever stood in the field
//!   instead, a memory that is taken would be taken too;
//! - De Morgan's laws hold, and a double negation is none;
//! - `exists` alone asks whether there is something, and always has an answer.

mod field;
mod read;
#[cfg(test)]
mod tests;
mod value;

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::memory::Memory;
use crate::object::Unit;
use crate::time::Timestamp;

pub use field::{Field, FieldKind, Speech, fields};
pub use read::{OPERATORS, Operators};
use value::Value;

/// A tree of tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predicate {
    /// All of these hold; so it is of none.
    And(Vec<Self>),
    /// One of these holds.
    Or(Vec<Self>),
    /// This does not hold, and can be answered.
    Not(Box<Self>),
    /// A field is so.
    Test(Test),
}

/// What one field has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test {
    /// Which.
    pub field: Field,
    /// How it is compared with what.
    pub comparison: Comparison,
}

/// How a field is compared, and with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// It is this; of a list, one of its members is.
    Eq(Operand),
    /// It is not this; of a list, none of its members is.
    Ne(Operand),
    /// It comes behind this.
    Gt(Operand),
    /// It comes behind this or is the same.
    Gte(Operand),
    /// It comes before this.
    Lt(Operand),
    /// It comes before this or is the same.
    Lte(Operand),
    /// It is one of these; of a list, one of its members is.
    In(Vec<Operand>),
    /// It is none of these; of a list, none of its members is.
    Nin(Vec<Operand>),
    /// A text holds this one; a list has it for a member.
    Contains(String),
    /// Whether it is there.
    Exists(bool),
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operand {
    /// True or false.
    Flag(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// An instant.
    Time(Timestamp),
}

/// A memory as its reader is shown it.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The memory, without what the policy removes from it.
    pub memory: &'a Memory,
    /// What its state is called now.
    pub state: &'static str,
    /// How strong it is now.
    pub strength: Unit,
}

impl Predicate {
    /// Whether it takes a memory.
    #[must_use]
    pub fn takes(&self, shown: &Shown<'_>) -> bool {
        self.truth(shown) == Some(true)
    }

    /// Whether it holds; none where that cannot be answered.
    #[must_use]
    pub fn truth(&self, shown: &Shown<'_>) -> Option<bool> {
        match self {
            Self::And(parts) => all(parts.iter().map(|part| part.truth(shown))),
            // What is not so of none is so of one.
            Self::Or(parts) => all(parts.iter().map(|part| part.truth(shown).map(|so| !so))).map(|so| !so),
            Self::Not(part) => part.truth(shown).map(|so| !so),
            Self::Test(test) => test.truth(shown),
        }
    }

    /// Whether a test names this state, in whatever way: who names what is otherwise left out has asked for it.
    #[must_use]
    pub fn names_state(&self, state: &str) -> bool {
        let is_it = |operand: &Operand| matches!(operand, Operand::Text(name) if name == state);
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(|part| part.names_state(state)),
            Self::Not(part) => part.names_state(state),
            Self::Test(Test { field: Field::State, comparison }) => match comparison {
                Comparison::Eq(operand) | Comparison::Ne(operand) => is_it(operand),
                Comparison::In(operands) | Comparison::Nin(operands) => operands.iter().any(is_it),
                _ => false,
            },
            Self::Test(_) => false,
        }
    }
}

/// The conjunction of Kleene's logic; of none it holds.
fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(true);
    for part in parts {
        match part {
            Some(true) => {}
            Some(false) => return Some(false),
            None => all = None,
        }
    }
    all
}

impl Test {
    fn truth(&self, shown: &Shown<'_>) -> Option<bool> {
        let value = self.field.of(shown);
        if let Comparison::Exists(wanted) = self.comparison {
            return Some(value.is_some() == wanted);
        }
        let value = value?;
        match &self.comparison {
            Comparison::Eq(operand) => value.is(operand),
            Comparison::Ne(operand) => value.is(operand).map(|is| !is),
            Comparison::Gt(operand) => value.compare(operand).map(std::cmp::Ordering::is_gt),
            Comparison::Gte(operand) => value.compare(operand).map(std::cmp::Ordering::is_ge),
            Comparison::Lt(operand) => value.compare(operand).map(std::cmp::Ordering::is_lt),
            Comparison::Lte(operand) => value.compare(operand).map(std::cmp::Ordering::is_le),
            Comparison::In(operands) => value.is_one_of(operands),
            Comparison::Nin(operands) => value.is_one_of(operands).map(|is| !is),
            Comparison::Contains(text) => value.contains(text),
            Comparison::Exists(_) => None,
        }
    }
}
