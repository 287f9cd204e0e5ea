//! Security groups (semantics 6), merged into one set for each combination of groups that some ENI has.
//!
//! A set is known by its groups, sorted: ENIs with the same groups share one, in whatever order they name them. It has
//! four lists of rules, one for each direction and family, and what a packet is asked are sets of rules of a list:
//! which speak of its far end, which of its protocol and port.

mod list;
pub(super) mod open;
mod peer;
mod reference;
mod selector;

use super::lookup::Lookup;
use super::number::{Taken, hash};
use super::objects::Objects;
use super::problem::{PlanProblem, Problems};
use super::{Family, Plan, transit};
use crate::resources::{NetworkInterface, Peer, SecurityGroup};
use groundplane_abi::nacl::direction;
use groundplane_abi::security_group::{GroupSetEntry, GroupSetKey, PeerKey, ReferenceKey, RuleBits, SelectorKey, side};
use groundplane_abi::{Bank, GroupSetId, Ip4, Ip6};
use list::{List, selection};
use reference::Members;
use std::collections::{BTreeMap, BTreeSet};

/// The sets that some ENI has.
#[derive(Debug)]
pub(super) struct GroupSets<'a> {
    sets: BTreeMap<BTreeSet<&'a str>, GroupSet<'a>>,
    members: Members<'a>,
}

#[derive(Clone, Copy, Debug)]
struct GroupSet<'a> {
    id: GroupSetId,
    vpc_id: &'a str,
}

impl<'a> GroupSets<'a> {
    pub(super) fn of_all(enis: &'a [NetworkInterface]) -> Self {
        let vpc_ids: BTreeMap<_, _> = enis.iter().map(|eni| (groups(eni), &*eni.vpc_id)).collect();
        let mut taken = Taken::default();
        let number = |(groups, vpc_id): (BTreeSet<&'a str>, _)| {
            let id = GroupSetId(taken.take(hash(groups.iter().copied())));
            (groups, GroupSet { id, vpc_id })
        };
        let sets = vpc_ids.into_iter().map(number).collect();
        let members = Members::of(&sets);
        Self { sets, members }
    }

    pub(super) fn of(&self, eni: &NetworkInterface) -> Option<GroupSetId> {
        self.sets.get(&groups(eni)).map(|set| set.id)
    }
}

fn groups(eni: &NetworkInterface) -> BTreeSet<&str> {
    eni.groups.iter().map(String::as_str).collect()
}

/// Compiles the sets of a VPC.
pub(super) fn compile(lookup: &Lookup<'_>, vpc: &Objects<'_>, plan: &mut Plan, problems: &mut Problems) {
    for group in &vpc.security_groups {
        check_group(lookup, group, problems);
    }
    let sets: BTreeSet<_> = vpc.network_interfaces.iter().map(|eni| groups(eni)).collect();
    for ids in &sets {
        let Some(&set) = lookup.group_sets.sets.get(ids) else {
            continue;
        };
        // A set of groups of several VPCs is a mistake that is reported with its ENIs.
        if vpc.vpc_id != set.vpc_id {
            continue;
        }
        let groups: Vec<_> = ids.iter().filter_map(|id| lookup.groups.get(id).copied()).collect();
        let mut compiler = Compiler {
            lookup,
            groups: &groups,
            set,
            plan,
            problems,
        };
        compiler.compile::<Ip4>();
        compiler.compile::<Ip6>();
    }
}

fn check_group(lookup: &Lookup<'_>, group: &SecurityGroup, problems: &mut Problems) {
    let (id, vpc_id) = (&*group.group_id, &*group.vpc_id);
    lookup.vpcs.find(vpc_id, id, vpc_id, problems);
    for rule in &group.rules {
        if selection(rule).is_none() {
            problems.report(PlanProblem::IncompleteGroupRule {
                group_id: id.to_owned(),
                security_group_rule_id: rule.security_group_rule_id.clone(),
            });
        }
        // A rule whose group is gone stays and matches nothing (semantics 6.3).
        if let Peer::PrefixList(list) = &rule.peer {
            lookup.check_prefix_list(list, id, problems);
        }
    }
}

