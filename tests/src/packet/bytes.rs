//! A described packet as bytes.

use super::make::ICMP;
use super::{Arp, Body, Damage, Extension, Fragment, Ip, Packet, Transport, ethertype};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const ETHERNET: usize = 14;
const FRAGMENT_HEADER: u8 = 44;

pub(super) fn build(packet: &Packet) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.extend(packet.destination_mac);
    frame.extend(packet.source_mac);
    for (tpid, id) in &packet.vlans {
        frame.extend(tpid.to_be_bytes());
        frame.extend(id.to_be_bytes());
    }
    let (ethertype, body, header_len) = match &packet.body {
        Body::Ip(described) => ip(described),
        Body::Arp(packet) => (ethertype::ARP, arp(packet), 0),
        Body::Raw(number, bytes) => (*number, bytes.clone(), 0),
    };
    frame.extend(ethertype.to_be_bytes());
    frame.extend(body);
    let network = ETHERNET + 4 * packet.vlans.len();
    for damage in &packet.damage {
        apply(*damage, &mut frame, network, network + header_len);
    }
    frame
}

/// Ethertype, the packet, and where its transport header begins.
fn ip(ip: &Ip) -> (u16, Vec<u8>, usize) {
    let (ethertype, header, body) = match (ip.src, ip.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let body = behind_the_header(ip, &[src.octets(), dst.octets()].concat());
            (ethertype::IPV4, ipv4_header(ip, src, dst, body.len()), body)
        }
        (src, dst) => {
            let (src, dst) = (as_ipv6(src), as_ipv6(dst));
            let body = behind_the_header(ip, &[src.octets(), dst.octets()].concat());
            (ethertype::IPV6, ipv6_headers(ip, src, dst, body.len()), body)
        }
    };
    let header_len = header.len();
    (ethertype, [header, body].concat(), header_len)
}

/// An address that was never said is of the other's family.
fn as_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V6(address) => address,
        IpAddr::V4(address) => {
            assert!(address.is_unspecified(), "a packet of two families");
            Ipv6Addr::UNSPECIFIED
        }
    }
}

