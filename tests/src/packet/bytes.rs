//! A described packet as bytes.

use super::{Arp, Body, Damage, Ipv4, Packet, Transport, ethertype};

const ETHERNET: usize = 14;

pub(super) fn build(packet: &Packet) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.extend(packet.destination_mac);
    frame.extend(packet.source_mac);
    for (tpid, id) in &packet.vlans {
        frame.extend(tpid.to_be_bytes());
        frame.extend(id.to_be_bytes());
    }
    let (ethertype, body) = match &packet.body {
        Body::Ipv4(ip) => (ethertype::IPV4, ipv4(ip)),
        Body::Arp(packet) => (ethertype::ARP, arp(packet)),
        Body::Ipv6(src, dst) => (ethertype::IPV6, ipv6(*src, *dst)),
        Body::Raw(number, bytes) => (*number, bytes.clone()),
    };
    frame.extend(ethertype.to_be_bytes());
    frame.extend(body);
    let network = ETHERNET + 4 * packet.vlans.len();
    for damage in &packet.damage {
        apply(*damage, &mut frame, network);
    }
    frame
}

fn ipv4(ip: &Ipv4) -> Vec<u8> {
    let body = if ip.fragment_offset > 0 {
        ip.payload.clone()
    } else {
        transport(ip)
    };
    let header_len = 20 + ip.options.len();
    let fragment = u16::from(ip.dont_fragment) << 14 | u16::from(ip.more_fragments) << 13 | ip.fragment_offset;
    let total = u16::try_from(header_len + body.len()).unwrap_or(u16::MAX);
    let mut bytes = vec![0x40 | (header_len / 4) as u8, 0];
    bytes.extend(total.to_be_bytes());
    bytes.extend(ip.id.to_be_bytes());
    bytes.extend(fragment.to_be_bytes());
    bytes.extend([ip.ttl, ip.transport.number(), 0, 0]);
    bytes.extend(ip.src);
    bytes.extend(ip.dst);
    bytes.extend(&ip.options);
    let sum = checksum(&bytes);
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    bytes.extend(body);
    bytes
}

/// Transport header and payload, as they are before any fragmentation. A first fragment keeps the checksum of the
/// bytes that are there; nobody can check it before the rest has come.
fn transport(ip: &Ipv4) -> Vec<u8> {
    let (mut bytes, checksum_at) = match &ip.transport {
        Transport::Tcp { ports, flags } => {
            let mut bytes = port_bytes(*ports);
            bytes.extend([0, 0, 0, 1, 0, 0, 0, 1, 5 << 4, *flags, 0xff, 0xff, 0, 0, 0, 0]);
            (bytes, Some(16))
        }
        Transport::Udp { ports } => {
            let mut bytes = port_bytes(*ports);
            bytes.extend(u16::try_from(8 + ip.payload.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend([0, 0]);
            (bytes, Some(6))
        }
        Transport::Icmp { icmp_type, code, rest } => {
            let mut bytes = vec![*icmp_type, *code, 0, 0];
            bytes.extend(rest);
            (bytes, Some(2))
        }
        Transport::Other(_) => (Vec::new(), None),
    };
    bytes.extend(&ip.payload);
    if let Some(at) = checksum_at {
        let mut summed = pseudo_header(ip, bytes.len());
        summed.extend(&bytes);
        let sum = checksum(&summed);
        bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    }
    bytes
}

fn port_bytes((src, dst): (u16, u16)) -> Vec<u8> {
    [src.to_be_bytes(), dst.to_be_bytes()].concat()
}

/// What TCP and UDP sum before their own bytes; ICMP sums nothing before them.
fn pseudo_header(ip: &Ipv4, len: usize) -> Vec<u8> {
    if matches!(ip.transport, Transport::Icmp { .. }) {
        return Vec::new();
    }
    let mut bytes = [ip.src, ip.dst].concat();
    bytes.extend([0, ip.transport.number()]);
    bytes.extend(u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
    bytes
}

fn arp(arp: &Arp) -> Vec<u8> {
    let mut bytes = vec![0, 1, 8, 0, 6, 4];
    bytes.extend(arp.operation.to_be_bytes());
    for (mac, ip) in [arp.sender, arp.target] {
        bytes.extend(mac);
        bytes.extend(ip);
    }
    bytes
}

fn ipv6(src: [u8; 16], dst: [u8; 16]) -> Vec<u8> {
    const NO_NEXT_HEADER: u8 = 59;
    let mut bytes = vec![0x60, 0, 0, 0, 0, 0, NO_NEXT_HEADER, 64];
    bytes.extend(src);
    bytes.extend(dst);
    bytes
}

/// RFC 1071. Zero stays zero: no packet built here sums to what UDP would have to write as all ones.
pub(super) fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn apply(damage: Damage, frame: &mut Vec<u8>, network: usize) {
    let transport = network + frame.get(network).map_or(20, |byte| usize::from(byte & 15) * 4);
    match damage {
        Damage::Truncate(len) => frame.truncate(len),
        Damage::IpVersion(version) => change(frame, network, |byte| version << 4 | byte & 15),
        Damage::IpHeaderLength(words) => change(frame, network, |byte| byte & 0xf0 | words & 15),
        Damage::IpTotalLength(len) => put(frame, network + 2, len),
        Damage::IpChecksum => change(frame, network + 10, |byte| !byte),
        Damage::TcpDataOffset(words) => change(frame, transport + 12, |byte| words << 4 | byte & 15),
        Damage::UdpLength(len) => put(frame, transport + 4, len),
        Damage::Byte(at, value) => change(frame, at, |_| value),
    }
}

fn put(frame: &mut [u8], at: usize, value: u16) {
    let [high, low] = value.to_be_bytes();
    change(frame, at, |_| high);
    change(frame, at + 1, |_| low);
}

fn change(frame: &mut [u8], at: usize, with: impl FnOnce(u8) -> u8) {
    if let Some(byte) = frame.get_mut(at) {
        *byte = with(*byte);
    }
}
