//! Security groups (semantics 6): "allow only, per ENI. Effective rule set: union over all SGs on the ENI."

use super::Pass;
use super::address::icmp_of;
use super::header::Selector;
use super::world::{Eni, World};
use groundplane::resources::{Peer, SecurityGroupRule};
use ipnet::IpNet;
use std::net::IpAddr;

/// What a rule is asked about a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) egress: bool,
    /// "source (ingress) or destination (egress) address as seen at the ENI" (6.3).
    pub(super) remote: IpAddr,
    /// The ENI that an arriving packet comes from, as far as the packet tells it.
    pub(super) far: Option<Eni>,
    pub(super) protocol: u8,
    pub(super) selector: Selector,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Admitted {
    pub(super) tracked: bool,
    pub(super) by: Pass,
}

/// Whether a rule of the ENI's groups admits a packet, and whether the connection would then be tracked.
pub(super) fn admits(world: &World, eni: Eni, question: &Question) -> Option<Admitted> {
    let mut admitted = None;
    for rule in world.rules(eni, question.egress) {
        if covers(rule, question) && is_peer(world, eni, &rule.peer, question) {
            let by = match rule.peer {
                Peer::Cidr(_) => Pass::Cidr,
                Peer::PrefixList(_) => Pass::PrefixList,
                Peer::Group(_) => Pass::Reference,
            };
            if is_everybody(rule, question.remote) && may_be_untracked(world, eni, question) {
                return Some(Admitted { tracked: false, by });
            }
            admitted.get_or_insert(Admitted { tracked: true, by });
        }
    }
    admitted
}

/// 7.1: a TCP or UDP flow that a rule for everybody admits is untracked if the opposite direction has a rule for
/// everybody on all ports, and the flow isn't automatically tracked.
fn may_be_untracked(world: &World, eni: Eni, question: &Question) -> bool {
    let automatic = world.interface(eni).interface_type.is_automatically_tracked();
    let answered = |rule: &SecurityGroupRule| {
        let protocol = rule.ip_protocol.is_none() || rule.ip_protocol == Some(question.protocol);
        protocol && is_everybody(rule, question.remote) && is_for_all_ports(rule)
    };
    matches!(question.protocol, 6 | 17) && !automatic && world.rules(eni, !question.egress).any(answered)
}

/// 0.0.0.0/0 or ::/0, whichever the address is of.
fn is_everybody(rule: &SecurityGroupRule, remote: IpAddr) -> bool {
    match rule.peer {
        Peer::Cidr(block) => block.prefix_len() == 0 && block.contains(&remote),
        Peer::PrefixList(_) | Peer::Group(_) => false,
    }
}

fn is_for_all_ports(rule: &SecurityGroupRule) -> bool {
    rule.ip_protocol.is_none() || rule.port_range == Some((0, 65535))
}

/// 6.3: exactly one of CIDR, prefix list and group.
fn is_peer(world: &World, eni: Eni, peer: &Peer, question: &Question) -> bool {
    match peer {
        Peer::Cidr(block) => block.contains(&question.remote),
        Peer::PrefixList(id) => {
            let contains = |block: &IpNet| block.contains(&question.remote);
            world
                .prefix_list(id)
                .is_some_and(|list| list.entries.iter().any(contains))
        }
        Peer::Group(id) if question.egress => has_member(world, eni, id, question.remote),
        Peer::Group(id) => question.far.is_some_and(|far| world.is_member(far, id)),
    }
}

/// 6.3: whether an address is a member's private one, as egress rules may refer to: "same VPC; peered VPCs, same
/// Region, peering active".
fn has_member(world: &World, eni: Eni, group_id: &str, address: IpAddr) -> bool {
    let vpc = world.vpc_of(eni);
    let peers = world.peers(vpc).filter(|peer| world.share_region(vpc, *peer));
    let mut owners = std::iter::once(vpc)
        .chain(peers)
        .filter_map(|vpc| world.owner(vpc, address));
    owners.any(|owner| world.is_member(owner, group_id))
}

/// 6.2: protocol, and destination port or ICMP type and code.
fn covers(rule: &SecurityGroupRule, question: &Question) -> bool {
    match rule.ip_protocol {
        None => true,
        Some(protocol) if protocol != question.protocol => false,
        Some(6 | 17) => match (rule.port_range, question.selector) {
            (Some((from, to)), Selector::Ports { dst, .. }) => (from..=to).contains(&dst),
            // 7.7: "matches only rules covering all ports".
            (range, _) => range == Some((0, 65535)),
        },
        Some(protocol) if protocol == icmp_of(question.remote) => match (rule.icmp_type_code, question.selector) {
            (None, _) => protocol == 58,
            (Some((None, _)), _) => true,
            (Some((Some(wanted), wanted_code)), Selector::Icmp { icmp_type, code, .. }) => {
                wanted == icmp_type && wanted_code.is_none_or(|wanted| wanted == code)
            }
            _ => false,
        },
        Some(_) => true,
    }
}

/// 6.3: whether a rule that refers to a group would match, had the packet kept its sender's identity.
pub(super) fn would_admit_member(world: &World, eni: Eni, question: &Question) -> bool {
    let by_reference = |rule: &&SecurityGroupRule| matches!(rule.peer, Peer::Group(_));
    let question = Question {
        far: world.owner(world.vpc_of(eni), question.remote),
        ..*question
    };
    let mut references = world.rules(eni, question.egress).filter(by_reference);
    references.any(|rule| covers(rule, &question) && is_peer(world, eni, &rule.peer, &question))
}
