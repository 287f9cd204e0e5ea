//! Semantics 9.

use super::{Room, X, between, dropped, outside, reason};
use crate::model::{At, Reason, Verdict};
use crate::packet::{Damage, Packet, flag};
use crate::topology::{Topology, tcp};

const X4: &str = "198.51.100.7";
const P1: &str = "10.0.10.10";
const P1_PUBLIC: &str = "203.0.113.10";
const P2_PUBLIC: &str = "203.0.113.11";

fn t0() -> Room {
    Room::with(|_| {})
}

#[test]
fn s45_the_outside_sees_the_public_address_and_the_guest_its_own() {
    let mut room = t0();
    let syn = || Packet::tcp().flags(flag::SYN);
    let left = room.send("p1", between(syn(), (P1, 40_000), (X4, 443)));
    assert_eq!(left, room.out("p1", between(syn(), (P1_PUBLIC, 40_000), (X4, 443))));
    let answer = || Packet::tcp().flags(flag::SYN | flag::ACK);
    let came = room.come(between(answer(), (X4, 443), (P1_PUBLIC, 40_000)));
    assert_eq!(came, room.at("p1", between(answer(), (X4, 443), (P1, 40_000))));
}

#[test]
fn s46_to_s48_what_an_internet_gateway_doesnt_let_out() {
    let mut room = t0();
    let ask = |from, to| between(Packet::udp(), (from, 1), (to, 2));
    let refused = room.send("p3", ask("10.0.10.12", X4));
    assert_eq!(refused, room.leaving("p3", Reason::SourceHasNoPublicAddress));
    let refused = room.send("p1", ask(P1, "192.168.5.5"));
    assert_eq!(refused, room.leaving("p1", Reason::DestinationIsPrivate));
    let refused = room.send("p1", ask(P1, "100.64.0.9"));
    assert_eq!(refused, room.leaving("p1", Reason::DestinationIsShared));
}

#[test]
fn s49_a_neighbour_by_its_public_address_is_a_stranger() {
    let mut room = Room::with(|t0| {
        t0.group("inside", vec![tcp(80).from("10.0.0.0/16")])
            .in_groups("p2", &["inside"]);
    });
    let syn = |from, to| between(Packet::tcp().flags(flag::SYN), (from, 40_000), (to, 80));
    let refused = room.send("p1", syn(P1, P2_PUBLIC));
    assert_eq!(refused, room.arriving("p2", Reason::NoIngressRule));
    room.change(|t0| {
        t0.in_groups("p2", &["VPC-A-open"]);
    });
    let came = room.send("p1", syn(P1, P2_PUBLIC));
    assert_eq!(came, room.at("p2", syn(P1_PUBLIC, "10.0.10.11")));
}

#[test]
fn s52_an_egress_only_gateway_lets_in_what_was_asked_for() {
    let mut room = Room::with(|t0| {
        t0.egress_only("eigw-A").route_out("A1", "::/0", "eigw-A");
    });
    let (a1, [_, x6]) = ("2001:db8:a:1::10", outside());
    let x6 = x6.to_string();
    let ask = || between(Packet::udp(), (a1, 4000), (&x6, 53));
    let answer = || between(Packet::udp(), (&x6, 53), (a1, 4000));
    let refused = room.come(answer());
    assert_eq!(refused, dropped(At::Internet, false, Reason::NobodyAskedForIt));
    let left = room.send("a1", ask());
    assert_eq!(left, room.out("a1", ask()));
    let came = room.come(answer());
    assert_eq!(came, room.at("a1", answer()));
    room.wait(350);
    assert_eq!(room.come(answer()), room.at("a1", answer()));
    room.wait(351);
    assert_eq!(reason(&room.come(answer())), Some(Reason::NobodyAskedForIt));
}

#[test]
fn what_isnt_ours_passes_and_what_is_nobodys_is_dropped() {
    let mut room = Room::with(|t0| {
        t0.elastic("203.0.113.99");
    });
    let to = |dst| between(Packet::udp(), (X4, 1), (dst, 2));
    assert_eq!(room.come(to("203.0.113.77")), Verdict::Passed);
    assert_eq!(room.come(to(P1_PUBLIC).damaged(Damage::IpVersion(5))), Verdict::Passed);
    let nobodys = dropped(At::Internet, false, Reason::NobodysPublicAddress);
    assert_eq!(room.come(to("203.0.113.99")), nobodys);
}

#[test]
fn s54_a_source_that_cannot_come_from_the_outside_is_dropped() {
    let mut room = t0();
    for (source, why) in [
        ("10.0.1.10", Reason::SourceIsPrivate),
        ("192.168.0.1", Reason::SourceIsPrivate),
        ("100.100.0.1", Reason::SourceIsShared),
    ] {
        let came = room.come(between(Packet::udp(), (source, 1), (P1_PUBLIC, 2)));
        assert_eq!(came, dropped(At::Internet, false, why));
    }
}

