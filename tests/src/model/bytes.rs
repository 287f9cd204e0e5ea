//! What translation does to the bytes of a packet: fields are overwritten as the packet goes, and its checksums are put
//! right at the end.

use super::header::{Header, Read, read};
use std::net::{IpAddr, Ipv4Addr};

const ETHERNET: usize = 14;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// Whose address or port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Destination,
}

/// Overwrites an address in the IP header, with one of its family.
pub(super) fn set_address(frame: &mut [u8], side: Side, address: impl Into<IpAddr>) {
    match address.into() {
        IpAddr::V4(address) => {
            let at = ETHERNET + if side == Side::Source { 12 } else { 16 };
            frame[at..at + 4].copy_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            let at = ETHERNET + if side == Side::Source { 8 } else { 24 };
            frame[at..at + 16].copy_from_slice(&address.octets());
        }
    }
}

/// Overwrites a port, or the identifier of an ICMP message. A later fragment has neither.
pub(super) fn set_port(frame: &mut [u8], header: &Header, side: Side, port: u16) {
    if header.fragment.is_some_and(|fragment| !fragment.first) {
        return;
    }
    let at = match (header.protocol, side) {
        (ICMP, _) => 4,
        (_, Side::Source) => 0,
        (_, Side::Destination) => 2,
    };
    put(frame, header.body_at + at, port);
}

pub(super) fn lower_ttl(frame: &mut [u8]) {
    frame[ETHERNET + 8] -= 1;
}

/// Where in the frame the packet stands that an ICMP error quotes.
fn quote_at(header: &Header) -> Option<usize> {
    header.is_icmp_error().then_some(header.body_at + 8)
}

/// The addresses of the packet that an ICMP error quotes, if their header is there and of IPv4.
pub(super) fn quoted_addresses(frame: &[u8], header: &Header) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let at = quote_at(header).filter(|_| header.src.is_ipv4())?;
    let quote = &frame[at..header.body_at + header.body_len];
    let ip: &[u8; 20] = quote.first_chunk()?;
    if ip[0] / 16 != 4 || ip[0] % 16 < 5 {
        return None;
    }
    Some((
        Ipv4Addr::new(ip[12], ip[13], ip[14], ip[15]),
        Ipv4Addr::new(ip[16], ip[17], ip[18], ip[19]),
    ))
}

/// Overwrites an address in the quoted header.
pub(super) fn set_quoted_address(frame: &mut [u8], header: &Header, side: Side, address: impl Into<IpAddr>) {
    if let Some(at) = quote_at(header) {
        set_address(&mut frame[at - ETHERNET..], side, address);
    }
}

/// Overwrites a port of the quoted packet, or its identifier.
pub(super) fn set_quoted_port(frame: &mut [u8], header: &Header, side: Side, protocol: u8, port: u16) {
    if let Some(at) = quote_at(header) {
        let header_len = match header.src {
            IpAddr::V4(_) => usize::from(frame[at] % 16) * 4,
            IpAddr::V6(_) => 40,
        };
        let field = match (protocol, side) {
            (ICMP, _) => 4,
            (_, Side::Source) => 0,
            (_, Side::Destination) => 2,
        };
        put(frame, at + header_len + field, port);
    }
}

/// Lowers the MSS option of a SYN or SYN-ACK: "never raise it". Whether it was more.
pub(super) fn lower_mss(frame: &mut [u8], header: &Header, most: u16) -> bool {
    const SYN: u8 = 2;
    let is_later = header.fragment.is_some_and(|fragment| !fragment.first);
    if header.protocol != TCP || header.tcp_flags & SYN == 0 || is_later {
        return false;
    }
    let header_len = usize::from(frame[header.body_at + 12] / 16) * 4;
    let (mut at, end) = (header.body_at + 20, header.body_at + header_len);
    while at < end {
        match (frame[at], frame.get(at + 1)) {
            (0, _) => return false,
            (1, _) => at += 1,
            (2, Some(4)) if at + 4 <= end => {
                let is_more = word(frame, at + 2) > most;
                if is_more {
                    put(frame, at + 2, most);
                }
                return is_more;
            }
            (_, Some(len)) if *len >= 2 => at += usize::from(*len),
            _ => return false,
        }
    }
    false
}

