//! Where appliances stand, whose packets are led to them, and what changes about that.

use super::appliance::APPLIANCES;
use groundplane::resources::{NetworkAclEntry, RuleAction};
use groundplane_tests::topology::{Groups, Rule, Topology, all, nacl_rule, net, open_nacl, udp};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

const GROUP: &str = "firewalls";
const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";
const FAILOVER: [&str; 2] = ["target_failover.on_unhealthy", "target_failover.on_deregistration"];
/// From where to where the way leads by which endpoint, in IPv4 and in IPv6.
const INSPECTED: [(&str, &str, &str, &str); 4] = [
    ("A1", "10.0.3.0/24", "2001:db8:a:3::/64", "g"),
    ("A3", "10.0.1.0/24", "2001:db8:a:1::/64", "g"),
    ("A2", "10.0.3.0/24", "2001:db8:a:3::/64", "h"),
    ("A3", "10.0.2.0/24", "2001:db8:a:2::/64", "h"),
];

/// T0 with appliances in two zones of a VPC with VPC-A's addresses, through which goes what VPC-A has to do with the
/// internet, and what some of its subnets have to do with each other.
pub(super) fn topology(random: &mut ChaCha8Rng) -> Topology {
    let mut topology = Topology::t0();
    topology.vpc("VPC-G", "10.0.0.0/16");
    topology
        .subnet("G1", "10.0.1.0/24")
        .zone("G1", "az1")
        .eni("fw-1", "10.0.1.81")
        .eni("fw-2", "10.0.1.82")
        .subnet("G3", "10.0.3.0/24")
        .zone("G3", "az2")
        .eni("fw-3", "10.0.3.81")
        .subnet("G4", "10.0.4.0/24")
        .zone("G4", "az2")
        .eni("fw-4", "10.0.4.81")
        .gateway_balancer("gwlb", &[("G1", "10.0.1.80"), ("G3", "10.0.3.80")])
        .appliances("gwlb", GROUP, &APPLIANCES)
        .endpoint_service("svc-G", &["gwlb"]);
    lead(&mut topology);
    adjust(&mut topology, random);
    restrict(&mut topology, random);
    topology
}

fn lead(topology: &mut Topology) {
    topology
        .within("APUB")
        .subnet("A-GW", "10.0.30.0/24")
        .subnet6("2001:db8:a:30::/64")
        .zone("A-GW", "az1")
        .inspection("g", "svc-G", "A-GW", "10.0.30.4")
        .route_out("A-GW", "0.0.0.0/0", "igw-A")
        .route_out("A-GW", "::/0", "igw-A")
        .subnet("A-GW3", "10.0.31.0/24")
        .subnet6("2001:db8:a:31::/64")
        .zone("A-GW3", "az2")
        .inspection("h", "svc-G", "A-GW3", "10.0.31.4")
        .edge_table("edge", "igw-A")
        .edge_inspected("edge", "10.0.10.0/24", "g")
        .edge_inspected("edge", "2001:db8:a:10::/64", "g")
        .route_inspected("APUB", "0.0.0.0/0", "g")
        .route_inspected("APUB", "::/0", "g")
        .within("APUB");
    for (subnet, ipv4, ipv6, endpoint) in INSPECTED {
        topology
            .route_inspected(subnet, ipv4, endpoint)
            .route_inspected(subnet, ipv6, endpoint);
    }
}

/// What the group of appliances is told.
fn adjust(topology: &mut Topology, random: &mut ChaCha8Rng) {
    let mut is = |often: f64| random.random_bool(often);
    let (crosses, rebalances, sticky) = (is(0.5), is(0.5), is(0.4));
    let kind = if is(0.5) {
        "source_ip_dest_ip"
    } else {
        "source_ip_dest_ip_proto"
    };
    let word = |is: bool| if is { "true" } else { "false" };
    topology
        .group_attribute(GROUP, CROSS_ZONE, word(crosses))
        .group_attribute(GROUP, "stickiness.enabled", word(sticky))
        .group_attribute(GROUP, "stickiness.type", kind);
    for key in FAILOVER {
        topology.group_attribute(GROUP, key, if rebalances { "rebalance" } else { "no_rebalance" });
    }
}

/// What doesn't let packets pass.
fn restrict(topology: &mut Topology, random: &mut ChaCha8Rng) {
    topology.within("G1").group("firewall", firewall(random)).within("APUB");
    for appliance in APPLIANCES {
        if random.random_bool(0.5) {
            topology.in_groups(appliance, &["firewall"]);
        }
    }
    for guest in ["a1", "a3", "p1", "p2"] {
        if random.random_bool(0.5) {
            topology.groups(guest, Groups::OUTBOUND);
        }
    }
    if random.random_bool(0.3) {
        let (subnet, block, egress) = *[
            ("A-GW", "10.0.1.0/24", false),
            ("A-GW", "10.0.10.0/24", true),
            ("A-GW3", "10.0.2.0/24", false),
            ("G3", "10.0.4.0/24", true),
            ("G4", "10.0.3.0/24", false),
            ("A1", "10.0.3.0/24", true),
        ]
        .choose(random)
        .expect("some");
        let deny = NetworkAclEntry {
            cidr_block: net(block),
            ..nacl_rule(50, egress, RuleAction::Deny)
        };
        topology.nacl(subnet, [open_nacl(), vec![deny]].concat());
    }
}

/// What the groups of some appliances let in and out.
fn firewall(random: &mut ChaCha8Rng) -> Vec<Rule> {
    let geneve = || udp(6081..=6081);
    match random.random_range(0..6) {
        0 => vec![geneve().from("10.0.1.80/32"), all().to("0.0.0.0/0")],
        1 => vec![all().from("0.0.0.0/0"), geneve().to("10.0.3.80/32")],
        2 => vec![all().from("0.0.0.0/0"), udp(53..=53).to("0.0.0.0/0")],
        _ => vec![geneve().from("10.0.0.0/16"), geneve().to("10.0.0.0/16")],
    }
}

/// Changes one thing, and says which.
pub(super) fn change(topology: &mut Topology, random: &mut ChaCha8Rng) -> String {
    let appliance = *APPLIANCES.choose(random).expect("some");
    match random.random_range(0..12) {
        0..5 => {
            let states = ["healthy", "healthy", "initial", "draining", "unused", "unhealthy"];
            let state = *states.choose(random).expect("some");
            topology.target_health(GROUP, appliance, state);
            format!("{appliance} is {state}")
        }
        5 => {
            topology.deregister(GROUP, appliance);
            format!("{appliance} is gone")
        }
        6 | 7 => {
            topology.deregister(GROUP, appliance).target(GROUP, appliance);
            format!("{appliance} is there")
        }
        8 => {
            let state = *["available", "available", "rejected"].choose(random).expect("some");
            let endpoint = *["g", "h"].choose(random).expect("some");
            topology.endpoint_state(endpoint, state);
            format!("{endpoint} is {state}")
        }
        9 => {
            topology.within("G1").group("firewall", firewall(random)).within("APUB");
            "the appliances' groups have other rules".to_owned()
        }
        _ => {
            adjust(topology, random);
            let group = topology.resources.target_groups.last().map(|group| &group.attributes);
            format!("{group:?}")
        }
    }
}
