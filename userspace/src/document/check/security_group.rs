//! Security groups whose rules don't say what they seem to (semantics 6, 31: M16, M61, M68).

use super::view::{Group, Part, View};
use crate::document::diagnostic::{Problem, Problems};
use crate::document::notation::Protocol;
use crate::resources::{Peer, SecurityGroup, SecurityGroupRule};
use ipnet::IpNet;

type Rule<'a> = Part<'a, SecurityGroupRule>;

pub(super) fn check(view: &View<'_>, problems: &mut Problems) {
    for group in &view.security_groups {
        not_admitted(view, group, problems);
        if has_ipv6(view, group) {
            without_ipv6(group, problems);
        }
        for rule in &group.rules {
            icmp_as_port(rule, problems);
        }
    }
}

/// Members are let out to each other, and nobody lets them in (M16).
fn not_admitted(view: &View<'_>, group: &Group<'_>, problems: &mut Problems) {
    let names_itself = |rule: &&Rule<'_>| matches!(&rule.it.peer, Peer::Group(id) if *id == group.group.group_id);
    let may_admit = |rule: &&Rule<'_>| match &rule.it.peer {
        Peer::Group(_) => names_itself(rule),
        Peer::Cidr(block) => view.vpc.blocks().any(|vpc| vpc.contains(block) || block.contains(&vpc)),
        Peer::PrefixList(_) => true,
    };
    let mut ingress = group.rules.iter().filter(|rule| !rule.it.is_egress);
    let mut egress = group.rules.iter().filter(|rule| rule.it.is_egress);
    if let (Some(out), None) = (egress.find(names_itself), ingress.find(may_admit)) {
        let message = "members may ask each other, and no rule of ingress lets a member answer";
        let help = "add a rule to ingress that names the group itself";
        let problem = Problem::warning(out.span, message).number("M16");
        problems.report(problem.code("ENI_SG_RULES_MISMATCH").help(help));
    }
}

fn has_ipv6(view: &View<'_>, group: &Group<'_>) -> bool {
    let mut enis = view.network_interfaces.iter();
    enis.any(|eni| !eni.ipv6_addresses.is_empty() && eni.groups.contains(&group.group.group_id))
}

/// Everybody is admitted who comes by IPv4, and nobody who comes by IPv6 (M61).
fn without_ipv6(group: &Group<'_>, problems: &mut Problems) {
    let is_for_all =
        |rule: &Rule<'_>, len: fn(&IpNet) -> bool| matches!(&rule.it.peer, Peer::Cidr(block) if len(block));
    let ipv4 = |block: &IpNet| matches!(block, IpNet::V4(block) if block.prefix_len() == 0);
    let ipv6 = |block: &IpNet| matches!(block, IpNet::V6(_));
    let ingress = || group.rules.iter().filter(|rule| !rule.it.is_egress);
    for rule in ingress().filter(|rule| is_for_all(rule, ipv4) && rule.it.ip_protocol != Protocol::ICMP.0) {
        let same = |other: &Rule<'_>| {
            let protocol = other.it.ip_protocol.is_none() || other.it.ip_protocol == rule.it.ip_protocol;
            is_for_all(other, ipv6) && protocol && meet(other.it.port_range, rule.it.port_range)
        };
        if !ingress().any(same) {
            let message = "everybody is admitted by IPv4 and nobody by IPv6, which members have";
            let help = "add the same rule with CidrIpv6, such as \"::/0\"";
            let problem = Problem::warning(rule.span, message).number("M61");
            problems.report(problem.code("ENI_SG_RULES_MISMATCH").help(help));
        }
    }
}

/// Whether two ranges have a port in common; none is all of them.
fn meet(a: Option<(u16, u16)>, b: Option<(u16, u16)>) -> bool {
    match (a, b) {
        (Some((from, to)), Some((first, last))) => from <= last && first <= to,
        _ => true,
    }
}

/// A type and code that are hardly a type and a code (M68).
fn icmp_as_port(rule: &Rule<'_>, problems: &mut Problems) {
    let (request, answer) = match rule.it.ip_protocol {
        protocol if protocol == Protocol::ICMP.0 => (8, 0),
        protocol if protocol == Protocol::ICMPV6.0 => (128, 129),
        _ => return,
    };
    let Some((Some(kind), code)) = rule.it.icmp_type_code else {
        return;
    };
    let is_echo = kind == request || kind == answer;
    let message = match code {
        Some(code) if is_echo && code != 0 => format!("this is type {kind} with code {code}, which no packet has"),
        _ if kind == answer => format!("this is type {kind}, the answer to a ping, which needs no rule"),
        _ => return,
    };
    let help = format!("FromPort is the type and ToPort the code; a ping is type {request} with code -1");
    problems.report(Problem::warning(rule.span, message).number("M68").help(help));
}

/// A port of one of some protocols, whichever it is.
pub(super) type At = (&'static [Protocol], u16);

/// Whether a group lets anybody in, or out to anybody, at a port.
pub(super) fn admits(group: &SecurityGroup, is_egress: bool, at: At) -> bool {
    group
        .rules
        .iter()
        .any(|rule| rule.is_egress == is_egress && is_about(rule, at))
}

/// Whether a group lets somebody of a block in at a port, or a member of one of some groups.
pub(super) fn admits_from(group: &SecurityGroup, at: At, from: IpNet, groups: &[String]) -> bool {
    let is_them = |peer: &Peer| match peer {
        Peer::Cidr(block) => block.contains(&from) || from.contains(block),
        Peer::Group(id) => groups.contains(id),
        // What is in a list may change.
        Peer::PrefixList(_) => true,
    };
    group
        .rules
        .iter()
        .any(|rule| !rule.is_egress && is_about(rule, at) && is_them(&rule.peer))
}

/// Whom a group lets in at a port, by address; `None` for a group or a list.
pub(super) fn admitted(group: &SecurityGroup, at: At) -> impl Iterator<Item = Option<IpNet>> {
    let rules = group
        .rules
        .iter()
        .filter(move |rule| !rule.is_egress && is_about(rule, at));
    rules.map(|rule| match &rule.peer {
        Peer::Cidr(block) => Some(*block),
        Peer::PrefixList(_) | Peer::Group(_) => None,
    })
}

fn is_about(rule: &SecurityGroupRule, (protocols, port): At) -> bool {
    let ports = || rule.port_range.is_some_and(|(from, to)| (from..=to).contains(&port));
    let is_its = |protocol: &Protocol| rule.ip_protocol == protocol.0 && ports();
    rule.ip_protocol.is_none() || protocols.iter().any(is_its)
}
