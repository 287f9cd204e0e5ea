//! Random topologies, and random changes to them.

use super::nacl::nacl;
use super::rules::{self, regroup};
use crate::topology::Topology;
use groundplane::resources::{ConnectionTracking, InterfaceType, RouteTarget};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

const VPCS: [&str; 2] = ["red", "blue"];
const FRONT: [&str; 2] = ["10.0.1.0/24", "2001:db8:1:1::/64"];
const BACK: [&str; 2] = ["10.0.2.0/24", "2001:db8:1:2::/64"];
const MIDDLE: [&str; 2] = ["10.0.3.0/24", "2001:db8:1:3::/64"];
const OUTSIDE: [&str; 2] = ["203.0.113.0/24", "2001:db8:ffff::/48"];
const SIDES: [&str; 4] = ["front", "back", "middle", "annex"];

/// Two VPCs with the same blocks and mostly the same addresses: subnets `front` and `back`, `middle` with a box that
/// can forward, and `annex` in a secondary block and without IPv6.
pub(super) fn topology(random: &mut ChaCha8Rng) -> Topology {
    let mut topology = Topology::new();
    for vpc in VPCS {
        build(&mut topology, vpc, random);
    }
    for eni in names(&topology) {
        if random.random_bool(0.3) {
            topology.tap(&eni);
        }
        if random.random_bool(0.25) {
            topology.interface_type(&eni, InterfaceType::Lambda);
        }
        regroup(&mut topology, vpc_of(&eni), &eni, random);
    }
    for vpc in VPCS {
        furnish(&mut topology, vpc, random);
    }
    if random.random_bool(0.3) {
        members_only(&mut topology);
    }
    for _ in 0..random.random_range(0..3) {
        change(&mut topology, random);
    }
    topology
}

/// One VPC with its subnets and ENIs.
fn build(topology: &mut Topology, vpc: &str, random: &mut ChaCha8Rng) {
    let name = |rest: &str| format!("{vpc}-{rest}");
    topology
        .vpc(vpc, "10.0.0.0/16")
        .block("10.7.0.0/16")
        .block("2001:db8:1::/56");
    rules::make_groups(topology, vpc, random);
    side(topology, &name("front"), FRONT, &name("web"), random.random_range(2..4));
    side(topology, &name("back"), BACK, &name("db"), random.random_range(1..3));
    side(topology, &name("middle"), MIDDLE, &name("box"), 1);
    topology.source_dest_check(&name("box0"), false);
    let (old, web, db) = (name("old0"), name("web0"), name("db0"));
    topology.subnet(&name("annex"), "10.7.4.0/24").eni(&old, "10.7.4.10");
    if random.random_bool(0.3) {
        // Of no use in a subnet without a block, but nobody forbids it.
        topology.secondary_address(&old, "2001:db8:1:4::10");
    }
    topology
        .secondary_address(&web, "10.0.1.200")
        .secondary_address(&web, "2001:db8:1:1::200")
        .prefix(&web, "10.0.1.64/28")
        .prefix(&web, "2001:db8:1:1:64::/80")
        .prefix(&db, "10.0.2.64/28")
        .prefix(&db, "2001:db8:1:2:64::/80");
}

/// Timeouts, NACLs and routes of a VPC.
fn furnish(topology: &mut Topology, vpc: &str, random: &mut ChaCha8Rng) {
    remember(topology, vpc, random);
    for side in SIDES {
        if random.random_bool(0.5) {
            topology.nacl(&format!("{vpc}-{side}"), nacl(random));
        }
    }
    for (side, family) in [("front", 0), ("front", 1), ("back", 0), ("back", 1)] {
        lead_outside(topology, vpc, &format!("{vpc}-{side}"), family, random);
    }
}

/// A subnet and its ENIs.
fn side(topology: &mut Topology, subnet: &str, [ipv4, ipv6]: [&str; 2], eni: &str, hosts: u32) {
    topology.subnet(subnet, ipv4).subnet6(ipv6);
    let (ipv4, ipv6) = (ipv4.trim_end_matches("0/24"), ipv6.trim_end_matches("/64"));
    for host in 0..hosts {
        let name = format!("{eni}{host}");
        topology.eni6(&name, &format!("{ipv4}{}", 10 + host), &format!("{ipv6}{}", 10 + host));
    }
}

/// Everybody in `front` may talk to everybody in `back` because of who he is, and a middlebox is in the way.
fn members_only(topology: &mut Topology) {
    for vpc in VPCS {
        for eni in names(topology) {
            if eni.starts_with(&format!("{vpc}-web")) {
                topology.in_groups(&eni, &[&rules::group(vpc, "app")]);
            } else if eni.starts_with(&format!("{vpc}-db")) {
                topology.in_groups(&eni, &[&rules::group(vpc, "db")]);
            } else if eni.starts_with(&format!("{vpc}-box")) {
                topology.in_groups(&eni, &[&rules::group(vpc, "open")]);
            }
        }
        for family in 0..2 {
            through_the_box(topology, vpc, family);
        }
    }
}

