//! Which rules of a list speak of the members of groups.

use super::list::{Far, List};
use super::{GroupSet, set};
use crate::plan::Family;
use groundplane_abi::GroupSetId;
use groundplane_abi::security_group::RuleBits;
use std::collections::{BTreeMap, BTreeSet};

/// Of each VPC and group the sets it is in: what its members are known by.
#[derive(Debug)]
pub(super) struct Members<'a>(BTreeMap<(&'a str, &'a str), Vec<GroupSetId>>);

impl<'a> Members<'a> {
    pub(super) fn of(sets: &BTreeMap<BTreeSet<&'a str>, GroupSet<'a>>) -> Self {
        let mut members: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (groups, set) in sets {
            for &group in groups {
                members.entry((set.vpc_id, group)).or_default().push(set.id);
            }
        }
        Self(members)
    }
}

/// A row for each set of the VPCs in which there is a group that a rule names.
pub(super) fn rows<I: Family>(
    list: &List<'_, I>,
    members: &Members<'_>,
    vpc_ids: &[&str],
) -> BTreeMap<GroupSetId, RuleBits> {
    let mut rows = BTreeMap::new();
    for (rule, listed) in list.rules.iter().enumerate() {
        if let Far::MembersOf(group) = listed.far {
            let sets = vpc_ids.iter().filter_map(|vpc_id| members.0.get(&(*vpc_id, group)));
            for &member_of in sets.flatten() {
                set(rows.entry(member_of).or_default(), rule, true);
            }
        }
    }
    rows
}
