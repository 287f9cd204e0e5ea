//! What the model sees of a frame.

mod ipv4;
mod ipv6;
mod quote;

pub(super) use ipv4::check_options;

use super::address::icmp_of;
use super::reason::Reason;
use super::tracking::Tuple;
use std::net::IpAddr;

pub(super) enum Read {
    Arp,
    Ip(Header),
}

#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) source_mac: [u8; 6],
    pub(super) destination_mac: [u8; 6],
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    /// TTL or hop limit.
    pub(super) ttl: u8,
    /// The transport's.
    pub(super) protocol: u8,
    pub(super) selector: Selector,
    pub(super) tcp_flags: u8,
    pub(super) fragment: Option<Fragment>,
    /// Of IPv4.
    pub(super) options: Vec<u8>,
    /// The transport follows the IP header at once, without options, extension headers or fragmentation.
    pub(super) is_plain: bool,
    /// Length of the IP packet.
    pub(super) ip_len: usize,
    pub(super) dont_fragment: bool,
    /// Where in the frame the transport begins, and its length.
    pub(super) body_at: usize,
    pub(super) body_len: usize,
    /// The packet that an ICMP error speaks of, if it quotes enough of it.
    pub(super) quoted: Option<Tuple>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment {
    pub(super) id: u32,
    /// It has the transport header.
    pub(super) first: bool,
}

/// What a rule may ask for beside addresses and the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selector {
    Ports {
        src: u16,
        dst: u16,
    },
    Icmp {
        icmp_type: u8,
        code: u8,
        identifier: u16,
    },
    /// A protocol without any.
    Nothing,
    /// A later fragment: they are in another packet (7.7).
    Absent,
}

impl Selector {
    pub(super) fn of(tuple: &Tuple) -> Self {
        match tuple.protocol {
            6 | 17 => Self::Ports {
                src: tuple.a,
                dst: tuple.b,
            },
            _ if tuple.is_icmp() => {
                let [icmp_type, code] = tuple.a.to_be_bytes();
                Self::Icmp {
                    icmp_type,
                    code,
                    identifier: tuple.b,
                }
            }
            _ => Self::Nothing,
        }
    }
}

impl Header {
    /// ICMP messages about another packet: unreachable, quench, redirect, time exceeded, parameter problem (RFC 792);
    /// unreachable, too big, time exceeded, parameter problem (RFC 4443).
    pub(super) fn is_icmp_error(&self) -> bool {
        match self.selector {
            Selector::Icmp { icmp_type, .. } if self.src.is_ipv4() => matches!(icmp_type, 3 | 4 | 5 | 11 | 12),
            Selector::Icmp { icmp_type, .. } => matches!(icmp_type, 1..=4),
            _ => false,
        }
    }

    /// 7.6 and 7.7: errors, and fragments of which nothing is known, are judged each by itself and leave no state. Nor
    /// does a packet that is its own answer, from an ENI to itself: there is no other direction that state could admit.
    pub(super) fn stands_alone(&self) -> bool {
        let answers_itself = self.tuple().answered() == self.tuple();
        self.is_icmp_error() || self.selector == Selector::Absent || answers_itself
    }

    /// What a connection is told by, as the packet goes.
    pub(super) fn tuple(&self) -> Tuple {
        let (a, b) = match self.selector {
            Selector::Ports { src, dst } => (src, dst),
            Selector::Icmp {
                icmp_type,
                code,
                identifier,
            } => (u16::from_be_bytes([icmp_type, code]), identifier),
            Selector::Nothing | Selector::Absent => (0, 0),
        };
        Tuple {
            protocol: self.protocol,
            src: self.src,
            dst: self.dst,
            a,
            b,
        }
    }
}

/// Reads a frame. The first fault from the outside in is the reason.
pub(super) fn read(frame: &[u8], tagged: bool) -> Result<Read, Reason> {
    if tagged {
        return Err(Reason::HasVlanTag);
    }
    if frame.len() < 14 {
        return Err(Reason::EndsEarly);
    }
    let network = match [frame[12], frame[13]] {
        [0x08, 0x06] => return Ok(Read::Arp),
        [0x08, 0x00] => ipv4::read(&frame[14..])?,
        [0x86, 0xdd] => ipv6::read(&frame[14..])?,
        [0x81, 0x00] | [0x88, 0xa8] => return Err(Reason::HasVlanTag),
        _ => return Err(Reason::IsNotIp),
    };
    behind(frame, network).map(Read::Ip)
}

