//! Bytes to a [`Packet`], or the reason why they are none.
//!
//! Structure only: a frame that parses may still be refused for its addresses (`eni`) or options (`options`).
//! The order of the checks decides which reason a frame with several faults is given: link layer, IP header, fragment,
//! transport header.

use crate::family::Family;
use crate::packet::{Packet, packet_flag, tcp_flag};
use crate::{Frame, neighbor};
use groundplane_abi::flow::FlowKey;
use groundplane_abi::wire::protocol;
use groundplane_abi::{DropReason, Ip as _, Ip6, Mac, Port};

const ETHERNET_LEN: u32 = 14;
const TCP_MIN_LEN: u32 = 20;
/// UDP's header, and what of ICMP's is looked at.
const SHORT_HEADER_LEN: u32 = 8;
/// Ethernet, the longest IP header with what belongs to it, an ICMP header, an IP header that it quotes, the beginning
/// of what follows that.
pub(crate) const HEADERS_LEN: u32 = ETHERNET_LEN + 160 + SHORT_HEADER_LEN + 40 + SHORT_HEADER_LEN;
/// The largest packet inside a VPC (semantics 23).
pub(crate) const MTU: u32 = 9001;

mod ethertype {
    pub(super) const ARP: u16 = 0x0806;
    pub(super) const VLAN: u16 = 0x8100;
    pub(super) const SERVICE_VLAN: u16 = 0x88a8;
}

/// Whether a frame is of IPv6. What is of no family counts as IPv4's, which says what is wrong with it.
#[inline(always)]
pub fn is_ip6(frame: &impl Frame) -> bool {
    frame.load::<2>(12) == Some(Ip6::ETHERTYPE.to_be_bytes())
}

/// Parses a frame into a packet, or says why it is none.
#[inline(always)]
pub fn parse<I: Family>(frame: &mut impl Frame, packet: &mut Packet<I>) -> DropReason {
    packet.len = frame.len();
    if frame.has_vlan_tag() {
        return DropReason::VLAN_TAGGED;
    }
    frame.pull(HEADERS_LEN);
    let Some(ethernet) = frame.load::<14>(0) else {
        return DropReason::TRUNCATED;
    };
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = ethernet;
    packet.dst_mac = Mac([d0, d1, d2, d3, d4, d5]);
    packet.src_mac = Mac([s0, s1, s2, s3, s4, s5]);
    match u16::from_be_bytes([t0, t1]) {
        ethertype if ethertype == I::ETHERTYPE => parse_ip(frame, packet).err().unwrap_or(DropReason::NONE),
        ethertype::ARP if I::VERSION == 4 => {
            packet.flags = packet_flag::NEIGHBOR;
            DropReason::NONE
        }
        ethertype::VLAN | ethertype::SERVICE_VLAN => DropReason::VLAN_TAGGED,
        _ => DropReason::NOT_IP,
    }
}

#[inline(always)]
fn parse_ip<I: Family>(frame: &impl Frame, packet: &mut Packet<I>) -> Result<(), DropReason> {
    let payload_len = I::parse_header(frame, packet)?;
    let header_len = u32::from(packet.header_len);
    if header_len + payload_len > MTU && !fits(frame, header_len + TCP_MIN_LEN, MTU) {
        return Err(DropReason::MTU_EXCEEDED);
    }
    let transport_len = if packet.has(packet_flag::LATER_FRAGMENT) {
        0
    } else {
        parse_transport(frame, packet, payload_len)?
    };
    let segment_len = frame.segment_len();
    let size = if segment_len == 0 {
        header_len + payload_len
    } else {
        header_len + transport_len + segment_len
    };
    packet.size = if size > 0xffff { 0xffff } else { size as u16 };
    Ok(())
}

/// Whether a packet larger than an MTU goes on in pieces that are not: what segmentation will make of it counts.
#[inline(always)]
pub(crate) fn fits(frame: &impl Frame, headers_len: u32, mtu: u32) -> bool {
    let segment_len = frame.segment_len();
    segment_len != 0 && headers_len + segment_len <= mtu
}

/// The length of the transport header if it is one that established flows consist of: TCP that changes no state, or
/// UDP, of sound length. Of an IP header of known length and the whole packet's.
#[inline(always)]
pub(crate) fn is_usual(
    frame: &impl Frame,
    protocol: u8,
    [header_len, total_len]: [u32; 2],
    datagram_len: u32,
) -> Option<u32> {
    let (is_usual, transport_len) = match protocol {
        protocol::TCP => {
            let [data_offset, flags] = frame.load::<2>(ETHERNET_LEN + header_len + 12)?;
            let tcp_len = u32::from(data_offset >> 4) * 4;
            let is_sound = tcp_len >= TCP_MIN_LEN && header_len + tcp_len <= total_len;
            (is_sound && flags & tcp_flag::STATE == 0, tcp_len)
        }
        protocol::UDP => {
            let is_sound = datagram_len >= SHORT_HEADER_LEN && header_len + datagram_len <= total_len;
            (is_sound, SHORT_HEADER_LEN)
        }
        _ => (false, 0),
    };
    is_usual.then_some(transport_len)
}

