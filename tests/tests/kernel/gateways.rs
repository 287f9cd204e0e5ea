//! Packets through gateways, to the kernel and to the host: verdict, bytes, flow entries and mappings.

use crate::room::{Room, tcp};
use groundplane_abi::{Device, DropReason, Mac};
use groundplane_tests::packet::{Packet, Parsed, flag};
use groundplane_tests::topology::{S3, Topology};
use groundplane_tests::twin::Heard;
use std::net::Ipv6Addr;

const X: [u8; 4] = [198, 51, 100, 7];
const X6: &str = "2001:db8:ffff::7";

/// T0 with every kind of gateway: A1 leaves by the NAT gateway, and by the egress-only one for IPv6; A2 goes to B over
/// a peering connection, A3 to C by a transit gateway.
fn topology() -> Topology {
    let mut topology = Topology::t0();
    topology
        .egress_only("eigw-A")
        .peering("pcx-AB", "VPC-A", "VPC-B")
        .transit_gateway("tgw")
        .attach("tgw", "att-A", &["A3", "A1"])
        .attach("tgw", "att-C", &["C1"]);
    topology
        .route_out("A1", "0.0.0.0/0", "nat-A")
        .route_out("A1", "::/0", "eigw-A")
        .route_out("A1", "64:ff9b::/96", "nat-A")
        .route_out("APUB", "::/0", "igw-A")
        .route_out("A2", "10.1.0.0/16", "pcx-AB")
        .route_out("B1", "10.0.0.0/16", "pcx-AB")
        .route_out("A3", "10.2.0.0/16", "tgw")
        .route_out("C1", "10.0.0.0/16", "tgw");
    // Two VPCs of one CIDR, with a guest of one address in each.
    topology.within("P1").eni("namesake", "10.0.1.10");
    topology
        .gateway_endpoint("vpce-A", S3, &["A1"])
        .gateway_endpoint("vpce-P", S3, &["P1"]);
    topology
}

/// The frame that leaves.
#[track_caller]
fn left(heard: Heard) -> Vec<u8> {
    match heard {
        Heard::Left(frame) => frame,
        other => panic!("it doesn't leave: {other:?}"),
    }
}

/// Source, source port, destination and its port of a frame of TCP or UDP.
fn ends(frame: &[u8]) -> ([u8; 4], u16, [u8; 4], u16) {
    Parsed::read(frame).expect("a whole packet");
    let port = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let address = |at: usize| [frame[at], frame[at + 1], frame[at + 2], frame[at + 3]];
    (address(26), port(34), address(30), port(36))
}

#[test]
fn kernel_and_host_agree_on_what_passes_gateways() {
    let mut room = Room::open("gateways", topology());
    through_the_internet_gateway(&mut room);
    through_the_nat_gateway(&mut room);
    what_the_nat_gateway_refuses(&mut room);
    to_other_vpcs(&mut room);
    ipv6(&mut room);
    nat64(&mut room);
    through_gateway_endpoints(&mut room);
    println!("{} packets through gateways", room.packets);
}

