//! Semantics 6.3: a rule that refers to a group admits the ENIs that are members of it, as long as the packet comes
//! from them itself.

use super::{VERSIONS, World};
use groundplane_abi::{Device, DropReason};
use groundplane_tests::packet::Packet;
use groundplane_tests::topology::{Topology, tcp};

/// `db` is asked by members of `friends` alone, of whom `web` is one.
fn friends(topology: &mut Topology) {
    topology
        .within("back")
        .group(
            "friends",
            vec![tcp(1).to("0.0.0.0/0"), tcp(80).to("0.0.0.0/0"), tcp(80).to("::/0")],
        )
        .group("for friends", vec![tcp(80).from_group("friends")])
        .in_groups("db", &["for friends"])
        .in_groups("web", &["friends"]);
}

fn through_the_box(topology: &mut Topology) {
    friends(topology);
    topology
        .route_via("front", "10.0.2.0/24", "box")
        .route_via("front", "2001:db8:1:2::/64", "box");
}

#[test]
fn members_are_admitted_by_whichever_of_their_addresses() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            friends(topology);
            topology
                .secondary_address("web", "10.0.1.77")
                .secondary_address("web", "2001:db8:1:1::77");
        })
        .speaking(version);
        let packet = world.there("web", "db", Packet::tcp());
        world.arrives("web", &packet, "db");
        let secondary: std::net::IpAddr = match version {
            4 => [10, 0, 1, 77].into(),
            _ => "2001:db8:1:1::77".parse().expect("an address"),
        };
        world.arrives("web", &packet.ip_from(secondary, 5), "db");
        let stranger = world.there("web2", "db", Packet::tcp());
        world.is_dropped("web2", &stranger, DropReason::GROUP_INGRESS);
    }
}

#[test]
fn reference_is_lost_where_a_middlebox_passes_the_packet_on() {
    for version in VERSIONS {
        let mut world = World::with(through_the_box).speaking(version);
        let db = world.topology.guest("db").device;
        let at = |world: &World| -> Device { world.last_drop().at };
        let packet = world.there("web", "db", Packet::tcp());
        world.arrives("web", &packet, "box");
        let onward = packet.from_mac(world.topology.guest("box").mac);
        world.is_dropped("box", &onward, DropReason::GROUP_REFERENCE_LOST);
        assert_eq!(at(&world), db);
        // Somebody who is no member, or another port, would have been refused anyway.
        let stranger = onward.clone().ip_from(world.ip("web2"), 40_000);
        world.is_dropped("box", &stranger, DropReason::GROUP_INGRESS);
        let other_port = onward.ip_to(world.ip("db"), 81);
        world.is_dropped("box", &other_port, DropReason::GROUP_INGRESS);
        assert_eq!(at(&world), db);
    }
}

#[test]
fn middlebox_that_is_a_member_speaks_for_itself_alone() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            through_the_box(topology);
            topology.in_groups("box", &["friends"]).in_groups("web", &["red-open"]);
        })
        .speaking(version);
        let own = world.there("box", "db", Packet::tcp());
        world.arrives("box", &own, "db");
        let packet = world.there("web", "db", Packet::tcp());
        let onward = packet.from_mac(world.topology.guest("box").mac);
        world.is_dropped("box", &onward, DropReason::GROUP_INGRESS);
    }
}

/// An egress rule is judged by who has the destination.
#[test]
fn egress_rules_refer_to_members_by_the_destination() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            topology
                .within("front")
                .group("servers", Vec::new())
                .group("clients", vec![tcp(80).to_group("servers")])
                .in_groups("db", &["servers", "red-inbound"])
                .in_groups("web", &["clients"]);
        })
        .speaking(version);
        let packet = world.there("web", "db", Packet::tcp());
        world.arrives("web", &packet, "db");
        let elsewhere = world.there("web", "box", Packet::tcp());
        world.is_dropped("web", &elsewhere, DropReason::GROUP_EGRESS);
    }
}
