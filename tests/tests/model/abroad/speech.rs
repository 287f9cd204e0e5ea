//! What is said across gateways: something new, or an answer to what has arrived.

use groundplane_abi::Device;
use groundplane_tests::packet::{Packet, Parsed, ROUTER, flag};
use groundplane_tests::topology::{OUTSIDE, S3_ADDRESS, Topology, address};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;
use std::net::IpAddr;
use std::time::Duration;

/// Whom guests speak to, apart from each other.
const ABROAD: [&str; 19] = [
    S3_ADDRESS,
    S3_ADDRESS,
    S3_ADDRESS,
    OUTSIDE[0],
    OUTSIDE[0],
    OUTSIDE[0],
    "198.51.100.8",
    "203.0.113.10",
    "203.0.113.11",
    "203.0.113.20",
    "203.0.113.99",
    "203.0.113.200",
    "10.0.10.200",
    "10.1.1.10",
    "10.1.1.10",
    "10.1.9.9",
    "192.168.5.5",
    "100.64.0.9",
    "10.9.0.1",
];
/// Who speaks from the outside.
const STRANGERS: [&str; 6] = [
    OUTSIDE[0],
    OUTSIDE[0],
    OUTSIDE[0],
    "198.51.100.9",
    "10.0.1.10",
    "100.64.0.9",
];
/// To whom.
const PUBLIC: [&str; 7] = [
    "203.0.113.10",
    "203.0.113.11",
    "203.0.113.20",
    "203.0.113.99",
    "203.0.113.200",
    "203.0.113.201",
    "203.0.113.77",
];
/// To whom a service speaks that wasn't asked. What it opens to a public address, and is answered by a gateway
/// endpoint, nobody promises anything about.
const CLIENTS: [&str; 3] = ["10.0.1.10", "10.0.10.10", "10.0.10.200"];
/// Of a1 and its namesake, and of b1.
const ASKERS: [[u8; 4]; 2] = [[10, 0, 1, 10], [10, 1, 1, 10]];
const OUTSIDE6: [&str; 3] = [OUTSIDE[1], OUTSIDE[1], "2001:db8:a:1::10"];
/// Whom guests with IPv6 speak to who have none.
const IN_IP4: [&str; 6] = [
    "64:ff9b::198.51.100.7",
    "64:ff9b::198.51.100.7",
    "64:ff9b::198.51.100.7",
    "64:ff9b::203.0.113.10",
    "64:ff9b::10.1.1.10",
    "64:ff9b::192.168.5.5",
];
/// What a protocol that nobody reads says. Errors quote eight bytes of a packet (RFC 792), so it has no less.
pub(crate) const OPAQUE: &[u8; 8] = b"whatever";
/// Answers are given to one of so many packets.
const REMEMBERED: usize = 24;

struct Guest {
    device: Device,
    mac: [u8; 6],
    ip: [u8; 4],
    ip6: Option<[u8; 16]>,
}

/// Who there is, and what has arrived of late.
pub(super) struct Heap {
    guests: Vec<Guest>,
    arrived: Vec<(Device, Parsed)>,
}

/// A short pause, one after which a NAT gateway has forgotten, or one after which nobody knows anything. None is as
/// long as any timeout.
pub(super) fn pause(random: &mut ChaCha8Rng) -> Duration {
    let seconds = [1, 1, 1, 5, 5, 400, 500_000];
    Duration::from_secs(*seconds.choose(random).expect("some")) + Duration::from_millis(37)
}

impl Heap {
    pub(super) fn new(topology: &Topology) -> Self {
        let names = ["a1", "a1x", "a2", "a3", "p1", "p2", "p3", "b1", "c1", "namesake"];
        let guest = |name| {
            let guest = topology.guest(name);
            Guest {
                device: guest.device,
                mac: guest.mac,
                ip: guest.ip,
                ip6: guest.ip6,
            }
        };
        Self {
            guests: names.map(guest).into(),
            arrived: Vec::new(),
        }
    }

