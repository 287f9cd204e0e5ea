//! T0 with gateways of every kind, each used or not.

use groundplane::resources::RuleAction;
use groundplane_tests::topology::{Groups, S3, Topology, nacl_rule, net, open_nacl, tcp};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

/// Who may get other groups than open ones.
const GUESTS: [&str; 7] = ["a1", "a1x", "a2", "a3", "p1", "p2", "b1"];

pub(super) fn topology(random: &mut ChaCha8Rng) -> Topology {
    let mut topology = Topology::t0();
    connect(&mut topology, random);
    lead_out(&mut topology, random);
    lead_to_services(&mut topology, random);
    lead_across(&mut topology, random);
    if random.random_bool(0.3) {
        stand_before(&mut topology, random);
    }
    restrict(&mut topology, random);
    topology
}

/// The gateways, and what keeps them from leading anywhere.
fn connect(topology: &mut Topology, random: &mut ChaCha8Rng) {
    topology
        .egress_only("eigw-A")
        .elastic("203.0.113.99")
        .nat_address("nat-A", "10.0.10.201", Some("203.0.113.201"))
        .peering("pcx-AB", "VPC-A", "VPC-B")
        .peering("pcx-AC", "VPC-A", "VPC-C")
        .transit_gateway("tgw")
        .transit_gateway("two");
    let zones: &[&str] = if random.random_bool(0.6) {
        &["A1"]
    } else {
        &["A1", "A3"]
    };
    topology
        .attach("tgw", "att-A", zones)
        .attach("tgw", "att-B", &["B1"])
        .attach("two", "att-C", &["C1"])
        .join("join", "tgw", "two")
        .transit_route("tgw", "0.0.0.0/0", Some("att-A"))
        .transit_route("tgw", "10.2.0.0/16", Some("join"))
        .transit_route("two", "10.0.0.0/15", Some("join"))
        .transit_references("tgw", random.random_bool(0.5));
    match random.random_range(0..8) {
        0 | 7 => drop(topology.dissociate("att-A")),
        1 => drop(topology.no_propagation("tgw", "att-B").no_transit_routes("tgw")),
        2 | 3 => drop(topology.transit_route("tgw", "10.1.1.0/24", None)),
        _ => {}
    }
    if random.random_bool(0.5) {
        topology.region("VPC-C", "eu-west-1");
    }
    if random.random_bool(0.3) {
        topology.public_address("a2", "203.0.113.20");
    }
}

/// What leads to the outside.
fn lead_out(topology: &mut Topology, random: &mut ChaCha8Rng) {
    topology
        .route_out("A1", "0.0.0.0/0", "nat-A")
        .route_out("A1", "::/0", "eigw-A")
        .route_out("A2", "0.0.0.0/0", "igw-A")
        .route_out("A2", "::/0", "igw-A")
        .route_out("A3", "0.0.0.0/0", "nat-A")
        .route_out("A1", "64:ff9b::/96", "nat-A")
        .route_out("A2", "64:ff9b::/96", "nat-A")
        .route_out("APUB", "::/0", if random.random_bool(0.5) { "igw-A" } else { "eigw-A" });
    // By A's NAT gateway if it is the transit gateway; by nothing if it is the peering connection.
    let of_b = *["tgw", "tgw", "pcx-AB"].choose(random).expect("some");
    topology.route_out("B1", "0.0.0.0/0", of_b);
}

/// Gateway endpoints of two VPCs of one CIDR, in each of which a guest has the same address.
fn lead_to_services(topology: &mut Topology, random: &mut ChaCha8Rng) {
    topology.within("P1").eni("namesake", "10.0.1.10");
    topology.gateway_endpoint("vpce-P", S3, &["P1"]);
    if random.random_bool(0.8) {
        // A3's guests get there by the NAT gateway, and VPC-B's by the transit gateway.
        topology.gateway_endpoint("vpce-A", S3, &["A1", "A2", "APUB"]);
    }
    topology.within("APUB");
}

