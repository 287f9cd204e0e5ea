//! NAT64: the frame between the families, at the ENI of a NAT gateway (semantics 10.8).
//!
//! To a NAT gateway an IPv6 packet is like any other: it gets an address and a port of the gateway, which are IPv4 ones
//! written as IPv6 (RFC 6052), and there its flow ends. Here its frame becomes one of IPv4 (RFC 7915), which that ENI
//! sends. Answers come the same way back. So each family has a flow of its own, the fast path has both, and neither
//! family has a table with an address of the other.

mod error;

use crate::checksum::{add, difference, fold, halves, sum};
use crate::rewrite::readdress;
use crate::{Frame, parse};
use groundplane_abi::flow::FlowKey;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Ip as _, Ip4, Ip6, Mac, Port};

/// Where IPv4 addresses stand among the IPv6 ones (RFC 6052 section 2.1).
pub const PREFIX: Ip6 = Ip6::new([0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
/// What of the way the sender sees: behind the gateway the packet is twenty bytes smaller, and the internet takes 1500.
pub(crate) const MTU: u16 = 1500;

/// By how much a packet is larger in IPv6.
pub(crate) const LARGER: u16 = 20;

const ETHERNET_LEN: u32 = 14;
const ETHERTYPE: u32 = 12;
const HEADER4: u32 = 20;
const HEADER6: u32 = 40;
const DONT_FRAGMENT: u16 = 0x4000;
const IS_FRAGMENT: u16 = 0x3fff;
const TCP_CHECKSUM: u32 = 16;
const UDP_CHECKSUM: u32 = 6;
const ICMP_CHECKSUM: u32 = 2;

/// An IPv4 address as IPv6 has it.
#[must_use]
#[inline(always)]
pub const fn in_ip6(address: Ip4) -> Ip6 {
    embedded(u32::from_le_bytes(address.0))
}

/// The same of a word of a frame.
#[inline(always)]
const fn embedded(word: u32) -> Ip6 {
    let [first, second, third, _] = PREFIX.0;
    Ip6([first, second, third, word])
}

/// The same packet in IPv4.
#[must_use]
#[inline(always)]
pub(crate) fn in_ip4(key: &FlowKey<Ip6>) -> FlowKey<Ip4> {
    let [src, dst] = [key.src(), key.dst()].map(|Ip6([.., word])| Ip4(word.to_le_bytes()));
    let (protocol, src_port) = if key.protocol() == protocol::ICMPV6 {
        let [icmp_type, code] = key.src_port().0;
        (protocol::ICMP, Port([echo4(icmp_type).unwrap_or(icmp_type), code]))
    } else {
        (key.protocol(), key.src_port())
    };
    FlowKey::new(key.device(), protocol, src, dst, src_port, key.dst_port())
}

/// What becomes of an echo's type (RFC 7915 section 5.2), and of one of IPv4 (section 4.2).
#[inline(always)]
const fn echo4(icmp_type: u8) -> Option<u8> {
    match icmp_type {
        Ip6::ECHO_REQUEST => Some(Ip4::ECHO_REQUEST),
        129 => Some(0),
        _ => None,
    }
}

#[inline(always)]
const fn echo6(icmp_type: u8) -> Option<u8> {
    match icmp_type {
        Ip4::ECHO_REQUEST => Some(Ip6::ECHO_REQUEST),
        0 => Some(129),
        _ => None,
    }
}

/// The protocol's number in the other family.
#[inline(always)]
const fn other(protocol: u8) -> u8 {
    match protocol {
        protocol::ICMP => protocol::ICMPV6,
        protocol::ICMPV6 => protocol::ICMP,
        other => other,
    }
}

/// Turns a frame for the ENI of a NAT gateway into one of the other family that the ENI sends. Nothing if it can't be
/// carried.
#[inline(always)]
pub fn carry(frame: &mut impl Frame) -> Option<()> {
    frame.pull(parse::HEADERS_LEN);
    let nat = frame.load::<6>(0).map(Mac)?;
    if parse::is_ip6(frame) {
        to_ip4(frame)?;
        frame.store(ETHERTYPE, Ip4::ETHERTYPE.to_be_bytes())?;
    } else {
        to_ip6(frame)?;
        frame.store(ETHERTYPE, Ip6::ETHERTYPE.to_be_bytes())?;
    }
    readdress(frame, Mac::ROUTER, nat)
}

/// What an IP header says beside its addresses.
#[derive(Clone, Copy)]
struct Header {
    traffic_class: u8,
    payload_len: u16,
    ttl: u8,
    protocol: u8,
}

impl Header {
    /// Of the first words of an IPv6 header.
    #[inline(always)]
    const fn of6(first: u32, second: u32) -> Self {
        Self {
            traffic_class: (first.swap_bytes() >> 20) as u8,
            payload_len: (second as u16).swap_bytes(),
            ttl: (second >> 24) as u8,
            protocol: (second >> 16) as u8,
        }
    }

    /// Of the first words of an IPv4 header, if it is without options and of a whole packet.
    #[inline(always)]
    const fn of4(first: u32, second: u32, third: u32) -> Option<Self> {
        let total_len = ((first >> 16) as u16).swap_bytes();
        let fragment = ((second >> 16) as u16).swap_bytes() & IS_FRAGMENT;
        if first & 0xff != 0x45 || fragment != 0 || total_len < HEADER4 as u16 {
            return None;
        }
        Some(Self {
            traffic_class: (first >> 8) as u8,
            payload_len: total_len - HEADER4 as u16,
            ttl: third as u8,
            protocol: (third >> 8) as u8,
        })
    }

    /// RFC 7915 section 5.1. No identification: the packet says that it isn't to be fragmented (RFC 6864). What an
    /// error quotes may say that it is longer than a packet of IPv4 can be; nobody reads that.
    #[inline(always)]
    const fn words4(self, src: u32, dst: u32) -> [u32; 5] {
        let total_len = self.payload_len.wrapping_add(HEADER4 as u16);
        let first = halves(0x4500 | self.traffic_class as u16, total_len);
        let second = halves(0, DONT_FRAGMENT);
        let third = halves((self.ttl as u16) << 8 | other(self.protocol) as u16, 0);
        let checksum = !fold(sum([first, second, third, src, dst]));
        [first, second, third | (checksum as u32) << 16, src, dst]
    }

    /// RFC 7915 section 4.1.
    #[inline(always)]
    const fn words6(self, Ip6([s0, s1, s2, s3]): Ip6, Ip6([d0, d1, d2, d3]): Ip6) -> [u32; 10] {
        let first = (0x6000_0000 | (self.traffic_class as u32) << 20).swap_bytes();
        let lower = (other(self.protocol) as u16) << 8 | self.ttl as u16;
        [first, halves(self.payload_len, lower), s0, s1, s2, s3, d0, d1, d2, d3]
    }
}

#[inline(always)]
fn to_ip4(frame: &mut impl Frame) -> Option<()> {
    const TRANSPORT: u32 = ETHERNET_LEN + HEADER6;
    let [first, second, s0, s1, s2, src, d0, d1, d2, dst] = frame.words::<10>(ETHERNET_LEN)?;
    let header = Header::of6(first, second);
    if header.payload_len > u16::MAX - HEADER4 as u16 {
        return None;
    }
    let addresses = sum([s0, s1, s2, src, d0, d1, d2, dst]);
    let changed = difference(addresses, add(src, dst));
    match header.protocol {
        protocol::TCP => frame.adjust_checksum(TRANSPORT + TCP_CHECKSUM, changed, true, false)?,
        protocol::UDP => frame.adjust_checksum(TRANSPORT + UDP_CHECKSUM, changed, true, true)?,
        protocol::ICMPV6 => {
            let [icmp_type, code] = frame.load::<2>(TRANSPORT)?;
            let Some(becomes) = echo4(icmp_type) else {
                return error::to_ip4(frame, header, [src, dst]);
            };
            let pseudo = add(addresses, pseudo_header(header.payload_len));
            let left_out = add(difference(pseudo, 0), of_type(icmp_type, becomes));
            frame.adjust_checksum(TRANSPORT + ICMP_CHECKSUM, left_out, false, false)?;
            frame.store(TRANSPORT, [becomes, code])?;
        }
        _ => return None,
    }
    frame.change_version(4)?;
    frame.store_words(ETHERNET_LEN, header.words4(src, dst))
}

#[inline(always)]
fn to_ip6(frame: &mut impl Frame) -> Option<()> {
    const TRANSPORT: u32 = ETHERNET_LEN + HEADER4;
    let [first, second, third, src, dst] = frame.words::<5>(ETHERNET_LEN)?;
    let header = Header::of4(first, second, third)?;
    let (src6, dst6) = (embedded(src), embedded(dst));
    let addresses = add(sum(src6.0), sum(dst6.0));
    let changed = difference(add(src, dst), addresses);
    match header.protocol {
        protocol::TCP => frame.adjust_checksum(TRANSPORT + TCP_CHECKSUM, changed, true, false)?,
        protocol::UDP => {
            // IPv6 wants one (RFC 8200 section 8.1), which would be over all of the packet.
            if frame.load::<2>(TRANSPORT + UDP_CHECKSUM)? == [0; 2] {
                return None;
            }
            frame.adjust_checksum(TRANSPORT + UDP_CHECKSUM, changed, true, true)?;
        }
        protocol::ICMP => {
            let [icmp_type, code] = frame.load::<2>(TRANSPORT)?;
            let Some(becomes) = echo6(icmp_type) else {
                return error::to_ip6(frame, header, [src6, dst6]);
            };
            let pseudo = add(addresses, pseudo_header(header.payload_len));
            let added = add(pseudo, of_type(icmp_type, becomes));
            frame.adjust_checksum(TRANSPORT + ICMP_CHECKSUM, added, false, false)?;
            frame.store(TRANSPORT, [becomes, code])?;
        }
        _ => return None,
    }
    frame.change_version(6)?;
    frame.store_words(ETHERNET_LEN, header.words6(src6, dst6))
}

/// What a pseudo header of ICMPv6 has beside the addresses.
#[inline(always)]
const fn pseudo_header(payload_len: u16) -> u32 {
    halves(payload_len, protocol::ICMPV6 as u16)
}

/// What the sum changes by when the first byte of an even place does.
#[inline(always)]
const fn of_type(from: u8, to: u8) -> u32 {
    difference(from as u32, to as u32)
}