fn through_gateway_endpoints(room: &mut Room) {
    const SERVICE: [u8; 4] = [192, 0, 2, 20];
    let a1 = room.address("a1");
    let (ask, answer) = (
        |flags, port| tcp(flags, (a1, port), (SERVICE, 443)),
        |flags, port| tcp(flags, (SERVICE, 443), (a1, port)),
    );
    assert_eq!(room.come(answer(flag::SYN | flag::ACK, 7000)), Heard::Passed);
    for (guest, namesake, port) in [("a1", "namesake", 7000), ("namesake", "a1", 7001)] {
        let out = left(room.leave(guest, ask(flag::SYN, port)));
        assert_eq!(ends(&out), (a1, port, SERVICE, 443));
        let taken = Heard::Dropped(DropReason::GATEWAY_ENDPOINT_TAKEN);
        assert_eq!(room.leave(namesake, ask(flag::SYN, port)), taken);
        let device = room.topology.guest(guest).device;
        for flags in [flag::SYN | flag::ACK, flag::ACK, flag::ACK] {
            let heard = room.come(answer(flags, port));
            assert!(
                matches!(heard, Heard::Delivered { to, .. } if to == device),
                "{heard:?}"
            );
            left(room.leave(guest, ask(flag::ACK, port)));
        }
        assert_eq!(room.leave(namesake, ask(flag::ACK, port)), taken);
    }
    let udp = Packet::udp().ip_from(a1, 7000).ip_to(SERVICE, 443);
    let refused = Heard::Dropped(DropReason::GATEWAY_ENDPOINT_PROTOCOL);
    assert_eq!(room.leave("a1", udp), refused);
    left(room.leave("a1", Packet::ping(9).ip_from(a1, 0).ip_to(SERVICE, 0)));
    let pong = Packet::pong(9).ip_from(SERVICE, 0).ip_to(a1, 0);
    assert!(matches!(room.come(pong), Heard::Delivered { .. }));
    // Forgotten, and then somebody else's.
    room.wait(400);
    assert_eq!(room.come(answer(flag::ACK, 7000)), Heard::Passed);
    left(room.leave("namesake", ask(flag::SYN, 7000)));
    let heard = room.come(answer(flag::SYN | flag::ACK, 7000));
    let device = room.topology.guest("namesake").device;
    assert!(
        matches!(heard, Heard::Delivered { to, .. } if to == device),
        "{heard:?}"
    );
    let taken = Heard::Dropped(DropReason::GATEWAY_ENDPOINT_TAKEN);
    assert_eq!(room.leave("a1", ask(flag::ACK, 7000)), taken);
}

fn through_the_internet_gateway(room: &mut Room) {
    let (p1, p2) = (room.address("p1"), room.address("p2"));
    let public = [203, 0, 113, 10];
    let out = left(room.leave("p1", tcp(flag::SYN, (p1, 4000), (X, 443)).mss(8961)));
    assert_eq!(ends(&out), (public, 4000, X, 443));
    assert!(matches!(
        room.come(tcp(flag::SYN | flag::ACK, (X, 443), (public, 4000))),
        Heard::Delivered { .. }
    ));
    for _ in 0..3 {
        left(room.leave("p1", tcp(flag::ACK, (p1, 4000), (X, 443)).payload(b"data")));
        assert!(matches!(
            room.come(tcp(flag::ACK, (X, 443), (public, 4000)).payload(b"more")),
            Heard::Delivered { .. }
        ));
    }
    // An error about it, too large a packet, a ping, a hairpin, and what isn't ours.
    let sent = tcp(flag::ACK, (public, 4000), (X, 443));
    room.come(
        Packet::icmp_error(3, 1, &sent)
            .ip_from([192, 0, 2, 9], 0)
            .ip_to(public, 0),
    );
    let large = tcp(flag::ACK, (p1, 4000), (X, 443)).payload(&[7; 1600]).dont_fragment();
    let refused = room.leave("p1", large);
    assert!(
        matches!(
            refused,
            Heard::Refused {
                reason: DropReason::PATH_MTU_EXCEEDED,
                ..
            }
        ),
        "{refused:?}"
    );
    // What may be fragmented goes to the cutter, whether its connection is known or not.
    for port in [443, 444] {
        let cut = left(room.leave("p1", tcp(flag::ACK, (p1, 4000), (X, port)).payload(&[7; 1600])));
        assert_eq!(ends(&cut), (public, 4000, X, port));
        assert_eq!(cut[..6], Mac::CUTTER.0);
    }
    left(room.leave("p1", Packet::ping(77).ip_from(p1, 0).ip_to(X, 0)));
    room.leave(
        "p1",
        Packet::udp()
            .ip_from(p1, 5000)
            .ip_to([203, 0, 113, 11], 53)
            .payload(b"hairpin"),
    );
    room.leave(
        "p2",
        Packet::udp().ip_from(p2, 53).ip_to(public, 5000).payload(b"answer"),
    );
    assert_eq!(room.come(tcp(flag::SYN, (X, 5), ([192, 0, 2, 1], 80))), Heard::Passed);
    room.leave("p3", tcp(flag::SYN, (room.address("p3"), 1), (X, 80)));
    // Who asks for what is ours on the uplink is told; anything else is the host's.
    let asker = [2, 0, 0, 0, 0, 9];
    let answer = room.send(Device::INTERNET, &Packet::arp_request(asker, X, public));
    assert!(matches!(answer, Heard::Answered(_)), "{answer:?}");
    let other = room.send(Device::INTERNET, &Packet::arp_request(asker, X, [192, 0, 2, 1]));
    assert_eq!(other, Heard::Passed);
}

