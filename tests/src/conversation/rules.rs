//! Random rules of groups, and who is in which group.

use crate::topology::{Groups, Rule, Topology, all, icmp, icmpv6, protocol, tcp, udp};
use groundplane::resources::{NetworkInterface, Peer};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// Groups of a VPC beside the four that it has: members of `app` and `db` are referred to, `db` refers to nothing else,
/// `plain` is open to TCP and UDP and nothing else, `mixed` is anything.
pub(super) fn make_groups(topology: &mut Topology, vpc: &str, random: &mut ChaCha8Rng) {
    topology.prefix_list(&list(vpc), &["10.0.1.0/24"]);
    topology.prefix_list(&list6(vpc), &["2001:db8:1:1::/64"]);
    for name in ["app", "db", "plain", "mixed"] {
        topology.group(&group(vpc, name), Vec::new());
    }
    for name in ["app", "db", "plain", "mixed"] {
        rewrite(topology, vpc, name, random);
    }
}

pub(super) fn group(vpc: &str, name: &str) -> String {
    format!("{vpc}-{name}")
}

pub(super) fn list(vpc: &str) -> String {
    format!("{vpc}-list")
}

pub(super) fn list6(vpc: &str) -> String {
    format!("{vpc}-list6")
}

/// Gives a group other rules.
pub(super) fn rewrite(topology: &mut Topology, vpc: &str, name: &str, random: &mut ChaCha8Rng) {
    let rules = match name {
        "app" => vec![
            all().to("0.0.0.0/0"),
            all().to("::/0"),
            any_protocol(random).from_group(&group(vpc, "app")),
        ],
        "db" => vec![
            any_protocol(random).from_group(&group(vpc, "app")),
            tcp(0..=65535).from_group(&group(vpc, "app")),
            udp(53..=443).from_group(&group(vpc, "app")),
            udp(1024).from_list(&list(vpc)),
            protocol(58).from_list(&list6(vpc)),
            any_protocol(random).to_group(&group(vpc, "app")),
        ],
        "plain" => plain(),
        _ => (0..random.random_range(2..12)).map(|_| any_rule(vpc, random)).collect(),
    };
    topology.group(&group(vpc, name), rules);
}

fn plain() -> Vec<Rule> {
    let mut rules = Vec::new();
    for anywhere in ["0.0.0.0/0", "::/0"] {
        rules.extend([tcp(0..=65535).from(anywhere), tcp(0..=65535).to(anywhere)]);
        rules.extend([udp(0..=65535).from(anywhere), udp(0..=65535).to(anywhere)]);
    }
    rules
}

fn any_rule(vpc: &str, random: &mut ChaCha8Rng) -> Rule {
    const BLOCKS: [&str; 10] = [
        "0.0.0.0/0",
        "::/0",
        "10.0.0.0/8",
        "10.0.1.0/24",
        "10.0.2.0/25",
        "10.0.1.10/32",
        "2001:db8:1::/56",
        "2001:db8:1:1::/64",
        "2001:db8:1:2::/65",
        "2001:db8:1:1::10/128",
    ];
    let rule = any_protocol(random);
    let (block, egress) = (*BLOCKS.choose(random).expect("some"), random.random_bool(0.5));
    let name = group(vpc, ["app", "db", "open", "mixed"].choose(random).expect("some"));
    let list = if random.random_bool(0.5) { list(vpc) } else { list6(vpc) };
    match (random.random_range(0..12), egress) {
        (0..6, false) => rule.from(block),
        (0..6, true) => rule.to(block),
        (6..8, false) => rule.from_group(&name),
        (6..8, true) => rule.to_group(&name),
        (_, false) => rule.from_list(&list),
        (_, true) => rule.to_list(&list),
    }
}

fn any_protocol(random: &mut ChaCha8Rng) -> Rule {
    match random.random_range(0..12) {
        0..3 => all(),
        3 => tcp(0..=65535),
        4 => tcp(*[22_u16, 80, 443].choose(random).expect("some")),
        5 => tcp(random.random_range(0..100)..=random.random_range(100..50_000)),
        6 => udp(0..=65535),
        7 => udp(53..=443),
        8 => icmp(random.random_bool(0.5).then_some(8), None),
        9 => icmpv6(random.random_bool(0.5).then_some(128), None),
        10 => icmp_error(random),
        _ => protocol(random.random_range(140..240)),
    }
}

fn icmp_error(random: &mut ChaCha8Rng) -> Rule {
    if random.random_bool(0.5) {
        icmp(Some(3), Some(4))
    } else {
        icmpv6(Some(2), Some(0))
    }
}

/// Whether flows of a protocol may be untracked at an ENI if they begin in one direction, and not if in the other: one
/// direction is open to everybody on all ports, the other on some.
pub(super) fn is_lopsided(topology: &Topology, eni: &NetworkInterface, protocol: u8, is_ipv6: bool) -> bool {
    let groups = topology.resources.security_groups.iter();
    let mine = groups.filter(|group| eni.groups.contains(&group.group_id));
    let rules: Vec<_> = mine.flat_map(|group| &group.rules).collect();
    let is_open = |is_egress: bool, on_all_ports: bool| {
        rules.iter().any(|rule| {
            let everybody = matches!(rule.peer, Peer::Cidr(block)
                if block.prefix_len() == 0 && block.network().is_ipv6() == is_ipv6);
            let all = rule.ip_protocol.is_none() || rule.port_range == Some((0, 65535));
            let covers = rule.ip_protocol.is_none_or(|it| it == protocol);
            rule.is_egress == is_egress && everybody && covers && all == on_all_ports
        })
    };
    match (is_open(false, true), is_open(true, true)) {
        (true, false) => is_open(true, false),
        (false, true) => is_open(false, false),
        _ => false,
    }
}

/// Open more often than not, or nothing would ever be said.
pub(super) fn regroup(topology: &mut Topology, vpc: &str, eni: &str, random: &mut ChaCha8Rng) {
    let name = |name| group(vpc, name);
    match random.random_range(0..48) {
        40.. => topology.groups(eni, Groups::OPEN),
        0..10 => topology.groups(eni, Groups::OPEN),
        10..12 => topology.two_groups(eni, [Groups::INBOUND, Groups::OUTBOUND]),
        12..17 => topology.groups(eni, Groups::OUTBOUND),
        17..21 => topology.groups(eni, Groups::INBOUND),
        21 => topology.groups(eni, Groups::CLOSED),
        22..26 => topology.in_groups(eni, &[&name("app")]),
        26..30 => topology.in_groups(eni, &[&name("db")]),
        30..34 => topology.in_groups(eni, &[&name("plain")]),
        34..37 => topology.in_groups(eni, &[&name("mixed"), &name("outbound")]),
        37 => topology.in_groups(eni, &[&name("app"), &name("inbound")]),
        _ => topology.in_groups(eni, &[&name("mixed"), &name("app"), &name("db")]),
    };
}
