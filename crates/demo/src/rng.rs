//! Numbers that look random and are the same every time. Pure.

use database::Value;
use kernel::{PublicId, Timestamp};

/// SplitMix64: small, quick and good enough to tell stories with.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Rng {
    /// The numbers of one purpose under a seed.
    pub(crate) fn of(seed: u64, purpose: u64) -> Self {
        let mut rng = Self(seed ^ purpose.wrapping_mul(GOLDEN));
        rng.next();
        Self(rng.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to and without `end`; 0 when there is nothing to choose.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    /// From `from` to `to`, both included.
    pub(crate) fn between(&mut self, from: i64, to: i64) -> i64 {
        let width = to.saturating_sub(from).max(0).unsigned_abs().saturating_add(1);
        from.saturating_add_unsigned(self.next() % width)
    }

    pub(crate) fn chance(&mut self, percent: i64) -> bool {
        self.between(0, 99) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    /// A UUIDv7 of an instant.
    pub(crate) fn public_id(&mut self, at: Timestamp) -> PublicId {
        let millis = u64::try_from(at.micros() / 1_000).unwrap_or(0);
        let mut bytes = [0; 10];
        let source = self.next().to_le_bytes().into_iter().chain(self.next().to_le_bytes());
        for (to, from) in bytes.iter_mut().zip(source) {
            *to = from;
        }
        PublicId(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }

    pub(crate) fn id_value(&mut self, at: Timestamp) -> Value {
        self.public_id(at).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_gives_others() {
        let numbers = |seed, purpose| {
            let mut rng = Rng::of(seed, purpose);
            [rng.next(), rng.next(), rng.next()]
        };
        assert_eq!(numbers(1, 2), numbers(1, 2));
        assert_ne!(numbers(1, 2), numbers(1, 3));
        assert_ne!(numbers(1, 2), numbers(2, 2));
    }

    #[test]
    fn choices_stay_within_their_bounds() {
        let mut rng = Rng::of(7, 7);
        for _ in 0..1_000 {
            assert!(rng.below(3) < 3);
            assert!((-2..=2).contains(&rng.between(-2, 2)));
        }
        assert_eq!(rng.below(0), 0);
        assert!(rng.pick::<u8>(&[]).is_none());
        let at = Timestamp::from_seconds(1_795_510_800);
        assert_eq!(rng.public_id(at).0.get_version_num(), 7);
    }
}
