//! Where load balancers stand, and what changes about them.

use groundplane::resources::{NetworkAclEntry, RuleAction};
use groundplane_tests::topology::{Groups, Rule, Topology, all, nacl_rule, net, open_nacl, tcp, udp};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

/// The groups of targets, and who is in them.
const TARGETS: [(&str, &[&str]); 6] = [
    ("web", &["a2", "a3", "a1x"]),
    ("plain", &["a2", "a3"]),
    ("dns", &["a2", "a3"]),
    ("both", &["a2", "a1x"]),
    ("targets-P", &["t1", "t3"]),
    ("dns-P", &["t1", "t3"]),
];
/// The ports of VPC-A's load balancer.
const LISTENERS: [(&str, u16, &str); 4] = [
    ("TCP", 80, "web"),
    ("TCP", 81, "plain"),
    ("UDP", 53, "dns"),
    ("TCP_UDP", 90, "both"),
];
const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";
const STICKY: &str = "stickiness.enabled";
const PRESERVE: &str = "preserve_client_ip.enabled";
const TERMINATE: &str = "target_health_state.unhealthy.connection_termination.enabled";

/// T0 with a load balancer in VPC-A as well, which a service has that VPC-B has an endpoint of, and T0's own endpoint.
pub(super) fn topology(random: &mut ChaCha8Rng) -> Topology {
    let mut topology = Topology::t0();
    topology
        .load_balancer("nlb-A", &[("A1", "10.0.1.51"), ("A3", "10.0.3.51")])
        .target_group("web", "instance", "TCP", 8080)
        .target_group("plain", "ip", "TCP", 8080)
        .target_group("dns", "ip", "UDP", 5353)
        .target_group("both", "ip", "TCP_UDP", 9000);
    topology.within("P1").target_group("dns-P", "ip", "UDP", 5353);
    for (group, targets) in TARGETS.iter().filter(|(group, _)| *group != "targets-P") {
        for target in *targets {
            topology.target(group, target);
        }
    }
    for (protocol, port, group) in LISTENERS {
        topology.listener("nlb-A", protocol, port, group);
    }
    topology.listener("nlb-P", "UDP", 53, "dns-P");
    six(&mut topology);
    named_groups(&mut topology);
    topology
        .endpoint_service("svc-A", &["nlb-A"])
        .endpoint("vpce-B", "svc-A", &[("B1", "10.1.1.70")])
        .within("APUB");
    topology
        .peering("pcx-AB", "VPC-A", "VPC-B")
        .route_out("B1", "10.0.0.0/16", "pcx-AB");
    for subnet in ["A1", "A2", "A3", "APUB"] {
        topology.route_out(subnet, "10.1.0.0/16", "pcx-AB");
    }
    if random.random_bool(0.2) {
        // Where T0's service isn't.
        topology.zone("A3", "az3");
    }
    adjust(&mut topology, "six", random);
    for (group, _) in TARGETS {
        adjust(&mut topology, group, random);
    }
    restrict(&mut topology, random);
    topology
}

/// What VPC-A's load balancer does in IPv6: port 96 goes to the targets' own addresses of that.
fn six(topology: &mut Topology) {
    topology
        .balancer6("nlb-A", "A1", "2001:db8:a:1::51")
        .balancer6("nlb-A", "A3", "2001:db8:a:3::51")
        .target_group("six", "ip", "TCP", 9006)
        .listener("nlb-A", "TCP", 96, "six");
    for target in ["a1x", "a2", "a3"] {
        topology.target6("six", target);
    }
}

/// Groups that are changed, but for their rules everywhere the same: of load balancers, endpoints and targets.
fn named_groups(topology: &mut Topology) {
    for (vpc, subnet) in [("A", "A1"), ("P", "P1"), ("B", "B1")] {
        topology.within(subnet);
        for kind in ["balancer", "door", "target"] {
            topology.group(&format!("{kind}-{vpc}"), everything());
        }
    }
}

fn everything() -> Vec<Rule> {
    let of_ipv6 = [all().from("::/0"), all().to("::/0")];
    [vec![all().from("0.0.0.0/0"), all().to("0.0.0.0/0")], of_ipv6.to_vec()].concat()
}

