//! Semantics 3.1: neighbour discovery is answered by the platform, and so are pings of the router. Reading an answer
//! back checks its checksums.

use super::{VERSIONS, World};
use groundplane_abi::DropReason;
use groundplane_tests::packet::{Damage, Extension, Packet, Parsed, ROUTER, ROUTER_LINK_LOCAL, solicited_node};
use groundplane_tests::topology::{Groups, Topology};
use groundplane_tests::twin::Heard;
use std::net::{IpAddr, Ipv6Addr};

const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;
const IS_ROUTER: u8 = 0x80;
const LINK_LOCAL: &str = "fe80::a:b:c";

fn address(text: &str) -> [u8; 16] {
    text.parse::<Ipv6Addr>().expect("an address").octets()
}

#[track_caller]
fn answer(world: &mut World, request: &Packet) -> (Parsed, Vec<u8>) {
    let Heard::Answered(frame) = world.send("web", request).0 else {
        panic!("no answer")
    };
    (Parsed::read(&frame).expect("a well-formed answer"), frame)
}

/// An advertisement of `wanted` at `mac`, with these flags, to the one who asked.
#[track_caller]
fn is_answered(world: &mut World, request: &Packet, wanted: [u8; 16], mac: [u8; 6], flags: u8) {
    let (answer, frame) = answer(world, request);
    let web = world.topology.guest("web");
    assert_eq!((answer.source_mac, answer.destination_mac), (mac, web.mac));
    assert_eq!((answer.protocol, answer.ports.0, answer.ttl), (58, 136 << 8, 255));
    assert_eq!(answer.src, wanted);
    let asked = Parsed::read(&request.build()).expect("a well-formed request");
    let everybody = IpAddr::from(address("ff02::1"));
    let to = if flags & SOLICITED == 0 { everybody } else { asked.src.0 };
    assert_eq!(answer.dst.0, to);
    assert_eq!(frame[14 + 40 + 4], flags);
    let option = [&[2, 1][..], &mac].concat();
    assert_eq!(answer.payload, [&wanted[..], &option].concat(), "target and its MAC");
}

#[test]
fn neighbours_and_the_router_are_answered_for() {
    let mut world = World::open().speaking(6);
    let (web, web2) = (world.topology.guest("web"), world.topology.guest("web2"));
    let (own, neighbour) = (web.ip6.expect("an address"), web2.ip6.expect("an address"));
    let solicitation = |from: [u8; 16], wanted| Packet::neighbour_solicitation(web.mac, from, wanted);
    let flags = SOLICITED | OVERRIDE;
    is_answered(&mut world, &solicitation(own, neighbour), neighbour, web2.mac, flags);
    is_answered(
        &mut world,
        &solicitation(address(LINK_LOCAL), neighbour),
        neighbour,
        web2.mac,
        flags,
    );
    for router in [address("2001:db8:1:1::1"), ROUTER_LINK_LOCAL[0], ROUTER_LINK_LOCAL[1]] {
        is_answered(
            &mut world,
            &solicitation(own, router),
            router,
            ROUTER,
            flags | IS_ROUTER,
        );
    }
    // As for one that is known already and only probed.
    let unicast = solicitation(own, neighbour).to(ROUTER, neighbour, 0);
    is_answered(&mut world, &unicast, neighbour, web2.mac, flags);
    let probe = Packet::duplicate_address_detection(web.mac, neighbour);
    is_answered(&mut world, &probe, neighbour, web2.mac, OVERRIDE);
}

#[test]
fn strangers_and_oneself_are_not_answered_for() {
    let mut world = World::open().speaking(6);
    let (web, db) = (world.topology.guest("web"), world.topology.guest("db"));
    let own = web.ip6.expect("an address");
    for wanted in [
        own,
        db.ip6.expect("an address"),
        address("2001:db8:1:1::99"),
        address("2001:db8:1:2::1"),
        address("fe80::1"),
    ] {
        let request = Packet::neighbour_solicitation(web.mac, own, wanted);
        world.is_dropped("web", &request, DropReason::NEIGHBOR_UNANSWERED);
    }
    let probe = Packet::duplicate_address_detection(web.mac, own);
    world.is_dropped("web", &probe, DropReason::NEIGHBOR_UNANSWERED);
}

#[test]
fn what_is_no_solicitation_of_this_eni_has_its_reason() {
    let mut world = World::open().speaking(6);
    let (web, web2) = (world.topology.guest("web"), world.topology.guest("web2"));
    let (own, neighbour) = (web.ip6.expect("an address"), web2.ip6.expect("an address"));
    let solicitation = Packet::neighbour_solicitation(web.mac, own, neighbour);
    let as_another = Packet::neighbour_solicitation(web.mac, neighbour, own);
    let advertisement = Packet::neighbour_advertisement(web.mac, own, (web2.mac, neighbour));
    let group = solicited_node(neighbour);
    let short = Packet::icmp6(135, 0, 0).from(web.mac, own, 0).to_group(group).ttl(255);
    for (packet, reason) in [
        (as_another, DropReason::NEIGHBOR_SPOOFED),
        (solicitation.clone().from_mac(web2.mac), DropReason::SOURCE_MAC),
        (solicitation.clone().ttl(64), DropReason::NEIGHBOR_INVALID),
        (
            solicitation.clone().damaged(Damage::Byte(14 + 40 + 1, 1)),
            DropReason::NEIGHBOR_INVALID,
        ),
        (
            solicitation.extension(Extension::Destination(vec![1, 4, 0, 0, 0, 0])),
            DropReason::NEIGHBOR_INVALID,
        ),
        (short, DropReason::NEIGHBOR_INVALID),
        (advertisement, DropReason::NEIGHBOR_INVALID),
    ] {
        world.is_dropped("web", &packet, reason);
    }
}

