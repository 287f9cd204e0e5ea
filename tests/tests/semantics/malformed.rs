//! Malformed packets of every kind have a reason, and none passes by accident.

use super::{VERSIONS, World};
use groundplane_abi::DropReason;
use groundplane_tests::packet::{Damage, Packet, ethertype};
use groundplane_tests::twin::Heard;

fn tcp() -> Packet {
    Packet::tcp().payload(&[0; 40])
}

fn udp() -> Packet {
    Packet::udp().payload(&[0; 40])
}

#[test]
fn every_malformed_kind_has_its_reason() {
    let cases = [
        (tcp().damaged(Damage::Truncate(0)), DropReason::TRUNCATED),
        (tcp().damaged(Damage::Truncate(13)), DropReason::TRUNCATED),
        (tcp().damaged(Damage::Truncate(33)), DropReason::TRUNCATED),
        // The total length says that there should be more.
        (tcp().damaged(Damage::Truncate(60)), DropReason::BAD_IP_HEADER),
        (tcp().damaged(Damage::IpTotalLength(30)), DropReason::TRUNCATED),
        (udp().damaged(Damage::IpTotalLength(27)), DropReason::TRUNCATED),
        (
            Packet::ping(1).damaged(Damage::IpTotalLength(24)),
            DropReason::TRUNCATED,
        ),
        (tcp().damaged(Damage::IpVersion(6)), DropReason::BAD_IP_HEADER),
        (tcp().damaged(Damage::IpHeaderLength(4)), DropReason::BAD_IP_HEADER),
        (tcp().damaged(Damage::IpTotalLength(19)), DropReason::BAD_IP_HEADER),
        (tcp().damaged(Damage::IpTotalLength(1500)), DropReason::BAD_IP_HEADER),
        (
            tcp().damaged(Damage::TcpDataOffset(4)),
            DropReason::BAD_TRANSPORT_HEADER,
        ),
        (
            Packet::tcp().damaged(Damage::TcpDataOffset(6)),
            DropReason::BAD_TRANSPORT_HEADER,
        ),
        (udp().damaged(Damage::UdpLength(7)), DropReason::BAD_TRANSPORT_HEADER),
        (udp().damaged(Damage::UdpLength(49)), DropReason::BAD_TRANSPORT_HEADER),
        (tcp().fragment(1, 2, false), DropReason::BAD_FRAGMENT),
        (tcp().fragment(1, 8191, false), DropReason::BAD_FRAGMENT),
        (
            tcp().fragment(1, 0, true).damaged(Damage::IpTotalLength(39)),
            DropReason::BAD_FRAGMENT,
        ),
        (udp().options(&[7, 1]), DropReason::BAD_OPTIONS),
        (udp().options(&[7, 9, 4, 0]), DropReason::BAD_OPTIONS),
        (udp().options(&[131, 7, 4, 10, 0, 0, 1]), DropReason::SOURCE_ROUTED),
        (udp().options(&[1, 137, 3, 4]), DropReason::SOURCE_ROUTED),
        (udp().vlan(ethertype::VLAN, 5), DropReason::VLAN_TAGGED),
        (
            udp().vlan(ethertype::VLAN, 5).vlan(ethertype::QINQ, 6),
            DropReason::VLAN_TAGGED,
        ),
    ];
    for (packet, reason) in cases {
        let mut world = World::open();
        let packet = world.there("web", "db", packet);
        assert_eq!(world.send("web", &packet).0, Heard::Dropped(reason), "{packet:?}");
    }
}

#[test]
fn other_ethertypes_are_dropped() {
    let mut world = World::open();
    let (web, web2) = (world.topology.guest("web"), world.topology.guest("web2"));
    let lldp = Packet::ethertype(ethertype::LLDP, &[0; 46])
        .from_mac(web.mac)
        .to_mac(web2.mac);
    world.is_dropped("web", &lldp, DropReason::NOT_IP);
}

#[test]
fn tag_beside_the_bytes_counts_like_one_in_them() {
    let mut world = World::open();
    let packet = world.there("web", "db", udp());
    let heard = world
        .twin
        .send(world.topology.guest("web").device, &packet.build(), true)
        .0;
    assert_eq!(heard, Heard::Dropped(DropReason::VLAN_TAGGED));
}