/// What a target group is told.
fn adjust(topology: &mut Topology, group: &str, random: &mut ChaCha8Rng) {
    let mut set = |key: &str, often: f64| {
        let value = if random.random_bool(often) { "true" } else { "false" };
        topology.group_attribute(group, key, value);
    };
    set(CROSS_ZONE, 0.5);
    set(STICKY, 0.3);
    set(TERMINATE, 0.7);
    if matches!(group, "web" | "plain" | "six") {
        set(PRESERVE, 0.5);
    }
}

/// What doesn't let packets pass.
fn restrict(topology: &mut Topology, random: &mut ChaCha8Rng) {
    for (balancer, vpc) in [("nlb-A", "A"), ("nlb-P", "P")] {
        if random.random_bool(0.5) {
            topology
                .balancer_groups(balancer, &[&format!("balancer-{vpc}")])
                .enforced(balancer, random.random_bool(0.7));
        }
    }
    topology
        .endpoint_groups("vpce-1", &["door-A"])
        .endpoint_groups("vpce-B", &["door-B"]);
    for (guest, vpc) in [("a1x", "A"), ("a2", "A"), ("a3", "A"), ("t1", "P"), ("t3", "P")] {
        if random.random_bool(0.6) {
            topology.in_groups(guest, &[&format!("target-{vpc}")]);
        }
    }
    for guest in ["a1", "p1", "p2", "b1"] {
        if random.random_bool(0.5) {
            topology.groups(guest, Groups::OUTBOUND);
        }
    }
    for _ in 0..random.random_range(0..4) {
        let kind = *["balancer", "door", "target"].choose(random).expect("some");
        regroup(topology, kind, random);
    }
    if random.random_bool(0.2) {
        // None that answers of endpoints meet: of those too large for an endpoint nobody says which is told first.
        let (subnet, source, egress) = *[
            ("A1", "10.0.10.0/24", false),
            ("A3", "10.0.10.0/24", false),
            ("P1", "10.0.3.0/24", false),
            ("P1", "10.0.3.0/24", true),
            ("P3", "10.0.1.0/24", false),
        ]
        .choose(random)
        .expect("some");
        let deny = NetworkAclEntry {
            cidr_block: net(source),
            ..nacl_rule(50, egress, RuleAction::Deny)
        };
        topology.nacl(subnet, [open_nacl(), vec![deny]].concat());
    }
}

/// Other rules of a group.
fn regroup(topology: &mut Topology, kind: &str, random: &mut ChaCha8Rng) {
    let (vpc, subnet) = *[("A", "A1"), ("P", "P1"), ("B", "B1")].choose(random).expect("some");
    topology.within(subnet);
    let rules = match random.random_range(0..6) {
        0 => vec![all().from("10.0.1.0/24"), all().to("0.0.0.0/0")],
        1 => vec![all().from("0.0.0.0/0"), all().to("10.0.3.0/24")],
        2 => vec![all().from_group(&format!("balancer-{vpc}")), all().to("0.0.0.0/0")],
        3 => vec![tcp(0..=65535).from("0.0.0.0/0"), udp(0..=65535).to("0.0.0.0/0")],
        _ => everything(),
    };
    topology.group(&format!("{kind}-{vpc}"), rules).within("APUB");
}

/// Changes one thing.
pub(super) fn change(topology: &mut Topology, random: &mut ChaCha8Rng) {
    let (group, targets) = *TARGETS.choose(random).expect("some");
    let target = *targets.choose(random).expect("some");
    match random.random_range(0..12) {
        0..4 => {
            let states = ["healthy", "healthy", "initial", "draining", "unused", "unhealthy"];
            let state = *states.choose(random).expect("some");
            topology.target_health(group, target, state);
        }
        4 => drop(topology.deregister(group, target)),
        5 | 6 => drop(topology.deregister(group, target).target(group, target)),
        7 => {
            let (protocol, port, group) = *LISTENERS.choose(random).expect("some");
            topology.no_listener("nlb-A", port);
            if random.random_bool(0.7) {
                topology.listener("nlb-A", protocol, port, group);
            }
        }
        8 => {
            let state = *["available", "available", "rejected"].choose(random).expect("some");
            let endpoint = *["vpce-1", "vpce-B"].choose(random).expect("some");
            topology.endpoint_state(endpoint, state);
        }
        9 | 10 => {
            let kind = *["balancer", "door", "target"].choose(random).expect("some");
            regroup(topology, kind, random);
        }
        _ => adjust(topology, group, random),
    }
}