#[test]
fn router_solicitation_is_answered_with_who_the_router_is() {
    let mut world = World::open().speaking(6);
    let web = world.topology.guest("web");
    for (from, to) in [
        (address(LINK_LOCAL), address(LINK_LOCAL)),
        (web.ip6.expect("an address"), web.ip6.expect("an address")),
        ([0; 16], address("ff02::1")),
    ] {
        let request = Packet::router_solicitation(web.mac, from);
        let (answer, frame) = answer(&mut world, &request);
        assert_eq!((answer.source_mac, answer.destination_mac), (ROUTER, web.mac));
        assert_eq!((answer.protocol, answer.ports.0, answer.ttl), (58, 134 << 8, 255));
        assert_eq!(answer.src, ROUTER_LINK_LOCAL[0]);
        assert_eq!(answer.dst, to);
        // Hop limit 64, addresses by DHCPv6, half an hour; no times; the router's MAC, and an MTU of 9001.
        assert_eq!(frame[14 + 40 + 4..][..4], [64, 0x80, 0x07, 0x08]);
        let options = [&[0; 8][..], &[1, 1], &ROUTER, &[5, 1, 0, 0, 0, 0, 0x23, 0x29]].concat();
        assert_eq!(answer.payload, options);
    }
}

#[test]
fn guests_without_ipv6_have_no_neighbours_there() {
    let mut topology = Topology::new();
    topology.vpc("red", "10.0.0.0/16").subnet("front", "10.0.1.0/24");
    topology.eni("web", "10.0.1.10");
    let mut world = World::new(topology);
    let web = world.topology.guest("web");
    let own = address("fe80::1:2:3");
    let ping = Packet::ping6(1)
        .from(web.mac, own, 0)
        .to(ROUTER, address("2001:db8::1"), 0);
    for packet in [
        Packet::router_solicitation(web.mac, own),
        Packet::neighbour_solicitation(web.mac, own, ROUTER_LINK_LOCAL[0]),
        ping,
    ] {
        world.is_dropped("web", &packet, DropReason::NO_IPV6);
    }
}

#[test]
fn router_answers_pings_of_its_address_in_the_guests_subnet_whatever_filters_say() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            topology.groups("web", Groups::CLOSED).nacl("front", Vec::new());
        })
        .speaking(version);
        let web = world.topology.guest("web");
        let routers: Vec<IpAddr> = match version {
            4 => vec![[10, 0, 1, 1].into()],
            _ => vec![address("2001:db8:1:1::1").into(), ROUTER_LINK_LOCAL[0].into()],
        };
        for router in routers {
            let ping = if version == 4 {
                Packet::ping(7)
            } else {
                Packet::ping6(7)
            };
            let ping = ping
                .payload(b"how far?")
                .from(web.mac, world.ip("web"), 0)
                .to(ROUTER, router, 0);
            let (answer, _) = answer(&mut world, &ping);
            assert_eq!((answer.source_mac, answer.destination_mac), (ROUTER, web.mac));
            assert_eq!((answer.src.0, answer.dst.0), (router, world.ip("web")));
            let pong = if version == 4 { 0 } else { 129 };
            assert_eq!((answer.ports, &answer.payload[..]), ((pong << 8, 7), &b"how far?"[..]));
        }
    }
}

#[test]
fn router_of_another_subnet_and_whatever_else_the_router_is_asked_go_unanswered() {
    for version in VERSIONS {
        let mut world = World::open().speaking(version);
        let web = world.topology.guest("web");
        let (own, other): (IpAddr, IpAddr) = match version {
            4 => ([10, 0, 1, 1].into(), [10, 0, 2, 1].into()),
            _ => (address("2001:db8:1:1::1").into(), address("2001:db8:1:2::1").into()),
        };
        let ping = if version == 4 {
            Packet::ping(7)
        } else {
            Packet::ping6(7)
        };
        let from_web = |packet: Packet, world: &World| packet.from(web.mac, world.ip("web"), 5);
        let elsewhere = from_web(ping.clone(), &world).to(ROUTER, other, 0);
        world.is_dropped("web", &elsewhere, DropReason::NO_OWNER);
        let fragment = from_web(ping.payload(&[0; 16]).fragment(1, 0, true), &world).to(ROUTER, own, 0);
        let tcp = from_web(Packet::tcp(), &world).to(ROUTER, own, 80);
        for packet in [fragment, tcp] {
            world.is_dropped("web", &packet, DropReason::LINK_LOCAL_SERVICE);
        }
    }
}

/// The sum is folded twice, which few answers need.
#[test]
fn answers_have_their_checksum_whatever_they_add_up_to() {
    let mut world = World::open().speaking(6);
    let (web, web2) = (world.topology.guest("web"), world.topology.guest("web2"));
    let wanted = web2.ip6.expect("an address");
    let mut from = address(LINK_LOCAL);
    for last in (0..=u16::MAX).step_by(2) {
        from[14..].copy_from_slice(&last.to_be_bytes());
        answer(&mut world, &Packet::neighbour_solicitation(web.mac, from, wanted));
    }
}
