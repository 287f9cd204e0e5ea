//! Semantics 4, 5 and 8: where a packet goes, and what its subnet lets through.

use super::World;
use groundplane::resources::{NetworkAclEntry, RuleAction};
use groundplane_abi::DropReason;
use groundplane_tests::packet::{BROADCAST, Packet, ROUTER, flag};
use groundplane_tests::topology::{Groups, Topology, nacl_rule, open_nacl};

const FRONT: &str = "10.0.1.0/24";
const BACK: &str = "10.0.2.0/24";

fn through_the_box(topology: &mut Topology) {
    topology.route_via("front", BACK, "box").route_via("back", FRONT, "box");
}

fn deny(egress: bool, protocol: u8, ports: (u16, u16)) -> Vec<NetworkAclEntry> {
    let mut entries = open_nacl();
    let rule = nacl_rule(10, egress, RuleAction::Deny);
    entries.push(NetworkAclEntry {
        protocol: Some(protocol),
        port_range: Some(ports),
        ..rule
    });
    entries
}

#[test]
fn routed_frame_comes_from_the_router_and_keeps_its_ttl() {
    let mut world = World::open();
    let packet = world.there("web", "db", Packet::udp().ttl(1));
    let arrived = world.arrives("web", &packet, "db");
    assert_eq!((arrived.source_mac, arrived.ttl), (ROUTER, 1));
    assert_eq!(arrived.destination_mac, world.topology.guest("db").mac);
}

#[test]
fn switched_frame_arrives_as_it_was_sent() {
    let mut world = World::open();
    let (web, web2) = (world.topology.guest("web"), world.topology.guest("web2"));
    let packet = Packet::udp().from(web.mac, web.ip, 1).to(web2.mac, web2.ip, 2);
    let arrived = world.arrives("web", &packet, "web2");
    assert_eq!((arrived.source_mac, arrived.destination_mac), (web.mac, web2.mac));
}

#[test]
fn nacl_and_routes_do_not_apply_inside_a_subnet() {
    let mut world = World::with(|topology| {
        topology.nacl("front", Vec::new()).no_route("front");
    });
    world.connect("web", "web2");
}

#[test]
fn nacl_denies_reply() {
    let mut world = World::with(|topology| {
        topology.nacl("back", deny(true, 6, (1024, 65535)));
    });
    let syn = world.there("web", "db", Packet::tcp().flags(flag::SYN));
    world.arrives("web", &syn, "db");
    let answer = world.back("db", "web", Packet::tcp());
    world.is_dropped("db", &answer, DropReason::NACL_EGRESS);
}

#[test]
fn nacl_is_asked_leaving_and_entering() {
    for (subnet, egress, reason) in [
        ("front", true, DropReason::NACL_EGRESS),
        ("back", false, DropReason::NACL_INGRESS),
    ] {
        let mut world = World::with(|topology| {
            topology.nacl(subnet, deny(egress, 17, (80, 80)));
        });
        let packet = world.there("web", "db", Packet::udp());
        world.is_dropped("web", &packet, reason);
        let tcp = world.there("web", "db", Packet::tcp());
        world.arrives("web", &tcp, "db");
    }
}

#[test]
fn nacl_is_reported_when_route_and_nacl_would_both_drop() {
    let mut world = World::with(|topology| {
        topology.nacl("front", Vec::new()).blackhole("front", BACK);
    });
    let packet = world.there("web", "db", Packet::udp());
    world.is_dropped("web", &packet, DropReason::NACL_EGRESS);
}

#[test]
fn middlebox_route_delivers_to_the_middlebox() {
    let mut world = World::with(through_the_box);
    let packet = world.there("web", "db", Packet::tcp().flags(flag::SYN));
    let arrived = world.arrives("web", &packet, "box");
    assert_eq!(arrived.dst, world.topology.guest("db").ip, "the destination stays");
    let onward = packet.from_mac(world.topology.guest("box").mac);
    world.arrives("box", &onward, "db");
}

#[test]
fn middlebox_with_its_check_on_gets_nothing() {
    let mut world = World::with(through_the_box);
    world.change(|topology| {
        topology.source_dest_check("box", true);
    });
    let packet = world.there("web", "db", Packet::udp());
    world.is_dropped("web", &packet, DropReason::DESTINATION_CHECK);
    let onward = packet.from_mac(world.topology.guest("box").mac);
    world.is_dropped("box", &onward, DropReason::SOURCE_CHECK);
}

#[test]
fn middlebox_has_gates_of_its_own() {
    let mut world = World::with(through_the_box);
    world.change(|topology| {
        topology.groups("box", Groups::INBOUND);
    });
    let packet = world.there("web", "db", Packet::tcp().flags(flag::SYN));
    world.arrives("web", &packet, "box");
    let onward = packet.from_mac(world.topology.guest("box").mac);
    world.is_dropped("box", &onward, DropReason::GROUP_EGRESS);
}

#[test]
fn blackhole_route_drops() {
    let mut world = World::with(|topology| {
        topology.blackhole("front", BACK);
    });
    let packet = world.there("web", "db", Packet::udp());
    world.is_dropped("web", &packet, DropReason::BLACKHOLE_ROUTE);
}