/// All ENIs of a VPC remember equally long, or each as it will.
fn remember(topology: &mut Topology, vpc: &str, random: &mut ChaCha8Rng) {
    let common = tracking(random);
    let is_even = random.random_bool(0.6);
    for eni in names(topology).iter().filter(|name| name.starts_with(vpc)) {
        topology.tracking(eni, if is_even { common } else { tracking(random) });
    }
}

/// As an ENI may be configured; often not at all.
fn tracking(random: &mut ChaCha8Rng) -> ConnectionTracking {
    if random.random_bool(0.4) {
        return ConnectionTracking::default();
    }
    ConnectionTracking {
        tcp_established_timeout: *[60, 350, 86_400].choose(random).expect("some"),
        udp_stream_timeout: *[60, 90, 180].choose(random).expect("some"),
        udp_timeout: *[30, 45, 60].choose(random).expect("some"),
    }
}

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
    match random.random_range(0..14) {
        0..4 => {
            let mut names = names(topology);
            names.retain(|name| name.starts_with(vpc));
            let eni = names.choose(random).expect("there are ENIs");
            regroup(topology, vpc, eni, random);
            return Changed::Groups(vpc);
        }
        4..6 => {
            let name = *["app", "db", "mixed", "mixed"].choose(random).expect("some");
            rules::rewrite(topology, vpc, name, random);
            return Changed::Groups(vpc);
        }
        6 => {
            relist(topology, vpc, random);
            // Rules name the lists, and so do routes.
            return Changed::Routes(vpc);
        }
        7..10 => {
            let side = *SIDES.choose(random).expect("some");
            topology.nacl(&format!("{vpc}-{side}"), nacl(random));
        }
        10..13 => {
            reroute(topology, vpc, random);
            return Changed::Routes(vpc);
        }
        _ => {
            let eni = format!("{vpc}-{}", ["web0", "box0"].choose(random).expect("two"));
            let checked = topology.interface(&eni).source_dest_check;
            topology.source_dest_check(&eni, !checked);
        }
    }
    Changed::Other
}

fn vpc_of(eni: &str) -> &'static str {
    VPCS[usize::from(eni.starts_with(VPCS[1]))]
}

fn names(topology: &Topology) -> Vec<String> {
    let enis = topology.resources.network_interfaces.iter();
    enis.map(|eni| eni.name.clone()).collect()
}

/// Other entries of the VPC's prefix lists. Those that routes go by are whole subnets, or outside.
fn relist(topology: &mut Topology, vpc: &str, random: &mut ChaCha8Rng) {
    let family = random.random_range(0..2);
    let name = [rules::list(vpc), rules::list6(vpc)];
    let choices = [
        vec![FRONT[family]],
        vec![FRONT[family], OUTSIDE[family]],
        vec![OUTSIDE[family]],
        Vec::new(),
    ];
    topology.prefix_list(&name[family], choices.choose(random).expect("some"));
}

/// Routes between the two sides: always the same in both directions, since AWS supports no asymmetric path through a
/// middlebox (semantics 5.4).
fn reroute(topology: &mut Topology, vpc: &str, random: &mut ChaCha8Rng) {
    let (front, back, middlebox) = (format!("{vpc}-front"), format!("{vpc}-back"), format!("{vpc}-box0"));
    topology.only_local_route(&front).only_local_route(&back);
    let family = random.random_range(0..2);
    match random.random_range(0..12) {
        0..5 => {
            through_the_box(topology, vpc, family);
            if random.random_bool(0.5) {
                through_the_box(topology, vpc, 1 - family);
            }
        }
        5 => {
            topology.blackhole(&front, BACK[family]);
        }
        6 => {
            topology.no_route(&back);
        }
        7 => {
            // Loses to the local route, though it is longer.
            topology.propagate_via(&front, BACK[family], &middlebox);
        }
        _ => {}
    }
    if random.random_bool(0.7) {
        lead_outside(topology, vpc, &front, family, random);
    }
}

fn through_the_box(topology: &mut Topology, vpc: &str, family: usize) {
    let (front, back, middlebox) = (format!("{vpc}-front"), format!("{vpc}-back"), format!("{vpc}-box0"));
    topology
        .route_via(&front, BACK[family], &middlebox)
        .route_via(&back, FRONT[family], &middlebox);
}

/// Routes out of the VPC that compete with each other (semantics 5.2).
fn lead_outside(topology: &mut Topology, vpc: &str, subnet: &str, family: usize, random: &mut ChaCha8Rng) {
    let anywhere = ["0.0.0.0/0", "::/0"][family];
    let list = [rules::list(vpc), rules::list6(vpc)];
    let middlebox = format!("{vpc}-box0");
    if random.random_bool(0.5) {
        topology.route_to(subnet, anywhere, RouteTarget::LocalGateway("lgw-1".to_owned()));
    }
    if random.random_bool(0.5) {
        topology.propagate_via(subnet, OUTSIDE[family], &middlebox);
    }
    if random.random_bool(0.4) {
        topology.blackhole(subnet, OUTSIDE[family]);
    }
    if random.random_bool(0.5) {
        let target = RouteTarget::CarrierGateway("cagw-1".to_owned());
        topology.route_to(subnet, &list[family], target);
    }
}