/// An IP header with all that belongs to it.
struct Network<'a> {
    src: IpAddr,
    dst: IpAddr,
    ttl: u8,
    /// With options or extension headers.
    header_len: usize,
    is_plain: bool,
    options: &'a [u8],
    protocol: u8,
    dont_fragment: bool,
    fragment: Option<Fragment>,
    /// What is behind it, without padding.
    body: &'a [u8],
}

/// The largest packet inside a VPC (semantics 23).
const MTU: usize = 9001;

/// The transport header, unless it is in another packet.
fn behind(frame: &[u8], network: Network<'_>) -> Result<Header, Reason> {
    if network.header_len + network.body.len() > MTU {
        return Err(Reason::TooLarge);
    }
    let (icmp, body) = (icmp_of(network.src), network.body);
    let is_later = network.fragment.is_some_and(|fragment| !fragment.first);
    let selector = if is_later {
        Selector::Absent
    } else {
        read_transport(network.protocol, icmp, body, network.fragment.is_some())?
    };
    let mut header = Header {
        destination_mac: frame[..6].try_into().expect("six bytes"),
        source_mac: frame[6..12].try_into().expect("six bytes"),
        src: network.src,
        dst: network.dst,
        ttl: network.ttl,
        protocol: network.protocol,
        selector,
        tcp_flags: if network.protocol == 6 && !is_later {
            body[13]
        } else {
            0
        },
        fragment: network.fragment,
        options: network.options.to_vec(),
        is_plain: network.is_plain,
        ip_len: network.header_len + body.len(),
        dont_fragment: network.dont_fragment,
        body_at: 14 + network.header_len,
        body_len: body.len(),
        quoted: None,
    };
    if header.is_icmp_error() {
        header.quoted = quote::read(&body[8..], header.src.is_ipv4());
    }
    Ok(header)
}

/// The transport header must be in the first fragment as a whole, and no other fragment may reach into it.
fn check_fragment(protocol: u8, icmp: u8, header_len: usize, offset: usize, len: usize) -> Result<(), Reason> {
    let needed = transport_header(protocol, icmp);
    let fits = header_len + offset + len <= 65535;
    let whole = if offset == 0 { len >= needed } else { offset >= needed };
    if whole && fits {
        Ok(())
    } else {
        Err(Reason::FragmentIsWrong)
    }
}

fn transport_header(protocol: u8, icmp: u8) -> usize {
    match protocol {
        6 => 20,
        17 => 8,
        _ if protocol == icmp => 8,
        _ => 0,
    }
}

fn read_transport(protocol: u8, icmp: u8, body: &[u8], is_fragment: bool) -> Result<Selector, Reason> {
    if body.len() < transport_header(protocol, icmp) {
        return Err(Reason::EndsEarly);
    }
    match protocol {
        6 => {
            let header_len = usize::from(body[12] / 16) * 4;
            if header_len < 20 || header_len > body.len() {
                return Err(Reason::TransportHeaderIsWrong);
            }
        }
        17 => {
            let len = usize::from(word(body, 4));
            // The rest of a fragment's datagram is in other packets.
            if len < 8 || (len > body.len() && !is_fragment) {
                return Err(Reason::TransportHeaderIsWrong);
            }
        }
        _ => {}
    }
    Ok(selector(protocol, icmp, body))
}

/// What stands in the first eight bytes of a transport header.
fn selector(protocol: u8, icmp: u8, body: &[u8]) -> Selector {
    match protocol {
        6 | 17 => Selector::Ports {
            src: word(body, 0),
            dst: word(body, 2),
        },
        _ if protocol == icmp => Selector::Icmp {
            icmp_type: body[0],
            code: body[1],
            identifier: if has_identifier(icmp, body[0]) {
                word(body, 4)
            } else {
                0
            },
        },
        _ => Selector::Nothing,
    }
}

/// RFC 792 and 950: echo, timestamp, information, address mask. RFC 4443: echo.
fn has_identifier(icmp: u8, icmp_type: u8) -> bool {
    if icmp == 1 {
        matches!(icmp_type, 0 | 8 | 13 | 14 | 15 | 16 | 17 | 18)
    } else {
        matches!(icmp_type, 128 | 129)
    }
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}
