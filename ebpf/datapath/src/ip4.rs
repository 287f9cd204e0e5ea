//! IPv4.

use crate::family::{Family, Glance};
use crate::filter::Knock;
use crate::packet::{Packet, packet_flag};
use crate::translate::Translation;
use crate::verdict::{Answer, Verdict, rewrite};
use crate::walk::Walk;
use crate::{Frame, TablesOf, arp, echo, nat, options, parse, refuse, translate};
use groundplane_abi::eni::SubnetEntry;
use groundplane_abi::flow::FlowKey;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, DropReason, Ip as _, Ip4, Port};

const ETHERNET_LEN: u32 = 14;
const HEADER_LEN: u32 = 20;
/// Bytes 12 to 14: IPv4, version 4, a header of five words.
const WITHOUT_OPTIONS: u64 = 0x45_0008;
/// Bytes 20 and 21: more fragments, and the offset, but not "don't fragment".
const FRAGMENT: u64 = 0xff3f;
const DONT_FRAGMENT: u8 = 0x40;
const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;

impl Family for Ip4 {
    /// Destination unreachable, fragmentation needed (RFC 1191).
    const TOO_BIG: [u8; 2] = [3, 4];
    const HOP_LIMIT: [u8; 2] = [11, 0];
    const COMPONENT_MSS: u16 = 8500 - 40;

    #[inline(always)]
    fn glance(frame: &impl Frame, device: Device) -> Option<Glance<Self>> {
        if frame.has_vlan_tag() {
            return None;
        }
        // Ethernet, IP, and of the transport header the ports and UDP's length.
        let [first, second, third, fourth, fifth] = frame.head::<5>()?;
        if second >> 32 & 0xff_ffff != WITHOUT_OPTIONS || third >> 32 & FRAGMENT != 0 {
            return None;
        }
        let total_len = u32::from((third as u16).swap_bytes());
        if total_len > frame.len() - ETHERNET_LEN {
            return None;
        }
        let protocol = (third >> 56) as u8;
        let datagram_len = u32::from(((fifth >> 48) as u16).swap_bytes());
        let transport_len = parse::is_usual(frame, protocol, [HEADER_LEN, total_len], datagram_len)?;
        let source = u64::from((fourth >> 16) as u32);
        Some(Glance {
            key: FlowKey([
                u64::from(device.0 << 8 | u32::from(protocol)) | source << 32,
                fourth >> 48 | fifth << 16,
            ]),
            head: [first, second],
            total_len,
            headers_len: HEADER_LEN + transport_len,
            ttl: (third >> 48) as u8,
        })
    }

    #[inline(always)]
    fn knock(frame: &impl Frame) -> Option<Knock<Self>> {
        // Ethernet, IP, and the transport header as far as TCP's flags.
        let [_, second, third, fourth, fifth, sixth] = frame.head::<6>()?;
        if frame.has_vlan_tag() || second >> 32 & 0xff_ffff != WITHOUT_OPTIONS || third >> 32 & FRAGMENT != 0 {
            return None;
        }
        let total_len = u32::from((third as u16).swap_bytes());
        if total_len > frame.len() - ETHERNET_LEN {
            return None;
        }
        let transport = [fifth >> 16 | sixth << 48, sixth >> 48];
        let opens = parse::knocks::<Self>((third >> 56) as u8, [HEADER_LEN, total_len], transport)?;
        Some(Knock {
            src: Self(((fourth >> 16) as u32).to_le_bytes()),
            dst: Self(((fourth >> 48 | fifth << 16) as u32).to_le_bytes()),
            port: ((fifth >> 32) as u16).swap_bytes(),
            opens,
        })
    }

    #[inline(always)]
    fn parse_header(frame: &impl Frame, packet: &mut Packet<Self>) -> Result<u32, DropReason> {
        let header = frame.load::<20>(ETHERNET_LEN).ok_or(DropReason::TRUNCATED)?;
        let header_len = u32::from(header[0] & 0x0f) * 4;
        let total_len = u32::from(u16::from_be_bytes([header[2], header[3]]));
        // A frame may be longer than its packet (padding), never shorter.
        let room = frame.len() - ETHERNET_LEN;
        if header[0] >> 4 != 4 || header_len < HEADER_LEN || total_len < header_len || total_len > room {
            return Err(DropReason::BAD_IP_HEADER);
        }
        packet.src = Self([header[12], header[13], header[14], header[15]]);
        packet.dst = Self([header[16], header[17], header[18], header[19]]);
        packet.protocol = header[9];
        packet.ttl = header[8];
        packet.identification = u32::from(u16::from_be_bytes([header[4], header[5]]));
        packet.flags = if header_len > HEADER_LEN {
            packet_flag::OPTIONS
        } else {
            0
        };
        if header[6] & DONT_FRAGMENT != 0 {
            packet.flags |= packet_flag::DONT_FRAGMENT;
        }
        packet.header_len = header_len as u8;
        let payload_len = total_len - header_len;
        let fragment = u16::from_be_bytes([header[6], header[7]]);
        if fragment & (MORE_FRAGMENTS | FRAGMENT_OFFSET) != 0 {
            parse::mark_fragment(packet, u32::from(fragment & FRAGMENT_OFFSET) * 8, payload_len)?;
        }
        Ok(payload_len)
    }

