//! Semantics 9: what the datapath has once got wrong about gateways.

use groundplane_abi::{Device, DropReason};
use groundplane_tests::packet::{Packet, ROUTER, flag};
use groundplane_tests::topology::{OUTSIDE, Topology, address};
use groundplane_tests::twin::{Heard, Twin};

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
