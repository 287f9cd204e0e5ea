//! Semantics 9, 10 and 23: what the datapath has once got wrong about gateways.

use groundplane_abi::nacl::direction;
use groundplane_abi::{Device, DropReason};
use groundplane_tests::packet::{Packet, Parsed, ROUTER, flag};
use groundplane_tests::topology::{Groups, OUTSIDE, Topology, address};
use groundplane_tests::twin::{Heard, Path, Twin};
use std::time::Duration;

const X: &str = OUTSIDE[0];
const X6: &str = OUTSIDE[1];

/// T0 with gateways, and the datapath it was compiled for.
struct Room {
    topology: Topology,
    twin: Twin,
}

impl Room {
    fn with(change: impl FnOnce(&mut Topology)) -> Self {
        let mut topology = Topology::t0();
        change(&mut topology);
        let twin = Twin::new(&topology);
        Self { topology, twin }
    }

    /// A guest sends something to the router.
    fn leave(&mut self, guest: &str, packet: Packet) -> Heard {
        let guest = self.topology.guest(guest);
        let frame = packet.from_mac(guest.mac).to_mac(ROUTER).build();
        self.twin.send(guest.device, &frame, false).0
    }

    fn come(&mut self, packet: Packet) -> Heard {
        self.twin.send(Device::INTERNET, &packet.build(), false).0
    }

    /// Where the last drop was told of, and in which direction.
    fn told(&self) -> (Device, u32) {
        let event = self.twin.tables().last_drop().expect("there was a drop");
        (event.at, event.direction.into())
    }

    fn is_at(&self, heard: &Heard, guest: &str) -> bool {
        matches!(heard, Heard::Delivered { to, .. } if *to == self.topology.guest(guest).device)
    }
}

fn between(packet: Packet, from: (&str, u16), to: (&str, u16)) -> Packet {
    let [src, dst] = [from.0, to.0].map(address);
    packet.ip_from(src, from.1).ip_to(dst, to.1)
}

/// What was known of one packet's connection was taken for known of the next one's, which had none.
#[test]
fn an_egress_only_gateway_lets_nobody_in_behind_somebody_who_was_asked() {
    let mut room = Room::with(|t0| {
        t0.egress_only("eigw-A").route_out("A1", "::/0", "eigw-A");
    });
    let a1 = "2001:db8:a:1::10";
    let segment = |flags| Packet::tcp().flags(flags);
    let asked = room.leave("a1", between(segment(flag::SYN), (a1, 4000), (X6, 443)));
    assert!(matches!(asked, Heard::Left(_)), "{asked:?}");
    let answer = room.come(between(segment(flag::SYN | flag::ACK), (X6, 443), (a1, 4000)));
    assert!(room.is_at(&answer, "a1"), "{answer:?}");
    // One that is looked at closely, since it says something new.
    room.leave("a1", between(segment(flag::FIN | flag::ACK), (a1, 4000), (X6, 443)));
    for (from, to) in [(5000, 80), (443, 22)] {
        let stranger = room.come(between(segment(flag::SYN), (X6, from), (a1, to)));
        assert_eq!(stranger, Heard::Dropped(DropReason::EGRESS_ONLY));
    }
}

/// Semantics 5.5: "that subnet can't use a *direct* IGW route for its own traffic".
#[test]
fn what_comes_by_a_middlebox_goes_out_by_it_and_not_directly() {
    let mut room = Room::with(|t0| {
        t0.firewall()
            .public_address("fw", "203.0.113.20")
            .edge_table("edge", "igw-A")
            .edge_route("edge", "10.0.10.0/24", "fw")
            .route_out("A-FW", "0.0.0.0/0", "igw-A");
    });
    let answer = || between(Packet::udp(), ("10.0.10.10", 80), (X, 5000));
    let directly = room.leave("p1", answer());
    assert_eq!(directly, Heard::Dropped(DropReason::EDGE_ROUTE));
    let passed_on = room.leave("fw", answer());
    let expected = between(Packet::udp(), ("203.0.113.10", 80), (X, 5000));
    let expected = expected.from_mac(room.topology.guest("fw").mac).to_mac(ROUTER).build();
    assert_eq!(passed_on, Heard::Left(expected));
    let own = room.leave("fw", between(Packet::udp(), ("10.0.20.10", 80), (X, 5000)));
    assert!(matches!(own, Heard::Left(_)), "{own:?}");
}

