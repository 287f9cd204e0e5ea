//! What comes by an uplink, drawn by chance: rules for addresses of many kinds, and packets to them, whole and broken.

use crate::packet::{Damage, Extension, Packet, ethertype, flag};
use crate::topology::{Rule, Topology, address, all, tcp, udp};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;
use std::net::IpAddr;

/// Guests' addresses, a NAT gateway's, one that nobody has, one that isn't ours.
const PUBLIC: [&str; 5] = [
    "203.0.113.10",
    "203.0.113.11",
    "203.0.113.200",
    "203.0.113.30",
    "203.0.113.77",
];
/// Guests', one of a delegated prefix, one that nobody has, one that isn't ours.
const PUBLIC6: [&str; 5] = [
    "2001:db8:a:10::10",
    "2001:db8:a:1::10",
    "2001:db8:a:10:1::7",
    "2001:db8:a:10::99",
    "2001:db8:b::1",
];
const SOURCES: [&str; 6] = [
    "198.51.100.7",
    "8.8.8.8",
    "10.9.9.9",
    "192.168.1.1",
    "172.16.3.4",
    "100.64.7.7",
];
const SOURCES6: [&str; 2] = ["2001:db8:ffff::7", "2001:db8:a:1::11"];
const PORTS: [u16; 8] = [0, 22, 80, 443, 8000, 40_000, 50_000, 65_535];

/// T0 with some rules and some gateways.
#[must_use]
pub fn topology(random: &mut ChaCha8Rng) -> Topology {
    let mut topology = Topology::t0();
    topology.elastic("203.0.113.30").prefix("p2", "2001:db8:a:10:1::/80");
    for group in ["drawn", "other"] {
        let rules = rules(random);
        topology.group(group, rules);
    }
    topology
        .in_groups("p1", &["drawn"])
        .in_groups("p2", &["drawn", "other"]);
    topology.in_groups("a1", &["other"]);
    match random.random_range(0..10) {
        0 => drop(topology.detach("igw-A")),
        1 => drop(topology.egress_only("eigw-A").route_out("A1", "::/0", "eigw-A")),
        2 => drop(topology.detach("igw-A").egress_only("eigw-A")),
        3 => {
            topology.firewall().public_address("fw", "203.0.113.20");
            topology
                .edge_table("edge", "igw-A")
                .edge_route("edge", "10.0.10.0/24", "fw");
        }
        4 => drop(topology.block_public_access("block-ingress")),
        _ => {}
    }
    topology
}

fn rules(random: &mut ChaCha8Rng) -> Vec<Rule> {
    let everything = || vec![all().to("0.0.0.0/0"), all().to("::/0")];
    let mut rules = if random.random_bool(0.7) {
        everything()
    } else {
        Vec::new()
    };
    let many = if random.random_bool(0.1) { 40 } else { 5 };
    for _ in 0..random.random_range(0..many) {
        let rule = match random.random_range(0..9) {
            0 => all(),
            1 => udp(port(random)),
            _ => {
                let first = port(random);
                tcp(first..=first.saturating_add(*[0, 0, 1, 700].choose(random).expect("some")))
            }
        };
        rules.push(match random.random_range(0..5) {
            0 => rule.from("::/0"),
            1 => rule.from("198.51.100.0/24"),
            2 => rule.from_group("VPC-A-open"),
            3 => rule.from("2001:db8:ffff::/48"),
            _ => rule.from("0.0.0.0/0"),
        });
    }
    rules
}

fn port(random: &mut ChaCha8Rng) -> u16 {
    let port = *PORTS.choose(random).expect("some");
    port.wrapping_add(*[0, 0, 0, 1, u16::MAX].choose(random).expect("some"))
}

/// The frame of a packet from outside.
#[must_use]
pub fn frame(random: &mut ChaCha8Rng) -> Vec<u8> {
    let is_ipv6 = random.random_bool(0.4);
    let pick = |list: &[&str], random: &mut ChaCha8Rng| address(list.choose(random).expect("some"));
    let (src, dst) = if is_ipv6 {
        (pick(&SOURCES6, random), pick(&PUBLIC6, random))
    } else {
        (pick(&SOURCES, random), pick(&PUBLIC, random))
    };
    let packet = packet(is_ipv6, random)
        .ip_from(src, port(random))
        .ip_to(dst, port(random));
    let mut frame = disturbed(packet, is_ipv6, random).build();
    // As a wire pads it.
    if frame.len() < 60 && random.random_bool(0.5) {
        frame.resize(60, 0);
    }
    frame
}

fn packet(is_ipv6: bool, random: &mut ChaCha8Rng) -> Packet {
    const FLAGS: [u8; 7] = [
        flag::SYN,
        flag::SYN,
        flag::SYN | flag::PSH,
        flag::SYN | flag::ACK,
        flag::SYN | flag::RST,
        flag::ACK,
        flag::FIN | flag::SYN,
    ];
    let packet = match (random.random_range(0..10), is_ipv6) {
        (0..6, _) => Packet::tcp().flags(*FLAGS.choose(random).expect("some")),
        (6 | 7, _) => Packet::udp(),
        (8, false) => Packet::icmp(*[0, 3, 8, 11, 13].choose(random).expect("some"), 0, 7),
        (8, true) => Packet::icmp6(*[1, 3, 128, 129, 135].choose(random).expect("some"), 0, 7),
        _ => Packet::protocol(47),
    };
    packet.payload(&vec![7; random.random_range(0..40)])
}

fn disturbed(packet: Packet, is_ipv6: bool, random: &mut ChaCha8Rng) -> Packet {
    let any: u8 = random.random();
    match random.random_range(0..40) {
        0 => packet.vlan(ethertype::VLAN, 7),
        1 => packet.fragment(9, 0, true),
        2 => packet.fragment(9, 8, false),
        3 if is_ipv6 => packet.extension(Extension::HopByHop(vec![0; 6])),
        3 => packet.options(&[1, 1, 1, 0]),
        4 => packet.damaged(Damage::TcpDataOffset(any & 0xf)),
        5 => packet.damaged(Damage::UdpLength(any.into())),
        6 => packet.damaged(Damage::IpTotalLength(any.into())),
        7 => packet.damaged(Damage::IpHeaderLength(any & 0xf)),
        8 => packet.damaged(Damage::IpVersion(any & 0xf)),
        9 => packet.damaged(Damage::Truncate(usize::from(any))),
        10 => packet.payload(&[7; 2500]),
        11..14 => packet.damaged(Damage::Byte(usize::from(random.random_range(12..80_u8)), any)),
        _ => packet,
    }
}

/// What a guest has sent before, so that there are connections: from one of its addresses and ports to somebody
/// outside.
#[must_use]
pub fn before(random: &mut ChaCha8Rng) -> Packet {
    let [src, dst]: [IpAddr; 2] = match random.random_bool(0.5) {
        true => ["10.0.10.10", SOURCES[0]].map(address),
        false => [PUBLIC6[0], SOURCES6[0]].map(address),
    };
    let packet = match random.random_bool(0.6) {
        true => Packet::tcp().flags(flag::SYN),
        false => Packet::udp(),
    };
    packet.ip_from(src, port(random)).ip_to(dst, port(random))
}
