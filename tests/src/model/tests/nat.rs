//! Semantics 10.

use super::{Room, between, dropped, reason};
use crate::model::{At, Reason, Verdict};
use crate::packet::{Packet, flag};

const X: &str = "198.51.100.7";
const A1: &str = "10.0.1.10";
const NAT: &str = "10.0.10.200";
const NAT_PUBLIC: &str = "203.0.113.200";

/// A1 leaves by the NAT gateway, and nothing new comes in to a1.
fn natted() -> Room {
    Room::with(|t0| {
        t0.route_out("A1", "0.0.0.0/0", "nat-A");
        t0.groups("a1", crate::topology::Groups::OUTBOUND);
    })
}

fn tcp(flags: u8) -> Packet {
    Packet::tcp().flags(flags)
}

/// a1 has a connection from its port 4000 to port 443 of x, by the NAT gateway's port 2000.
fn connected(room: &mut Room) {
    let ask = |from, ttl| between(tcp(flag::SYN).ttl(ttl), from, (X, 443));
    let seen = ask((NAT_PUBLIC, 2000), 63);
    let left = room.send_seen("a1", ask((A1, 4000), 64), Some(seen.clone()));
    assert_eq!(left, room.out("a1", seen));
    let answer = |to, ttl| between(tcp(flag::SYN | flag::ACK).ttl(ttl), (X, 443), to);
    let came = room.come(answer((NAT_PUBLIC, 2000), 50));
    assert_eq!(came, room.at("a1", answer((A1, 4000), 49)));
}

#[test]
fn s55_a_connection_goes_out_by_the_nat_gateways_address_and_its_answers_come_back() {
    let mut room = natted();
    connected(&mut room);
    // It keeps its port, whatever else is seen.
    let data = |from, ttl| between(tcp(flag::ACK).payload(b"data").ttl(ttl), from, (X, 443));
    let seen = data((NAT_PUBLIC, 3000), 63);
    let left = room.send_seen("a1", data((A1, 4000), 64), Some(seen));
    assert_eq!(left, room.out("a1", data((NAT_PUBLIC, 2000), 63)));
}

#[test]
fn a_port_that_may_not_be_chosen_isnt_believed() {
    let mut room = natted();
    connected(&mut room);
    let ask = |from, ttl| between(tcp(flag::SYN).ttl(ttl), from, (X, 443));
    for wrong in [(NAT_PUBLIC, 2000), (NAT_PUBLIC, 1023), ("203.0.113.10", 2001)] {
        let left = room.send_seen("a1", ask((A1, 4001), 64), Some(ask(wrong, 63)));
        assert_ne!(left, room.out("a1", ask(wrong, 63)), "{wrong:?}");
    }
}

#[test]
fn s56_a_connection_that_was_idle_for_too_long_is_reset_towards_the_inside_alone() {
    let mut room = natted();
    connected(&mut room);
    room.wait(351);
    let late = room.come(between(tcp(flag::ACK), (X, 443), (NAT_PUBLIC, 2000)));
    assert_eq!(late, room.arriving("nat-A", Reason::NatHasNoMapping));
    let data = between(tcp(flag::ACK).payload(b"data"), (A1, 4000), (X, 443));
    let Verdict::Refused { drop, answer } = room.send("a1", data) else {
        panic!("it is answered");
    };
    assert_eq!(drop.reason, Reason::NatKnowsNoConnection);
    // Its sequence number is the one that was acknowledged, 1.
    let a1 = room.topology.guest("a1");
    let mut expected = a1.mac.to_vec();
    expected.extend(crate::packet::ROUTER);
    expected.extend([
        8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0x45, 0x8c, 198, 51, 100, 7, 10, 0, 1, 10,
    ]);
    expected.extend([1, 187, 15, 160, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 4, 0, 0, 0x69, 0x40, 0, 0]);
    assert_eq!(answer, expected);
}