/// A middlebox whose own subnet is led to it sends directly; its neighbours don't.
#[test]
fn a_middlebox_before_its_own_subnet_is_no_detour_for_itself() {
    let mut room = Room::with(|t0| {
        t0.edge_table("edge", "igw-A").edge_route("edge", "10.0.10.0/24", "p1");
    });
    let from = |source| between(Packet::udp(), (source, 4000), (X, 53));
    let own = room.leave("p1", from("10.0.10.10"));
    assert!(matches!(own, Heard::Left(_)), "{own:?}");
    let neighbours = room.leave("p2", from("10.0.10.11"));
    assert_eq!(neighbours, Heard::Dropped(DropReason::EDGE_ROUTE));
}

/// Semantics 7.6, 9.4: without it nobody behind an egress-only gateway would learn of a smaller MTU.
#[test]
fn an_egress_only_gateway_lets_in_errors_about_what_has_left_and_no_others() {
    let mut room = Room::with(|t0| {
        t0.egress_only("eigw-A").route_out("A1", "::/0", "eigw-A");
        t0.groups("a1", Groups::OUTBOUND);
    });
    let a1 = "2001:db8:a:1::10";
    let asked = |port| between(Packet::udp().payload(b"question"), (a1, port), (X6, 53));
    let about = |port, to| between(Packet::icmp6_error(2, 0, &asked(port)).mtu(1280), (X6, 0), (to, 0));
    room.leave("a1", asked(4000));
    let told = room.come(about(4000, a1));
    assert!(room.is_at(&told, "a1"), "{told:?}");
    for (port, to) in [(4001, a1), (4000, "2001:db8:a:1::11")] {
        assert_eq!(room.come(about(port, to)), Heard::Dropped(DropReason::EGRESS_ONLY));
    }
}

/// A SYN to the host itself came in with another MSS if the packet before had passed a NAT gateway.
#[test]
fn what_is_the_hosts_is_as_it_came_whatever_went_before() {
    let mut room = Room::with(|t0| {
        t0.route_out("A1", "0.0.0.0/0", "nat-A");
    });
    let syn = || Packet::tcp().flags(flag::SYN).mss(8960);
    let clamped = room.leave("a1", between(syn(), ("10.0.1.10", 4000), (X, 443)));
    assert!(matches!(clamped, Heard::Left(_)), "{clamped:?}");
    // That it is untouched the twin asserts.
    let hosts = room.come(between(syn(), (X, 4000), ("192.0.2.1", 22)));
    assert_eq!(hosts, Heard::Passed);
}

/// The answer from outside was judged anew, and the connection stayed half-open, if a packet between two guests had
/// come before: of that one's sender the MAC was left, which nobody outside has.
#[test]
fn an_answer_from_outside_promotes_whatever_went_before() {
    let mut room = Room::with(|t0| {
        t0.route_out("A1", "0.0.0.0/0", "nat-A");
    });
    let segment = |flags| Packet::tcp().flags(flags);
    room.leave("a1", between(segment(flag::SYN), ("10.0.1.10", 1), ("10.0.1.11", 80)));
    for (guest, private) in [("p1", "10.0.10.10"), ("a1", "10.0.1.10")] {
        let asked = room.leave(guest, between(segment(flag::SYN), (private, 4000), (X, 443)));
        let Heard::Left(frame) = asked else {
            panic!("{asked:?}");
        };
        let left = Parsed::read(&frame).expect("a whole packet");
        let answer = |flags| {
            segment(flags)
                .ip_from(left.dst, 443)
                .ip_to(left.src, left.ports.0)
                .build()
        };
        let path = |room: &mut Room, flags| room.twin.send(Device::INTERNET, &answer(flags), false).1;
        assert_eq!(path(&mut room, flag::SYN | flag::ACK), Some(Path::Promoted));
        assert_eq!(path(&mut room, flag::ACK), Some(Path::Fast));
    }
}

