//! Which mails may be written down side by side. Pure.
//!
//! Where the database takes several transactions at a time, mails that have nothing to do with one
//! another need not wait for one another. Those of one sender, and those of one conversation, stay
//! together and in their order: the second belongs into the ticket that the first one begins.

use std::collections::HashMap;
use std::hash::Hash;

/// Spreads things over at most `most` lanes. Things that share a key are in one lane, and each
/// lane keeps the order in which they came.
pub(super) fn lanes<T, K: Hash + Eq>(
    things: Vec<T>,
    most: usize,
    keys: impl Fn(&T) -> Vec<K>,
) -> Vec<Vec<T>> {
    let families = families(&things, keys);
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    for family in &families {
        *sizes.entry(*family).or_default() += 1;
    }
    // The largest families first, each to where there is the least.
    let mut by_size: Vec<(usize, usize)> = sizes.into_iter().collect();
    by_size.sort_unstable_by_key(|(family, size)| (std::cmp::Reverse(*size), *family));
    let mut filled = vec![0_usize; most.clamp(1, by_size.len().max(1))];
    let mut lane_of: HashMap<usize, usize> = HashMap::new();
    for (family, size) in by_size {
        let emptiest = (0..).zip(&mut filled).min_by_key(|(_, count)| **count);
        if let Some((lane, count)) = emptiest {
            *count += size;
            lane_of.insert(family, lane);
        }
    }
    let mut lanes: Vec<Vec<T>> = filled.iter().map(|_| Vec::new()).collect();
    for (thing, family) in things.into_iter().zip(families) {
        let lane = lane_of.get(&family).copied().unwrap_or_default();
        if let Some(lane) = lanes.get_mut(lane) {
            lane.push(thing);
        }
    }
    lanes.retain(|lane| !lane.is_empty());
    lanes
}

/// The family of each thing: the place of the first one that it is connected with by keys, over
/// however many others.
fn families<T, K: Hash + Eq>(things: &[T], keys: impl Fn(&T) -> Vec<K>) -> Vec<usize> {
    let mut first_with: HashMap<K, usize> = HashMap::new();
    let mut families: Vec<usize> = (0..things.len()).collect();
    for (at, thing) in things.iter().enumerate() {
        for key in keys(thing) {
            let other = *first_with.entry(key).or_insert(at);
            let family = |at: usize| families.get(at).copied().unwrap_or(at);
            let (a, b) = (family(at), family(other));
            let (kept, gone) = (a.min(b), a.max(b));
            if kept != gone {
                families.iter_mut().filter(|one| **one == gone).for_each(|one| *one = kept);
            }
        }
    }
    families
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::lanes;

    fn spread(things: &[(u32, &[&'static str])], most: usize) -> Vec<Vec<u32>> {
        let lanes = lanes(things.to_vec(), most, |(_, keys)| keys.to_vec());
        lanes.into_iter().map(|lane| lane.into_iter().map(|(number, _)| number).collect()).collect()
    }

    #[test]
    fn what_belongs_together_stays_together() {
        assert_eq!(spread(&[], 4), Vec::<Vec<u32>>::new());
        assert_eq!(spread(&[(1, &[]), (2, &[]), (3, &[])], 2), [vec![1, 3], vec![2]]);
        let family: &[(u32, &[&str])] =
            &[(1, &["dana", "a"]), (2, &["kim"]), (3, &["lee", "b", "a"]), (4, &["lee"])];
        assert_eq!(spread(family, 4), [vec![1, 3, 4], vec![2]]);
        assert_eq!(spread(family, 1), [vec![1, 2, 3, 4]]);
        // Two families that turn out to be one.
        let late: &[(u32, &[&str])] = &[(1, &["a"]), (2, &["b"]), (3, &["c"]), (4, &["b", "a"])];
        assert_eq!(spread(late, 3), [vec![1, 2, 4], vec![3]]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_nothing_doubled_and_no_key_is_in_two_lanes(
            things in prop::collection::vec(prop::collection::vec(0_u8..30, 0..4), 0..64),
            most in 0_usize..9,
        ) {
            let numbered: Vec<(usize, Vec<u8>)> = things.into_iter().enumerate().collect();
            let lanes = lanes(numbered.clone(), most, |(_, keys)| keys.clone());
            prop_assert!(lanes.len() <= most.max(1));
            let mut all: Vec<usize> = lanes.iter().flatten().map(|(at, _)| *at).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..numbered.len()).collect::<Vec<_>>());
            for lane in &lanes {
                prop_assert!(lane.is_sorted_by_key(|(at, _)| *at));
            }
            for key in 0_u8..30 {
                let with = lanes.iter().filter(|lane| lane.iter().any(|(_, keys)| keys.contains(&key)));
                prop_assert!(with.count() <= 1);
            }
        }
    }
}
