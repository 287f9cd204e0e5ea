//! What is said by way of appliances: something new, or an answer to what has arrived.

use super::super::abroad::speech::{OPAQUE, answer, object, shaped};
use groundplane_abi::Device;
use groundplane_tests::packet::{Packet, Parsed, ROUTER, flag};
use groundplane_tests::topology::{Guest, OUTSIDE, Topology, address};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;
use std::net::IpAddr;
use std::time::Duration;

const GUESTS: [&str; 6] = ["a1", "a1x", "a2", "a3", "p1", "p2"];
/// Whom the outside speaks to: p1, p2, and p1 in IPv6.
const PUBLIC: [&str; 3] = ["203.0.113.10", "203.0.113.11", "2001:db8:a:10::10"];
/// Nobody is there, but an endpoint and a node.
const COMPONENTS: [&str; 2] = ["10.0.30.4", "10.0.31.4"];
/// Answers are given to one of so many packets.
const REMEMBERED: usize = 24;
/// The MAC address of whoever is beyond the uplink.
const BEYOND: [u8; 6] = [2, 7, 7, 7, 7, 7];

/// Who there is, and what has arrived of late.
pub(super) struct Heap {
    guests: Vec<Guest>,
    appliances: Vec<Guest>,
    arrived: Vec<(Device, Parsed)>,
    opened: u16,
}

/// A short pause, one after which a load balancer has forgotten, or one after which nobody knows anything.
pub(super) fn pause(random: &mut ChaCha8Rng) -> Duration {
    let seconds = [0, 0, 0, 2, 400, 500_000];
    Duration::from_secs(*seconds.choose(random).expect("some")) + Duration::from_millis(137)
}

impl Heap {
    pub(super) fn new(topology: &Topology) -> Self {
        Self {
            guests: GUESTS.map(|name| topology.guest(name)).into(),
            appliances: super::appliance::APPLIANCES.map(|name| topology.guest(name)).into(),
            arrived: Vec::new(),
            opened: 0,
        }
    }

    pub(super) fn arrived(&mut self, at: Device, frame: &[u8]) {
        let Ok(parsed) = Parsed::read(frame) else { return };
        if parsed.ports == (0, 0) && matches!(parsed.protocol, 1 | 6 | 17 | 58) {
            // A fragment.
            return;
        }
        if self.arrived.len() >= REMEMBERED {
            self.arrived.remove(0);
        }
        self.arrived.push((at, parsed));
    }

    /// Who says what next.
    pub(super) fn next(&mut self, random: &mut ChaCha8Rng) -> (Device, Vec<u8>) {
        let (device, packet) = match self.arrived.choose(random) {
            Some((at, arrived)) if random.random_bool(0.65) => {
                let packet = if random.random_bool(0.15) {
                    object(arrived, random)
                } else {
                    answer(arrived, random)
                };
                (*at, packet)
            }
            _ if random.random_bool(0.05) => self.by_an_appliance(random),
            _ => self.begin(random),
        };
        let everybody = self.guests.iter().chain(&self.appliances);
        let guest = everybody.into_iter().find(|guest| guest.device == device);
        let mac = guest.map_or(BEYOND, |guest| guest.mac);
        (device, packet.from_mac(mac).to_mac(ROUTER).build())
    }

    /// Something of its own to a node.
    fn by_an_appliance(&self, random: &mut ChaCha8Rng) -> (Device, Packet) {
        let guest = self.appliances.choose(random).expect("some");
        let node = address(["10.0.1.80", "10.0.3.80"].choose(random).expect("some"));
        let packet = match random.random_range(0..4) {
            0 => Packet::ping(7),
            1 => Packet::tcp().flags(flag::SYN),
            _ => Packet::udp().payload(&[7; 32]),
        };
        let port = *[6081, 80].choose(random).expect("some");
        (guest.device, packet.ip_from(guest.ip, 6081).ip_to(node, port))
    }

    /// The first packet of something, or one that comes too late to be.
    fn begin(&mut self, random: &mut ChaCha8Rng) -> (Device, Packet) {
        let (device, src, dst) = self.ends(random);
        self.opened += 1;
        let port = 30_000 + self.opened % 30_000;
        let packet = match random.random_range(0..10) {
            0..5 => {
                let flags = [flag::SYN, flag::SYN, flag::SYN, flag::SYN, flag::ACK];
                let packet = Packet::tcp().flags(*flags.choose(random).expect("some"));
                if random.random_bool(0.2) {
                    packet.mss(8961)
                } else {
                    packet
                }
            }
            5..8 => Packet::udp().payload(b"data"),
            8 if src.is_ipv6() => Packet::ping6(port),
            8 => Packet::ping(port),
            _ => Packet::protocol(47).payload(OPAQUE),
        };
        let packet = packet
            .ip_from(src, port)
            .ip_to(dst, *[53, 80].choose(random).expect("some"));
        (device, shaped(packet, random))
    }

    fn ends(&self, random: &mut ChaCha8Rng) -> (Device, IpAddr, IpAddr) {
        if random.random_bool(0.25) {
            let dst = address(PUBLIC.choose(random).expect("some"));
            let src = address(OUTSIDE[usize::from(dst.is_ipv6())]);
            return (Device::INTERNET, src, dst);
        }
        let guest = self.guests.choose(random).expect("some");
        let other = self.guests.choose(random).expect("some");
        let outside = random.random_bool(0.3);
        match (guest.ip6, other.ip6) {
            (Some(own), Some(other)) if random.random_bool(0.3) => {
                let other = if outside { address(OUTSIDE[1]) } else { other.into() };
                (guest.device, own.into(), other)
            }
            _ if random.random_bool(0.03) => {
                let component = address(COMPONENTS.choose(random).expect("some"));
                (guest.device, guest.ip.into(), component)
            }
            _ => {
                let other = if outside { address(OUTSIDE[0]) } else { other.ip.into() };
                (guest.device, guest.ip.into(), other)
            }
        }
    }
}
