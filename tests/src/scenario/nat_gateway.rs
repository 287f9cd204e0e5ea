//! Semantics 32.6: NAT gateways; and what 32.2 and 32.4 say of them.

use super::subnet::{default_egress, group};
use super::{
    Expected, Scene, Told, X, accepted, answer_dropped_arriving, answer_dropped_leaving, code, dropped_arriving,
    dropped_leaving, many, only, ping, protocol, tcp, udp,
};
use crate::packet::{Packet, flag};
use crate::topology::{OUTSIDE, Topology, address, nacl_rule, net, tcp as tcp_to};
use groundplane::resources::{Allowance, NetworkAclEntry, RuleAction};

const NAT: &str = "10.0.10.200";
const NAT_PUBLIC: &str = "203.0.113.200";
/// Mappings to one destination (semantics 10.4).
const MOST: u16 = 55_000;

/// The "Given" of 32.6.
pub(super) fn behind_nat(t0: &mut Topology) {
    t0.route_out("A1", "0.0.0.0/0", "nat-A");
}

/// And nothing new comes in to a1.
fn closed_behind_nat(t0: &mut Topology) {
    behind_nat(t0);
    group(t0, "closed", vec![]);
    t0.in_groups("a1", &["closed"]);
}

fn behind() -> Expected {
    accepted().seen_behind(NAT_PUBLIC)
}

/// A rule of APUB's NACL for TCP.
fn allow(rule_number: u16, egress: bool, ports: (u16, u16), cidr: &str) -> NetworkAclEntry {
    NetworkAclEntry {
        protocol: Some(6),
        port_range: Some(ports),
        cidr_block: net(cidr),
        ..nacl_rule(rule_number, egress, RuleAction::Allow)
    }
}

/// From a1 to the outside.
fn from_a1(packet: Packet, (from, to): (u16, u16)) -> Packet {
    packet.ip_from([10, 0, 1, 10], from).ip_to(address(OUTSIDE[0]), to)
}

fn to_nat(packet: Packet) -> Packet {
    packet
        .ip_from(address(OUTSIDE[0]), 443)
        .ip_to(address(NAT_PUBLIC), 2000)
}

pub fn s24_an_error_about_a_nat_gateways_flow_needs_no_rule(scene: &mut Scene) {
    scene.given(|t0| {
        behind_nat(t0);
        t0.group("client", vec![tcp_to(443).to("0.0.0.0/0")])
            .in_groups("a1", &["client"]);
    });
    let session = scene.flow(tcp("a1", X, 443));
    scene.when(session.clone()).then(behind());
    scene.when(session.server_objects()).then(accepted());
}

pub fn s39_a_deleted_nat_gateway_leaves_a_blackhole(scene: &mut Scene) {
    scene.given(|t0| {
        t0.route_out("A1", "0.0.0.0/0", "igw-A")
            .route_out("A1", "198.51.100.0/24", "nat-A")
            .public_address("a1", "203.0.113.20");
    });
    scene.when(tcp("a1", X, 443)).then(behind());
    scene.given(|t0| {
        t0.delete_nat_gateway("nat-A");
    });
    scene
        .when(tcp("a1", X, 443))
        .then(dropped_leaving("a1", code::BLACKHOLE));
}

pub fn s55_a_connection_goes_out_by_the_nat_gateway_and_its_answers_come_back(scene: &mut Scene) {
    scene.given(|t0| {
        closed_behind_nat(t0);
        let entries = vec![
            allow(100, false, (443, 443), "10.0.1.10/32"),
            allow(110, false, (1024, 65535), "198.51.100.7/32"),
            allow(100, true, (443, 443), "198.51.100.7/32"),
            allow(110, true, (1024, 65535), "10.0.1.10/32"),
        ];
        t0.nacl("APUB", entries);
    });
    let session = scene.flow(tcp("a1", X, 443));
    scene.when(session.clone()).then(behind());
    scene.when(session.server_speaks()).then(accepted());
    scene.when(session.client_speaks()).then(behind());
}

pub fn s56_an_idle_connection_is_reset_towards_the_inside_alone(scene: &mut Scene) {
    scene.given(closed_behind_nat);
    let (one, other) = (scene.flow(tcp("a1", X, 443)), scene.flow(tcp("a1", X, 443)));
    scene.when(one.clone()).then(behind());
    scene.when(other.clone()).then(behind());
    scene.wait(351);
    scene
        .when(one.client_speaks())
        .then(dropped_arriving("nat-A", code::NAT_IDLE).telling(Told::Reset));
    scene
        .when(other.server_speaks())
        .then(dropped_arriving("nat-A", code::NAT_NO_MAPPING));
}

pub fn s57_nothing_unsolicited_comes_in_by_a_nat_gateway(scene: &mut Scene) {
    scene.given(behind_nat);
    for packet in [Packet::tcp().flags(flag::SYN), Packet::udp(), Packet::ping(9)] {
        scene
            .when(only(X, "a1", to_nat(packet)))
            .then(dropped_arriving("nat-A", code::NAT_NO_MAPPING));
    }
}

