//! Random topologies, and random changes to them.

use crate::topology::{Groups, Topology, nacl_rule, net, open_nacl};
use groundplane::resources::{NetworkAclEntry, RuleAction};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// Two VPCs with the same CIDR and mostly the same addresses: subnets `front` and `back`, and `middle` with a box that
/// can forward.
pub(super) fn topology(random: &mut ChaCha8Rng) -> Topology {
    let mut topology = Topology::new();
    for vpc in VPCS {
        topology.vpc(vpc, "10.0.0.0/16");
        topology.subnet(&format!("{vpc}-front"), FRONT);
        for host in 0..random.random_range(2..4) {
            topology.eni(&format!("{vpc}-web{host}"), &format!("10.0.1.{}", 10 + host));
        }
        topology.subnet(&format!("{vpc}-back"), BACK);
        for host in 0..random.random_range(1..3) {
            topology.eni(&format!("{vpc}-db{host}"), &format!("10.0.2.{}", 10 + host));
        }
        topology
            .subnet(&format!("{vpc}-middle"), "10.0.3.0/24")
            .eni(&format!("{vpc}-box"), "10.0.3.10");
        topology.source_dest_check(&format!("{vpc}-box"), false);
        topology.secondary_address(&format!("{vpc}-web0"), "10.0.1.200");
    }
    for eni in names(&topology) {
        if random.random_bool(0.3) {
            topology.tap(&eni);
        }
        regroup(&mut topology, &eni, random);
    }
    for _ in 0..random.random_range(0..3) {
        change(&mut topology, random);
    }
    topology
}

const VPCS: [&str; 2] = ["red", "blue"];
const FRONT: &str = "10.0.1.0/24";
const BACK: &str = "10.0.2.0/24";

/// What has changed, and in which VPC where that matters to its flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    Groups(&'static str),
    Routes(&'static str),
    Other,
}

/// Changes one thing in one VPC.
pub(super) fn change(topology: &mut Topology, random: &mut ChaCha8Rng) -> Changed {
    let vpc = *VPCS.choose(random).expect("two VPCs");
    match random.random_range(0..10) {
        0..4 => {
            let mut names = names(topology);
            names.retain(|name| name.starts_with(vpc));
            let eni = names.choose(random).expect("there are ENIs");
            regroup(topology, eni, random);
            return Changed::Groups(vpc);
        }
        4..7 => {
            let side = *["front", "back", "middle"].choose(random).expect("three subnets");
            topology.nacl(&format!("{vpc}-{side}"), nacl(random));
        }
        7..9 => {
            reroute(topology, vpc, random);
            return Changed::Routes(vpc);
        }
        _ => {
            let eni = format!("{vpc}-{}", ["web0", "box"].choose(random).expect("two"));
            let checked = topology.interface(&eni).source_dest_check;
            topology.source_dest_check(&eni, !checked);
        }
    }
    Changed::Other
}

/// Open more often than not, or nothing would ever be said.
fn regroup(topology: &mut Topology, eni: &str, random: &mut ChaCha8Rng) {
    match random.random_range(0..20) {
        0..8 => topology.groups(eni, Groups::OPEN),
        8..10 => topology.two_groups(eni, [Groups::INBOUND, Groups::OUTBOUND]),
        10..15 => topology.groups(eni, Groups::OUTBOUND),
        15..19 => topology.groups(eni, Groups::INBOUND),
        _ => topology.groups(eni, Groups::CLOSED),
    };
}

fn names(topology: &Topology) -> Vec<String> {
    topology
        .resources
        .network_interfaces
        .iter()
        .map(|eni| eni.name.clone())
        .collect()
}

/// Routes between the two sides: always the same in both directions, since AWS supports no asymmetric path through a
/// middlebox (semantics 5.4).
fn reroute(topology: &mut Topology, vpc: &str, random: &mut ChaCha8Rng) {
    let (front, back, middlebox) = (format!("{vpc}-front"), format!("{vpc}-back"), format!("{vpc}-box"));
    topology.only_local_route(&front).only_local_route(&back);
    match random.random_range(0..10) {
        0..5 => topology
            .route_via(&front, BACK, &middlebox)
            .route_via(&back, FRONT, &middlebox),
        5 => topology.blackhole(&front, BACK),
        6 => topology.no_route(&back),
        _ => topology,
    };
}

/// Open, or open but for some, or closed but for some.
fn nacl(random: &mut ChaCha8Rng) -> Vec<NetworkAclEntry> {
    let mut entries = open_nacl();
    if random.random_bool(0.25) {
        return entries;
    }
    if random.random_bool(0.2) {
        entries.clear();
    }
    for rule_number in [10, 20, 30, 200] {
        if random.random_bool(0.6) {
            entries.push(rule(rule_number, random));
        }
    }
    entries
}

fn rule(number: u16, random: &mut ChaCha8Rng) -> NetworkAclEntry {
    let action = if random.random_bool(0.5) {
        RuleAction::Allow
    } else {
        RuleAction::Deny
    };
    let cidr = *["0.0.0.0/0", "10.0.1.0/24", "10.0.2.0/24", "10.0.1.11/32", "10.0.0.0/8"]
        .choose(random)
        .expect("some");
    let mut entry = nacl_rule(number, random.random(), action);
    entry.cidr_block = net(cidr);
    match random.random_range(0..6) {
        0 => {}
        1 => {
            entry.protocol = Some(1);
            let code = random.random_bool(0.5).then_some(0);
            entry.icmp_type_code = Some(
                *[(None, None), (Some(8), code), (Some(0), code), (Some(3), None)]
                    .choose(random)
                    .expect("some"),
            );
        }
        2 => entry.protocol = Some(random.random_range(60..180)),
        kind => {
            entry.protocol = Some(if kind == 3 { 17 } else { 6 });
            entry.port_range = Some(
                *[(0, 65535), (22, 22), (80, 443), (1024, 65535), (32768, 32900)]
                    .choose(random)
                    .expect("some"),
            );
        }
    }
    entry
}