#[test]
fn an_error_speaks_to_either_side_of_its_own_addresses() {
    let mut room = t0();
    let asked = |from| between(Packet::udp().payload(b"question"), (from, 4000), (X4, 53));
    let unreachable = |quoted: &Packet, to| {
        Packet::icmp_error(3, 3, quoted)
            .ip_from(X, 0)
            .ip_to(super::address(to), 0)
    };
    room.send("p1", asked(P1));
    let came = room.come(unreachable(&asked(P1_PUBLIC), P1_PUBLIC));
    // The quoted UDP checksum stays what it was on the outside.
    let mut expected = unreachable(&asked(P1), P1).build();
    let public = asked(P1_PUBLIC).build();
    let quoted_sum = 14 + 20 + 8 + 20 + 6;
    expected[quoted_sum..quoted_sum + 2].copy_from_slice(&public[40..42]);
    let (icmp, sum_at) = (14 + 20, 14 + 20 + 2);
    expected[sum_at..sum_at + 2].fill(0);
    let sum = crate::model::bytes::checksum(&expected[icmp..]);
    expected[sum_at..sum_at + 2].copy_from_slice(&sum.to_be_bytes());
    let Verdict::Delivered { frame, .. } = came else {
        panic!("{came:?}");
    };
    assert_eq!(frame[14..], expected[14..]);
}

#[test]
fn a_wrong_checksum_stays_wrong_and_none_stays_none() {
    let mut room = t0();
    let udp = |from| between(Packet::udp().payload(b"odd"), (from, 4000), (X4, 53));
    let none = |from| udp(from).damaged(Damage::TransportChecksum(17, 0));
    let left = room.send("p1", none(P1));
    assert_eq!(left, room.out("p1", none(P1_PUBLIC)));
    // 0a00 becomes cb00 and 0a0a becomes 710a: ~1234 + ~0a00 + cb00 + ~0a0a + 710a = 15cd, all carries added.
    let left = room.send("p1", udp(P1).damaged(Damage::TransportChecksum(17, 0x1234)));
    let wrong = !0x15cd;
    let expected = udp(P1_PUBLIC).damaged(Damage::TransportChecksum(17, wrong));
    assert_eq!(left, room.out("p1", expected));
}

#[test]
fn s51_public_access_is_blocked_in_part_and_wholly_but_for_whom_it_isnt() {
    let mut room = Room::with(|t0| {
        t0.route_out("A1", "0.0.0.0/0", "nat-A")
            .block_public_access("block-ingress");
    });
    let from = |from| between(Packet::udp(), (from, 1000), (X4, 53));
    let inward = || between(Packet::udp(), (X4, 53), (P1_PUBLIC, 1000));
    assert_eq!(reason(&room.send("p1", from(P1))), Some(Reason::PublicAccessIsBlocked));
    assert_eq!(reason(&room.come(inward())), Some(Reason::PublicAccessIsBlocked));
    assert!(matches!(room.send("a1", from("10.0.1.10")), Verdict::Left(_)));
    room.change(|t0| {
        t0.block_public_access("block-bidirectional");
    });
    let blocked = room.send("a1", from("10.0.1.10"));
    assert_eq!(blocked, room.leaving("nat-A", Reason::PublicAccessIsBlocked));
    room.change(|t0| {
        t0.exclude("APUB", "allow-bidirectional");
    });
    assert!(matches!(room.send("p1", from(P1)), Verdict::Left(_)));
    assert_eq!(
        room.come(inward()),
        room.at("p1", between(Packet::udp(), (X4, 53), (P1, 1000)))
    );
}

#[test]
fn s42_translation_comes_before_the_gateways_table() {
    let firewalled = |t0: &mut Topology| {
        t0.firewall()
            .public_address("fw", "203.0.113.20")
            .edge_table("edge", "igw-A")
            .edge_route("edge", "10.0.10.0/24", "fw")
            .route_via("APUB", "0.0.0.0/0", "fw")
            .route_out("A-FW", "0.0.0.0/0", "igw-A");
    };
    let mut room = Room::with(firewalled);
    let syn = |to| between(Packet::tcp().flags(flag::SYN), (X4, 5000), (to, 80));
    let came = room.come(syn(P1_PUBLIC));
    assert_eq!(came, room.at("fw", syn(P1)));
    room.change(|t0| {
        t0.source_dest_check("fw", true);
    });
    let refused = room.come(syn(P1_PUBLIC));
    assert_eq!(refused, room.arriving("fw", Reason::SourceDestCheckAtReceiver));
    room.change(|t0| {
        t0.source_dest_check("fw", false).no_public_address("203.0.113.20");
    });
    let refused = room.come(syn(P1_PUBLIC));
    assert_eq!(refused, dropped(At::Internet, false, Reason::EdgeTableLeadsToPrivate));
    room.change(|t0| {
        t0.only_local_route("APUB").route_out("APUB", "0.0.0.0/0", "igw-A");
    });
    let reply = room.send("p1", between(Packet::tcp(), (P1, 80), (X4, 5000)));
    assert_eq!(reply, room.leaving("p1", Reason::EdgeTableLeadsElsewhere));
}