fn ipv4_header(ip: &Ip, src: Ipv4Addr, dst: Ipv4Addr, body: usize) -> Vec<u8> {
    let header_len = 20 + ip.options.len();
    let Fragment { id, offset, more, .. } = ip.fragment.unwrap_or(Fragment {
        id: 0,
        offset: 0,
        more: false,
        after: 0,
    });
    let fragment = u16::from(ip.dont_fragment) << 14 | u16::from(more) << 13 | offset;
    let total = u16::try_from(header_len + body).unwrap_or(u16::MAX);
    let mut bytes = vec![0x40 | (header_len / 4) as u8, 0];
    bytes.extend(total.to_be_bytes());
    bytes.extend((id as u16).to_be_bytes());
    bytes.extend(fragment.to_be_bytes());
    bytes.extend([ip.ttl, ip.transport.number(), 0, 0]);
    bytes.extend(src.octets());
    bytes.extend(dst.octets());
    bytes.extend(&ip.options);
    let sum = checksum(&bytes);
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn ipv6_headers(ip: &Ip, src: Ipv6Addr, dst: Ipv6Addr, body: usize) -> Vec<u8> {
    let mut headers: Vec<_> = ip
        .extensions
        .iter()
        .map(|header| (header.number(), extension(header)))
        .collect();
    if let Some(Fragment {
        id,
        offset,
        more,
        after,
    }) = ip.fragment
    {
        let field = (offset << 3 | u16::from(more)).to_be_bytes();
        let bytes = [&[0, 0][..], &field, &id.to_be_bytes()].concat();
        headers.insert(after, (FRAGMENT_HEADER, bytes));
    }
    let len: usize = headers.iter().map(|(_, bytes)| bytes.len()).sum();
    let mut numbers: Vec<u8> = headers.iter().map(|(number, _)| *number).collect();
    numbers.push(ip.transport.number());
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend(u16::try_from(len + body).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend([numbers[0], ip.ttl]);
    bytes.extend(src.octets());
    bytes.extend(dst.octets());
    for ((_, header), next) in headers.iter().zip(&numbers[1..]) {
        bytes.push(*next);
        bytes.extend(&header[1..]);
    }
    bytes
}

/// An extension header with no next header yet: made up with zeros, which options take for padding.
fn extension(extension: &Extension) -> Vec<u8> {
    let mut bytes = match extension {
        Extension::HopByHop(body) | Extension::Destination(body) | Extension::Other(_, body) => {
            [&[0, 0][..], body].concat()
        }
        Extension::Routing { kind, segments_left } => vec![0, 0, *kind, *segments_left],
    };
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes[1] = u8::try_from(bytes.len() / 8 - 1).unwrap_or(u8::MAX);
    bytes
}

/// Transport header and payload, as they are before any fragmentation, or the payload of a later fragment. A first
/// fragment keeps the checksum of the bytes that are there; nobody can check it before the rest has come.
fn behind_the_header(ip: &Ip, addresses: &[u8]) -> Vec<u8> {
    if ip.is_later_fragment() {
        return ip.payload.clone();
    }
    let (mut bytes, checksum_at) = match &ip.transport {
        Transport::Tcp { ports, flags, options } => {
            let mut bytes = port_bytes(*ports);
            let words = 5 + (options.len() / 4) as u8;
            bytes.extend([0, 0, 0, 1, 0, 0, 0, 1, words << 4, *flags, 0xff, 0xff, 0, 0, 0, 0]);
            bytes.extend(options);
            (bytes, Some(16))
        }
        Transport::Udp { ports } => {
            let mut bytes = port_bytes(*ports);
            bytes.extend(u16::try_from(8 + ip.payload.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend([0, 0]);
            (bytes, Some(6))
        }
        Transport::Icmp {
            icmp_type, code, rest, ..
        } => {
            let mut bytes = vec![*icmp_type, *code, 0, 0];
            bytes.extend(rest);
            (bytes, Some(2))
        }
        Transport::Other(_) => (Vec::new(), None),
    };
    bytes.extend(&ip.payload);
    if let Some(at) = checksum_at {
        let mut summed = pseudo_header(ip, addresses, bytes.len());
        summed.extend(&bytes);
        let sum = match checksum(&summed) {
            // UDP's way to say that there is a checksum (RFC 768).
            0 if matches!(ip.transport, Transport::Udp { .. }) => u16::MAX,
            sum => sum,
        };
        bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    }
    bytes
}

fn port_bytes((src, dst): (u16, u16)) -> Vec<u8> {
    [src.to_be_bytes(), dst.to_be_bytes()].concat()
}

/// What is summed before the transport's own bytes. ICMP sums nothing before them, ICMPv6 does. Both families' headers
/// sum to the same: zeros are left out.
fn pseudo_header(ip: &Ip, addresses: &[u8], len: usize) -> Vec<u8> {
    if ip.transport.number() == ICMP {
        return Vec::new();
    }
    let mut bytes = addresses.to_vec();
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

/// RFC 1071.
pub fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn apply(damage: Damage, frame: &mut Vec<u8>, network: usize, transport: usize) {
    let is_ipv6 = frame.get(network).is_some_and(|byte| byte >> 4 == 6);
    match damage {
        Damage::Truncate(len) => frame.truncate(len),
        Damage::IpVersion(version) => change(frame, network, |byte| version << 4 | byte & 15),
        Damage::IpHeaderLength(words) => change(frame, network, |byte| byte & 0xf0 | words & 15),
        Damage::IpTotalLength(len) => put(frame, network + if is_ipv6 { 4 } else { 2 }, len),
        Damage::IpChecksum => change(frame, network + 10, |byte| !byte),
        Damage::TcpDataOffset(words) => change(frame, transport + 12, |byte| words << 4 | byte & 15),
        Damage::UdpLength(len) => put(frame, transport + 4, len),
        Damage::TransportChecksum(protocol, sum) => {
            let at = match protocol {
                6 => 16,
                17 => 6,
                _ => 2,
            };
            put(frame, transport + at, sum);
        }
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