#[test]
fn no_route_drops() {
    let mut world = World::open();
    let web = world.topology.guest("web");
    let out = Packet::udp().from(web.mac, web.ip, 1).to(ROUTER, [203, 0, 113, 1], 53);
    world.is_dropped("web", &out, DropReason::NO_ROUTE);
}

#[test]
fn nobodys_address_in_the_vpc_is_dropped() {
    let mut world = World::open();
    let web = world.topology.guest("web");
    for address in [[10, 0, 2, 99], [10, 0, 1, 99], [10, 0, 2, 1]] {
        let packet = Packet::udp().from(web.mac, web.ip, 1).to(ROUTER, address, 53);
        world.is_dropped("web", &packet, DropReason::NO_OWNER);
    }
}

#[test]
fn unknown_mac_is_not_flooded() {
    let mut world = World::open();
    let (web, db) = (world.topology.guest("web"), world.topology.guest("db"));
    let packet = Packet::udp().from(web.mac, web.ip, 1).to(db.mac, db.ip, 2);
    world.is_dropped("web", &packet, DropReason::UNKNOWN_MAC);
}

#[test]
fn broadcast_and_multicast_are_dropped() {
    let mut world = World::open();
    let web = world.topology.guest("web");
    for (mac, ip) in [
        (BROADCAST, [10, 0, 1, 255]),
        (ROUTER, [224, 0, 0, 1]),
        ([1, 0, 0x5e, 0, 0, 1], [10, 0, 2, 10]),
    ] {
        let packet = Packet::udp().from(web.mac, web.ip, 1).to(mac, ip, 9);
        world.is_dropped("web", &packet, DropReason::MULTICAST);
    }
}

#[test]
fn link_local_services_skip_every_filter_and_have_their_reason() {
    let mut world = World::with(|topology| {
        topology.groups("web", Groups::CLOSED).nacl("front", Vec::new());
    });
    let web = world.topology.guest("web");
    for ip in [[169, 254, 169, 254], [169, 254, 169, 253], [10, 0, 0, 2], [10, 0, 1, 1]] {
        let packet = Packet::udp().from(web.mac, web.ip, 1).to(ROUTER, ip, 53);
        world.is_dropped("web", &packet, DropReason::LINK_LOCAL_SERVICE);
    }
    let discover = Packet::udp().from(web.mac, [0; 4], 68).to(BROADCAST, [255; 4], 67);
    world.is_dropped("web", &discover, DropReason::LINK_LOCAL_SERVICE);
}

#[test]
fn spoofed_source_is_dropped_and_counted() {
    let mut world = World::open();
    let (web, db) = (world.topology.guest("web"), world.topology.guest("db"));
    let address = Packet::udp().from(web.mac, [10, 0, 1, 11], 1).to(ROUTER, db.ip, 2);
    world.is_dropped("web", &address, DropReason::SOURCE_CHECK);
    let mac = Packet::udp().from([2, 9, 9, 9, 9, 9], web.ip, 1).to(ROUTER, db.ip, 2);
    world.is_dropped("web", &mac, DropReason::SOURCE_MAC);
    for reason in [DropReason::SOURCE_CHECK, DropReason::SOURCE_MAC] {
        assert_eq!(world.twin.drops(web.device, reason), 1, "{reason}");
    }
}

#[test]
fn two_vpcs_with_the_same_cidr_never_meet() {
    let mut topology = Topology::new();
    for vpc in ["red", "blue"] {
        topology.vpc(vpc, "10.0.0.0/16").subnet(&format!("{vpc}-a"), FRONT);
        topology
            .eni(&format!("{vpc}-1"), "10.0.1.10")
            .eni(&format!("{vpc}-2"), "10.0.1.11");
        topology
            .subnet(&format!("{vpc}-b"), BACK)
            .eni(&format!("{vpc}-3"), "10.0.2.10");
    }
    topology.subnet("blue-c", "10.0.3.0/24").eni("blue-4", "10.0.3.10");
    let mut world = World::new(topology);
    for (from, to) in [("1", "2"), ("1", "3"), ("2", "3"), ("3", "1")] {
        for vpc in ["red", "blue"] {
            let (from, to) = (format!("{vpc}-{from}"), format!("{vpc}-{to}"));
            let packet = world.there(&from, &to, Packet::tcp());
            world.arrives(&from, &packet, &to);
        }
    }
    let to_blue = world.there("red-1", "blue-4", Packet::udp());
    world.is_dropped("red-1", &to_blue, DropReason::NO_OWNER);
}

/// RFC 6052: where IPv4 is reached by way of a translator.
#[test]
fn addresses_of_the_ipv4_internet_in_ipv6_can_be_routed() {
    let mut world = World::with(|topology| {
        topology.route_via("front", "64:ff9b::/96", "box");
    })
    .speaking(6);
    let far: std::net::IpAddr = "64:ff9b::c633:6407".parse().expect("an address");
    let packet = world.there("web", "db", Packet::tcp().flags(flag::SYN)).ip_to(far, 443);
    world.arrives("web", &packet, "box");
}
