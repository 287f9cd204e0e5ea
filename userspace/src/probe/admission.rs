//! Whether groups and network ACLs let a question through and its answer back, as far as the document says it.
//!
//! Written from the semantics (4.6, 6.2, 7.1, 8.2) and apart from the datapath, since it says what to expect of that.

use super::case::{Party, What};
use super::server::{HTTP_PORT, STREAM_PORT};
use super::way::Way;
use crate::resources::{NetworkAclEntry, NetworkInterface, Peer, Resources, RuleAction, SecurityGroupRule};
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// The ports that Linux asks from, unless it was told otherwise.
const EPHEMERAL: RangeInclusive<u16> = 32_768..=60_999;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const ICMPV6: u8 = 58;

/// What rules look at in a packet, beside addresses.
#[derive(Clone, Debug)]
enum Kind {
    /// To one of these ports.
    Tcp(RangeInclusive<u16>),
    /// Of this protocol and type, with code 0.
    Icmp(u8, u8),
}

/// Whether a question of `from` is answered by `to`, if that can be told. `back` is the way of the answer.
pub(super) fn is_answered(
    resources: &Resources,
    (from, to): (&Party<'_>, &Party<'_>),
    (there, back): (&Way<'_>, &Way<'_>),
    what: What,
) -> Option<bool> {
    let (question, answer) = kinds(what);
    let gates = Gates { resources };
    let middlebox = there.middlebox();
    let addresses = (from.address_of(what.family())?, to.address_of(what.family())?);
    // An answer that takes another way is somebody's first packet.
    if middlebox.map(|party| &party.eni.network_interface_id) != back.middlebox().map(|p| &p.eni.network_interface_id) {
        return None;
    }
    let groups = gates.groups((from, to), addresses, middlebox, &question);
    let acls = gates.acls((from, to), addresses, middlebox, &question);
    // An admitted connection is tracked at every ENI, or else its answers are admitted by a rule for everything.
    let acls_back = gates.acls((to, from), (addresses.1, addresses.0), middlebox, &answer);
    all([groups, acls, acls_back])
}

/// Whether the host answers a guest's ping across gateways. `passed` is the subnet of a NAT gateway on the way.
pub(super) fn is_answered_outside(
    resources: &Resources,
    from: &Party<'_>,
    passed: Option<&str>,
    host: IpAddr,
) -> Option<bool> {
    let (question, answer) = kinds(What::Ping);
    let gates = Gates { resources };
    let (own, guest) = (&*from.eni.subnet_id, IpAddr::from(from.address()));
    let near = all([
        gates.group(from, true, &question, host, Identity::Lost),
        gates.acl(own, true, &question, host),
        gates.acl(own, false, &answer, host),
    ]);
    let far = passed.map(|subnet| {
        all([
            gates.acl(subnet, true, &question, host),
            gates.acl(subnet, false, &answer, host),
        ])
    });
    let between = passed.filter(|subnet| *subnet != own).map(|subnet| {
        all([
            gates.acl(subnet, false, &question, guest),
            gates.acl(subnet, true, &answer, guest),
        ])
    });
    all([near, far.unwrap_or(Some(true)), between.unwrap_or(Some(true))])
}

/// Whether a guest answers the host, which asks it by its public address.
pub(super) fn is_answered_inside(resources: &Resources, to: &Party<'_>, host: IpAddr, what: What) -> Option<bool> {
    let (question, answer) = kinds(what);
    let gates = Gates { resources };
    all([
        gates.acl(&to.eni.subnet_id, false, &question, host),
        gates.group(to, false, &question, host, Identity::Lost),
        gates.acl(&to.eni.subnet_id, true, &answer, host),
    ])
}

/// Whether all are so: no as soon as one isn't, unknown if one of the others is.
fn all(parts: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = Some(true);
    for part in parts {
        match part {
            Some(false) => return Some(false),
            Some(true) => {}
            None => known = None,
        }
    }
    known
}

/// What a rule that names a group sees of the other end.
#[derive(Clone, Copy, Debug)]
enum Identity<'a> {
    Is(&'a NetworkInterface),
    /// It left through a middlebox, or will.
    Lost,
    /// The document doesn't say.
    Unknown,
}

/// What a question consists of, and its answer.
fn kinds(what: What) -> (Kind, Kind) {
    match what {
        What::Ping | What::Spoof(_) => (Kind::Icmp(ICMP, 8), Kind::Icmp(ICMP, 0)),
        What::Ping6 => (Kind::Icmp(ICMPV6, 128), Kind::Icmp(ICMPV6, 129)),
        What::Http => (Kind::Tcp(HTTP_PORT..=HTTP_PORT), Kind::Tcp(EPHEMERAL)),
        What::Stream => (Kind::Tcp(STREAM_PORT..=STREAM_PORT), Kind::Tcp(EPHEMERAL)),
    }
}

