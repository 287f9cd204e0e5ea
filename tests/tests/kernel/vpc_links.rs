//! Packets by VPC links, to the kernel and to the host: verdict, bytes, flow entries and mappings.

use super::room::{Room, tcp};
use groundplane::integration::hops;
use groundplane::plan;
use groundplane_abi::{Device, DropReason, Mac};
use groundplane_tests::packet::{Packet, Parsed, ROUTER, flag};
use groundplane_tests::topology::{Topology, tcp as tcp_to};
use groundplane_tests::twin::Heard;
use std::net::IpAddr;

/// The service, and what it says for a2, by the HTTP link, and for the load balancer, by the REST link.
const SERVICE: [u8; 4] = [100, 64, 0, 1];
const A2: [u8; 4] = [100, 64, 1, 0];
const LEGACY: [u8; 4] = [100, 64, 1, 1];
/// The HTTP link's network interface.
const OWN: [u8; 4] = [10, 0, 1, 80];

fn open() -> Room {
    let mut topology = Topology::t0();
    topology
        .within("A1")
        .group("caller", vec![tcp_to(8080).to("10.0.2.0/24")])
        .vpc_link("link", &["caller"], &[("A1", "10.0.1.80")])
        .rest_vpc_link("rest", "nlb-P")
        .rest_integration("legacy", "rest", "nlb-P-443-tcp")
        .within("APUB");
    let devices = plan::devices(&topology.resources, &topology.bindings);
    let link = devices[&topology.interface("link-A1").network_interface_id];
    let legacy = topology.integration_named("legacy").expect("it is there");
    let hop = hops(&topology.resources, legacy).expect("the link carries").remove(0);
    let mut room = Room::open("vpc-links", topology);
    room.name(A2, link, [10, 0, 2, 10]);
    room.name(LEGACY, devices[&hop.network_interface_id], hop.target.ip().octets());
    room
}

/// The service speaks.
fn call(room: &mut Room, packet: Packet) -> Heard {
    room.send(Device::SERVICE, &packet.from_mac(Mac::SERVICE.0).to_mac(ROUTER))
}

/// Where it arrives, and as what.
#[track_caller]
fn arrives(heard: Heard) -> (Device, Parsed) {
    match heard {
        Heard::Delivered { to, frame } => (to, Parsed::read(&frame).expect("a packet")),
        other => panic!("it doesn't arrive: {other:?}"),
    }
}

/// A connection of the service's, to its end.
fn converse(room: &mut Room, name: [u8; 4], port: u16, guest: &str, sees: [u8; 4]) -> Parsed {
    let (service, target) = ((SERVICE, 40_000), (name, port));
    let (_, seen) = arrives(call(room, tcp(flag::SYN, service, target)));
    assert_eq!(seen.src, sees);
    for (back, there) in [
        (flag::SYN | flag::ACK, flag::ACK),
        (flag::ACK, flag::ACK),
        (flag::FIN | flag::ACK, flag::FIN | flag::ACK),
    ] {
        let answer = Packet::tcp().flags(back).ip_from(seen.dst.0, seen.ports.1);
        let heard = room.leave(guest, answer.ip_to(seen.src.0, seen.ports.0));
        let (to, answer) = arrives(heard);
        assert_eq!(
            (to, answer.src.0, answer.ports),
            (Device::SERVICE, IpAddr::from(name), (port, 40_000))
        );
        arrives(call(room, tcp(there, service, target)));
    }
    seen
}

#[test]
fn kernel_and_host_agree_on_what_passes_vpc_links() {
    let mut room = open();
    let seen = converse(&mut room, A2, 8080, "a2", OWN);
    converse(&mut room, LEGACY, 443, "t1", [10, 0, 1, 50]);
    let dropped = |heard: Heard, reason| assert_eq!(heard, Heard::Dropped(reason));
    dropped(
        call(&mut room, tcp(flag::SYN, (SERVICE, 40_001), (A2, 80))),
        DropReason::GROUP_EGRESS,
    );
    dropped(
        call(&mut room, tcp(flag::ACK, (SERVICE, 40_002), (A2, 8080))),
        DropReason::BALANCER_RESET,
    );
    dropped(
        call(&mut room, tcp(flag::SYN, (SERVICE, 40_003), ([100, 64, 9, 9], 80))),
        DropReason::NO_OWNER,
    );
    let ping = Packet::ping(7).ip_from(SERVICE, 0).ip_to(A2, 0);
    dropped(call(&mut room, ping), DropReason::BALANCER_PROTOCOL);
    // Nobody opens anything by the link, whatever stands for a connection of somebody else's.
    for (guest, port) in [("a1x", seen.ports.0), ("a3", seen.ports.0), ("a2", 22)] {
        let from = (room.address(guest), 8081);
        dropped(
            room.leave(guest, tcp(flag::SYN, from, (OWN, port))),
            DropReason::VPC_LINK_ONE_WAY,
        );
    }
    // An answer that is too late.
    room.wait(400);
    let late = tcp(flag::ACK, (room.address("a2"), 8080), (OWN, seen.ports.0));
    dropped(room.leave("a2", late), DropReason::VPC_LINK_ONE_WAY);
    println!("{} packets by VPC links", room.packets);
}
