//! Network ACLs (semantics 8): rules in order of number, two rows for each NACL.
//!
//! A NACL without rules has its rows like any other, because what it does is deny; a missing row is a fault of ours
//! and has a drop reason of its own.

use super::Plan;
use super::limits::Lookup;
use super::problem::{PlanProblem, Problems};
use crate::resources::{NetworkAcl, NetworkAclEntry, RuleAction};
use bytemuck::Zeroable;
use groundplane_abi::nacl::{ANY_ICMP, ANY_PROTOCOL, NaclEntry, NaclKey, NaclRule, direction};
use groundplane_abi::wire::protocol;
use groundplane_abi::{Bank, NaclId};
use ipnet::IpNet;
use std::collections::BTreeMap;

pub(super) fn compile(lookup: &Lookup<'_>, plan: &mut Plan, problems: &mut Problems) {
    for acl in &lookup.resources.network_acls {
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
            plan.nacls.insert(key, list(acl, egress, problems));
        }
    }
}

fn list(acl: &NetworkAcl, egress: bool, problems: &mut Problems) -> NaclEntry {
    let network_acl_id = || acl.network_acl_id.clone();
    let mut rules = BTreeMap::new();
    for entry in acl.entries.iter().filter(|entry| entry.egress == egress) {
        let rule_number = entry.rule_number;
        let Some(rule) = rule(entry) else {
            let network_acl_id = network_acl_id();
            problems.report(PlanProblem::IncompleteNaclRule {
                network_acl_id,
                egress,
                rule_number,
            });
            continue;
        };
        if rules.insert(rule_number, rule).is_some() {
            let network_acl_id = network_acl_id();
            problems.report(PlanProblem::DuplicateRuleNumber {
                network_acl_id,
                egress,
                rule_number,
            });
        }
    }
    let mut list = NaclEntry::zeroed();
    if rules.len() > list.rules.len() {
        let network_acl_id = network_acl_id();
        problems.report(PlanProblem::TooManyNaclRules {
            network_acl_id,
            egress,
            rules: rules.len(),
        });
    }
    for (place, rule) in list.rules.iter_mut().zip(rules.into_values()) {
        *place = rule;
        list.len += 1;
    }
    list
}

/// A rule, unless it lacks what its protocol requires.
fn rule(entry: &NetworkAclEntry) -> Option<NaclRule> {
    let (from, to) = match entry.protocol {
        Some(protocol::TCP | protocol::UDP) => entry.port_range?,
        Some(protocol::ICMP) => {
            let (kind, code) = entry.icmp_type_code?;
            (kind.map_or(ANY_ICMP, u16::from), code.map_or(ANY_ICMP, u16::from))
        }
        // Ports and ICMP fields of any other protocol are ignored (semantics 8.2).
        _ => (0, u16::MAX),
    };
    let IpNet::V4(block) = entry.cidr_block else {
        return None;
    };
    Some(NaclRule {
        network: block.network().into(),
        from,
        to,
        number: entry.rule_number,
        protocol: entry.protocol.map_or(ANY_PROTOCOL, u16::from),
        prefix_len: block.prefix_len(),
        allow: u8::from(entry.rule_action == RuleAction::Allow),
        reserved: 0,
    })
}