#[test]
fn unusable_addresses_are_dropped() {
    let mut world = World::with(|topology| {
        topology.source_dest_check("web", false);
    });
    let (web, db) = (world.topology.guest("web"), world.topology.guest("db"));
    for address in [
        [0, 0, 0, 0],
        [127, 0, 0, 1],
        [240, 0, 0, 1],
        [224, 0, 0, 1],
        [255, 255, 255, 255],
    ] {
        let packet = world.there("web", "db", udp()).from(web.mac, address, 5);
        world.is_dropped("web", &packet, DropReason::UNUSABLE_ADDRESS);
    }
    for address in [[0, 0, 0, 0], [127, 0, 0, 1], [240, 0, 0, 1]] {
        let packet = world.there("web", "db", udp()).ip_to(address, 5);
        world.is_dropped("web", &packet, DropReason::UNUSABLE_ADDRESS);
    }
    let ip_in_ip = Packet::ip_in_ip(&udp().ip_from([127, 0, 0, 1], 1).ip_to(db.ip, 2));
    let packet = world.there("web", "db", ip_in_ip);
    assert_eq!(
        world.arrives("web", &packet, "db").protocol,
        4,
        "the inner packet is payload like any other"
    );
}

#[test]
fn padding_behind_a_short_packet_is_no_fault() {
    let mut world = World::open();
    let packet = world.there(
        "web",
        "db",
        Packet::ping(1).payload(&[0; 18]).damaged(Damage::IpTotalLength(28)),
    );
    let heard = world.send("web", &packet).0;
    assert!(matches!(heard, Heard::Delivered { .. }), "{heard:?}");
}

#[test]
fn the_last_fragment_ends_where_a_packet_must_end() {
    for (len, fits) in [(3, true), (4, false)] {
        let mut world = World::open();
        let packet = Packet::protocol(47).payload(&[0; 4][..len]).fragment(1, 8189, false);
        let packet = world.there("web", "db", packet);
        if fits {
            world.arrives("web", &packet, "db");
        } else {
            world.is_dropped("web", &packet, DropReason::BAD_FRAGMENT);
        }
    }
}

#[test]
fn option_without_room_for_its_length_is_no_option_even_at_the_end_of_the_frame() {
    const RECORD_ROUTE: u8 = 7;
    let mut world = World::open();
    let packet = world.there("web", "db", Packet::protocol(77).options(&[1, 1, 1, RECORD_ROUTE]));
    world.is_dropped("web", &packet, DropReason::BAD_OPTIONS);
}

/// Semantics 23: nothing larger fits into a VPC, and nobody is told.
#[test]
fn packet_of_9001_bytes_is_the_largest() {
    for version in VERSIONS {
        let headers = if version == 4 { 20 + 8 } else { 40 + 8 };
        for (len, fits) in [(9001, true), (9002, false)] {
            let mut world = World::open().speaking(version);
            let packet = world.there("web", "db", Packet::udp().payload(&vec![0; len - headers]));
            if fits {
                world.arrives("web", &packet, "db");
            } else {
                world.is_dropped("web", &packet, DropReason::MTU_EXCEEDED);
            }
        }
    }
}

/// A header that went with the first fragment alone would say whose ports the others have.
#[test]
fn nothing_but_the_transport_follows_a_fragments_header() {
    const FOLLOWING: usize = 14 + 40;
    const DESTINATION_OPTIONS: u8 = 60;
    for (offset, more) in [(0, true), (4, false)] {
        let mut world = World::open().speaking(6);
        let fragment = udp().fragment(7, offset, more);
        let packet = fragment.damaged(Damage::Byte(FOLLOWING, DESTINATION_OPTIONS));
        let packet = world.there("web", "db", packet);
        world.is_dropped("web", &packet, DropReason::EXTENSION_HEADERS);
    }
}

#[test]
fn established_flow_has_no_larger_packets_than_any_other() {
    for version in VERSIONS {
        let mut world = World::open().speaking(version);
        world.connect("web", "db");
        let headers = if version == 4 { 20 + 20 } else { 40 + 20 };
        let packet = |len: usize| Packet::tcp().payload(&vec![0; len - headers]);
        let packets = [
            world.there("web", "db", packet(9001)),
            world.there("web", "db", packet(9002)),
        ];
        world.arrives("web", &packets[0], "db");
        world.is_dropped("web", &packets[1], DropReason::MTU_EXCEEDED);
    }
}
