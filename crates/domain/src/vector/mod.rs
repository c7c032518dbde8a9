//! Vectors of texts: what memories are found by in meaning (docs/retrieval.md).
//!
//! A vector is kept in eight bits a number. Two are compared by whole numbers, so every machine finds the same; and a vector stands
//! beside the digest of the text that it was made of, so that it counts for nothing where another text is shown.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::ids::MemoryId;
use crate::items::Consent;
use crate::limits;
use crate::memory::{Body, Memory};
use crate::words::each_text;

/// What text a vector was made of: the first 8 bytes of its SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextKey(pub [u8; 8]);

impl TextKey {
    /// A text's.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(beginning(text))
    }
}

/// Which model made a vector: the first 8 bytes of the SHA-256 of its name. Those of two models are never compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelKey(pub [u8; 8]);

impl ModelKey {
    /// That of the model of this name.
    #[must_use]
    pub fn of(model: &str) -> Self {
        Self(beginning(model))
    }
}

fn beginning(text: &str) -> [u8; 8] {
    let digest = Sha256::digest(text.as_bytes());
    let mut key = [0; 8];
    key.copy_from_slice(&digest[..8]);
    key
}

/// A direction, in eight bits a number: `scale` times its values has length 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector {
    scale: f32,
    values: Vec<i8>,
}

/// No scale is no number.
impl Eq for Vector {}

/// Bytes of the scale before a vector's values.
const SCALE_BYTES: usize = 4;

impl Vector {
    /// The nearest one to these numbers, scaled by their largest; none where they have no direction, or are more than
    /// [`limits::EMBEDDING_DIMENSIONS_MAX`].
    #[must_use]
    pub fn quantise(numbers: &[f32]) -> Option<Self> {
        let is_one = numbers.iter().all(|number| number.is_finite());
        let largest = numbers.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
        if numbers.len() > limits::EMBEDDING_DIMENSIONS_MAX || !is_one || largest <= 0.0 {
            return None;
        }
        let step = f64::from(largest) / f64::from(i8::MAX);
        let value = |number: &f32| libm::round(f64::from(*number) / step) as i8;
        let values: Vec<i8> = numbers.iter().map(value).collect();
        // The largest is 127, so there is a length.
        let length = libm::sqrt(f64::from(dot(&values, &values)));
        Some(Self { scale: (1.0 / length) as f32, values })
    }

    /// As a store keeps it: the scale as four bytes, the lowest first, and then a byte for each value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SCALE_BYTES + self.values.len());
        bytes.extend(self.scale.to_le_bytes());
        bytes.extend(self.values.iter().map(|value| value.cast_unsigned()));
        bytes
    }

    /// What a store has kept; none where it is none of ours.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (scale, values) = bytes.split_first_chunk::<SCALE_BYTES>()?;
        let scale = f32::from_le_bytes(*scale);
        let is_one = scale.is_finite() && scale > 0.0 && !values.is_empty();
        let is_one = is_one && values.len() <= limits::EMBEDDING_DIMENSIONS_MAX;
        is_one.then(|| Self { scale, values: values.iter().map(|value| value.cast_signed()).collect() })
    }

    /// What its values are multiplied with.
    #[must_use]
    pub const fn scale(&self) -> f32 {
        self.scale
    }

    /// Its values.
    #[must_use]
    pub fn values(&self) -> &[i8] {
        &self.values
    }

    /// The cosine of the angle to another vector, from -1 to 1; 0 where they have not as many numbers.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f64 {
        self.cosine_to(other.scale, &other.values)
    }

    /// The same of one that is kept among others.
    #[must_use]
    #[inline]
    pub fn cosine_to(&self, scale: f32, values: &[i8]) -> f64 {
        if self.values.len() != values.len() {
            return 0.0;
        }
        let cosine = f64::from(dot(&self.values, values)) * (f64::from(self.scale) * f64::from(scale));
        cosine.clamp(-1.0, 1.0)
    }
}

/// The sum of products, exactly: at most [`limits::EMBEDDING_DIMENSIONS_MAX`] of them fit.
#[inline]
#[must_use]
pub fn dot(these: &[i8], those: &[i8]) -> i32 {
    these.iter().zip(those).map(|(this, that)| i32::from(*this) * i32::from(*that)).sum()
}

/// A vector that is to be kept for a memory.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptVector {
    /// Whose.
    pub memory: MemoryId,
    /// The text that it was made of.
    pub text: TextKey,
    /// Who made it.
    pub model: ModelKey,
    /// The vector.
    pub vector: Vector,
}

/// How near a memory is to what is asked, by the vector that is kept for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// The cosine of the angle between the two.
    pub cosine: f64,
    /// The text that its vector was made of.
    pub text: TextKey,
}

/// How near loaded memories are to what is asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Nearest {
    /// Those that have a vector.
    pub of: BTreeMap<MemoryId, Near>,
    /// Whether more of the scope's memories have vectors than were looked at.
    pub more: bool,
    /// Whether vectors that counted at the commit that is asked about are gone.
    pub changed: bool,
}

impl Nearest {
    /// Takes in what was found elsewhere.
    pub fn extend(&mut self, other: Self) {
        self.of.extend(other.of);
        self.more |= other.more;
        self.changed |= other.changed;
    }
}

impl Memory {
    /// Whether it may have a vector, whatever is in it.
    #[must_use]
    pub fn may_be_embedded(&self) -> bool {
        let consent = self.item().map(|item| item.policy.consent.value);
        self.has_words() && consent != Some(Consent::None) && !matches!(self.body, Body::Seed(_))
    }

    /// The text that a vector is made of: what it is found by in words. None where it is not found by words, where nobody consented to
    /// its use, where there is nothing in it, and of seeds: their cues are words that are to be met, and what they bring back has a
    /// vector of its own.
    #[must_use]
    pub fn embedded_text(&self) -> Option<String> {
        if !self.may_be_embedded() {
            return None;
        }
        let mut text = String::new();
        each_text(&self.body, &mut |part| {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(part);
        });
        if let Some((end, _)) = text.char_indices().nth(limits::EMBED_TEXT_CHARS_MAX) {
            text.truncate(end);
        }
        (!text.trim().is_empty()).then_some(text)
    }

    /// What its vector must have been made of.
    #[must_use]
    pub fn text_key(&self) -> Option<TextKey> {
        self.embedded_text().map(|text| TextKey::of(&text))
    }

    /// The same of a memory that is searched, and will be again.
    pub(crate) fn searched_text_key(&self) -> Option<TextKey> {
        // The one thing that it depends on beside the body.
        if self.has_words() { self.said.text(|| self.text_key()) } else { None }
    }
}

#[cfg(test)]
mod tests;
