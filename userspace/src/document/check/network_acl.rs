//! Network ACLs that do other than it seems (semantics 8, 31: M1 to M5, M61).

use super::view::{Acl, Part, View};
use crate::document::diagnostic::{Problem, Problems, quote};
use crate::document::notation::Protocol;
use crate::resources::{NetworkAcl, NetworkAclEntry, RuleAction, Subnet};
use ipnet::IpNet;

type Entry<'a> = Part<'a, NetworkAclEntry>;

/// What drops the packets.
const RESTRICTION: &str = "SUBNET_ACL_RESTRICTION";

/// From here on are the ports that clients ask from: Linux 32768 to 60999, Windows 49152 to 65535 (semantics 8.3).
pub(super) const EPHEMERAL: u16 = 32_768;

pub(super) fn check(view: &View<'_>, problems: &mut Problems) {
    for acl in &view.network_acls {
        let users: Vec<_> = view
            .subnets
            .iter()
            .filter(|subnet| subnet.network_acl_id == acl.acl.network_acl_id)
            .collect();
        let Some(&first) = users.first() else { continue };
        if is_silent(acl) {
            report_silent(acl, first, problems);
            continue;
        }
        for (there, back) in [(&acl.ingress, &acl.egress), (&acl.egress, &acl.ingress)] {
            answers(there, back, problems);
            idle_denies(there, problems);
            if let [only] = *users {
                denies_inside(there, only, problems);
            }
            if users.iter().any(|subnet| subnet.ipv6_cidr_block.is_some()) {
                without_ipv6(there, problems);
            }
        }
    }
}

/// Whether an ACL is as AWS makes it, with no entry (M3). One that denies in so many words is meant to.
fn is_silent(acl: &Acl<'_>) -> bool {
    acl.ingress.is_empty() && acl.egress.is_empty()
}

fn report_silent(acl: &Acl<'_>, user: &Subnet, problems: &mut Problems) {
    let name = quote(acl.name.value);
    let message = format!(
        "network ACL {name} has no entries, so nothing enters or leaves subnet {}",
        quote(&user.name)
    );
    let help = "an ACL denies what no entry allows: add entries to ingress and to egress";
    problems.report(
        Problem::warning(acl.name.span, message)
            .number("M3")
            .code(RESTRICTION)
            .help(help),
    );
}

/// Answers need an entry of their own, to the port that was asked from (M1), which isn't the port that was asked (M5).
fn answers(there: &[Entry<'_>], back: &[Entry<'_>], problems: &mut Problems) {
    for (index, service) in there.iter().enumerate().filter(|(_, entry)| is_service(entry.it)) {
        let denied = there
            .iter()
            .take(index)
            .any(|earlier| earlier.it.rule_action == RuleAction::Deny && covers(earlier.it, service.it));
        if denied || back.iter().any(|entry| answers_to(service.it, entry.it)) {
            continue;
        }
        let block = service.it.cidr_block;
        let other = direction(!service.it.egress);
        let mirrored = |entry: &&Entry<'_>| {
            is_service(entry.it) && entry.it.port_range == service.it.port_range && overlap(entry.it.cidr_block, block)
        };
        let help = format!("allow tcp 1024 to 65535 of {block} in {other}");
        let problem = if let Some(mirror) = back.iter().find(mirrored) {
            let message = "a port here is the one a packet goes to, and answers go to the one that was asked from";
            Problem::warning(mirror.span, message).number("M5")
        } else {
            let message = format!("the answers to what this entry allows are allowed by no entry of {other}");
            Problem::warning(service.span, message).number("M1")
        };
        problems.report(problem.code(RESTRICTION).help(help));
    }
}

/// Whether an entry lets somebody ask: TCP to ports below those that answers go to, and not to so many of them that it
/// was meant for answers.
fn is_service(entry: &NetworkAclEntry) -> bool {
    let is_tcp = entry.protocol == Protocol::TCP.0;
    entry.rule_action == RuleAction::Allow
        && is_tcp
        && entry
            .port_range
            .is_some_and(|(from, to)| to < EPHEMERAL && to - from < 4096)
}

/// Whether an entry lets an answer pass to somebody who may ask.
fn answers_to(service: &NetworkAclEntry, entry: &NetworkAclEntry) -> bool {
    let protocol = entry.protocol.is_none() || entry.protocol == service.protocol;
    let ports = entry.protocol.is_none() || entry.port_range.is_some_and(|(_, to)| to >= EPHEMERAL);
    entry.rule_action == RuleAction::Allow && protocol && ports && overlap(service.cidr_block, entry.cidr_block)
}

