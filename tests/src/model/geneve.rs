//! What stands around a packet on its way to an appliance and back (semantics 16.2).

use super::ROUTER_MAC;
use super::bytes::{checksum, word};
use super::header::{Header, Read, Selector, read};
use std::net::{IpAddr, Ipv4Addr};

/// "UDP dst 6081".
pub(super) const PORT: u16 = 6081;
/// From which ports a node sends: this project's choice.
pub(super) const SOURCE_PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;

const ETHERNET: usize = 14;
const UDP: u8 = 17;
const IPV4_LEN: usize = 20;
const UDP_LEN: usize = 8;
/// What an appliance sees, which the specification doesn't say.
const TTL: u8 = 254;
/// Eight bytes, and the options' thirty-two.
const GENEVE_LEN: usize = 40;
/// "Total overhead 68 bytes".
const OVERHEAD: usize = IPV4_LEN + UDP_LEN + GENEVE_LEN;
/// "class 0x0108", by type: how many bytes each has.
const OPTIONS: [usize; 3] = [8, 8, 4];

/// What the three options say: endpoint, attachment, cookie.
pub(super) type Options = [u8; 20];

/// A packet out of what was around it.
#[derive(Clone, Debug)]
pub(super) struct Unwrapped {
    pub(super) options: Options,
    /// From the router to the router.
    pub(super) frame: Vec<u8>,
}

/// Between whom, and the port that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outer {
    pub(super) node: Ipv4Addr,
    pub(super) appliance: Ipv4Addr,
    pub(super) port: u16,
}

/// "bare inner IP packet, no inner Ethernet".
pub(super) fn wrap(frame: &[u8], header: &Header, outer: Outer, options: &Options) -> Vec<u8> {
    let inner = &frame[ETHERNET..ETHERNET + header.ip_len];
    let len = |len: usize| {
        u16::try_from(len + inner.len())
            .expect("it isn't larger than 8500")
            .to_be_bytes()
    };
    let mut ip = vec![0x45, 0];
    ip.extend(len(OVERHEAD));
    ip.extend([0, 0, 0x40, 0, TTL, UDP, 0, 0]);
    ip.extend(outer.node.octets());
    ip.extend(outer.appliance.octets());
    let sum = checksum(&ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let mut wrapped = [&frame[..12], &[8, 0], &ip].concat();
    wrapped.extend(outer.port.to_be_bytes());
    wrapped.extend(PORT.to_be_bytes());
    wrapped.extend(len(OVERHEAD - IPV4_LEN));
    wrapped.extend([0, 0]);
    wrapped.extend(geneve(header.src.is_ipv6(), options));
    wrapped.extend(inner);
    wrapped
}

/// "GENEVE protocol type 0x0800 or 0x86DD".
fn geneve(is_ipv6: bool, options: &Options) -> Vec<u8> {
    let mut header = vec![8, 0];
    header.extend(if is_ipv6 { [0x86, 0xdd] } else { [8, 0] });
    header.extend([0; 4]);
    let mut rest = &options[..];
    for (option_type, len) in (1..).zip(OPTIONS) {
        let (data, after) = rest.split_at(len);
        header.extend([0x01, 0x08, option_type, u8::try_from(len / 4).expect("short")]);
        header.extend(data);
        rest = after;
    }
    header
}

/// "GENEVE leg": a whole packet of UDP to the port.
pub(super) fn is_to_node(header: &Header) -> bool {
    let is_port = matches!(header.selector, Selector::Ports { dst: PORT, .. });
    header.protocol == UDP && is_port && header.fragment.is_none()
}

/// What is in a packet with GENEVE as a node makes it; nothing if it is anything else.
pub(super) fn unwrap(frame: &[u8], header: &Header) -> Option<Unwrapped> {
    if !is_to_node(header) || !header.src.is_ipv4() {
        return None;
    }
    let datagram = usize::from(word(frame, header.body_at + 4));
    let body = frame.get(header.body_at + UDP_LEN..header.body_at + datagram)?;
    let (geneve_header, inner) = body.split_at_checked(GENEVE_LEN)?;
    let options = options_of(geneve_header)?;
    let is_ipv6 = geneve_header[2..4] == [0x86, 0xdd];
    if geneve(is_ipv6, &options) != geneve_header {
        return None;
    }
    let ethertype = &geneve_header[2..4];
    let frame = [&ROUTER_MAC[..], &ROUTER_MAC, ethertype, inner].concat();
    Some(Unwrapped { options, frame })
}

/// What stands where the data of the options stands.
fn options_of(geneve_header: &[u8]) -> Option<Options> {
    let mut options = Vec::new();
    let mut rest = geneve_header.get(8..)?;
    for len in OPTIONS {
        let (option, after) = rest.split_at_checked(4 + len)?;
        options.extend(&option[4..]);
        rest = after;
    }
    options.try_into().ok()
}

/// Who has sent a frame with GENEVE to whom, from which port and with what, as far as it is one.
pub(super) fn seen(frame: &[u8]) -> Option<(Outer, Unwrapped)> {
    let Ok(Read::Ip(header)) = read(frame, false) else {
        return None;
    };
    let unwrapped = unwrap(frame, &header)?;
    let (IpAddr::V4(node), IpAddr::V4(appliance), Selector::Ports { src: port, .. }) =
        (header.src, header.dst, header.selector)
    else {
        return None;
    };
    let outer = Outer { node, appliance, port };
    Some((outer, unwrapped))
}
