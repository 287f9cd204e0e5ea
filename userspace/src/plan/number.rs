//! Numbers that stand for ids in the rows. Each is a hash of its id, so that it stays what it is whatever comes or goes
//! beside it: a change in one VPC leaves every row of the others alone.

use super::problem::{PlanProblem, Problems};
use groundplane_abi::control::SCOPE_SLOTS;
use groundplane_abi::{Device, ScopeId};
use std::collections::{BTreeMap, BTreeSet};

/// Numbers of the objects of one kind.
#[derive(Debug)]
pub(super) struct Numbers<'a>(BTreeMap<&'a str, Numbered<'a>>);

#[derive(Clone, Copy, Debug)]
struct Numbered<'a> {
    number: u32,
    vpc_id: &'a str,
}

impl<'a> Numbers<'a> {
    /// Numbers objects, each given as its id and its VPC's id.
    pub(super) fn give_out(objects: impl Iterator<Item = (&'a str, &'a str)>, problems: &mut Problems) -> Self {
        let mut vpc_ids = BTreeMap::new();
        for (id, vpc_id) in objects {
            if vpc_ids.insert(id, vpc_id).is_some() {
                problems.report(PlanProblem::DuplicateId { id: id.to_owned() });
            }
        }
        let mut taken = Taken::default();
        let number = |(id, vpc_id)| {
            let number = taken.take(hash([id]));
            (id, Numbered { number, vpc_id })
        };
        Self(vpc_ids.into_iter().map(number).collect())
    }

    /// The number of an object.
    pub(super) fn get(&self, id: &str) -> Option<u32> {
        self.0.get(id).map(|numbered| numbered.number)
    }

    /// The number behind a reference from an object of a VPC; a problem if there is none or if it is of another VPC.
    pub(super) fn find(&self, reference: &str, object: &str, vpc_id: &str, problems: &mut Problems) -> Option<u32> {
        let names = || (object.to_owned(), reference.to_owned());
        let Some(found) = self.0.get(reference) else {
            let (object, reference) = names();
            problems.report(PlanProblem::NotFound { object, reference });
            return None;
        };
        if found.vpc_id != vpc_id {
            let (object, reference) = names();
            problems.report(PlanProblem::OtherVpc { object, reference });
            return None;
        }
        Some(found.number)
    }
}

/// Numbers given out so far. Whoever comes later, in order of id, takes the next free one.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeSet<u32>);

impl Taken {
    /// The first free number from this one on. Never 0, which stands for nothing.
    pub(super) fn take(&mut self, from: u32) -> u32 {
        let mut number = from.max(1);
        // There are more numbers than a process can hold ids.
        while !self.0.insert(number) {
            number = number.wrapping_add(1).max(1);
        }
        number
    }
}

/// FNV-1a over ids, each with an end of its own.
pub(super) fn hash<'a>(ids: impl IntoIterator<Item = &'a str>) -> u32 {
    fnv1a(ids.into_iter().flat_map(|id| id.bytes().chain([0])))
}

/// FNV-1a.
pub(crate) fn fnv1a(bytes: impl Iterator<Item = u8>) -> u32 {
    const OFFSET_BASIS: u32 = 0x811c_9dc5;
    const PRIME: u32 = 0x0100_0193;
    bytes.fold(OFFSET_BASIS, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(PRIME))
}

/// The places of a circle, once around it from where a number falls.
fn around(first: u32, room: u32) -> impl Iterator<Item = u32> {
    let first = first % room;
    (0..room).map(move |step| (first + step) % room)
}

/// The scope of each VPC and transit gateway, which is a slot of its own as long as there are enough; then some share
/// one, which costs a needless look, never a wrong one.
pub(super) fn scopes<'a>(ids: &BTreeSet<&'a str>) -> BTreeMap<&'a str, ScopeId> {
    const FIRST: u32 = ScopeId::FIRST.0 as u32;
    const SLOTS: u32 = SCOPE_SLOTS - FIRST;
    let mut taken = BTreeSet::new();
    let mut scope = |id: &str| {
        let first = hash([id]);
        let free = around(first, SLOTS).find(|slot| !taken.contains(slot));
        let slot = free.unwrap_or(first % SLOTS);
        taken.insert(slot);
        // At most SCOPE_SLOTS, which is 1024.
        ScopeId((slot + FIRST) as u16)
    };
    ids.iter().map(|&id| (id, scope(id))).collect()
}

/// The device of each ENI without a guest, out of the numbers that no interface has.
pub(super) fn components<'a>(ids: &BTreeSet<&'a str>) -> BTreeMap<&'a str, Device> {
    const FIRST: u32 = Device::FIRST_COMPONENT.0;
    const ROOM: u32 = Device::GATEWAY_ENDPOINTS.0 - FIRST;
    let mut taken = BTreeSet::new();
    let device = |&id: &&'a str| {
        let place = around(hash([id]), ROOM).find(|place| taken.insert(*place))?;
        Some((id, Device(FIRST + place)))
    };
    ids.iter().filter_map(device).collect()
}

/// The number of each availability zone. Never 0, which is no zone.
pub(super) fn zones<'a>(names: &BTreeSet<&'a str>) -> BTreeMap<&'a str, u16> {
    let mut taken = BTreeSet::new();
    let zone = |&name: &&'a str| {
        let place = around(hash([name]), u32::from(u16::MAX)).find(|place| taken.insert(*place))?;
        Some((name, u16::try_from(place + 1).ok()?))
    };
    names.iter().filter_map(zone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_with_one_hash_get_two_numbers_and_none_is_nothing() {
        let mut taken = Taken::default();
        let numbers = [7, 7, u32::MAX, u32::MAX, 0].map(|from| taken.take(from));
        assert_eq!(numbers, [7, 8, u32::MAX, 1, 2]);
    }

    #[test]
    fn a_list_of_ids_is_no_other_list() {
        assert_ne!(hash(["sg-1", "sg-2"]), hash(["sg-1sg-2"]));
        assert_ne!(hash(["sg-1", "sg-2"]), hash(["sg-2", "sg-1"]));
    }

    #[test]
    fn who_finds_a_place_taken_goes_around_once() {
        assert_eq!(around(13, 5).collect::<Vec<_>>(), [3, 4, 0, 1, 2]);
    }
}
