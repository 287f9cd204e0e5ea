//! Network ACLs (semantics 8): rules in order of number, two rows for each NACL in each family.
//!
//! A NACL without rules has its rows like any other, because what it does is deny; a missing row is a fault of ours
//! and has a drop reason of its own.

use super::lookup::Lookup;
use super::objects::Objects;
use super::problem::{PlanProblem, Problems};
use super::{Family, Plan};
use crate::resources::{NetworkAcl, NetworkAclEntry, RuleAction};
use groundplane_abi::nacl::{ANY_PROTOCOL, NACL_RULES, NaclEntry, NaclKey, NaclRule, direction};
use groundplane_abi::wire::protocol;
use groundplane_abi::{Bank, Ip4, Ip6, NaclId};
use std::collections::BTreeSet;

pub(super) fn compile(lookup: &Lookup<'_>, vpc: &Objects<'_>, plan: &mut Plan, problems: &mut Problems) {
    for acl in &vpc.network_acls {
        let (id, vpc_id) = (&*acl.network_acl_id, &*acl.vpc_id);
        lookup.vpcs.find(vpc_id, id, vpc_id, problems);
        let Some(number) = lookup.network_acls.find(id, id, vpc_id, problems) else {
            continue;
        };
        for (direction, egress) in [(direction::EGRESS, true), (direction::INGRESS, false)] {
            let key = NaclKey {
                bank: Bank(0),
                nacl: NaclId(number),
                direction,
            };
            let entries = in_order(acl, egress, problems);
            plan.ip4.nacls.insert(key, list::<Ip4>(acl, egress, &entries, problems));
            plan.ip6.nacls.insert(key, list::<Ip6>(acl, egress, &entries, problems));
        }
    }
}

/// The entries of one direction. Both families share the numbers (semantics 8.1).
fn in_order<'a>(acl: &'a NetworkAcl, egress: bool, problems: &mut Problems) -> Vec<&'a NetworkAclEntry> {
    let mut entries: Vec<_> = acl.entries.iter().filter(|entry| entry.egress == egress).collect();
    entries.sort_by_key(|entry| entry.rule_number);
    let mut numbers = BTreeSet::new();
    for rule_number in entries.iter().map(|entry| entry.rule_number) {
        if !numbers.insert(rule_number) {
            problems.report(PlanProblem::DuplicateRuleNumber {
                network_acl_id: acl.network_acl_id.clone(),
                egress,
                rule_number,
            });
        }
    }
    entries
}

/// The rules of one family, from all entries of one direction in order.
fn list<I: Family>(
    acl: &NetworkAcl,
    egress: bool,
    entries: &[&NetworkAclEntry],
    problems: &mut Problems,
) -> NaclEntry<I> {
    let network_acl_id = || acl.network_acl_id.clone();
    let mut rules = Vec::new();
    for entry in entries {
        let Some(block) = I::block(entry.cidr_block) else {
            continue;
        };
        match rule(entry, block) {
            Some(rule) => rules.push(rule),
            None => problems.report(PlanProblem::IncompleteNaclRule {
                network_acl_id: network_acl_id(),
                egress,
                rule_number: entry.rule_number,
            }),
        }
    }
    let mut list = NaclEntry {
        len: 0,
        rules: [NaclRule::default(); NACL_RULES as usize],
    };
    if rules.len() > list.rules.len() {
        problems.report(PlanProblem::TooManyNaclRules {
            network_acl_id: network_acl_id(),
            egress,
            version: I::VERSION,
            rules: rules.len(),
        });
    }
    for (place, rule) in list.rules.iter_mut().zip(rules) {
        *place = rule;
        list.len += 1;
    }
    list
}

/// A rule, unless it lacks what its protocol requires.
fn rule<I: Family>(entry: &NetworkAclEntry, (network, prefix_len): (I, u8)) -> Option<NaclRule<I>> {
    let (from, to) = match entry.protocol {
        Some(protocol::TCP | protocol::UDP) => entry.port_range?,
        // ICMPv6 from an IPv4 block, or the other way round, is a protocol like any other, which hardly anybody speaks.
        Some(protocol) if protocol == I::ICMP => icmp_range(entry.icmp_type_code?)?,
        // Ports and ICMP fields of any other protocol are ignored (semantics 8.2).
        _ => (0, u16::MAX),
    };
    Some(NaclRule {
        network,
        from,
        to,
        number: entry.rule_number,
        protocol: entry.protocol.map_or(ANY_PROTOCOL, u16::from),
        prefix_len,
        allow: u8::from(entry.rule_action == RuleAction::Allow),
        reserved: 0,
    })
}

/// The messages that a type and a code speak of, as a range of the two in one number. A code of any type is no range,
/// and nothing AWS has.
fn icmp_range(type_code: (Option<u8>, Option<u8>)) -> Option<(u16, u16)> {
    match type_code {
        (None, None) => Some((0, u16::MAX)),
        (None, Some(_)) => None,
        (Some(icmp_type), code) => {
            let number = |code| u16::from_be_bytes([icmp_type, code]);
            Some((number(code.unwrap_or(0)), number(code.unwrap_or(u8::MAX))))
        }
    }
}