/// Puts the checksums of a changed packet right, which still are those of the packet before.
pub(super) fn repair(before: &[u8], after: &mut [u8]) {
    let Ok(Read::Ip(header)) = read(before, false) else {
        return;
    };
    if let Some(at) = quote_at(&header).filter(|_| quoted_addresses(before, &header).is_some()) {
        let end = (at + usize::from(before[at] % 16) * 4).min(header.body_at + header.body_len);
        mend(before, after, &[(at, end)], at + 10, Sum::Plain);
    }
    if header.src.is_ipv4() {
        let end = ETHERNET + usize::from(before[ETHERNET] % 16) * 4;
        mend(before, after, &[(ETHERNET, end)], ETHERNET + 10, Sum::Plain);
    }
    mend_transport(&header, before, after);
}

fn mend_transport(header: &Header, before: &[u8], after: &mut [u8]) {
    if header.fragment.is_some_and(|fragment| !fragment.first) {
        return;
    }
    let body = (header.body_at, header.body_at + header.body_len);
    let addresses = if header.src.is_ipv4() {
        (ETHERNET + 12, ETHERNET + 20)
    } else {
        (ETHERNET + 8, ETHERNET + 40)
    };
    let (field, sum) = match header.protocol {
        TCP => (16, Sum::Pseudo),
        UDP => (6, Sum::Udp),
        ICMP if header.src.is_ipv4() => (2, Sum::Plain),
        ICMPV6 if header.src.is_ipv6() => (2, Sum::Pseudo),
        _ => return,
    };
    let at = header.body_at + field;
    match sum {
        Sum::Plain => mend(before, after, &[body], at, sum),
        Sum::Pseudo | Sum::Udp => mend(before, after, &[addresses, body], at, sum),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sum {
    Plain,
    /// Over addresses, protocol and length as well.
    Pseudo,
    /// The same, and zero says that there is none (RFC 768).
    Udp,
}

/// One checksum over some parts of the frame, each from and up to a byte. If it was right, it is computed anew; if it
/// was wrong, or can't be known to be right, it stays as wrong as it was (RFC 1624: HC' = ~(~HC + ~m + m')).
fn mend(before: &[u8], after: &mut [u8], parts: &[(usize, usize)], at: usize, sum: Sum) {
    let old = word(before, at);
    if sum == Sum::Udp && old == 0 {
        return;
    }
    let summed = |frame: &[u8]| {
        let mut bytes = Vec::new();
        if sum != Sum::Plain {
            bytes.extend(rest_of_pseudo_header(before, parts));
        }
        for &(from, to) in parts {
            let mut part = frame[from..to].to_vec();
            if (from..to).contains(&at) {
                part[at - from..at - from + 2].fill(0);
            }
            bytes.extend(part);
        }
        bytes
    };
    let (was, is) = (summed(before), summed(after));
    if was == is {
        return;
    }
    put(after, at, rewritten(old, &was, &is, sum == Sum::Udp));
}

/// The checksum over other bytes, if it was right; one that is as wrong, if it wasn't. That of UDP is never zero.
pub(super) fn rewritten(old: u16, was: &[u8], is: &[u8], is_udp: bool) -> u16 {
    let finished = |value: u16| if is_udp && value == 0 { 0xffff } else { value };
    if old == finished(checksum(was)) {
        finished(checksum(is))
    } else {
        finished(adjusted(old, was, is))
    }
}

/// Protocol and length.
fn rest_of_pseudo_header(before: &[u8], parts: &[(usize, usize)]) -> [u8; 4] {
    let Ok(Read::Ip(header)) = read(before, false) else {
        return [0; 4];
    };
    let len = parts.last().map_or(0, |(from, to)| to - from) as u16;
    let [high, low] = len.to_be_bytes();
    [0, header.protocol, high, low]
}

fn adjusted(sum: u16, was: &[u8], is: &[u8]) -> u16 {
    let mut total = u64::from(!sum);
    if was.len() != is.len() {
        total += was.chunks(2).map(|old| u64::from(!of_pair(old))).sum::<u64>();
        total += is.chunks(2).map(|new| u64::from(of_pair(new))).sum::<u64>();
        return !folded(total);
    }
    for (old, new) in was.chunks(2).zip(is.chunks(2)) {
        if old != new {
            total += u64::from(!of_pair(old)) + u64::from(of_pair(new));
        }
    }
    !folded(total)
}

/// RFC 1071.
pub(super) fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u64::from(of_pair(pair)));
    !folded(words.sum())
}

fn of_pair(pair: &[u8]) -> u16 {
    u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])
}

fn folded(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = sum % 0x10000 + sum / 0x10000;
    }
    sum as u16
}

pub(super) fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}
