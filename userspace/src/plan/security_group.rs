//! Security groups (semantics 6), merged into one set for each combination of groups that some ENI has.
//!
//! A set is known by its groups, sorted: ENIs with the same groups share one, in whatever order they name them. So far
//! the only rule compiled is the one that admits everything from and to everywhere.

use super::Plan;
use super::limits::Lookup;
use super::problem::{PlanProblem, Problems};
use crate::resources::{NetworkInterface, Peer, SecurityGroup, SecurityGroupRule};
use groundplane_abi::nacl::direction;
use groundplane_abi::security_group::{GroupSetEntry, GroupSetKey, group_flag};
use groundplane_abi::{Bank, GroupSetId};
use std::collections::{BTreeMap, BTreeSet};

/// The sets that some ENI has.
#[derive(Debug)]
pub(super) struct GroupSets<'a>(BTreeMap<BTreeSet<&'a str>, GroupSetId>);

impl<'a> GroupSets<'a> {
    fn of_all(enis: &'a [NetworkInterface]) -> Self {
        let mut sets: BTreeMap<_, _> = enis.iter().map(|eni| (groups(eni), GroupSetId(0))).collect();
        for (number, set) in (1..).zip(sets.values_mut()) {
            *set = GroupSetId(number);
        }
        Self(sets)
    }

    pub(super) fn of(&self, eni: &NetworkInterface) -> Option<GroupSetId> {
        self.0.get(&groups(eni)).copied()
    }
}

fn groups(eni: &NetworkInterface) -> BTreeSet<&str> {
    eni.groups.iter().map(String::as_str).collect()
}

/// Compiles the sets and says which ENI has which.
pub(super) fn compile<'a>(lookup: &Lookup<'a>, plan: &mut Plan, problems: &mut Problems) -> GroupSets<'a> {
    let resources = lookup.resources;
    for group in &resources.security_groups {
        let (id, vpc_id) = (&*group.group_id, &*group.vpc_id);
        lookup.vpcs.find(vpc_id, id, vpc_id, problems);
        for rule in group.rules.iter().filter(|rule| !admits_everything(rule)) {
            problems.report(PlanProblem::UnsupportedGroupRule {
                group_id: id.to_owned(),
                rule: describe(rule),
            });
        }
    }
    let by_id: BTreeMap<&str, &SecurityGroup> = resources
        .security_groups
        .iter()
        .map(|group| (&*group.group_id, group))
        .collect();
    let sets = GroupSets::of_all(&resources.network_interfaces);
    for (ids, &group_set) in &sets.0 {
        let rules: Vec<_> = ids
            .iter()
            .filter_map(|id| by_id.get(id))
            .flat_map(|group| &group.rules)
            .collect();
        let egress = all_rule(&rules, true);
        let ingress = all_rule(&rules, false);
        let key = |direction| GroupSetKey {
            bank: Bank(0),
            group_set,
            direction,
        };
        plan.group_sets.insert(key(direction::EGRESS), entry(egress, ingress));
        plan.group_sets.insert(key(direction::INGRESS), entry(ingress, egress));
    }
    sets
}

/// The first rule of one direction that admits everything, counted from 1 among the rules of that direction.
fn all_rule(rules: &[&SecurityGroupRule], egress: bool) -> u16 {
    let mut in_direction = rules.iter().filter(|rule| rule.is_egress == egress);
    in_direction
        .position(|rule| admits_everything(rule))
        .map_or(0, |index| {
            // Position 65535 would need as many rules that are reported as unsupported, so the plan isn't made anyway.
            u16::try_from(index).unwrap_or(u16::MAX).saturating_add(1)
        })
}

fn entry(all_rule: u16, opposite: u16) -> GroupSetEntry {
    GroupSetEntry {
        all_rule,
        flags: if opposite == 0 { 0 } else { group_flag::OPPOSITE_OPEN },
    }
}

fn admits_everything(rule: &SecurityGroupRule) -> bool {
    rule.ip_protocol.is_none() && matches!(&rule.peer, Peer::Cidr(block) if block.prefix_len() == 0)
}

fn describe(rule: &SecurityGroupRule) -> String {
    let direction = if rule.is_egress { "egress to" } else { "ingress from" };
    match rule.ip_protocol {
        None => format!("{direction} {:?}", rule.peer),
        Some(protocol) => format!("{direction} {:?} for protocol {protocol}", rule.peer),
    }
}
