//! What a network has beside flows: spoofs, strays and broken frames.

use super::flow::{Act, End};
use super::{Step, Writer};
use crate::packet::{BROADCAST, Damage, Extension, Packet, ROUTER, ROUTER_LINK_LOCAL, ethertype, flag};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Adds one noise, from a random guest.
pub(super) fn make(writer: &mut Writer) {
    let Some((me, other)) = two(writer) else { return };
    writer.noises += 1;
    let number = writer.noises;
    let random = &mut writer.random;
    let (packet, what) = match random.random_range(0..14) {
        0..2 => (spoof(me, other, number, random), "spoof"),
        2..6 => (stray(me, other, number, random), "stray"),
        6..8 => (not_ip(me, other, random), "not IP"),
        8 => (about_nothing(me, other, number, random), "error about nothing"),
        9 => return tagged(writer, me, other),
        _ => {
            let (from, packet) = broken(writer, me, other);
            return writer.send(from.device, &packet, "broken");
        }
    };
    writer.send(me.device, &packet, what);
}

/// Two guests, of whichever VPC, by addresses of one family.
pub(super) fn two(writer: &mut Writer) -> Option<(End, End)> {
    let enis = &writer.now.resources.network_interfaces;
    let (eni, other) = (enis.choose(&mut writer.random)?, enis.choose(&mut writer.random)?);
    let is_ipv6 = writer.random.random_bool(0.45);
    let me = End::of(&writer.now, eni, is_ipv6, &mut writer.random)?;
    Some((me, End::of(&writer.now, other, is_ipv6, &mut writer.random)?))
}

fn tagged(writer: &mut Writer, me: End, other: End) {
    let packet = Packet::udp().from(me.mac, me.ip, 1).to(ROUTER, other.ip, 2);
    writer.steps.push(Step::Send {
        from: me.device,
        frame: packet.build(),
        tagged: true,
        what: "tagged",
    });
}

fn spoof(me: End, other: End, number: u16, random: &mut ChaCha8Rng) -> Packet {
    let packet = any_packet(me.ip, number, random);
    let outside = outside(me.ip, 9);
    match random.random_range(0..4) {
        0 => packet
            .from([2, 9, 9, 9, 9, 9], me.ip, 1000 + number)
            .to(ROUTER, other.ip, 80),
        1 => packet.from(other.mac, other.ip, 1000 + number).to(ROUTER, me.ip, 80),
        2 => packet.from(me.mac, outside, 1000 + number).to(ROUTER, other.ip, 80),
        _ => packet.from(me.mac, other.ip, 1000 + number).to(ROUTER, me.ip, 80),
    }
}

/// An address of the internet.
fn outside(like: IpAddr, host: u8) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::new(203, 0, 113, host).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, host.into()).into(),
    }
}

/// An address of the VPC, in the subnet of this number.
fn inside(like: IpAddr, subnet: u8, host: u8) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::new(10, 0, subnet, host).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 1, subnet.into(), 0, 0, 0, host.into()).into(),
    }
}

/// The number of the subnet that an address is in.
fn subnet_of(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(ip) => ip.octets()[2],
        IpAddr::V6(ip) => ip.octets()[7],
    }
}

/// Addresses that nobody has, or the platform.
fn strange(like: IpAddr, random: &mut ChaCha8Rng) -> IpAddr {
    const STRANGE: [[u8; 4]; 8] = [
        [127, 0, 0, 1],
        [0, 0, 0, 0],
        [240, 0, 0, 1],
        [224, 0, 0, 5],
        [255, 255, 255, 255],
        [169, 254, 169, 254],
        [169, 254, 0, 7],
        [10, 0, 0, 2],
    ];
    const STRANGE6: [[u16; 8]; 8] = [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0xffff, 0x0a00, 0x010a],
        [0xff02, 0, 0, 0, 0, 0, 0, 1],
        [0xff05, 0, 0, 0, 0, 0, 1, 3],
        [0xfe80, 0, 0, 0, 0, 0, 0, 9],
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254],
        [0x2001, 0xdb8, 1, 0, 0, 0, 0, 2],
    ];
    match like {
        IpAddr::V4(_) => (*STRANGE.choose(random).expect("some")).into(),
        IpAddr::V6(_) => (*STRANGE6.choose(random).expect("some")).into(),
    }
}

