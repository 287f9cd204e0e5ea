//! The rules of a group set in one direction and family, in their order.

use super::super::Family;
use super::super::eni::blocks;
use super::super::lookup::Lookup;
use crate::resources::{Peer, SecurityGroup, SecurityGroupRule};
use groundplane_abi::security_group::{GROUP_RULES, GroupSetEntry, group_flag};
use groundplane_abi::wire::protocol;
use ipnet::IpNet;

/// What a rule says of protocol and port (semantics 6.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Selection {
    /// `None` is all.
    pub(super) protocol: Option<u8>,
    /// Inclusive: of destination ports, or of types of ICMP with the code in the lower byte.
    pub(super) range: (u16, u16),
}

impl Selection {
    const ALL: (u16, u16) = (0, u16::MAX);

    /// Whether ports don't matter, nor do types.
    pub(super) fn is_for_all_ports(&self) -> bool {
        self.range == Self::ALL
    }

    /// Whether it lets every answer of a protocol pass.
    fn answers(&self, protocol: u8) -> bool {
        self.is_for_all_ports() && self.protocol.is_none_or(|own| own == protocol)
    }
}

/// What a rule selects, unless it lacks what its protocol requires.
pub(super) fn selection(rule: &SecurityGroupRule) -> Option<Selection> {
    let protocol = rule.ip_protocol;
    let range = match (protocol, rule.icmp_type_code) {
        (Some(protocol::TCP | protocol::UDP), _) => rule.port_range?,
        (Some(protocol::ICMP), None) => return None,
        (Some(protocol::ICMP | protocol::ICMPV6), Some(type_code)) => match type_code {
            (Some(kind), Some(code)) => (u16::from_be_bytes([kind, code]), u16::from_be_bytes([kind, code])),
            (Some(kind), None) => (u16::from_be_bytes([kind, 0]), u16::from_be_bytes([kind, u8::MAX])),
            (None, None) => Selection::ALL,
            (None, Some(_)) => return None,
        },
        _ => Selection::ALL,
    };
    Some(Selection { protocol, range })
}

/// Whom a rule speaks of, among the addresses of one family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Far<'a, I> {
    Blocks(Vec<(I, u8)>),
    MembersOf(&'a str),
}

#[derive(Debug)]
pub(super) struct ListedRule<'a, I> {
    pub(super) selection: Selection,
    pub(super) far: Far<'a, I>,
    /// Its peer is 0.0.0.0/0 or ::/0. An entry of a prefix list doesn't make it so (semantics 7.1).
    is_for_everybody: bool,
}

impl<'a, I: Family> ListedRule<'a, I> {
    /// A rule as the list of a family has it, unless no packet of the family can match it.
    fn of(lookup: &Lookup<'a>, vpc_id: &str, rule: &'a SecurityGroupRule) -> Option<Self> {
        let selection = selection(rule)?;
        let is_icmp = matches!(selection.protocol, Some(protocol::ICMP | protocol::ICMPV6));
        if is_icmp && selection.protocol != Some(I::ICMP) {
            return None;
        }
        let far = match &rule.peer {
            Peer::Cidr(block) => Far::Blocks(vec![I::block(*block)?]),
            Peer::PrefixList(id) => {
                let blocks: Vec<_> = lookup.prefix_list(id).iter().copied().filter_map(I::block).collect();
                if blocks.is_empty() {
                    return None;
                }
                Far::Blocks(blocks)
            }
            Peer::Group(id) => match rule.is_egress.then(|| peers_members(lookup, vpc_id, id)).flatten() {
                Some(addresses) => Far::Blocks(addresses.into_iter().filter_map(I::block).collect()),
                None => Far::MembersOf(id),
            },
        };
        Some(Self {
            selection,
            far,
            is_for_everybody: matches!(&rule.peer, Peer::Cidr(block) if is_everybody(block)),
        })
    }
}

/// The private addresses of a group's members, if it is one of a VPC of the same Region that a VPC is peered with. An
/// egress rule is asked before the packet's way is known, so there they are known by their addresses (semantics 6.3).
fn peers_members(lookup: &Lookup<'_>, vpc_id: &str, group: &str) -> Option<Vec<IpNet>> {
    let other = &*lookup.groups.get(group)?.vpc_id;
    let mut peers = lookup.gateways.peers(vpc_id);
    if other == vpc_id || lookup.gateways.is_far(vpc_id, other) || !peers.any(|peer| peer.vpc_id == other) {
        return None;
    }
    let enis = lookup.enis.get(other).into_iter().flatten();
    let members = enis.filter(|eni| eni.groups.iter().any(|own| own == group));
    Some(members.flat_map(|eni| blocks(eni)).collect())
}

fn is_everybody(block: &IpNet) -> bool {
    block.prefix_len() == 0
}

/// Rules for everybody first, so that the first rule that admits a packet is one of them if any of them does.
#[derive(Debug)]
pub(super) struct List<'a, I> {
    pub(super) rules: Vec<ListedRule<'a, I>>,
}

impl<'a, I: Family> List<'a, I> {
    pub(super) fn of(lookup: &Lookup<'a>, groups: &[&'a SecurityGroup], egress: bool) -> Self {
        let mut rules: Vec<_> = groups
            .iter()
            .flat_map(|group| group.rules.iter().map(|rule| (&*group.vpc_id, rule)))
            .filter(|(_, rule)| rule.is_egress == egress)
            .collect();
        // By id, and by the rest for rules that share one, so that the order of the resources doesn't matter.
        rules.sort_by_key(|(_, rule)| {
            let selection = (rule.ip_protocol, rule.port_range, rule.icmp_type_code);
            (&rule.security_group_rule_id, selection, &rule.peer)
        });
        let mut rules: Vec<_> = rules
            .into_iter()
            .filter_map(|(vpc_id, rule)| ListedRule::of(lookup, vpc_id, rule))
            .collect();
        rules.sort_by_key(|rule| !rule.is_for_everybody);
        Self { rules }
    }

    /// The list's row, unless there are more rules than a set of rules can hold.
    pub(super) fn entry(&self, opposite: &Self) -> Option<GroupSetEntry> {
        let len = u16::try_from(self.rules.len()).ok()?;
        if u32::from(len) > GROUP_RULES {
            return None;
        }
        let mut flags = 0;
        for (flag, is_set) in [
            (group_flag::TCP_ANSWERED, opposite.answers_everybody(protocol::TCP)),
            (group_flag::UDP_ANSWERED, opposite.answers_everybody(protocol::UDP)),
            (
                group_flag::REFERENCES,
                self.rules.iter().any(|rule| matches!(rule.far, Far::MembersOf(_))),
            ),
        ] {
            flags |= if is_set { flag } else { 0 };
        }
        Some(GroupSetEntry {
            len,
            everybody: u16::try_from(self.everybody().count()).ok()?,
            flags,
        })
    }

    fn everybody(&self) -> impl Iterator<Item = &ListedRule<'a, I>> {
        self.rules.iter().filter(|rule| rule.is_for_everybody)
    }

    fn answers_everybody(&self, protocol: u8) -> bool {
        self.everybody().any(|rule| rule.selection.answers(protocol))
    }
}
