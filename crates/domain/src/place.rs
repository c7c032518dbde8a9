//! Places in a listing, and how one is named to a reader who may not see what stands there.

use crate::audit_chain::AuditKey;
use crate::ids::MemoryId;
use crate::time::Timestamp;

/// Where a memory stands in a listing: what it is ordered by, then its id.
pub type Place = (Timestamp, MemoryId);

/// A place's time and id as bytes.
const PLACE_BYTES: usize = 8 + 16;
/// How many bytes of a keyed digest tell a sealed place from any other bytes.
const TAG_BYTES: usize = 16;

/// A place that only its server can read: a memory may stand there that the caller must not learn of.
///
/// The same place under the same key is always sealed alike, so that equal requests have equal answers. (A synthetic
/// initialisation vector: the tag is a keyed digest of the place and is what the place is masked by.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedPlace([u8; Self::BYTES]);

impl SealedPlace {
    /// How long it is.
    pub const BYTES: usize = TAG_BYTES + PLACE_BYTES;

    /// What was sent back; [`SealedPlace::open`] says whether it is any.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// As it is sent.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Seals a place.
    #[must_use]
    pub fn seal((time, id): Place, key: &AuditKey) -> Self {
        let mut place = [0; PLACE_BYTES];
        place[..8].copy_from_slice(&time.unix_micros().to_be_bytes());
        place[8..].copy_from_slice(id.uuid().as_bytes());
        let tag = tag(&place, key);
        mask(&mut place, &tag, key);
        let mut sealed = [0; Self::BYTES];
        sealed[..TAG_BYTES].copy_from_slice(&tag);
        sealed[TAG_BYTES..].copy_from_slice(&place);
        Self(sealed)
    }

    /// The place, unless it was sealed under another key or never.
    #[must_use]
    pub fn open(&self, key: &AuditKey) -> Option<Place> {
        let (given, masked) = self.0.split_first_chunk::<TAG_BYTES>()?;
        let mut place = masked.first_chunk::<PLACE_BYTES>().copied()?;
        mask(&mut place, given, key);
        // Every byte is compared, so that the time taken says nothing of where they differ.
        let differs =
            tag(&place, key).iter().zip(given).fold(0, |differs, (one, other)| differs | (one ^ other));
        let (time, rest) = place.split_first_chunk::<8>()?;
        let id = MemoryId::from_uuid(uuid::Uuid::from_slice(rest).ok()?);
        (differs == 0).then(|| (Timestamp::from_unix_micros(i64::from_be_bytes(*time)), id))
    }
}

fn tag(place: &[u8; PLACE_BYTES], key: &AuditKey) -> [u8; TAG_BYTES] {
    let digest = key.place_tag(place);
    std::array::from_fn(|at| digest.hash().0[at])
}

fn mask(place: &mut [u8; PLACE_BYTES], tag: &[u8; TAG_BYTES], key: &AuditKey) {
    let stream = key.place_mask(tag);
    place.iter_mut().zip(stream.hash().0).for_each(|(byte, mask)| *byte ^= mask);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_place_is_read_under_its_key_only() {
        let (key, other) = (AuditKey::from_bytes([1; 32]), AuditKey::from_bytes([2; 32]));
        let place = (Timestamp::from_unix_micros(-7), MemoryId::from_uuid(uuid::Uuid::from_u128(9)));
        let sealed = SealedPlace::seal(place, &key);
        assert_eq!(sealed, SealedPlace::seal(place, &key));
        assert_eq!(SealedPlace::from_bytes(*sealed.bytes()).open(&key), Some(place));
        assert_eq!(sealed.open(&other), None);
        for at in 0..SealedPlace::BYTES {
            let mut bytes = *sealed.bytes();
            bytes[at] ^= 1;
            assert_eq!(SealedPlace::from_bytes(bytes).open(&key), None, "byte {at}");
        }
    }

    #[test]
    fn a_sealed_place_shows_neither_time_nor_id() {
        let key = AuditKey::from_bytes([1; 32]);
        let (time, id) = (0x1234_5678_9abc_i64, 0x0123_4567_89ab_cdef_u128);
        let place = (Timestamp::from_unix_micros(time), MemoryId::from_uuid(uuid::Uuid::from_u128(id)));
        let bytes = *SealedPlace::seal(place, &key).bytes();
        let shows = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(!shows(&time.to_be_bytes()[4..]) && !shows(&id.to_be_bytes()[12..]));
        let next = (place.0, MemoryId::from_uuid(uuid::Uuid::from_u128(id + 1)));
        let next = *SealedPlace::seal(next, &key).bytes();
        assert!(bytes.iter().zip(next).filter(|(one, other)| **one == *other).count() < 10);
    }
}