    pub(super) fn arrived(&mut self, at: Device, frame: &[u8]) {
        let Ok(parsed) = Parsed::read(frame) else { return };
        let has_ports = parsed.ports != (0, 0) || !matches!(parsed.protocol, 1 | 6 | 17 | 58);
        if !has_ports {
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
            Some((at, arrived)) if random.random_bool(0.6) => {
                let packet = if random.random_bool(0.2) {
                    object(arrived, random)
                } else {
                    answer(arrived, random)
                };
                (*at, self.framed(*at, packet))
            }
            _ if random.random_bool(0.25) => (
                Device::INTERNET,
                self.framed(Device::INTERNET, self.by_a_stranger(random)),
            ),
            _ if random.random_bool(0.12) => self.by_an_asker(random),
            _ => self.by_a_guest(random),
        }
    }

    /// A service is asked by one of those who have the same address in different VPCs, or by a guest of VPC-B.
    fn by_an_asker(&self, random: &mut ChaCha8Rng) -> (Device, Packet) {
        let askers: Vec<_> = self.guests.iter().filter(|guest| ASKERS.contains(&guest.ip)).collect();
        let guest = askers.choose(random).expect("some");
        let service = address(S3_ADDRESS);
        let packet = if random.random_bool(0.5) {
            // So that two ask the same.
            Packet::tcp()
                .flags(flag::SYN)
                .ip_from(guest.ip, 4000)
                .ip_to(service, 80)
        } else {
            new(guest.ip.into(), service, random)
        };
        (guest.device, self.framed(guest.device, packet))
    }

    fn framed(&self, device: Device, packet: Packet) -> Packet {
        let guest = self.guests.iter().find(|guest| guest.device == device);
        let mac = guest.map_or([2, 7, 7, 7, 7, 7], |guest| guest.mac);
        packet.from_mac(mac).to_mac(ROUTER)
    }

    fn by_a_stranger(&self, random: &mut ChaCha8Rng) -> Packet {
        let with6: Vec<_> = self.guests.iter().filter_map(|guest| guest.ip6).collect();
        let (src, dst): (IpAddr, IpAddr) = if random.random_bool(0.3) {
            let src = address(OUTSIDE6.choose(random).expect("some"));
            (src, (*with6.choose(random).expect("some")).into())
        } else if random.random_bool(0.2) {
            (address(S3_ADDRESS), address(CLIENTS.choose(random).expect("some")))
        } else {
            let src = address(STRANGERS.choose(random).expect("some"));
            (src, address(PUBLIC.choose(random).expect("some")))
        };
        new(src, dst, random)
    }

    fn by_a_guest(&self, random: &mut ChaCha8Rng) -> (Device, Packet) {
        let guest = self.guests.choose(random).expect("some");
        let packet = match guest.ip6 {
            Some(own) if random.random_bool(0.45) => {
                let other = self.guests.choose(random).and_then(|other| other.ip6);
                let other = other.filter(|_| random.random_bool(0.2)).map(IpAddr::from);
                let outside = if random.random_bool(0.7) {
                    address(IN_IP4.choose(random).expect("some"))
                } else {
                    address(OUTSIDE[1])
                };
                new(own.into(), other.unwrap_or(outside), random)
            }
            _ => {
                let other = self.guests.choose(random).expect("some").ip.into();
                let abroad = address(ABROAD.choose(random).expect("some"));
                new(
                    guest.ip.into(),
                    if random.random_bool(0.4) { other } else { abroad },
                    random,
                )
            }
        };
        (guest.device, self.framed(guest.device, packet))
    }
}