fn through_the_nat_gateway(room: &mut Room) {
    let (a1, nat) = (room.address("a1"), [203, 0, 113, 200]);
    for client in 4000..4020 {
        let out = left(room.leave("a1", tcp(flag::SYN, (a1, client), (X, 443)).mss(8961)));
        let (src, port, dst, dst_port) = ends(&out);
        assert_eq!((src, dst, dst_port), (nat, X, 443));
        assert!(port >= 1024);
        room.come(tcp(flag::SYN | flag::ACK, (X, 443), (nat, port)).mss(8961));
        for _ in 0..2 {
            left(room.leave("a1", tcp(flag::ACK, (a1, client), (X, 443)).payload(b"data")));
            room.come(tcp(flag::ACK, (X, 443), (nat, port)).payload(b"more"));
        }
        room.come(
            Packet::icmp_error(3, 1, &tcp(flag::ACK, (nat, port), (X, 443)))
                .ip_from(X, 0)
                .ip_to(nat, 0),
        );
    }
    let out = left(room.leave("a1", Packet::udp().ip_from(a1, 6000).ip_to(X, 53).payload(b"question")));
    room.come(Packet::udp().ip_from(X, 53).ip_to(nat, ends(&out).1).payload(b"answer"));
    let out = left(room.leave("a1", Packet::ping(9).ip_from(a1, 0).ip_to(X, 0)));
    let identifier = u16::from_be_bytes([out[38], out[39]]);
    assert!(matches!(
        room.come(Packet::pong(identifier).ip_from(X, 0).ip_to(nat, 0)),
        Heard::Delivered { .. }
    ));
}

fn what_the_nat_gateway_refuses(room: &mut Room) {
    let (a1, nat) = (room.address("a1"), [203, 0, 113, 200]);
    room.leave("a1", tcp(flag::ACK, (a1, 9999), (X, 443)).payload(b"who?"));
    room.leave("a1", tcp(flag::SYN, (a1, 9998), (X, 443)).ttl(1));
    room.leave("a1", Packet::protocol(47).ip_from(a1, 0).ip_to(X, 0).payload(&[0; 8]));
    room.come(tcp(flag::SYN, (X, 1000), (nat, 80)));
    room.come(Packet::ping(1).ip_from(X, 0).ip_to(nat, 0));
    // Forgotten after 350 s: the client is told, the server isn't heard.
    room.wait(351);
    let refused = room.leave("a1", tcp(flag::ACK, (a1, 4000), (X, 443)).payload(b"late"));
    assert!(
        matches!(
            refused,
            Heard::Refused {
                reason: DropReason::NAT_IDLE_RESET,
                ..
            }
        ),
        "{refused:?}"
    );
    left(room.leave("a1", tcp(flag::SYN, (a1, 4000), (X, 443))));
}

fn to_other_vpcs(room: &mut Room) {
    for (from, to) in [("a2", "b1"), ("a3", "c1")] {
        let (client, server) = (room.address(from), room.address(to));
        for _ in 0..3 {
            room.leave(from, tcp(flag::SYN, (client, 4000), (server, 80)).mss(8961));
            room.leave(to, tcp(flag::SYN | flag::ACK, (server, 80), (client, 4000)).mss(8961));
            room.leave(from, tcp(flag::ACK, (client, 4000), (server, 80)));
        }
    }
    let a2 = room.address("a2");
    room.leave("a2", tcp(flag::SYN, (a2, 1), ([10, 1, 9, 9], 80)));
    let c1 = room.address("c1");
    room.leave("c1", tcp(flag::SYN, (c1, 1), ([10, 9, 9, 9], 80)));
}