struct Gates<'a> {
    resources: &'a Resources,
}

impl Gates<'_> {
    fn groups(
        &self,
        (from, to): (&Party<'_>, &Party<'_>),
        (source, destination): (IpAddr, IpAddr),
        middlebox: Option<&Party<'_>>,
        kind: &Kind,
    ) -> Option<bool> {
        match middlebox {
            None => all([
                self.group(from, true, kind, destination, Identity::Is(to.eni)),
                self.group(to, false, kind, source, Identity::Is(from.eni)),
            ]),
            Some(middlebox) => all([
                self.group(from, true, kind, destination, Identity::Unknown),
                self.group(middlebox, false, kind, source, Identity::Is(from.eni)),
                self.group(middlebox, true, kind, destination, Identity::Lost),
                self.group(to, false, kind, source, Identity::Lost),
            ]),
        }
    }

    /// The union of the rules of an ENI's groups in one direction.
    fn group(&self, at: &Party<'_>, egress: bool, kind: &Kind, peer: IpAddr, identity: Identity<'_>) -> Option<bool> {
        let groups = self.resources.security_groups.iter();
        let own = groups.filter(|group| at.eni.groups.contains(&group.group_id));
        let rules = own.flat_map(|group| &group.rules);
        let mut known = Some(false);
        for rule in rules.filter(|rule| rule.is_egress == egress && selects(rule, kind)) {
            match self.speaks_of(&rule.peer, peer, identity) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => known = None,
            }
        }
        known
    }

    fn speaks_of(&self, peer: &Peer, address: IpAddr, identity: Identity<'_>) -> Option<bool> {
        match (peer, identity) {
            (Peer::Cidr(block), _) => Some(block.contains(&address)),
            (Peer::PrefixList(id), _) => {
                let mut lists = self
                    .resources
                    .prefix_lists
                    .iter()
                    .filter(|list| list.prefix_list_id == *id);
                Some(lists.any(|list| list.entries.iter().any(|entry| entry.contains(&address))))
            }
            (Peer::Group(id), Identity::Is(eni)) => Some(eni.groups.contains(id)),
            (Peer::Group(_), Identity::Lost) => Some(false),
            (Peer::Group(_), Identity::Unknown) => None,
        }
    }

    fn acls(
        &self,
        (from, to): (&Party<'_>, &Party<'_>),
        (source, destination): (IpAddr, IpAddr),
        middlebox: Option<&Party<'_>>,
        kind: &Kind,
    ) -> Option<bool> {
        let leg = |sender: &Party<'_>, receiver: &Party<'_>| {
            if sender.eni.subnet_id == receiver.eni.subnet_id {
                return Some(true);
            }
            all([
                self.acl(&sender.eni.subnet_id, true, kind, destination),
                self.acl(&receiver.eni.subnet_id, false, kind, source),
            ])
        };
        match middlebox {
            None => leg(from, to),
            Some(middlebox) => all([leg(from, middlebox), leg(middlebox, to)]),
        }
    }

    /// The first entry that matches decides.
    fn acl(&self, subnet_id: &str, egress: bool, kind: &Kind, peer: IpAddr) -> Option<bool> {
        let subnet = self
            .resources
            .subnets
            .iter()
            .find(|subnet| subnet.subnet_id == subnet_id)?;
        let mut acls = self.resources.network_acls.iter();
        let acl = acls.find(|acl| acl.network_acl_id == subnet.network_acl_id)?;
        let entries = acl.entries.iter().filter(|entry| entry.egress == egress);
        let mut entries: Vec<_> = entries.filter(|entry| entry.cidr_block.contains(&peer)).collect();
        entries.sort_by_key(|entry| entry.rule_number);
        let matching = entries.into_iter().map(|entry| (entry, matches(entry, kind)));
        match matching.into_iter().find(|(_, matched)| *matched != Some(false)) {
            Some((entry, Some(_))) => Some(entry.rule_action == RuleAction::Allow),
            Some((_, None)) => None,
            None => Some(false),
        }
    }
}

fn selects(rule: &SecurityGroupRule, kind: &Kind) -> bool {
    match (rule.ip_protocol, kind) {
        (None, _) => true,
        (Some(TCP), Kind::Tcp(ports)) => covers(rule.port_range, ports) == Some(true),
        (Some(own), Kind::Icmp(protocol, kind)) => own == *protocol && is_of(rule.icmp_type_code, *kind),
        _ => false,
    }
}