/// The first packet of something, or one that comes too late to be.
fn new(src: IpAddr, dst: IpAddr, random: &mut ChaCha8Rng) -> Packet {
    let client = random.random_range(4000..4003);
    let packet = match random.random_range(0..10) {
        0..4 => {
            let flags = *[flag::SYN, flag::SYN, flag::SYN, flag::ACK]
                .choose(random)
                .expect("some");
            let packet = Packet::tcp().flags(flags);
            if flags == flag::SYN && random.random_bool(0.5) {
                packet.mss(8960)
            } else {
                packet
            }
        }
        4..7 => Packet::udp().payload(b"data"),
        7..9 if src.is_ipv6() => Packet::ping6(client),
        7..9 => Packet::ping(client),
        _ => Packet::protocol(47).payload(OPAQUE),
    };
    let port = *[53, 80].choose(random).expect("some");
    shaped(packet.ip_from(src, client).ip_to(dst, port), random)
}

/// Of another size, hop limit or in pieces, as it seldom is.
pub(crate) fn shaped(packet: Packet, random: &mut ChaCha8Rng) -> Packet {
    match random.random_range(0..30) {
        0 => packet.payload(&[7; 1600]).dont_fragment(),
        1 => packet.payload(&[7; 8600]).dont_fragment(),
        2 => packet.payload(&[7; 1600]),
        3 | 4 => packet.ttl(random.random_range(1..3)),
        5..9 if std::env::var_os("NOFRAG").is_none() => {
            packet.payload(&[7; 64]).fragment(random.random_range(0..2), 0, true)
        }
        9..11 if std::env::var_os("NOFRAG").is_none() => {
            packet.payload(&[7; 16]).fragment(random.random_range(0..2), 9, false)
        }
        _ => packet,
    }
}

pub(crate) fn answer(arrived: &Parsed, random: &mut ChaCha8Rng) -> Packet {
    let (first, second) = arrived.ports;
    let packet = match (arrived.protocol, first >> 8) {
        (6, _) => {
            let flags = [
                flag::ACK,
                flag::ACK,
                flag::SYN | flag::ACK,
                flag::FIN | flag::ACK,
                flag::RST,
            ];
            Packet::tcp()
                .flags(*flags.choose(random).expect("some"))
                .payload(b"more")
        }
        (17, _) => Packet::udp().payload(b"more"),
        (1, 8) => Packet::pong(second),
        (1, _) => Packet::ping(second),
        (58, 128) => Packet::pong6(second),
        (58, _) => Packet::ping6(second),
        (protocol, _) => Packet::protocol(protocol).payload(OPAQUE),
    };
    shaped(
        packet.ip_from(arrived.dst.0, second).ip_to(arrived.src.0, first),
        random,
    )
}

/// An ICMP error about what has arrived.
pub(crate) fn object(arrived: &Parsed, random: &mut ChaCha8Rng) -> Packet {
    let (first, second) = arrived.ports;
    let about = match (arrived.protocol, first >> 8) {
        (6, _) => Packet::tcp().flags(arrived.tcp_flags).payload(&arrived.payload),
        (17, _) => Packet::udp().payload(&arrived.payload),
        (1, 0) => Packet::pong(second),
        (1, _) => Packet::ping(second),
        (58, 129) => Packet::pong6(second),
        (58, _) => Packet::ping6(second),
        (protocol, _) => Packet::protocol(protocol).payload(OPAQUE),
    };
    let about = about.ip_from(arrived.src.0, first).ip_to(arrived.dst.0, second);
    let error = if arrived.src.0.is_ipv6() {
        let (icmp_type, code) = *[(1, 4), (2, 0), (3, 0)].choose(random).expect("some");
        Packet::icmp6_error(icmp_type, code, &about).mtu(1400)
    } else {
        let (icmp_type, code) = *[(3, 3), (3, 4), (11, 0)].choose(random).expect("some");
        Packet::icmp_error(icmp_type, code, &about).mtu(1400)
    };
    error.ip_from(arrived.dst.0, 0).ip_to(arrived.src.0, 0)
}
