//! What is said to load balancers: something new, or an answer to what has arrived.

use super::super::abroad::speech::{OPAQUE, answer, object, shaped};
use groundplane_abi::Device;
use groundplane_tests::packet::{Packet, Parsed, ROUTER, flag};
use groundplane_tests::topology::{Guest, Topology, address};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

/// Who speaks to whom.
const CLIENTS: [(&[&str], &[&str]); 3] = [
    (
        &["a1", "a1x", "a2", "a3", "p1", "p2", "b1"],
        &["10.0.1.51", "10.0.3.51"],
    ),
    (
        &["a1", "a2", "a3", "p1", "b1"],
        &["10.0.1.70", "10.0.3.70", "10.1.1.70"],
    ),
    (&["t1", "t3"], &["10.0.1.50", "10.0.3.50", "10.0.1.50", "10.0.1.70"]),
];
/// Who speaks IPv6, to which nodes.
const CLIENTS6: [&str; 5] = ["a1", "a1x", "a2", "a3", "p1"];
const DOORS6: [&str; 2] = ["2001:db8:a:1::51", "2001:db8:a:3::51"];
/// Ports that somebody listens to, and some others.
const TCP_PORTS: [u16; 7] = [80, 80, 81, 81, 90, 443, 8080];
const UDP_PORTS: [u16; 4] = [53, 53, 90, 5353];
/// Answers are given to one of so many packets.
const REMEMBERED: usize = 24;

/// Who there is, and what has arrived of late.
pub(super) struct Heap {
    guests: Vec<(&'static str, Guest)>,
    arrived: Vec<(Device, Parsed)>,
    opened: u16,
}

/// The addresses of nodes and endpoints.
const DOORS: [&str; 7] = [
    "10.0.1.50",
    "10.0.3.50",
    "10.0.1.51",
    "10.0.3.51",
    "10.0.1.70",
    "10.0.3.70",
    "10.1.1.70",
];
/// Where targets listen.
const TARGET_PORTS: [u16; 5] = [8080, 5353, 9000, 8443, 9006];
/// The shortest time after which a connection may be forgotten.
const SHORTEST_LIMIT: Duration = Duration::from_secs(10);

/// A short pause, one after which a node has forgotten, or one after which nobody knows anything. Once the
/// configuration has changed nobody says how long each remembers what it has seen only a part of.
pub(super) fn pause(is_changed: bool, random: &mut ChaCha8Rng) -> Duration {
    let seconds: &[u64] = if is_changed {
        &[0, 0, 0, 500_000]
    } else {
        &[0, 0, 0, 0, 11, 400, 500_000]
    };
    Duration::from_secs(*seconds.choose(random).expect("some")) + Duration::from_millis(137)
}

impl Heap {
    pub(super) fn new(topology: &Topology) -> Self {
        let names = ["a1", "a1x", "a2", "a3", "p1", "p2", "b1", "t1", "t3"];
        Self {
            guests: names.map(|name| (name, topology.guest(name))).into(),
            arrived: Vec::new(),
            opened: 0,
        }
    }

    /// What targets have got before a change isn't answered after it: their connections may be others' by then, and
    /// nobody says how late an answer may come.
    pub(super) fn changed(&mut self) {
        self.arrived
            .retain(|(_, arrived)| !TARGET_PORTS.contains(&arrived.ports.1));
    }

    /// Who sees a client answers it by itself, once the node has forgotten it. Whose connection that is, if the client
    /// then has another one by the node, nobody says.
    pub(super) fn paused(&mut self, time: Duration) {
        if time >= SHORTEST_LIMIT {
            let doors = [&DOORS[..], &DOORS6].concat();
            let is_door = |ip| doors.iter().any(|door| address(door) == ip);
            self.arrived.retain(|(_, arrived)| is_door(arrived.src.0));
        }
    }

    pub(super) fn arrived(&mut self, at: Device, frame: &[u8]) {
        let Ok(parsed) = Parsed::read(frame) else { return };
        if parsed.ports == (0, 0) {
            // A fragment.
            return;
        }
        if self.arrived.len() >= REMEMBERED {
            self.arrived.remove(0);
        }
        self.arrived.push((at, parsed));
    }

    /// Who says what next.
    pub(super) fn next(&mut self, random: &mut ChaCha8Rng) -> (Device, Packet) {
        match self.arrived.choose(random) {
            Some((at, arrived)) if random.random_bool(0.65) => {
                let packet = if random.random_bool(0.15) {
                    object(arrived, random)
                } else {
                    answer(arrived, random)
                };
                let guest = self.guests.iter().find(|(_, guest)| guest.device == *at);
                let (_, guest) = guest.expect("packets arrive at guests");
                (*at, packet.from_mac(guest.mac).to_mac(ROUTER))
            }
            _ if random.random_bool(0.15) => self.begin6(random),
            _ => self.begin(random),
        }
    }

    /// The same in IPv6.
    fn begin6(&mut self, random: &mut ChaCha8Rng) -> (Device, Packet) {
        let client = *CLIENTS6.choose(random).expect("some");
        let guest = self.guests.iter().find(|(name, _)| *name == client);
        let (_, guest) = guest.expect("it is a guest");
        let own = guest.ip6.expect("T0's guests in VPC-A have IPv6");
        let door = address(DOORS6.choose(random).expect("some"));
        let port = *[96, 96, 96, 80].choose(random).expect("some");
        let packet = match random.random_range(0..10) {
            0 => Packet::ping6(7),
            1 => Packet::udp().payload(b"data"),
            2 => Packet::tcp().flags(flag::ACK),
            _ => Packet::tcp().flags(flag::SYN),
        };
        self.opened += 1;
        let packet = packet.ip_from(own, 30_000 + self.opened).ip_to(door, port);
        (guest.device, packet.from_mac(guest.mac).to_mac(ROUTER))
    }

    /// The first packet of something, or one that comes too late to be.
    fn begin(&mut self, random: &mut ChaCha8Rng) -> (Device, Packet) {
        let (clients, doors) = *CLIENTS.choose(random).expect("some");
        let client = *clients.choose(random).expect("some");
        let guest = self.guests.iter().find(|(name, _)| *name == client);
        let (_, guest) = guest.expect("it is a guest");
        let door = *doors.choose(random).expect("some");
        let (packet, port, is_datagram) = match random.random_range(0..20) {
            0..11 => {
                let flags = [flag::SYN, flag::SYN, flag::SYN, flag::SYN, flag::ACK];
                let packet = Packet::tcp().flags(*flags.choose(random).expect("some"));
                let packet = if random.random_bool(0.2) {
                    packet.mss(8961)
                } else {
                    packet
                };
                (packet, *TCP_PORTS.choose(random).expect("some"), false)
            }
            11..18 => (
                Packet::udp().payload(b"data"),
                *UDP_PORTS.choose(random).expect("some"),
                true,
            ),
            18 => (Packet::ping(7), 0, false),
            _ => (Packet::protocol(47).payload(OPAQUE), 0, false),
        };
        // Who sees clients tells their connections apart by nothing but the port, so nobody has one for two nodes; and
        // that of a connection that closes isn't used again, since what belongs to it may still be on its way.
        let place = DOORS.iter().position(|other| *other == door).expect("it is a door");
        let own = if port == 0 || is_datagram {
            4000 + 100 * place as u16 + port % 97 + 10_000 * random.random_range(0..2)
        } else {
            self.opened += 1;
            30_000 + self.opened
        };
        let packet = packet.ip_from(guest.ip, own).ip_to(address(door), port);
        (guest.device, shaped(packet.from_mac(guest.mac).to_mac(ROUTER), random))
    }
}