/// Well-formed packets to where nobody is, or nobody should be.
fn stray(me: End, other: End, number: u16, random: &mut ChaCha8Rng) -> Packet {
    let packet = any_packet(me.ip, number, random).from(me.mac, me.ip, 1000 + number);
    let strange = strange(me.ip, random);
    match random.random_range(0..21) {
        0..3 => packet.to(ROUTER, strange, 80),
        16..20 => orphan(me, other, number, random),
        3 => packet.to(BROADCAST, other.ip, 80),
        4 => packet.ip_from(strange, 1000 + number).to(ROUTER, other.ip, 80),
        5 => dhcp(me),
        6 => to_router(packet, me, number, random),
        7 => packet.to(ROUTER, inside(me.ip, random.random_range(1..5), 99), 80),
        8..11 => packet.to(ROUTER, outside(me.ip, 1), 80),
        11 => packet.to([2, 9, 9, 9, 9, 9], other.ip, 80),
        // Switched to a neighbour that isn't meant, if it is one.
        12 | 13 => packet.to(other.mac, inside(me.ip, subnet_of(me.ip), 123), 80),
        14 | 20 => Packet::udp()
            .payload(&vec![0; 9001 - 28 + random.random_range(0..2)])
            .from(me.mac, me.ip, 1000 + number)
            .to(ROUTER, other.ip, 80),
        _ => packet.to(if random.random_bool(0.5) { ROUTER } else { me.mac }, me.ip, 80),
    }
}

/// The end of a packet whose beginning nobody has seen.
fn orphan(me: End, other: End, number: u16, random: &mut ChaCha8Rng) -> Packet {
    let packet = if random.random_bool(0.5) {
        Packet::tcp()
    } else {
        Packet::udp()
    };
    packet
        .payload(&[7; 16])
        .fragment(number.into(), 4, false)
        .from(me.mac, me.ip, 0)
        .to(ROUTER, other.ip, 0)
}

fn dhcp(me: End) -> Packet {
    match me.ip {
        IpAddr::V4(_) => Packet::udp().from(me.mac, [0; 4], 68).to(BROADCAST, [255; 4], 67),
        IpAddr::V6(_) => {
            let servers = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
            Packet::udp()
                .from(me.mac, Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9), 546)
                .to([0x33, 0x33, 0, 1, 0, 2], servers, 547)
        }
    }
}

/// To the router of this subnet or another; pinged, whole or not, or asked for something else.
fn to_router(packet: Packet, me: End, number: u16, random: &mut ChaCha8Rng) -> Packet {
    let ping = match me.ip {
        IpAddr::V4(_) => Packet::ping(number),
        IpAddr::V6(_) => Packet::ping6(number),
    };
    let ping = ping.payload(&number.to_be_bytes()).from(me.mac, me.ip, 0);
    let packet = match random.random_range(0..8) {
        0 => packet,
        1 => ping.options(&[7, 3, 4, 0]).extension(Extension::HopByHop(vec![1, 4])),
        2 => ping.fragment(number.into(), 0, true),
        _ => ping,
    };
    match me.ip {
        IpAddr::V6(_) if random.random_bool(0.5) => {
            packet.to(ROUTER, *ROUTER_LINK_LOCAL.choose(random).expect("two"), 80)
        }
        _ => packet.to(ROUTER, inside(me.ip, random.random_range(1..4), 1), 80),
    }
}

fn not_ip(me: End, other: End, random: &mut ChaCha8Rng) -> Packet {
    let packet = Packet::udp().from(me.mac, me.ip, 3).to(ROUTER, other.ip, 4);
    match random.random_range(0..7) {
        0 => packet.vlan(ethertype::VLAN, 7),
        1 => packet.vlan(ethertype::VLAN, 7).vlan(ethertype::QINQ, 8),
        2 => Packet::ethertype(ethertype::LLDP, &[2, 7, 4, 1])
            .from_mac(me.mac)
            .to_mac([1, 0x80, 0xc2, 0, 0, 14]),
        3 => Packet::ipv6([0xfe; 16], [0xff; 16]).from_mac(me.mac).to_mac(other.mac),
        4 => Packet::ip_in_ip(&packet)
            .from(me.mac, me.ip, 0)
            .to(ROUTER, inside(me.ip, 2, 99), 0),
        5 => Packet::protocol(2)
            .from(me.mac, me.ip, 0)
            .to(ROUTER, strange(me.ip, random), 0),
        _ => Packet::ethertype(random.random(), &[0; 46])
            .from_mac(me.mac)
            .to_mac(other.mac),
    }
}