/// Where and which way a drop is told of is the same the second time, when it is remembered.
#[test]
fn a_drop_of_an_answer_is_told_alike_each_time() {
    let mut room = Room::with(|t0| {
        // What comes in for APUB goes to p3 first, which has no public address.
        t0.edge_table("edge", "igw-A").edge_route("edge", "10.0.10.0/24", "p3");
        t0.firewall().route_via("APUB", "0.0.0.0/0", "fw");
        t0.route_out("A-FW", "0.0.0.0/0", "igw-A");
    });
    // It goes out by the middlebox, and its answer would come back to p3.
    let passed_on = room.leave("fw", between(Packet::udp(), ("10.0.10.10", 4000), (X, 53)));
    assert!(matches!(passed_on, Heard::Left(_)), "{passed_on:?}");
    for _ in 0..2 {
        let answer = room.come(between(Packet::udp(), (X, 53), ("203.0.113.10", 4000)));
        assert_eq!(answer, Heard::Dropped(DropReason::EDGE_PUBLIC_ADDRESS));
        assert_eq!(room.told(), (Device::INTERNET, direction::INGRESS));
    }
}

/// It is too large for the way, not for whom it is for; also when the way is known.
#[test]
fn what_is_too_large_is_dropped_behind_whom_it_left_last() {
    let mut room = Room::with(|t0| {
        t0.peering("pcx-AB", "VPC-A", "VPC-B").region("VPC-B", "eu-west-1");
        t0.route_out("A1", "10.1.0.0/16", "pcx-AB")
            .route_out("B1", "10.0.0.0/16", "pcx-AB");
    });
    let data = |len: usize| {
        between(
            Packet::udp().payload(&vec![7; len]),
            ("10.0.1.10", 4000),
            ("10.1.1.10", 53),
        )
    };
    let a1 = room.topology.guest("a1").device;
    for _ in 0..2 {
        let large = room.leave("a1", data(8600).dont_fragment());
        assert!(
            matches!(
                large,
                Heard::Refused {
                    reason: DropReason::PATH_MTU_EXCEEDED,
                    ..
                }
            ),
            "{large:?}"
        );
        assert_eq!(room.told(), (a1, direction::EGRESS));
        let small = room.leave("a1", data(100));
        assert!(room.is_at(&small, "b1"), "{small:?}");
    }
    for _ in 0..2 {
        let large = between(Packet::udp().payload(&[7; 1600]), (X, 53), ("203.0.113.10", 4000));
        assert_eq!(
            room.come(large.dont_fragment()),
            Heard::Dropped(DropReason::PATH_MTU_EXCEEDED)
        );
        assert_eq!(room.told(), (Device::INTERNET, direction::INGRESS));
        room.come(between(Packet::udp(), (X, 53), ("203.0.113.10", 4000)));
    }
}

/// Semantics 10.3: "TCP and ICMP fragments are dropped", also those that say nothing of their type.
#[test]
fn a_nat_gateway_drops_later_fragments_of_icmp_as_fragments() {
    let mut room = Room::with(|t0| {
        t0.route_out("A1", "0.0.0.0/0", "nat-A");
    });
    let later = between(Packet::ping(1).payload(&[7; 16]), ("10.0.1.10", 0), (X, 0)).fragment(5, 9, false);
    assert_eq!(room.leave("a1", later), Heard::Dropped(DropReason::NAT_FRAGMENT));
}

/// Semantics 9.5 speaks of subnets and of NAT gateways; who passes their packets on doesn't matter.
#[test]
fn public_access_is_blocked_for_who_sends_and_not_for_who_passes_on() {
    let mut room = Room::with(|t0| {
        t0.firewall().route_out("A-FW", "0.0.0.0/0", "igw-A");
        t0.block_public_access("block-bidirectional")
            .exclude("APUB", "allow-bidirectional");
    });
    let from = |source| between(Packet::udp(), (source, 4000), (X, 53));
    let passed_on = room.leave("fw", from("10.0.10.10"));
    assert!(matches!(passed_on, Heard::Left(_)), "{passed_on:?}");
    let own = room.leave("fw", from("10.0.20.10"));
    assert_eq!(own, Heard::Dropped(DropReason::PUBLIC_ACCESS_BLOCKED));
}