/// What leads to other VPCs. If VPC-A speaks to VPC-B by the NAT gateway, VPC-B has no way of its own to VPC-A: what
/// comes from there directly and is answered by the NAT gateway nobody promises anything about.
fn lead_across(topology: &mut Topology, random: &mut ChaCha8Rng) {
    let is_hidden = random.random_bool(0.5);
    for subnet in ["A1", "A2", "A3", "APUB"] {
        let to_b = *["pcx-AB", "tgw"].choose(random).expect("some");
        // A NAT gateway's own subnet doesn't lead back to it.
        let to_b = match subnet {
            "APUB" if is_hidden => "pcx-AB",
            _ if is_hidden => "nat-A",
            // Whose zone the attachment may have no subnet in.
            "A3" => "tgw",
            _ => to_b,
        };
        let to_c = *["pcx-AC", "tgw"].choose(random).expect("some");
        topology
            .route_out(subnet, "10.1.0.0/16", to_b)
            .route_out(subnet, "10.2.0.0/16", to_c);
    }
    if is_hidden {
        topology.only_local_route("B1");
    } else if random.random_bool(0.7) {
        let back = *["pcx-AB", "tgw"].choose(random).expect("some");
        topology.route_out("B1", "10.0.0.0/16", back);
    }
    let back = *["pcx-AC", "two"].choose(random).expect("some");
    topology
        .route_out("C1", "10.0.0.0/16", back)
        .route_out("C1", "10.1.0.0/16", "two")
        .route_out("B1", "10.2.0.0/16", "tgw");
}

/// A middlebox before APUB.
fn stand_before(topology: &mut Topology, random: &mut ChaCha8Rng) {
    topology
        .firewall()
        .edge_table("edge", "igw-A")
        .edge_route("edge", "10.0.10.0/24", "fw");
    topology.route_out("A-FW", "0.0.0.0/0", "igw-A");
    if random.random_bool(0.7) {
        topology.public_address("fw", "203.0.113.21");
    }
    if random.random_bool(0.5) {
        topology.route_via("APUB", "0.0.0.0/0", "fw");
    }
}

/// What doesn't let packets pass.
fn restrict(topology: &mut Topology, random: &mut ChaCha8Rng) {
    for guest in GUESTS {
        let groups = *[Groups::OPEN, Groups::OPEN, Groups::OUTBOUND, Groups::INBOUND]
            .choose(random)
            .expect("some");
        topology.groups(guest, groups);
    }
    if random.random_bool(0.3) {
        topology.within("A1").group("app", vec![tcp(0..=65535).to("0.0.0.0/0")]);
        topology.within("B1").group("web", vec![tcp(80).from_group("app")]);
        topology
            .within("A1")
            .in_groups("a1", &["app"])
            .in_groups("b1", &["web"]);
    }
    if random.random_bool(0.3) {
        topology
            .deny_all_igw_traffic("a2", true)
            .deny_all_igw_traffic("a1x", true);
    }
    if random.random_bool(0.2) {
        let mode = *["block-ingress", "block-bidirectional"].choose(random).expect("some");
        topology.block_public_access(mode);
        if random.random_bool(0.5) {
            let mode = *["allow-bidirectional", "allow-egress"].choose(random).expect("some");
            let whose = *["APUB", "VPC-A"].choose(random).expect("some");
            topology.exclude(whose, mode);
        }
    }
    if random.random_bool(0.3) {
        let subnet = *["APUB", "A1", "B1"].choose(random).expect("some");
        let source = *["198.51.100.0/24", "10.0.0.0/16", "10.1.0.0/16"]
            .choose(random)
            .expect("some");
        let deny = groundplane::resources::NetworkAclEntry {
            cidr_block: net(source),
            ..nacl_rule(50, random.random_bool(0.5), RuleAction::Deny)
        };
        topology.nacl(subnet, [open_nacl(), vec![deny]].concat());
    }
}
