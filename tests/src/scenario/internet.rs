//! Semantics 32.5: internet gateways, egress-only ones, and what blocks public access; and what 32.1, 32.3 and 32.4 say
//! of them.

use super::nat_gateway::behind_nat;
use super::subnet::group;
use super::{
    INTERNET, Scene, Told, X, accepted, answer_dropped_leaving, code, dropped_arriving, dropped_leaving, only, ping,
    tcp, udp,
};
use crate::packet::Packet;
use crate::topology::{OUTSIDE, address, nacl_rule, net, tcp as tcp_to};
use groundplane::resources::{NetworkAclEntry, RuleAction};

const P1_PUBLIC: &str = "203.0.113.10";
const P2_PUBLIC: &str = "203.0.113.11";
const NAT_PUBLIC: &str = "203.0.113.200";

/// UDP between these addresses.
fn datagram(from: &str, to: &str) -> Packet {
    Packet::udp().ip_from(address(from), 4000).ip_to(address(to), 9)
}

pub fn s11_a_public_address_carries_no_membership(scene: &mut Scene) {
    scene.given(|t0| {
        group(t0, "app", vec![]);
        group(t0, "ssh", vec![tcp_to(22).from_group("app")]);
        t0.in_groups("p1", &["ssh"]).in_groups("p2", &["app"]);
    });
    scene
        .when(tcp("p2", "p1", 22).to(P1_PUBLIC))
        .then(dropped_arriving("p1", code::SG_RULES));
    scene.when(tcp("p2", "p1", 22)).then(accepted());
}

pub fn s34_a_nacl_sees_the_outside_source_and_the_private_destination(scene: &mut Scene) {
    let allow = |egress, ports, cidr: &str| NetworkAclEntry {
        protocol: Some(6),
        port_range: Some(ports),
        cidr_block: net(cidr),
        ..nacl_rule(100, egress, RuleAction::Allow)
    };
    for outside in ["0.0.0.0/0", "198.51.100.7/32"] {
        scene.given(|t0| {
            let entries = vec![allow(false, (80, 80), outside), allow(true, (1024, 65535), outside)];
            t0.nacl("APUB", entries);
        });
        scene.when(tcp(X, "p1", 80).to(P1_PUBLIC)).then(accepted());
    }
    scene.given(|t0| {
        t0.nacl("APUB", vec![allow(false, (80, 80), "10.0.10.0/24")]);
    });
    scene
        .when(tcp(X, "p1", 80).to(P1_PUBLIC))
        .then(dropped_arriving("p1", code::SUBNET_ACL));
}

pub fn s42_translation_comes_before_the_gateways_table(scene: &mut Scene) {
    scene.given(|t0| {
        t0.firewall()
            .public_address("fw", "203.0.113.20")
            .edge_table("edge", "igw-A")
            .edge_route("edge", "10.0.10.0/24", "fw")
            .route_via("APUB", "0.0.0.0/0", "fw")
            .route_out("A-FW", "0.0.0.0/0", "igw-A");
    });
    scene
        .when(tcp(X, "p1", 80).to(P1_PUBLIC))
        .then(accepted().through("fw"));
    scene.given(|t0| {
        t0.source_dest_check("fw", true);
    });
    scene
        .when(tcp(X, "p1", 80).to(P1_PUBLIC))
        .then(dropped_arriving("fw", code::SOURCE_DEST_CHECK));
}

pub fn s45_the_outside_sees_the_public_address_and_the_guests_port(scene: &mut Scene) {
    for flow in [tcp("p1", X, 443), udp("p1", X, 53), ping("p1", X)] {
        scene.when(flow).then(accepted().seen_as(P1_PUBLIC));
    }
}

pub fn s46_without_a_public_address_nothing_leaves(scene: &mut Scene) {
    scene
        .when(tcp("p3", X, 443))
        .then(dropped_leaving("p3", code::NO_PUBLIC_ADDRESS));
}

pub fn s47_the_request_needs_no_route_and_the_answer_does(scene: &mut Scene) {
    scene.given(|t0| {
        t0.public_address("a1", "203.0.113.20");
    });
    scene
        .when(tcp(X, "a1", 80).to("203.0.113.20"))
        .then(answer_dropped_leaving("a1", code::NO_ROUTE));
}