fn ipv6(room: &mut Room) {
    let x6 = X6.parse::<Ipv6Addr>().expect("an address");
    for guest in ["a1", "p1"] {
        let own = Ipv6Addr::from(room.topology.guest(guest).ip6.expect("it has one"));
        let packet = |flags, from: (Ipv6Addr, u16), to: (Ipv6Addr, u16)| {
            Packet::tcp().flags(flags).ip_from(from.0, from.1).ip_to(to.0, to.1)
        };
        room.come(packet(flag::SYN, (x6, 7), (own, 80)));
        left(room.leave(guest, packet(flag::SYN, (own, 4000), (x6, 443))));
        let answer = room.come(packet(flag::SYN | flag::ACK, (x6, 443), (own, 4000)));
        assert!(matches!(answer, Heard::Delivered { .. }), "{answer:?}");
        left(room.leave(guest, packet(flag::ACK, (own, 4000), (x6, 443))));
        let large = packet(flag::ACK, (own, 4000), (x6, 443)).payload(&[7; 1600]);
        assert!(matches!(room.leave(guest, large), Heard::Refused { .. }));
    }
}

/// From IPv6 to the outside's IPv4 and back, of every protocol, and what the gateway doesn't carry.
fn nat64(room: &mut Room) {
    let x64: Ipv6Addr = "64:ff9b::198.51.100.7".parse().expect("an address");
    let own = Ipv6Addr::from(room.topology.guest("a1").ip6.expect("it has one"));
    let nat = [203, 0, 113, 200];
    let segment = |flags, port| Packet::tcp().flags(flags).ip_from(own, port).ip_to(x64, 443);
    for client in 7000..7005 {
        let out = left(room.leave("a1", segment(flag::SYN, client).mss(8961)));
        let (src, port, dst, dst_port) = ends(&out);
        assert_eq!((src, dst, dst_port), (nat, X, 443));
        let answer = |flags| tcp(flags, (X, 443), (nat, port));
        room.come(answer(flag::SYN | flag::ACK).mss(1460));
        for _ in 0..3 {
            left(room.leave("a1", segment(flag::ACK, client).payload(b"data")));
            let heard = room.come(answer(flag::ACK).payload(b"more"));
            assert!(matches!(heard, Heard::Delivered { .. }), "{heard:?}");
        }
        for (icmp_type, code) in [(3, 1), (3, 4), (11, 0), (3, 14)] {
            let about = tcp(flag::ACK, (nat, port), (X, 443)).payload(b"said");
            let error = Packet::icmp_error(icmp_type, code, &about).mtu(1400);
            room.come(error.ip_from([192, 0, 2, 9], 0).ip_to(nat, 0));
        }
        room.come(answer(flag::ACK).payload(b"in pieces").fragment(7, 0, true));
        room.come(answer(flag::FIN | flag::ACK));
        left(room.leave("a1", segment(flag::FIN | flag::ACK, client)));
    }
    let datagram = Packet::udp().ip_from(own, 6000).ip_to(x64, 53).payload(b"question");
    let out = left(room.leave("a1", datagram));
    let answer = || Packet::udp().ip_from(X, 53).ip_to(nat, ends(&out).1).payload(b"answer");
    let heard = room.come(answer());
    assert!(matches!(heard, Heard::Delivered { .. }), "{heard:?}");
    assert_eq!(
        room.come(answer().fragment(8, 0, true)),
        Heard::Dropped(DropReason::NAT64_CONTENT)
    );
    let out = left(room.leave("a1", Packet::ping6(9).ip_from(own, 0).ip_to(x64, 0)));
    let identifier = u16::from_be_bytes([out[38], out[39]]);
    let heard = room.come(Packet::pong(identifier).ip_from(X, 0).ip_to(nat, 0));
    assert!(matches!(heard, Heard::Delivered { .. }), "{heard:?}");
    room.leave("a1", segment(flag::ACK, 9999));
    room.leave("a1", segment(flag::SYN, 9998).ttl(1));
    room.leave("a1", segment(flag::ACK, 7000).payload(&[7; 1600]));
    room.wait(351);
    let late = room.leave("a1", segment(flag::ACK, 7004).payload(b"late"));
    assert!(matches!(late, Heard::Refused { .. }), "{late:?}");
}
