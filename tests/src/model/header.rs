//! What the model sees of a frame.

use super::reason::Reason;
use super::tracking::Tuple;
use std::net::Ipv4Addr;

pub(super) enum Read {
    Arp,
    Ip(Header),
}

#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) source_mac: [u8; 6],
    pub(super) destination_mac: [u8; 6],
    pub(super) src: Ipv4Addr,
    pub(super) dst: Ipv4Addr,
    pub(super) protocol: u8,
    pub(super) selector: Selector,
    pub(super) tcp_flags: u8,
    pub(super) is_fragment: bool,
    pub(super) options: Vec<u8>,
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

impl Header {
    /// ICMP messages about another packet: unreachable, quench, redirect, time exceeded, parameter problem (RFC 792).
    pub(super) fn is_icmp_error(&self) -> bool {
        matches!(
            self.selector,
            Selector::Icmp {
                icmp_type: 3 | 4 | 5 | 11 | 12,
                ..
            }
        )
    }

    /// 7.6 and 7.7: errors, fragments and packets with options are judged each by itself and leave no state. Nor does a
    /// packet that is its own answer, from an ENI to itself: there is no other direction that state could admit.
    pub(super) fn stands_alone(&self) -> bool {
        let answers_itself = self.tuple().answered() == self.tuple();
        self.is_icmp_error() || self.is_fragment || !self.options.is_empty() || answers_itself
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
    match [frame[12], frame[13]] {
        [0x08, 0x06] => Ok(Read::Arp),
        [0x08, 0x00] => read_ip(frame).map(Read::Ip),
        [0x86, 0xdd] => Err(Reason::IsIpv6),
        [0x81, 0x00] | [0x88, 0xa8] => Err(Reason::HasVlanTag),
        _ => Err(Reason::IsNotIp),
    }
}

fn read_ip(frame: &[u8]) -> Result<Header, Reason> {
    let ip = &frame[14..];
    if ip.len() < 20 {
        return Err(Reason::EndsEarly);
    }
    let header_len = usize::from(ip[0] % 16) * 4;
    let total_len = usize::from(word(ip, 2));
    if ip[0] / 16 != 4 || header_len < 20 || total_len < header_len || ip.len() < total_len {
        return Err(Reason::IpHeaderIsWrong);
    }
    let (protocol, body) = (ip[9], &ip[header_len..total_len]);
    let offset = usize::from(word(ip, 6) % 0x2000) * 8;
    let is_fragment = offset > 0 || word(ip, 6) & 0x2000 != 0;
    if is_fragment {
        check_fragment(protocol, header_len, offset, body.len())?;
    }
    let selector = if offset > 0 {
        Selector::Absent
    } else {
        read_transport(protocol, body, is_fragment)?
    };
    Ok(Header {
        destination_mac: frame[..6].try_into().expect("six bytes"),
        source_mac: frame[6..12].try_into().expect("six bytes"),
        src: Ipv4Addr::new(ip[12], ip[13], ip[14], ip[15]),
        dst: Ipv4Addr::new(ip[16], ip[17], ip[18], ip[19]),
        protocol,
        selector,
        tcp_flags: if protocol == 6 && offset == 0 { body[13] } else { 0 },
        is_fragment,
        options: ip[20..header_len].to_vec(),
    })
}

/// The transport header must be in the first fragment as a whole, and no other fragment may reach into it.
fn check_fragment(protocol: u8, header_len: usize, offset: usize, len: usize) -> Result<(), Reason> {
    let needed = transport_header(protocol);
    let fits = header_len + offset + len <= 65535;
    let whole = if offset == 0 { len >= needed } else { offset >= needed };
    if whole && fits {
        Ok(())
    } else {
        Err(Reason::FragmentIsWrong)
    }
}

fn transport_header(protocol: u8) -> usize {
    match protocol {
        6 => 20,
        1 | 17 => 8,
        _ => 0,
    }
}

fn read_transport(protocol: u8, body: &[u8], is_fragment: bool) -> Result<Selector, Reason> {
    if body.len() < transport_header(protocol) {
        return Err(Reason::EndsEarly);
    }
    match protocol {
        6 => {
            let header_len = usize::from(body[12] / 16) * 4;
            if header_len < 20 || header_len > body.len() {
                return Err(Reason::TransportHeaderIsWrong);
            }
            Ok(Selector::Ports {
                src: word(body, 0),
                dst: word(body, 2),
            })
        }
        17 => {
            let len = usize::from(word(body, 4));
            // The rest of a fragment's datagram is in other packets.
            if len < 8 || (len > body.len() && !is_fragment) {
                return Err(Reason::TransportHeaderIsWrong);
            }
            Ok(Selector::Ports {
                src: word(body, 0),
                dst: word(body, 2),
            })
        }
        1 => {
            let identifier = if has_identifier(body[0]) { word(body, 4) } else { 0 };
            Ok(Selector::Icmp {
                icmp_type: body[0],
                code: body[1],
                identifier,
            })
        }
        _ => Ok(Selector::Nothing),
    }
}

/// RFC 792 and 950: echo, timestamp, information, address mask.
fn has_identifier(icmp_type: u8) -> bool {
    matches!(icmp_type, 0 | 8 | 13 | 14 | 15 | 16 | 17 | 18)
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// RFC 791 and 7126: options that add up, and none that chooses the packet's way.
pub(super) fn check_options(options: &[u8]) -> Result<(), Reason> {
    let mut rest = options;
    while let Some((&kind, after)) = rest.split_first() {
        match kind {
            0 => return Ok(()),
            1 => rest = after,
            131 | 137 => return Err(Reason::ChoosesItsOwnWay),
            _ => {
                let len = after.first().map_or(0, |len| usize::from(*len));
                if len < 2 || len > rest.len() {
                    return Err(Reason::OptionsDontAddUp);
                }
                rest = &rest[len..];
            }
        }
    }
    Ok(())
}
