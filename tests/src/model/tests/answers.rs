//! Semantics 23: what a packet's sender is told.

use super::{Room, between, reason};
use crate::model::{Reason, Verdict};
use crate::packet::{Packet, ROUTER};
use crate::topology::{Groups, icmp, tcp};

const X: &str = "198.51.100.7";
const X6: &str = "2001:db8:ffff::7";
const P1: &str = "10.0.10.10";

#[test]
fn s50_too_large_a_packet_leaves_all_the_same_or_comes_back_as_an_error() {
    let mut room = Room::with(|_| {});
    let large = |from| between(Packet::udp().payload(&[7; 1972]), (from, 4000), (X, 53));
    let left = room.send("p1", large(P1));
    assert_eq!(left, room.out("p1", large("203.0.113.10")));
    let sent = large(P1).dont_fragment();
    let Verdict::Refused { drop, answer } = room.send("p1", sent.clone()) else {
        panic!("it is answered");
    };
    assert_eq!(drop.reason, Reason::LargerThanThePath);
    let mac = room.topology.guest("p1").mac;
    let expected = Packet::icmp_error(3, 4, &sent).mtu(1500);
    let expected = between(expected, ("10.0.10.1", 0), (P1, 0));
    assert_eq!(answer, expected.from_mac(ROUTER).to_mac(mac).build());
}

#[test]
fn in_ipv6_it_always_comes_back() {
    let mut room = Room::with(|t0| {
        t0.route_out("APUB", "::/0", "igw-A");
    });
    let sent = between(Packet::udp().payload(&[7; 1453]), ("2001:db8:a:10::10", 4000), (X6, 53));
    let Verdict::Refused { answer, .. } = room.send("p1", sent.clone()) else {
        panic!("it is answered");
    };
    let mac = room.topology.guest("p1").mac;
    let expected = Packet::icmp6_error(2, 0, &sent).mtu(1500).truncate_payload(48);
    let expected = between(expected, ("2001:db8:a:10::1", 0), ("2001:db8:a:10::10", 0));
    assert_eq!(answer, expected.from_mac(ROUTER).to_mac(mac).build());
    let fits = between(Packet::udp().payload(&[7; 1452]), ("2001:db8:a:10::10", 4000), (X6, 53));
    assert!(matches!(room.send("p1", fits), Verdict::Left(_)));
}

#[test]
fn an_error_about_a_tracked_flow_needs_a_rule() {
    let mut room = Room::with(|t0| {
        t0.groups("p1", Groups::OUTBOUND);
    });
    let large = || between(Packet::udp().payload(&[7; 1972]), (P1, 4000), (X, 53)).dont_fragment();
    assert_eq!(room.send("p1", large()), room.leaving("p1", Reason::LargerThanThePath));
    room.change(|t0| {
        let rules = vec![
            icmp(Some(3), Some(4)).from("10.0.10.1/32"),
            crate::topology::all().to("0.0.0.0/0"),
        ];
        t0.group("told", rules).in_groups("p1", &["told"]);
    });
    assert!(matches!(room.send("p1", large()), Verdict::Refused { .. }));
}

#[test]
fn a_nat_gateway_is_a_hop_that_tells_of_itself() {
    let mut room = Room::with(|t0| {
        t0.route_out("A1", "0.0.0.0/0", "nat-A");
        t0.group(
            "out",
            vec![tcp(0..=65535).to("0.0.0.0/0"), icmp(None, None).to("0.0.0.0/0")],
        )
        .in_groups("a1", &["out"]);
    });
    let sent = between(Packet::ping(7).ttl(1), ("10.0.1.10", 0), (X, 0));
    let Verdict::Refused { drop, answer } = room.send("a1", sent.clone()) else {
        panic!("it is answered");
    };
    assert_eq!(drop.reason, Reason::HopLimitIsUsedUp);
    let mac = room.topology.guest("a1").mac;
    let expected = between(Packet::icmp_error(11, 0, &sent), ("10.0.10.200", 0), ("10.0.1.10", 0));
    assert_eq!(answer, expected.from_mac(ROUTER).to_mac(mac).build());
    room.change(|t0| {
        t0.nacl(
            "A1",
            crate::topology::open_nacl()
                .into_iter()
                .filter(|it| it.egress)
                .collect(),
        );
    });
    assert_eq!(reason(&room.send("a1", sent)), Some(Reason::HopLimitIsUsedUp));
}