/// A deny all of whose packets an earlier entry has allowed (M4).
fn idle_denies(entries: &[Entry<'_>], problems: &mut Problems) {
    for (index, deny) in entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.it.rule_action == RuleAction::Deny)
    {
        let mut earlier = entries.iter().take(index);
        let allows = |entry: &&Entry<'_>| entry.it.rule_action == RuleAction::Allow && covers(entry.it, deny.it);
        if let Some(allow) = earlier.find(allows) {
            let message = format!(
                "entry {} denies nothing: entry {} allows all of it first",
                deny.it.rule_number, allow.it.rule_number
            );
            let help = "the lowest number that matches decides: give the deny a lower one";
            problems.report(Problem::warning(deny.span, message).number("M4").help(help));
        }
    }
}

/// A deny of the subnet's own addresses, which no ACL is asked about (M2).
fn denies_inside(entries: &[Entry<'_>], subnet: &Subnet, problems: &mut Problems) {
    let blocks = [
        Some(IpNet::V4(subnet.cidr_block)),
        subnet.ipv6_cidr_block.map(IpNet::V6),
    ];
    for deny in entries.iter().filter(|entry| entry.it.rule_action == RuleAction::Deny) {
        if blocks.iter().flatten().any(|block| block.contains(&deny.it.cidr_block)) {
            let message = format!(
                "{} is inside subnet {}, and a network ACL isn't asked about traffic inside a subnet",
                deny.it.cidr_block,
                quote(&subnet.name)
            );
            let help = "use security groups, or put the two into different subnets";
            problems.report(Problem::warning(deny.span, message).number("M2").help(help));
        }
    }
}

/// Everything of IPv4 is allowed, and nothing of IPv6 (M61).
fn without_ipv6(entries: &[Entry<'_>], problems: &mut Problems) {
    let is_ipv6 = |entry: &Entry<'_>| matches!(entry.it.cidr_block, IpNet::V6(_));
    let all = entries.iter().find(|entry| {
        let it = entry.it;
        it.rule_action == RuleAction::Allow
            && it.protocol.is_none()
            && !is_ipv6(entry)
            && it.cidr_block.prefix_len() == 0
    });
    if let Some(all) = all.filter(|_| !entries.iter().any(is_ipv6)) {
        let message = format!(
            "{} allows all IPv4 and no IPv6, which the subnet has",
            direction(all.it.egress)
        );
        let help = "add an entry with Ipv6CidrBlock: \"::/0\", or one that denies it if that is meant";
        problems.report(
            Problem::warning(all.span, message)
                .number("M61")
                .code(RESTRICTION)
                .help(help),
        );
    }
}

/// Whether an entry decides of all packets that another one is about.
fn covers(outer: &NetworkAclEntry, inner: &NetworkAclEntry) -> bool {
    let protocol = outer.protocol.is_none() || outer.protocol == inner.protocol;
    protocol && outer.cidr_block.contains(&inner.cidr_block) && (outer.protocol.is_none() || covers_ports(outer, inner))
}

/// Of two entries of one protocol.
fn covers_ports(outer: &NetworkAclEntry, inner: &NetworkAclEntry) -> bool {
    let ports = match (outer.port_range, inner.port_range) {
        (Some((from, to)), Some((first, last))) => from <= first && last <= to,
        _ => true,
    };
    let number = |outer: Option<u8>, inner: Option<u8>| outer.is_none() || outer == inner;
    let types = match (outer.icmp_type_code, inner.icmp_type_code) {
        (Some((kind, code)), Some((inner_kind, inner_code))) => number(kind, inner_kind) && number(code, inner_code),
        _ => true,
    };
    ports && types
}

/// Two blocks are either apart or one inside the other.
fn overlap(a: IpNet, b: IpNet) -> bool {
    a.contains(&b) || b.contains(&a)
}

const fn direction(egress: bool) -> &'static str {
    if egress { "egress" } else { "ingress" }
}

/// Whether an ACL lets TCP pass to a port, from a block on the way in, to it on the way out.
pub(super) fn admits(acl: &NetworkAcl, egress: bool, block: IpNet, port: u16) -> bool {
    let is_about = |entry: &&NetworkAclEntry| {
        let ports = || entry.port_range.is_some_and(|(from, to)| (from..=to).contains(&port));
        let protocol = entry.protocol.is_none() || entry.protocol == Protocol::TCP.0 && ports();
        entry.egress == egress && protocol && overlap(entry.cidr_block, block)
    };
    // Of a part of the block that is denied, others may be allowed: whoever allows any of it is enough.
    let whole = |entry: &&NetworkAclEntry| entry.cidr_block.contains(&block);
    let mut entries: Vec<_> = acl.entries.iter().filter(is_about).collect();
    entries.sort_by_key(|entry| entry.rule_number);
    let deciding = entries.iter().position(whole).map_or(entries.len(), |index| index + 1);
    entries
        .iter()
        .take(deciding)
        .any(|entry| entry.rule_action == RuleAction::Allow)
}
