//! What the domain's readers find wrong, as this crate says it.

use std::borrow::Cow;

use memoryscope_domain::fields;

use super::path::{Fault, FieldError, Step};

impl From<&fields::FieldFault> for FieldError {
    fn from(fault: &fields::FieldFault) -> Self {
        let step = |step: &fields::Step| match step {
            fields::Step::Key(key) => Step::Key(Cow::Owned(key.clone())),
            fields::Step::Index(index) => Step::Index(*index),
        };
        let kind = match fault.fault {
            fields::Fault::Missing => Fault::Missing,
            fields::Fault::WrongType => Fault::WrongType,
            fields::Fault::OutOfRange => Fault::OutOfRange,
            fields::Fault::TooShort => Fault::TooShort,
            fields::Fault::TooLong => Fault::TooLong,
            fields::Fault::NotAllowed | fields::Fault::Unsupported => Fault::NotAllowed,
            fields::Fault::Invalid => Fault::Invalid,
            fields::Fault::UnknownField => Fault::UnknownField,
        };
        Self {
            loc: fault.path.iter().map(step).collect(),
            message: Cow::Owned(fault.message.clone()),
            fault: kind,
        }
    }
}