pub fn s48_an_internet_gateway_takes_no_private_destination(scene: &mut Scene) {
    scene
        .when(only("p1", X, datagram("10.0.10.10", "192.168.5.5")))
        .then(dropped_leaving("p1", code::PRIVATE_DESTINATION));
}

pub fn s49_a_neighbour_by_its_public_address_is_a_stranger(scene: &mut Scene) {
    scene.given(|t0| {
        group(t0, "inside", vec![tcp_to(80).from("10.0.0.0/16")]);
        t0.in_groups("p2", &["inside"]);
    });
    scene
        .when(tcp("p1", "p2", 80).to(P2_PUBLIC))
        .then(dropped_arriving("p2", code::SG_RULES));
    scene.when(tcp("p1", "p2", 80)).then(accepted());
    scene.given(|t0| group(t0, "inside", vec![tcp_to(80).from("203.0.113.10/32")]));
    scene
        .when(tcp("p1", "p2", 80).to(P2_PUBLIC))
        .then(accepted().seen_as(P1_PUBLIC));
}

pub fn s50_the_internet_takes_1500_bytes(scene: &mut Scene) {
    let large = || datagram("10.0.10.10", OUTSIDE[0]).payload(&[7; 2000 - 28]);
    // The verdict is about the whole packet.
    scene
        .when(only("p1", X, large()))
        .then(accepted().seen_as(P1_PUBLIC).in_fragments(2));
    scene
        .when(only("p1", X, large().dont_fragment()))
        .then(dropped_leaving("p1", code::TOO_LARGE).telling(Told::Mtu(1500)));
}

pub fn s51_blocked_public_access_leaves_the_nat_gateway_or_nothing(scene: &mut Scene) {
    let blocked = |scene: &mut Scene| {
        scene
            .when(tcp(X, "p1", 80).to(P1_PUBLIC))
            .then(dropped_arriving(INTERNET, code::PUBLIC_ACCESS_BLOCKED));
        scene
            .when(tcp("p1", X, 443))
            .then(dropped_leaving("p1", code::PUBLIC_ACCESS_BLOCKED));
    };
    scene.given(|t0| {
        behind_nat(t0);
        t0.block_public_access("block-ingress");
    });
    blocked(scene);
    scene.when(tcp("a1", X, 443)).then(accepted().seen_behind(NAT_PUBLIC));
    scene.given(|t0| {
        t0.block_public_access("block-bidirectional");
    });
    blocked(scene);
    scene
        .when(tcp("a1", X, 443))
        .then(dropped_leaving("nat-A", code::PUBLIC_ACCESS_BLOCKED));
    scene.given(|t0| {
        t0.exclude("APUB", "allow-bidirectional");
    });
    scene.when(tcp(X, "p1", 80).to(P1_PUBLIC)).then(accepted());
    scene.when(tcp("p1", X, 443)).then(accepted().seen_as(P1_PUBLIC));
}

pub fn s52_an_egress_only_gateway_lets_in_what_was_asked_for(scene: &mut Scene) {
    scene.given(|t0| {
        t0.egress_only("eigw-A").route_out("A1", "::/0", "eigw-A");
    });
    for flow in [tcp("a1", X, 443), udp("a1", X, 53), ping("a1", X)] {
        scene.when(flow.ipv6()).then(accepted());
    }
    scene
        .when(tcp(X, "a1", 80).ipv6())
        .then(dropped_arriving(INTERNET, code::EGRESS_ONLY));
    scene.given(|t0| {
        t0.route_out("A1", "::/0", "igw-A");
    });
    scene.when(tcp("a1", X, 443).ipv6()).then(accepted());
    scene.when(tcp(X, "a1", 80).ipv6()).then(accepted());
}

pub fn s54_nobody_outside_has_an_address_of_the_inside(scene: &mut Scene) {
    scene
        .when(only(X, "p1", datagram("10.0.1.10", P1_PUBLIC)))
        .then(dropped_arriving(INTERNET, code::PRIVATE_SOURCE));
    scene
        .when(only(X, "p1", datagram("2001:db8:a:1::10", "2001:db8:a:10::10")))
        .then(dropped_arriving(INTERNET, code::SPOOFED));
}