/// The VPCs whose groups a VPC's rules may name and still tell by who has sent a packet: itself, those of its Region
/// that it is peered with, and in ingress rules those beyond a transit gateway that lets them (semantics 6.3). In
/// egress rules a peer's members are known by their addresses.
fn known<'a>(lookup: &Lookup<'a>, vpc_id: &'a str, egress: bool) -> Vec<&'a str> {
    if egress {
        return vec![vpc_id];
    }
    let is_known = |other: &&'a str| {
        let mut peers = lookup.gateways.peers(vpc_id);
        *other == vpc_id
            || !lookup.gateways.is_far(vpc_id, other) && peers.any(|peer| peer.vpc_id == **other)
            || transit::is_referable(lookup, vpc_id, other)
    };
    lookup.gateways.vpcs.keys().copied().filter(is_known).collect()
}

/// A set on its way into the plan.
struct Compiler<'c, 'a> {
    lookup: &'c Lookup<'a>,
    groups: &'c [&'a SecurityGroup],
    set: GroupSet<'a>,
    plan: &'c mut Plan,
    problems: &'c mut Problems,
}

impl Compiler<'_, '_> {
    /// The lists of one family.
    fn compile<I: Family>(&mut self) {
        let egress = List::<I>::of(self.lookup, self.groups, true);
        let ingress = List::<I>::of(self.lookup, self.groups, false);
        for (direction, list, opposite) in [
            (direction::EGRESS, &egress, &ingress),
            (direction::INGRESS, &ingress, &egress),
        ] {
            match list.entry(opposite) {
                Some(entry) => self.insert(side(direction, I::VERSION), list, entry),
                None => self.problems.report(PlanProblem::TooManyGroupRules {
                    groups: self.groups.iter().map(|group| group.group_id.clone()).collect(),
                    egress: direction == direction::EGRESS,
                    version: I::VERSION,
                    rules: list.rules.len(),
                }),
            }
        }
    }

    fn insert<I: Family>(&mut self, side: u32, list: &List<'_, I>, entry: GroupSetEntry) {
        let (bank, group_set) = (Bank(0), self.set.id);
        let key = GroupSetKey { bank, group_set, side };
        self.plan.group_sets.insert(key, entry);
        let selectors = selector::rows(list).into_iter().map(|((selector, len), rules)| {
            let key = SelectorKey {
                bank,
                group_set,
                side,
                selector,
            };
            ((key, len), rules)
        });
        self.plan.selectors.extend(selectors);
        let vpc_ids = known(self.lookup, self.set.vpc_id, side & 1 == direction::EGRESS);
        let references = reference::rows(list, &self.lookup.group_sets.members, &vpc_ids);
        let references = references.into_iter().map(|(member_of, rules)| {
            let key = ReferenceKey {
                bank,
                group_set,
                side,
                member_of,
            };
            (key, rules)
        });
        self.plan.references.extend(references);
        let peers = peer::rows(list).into_iter().map(|((address, len), rules)| {
            let key = PeerKey {
                bank,
                group_set,
                side,
                address,
            };
            ((key, len), rules)
        });
        I::rows_mut(self.plan).peers.extend(peers);
    }
}

/// Puts a rule into a set of rules, or takes it out.
fn set(rules: &mut RuleBits, rule: usize, is_in: bool) {
    let bit = 1 << (rule % 64);
    if let Some(word) = rules.0.get_mut(rule / 64) {
        *word = if is_in { *word | bit } else { *word & !bit };
    }
}

/// The rules that are in either set.
fn union(a: RuleBits, b: RuleBits) -> RuleBits {
    let mut both = a;
    for (word, other) in both.0.iter_mut().zip(b.0) {
        *word |= other;
    }
    both
}