pub fn s58_one_destination_has_55000_mappings(scene: &mut Scene) {
    scene.given(|t0| {
        behind_nat(t0);
        let plenty = Allowance {
            connections: u32::from(u16::MAX),
            first_packets: u32::from(u16::MAX),
            first_packets_burst: u32::from(u16::MAX),
        };
        t0.allowance("a1", plenty);
    });
    let syn = |from, to| from_a1(Packet::tcp().flags(flag::SYN), (from, to));
    let all = (0..MOST).map(|number| syn(1024 + number, 443)).collect();
    scene.when(many("a1", X, all)).then(behind());
    scene
        .when(only("a1", X, syn(60_000, 443)))
        .then(dropped_arriving("nat-A", code::NAT_PORTS));
    scene.when(only("a1", X, syn(60_000, 444))).then(behind());
}

pub fn s59_the_nat_gateways_nacl_sees_the_answer_as_well(scene: &mut Scene) {
    let request = || {
        vec![
            allow(100, false, (443, 443), "10.0.0.0/16"),
            allow(100, true, (443, 443), "0.0.0.0/0"),
        ]
    };
    scene.given(|t0| {
        behind_nat(t0);
        t0.nacl("APUB", request());
    });
    scene
        .when(tcp("a1", X, 443))
        .then(answer_dropped_arriving("nat-A", code::SUBNET_ACL).by_rule(32767));
    scene.given(|t0| {
        let answer = [
            allow(110, false, (1024, 65535), "0.0.0.0/0"),
            allow(110, true, (1024, 65535), "10.0.0.0/16"),
        ];
        t0.nacl("APUB", [request(), answer.to_vec()].concat());
    });
    scene.when(tcp("a1", X, 443)).then(behind());
}

pub fn s60_a_private_nat_gateway_has_no_way_out(scene: &mut Scene) {
    scene.given(|t0| {
        behind_nat(t0);
        t0.nat_is_private("nat-A");
    });
    scene
        .when(tcp("a1", X, 443))
        .then(dropped_leaving("nat-A", code::NO_PUBLIC_ADDRESS));
}

pub fn s61_a_peer_does_not_leave_by_our_gateways(scene: &mut Scene) {
    scene.given(|t0| {
        behind_nat(t0);
        t0.peering("pcx-AB", "VPC-A", "VPC-B")
            .route_out("B1", "0.0.0.0/0", "pcx-AB")
            .route_out("A1", "10.1.0.0/16", "pcx-AB")
            .route_out("APUB", "10.1.0.0/16", "pcx-AB");
    });
    scene
        .when(tcp("b1", X, 443))
        .then(dropped_leaving("b1", code::NOT_THE_PEERS));
}

pub fn s62_answers_to_a_nat_gateway_return_over_the_peering(scene: &mut Scene) {
    scene.given(|t0| {
        t0.peering("pcx-AB", "VPC-A", "VPC-B")
            .route_out("A1", "10.1.0.0/16", "nat-A")
            .route_out("APUB", "10.1.0.0/16", "pcx-AB");
    });
    for flow in [tcp("a1", "b1", 80), udp("a1", "b1", 53), ping("a1", "b1")] {
        scene.when(flow).then(accepted().seen_behind(NAT));
    }
    scene
        .when(tcp("p3", "b1", 80))
        .then(answer_dropped_leaving("b1", code::NO_ROUTE));
}

pub fn s63_a_nat_gateway_carries_udp_in_fragments_and_pings_and_no_gre(scene: &mut Scene) {
    scene.given(|t0| {
        closed_behind_nat(t0);
        t0.group("closed", default_egress());
    });
    let first = |packet: Packet| from_a1(packet.payload(&[7; 64]), (4000, 53)).fragment(5, 0, true);
    scene.when(only("a1", X, first(Packet::udp()))).then(behind());
    let last = from_a1(Packet::udp().payload(&[8; 16]), (0, 0)).fragment(5, 9, false);
    scene.when(only("a1", X, last)).then(behind());
    for packet in [Packet::tcp(), Packet::ping(9)] {
        scene
            .when(only("a1", X, first(packet)))
            .then(dropped_arriving("nat-A", code::NAT_FRAGMENT));
    }
    scene
        .when(protocol(47, "a1", X))
        .then(dropped_arriving("nat-A", code::NAT_PROTOCOL));
    scene.when(ping("a1", X)).then(behind());
}

pub fn s64_a_spoke_leaves_by_the_nat_gateway_of_another_vpc(scene: &mut Scene) {
    scene.given(|t0| {
        behind_nat(t0);
        t0.transit_gateway("tgw")
            .attach("tgw", "att-A", &["A1"])
            .attach("tgw", "att-B", &["B1"])
            .transit_route("tgw", "0.0.0.0/0", Some("att-A"))
            .route_out("B1", "0.0.0.0/0", "tgw")
            .route_out("APUB", "10.1.0.0/16", "tgw");
    });
    for flow in [tcp("b1", X, 443), udp("b1", X, 53), ping("b1", X)] {
        scene.when(flow).then(behind());
    }
}

pub fn s65_a_guest_reaches_ipv4_from_ipv6_by_a_nat_gateway(scene: &mut Scene) {
    scene.given(|t0| {
        t0.route_out("A1", "64:ff9b::/96", "nat-A");
    });
    // The outside's address as IPv6 has it.
    for flow in [tcp("a1", X, 443), udp("a1", X, 53)] {
        let flow = flow.ipv6().to("64:ff9b::198.51.100.7");
        scene.when(flow).then(behind());
    }
}
