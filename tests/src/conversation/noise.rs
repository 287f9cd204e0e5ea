//! What a network has beside flows: ARP, spoofs, strays and broken frames.

use super::{Step, Writer, flow};
use crate::packet::{BROADCAST, Damage, Packet, ROUTER, ethertype, flag};
use crate::topology::Guest;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// Adds one noise, from a random guest.
pub(super) fn make(writer: &mut Writer) {
    let enis = &writer.now.resources.network_interfaces;
    let eni = &enis.choose(&mut writer.random).expect("there are ENIs").name;
    let other = &enis.choose(&mut writer.random).expect("there are ENIs").name;
    let (me, other) = (writer.now.guest(eni), writer.now.guest(other));
    writer.noises += 1;
    let number = writer.noises;
    let random = &mut writer.random;
    match random.random_range(0..12) {
        0..2 => {
            let packet = arp(me, other, random);
            writer.send(me.device, &packet, "ARP");
        }
        2..4 => {
            let packet = spoof(me, other, number, random);
            writer.send(me.device, &packet, "spoof");
        }
        4..7 => {
            let packet = stray(me, other, number, random);
            writer.send(me.device, &packet, "stray");
        }
        7..9 => {
            let packet = not_ipv4(me, other, random);
            writer.send(me.device, &packet, "not IPv4");
        }
        9 => {
            let packet = Packet::ping(1).from(me.mac, me.ip, 0).to(ROUTER, other.ip, 0);
            writer.steps.push(Step::Send {
                from: me.device,
                frame: packet.build(),
                tagged: true,
                what: "tagged",
            });
        }
        _ => broken(writer, me, other),
    }
}

fn arp(me: Guest, other: Guest, random: &mut ChaCha8Rng) -> Packet {
    let request = |ip| Packet::arp_request(me.mac, me.ip, ip);
    match random.random_range(0..12) {
        0..3 => request(other.ip),
        3 => request([10, 0, me.ip[2], 1]),
        4 => request([10, 0, me.ip[2], 77]),
        5 => Packet::arp_probe(me.mac, if random.random_bool(0.5) { me.ip } else { other.ip }),
        // A gratuitous one: I am myself.
        6 => request(me.ip),
        7 => Packet::arp_request(me.mac, other.ip, [10, 0, me.ip[2], 1]),
        8 => Packet::arp_request(other.mac, other.ip, me.ip).from_mac(me.mac),
        9 => request(other.ip).from_mac([2, 9, 9, 9, 9, 9]),
        10 => Packet::arp_reply((me.mac, me.ip), (other.mac, other.ip)),
        _ => request(other.ip).damaged(Damage::Byte(random.random_range(14..22), random.random())),
    }
}

fn spoof(me: Guest, other: Guest, number: u16, random: &mut ChaCha8Rng) -> Packet {
    let packet = any_packet(number, random);
    match random.random_range(0..4) {
        0 => packet
            .from([2, 9, 9, 9, 9, 9], me.ip, 1000 + number)
            .to(ROUTER, other.ip, 80),
        1 => packet.from(other.mac, other.ip, 1000 + number).to(ROUTER, me.ip, 80),
        2 => packet
            .from(me.mac, [203, 0, 113, 9], 1000 + number)
            .to(ROUTER, other.ip, 80),
        _ => packet.from(me.mac, other.ip, 1000 + number).to(ROUTER, me.ip, 80),
    }
}

/// Well-formed packets to where nobody is, or nobody should be.
fn stray(me: Guest, other: Guest, number: u16, random: &mut ChaCha8Rng) -> Packet {
    const STRANGE: [[u8; 4]; 7] = [
        [127, 0, 0, 1],
        [0, 0, 0, 0],
        [240, 0, 0, 1],
        [224, 0, 0, 5],
        [255, 255, 255, 255],
        [169, 254, 169, 254],
        [10, 0, 0, 2],
    ];
    let packet = any_packet(number, random).from(me.mac, me.ip, 1000 + number);
    let strange = *STRANGE.choose(random).expect("some");
    match random.random_range(0..13) {
        0..3 => packet.to(ROUTER, strange, 80),
        3 => packet.to(BROADCAST, other.ip, 80),
        4 => packet.ip_from(strange, 1000 + number).to(ROUTER, other.ip, 80),
        5 => Packet::udp().from(me.mac, [0; 4], 68).to(BROADCAST, [255; 4], 67),
        6 => packet.to(ROUTER, [10, 0, random.random_range(1..4), 1], 80),
        7 => packet.to(ROUTER, [10, 0, random.random_range(1..5), 99], 80),
        8 => packet.to(ROUTER, [203, 0, 113, 1], 80),
        9 => packet.to([2, 9, 9, 9, 9, 9], other.ip, 80),
        // Switched to a neighbour that isn't meant, if it is one.
        10 | 11 => packet.to(other.mac, [10, 0, me.ip[2], 123], 80),
        _ => packet.to(if random.random_bool(0.5) { ROUTER } else { me.mac }, me.ip, 80),
    }
}

