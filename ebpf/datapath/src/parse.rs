//! Bytes to a [`Packet`], or the reason why they are none.
//!
//! Structure only: a frame that parses may still be refused for its addresses (`eni`) or options (`options`).
//! The order of the checks decides which reason a frame with several faults is given: link layer, IP header, fragment,
//! transport header.

use crate::Frame;
use crate::packet::{Packet, packet_flag};
use groundplane_abi::wire::protocol;
use groundplane_abi::{DropReason, Ip4, Mac, Port};

const ETHERNET_LEN: u32 = 14;
const IPV4_MIN_LEN: u32 = 20;
const TCP_MIN_LEN: u32 = 20;
/// UDP's header, and what of ICMP's is looked at.
const SHORT_HEADER_LEN: u32 = 8;
/// Ethernet, the longest IPv4 header, the part of a TCP header that is looked at.
const HEADERS_LEN: u32 = ETHERNET_LEN + 60 + TCP_MIN_LEN;

mod ethertype {
    pub(super) const IPV4: u16 = 0x0800;
    pub(super) const ARP: u16 = 0x0806;
    pub(super) const VLAN: u16 = 0x8100;
    pub(super) const IPV6: u16 = 0x86dd;
    pub(super) const SERVICE_VLAN: u16 = 0x88a8;
}

const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;

/// Parses a frame into a packet, or says why it is none.
#[inline(always)]
pub fn parse(frame: &mut impl Frame, packet: &mut Packet) -> DropReason {
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
        ethertype::IPV4 => parse_ipv4(frame, packet).err().unwrap_or(DropReason::NONE),
        ethertype::ARP => {
            packet.flags = packet_flag::ARP;
            DropReason::NONE
        }
        ethertype::IPV6 => DropReason::NO_IPV6,
        ethertype::VLAN | ethertype::SERVICE_VLAN => DropReason::VLAN_TAGGED,
        _ => DropReason::NOT_IP,
    }
}

#[inline(always)]
fn parse_ipv4(frame: &impl Frame, packet: &mut Packet) -> Result<(), DropReason> {
    let header = frame.load::<20>(ETHERNET_LEN).ok_or(DropReason::TRUNCATED)?;
    let header_len = u32::from(header[0] & 0x0f) * 4;
    let total_len = u32::from(u16::from_be_bytes([header[2], header[3]]));
    // A frame may be longer than its packet (padding), never shorter.
    let room = frame.len() - ETHERNET_LEN;
    if header[0] >> 4 != 4 || header_len < IPV4_MIN_LEN || total_len < header_len || total_len > room {
        return Err(DropReason::BAD_IP_HEADER);
    }
    packet.len = frame.len();
    packet.src = Ip4([header[12], header[13], header[14], header[15]]);
    packet.dst = Ip4([header[16], header[17], header[18], header[19]]);
    packet.protocol = header[9];
    packet.flags = if header_len > IPV4_MIN_LEN {
        packet_flag::OPTIONS
    } else {
        0
    };
    packet.header_len = header_len as u8;
    let payload_len = total_len - header_len;
    let fragment = u16::from_be_bytes([header[6], header[7]]);
    if fragment & (MORE_FRAGMENTS | FRAGMENT_OFFSET) != 0 {
        packet.flags |= packet_flag::FRAGMENT;
        check_fragment(packet, u32::from(fragment & FRAGMENT_OFFSET) * 8, payload_len)?;
        if fragment & FRAGMENT_OFFSET != 0 {
            packet.flags |= packet_flag::LATER_FRAGMENT;
            return Ok(());
        }
    }
    parse_transport(frame, packet, payload_len)
}

/// Refuses what would let two fragments disagree about the transport header (RFC 1858), or reassemble to more than a
/// packet can be.
#[inline(always)]
fn check_fragment(packet: &Packet, offset: u32, payload_len: u32) -> Result<(), DropReason> {
    let transport_len = transport_len(packet.protocol);
    let first_is_short = offset == 0 && payload_len < transport_len;
    let later_overlaps = offset != 0 && offset < transport_len;
    if first_is_short || later_overlaps || offset + payload_len > 0xffff - u32::from(packet.header_len) {
        return Err(DropReason::BAD_FRAGMENT);
    }
    Ok(())
}

#[inline(always)]
const fn transport_len(protocol: u8) -> u32 {
    match protocol {
        protocol::TCP => TCP_MIN_LEN,
        protocol::UDP | protocol::ICMP => SHORT_HEADER_LEN,
        _ => 0,
    }
}

#[inline(always)]
fn parse_transport(frame: &impl Frame, packet: &mut Packet, payload_len: u32) -> Result<(), DropReason> {
    let offset = ETHERNET_LEN + u32::from(packet.header_len);
    if payload_len < transport_len(packet.protocol) {
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
        protocol::ICMP => {
            let header = frame.load::<8>(offset).ok_or(DropReason::TRUNCATED)?;
            packet.src_port = Port([header[0], header[1]]);
            match header[0] {
                // Queries and their answers (RFC 792, RFC 950) have an identifier.
                0 | 8 | 13..=18 => packet.dst_port = Port([header[4], header[5]]),
                3 | 4 | 5 | 11 | 12 => packet.flags |= packet_flag::ICMP_ERROR,
                _ => {}
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN: usize = 1500;

    /// A frame of which only what was pulled can be loaded.
    struct Paged {
        bytes: [u8; LEN],
        pulled: u32,
    }

    impl Frame for Paged {
        fn len(&self) -> u32 {
            LEN as u32
        }

        fn has_vlan_tag(&self) -> bool {
            false
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

        fn store<const N: usize>(&mut self, _: u32, _: [u8; N]) -> Option<()> {
            None
        }
    }

    #[test]
    fn the_longest_headers_are_pulled_and_no_payload() {
        let mut bytes = [0; LEN];
        let total_len = (LEN as u16 - 14).to_be_bytes();
        bytes[12..18].copy_from_slice(&[8, 0, 0x4f, 0, total_len[0], total_len[1]]);
        bytes[14 + 9] = protocol::TCP;
        bytes[14 + 60 + 12] = 5 << 4;
        let mut frame = Paged { bytes, pulled: 0 };
        assert_eq!(parse(&mut frame, &mut Packet::default()), DropReason::NONE);
        assert_eq!(frame.pulled, 14 + 60 + 20);
    }
}
