//! Security groups (semantics 6.1): "allow only, per ENI. Effective rule set: union over all SGs on the ENI."

use super::Model;
use super::header::{Header, Selector};
use groundplane::resources::{NetworkInterface, SecurityGroupRule};
use std::net::Ipv4Addr;

/// Whether a rule of the ENI's groups admits a packet, and whether the connection would then be tracked.
pub(super) fn admits(model: &Model, eni: &NetworkInterface, egress: bool, header: &Header) -> Option<Admitted> {
    let peer = if egress { header.dst } else { header.src };
    let matching: Vec<_> = rules(model, eni, egress)
        .filter(|rule| matches(rule, header.protocol, peer))
        .collect();
    if matching.is_empty() {
        return None;
    }
    // 7.1: a TCP or UDP flow is untracked if the admitting rule is for everybody and the opposite direction has a rule
    // for everybody on all ports.
    let by_everybodys = matching.iter().any(|rule| rule.cidr_ipv4.prefix_len() == 0);
    let mut opposite = rules(model, eni, !egress);
    let answered = opposite.any(|rule| rule.cidr_ipv4.prefix_len() == 0 && covers(rule, header.protocol));
    let may_be_untracked = matches!(header.selector, Selector::Ports { .. });
    Some(Admitted {
        tracked: !(may_be_untracked && by_everybodys && answered),
    })
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Admitted {
    pub(super) tracked: bool,
}

fn rules<'a>(model: &'a Model, eni: &'a NetworkInterface, egress: bool) -> impl Iterator<Item = &'a SecurityGroupRule> {
    let groups = model
        .resources
        .security_groups
        .iter()
        .filter(|group| eni.groups.contains(&group.group_id));
    groups
        .flat_map(|group| &group.rules)
        .filter(move |rule| rule.is_egress == egress)
}

fn matches(rule: &SecurityGroupRule, protocol: u8, peer: Ipv4Addr) -> bool {
    covers(rule, protocol) && rule.cidr_ipv4.contains(&peer)
}

fn covers(rule: &SecurityGroupRule, protocol: u8) -> bool {
    rule.ip_protocol.is_none_or(|wanted| wanted == protocol)
}
