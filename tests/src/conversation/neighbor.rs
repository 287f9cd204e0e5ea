//! ARP and neighbour discovery: questions, wrong questions, and answers nobody has asked for.

use super::flow::End;
use super::{Writer, noise};
use crate::packet::{Damage, Extension, Packet, ROUTER_LINK_LOCAL};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use std::net::IpAddr;

pub(super) fn make(writer: &mut Writer) {
    let Some((me, other)) = noise::two(writer) else { return };
    let packet = match (me.ip, other.ip) {
        (IpAddr::V4(ip), IpAddr::V4(others)) => arp(me, ip.octets(), other, others.octets(), &mut writer.random),
        (IpAddr::V6(ip), IpAddr::V6(others)) => discover(me, ip.octets(), other, others.octets(), &mut writer.random),
        _ => return,
    };
    writer.send(me.device, &packet, "neighbour");
}

fn arp(me: End, ip: [u8; 4], other: End, others: [u8; 4], random: &mut ChaCha8Rng) -> Packet {
    let request = |wanted| Packet::arp_request(me.mac, ip, wanted);
    match random.random_range(0..12) {
        0..3 => request(others),
        3 => request([10, 0, ip[2], 1]),
        4 => request([10, 0, ip[2], 77]),
        5 => Packet::arp_probe(me.mac, if random.random_bool(0.5) { ip } else { others }),
        // A gratuitous one: I am myself.
        6 => request(ip),
        7 => Packet::arp_request(me.mac, others, [10, 0, ip[2], 1]),
        8 => Packet::arp_request(other.mac, others, ip).from_mac(me.mac),
        9 => request(others).from_mac([2, 9, 9, 9, 9, 9]),
        10 => Packet::arp_reply((me.mac, ip), (other.mac, others)),
        _ => request(others).damaged(Damage::Byte(random.random_range(14..22), random.random())),
    }
}

fn discover(me: End, ip: [u8; 16], other: End, others: [u8; 16], random: &mut ChaCha8Rng) -> Packet {
    const LINK_LOCAL: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    let ask = |wanted| Packet::neighbour_solicitation(me.mac, ip, wanted);
    let in_subnet = |host| {
        let mut address = ip;
        address[8..].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, host]);
        address
    };
    match random.random_range(0..20) {
        18.. => Packet::neighbour_solicitation(me.mac, others, ip),
        0..3 => ask(others),
        3 => ask(in_subnet(1)),
        4 => ask(*ROUTER_LINK_LOCAL.choose(random).expect("two")),
        5 => ask(in_subnet(77)),
        6 => Packet::duplicate_address_detection(me.mac, if random.random_bool(0.5) { ip } else { others }),
        7 => ask(ip),
        8 => Packet::neighbour_solicitation(me.mac, others, in_subnet(1)),
        9 => Packet::neighbour_solicitation(me.mac, LINK_LOCAL, others),
        10 => ask(others).from_mac([2, 9, 9, 9, 9, 9]),
        11 => Packet::neighbour_advertisement(me.mac, ip, (other.mac, others)),
        12 => ask(others).ttl(64),
        13 => ask(others).extension(Extension::HopByHop(vec![5, 2, 0, 0])),
        14 => Packet::router_solicitation(me.mac, LINK_LOCAL),
        15 => Packet::router_solicitation(me.mac, if random.random_bool(0.5) { [0; 16] } else { ip }),
        16 => ask(others).truncate_payload(random.random_range(0..24)),
        _ => ask(others).damaged(Damage::Byte(random.random_range(14..86), random.random())),
    }
}