#[test]
fn s57_nothing_unsolicited_comes_in_by_a_nat_gateway() {
    let mut room = natted();
    let unknown = room.arriving("nat-A", Reason::NatHasNoMapping);
    assert_eq!(room.come(between(tcp(flag::SYN), (X, 1), (NAT_PUBLIC, 80))), unknown);
    assert_eq!(room.come(between(Packet::ping(9), (X, 0), (NAT_PUBLIC, 0))), unknown);
    let inside = room.send("p3", between(Packet::ping(9), ("10.0.10.12", 0), (NAT, 0)));
    assert_eq!(inside, unknown);
}

#[test]
fn s58_the_ports_of_a_destination_are_used_up() {
    let mut room = natted();
    let ask = |from: (&str, u16), to, ttl| between(tcp(flag::SYN).ttl(ttl), from, (X, to));
    for number in 0..55_000 {
        let seen = ask((NAT_PUBLIC, 1024 + number), 443, 63);
        let left = room.send_seen("a1", ask((A1, 1024 + number), 443, 64), Some(seen.clone()));
        assert_eq!(left, room.out("a1", seen));
    }
    let one_more = room.send("a1", ask((A1, 60_000), 443, 64));
    assert_eq!(one_more, room.arriving("nat-A", Reason::NatHasNoPortLeft));
    assert!(matches!(room.send("a1", ask((A1, 60_000), 444, 64)), Verdict::Left(_)));
    room.wait(61);
    assert!(matches!(room.send("a1", ask((A1, 60_000), 443, 64)), Verdict::Left(_)));
}

#[test]
fn s59_the_nat_gateways_subnet_asks_its_nacl_both_ways() {
    let mut room = natted();
    room.change(|t0| {
        let deny = crate::topology::nacl_rule(10, true, groundplane::resources::RuleAction::Deny);
        let from_nat = groundplane::resources::NetworkAclEntry {
            cidr_block: crate::topology::net("198.51.100.0/24"),
            ..deny
        };
        t0.nacl("APUB", [crate::topology::open_nacl(), vec![from_nat]].concat());
    });
    let refused = room.send("a1", between(Packet::udp(), (A1, 1), (X, 2)));
    let Verdict::Dropped(drop) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((drop.at, drop.egress, drop.rule), (room.eni("nat-A"), true, Some(10)));
}

#[test]
fn s60_a_private_nat_gateway_has_no_way_to_the_internet() {
    let mut room = natted();
    room.change(|t0| {
        t0.nat_is_private("nat-A");
    });
    let refused = room.send("a1", between(Packet::udp(), (A1, 1), (X, 2)));
    assert_eq!(refused, room.leaving("nat-A", Reason::SourceHasNoPublicAddress));
}

#[test]
fn s63_udp_and_pings_pass_in_fragments_or_whole_and_little_else() {
    let mut room = natted();
    let first = |from, ttl| between(Packet::udp().payload(&[7; 32]).ttl(ttl), from, (X, 53)).fragment(5, 0, true);
    let seen = first((NAT_PUBLIC, 2000), 63);
    let left = room.send_seen("a1", first((A1, 4000), 64), Some(seen.clone()));
    assert_eq!(left, room.out("a1", seen));
    let last = |from, ttl| between(Packet::udp().payload(&[8; 16]).ttl(ttl), (from, 0), (X, 0)).fragment(5, 5, false);
    let left = room.send("a1", last(A1, 64));
    assert_eq!(left, room.out("a1", last(NAT_PUBLIC, 63)));
    let gre = room.send("a1", between(Packet::protocol(47), (A1, 0), (X, 0)));
    assert_eq!(gre, room.arriving("nat-A", Reason::NatDoesNotCarryIt));
    let fragment = room.send(
        "a1",
        between(Packet::ping(1).payload(&[1; 64]), (A1, 0), (X, 0)).fragment(6, 0, true),
    );
    assert_eq!(fragment, room.arriving("nat-A", Reason::NatDropsFragments));
    let ping = |from, id, ttl| between(Packet::ping(id).ttl(ttl), (from, 0), (X, 0));
    let seen = ping(NAT_PUBLIC, 5000, 63);
    let left = room.send_seen("a1", ping(A1, 77, 64), Some(seen.clone()));
    assert_eq!(left, room.out("a1", seen));
    let pong = |to, id, ttl| between(Packet::pong(id).ttl(ttl), (X, 0), (to, 0));
    let came = room.come(pong(NAT_PUBLIC, 5000, 64));
    assert_eq!(came, room.at("a1", pong(A1, 77, 63)));
}

