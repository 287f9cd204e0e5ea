//! Which places of a list each target gets (Maglev, NSDI 2016, section 3.4).
//!
//! Every target has as many places as any other, give or take one; and when one goes, few places change beside its own:
//! of 100 targets, 1.3 % of the others' places. So a node needs one lookup to choose, and new connections of one client
//! and port mostly stay where they were.

use super::Family;
use crate::document::ids;
use groundplane_abi::balancer::Place;

/// How many places there are for so many targets: primes, so that any step visits all of them.
const SIZES: [(usize, usize); 4] = [(1, 1), (4, 1_021), (16, 4_093), (usize::MAX, 16_381)];

/// The targets in their places. Their order doesn't matter.
pub(super) fn of<I: Family>(mut targets: Vec<Place<I>>) -> Vec<Place<I>> {
    targets.sort_by_key(|target| (target.address, target.port));
    targets.dedup();
    let size = SIZES.iter().find(|(most, _)| targets.len() <= *most);
    let size = size.map_or(0, |(_, size)| *size);
    let mut walks: Vec<_> = targets.iter().map(|target| Steps::of(target, size)).collect();
    let mut places = vec![None; if targets.is_empty() { 0 } else { size }];
    // In turn, each target takes the next free place in an order of its own.
    for turn in 0..places.len() {
        let target = turn % targets.len();
        let free = walks
            .get_mut(target)
            .and_then(|steps| steps.find(|place| places.get(*place).is_some_and(Option::is_none)));
        if let Some(place) = free.and_then(|free| places.get_mut(free)) {
            *place = targets.get(target).copied();
        }
    }
    places.into_iter().flatten().collect()
}

/// The order in which a target asks for places.
struct Steps {
    next: usize,
    step: usize,
    size: usize,
}

impl Steps {
    fn of<I: Family>(target: &Place<I>, size: usize) -> Self {
        let hash = hash(target);
        // As many as there are places, which is more than none and fits 32 bits.
        let size_bits = size.max(1) as u64;
        Self {
            next: (hash % size_bits) as usize,
            step: (hash / size_bits % (size_bits - 1).max(1) + 1) as usize,
            size: size.max(1),
        }
    }
}

impl Iterator for Steps {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let place = self.next;
        self.next = (place + self.step) % self.size;
        Some(place)
    }
}

/// Of address and port, as text. Neighbours have nothing in common.
fn hash<I: Family>(target: &Place<I>) -> u64 {
    let address: std::net::IpAddr = target.address.into();
    ids::hash(&format!("{address}:{}", target.port), 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundplane_abi::{Device, Ip4, Port};
    use std::collections::BTreeMap;

    fn targets(count: u8) -> Vec<Place<Ip4>> {
        let target = |number| Place {
            address: Ip4([10, 0, 1, number]),
            returns: Device::NONE,
            port: Port::new(443),
            reserved: 0,
        };
        (1..=count).map(target).collect()
    }

    #[test]
    fn all_targets_have_as_many_places() {
        for count in 1..=20 {
            let mut shares = BTreeMap::new();
            let places = of(targets(count));
            for place in &places {
                *shares.entry(place.address).or_insert(0) += 1;
            }
            let even = places.len() / usize::from(count);
            assert_eq!(shares.len(), usize::from(count));
            assert!(
                shares.values().all(|share| *share == even || *share == even + 1),
                "{shares:?}"
            );
        }
        assert!(of::<Ip4>(Vec::new()).is_empty());
    }

    #[test]
    fn when_one_of_a_hundred_goes_at_most_two_percent_of_the_others_move() {
        let before = of(targets(100));
        for gone in [1_u8, 50, 100] {
            let mut left = targets(100);
            left.retain(|target| target.address.0[3] != gone);
            let after = of(left);
            let others = || before.iter().zip(&after).filter(|(old, _)| old.address.0[3] != gone);
            let moved = others().filter(|(old, new)| old != new).count();
            assert!(moved * 100 <= others().count() * 2, "{moved} of {}", others().count());
        }
    }

    #[test]
    fn the_order_of_targets_does_not_matter() {
        let mut backwards = targets(7);
        backwards.reverse();
        assert_eq!(of(backwards), of(targets(7)));
    }
}