/// Whether an entry matches, if that is the same for all ports the packet may have.
fn matches(entry: &NetworkAclEntry, kind: &Kind) -> Option<bool> {
    match (entry.protocol, kind) {
        (None, _) => Some(true),
        (Some(TCP), Kind::Tcp(ports)) => covers(entry.port_range, ports),
        (Some(own), Kind::Icmp(protocol, kind)) => Some(own == *protocol && is_of(entry.icmp_type_code, *kind)),
        _ => Some(false),
    }
}

fn covers(range: Option<(u16, u16)>, ports: &RangeInclusive<u16>) -> Option<bool> {
    let Some((from, to)) = range else { return Some(false) };
    let range = from..=to;
    match (range.contains(ports.start()), range.contains(ports.end())) {
        (true, true) => Some(true),
        (false, false) if !ports.contains(&from) => Some(false),
        _ => None,
    }
}

fn is_of(type_code: Option<(Option<u8>, Option<u8>)>, kind: u8) -> bool {
    type_code.is_some_and(|(own, code)| own.is_none_or(|own| own == kind) && code.is_none_or(|code| code == 0))
}

#[cfg(test)]
mod tests {
    use super::super::case::parties;
    use super::*;
    use crate::document;
    use crate::install::Deployment;

    const HEAD: &str = "
vpcs:
  v:
    CidrBlock: 10.0.0.0/16
    subnets: { s: { CidrBlock: 10.0.1.0/24 }, t: { CidrBlock: 10.0.2.0/24 }, m: { CidrBlock: 10.0.3.0/24 } }
    instances:
      a: { subnet: s, groups: [a], namespace: a }
      b: { subnet: t, groups: [b], namespace: b }
      m: { subnet: m, groups: [m], SourceDestCheck: false, namespace: m }
    security_groups:
      a: { egress: [{ IpProtocol: tcp, FromPort: 18080, ToPort: 18080, CidrIpv4: 10.0.0.0/16 }] }
      m: { ingress: [{ IpProtocol: -1, group: a }] }
";

    /// Whether a's web request is answered by b, with these rules of b's group and whatever follows; directly, or
    /// through m.
    fn answered(rules: &str, more: &str, through: bool) -> Option<bool> {
        let text = format!("{HEAD}      b: {{ ingress: [{rules}] }}\n{more}");
        let resolved = document::parse("test.yaml", text.as_bytes()).unwrap();
        let deployment = Deployment::from(resolved);
        let guests = deployment.guest_states().unwrap();
        let parties = parties(&deployment.resources, &guests);
        let [a, b, m] = [0, 1, 2].map(|index| parties[index]);
        let way = if through { Way::Through(m) } else { Way::AcrossSubnets };
        is_answered(&deployment.resources, (&a, &b), (&way, &way), What::Http)
    }

    const FROM_A: &str = "{ IpProtocol: tcp, FromPort: 18000, ToPort: 18999, group: a }";
    const FROM_BLOCK: &str = "{ IpProtocol: tcp, FromPort: 0, ToPort: 65535, CidrIpv4: 10.0.1.0/24 }";

    #[test]
    fn rules_admit_by_group_until_a_middlebox_is_passed() {
        assert_eq!(answered(FROM_A, "", false), Some(true));
        assert_eq!(answered(FROM_A, "", true), Some(false));
        assert_eq!(answered(FROM_BLOCK, "", true), Some(true));
        assert_eq!(answered("", "", false), Some(false));
        assert_eq!(answered(&FROM_A.replace("18999", "18079"), "", false), Some(false));
        assert_eq!(
            answered(&FROM_BLOCK.replace("10.0.1.0", "10.0.7.0"), "", false),
            Some(false)
        );
    }

    #[test]
    fn an_acl_must_let_the_answer_out_to_every_port_it_may_have() {
        let acl = |from: u16, to: u16| {
            let all = "{ RuleNumber: 7, RuleAction: allow, Protocol: -1, CidrBlock: 10.0.1.0/24 }";
            let out = format!(
                "{{ RuleNumber: 9, RuleAction: allow, Protocol: tcp, PortRange: {{ From: {from}, To: {to} }}, CidrBlock: 0.0.0.0/0 }}"
            );
            format!("    network_acls: {{ n: {{ subnets: [t], ingress: [{all}], egress: [{out}] }} }}\n")
        };
        assert_eq!(answered(FROM_A, &acl(1024, 65_535), false), Some(true));
        assert_eq!(answered(FROM_A, &acl(40_000, 65_535), false), None);
        assert_eq!(answered(FROM_A, &acl(40_000, 40_000), false), None);
        assert_eq!(answered(FROM_A, &acl(0, 1023), false), Some(false));
    }
}