/// What comes back to a NAT gateway with a hop limit of one ends there, and who passed it on isn't told.
#[test]
fn a_nat_gateway_tells_nobody_of_an_answers_hop_limit() {
    let mut room = Room::with(|t0| {
        t0.peering("pcx-AB", "VPC-A", "VPC-B");
        t0.route_out("A1", "10.1.0.0/16", "nat-A")
            .route_out("APUB", "10.1.0.0/16", "pcx-AB");
    });
    let asked = room.leave("a1", between(Packet::udp(), ("10.0.1.10", 4000), ("10.1.1.10", 53)));
    let Heard::Delivered { frame, .. } = asked else {
        panic!("{asked:?}");
    };
    let port = Parsed::read(&frame).unwrap().ports.0;
    let answer = between(Packet::udp().ttl(1), ("10.1.1.10", 53), ("10.0.10.200", port));
    assert_eq!(room.leave("b1", answer), Heard::Dropped(DropReason::HOP_LIMIT));
}

/// Semantics 23: a SYN in fragments has its MSS in the first.
#[test]
fn the_mss_of_a_syn_in_fragments_is_lowered() {
    let mut room = Room::with(|t0| {
        t0.transit_gateway("tgw")
            .attach("tgw", "att-A", &["A1"])
            .attach("tgw", "att-B", &["B1"]);
        t0.route_out("A1", "10.1.0.0/16", "tgw");
    });
    let first = |mss| {
        let syn = Packet::tcp()
            .flags(flag::SYN)
            .mss(mss)
            .payload(&[7; 16])
            .fragment(5, 0, true);
        between(syn, ("10.0.1.10", 4000), ("10.1.1.10", 80))
    };
    let Heard::Delivered { frame, .. } = room.leave("a1", first(8960)) else {
        panic!("it is delivered");
    };
    // The checksum of fragments is that of the whole, so what is compared is the option.
    const MSS: std::ops::Range<usize> = 14 + 20 + 20..14 + 20 + 24;
    assert_eq!(frame[MSS], first(8460).build()[MSS]);
}

/// A connection that takes the ports of one that has just closed has a mapping of its own: it had that of the old one,
/// which was dead as soon as anybody looked, so that errors about it were dropped, and a change of routes ended it with
/// a RST.
#[test]
fn a_connection_on_the_ports_of_one_that_has_closed_has_its_own_mapping() {
    let mut room = Room::with(|t0| {
        t0.route_out("A1", "0.0.0.0/0", "nat-A");
    });
    let segment = |flags| Packet::tcp().flags(flags);
    let ask = |room: &mut Room, flags| {
        let asked = room.leave("a1", between(segment(flags), ("10.0.1.10", 4000), (X, 443)));
        let Heard::Left(frame) = asked else {
            panic!("{asked:?}");
        };
        Parsed::read(&frame).expect("a whole packet")
    };
    let mut left = ask(&mut room, flag::SYN);
    for closes in [flag::RST, flag::ACK] {
        let answer = segment(closes).ip_from(left.dst, 443).ip_to(left.src, left.ports.0);
        let heard = room.twin.send(Device::INTERNET, &answer.build(), false).0;
        assert!(matches!(heard, Heard::Delivered { .. }), "{heard:?}");
        room.twin.wait(Duration::from_secs(2));
        let flags = if closes == flag::RST { flag::SYN } else { flag::ACK };
        left = ask(&mut room, flags);
    }
    let about = segment(flag::ACK).ip_from(left.src, left.ports.0).ip_to(left.dst, 443);
    let error = Packet::icmp_error(3, 1, &about)
        .ip_from(address(X), 0)
        .ip_to(left.src, 0);
    let heard = room.twin.send(Device::INTERNET, &error.build(), false).0;
    assert!(matches!(heard, Heard::Delivered { .. }), "{heard:?}");
}

/// A connection from outside is charged to the ENI that it goes to, once: it was charged as one that is tracked and as
/// one that isn't, so that half of the allowance was all.
#[test]
fn a_connection_from_outside_is_charged_once() {
    for (groups, expected) in [(Groups::INBOUND, (1, 0)), (Groups::OPEN, (0, 1))] {
        let mut room = Room::with(|t0| {
            t0.groups("p1", groups);
        });
        let segment = |flags| Packet::tcp().flags(flags);
        room.come(
            segment(flag::SYN)
                .ip_from(address(X), 7)
                .ip_to(address("203.0.113.10"), 80),
        );
        let answer = between(segment(flag::SYN | flag::ACK), ("10.0.10.10", 80), (X, 7));
        room.leave("p1", answer);
        let states = room.twin.tables().states();
        let state = states[&room.topology.guest("p1").device];
        assert_eq!((state.tracked, state.untracked), expected, "{groups:?}");
    }
}