/// Whether a packet that may be the first of its flow opens a TCP connection; nothing of any other packet. Given the
/// first eight bytes of the transport header, and the four that begin with TCP's data offset.
#[inline(always)]
pub(crate) fn knocks<I: Family>(
    protocol: u8,
    [header_len, total_len]: [u32; 2],
    [transport, state]: [u64; 2],
) -> Option<bool> {
    let (is_first, transport_len) = match protocol {
        protocol::TCP => {
            let data_offset = (state >> 4 & 0xf) as u32 * 4;
            let flags = (state >> 8) as u8;
            let opens = flags & (tcp_flag::SYN | tcp_flag::ACK | tcp_flag::RST) == tcp_flag::SYN;
            (opens && data_offset >= TCP_MIN_LEN, data_offset)
        }
        protocol::UDP => {
            let datagram_len = u32::from(((transport >> 32) as u16).swap_bytes());
            (datagram_len >= SHORT_HEADER_LEN, datagram_len)
        }
        icmp if icmp == I::ICMP => (transport as u8 == I::ECHO_REQUEST, SHORT_HEADER_LEN),
        _ => (false, 0),
    };
    let is_whole = header_len + transport_len <= total_len && total_len <= MTU;
    (is_first && is_whole).then_some(protocol == protocol::TCP)
}

/// Notes that a packet is a fragment, and whether the first.
///
/// Refuses what would let two fragments disagree about the transport header (RFC 1858), or reassemble to more than a
/// packet can be.
#[inline(always)]
pub(crate) fn mark_fragment<I: Family>(
    packet: &mut Packet<I>,
    offset: u32,
    payload_len: u32,
) -> Result<(), DropReason> {
    let transport_len = transport_len::<I>(packet.protocol);
    let first_is_short = offset == 0 && payload_len < transport_len;
    let later_overlaps = offset != 0 && offset < transport_len;
    if first_is_short || later_overlaps || offset + payload_len > 0xffff - u32::from(packet.header_len) {
        return Err(DropReason::BAD_FRAGMENT);
    }
    packet.flags |= packet_flag::FRAGMENT;
    if offset != 0 {
        packet.flags |= packet_flag::LATER_FRAGMENT;
    }
    Ok(())
}

#[inline(always)]
fn transport_len<I: Family>(protocol: u8) -> u32 {
    match protocol {
        protocol::TCP => TCP_MIN_LEN,
        protocol::UDP => SHORT_HEADER_LEN,
        _ if protocol == I::ICMP => SHORT_HEADER_LEN,
        _ => 0,
    }
}

/// Reads the transport header, and says how long it is.
#[inline(always)]
fn parse_transport<I: Family>(frame: &impl Frame, packet: &mut Packet<I>, payload_len: u32) -> Result<u32, DropReason> {
    let offset = ETHERNET_LEN + u32::from(packet.header_len);
    if payload_len < transport_len::<I>(packet.protocol) {
        return Err(DropReason::TRUNCATED);
    }
    match packet.protocol {
        protocol::TCP => {
            let header = frame.load::<14>(offset).ok_or(DropReason::TRUNCATED)?;
            let data_offset = u32::from(header[12] >> 4) * 4;
            if data_offset < TCP_MIN_LEN || data_offset > payload_len {
                return Err(DropReason::BAD_TRANSPORT_HEADER);
            }
            packet.tcp_flags = header[13];
            packet.src_port = Port([header[0], header[1]]);
            packet.dst_port = Port([header[2], header[3]]);
            return Ok(data_offset);
        }
        protocol::UDP => {
            let header = frame.load::<8>(offset).ok_or(DropReason::TRUNCATED)?;
            let datagram_len = u32::from(u16::from_be_bytes([header[4], header[5]]));
            // A first fragment's datagram is longer than the fragment.
            let too_long = datagram_len > payload_len && !packet.has(packet_flag::FRAGMENT);
            if datagram_len < SHORT_HEADER_LEN || too_long {
                return Err(DropReason::BAD_TRANSPORT_HEADER);
            }
            packet.src_port = Port([header[0], header[1]]);
            packet.dst_port = Port([header[2], header[3]]);
        }
        icmp if icmp == I::ICMP => {
            let header = frame.load::<8>(offset).ok_or(DropReason::TRUNCATED)?;
            parse_icmp(header, packet);
        }
        _ => return Ok(0),
    }
    Ok(SHORT_HEADER_LEN)
}

