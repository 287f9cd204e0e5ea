//! NAT64 (semantics 10.8): a packet becomes one of the other family, with addresses by RFC 6052 and everything else by
//! RFC 7915.

use super::bytes::{checksum, rewritten, word};
use super::header::Header;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const ETHERNET: usize = 14;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// "destination = low 32 bits", if it is one of `64:ff9b::/96`.
pub(super) fn in_ip4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V6(address) if address.octets()[..12] == [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0] => {
            let [.., a, b, c, d] = address.octets();
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}

pub(super) fn in_ip6(address: Ipv4Addr) -> Ipv6Addr {
    let [a, b, c, d] = address.octets();
    let pair = |high, low| u16::from_be_bytes([high, low]);
    Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, pair(a, b), pair(c, d))
}

/// Between whom the packet is, in the other family; and the port or identifier of whoever is behind the gateway.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) port: u16,
    /// The port is the source's.
    pub(super) outward: bool,
}

/// The IP packet in a frame as one of the other family; nothing if that has no word for it.
pub(super) fn carried(frame: &[u8], header: &Header, ends: Ends) -> Option<Vec<u8>> {
    if !header.is_plain {
        return None;
    }
    let body = &frame[header.body_at..header.body_at + header.body_len];
    let body = if header.is_icmp_error() {
        error(body, ends)?
    } else {
        message(body, header, ends)?
    };
    let traffic_class = match ends.src {
        IpAddr::V4(_) => (word(frame, ETHERNET) >> 4) as u8,
        IpAddr::V6(_) => frame[ETHERNET + 1],
    };
    Some(packet(
        (ends.src, ends.dst),
        [traffic_class, header.ttl.saturating_sub(1), other(header.protocol)],
        &body,
        body.len(),
    ))
}

/// The protocol as IPv4 has it.
pub(super) fn of_ip4(protocol: u8) -> u8 {
    if protocol == ICMPV6 { ICMP } else { protocol }
}

fn other(protocol: u8) -> u8 {
    match protocol {
        ICMP => ICMPV6,
        ICMPV6 => ICMP,
        protocol => protocol,
    }
}

/// Echo in the other family.
fn echo(icmp_type: u8) -> Option<u8> {
    let pairs = [(128, 8), (129, 0), (8, 128), (0, 129)];
    pairs.iter().find(|(from, _)| *from == icmp_type).map(|(_, to)| *to)
}

/// TCP, UDP, echo: the checksum is wrong by as much as it was.
fn message(body: &[u8], header: &Header, ends: Ends) -> Option<Vec<u8>> {
    let mut new = body.to_vec();
    let (port_at, sum_at) = match (header.protocol, ends.outward) {
        (TCP, true) => (0, 16),
        (TCP, false) => (2, 16),
        (UDP, true) => (0, 6),
        (UDP, false) => (2, 6),
        (ICMP | ICMPV6, _) => (4, 2),
        _ => return None,
    };
    if matches!(header.protocol, ICMP | ICMPV6) {
        new[0] = echo(body[0])?;
    }
    new[port_at..port_at + 2].copy_from_slice(&ends.port.to_be_bytes());
    let is_udp = header.protocol == UDP;
    // IPv6 wants a checksum.
    if is_udp && word(body, sum_at) == 0 {
        return None;
    }
    let was = summed(body, sum_at, (header.src, header.dst), header.protocol);
    let is = summed(&new, sum_at, (ends.src, ends.dst), other(header.protocol));
    let sum = rewritten(word(body, sum_at), &was, &is, is_udp);
    new[sum_at..sum_at + 2].copy_from_slice(&sum.to_be_bytes());
    Some(new)
}

/// What a checksum is over: also a pseudo header, which ICMP of IPv4 doesn't have.
fn summed(body: &[u8], sum_at: usize, (src, dst): (IpAddr, IpAddr), protocol: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    if protocol != ICMP {
        for address in [src, dst] {
            match address {
                IpAddr::V4(address) => bytes.extend(address.octets()),
                IpAddr::V6(address) => bytes.extend(address.octets()),
            }
        }
        bytes.extend([0, protocol]);
        bytes.extend((body.len() as u16).to_be_bytes());
    }
    bytes.extend(&body[..sum_at]);
    bytes.extend([0, 0]);
    bytes.extend(&body[sum_at + 2..]);
    bytes
}