    #[inline(always)]
    fn parse_quote(frame: &impl Frame, offset: u32) -> Option<FlowKey<Self>> {
        let [
            version_len,
            _,
            _,
            _,
            _,
            _,
            f0,
            f1,
            _,
            protocol,
            _,
            _,
            s0,
            s1,
            s2,
            s3,
            d0,
            d1,
            d2,
            d3,
        ] = frame.load::<20>(offset)?;
        let header_len = u32::from(version_len & 0x0f) * 4;
        let is_later = u16::from_be_bytes([f0, f1]) & FRAGMENT_OFFSET != 0;
        if version_len >> 4 != 4 || header_len < HEADER_LEN || is_later {
            return None;
        }
        let (src_port, dst_port) = parse::quoted_ports::<Self>(frame, offset + header_len, protocol)?;
        let (src, dst) = (Self([s0, s1, s2, s3]), Self([d0, d1, d2, d3]));
        Some(FlowKey::new(Device::NONE, protocol, src, dst, src_port, dst_port))
    }

    #[inline(always)]
    fn check_options(frame: &impl Frame, header_len: u8) -> Result<(), DropReason> {
        options::check(frame, header_len)
    }

    #[inline(always)]
    fn is_link_local_service(packet: &Packet<Self>, place: &SubnetEntry) -> bool {
        const DHCP_SERVER: u16 = 67;
        let dst = packet.dst;
        dst.is_in(Self([169, 254, 0, 0]), 16)
            || Self::is_router(dst, place)
            || dst == place.resolver
            || dst == Self::BROADCAST && packet.protocol == protocol::UDP && packet.dst_port == Port::new(DHCP_SERVER)
    }

    #[inline(always)]
    fn router(place: &SubnetEntry) -> Self {
        Self::from_bits(place.network.to_bits().wrapping_add(1))
    }

    #[inline(always)]
    fn check_outside_destination(address: Self) -> Result<(), DropReason> {
        if is_private(address) {
            Err(DropReason::PRIVATE_DESTINATION)
        } else if is_shared(address) {
            Err(DropReason::SHARED_DESTINATION)
        } else {
            Ok(())
        }
    }

    #[inline(always)]
    fn check_outside_source(address: Self) -> Result<(), DropReason> {
        if is_private(address) {
            Err(DropReason::PRIVATE_SOURCE)
        } else if is_shared(address) {
            Err(DropReason::SHARED_SOURCE)
        } else {
            Ok(())
        }
    }

    #[inline(always)]
    fn leads_to_ip4(_: Self) -> bool {
        true
    }

    #[inline(always)]
    fn in_ip4(key: &FlowKey<Self>) -> FlowKey<Ip4> {
        *key
    }

    #[inline(always)]
    fn sum(address: Self) -> u32 {
        address.to_bits()
    }

    #[inline(always)]
    fn hashed(address: Self, seed: u64) -> u32 {
        nat::mixed(seed ^ u64::from(address.to_bits()))
    }

    #[inline(always)]
    fn is_router(address: Self, place: &SubnetEntry) -> bool {
        address == Self::router(place)
    }

    /// RFC 1122 section 3.2.1.3.
    #[inline(always)]
    fn check_addresses(packet: &Packet<Self>, _: &SubnetEntry) -> Result<(), DropReason> {
        let (src, dst) = (packet.src, packet.dst);
        if packet.dst_mac.is_multicast() || is_multicast(dst) || dst == Self::BROADCAST {
            return Err(DropReason::MULTICAST);
        }
        let unusable = |address: Self| address.0[0] == 0 || address.0[0] == 127 || address.0[0] >= 240;
        if unusable(src) || unusable(dst) || is_multicast(src) {
            return Err(DropReason::UNUSABLE_ADDRESS);
        }
        Ok(())
    }

    #[inline(always)]
    fn answer_neighbor<T: TablesOf<Self>>(
        tables: &T,
        frame: &impl Frame,
        walk: &mut Walk<Self>,
    ) -> Result<Answer, DropReason> {
        arp::answer(tables, frame, walk)
    }

    #[inline(always)]
    fn write_answer(frame: &mut impl Frame, verdict: &Verdict) -> Option<()> {
        match verdict.rewrite {
            rewrite::ARP => arp::write_answer(frame, verdict.mac),
            _ => echo::write_answer4(frame, verdict.mac),
        }
    }

    #[inline(always)]
    fn write_error(frame: &mut impl Frame, what: [u8; 2], source: Self, verdict: &Verdict) -> Option<()> {
        refuse::write_error4(frame, what, source, verdict)
    }

    #[inline(always)]
    fn write_reset(frame: &mut impl Frame, verdict: &Verdict) -> Option<()> {
        refuse::write_reset4(frame, verdict)
    }

    #[inline(always)]
    fn translate(frame: &mut impl Frame, translation: &Translation<Self>) -> Option<()> {
        translate::translate4(frame, translation)
    }

    #[inline(always)]
    fn translate_quote(frame: &mut impl Frame, icmp: u32, quoted: &FlowKey<Self>) -> Option<()> {
        translate::translate_quote4(frame, icmp, quoted)
    }
}

/// RFC 1918.
#[inline(always)]
fn is_private(address: Ip4) -> bool {
    address.is_in(Ip4([10, 0, 0, 0]), 8)
        || address.is_in(Ip4([172, 16, 0, 0]), 12)
        || address.is_in(Ip4([192, 168, 0, 0]), 16)
}

/// RFC 6598.
#[inline(always)]
fn is_shared(address: Ip4) -> bool {
    address.is_in(Ip4([100, 64, 0, 0]), 10)
}

#[inline(always)]
fn is_multicast(address: Ip4) -> bool {
    address.0[0] >> 4 == 0xe
}
