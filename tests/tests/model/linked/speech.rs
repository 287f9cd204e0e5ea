//! What is said by VPC links: by the service, by whoever answers it, and by those whom nobody has asked.

use super::super::abroad::speech::{OPAQUE, answer, object};
use super::world::{Name, OWN};
use groundplane_abi::{Device, Mac};
use groundplane_tests::packet::{Packet, Parsed, ROUTER, flag};
use groundplane_tests::topology::{Guest, Topology, address};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

/// What the service is seen as where its connections begin.
const SERVICE: [u8; 4] = [100, 64, 0, 1];
/// What no name is.
const NOBODY: [u8; 4] = [100, 64, 9, 9];
const GUESTS: [&str; 7] = ["a1", "a1x", "a2", "a3", "b1", "t1", "t3"];
const PORTS: [u16; 5] = [8080, 8080, 80, 443, 9999];
/// Answers are given to one of so many packets.
const REMEMBERED: usize = 24;

/// Who there is, and what has arrived of late.
pub(super) struct Heap {
    guests: Vec<Guest>,
    names: Vec<[u8; 4]>,
    arrived: Vec<(Device, Parsed)>,
    opened: u16,
}

/// A short pause, one after which a link has forgotten, or one after which nobody knows anything. Once the
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
    pub(super) fn new(topology: &Topology, names: &[Name]) -> Self {
        Self {
            guests: GUESTS.map(|name| topology.guest(name)).into(),
            names: names.iter().map(|name| name.address).collect(),
            arrived: Vec::new(),
            opened: 0,
        }
    }

    /// What was under way before a change is judged anew; what it belongs to by then nobody says.
    pub(super) fn changed(&mut self) {
        self.arrived.retain(|(at, _)| *at == Device::SERVICE);
    }

    pub(super) fn arrived(&mut self, at: Device, frame: &[u8]) {
        let Ok(parsed) = Parsed::read(frame) else { return };
        if self.arrived.len() >= REMEMBERED {
            self.arrived.remove(0);
        }
        self.arrived.push((at, parsed));
    }

    /// Who says what next.
    pub(super) fn next(&mut self, random: &mut ChaCha8Rng) -> (Device, Packet) {
        match self.arrived.choose(random) {
            Some((at, arrived)) if random.random_bool(0.55) => {
                let packet = if *at != Device::SERVICE && random.random_bool(0.1) {
                    object(arrived, random)
                } else {
                    answer(arrived, random)
                };
                (*at, self.framed(*at, packet))
            }
            _ if random.random_bool(0.35) => self.by_a_stranger(random),
            _ => self.by_the_service(random),
        }
    }

    fn framed(&self, device: Device, packet: Packet) -> Packet {
        let guest = self.guests.iter().find(|guest| guest.device == device);
        packet
            .from_mac(guest.map_or(Mac::SERVICE.0, |guest| guest.mac))
            .to_mac(ROUTER)
    }

    /// The first packet of a connection, or one that comes too late to be.
    fn by_the_service(&mut self, random: &mut ChaCha8Rng) -> (Device, Packet) {
        let packet = match random.random_range(0..12) {
            0 => Packet::udp().payload(b"data"),
            1 => Packet::ping(7),
            2 => Packet::protocol(47).payload(OPAQUE),
            3 => Packet::tcp().flags(flag::ACK),
            4..7 => Packet::tcp().flags(flag::SYN).mss(8961),
            _ => Packet::tcp().flags(flag::SYN),
        };
        let name = if random.random_bool(0.03) {
            NOBODY
        } else {
            *self.names.choose(random).expect("some")
        };
        self.opened += 1;
        let packet = packet
            .ip_from(SERVICE, 30_000 + self.opened)
            .ip_to(name, *PORTS.choose(random).expect("some"));
        (Device::SERVICE, self.framed(Device::SERVICE, packet))
    }

    /// A guest speaks to a link's network interface: to any port, or to one that stands for a connection that is
    /// another's. No target speaks from the port that it listens at: what it opens by a connection of the service's
    /// that has ended, nobody says.
    fn by_a_stranger(&self, random: &mut ChaCha8Rng) -> (Device, Packet) {
        let guest = self.guests.choose(random).expect("some");
        let own = address(OWN.choose(random).expect("some").1);
        let mut about = self.arrived.iter().filter(|(_, arrived)| arrived.src.0 == own);
        let known = about.next().map(|(_, arrived)| arrived.ports.0);
        let port = known.filter(|_| random.random_bool(0.5)).unwrap_or(8080);
        let packet = match random.random_range(0..6) {
            0 => Packet::udp().payload(b"data"),
            1 => Packet::ping(7),
            2 => Packet::protocol(47).payload(OPAQUE),
            3 => Packet::tcp().flags(flag::ACK),
            _ => Packet::tcp().flags(flag::SYN),
        };
        let packet = packet.ip_from(guest.ip, 4000).ip_to(own, port);
        (guest.device, self.framed(guest.device, packet))
    }
}