/// An ICMP error, which quotes a header and eight bytes afterwards, and whose checksum is made anew.
fn error(body: &[u8], ends: Ends) -> Option<Vec<u8>> {
    let is_ip6 = ends.src.is_ipv6();
    let (icmp_type, code) = if is_ip6 {
        from_ip4(body[0], body[1])?
    } else {
        from_ip6(body[0], body[1])?
    };
    let mut new = vec![icmp_type, code, 0, 0, 0, 0, 0, 0];
    let mtu = word(body, 6);
    match (is_ip6, icmp_type, code) {
        (true, 2, _) => new[6..].copy_from_slice(&mtu.saturating_add(20).max(1280).to_be_bytes()),
        (true, 4, _) => new[7] = 6,
        (false, 3, 4) => new[6..].copy_from_slice(&mtu.saturating_sub(20).to_be_bytes()),
        _ => {}
    }
    new.extend(quote(&body[8..], ends)?);
    let sum = checksum(&summed(
        &new,
        2,
        (ends.src, ends.dst),
        if is_ip6 { ICMPV6 } else { ICMP },
    ));
    new[2..4].copy_from_slice(&sum.to_be_bytes());
    Some(new)
}

/// The quoted packet went the other way: its source is the error's receiver.
fn quote(quote: &[u8], ends: Ends) -> Option<Vec<u8>> {
    let is_ip6 = ends.src.is_ipv6();
    let header_len = if is_ip6 { 20 } else { 40 };
    let (header, beginning) = (quote.get(..header_len)?, quote.get(header_len..header_len + 8)?);
    let (remote, fields, len) = if is_ip6 {
        if header[0] != 0x45 || word(header, 6) & 0x3fff != 0 || word(header, 2) < 20 {
            return None;
        }
        let remote = Ipv4Addr::new(header[16], header[17], header[18], header[19]);
        let fields = [header[1], header[8], other(header[9])];
        (in_ip6(remote).into(), fields, usize::from(word(header, 2)) - 20)
    } else {
        let remote: [u8; 4] = header[36..40].try_into().ok()?;
        let remote = if ends.outward {
            header[20..24].try_into().ok()?
        } else {
            remote
        };
        let fields = [(word(header, 0) >> 4) as u8, header[7], other(header[6])];
        (IpAddr::from(remote), fields, usize::from(word(header, 4)))
    };
    let mut beginning = beginning.to_vec();
    let port_at = match fields[2] {
        ICMP | ICMPV6 => {
            beginning[0] = echo(beginning[0])?;
            4
        }
        // Of what went out the source is behind the gateway, of what came in the destination.
        _ if ends.outward => 2,
        _ => 0,
    };
    beginning[port_at..port_at + 2].copy_from_slice(&ends.port.to_be_bytes());
    let between = if ends.outward {
        (remote, ends.src)
    } else {
        (ends.dst, remote)
    };
    Some(packet(between, fields, &beginning, len))
}

/// RFC 7915 section 5.2.
fn from_ip6(icmp_type: u8, code: u8) -> Option<(u8, u8)> {
    match (icmp_type, code) {
        (1, 1) => Some((3, 10)),
        (1, 4) => Some((3, 3)),
        (1, 0 | 2 | 3) => Some((3, 1)),
        (2, _) => Some((3, 4)),
        (3, code) => Some((11, code)),
        (4, 1) => Some((3, 2)),
        _ => None,
    }
}

/// RFC 7915 section 4.2.
fn from_ip4(icmp_type: u8, code: u8) -> Option<(u8, u8)> {
    match (icmp_type, code) {
        (3, 2) => Some((4, 1)),
        (3, 3) => Some((1, 4)),
        (3, 4) => Some((2, 0)),
        (3, 9 | 10 | 13 | 15) => Some((1, 1)),
        (3, 0 | 1 | 5..=8 | 11 | 12) => Some((1, 0)),
        (11, code) => Some((3, code)),
        _ => None,
    }
}

/// A header, and what stands behind it; `len` is what it says of that.
fn packet(between: (IpAddr, IpAddr), [traffic_class, ttl, protocol]: [u8; 3], body: &[u8], len: usize) -> Vec<u8> {
    let mut packet;
    match between {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            packet = vec![0x45, traffic_class];
            packet.extend((len as u16).wrapping_add(20).to_be_bytes());
            packet.extend([0, 0, 0x40, 0, ttl, protocol, 0, 0]);
            packet.extend(src.octets());
            packet.extend(dst.octets());
            let sum = checksum(&packet);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            packet = vec![0x60 | traffic_class >> 4, traffic_class << 4, 0, 0];
            packet.extend((len as u16).to_be_bytes());
            packet.extend([protocol, ttl]);
            packet.extend(src.octets());
            packet.extend(dst.octets());
        }
        _ => unreachable!("a packet is of one family"),
    }
    packet.extend(body);
    packet
}
