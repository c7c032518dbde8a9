//! What a store can test of an event, an impact or a seed without reading it: its closed attributes in one number.
//!
//! Each attribute has a few bits, and in them its value's place in the catalogue's list. A value keeps its place for
//! ever, for stores hold these numbers: lists grow at their end. What the catalogue assumes of a memory that says
//! nothing is 0, so a row without the number is tested as if it had a 0.

use super::Memory;
use crate::govern::MemoryView;
use crate::policy::{Attribute, MemoryAttributes as _, Value};

/// A closed attribute, and its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facet {
    /// The attribute.
    pub attribute: Attribute,
    /// How many bits stand below its own.
    pub shift: u32,
    /// How many bits are its own.
    pub bits: u32,
}

const fn facet(attribute: Attribute, shift: u32, bits: u32) -> Facet {
    Facet { attribute, shift, bits }
}

/// All of them. A place that was given is never given again; the sign bit stays free.
pub const FACETS: [Facet; 8] = [
    facet(Attribute::MemoryType, 0, 4),
    facet(Attribute::MemoryTruthMode, 4, 5),
    facet(Attribute::MemoryState, 9, 4),
    facet(Attribute::MemorySensitivityLevel, 13, 3),
    facet(Attribute::MemorySensitivityHandling, 16, 4),
    facet(Attribute::MemoryDisputeState, 20, 3),
    facet(Attribute::MemoryVisibility, 23, 4),
    facet(Attribute::MemorySource, 27, 4),
];

impl Facet {
    /// The facet of that attribute, if it is one.
    #[must_use]
    pub fn of(attribute: Attribute) -> Option<Self> {
        FACETS.into_iter().find(|facet| facet.attribute == attribute)
    }

    /// The bits that are left when what stands below them is shifted out.
    #[must_use]
    pub const fn mask(self) -> i64 {
        (1 << self.bits) - 1
    }

    /// The number of a value; none where no memory can have it.
    #[must_use]
    pub fn code(self, value: &str) -> Option<i64> {
        let place = self.attribute.entry().kind.values().iter().position(|known| *known == value)?;
        i64::try_from(place).ok()
    }
}

impl Memory {
    /// Its facets as one number; preferences and tombstones have none.
    #[must_use]
    pub fn facets(&self) -> Option<i64> {
        self.object()?;
        // No facet depends on the time.
        let view = MemoryView::stored(self, self.created);
        let code = |facet: Facet| match view.value(facet.attribute) {
            Value::Text(text) => facet.code(text).unwrap_or_default() << facet.shift,
            _ => 0,
        };
        Some(FACETS.into_iter().map(code).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::generate;
    use crate::policy::FilterField;
    use proptest::prelude::*;

    #[test]
    fn bits_do_not_overlap_and_hold_every_value() {
        let mut taken: i64 = 0;
        for facet in FACETS {
            let values = facet.attribute.entry().kind.values();
            assert!(!values.is_empty() && values.len() <= 1 << facet.bits, "{facet:?}");
            assert_eq!(taken & (facet.mask() << facet.shift), 0, "{facet:?}");
            taken |= facet.mask() << facet.shift;
            assert!(taken > 0 && FilterField::new(facet.attribute).is_some(), "{facet:?}");
            let fallback = match facet.attribute.fallback() {
                Value::Text(text) => facet.code(text),
                _ => None,
            };
            assert_eq!(fallback, Some(0), "{facet:?}");
        }
    }

    proptest! {
        #[test]
        fn every_facet_is_read_back(memory in generate::memory()) {
            let facets = memory.facets();
            prop_assert_eq!(facets.is_some(), memory.object().is_some());
            for facet in FACETS {
                let view = MemoryView::stored(&memory, memory.created);
                let Value::Text(text) = view.value(facet.attribute) else { continue };
                if let Some(facets) = facets {
                    prop_assert_eq!(Some((facets >> facet.shift) & facet.mask()), facet.code(text));
                }
            }
        }
    }
}