/// An ICMP error that speaks of a packet nobody has sent.
fn about_nothing(me: End, other: End, number: u16, random: &mut ChaCha8Rng) -> Packet {
    let quoted = any_packet(me.ip, number, random)
        .from(other.mac, other.ip, 2000 + number)
        .to(me.mac, me.ip, 80);
    let quoted = if random.random_bool(0.3) {
        quoted.fragment(number.into(), random.random_range(0..2), true)
    } else {
        quoted
    };
    let error = match me.ip {
        IpAddr::V4(_) => Packet::icmp_error(3, 4, &quoted),
        IpAddr::V6(_) => Packet::icmp6_error(2, 0, &quoted),
    };
    error.from(me.mac, me.ip, 0).to(ROUTER, other.ip, 0)
}

/// A packet that shares its ports, identifier or protocol with no other of the conversation.
fn any_packet(like: IpAddr, number: u16, random: &mut ChaCha8Rng) -> Packet {
    match random.random_range(0..4) {
        0 => Packet::tcp().flags(flag::SYN),
        1 => Packet::udp().payload(b"stray"),
        2 if like.is_ipv4() => Packet::ping(number),
        2 => Packet::ping6(number),
        // More numbers than a conversation has noises, and none of an extension header.
        _ => Packet::protocol(61 + (number % 70) as u8),
    }
}

/// A packet of a live flow where there is one, damaged.
fn broken(writer: &mut Writer, me: End, other: End) -> (End, Packet) {
    let (from, packet) = match writer.pick_flow() {
        Some(at) => {
            let (device, packet) = writer.flows[at].packet(Act::Ask, &mut writer.random);
            (End { device, ..me }, packet)
        }
        None => (me, Packet::tcp().from(me.mac, me.ip, 9).to(ROUTER, other.ip, 80)),
    };
    let packet = damage(packet, &mut writer.random);
    (from, packet)
}

fn damage(packet: Packet, random: &mut ChaCha8Rng) -> Packet {
    let len = packet.build().len();
    match random.random_range(0..28) {
        0 => packet.damaged(Damage::Truncate(random.random_range(0..14))),
        1 => packet.damaged(Damage::Truncate(random.random_range(14..34))),
        2 => packet.damaged(Damage::Truncate(random.random_range(34..len.max(35)))),
        3 => packet.damaged(Damage::IpVersion(random.random_range(0..16))),
        4 => packet.damaged(Damage::IpHeaderLength(random.random_range(0..16))),
        5 => packet.damaged(Damage::IpTotalLength(random.random())),
        // Too short for its transport header.
        6 => packet.damaged(Damage::IpTotalLength(random.random_range(0..30))),
        7 | 18 => packet.damaged(Damage::TcpDataOffset([0, 1, 4, 15][random.random_range(0..4)])),
        8 | 19 => packet.damaged(Damage::UdpLength(random.random_range(0..30))),
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
        20..28 => extended(packet, random),
        _ => packet.damaged(Damage::Byte(random.random_range(12..len.max(13)), random.random())),
    }
}

/// Extension headers as they may be or may not be; IPv4 has none.
fn extended(packet: Packet, random: &mut ChaCha8Rng) -> Packet {
    let destination = || Extension::Destination(vec![1, 4, 0, 0, 0, 0]);
    match random.random_range(0..10) {
        0 | 8 | 9 => packet
            .extension(destination())
            .extension(Extension::HopByHop(vec![1, 4])),
        1 => (0..random.random_range(3..6)).fold(packet, |packet, _| packet.extension(destination())),
        2 | 3 => packet.extension(Extension::Routing {
            kind: random.random_range(0..5),
            segments_left: random.random_range(0..2),
        }),
        4 => packet.extension(Extension::Destination(vec![0; random.random_range(90..140)])),
        5 => packet
            .extension(destination())
            .fragment(random.random(), random.random_range(0..4), true)
            .extension(destination()),
        // A header whose length is wrong.
        6 => packet
            .extension(destination())
            .damaged(Damage::Byte(14 + 41, random.random_range(0..20))),
        _ => packet
            .extension(Extension::HopByHop(vec![5, 2, 0, 0]))
            .extension(destination()),
    }
}
