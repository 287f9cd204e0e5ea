//! What the platform answers to a packet that goes no further (semantics 10.5, 23).

use super::ROUTER_MAC;
use super::address::router_of;
use super::bytes::{checksum, word};
use super::fault::Answer;
use super::gate::{Asked, pass_groups};
use super::header::{Header, Read, Selector, read};
use super::nat64::in_ip6;
use super::tracking::Direction;
use super::walk::{Moment, Spot, ask_nacl};
use super::world::Eni;
use std::net::IpAddr;

const ETHERNET: usize = 14;
const TTL: u8 = 64;

/// The frame that goes back to the guest, if one does. An ICMP error "must survive NACL in and the rules of 7.6".
pub(super) fn answer(moment: Moment<'_>, sender: Eni, sent: &Header, frame: &[u8], answer: Answer) -> Option<Vec<u8>> {
    let world = moment.world();
    let router = router_of(world.subnet(world.subnet_of(sender)), sent.src);
    let (from, message, automatic) = match answer {
        Answer::Reset => return Some(reset(sent, frame, sent.source_mac)),
        Answer::HopLimit { nat } if sent.src.is_ipv6() => (in_ip6(nat).into(), [3, 0, 0, 0, 0, 0, 0, 0], true),
        Answer::HopLimit { nat } => (nat.into(), [11, 0, 0, 0, 0, 0, 0, 0], true),
        Answer::TooBig { mtu, automatic } => (router?, too_big(sent.src, mtu), automatic),
    };
    // RFC 1122 section 3.2.2: no error about an error, nor about a later fragment.
    let is_later = sent.fragment.is_some_and(|fragment| !fragment.first);
    if sent.is_icmp_error() || is_later || !sent.options.is_empty() {
        return None;
    }
    let error = error(sent, frame, from, message);
    let Ok(Read::Ip(header)) = read(&error, false) else {
        return None;
    };
    let subnet = world.subnet_of(sender);
    ask_nacl(world, subnet, Spot::Eni(sender), Direction::Ingress, &header).ok()?;
    let asked = Asked {
        header: &header,
        identity: None,
        automatic,
    };
    pass_groups(moment, sender, Direction::Ingress, &asked).ok()?;
    Some(error)
}

/// ICMP 3/4, or ICMPv6 2/0.
fn too_big(sender: IpAddr, mtu: usize) -> [u8; 8] {
    let [high, low] = (mtu as u16).to_be_bytes();
    match sender {
        IpAddr::V4(_) => [3, 4, 0, 0, 0, 0, high, low],
        IpAddr::V6(_) => [2, 0, 0, 0, 0, 0, high, low],
    }
}

/// "quote: IP header and 8 bytes".
fn error(sent: &Header, frame: &[u8], from: IpAddr, message: [u8; 8]) -> Vec<u8> {
    let header_len = if sent.src.is_ipv4() { 20 } else { 40 };
    let end = (ETHERNET + header_len + 8).min(ETHERNET + sent.ip_len);
    let mut body = message.to_vec();
    body.extend(&frame[ETHERNET..end]);
    let protocol = if sent.src.is_ipv4() { 1 } else { 58 };
    let mut summed = body.clone();
    if let (IpAddr::V6(from), IpAddr::V6(to)) = (from, sent.src) {
        let len = (body.len() as u16).to_be_bytes();
        summed = [&from.octets()[..], &to.octets(), &[0, 58], &len, &body].concat();
    }
    body[2..4].copy_from_slice(&checksum(&summed).to_be_bytes());
    packet((sent.source_mac, sent), from, protocol, &body)
}

/// "seq = its ack number, flags RST; else seq 0, ack = its seq + its length, flags RST|ACK" (RFC 9293).
pub(super) fn reset(sent: &Header, frame: &[u8], to: [u8; 6]) -> Vec<u8> {
    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const RST: u8 = 4;
    const ACK: u8 = 16;
    let tcp = &frame[sent.body_at..sent.body_at + sent.body_len];
    let number = |at: usize| u32::from(word(tcp, at)) << 16 | u32::from(word(tcp, at + 2));
    let (seq, ack, flags) = if sent.tcp_flags & ACK != 0 {
        (number(8), 0, RST)
    } else {
        let data = (tcp.len() - usize::from(tcp[12] / 16) * 4) as u32;
        let marks = (sent.tcp_flags & (FIN | SYN)).count_ones();
        (0, number(4).wrapping_add(data + marks), RST | ACK)
    };
    let Selector::Ports { src, dst } = sent.selector else {
        unreachable!("a NAT gateway resets TCP");
    };
    let mut body = [dst.to_be_bytes(), src.to_be_bytes()].concat();
    body.extend(seq.to_be_bytes());
    body.extend(ack.to_be_bytes());
    body.extend([5 << 4, flags, 0, 0, 0, 0, 0, 0]);
    let summed = match (sent.dst, sent.src) {
        (IpAddr::V4(remote), IpAddr::V4(client)) => [&remote.octets()[..], &client.octets()].concat(),
        (IpAddr::V6(remote), IpAddr::V6(client)) => [&remote.octets()[..], &client.octets()].concat(),
        _ => unreachable!("a packet is of one family"),
    };
    let summed = [&summed[..], &[0, 6, 0, 20], &body].concat();
    body[16..18].copy_from_slice(&checksum(&summed).to_be_bytes());
    packet((to, sent), sent.dst, 6, &body)
}

/// To whoever has sent a packet, from the router's MAC address.
fn packet((to, sent): ([u8; 6], &Header), from: IpAddr, protocol: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    packet.extend(to);
    packet.extend(ROUTER_MAC);
    match (from, sent.src) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let len = (20 + body.len()) as u16;
            let mut header = vec![0x45, 0];
            header.extend(len.to_be_bytes());
            header.extend([0, 0, 0, 0, TTL, protocol, 0, 0]);
            header.extend(from.octets());
            header.extend(to.octets());
            let sum = checksum(&header);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            packet.extend([8, 0]);
            packet.extend(header);
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            packet.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            packet.extend((body.len() as u16).to_be_bytes());
            packet.extend([protocol, TTL]);
            packet.extend(from.octets());
            packet.extend(to.octets());
        }
        _ => unreachable!("an answer is of the family of the question"),
    }
    packet.extend(body);
    packet
}
