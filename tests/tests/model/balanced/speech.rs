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
/// Ports that somebody listens to, and some others.
const TCP_PORTS: [u16; 7] = [80, 80, 81, 81, 90, 443, 8080];
const UDP_PORTS: [u16; 4] = [53, 53, 90, 5353];
/// Answers are given to one of so many packets.
const REMEMBERED: usize = 24;

/// Who there is, and what has arrived of late.
pub(super) struct Heap {
    guests: Vec<(&'static str, Guest)>,
    arrived: Vec<(Device, Parsed)>,
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
/// The shortest time after which a connection may be forgotten.
const SHORTEST_LIMIT: Duration = Duration::from_secs(10);

/// A short pause, one after which a node has forgotten, or one after which nobody knows anything. Once the configuration
/// has changed nobody says how long each remembers what it has seen only a part of.
pub(super) fn pause(is_changed: bool, random: &mut ChaCha8Rng) -> Duration {
    let seconds: &[u64] = if is_changed {
        &[0, 0, 0, 500_000]
    } else {
        &[0, 0, 0, 11, 61, 400, 500_000]
    };
    Duration::from_secs(*seconds.choose(random).expect("some")) + Duration::from_millis(137)
}

impl Heap {
    pub(super) fn new(topology: &Topology) -> Self {
        let names = ["a1", "a1x", "a2", "a3", "p1", "p2", "b1", "t1", "t3"];
        Self {
            guests: names.map(|name| (name, topology.guest(name))).into(),
            arrived: Vec::new(),
        }
    }

    /// Who sees a client answers it by itself, once the node has forgotten it. Whose connection that is, if the client then
    /// has another one by the node, nobody says.
    pub(super) fn paused(&mut self, time: Duration) {
        if time >= SHORTEST_LIMIT {
            let doors = DOORS.map(address);
            self.arrived.retain(|(_, arrived)| doors.contains(&arrived.src.0));
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
    pub(super) fn next(&self, random: &mut ChaCha8Rng) -> (Device, Packet) {
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
            _ => self.begin(random),
        }
    }

    /// The first packet of something, or one that comes too late to be.
    fn begin(&self, random: &mut ChaCha8Rng) -> (Device, Packet) {
        let (clients, doors) = *CLIENTS.choose(random).expect("some");
        let client = *clients.choose(random).expect("some");
        let guest = self.guests.iter().find(|(name, _)| *name == client);
        let (_, guest) = guest.expect("it is a guest");
        let door = *doors.choose(random).expect("some");
        let (packet, port) = match random.random_range(0..20) {
            0..11 => {
                let flags = [flag::SYN, flag::SYN, flag::SYN, flag::SYN, flag::ACK];
                let packet = Packet::tcp().flags(*flags.choose(random).expect("some"));
                let packet = if random.random_bool(0.2) {
                    packet.mss(8961)
                } else {
                    packet
                };
                (packet, *TCP_PORTS.choose(random).expect("some"))
            }
            11..18 => (Packet::udp().payload(b"data"), *UDP_PORTS.choose(random).expect("some")),
            18 => (Packet::ping(7), 0),
            _ => (Packet::protocol(47).payload(OPAQUE), 0),
        };
        // A port for each whom it speaks to, so that few meet others by the way.
        let own = random.random_range(4000..4003) + port * 4;
        let packet = packet.ip_from(guest.ip, own).ip_to(address(door), port);
        (guest.device, shaped(packet.from_mac(guest.mac).to_mac(ROUTER), random))
    }
}