fn not_ipv4(me: Guest, other: Guest, random: &mut ChaCha8Rng) -> Packet {
    let ping = Packet::ping(3).from(me.mac, me.ip, 0).to(ROUTER, other.ip, 0);
    match random.random_range(0..7) {
        0 => ping.vlan(ethertype::VLAN, 7),
        1 => ping.vlan(ethertype::VLAN, 7).vlan(ethertype::QINQ, 8),
        2 => Packet::ethertype(ethertype::LLDP, &[2, 7, 4, 1])
            .from_mac(me.mac)
            .to_mac([1, 0x80, 0xc2, 0, 0, 14]),
        3 => Packet::ipv6([0xfe; 16], [0xff; 16]).from_mac(me.mac).to_mac(other.mac),
        4 => Packet::ip_in_ip(&ping)
            .from(me.mac, me.ip, 0)
            .to(ROUTER, [10, 0, 2, 99], 0),
        5 => Packet::protocol(2)
            .from(me.mac, me.ip, 0)
            .to(ROUTER, [224, 0, 0, 22], 0),
        _ => Packet::ethertype(random.random(), &[0; 46])
            .from_mac(me.mac)
            .to_mac(other.mac),
    }
}

/// A packet that shares its ports, identifier or protocol with no other of the conversation.
fn any_packet(number: u16, random: &mut ChaCha8Rng) -> Packet {
    match random.random_range(0..4) {
        0 => Packet::tcp().flags(flag::SYN),
        1 => Packet::udp().payload(b"stray"),
        2 => Packet::ping(number),
        // Sixty numbers are more than a conversation's noises.
        _ => Packet::protocol(60 + (number % 60) as u8),
    }
}

/// A packet of a live flow where there is one, damaged.
fn broken(writer: &mut Writer, me: Guest, other: Guest) {
    let (from, packet) = match writer.pick_flow() {
        Some(at) => writer.flows[at].packet(flow::Act::Ask, &mut writer.random),
        None => (me.device, Packet::tcp().from(me.mac, me.ip, 9).to(ROUTER, other.ip, 80)),
    };
    let packet = damage(packet, &mut writer.random);
    writer.send(from, &packet, "broken");
}

fn damage(packet: Packet, random: &mut ChaCha8Rng) -> Packet {
    let len = packet.build().len();
    match random.random_range(0..19) {
        0 => packet.damaged(Damage::Truncate(random.random_range(0..14))),
        1 => packet.damaged(Damage::Truncate(random.random_range(14..34))),
        2 => packet.damaged(Damage::Truncate(random.random_range(34..len.max(35)))),
        3 => packet.damaged(Damage::IpVersion(random.random_range(0..16))),
        4 => packet.damaged(Damage::IpHeaderLength(random.random_range(0..16))),
        5 => packet.damaged(Damage::IpTotalLength(random.random())),
        // Too short for its transport header.
        6 => packet.damaged(Damage::IpTotalLength(random.random_range(20..30))),
        7 | 18 => packet.damaged(Damage::TcpDataOffset([0, 1, 4, 15][random.random_range(0..4)])),
        8 => packet.damaged(Damage::UdpLength(random.random_range(0..30))),
        9 | 10 | 16 | 17 => {
            // Overlaps the transport header, or makes too long a packet.
            let offset = if random.random_bool(0.5) {
                random.random_range(0..3)
            } else {
                random.random_range(8180..8192)
            };
            packet.fragment(7, offset, true)
        }
        11 => packet.options(&[131, 7, 4, 10, 0, 0, 1, 0]),
        12 => packet.options(&[137, 3, 4, 0]),
        13 => packet.options(&[7, random.random(), 4, 0]),
        14 => packet.options(&[7, 1, 4, 0]),
        _ => packet.damaged(Damage::Byte(random.random_range(12..len.max(13)), random.random())),
    }
}
