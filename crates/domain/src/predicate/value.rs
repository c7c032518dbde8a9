//! What a field holds, and how that compares.

use std::cmp::Ordering;

use serde_json::Number;

use super::Operand;
use crate::items::CustomValue;
use crate::time::Timestamp;

/// What stands in a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Flag(bool),
    Number(Number),
    Text(&'a str),
    Texts(Vec<&'a str>),
    Time(Timestamp),
}

impl<'a> Value<'a> {
    pub(super) fn texts<T: AsRef<str>>(texts: &'a [T]) -> Self {
        Self::Texts(texts.iter().map(AsRef::as_ref).collect())
    }

    pub(super) fn custom(value: &'a CustomValue) -> Self {
        match value {
            CustomValue::Flag(flag) => Self::Flag(*flag),
            CustomValue::Number(number) => Self::Number(number.clone()),
            CustomValue::Text(text) => Self::Text(text),
            CustomValue::Texts(texts) => Self::texts(texts),
        }
    }

    /// Whether it is the operand, or has it for a member; none where they are of different kinds.
    pub(super) fn is(&self, operand: &Operand) -> Option<bool> {
        match (self, operand) {
            (Self::Flag(one), Operand::Flag(other)) => Some(one == other),
            (Self::Texts(texts), Operand::Text(other)) => Some(texts.contains(&other.as_str())),
            _ => self.compare(operand).map(Ordering::is_eq),
        }
    }

    /// Whether it is one of the operands of its kind; none where there is none of its kind.
    pub(super) fn is_one_of(&self, operands: &[Operand]) -> Option<bool> {
        let mut answers = operands.iter().filter_map(|operand| self.is(operand));
        answers.next().map(|first| first || answers.any(|is| is))
    }

    /// How it stands to the operand: numbers by what they are worth, times by when they are, texts by their code points. None
    /// where they are of different kinds, or have no order.
    pub(super) fn compare(&self, operand: &Operand) -> Option<Ordering> {
        match (self, operand) {
            (Self::Number(one), Operand::Number(other)) => compare_numbers(one, other),
            (Self::Text(one), Operand::Text(other)) => Some((*one).cmp(other.as_str())),
            (Self::Time(one), Operand::Time(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }

    /// Whether a text holds another, or a list has it for a member; none of anything else.
    pub(super) fn contains(&self, text: &str) -> Option<bool> {
        match self {
            Self::Text(held) => Some(held.contains(text)),
            Self::Texts(texts) => Some(texts.contains(&text)),
            _ => None,
        }
    }
}

/// How two numbers compare, exactly: a whole number is not rounded to what a float can hold.
fn compare_numbers(one: &Number, other: &Number) -> Option<Ordering> {
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        (Some(one), None) => compare_with_float(one, other.as_f64()?),
        (None, Some(other)) => compare_with_float(other, one.as_f64()?).map(Ordering::reverse),
        (None, None) => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn compare_with_float(whole: i128, float: f64) -> Option<Ordering> {
    // What is beyond an i128 becomes its bound, which is beyond each whole number of 64 bits too.
    #[expect(clippy::cast_possible_truncation, reason = "the part behind the point is compared by itself")]
    let floor = float.floor() as i128;
    let behind_the_point = float - float.floor();
    Some(whole.cmp(&floor).then_with(|| 0.0_f64.partial_cmp(&behind_the_point).unwrap_or(Ordering::Equal)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_by_what_they_are_worth() {
        let check = |one: &str, expect: Ordering, other: &str| {
            let read = |text: &str| serde_json::from_str::<Number>(text).expect("a number");
            assert_eq!(compare_numbers(&read(one), &read(other)), Some(expect), "{one} {other}");
            assert_eq!(compare_numbers(&read(other), &read(one)), Some(expect.reverse()), "{other} {one}");
        };
        check("1", Ordering::Equal, "1.0");
        check("1", Ordering::Less, "1.5");
        check("-1", Ordering::Greater, "-1.5");
        check("-2", Ordering::Less, "-1.5");
        check("9007199254740993", Ordering::Greater, "9007199254740992.0");
        check("18446744073709551615", Ordering::Less, "18446744073709551616.0");
        check("18446744073709551615", Ordering::Greater, "-9223372036854775808");
        check("0", Ordering::Equal, "-0.0");
        check("9223372036854775807", Ordering::Less, "1e308");
        check("-9223372036854775808", Ordering::Greater, "-1e308");
        check("0.1", Ordering::Less, "0.2");
    }
}