#[test]
fn an_error_about_what_was_translated_finds_its_way_though_no_rule_admits_it() {
    let mut room = natted();
    connected(&mut room);
    let quoted = between(tcp(flag::ACK), (NAT_PUBLIC, 2000), (X, 443));
    let error = Packet::icmp_error(3, 4, &quoted).mtu(1400);
    let came = room.come(between(error, ("192.0.2.1", 0), (NAT_PUBLIC, 0)));
    let Verdict::Delivered { frame, .. } = came else {
        panic!("{came:?}");
    };
    assert_eq!(frame[22], 63, "one hop");
    assert_eq!(frame[30..34], [10, 0, 1, 10]);
    let quote = &frame[42..];
    assert_eq!((&quote[12..16], &quote[20..22]), (&[10, 0, 1, 10][..], &[15, 160][..]));
    assert_eq!(crate::model::bytes::checksum(&quote[..20]), 0);
    assert_eq!(crate::model::bytes::checksum(&frame[34..]), 0);
}

#[test]
fn a_connection_that_closes_is_forgotten_soon_and_one_that_nobody_answers_after_a_minute() {
    let mut room = natted();
    connected(&mut room);
    room.send("a1", between(tcp(flag::RST), (A1, 4000), (X, 443)));
    let answer = || between(tcp(flag::ACK), (X, 443), (NAT_PUBLIC, 2000));
    room.wait(10);
    assert!(matches!(room.come(answer()), Verdict::Delivered { .. }));
    room.wait(11);
    assert_eq!(reason(&room.come(answer())), Some(Reason::NatHasNoMapping));
    let ask = |from, ttl| between(Packet::udp().ttl(ttl), from, (X, 53));
    room.send_seen("a1", ask((A1, 9), 64), Some(ask((NAT_PUBLIC, 2000), 63)));
    room.wait(61);
    let late = room.come(between(Packet::udp(), (X, 53), (NAT_PUBLIC, 2000)));
    assert_eq!(reason(&late), Some(Reason::NatHasNoMapping));
}

#[test]
fn s62_replies_from_a_peer_return_over_the_peering() {
    let mut room = Room::with(|t0| {
        t0.peering("pcx-AB", "VPC-A", "VPC-B")
            .route_out("A1", "10.1.0.0/16", "nat-A")
            .route_out("APUB", "10.1.0.0/16", "pcx-AB");
    });
    let b1 = "10.1.1.10";
    let syn = |from, ttl| between(tcp(flag::SYN).ttl(ttl), from, (b1, 80));
    let seen = syn((NAT, 2000), 63);
    let came = room.send_seen("a1", syn((A1, 4000), 64), Some(seen.clone()));
    assert_eq!(came, room.at("b1", seen));
    let answer = |to, ttl| between(tcp(flag::SYN | flag::ACK).ttl(ttl), (b1, 80), to);
    let came = room.send("b1", answer((NAT, 2000), 64));
    assert_eq!(came, room.at("a1", answer((A1, 4000), 63)));
    let direct = room.send("p3", between(tcp(flag::SYN), ("10.0.10.12", 4000), (b1, 80)));
    assert!(matches!(direct, Verdict::Delivered { .. }));
    let lost = room.send("b1", answer(("10.0.10.12", 4000), 64));
    assert_eq!(lost, room.leaving("b1", Reason::NoRoute));
}

#[test]
fn s39_a_route_to_a_nat_gateway_that_is_gone_is_a_blackhole() {
    let mut room = natted();
    room.change(|t0| {
        t0.delete_nat_gateway("nat-A");
    });
    let refused = room.send("a1", between(Packet::udp(), (A1, 1), (X, 2)));
    assert_eq!(refused, room.leaving("a1", Reason::RouteIsBlackhole));
    let nobodys = dropped(At::Internet, false, Reason::NobodysPublicAddress);
    assert_eq!(room.come(between(Packet::udp(), (X, 1), (NAT_PUBLIC, 2))), nobodys);
}