#[inline(always)]
fn parse_icmp<I: Family>([icmp_type, code, _, _, i0, i1, _, _]: [u8; 8], packet: &mut Packet<I>) {
    packet.src_port = Port([icmp_type, code]);
    if I::has_icmp_identifier(icmp_type) {
        packet.dst_port = Port([i0, i1]);
    } else if I::is_icmp_error(icmp_type) {
        packet.flags |= packet_flag::ICMP_ERROR;
    } else if I::VERSION == 6 && neighbor::is_discovery(icmp_type) {
        packet.flags |= packet_flag::NEIGHBOR;
    }
}

/// The packet that an ICMP error speaks of.
#[inline(always)]
pub fn parse_quote<I: Family>(frame: &impl Frame, header_len: u8) -> Option<FlowKey<I>> {
    I::parse_quote(frame, ETHERNET_LEN + u32::from(header_len) + SHORT_HEADER_LEN)
}

/// The ports of a quoted packet, or what stands in their place.
#[inline(always)]
pub(crate) fn quoted_ports<I: Family>(frame: &impl Frame, offset: u32, protocol: u8) -> Option<(Port, Port)> {
    let [a, b, c, d, i0, i1, _, _] = frame.load::<8>(offset)?;
    match protocol {
        protocol::TCP | protocol::UDP => Some((Port([a, b]), Port([c, d]))),
        icmp if icmp == I::ICMP && I::has_icmp_identifier(a) => Some((Port([a, b]), Port([i0, i1]))),
        icmp if icmp == I::ICMP => Some((Port([a, b]), Port::NONE)),
        _ => Some((Port::NONE, Port::NONE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundplane_abi::{Device, Ip4};

    /// How much of a frame can be pulled.
    const PAGE: usize = 1500;

    /// A frame of which only what was pulled can be loaded.
    struct Paged {
        bytes: [u8; PAGE],
        pulled: u32,
        len: u32,
        segment_len: u32,
    }

    impl Paged {
        /// IPv4 and TCP, the first with a header of so many words.
        fn tcp(header_words: u8, len: u32, segment_len: u32) -> Self {
            let mut bytes = [0; PAGE];
            let total_len = u16::try_from(len - 14).unwrap().to_be_bytes();
            bytes[12..18].copy_from_slice(&[8, 0, 0x40 | header_words, 0, total_len[0], total_len[1]]);
            bytes[14 + 9] = protocol::TCP;
            bytes[14 + 4 * usize::from(header_words) + 12] = 5 << 4;
            Self {
                bytes,
                pulled: 0,
                len,
                segment_len,
            }
        }
    }

    impl Frame for Paged {
        fn device(&self) -> Device {
            Device::NONE
        }

        fn len(&self) -> u32 {
            self.len
        }

        fn has_vlan_tag(&self) -> bool {
            false
        }

        fn segment_len(&self) -> u32 {
            self.segment_len
        }

        fn resize(&mut self, _: u32) -> Option<()> {
            None
        }

        fn change_version(&mut self, _: u8) -> Option<()> {
            None
        }

        fn pull(&mut self, len: u32) {
            self.pulled = len;
        }

        fn load<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
            let pulled = self.bytes.get(..self.pulled as usize)?;
            pulled.get(offset as usize..)?.first_chunk().copied()
        }

        fn head<const N: usize>(&self) -> Option<[u64; N]> {
            None
        }

        fn words<const N: usize>(&self, _: u32) -> Option<[u32; N]> {
            None
        }

        fn store_words<const N: usize>(&mut self, _: u32, _: [u32; N]) -> Option<()> {
            None
        }

        fn store<const N: usize>(&mut self, _: u32, _: [u8; N]) -> Option<()> {
            None
        }

        fn adjust_checksum(&mut self, _: u32, _: u32, _: bool, _: bool) -> Option<()> {
            None
        }
    }

    #[test]
    fn the_longest_headers_are_pulled_and_no_payload() {
        let mut frame = Paged::tcp(15, PAGE as u32, 0);
        assert_eq!(parse::<Ip4>(&mut frame, &mut Packet::default()), DropReason::NONE);
        assert_eq!(frame.pulled, 14 + 160 + 8 + 40 + 8);
    }

    /// Semantics 23: what counts is the size of the packets that segmentation makes.
    #[test]
    fn what_will_be_segmented_is_as_large_as_its_segments() {
        for (segment_len, reason) in [
            (MTU - 40, DropReason::NONE),
            (MTU - 39, DropReason::MTU_EXCEEDED),
            (0, DropReason::MTU_EXCEEDED),
        ] {
            let mut packet = Packet::default();
            let mut frame = Paged::tcp(5, 14 + MTU + 1, segment_len);
            assert_eq!(parse::<Ip4>(&mut frame, &mut packet), reason, "{segment_len}");
        }
    }
}
