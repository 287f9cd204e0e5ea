//! IPv6 (semantics 27).

use crate::family::{Family, Glance};
use crate::filter::Knock;
use crate::packet::{Packet, packet_flag};
use crate::translate::Translation;
use crate::verdict::{Answer, Verdict, rewrite};
use crate::walk::Walk;
use crate::{Frame, TablesOf, echo, nat, nat64, neighbor, parse, refuse, translate};
use groundplane_abi::eni::SubnetEntry;
use groundplane_abi::flow::FlowKey;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, DropReason, Ip as _, Ip4, Ip6, Port};

const ETHERNET_LEN: u32 = 14;
const HEADER_LEN: u32 = 40;
/// Bytes 12 and 13, and the upper half of 14: IPv6, version 6.
const IPV6: u64 = 0x60_dd86;
const IPV6_MASK: u64 = 0xf0_ffff;

/// Extension headers that are followed (RFC 8200 section 4).
mod extension {
    use groundplane_abi::DropReason;

    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    const DESTINATION: u8 = 60;

    pub(super) const MOST: u32 = 4;
    /// Length of the IPv6 header with all of them.
    const MOST_LEN: u32 = 160;

    #[inline(always)]
    pub(super) const fn is_one(next: u8) -> bool {
        matches!(next, HOP_BY_HOP | DESTINATION | ROUTING | FRAGMENT)
    }

    /// Whether a header may stand at this place.
    #[inline(always)]
    pub(super) const fn check(next: u8, place: u32) -> Result<(), DropReason> {
        match next {
            // The packet would choose its own way (RFC 5095).
            ROUTING => Err(DropReason::SOURCE_ROUTED),
            // Only ever the first (RFC 8200 section 4.1).
            HOP_BY_HOP if place != 0 => Err(DropReason::EXTENSION_HEADERS),
            _ => Ok(()),
        }
    }

    #[inline(always)]
    pub(super) const fn check_len(len: u32, total_len: u32) -> Result<(), DropReason> {
        if len > MOST_LEN {
            Err(DropReason::EXTENSION_HEADERS)
        } else if len > total_len {
            Err(DropReason::BAD_OPTIONS)
        } else {
            Ok(())
        }
    }
}

impl Family for Ip6 {
    /// RFC 4443 sections 3.2, 3.3.
    const TOO_BIG: [u8; 2] = [2, 0];
    const HOP_LIMIT: [u8; 2] = [3, 0];
    /// Nothing but NAT64 lowers it.
    const COMPONENT_MSS: u16 = nat64::MTU - 60;

    #[inline(always)]
    fn glance(frame: &impl Frame, device: Device) -> Option<Glance<Self>> {
        if frame.has_vlan_tag() {
            return None;
        }
        // Ethernet, IPv6, and of the transport header the ports and UDP's length.
        let [first, second, w2, w3, w4, w5, w6, w7] = frame.head::<8>()?;
        if second >> 32 & IPV6_MASK != IPV6 {
            return None;
        }
        let payload_len = u32::from(((w2 >> 16) as u16).swap_bytes());
        let total_len = HEADER_LEN + payload_len;
        if total_len > frame.len() - ETHERNET_LEN {
            return None;
        }
        let protocol = (w2 >> 32) as u8;
        let datagram_len = u32::from(((w7 >> 16) as u16).swap_bytes());
        let transport_len = parse::is_usual(frame, protocol, [HEADER_LEN, total_len], datagram_len)?;
        let ports = w6 >> 48 | (w7 & 0xffff) << 16;
        Some(Glance {
            key: FlowKey([
                u64::from(device.0 << 8 | u32::from(protocol)) | ports << 32,
                w2 >> 48 | w3 << 16,
                w3 >> 48 | w4 << 16,
                w4 >> 48 | w5 << 16,
                w5 >> 48 | w6 << 16,
            ]),
            head: [first, second],
            total_len,
            headers_len: HEADER_LEN + transport_len,
            ttl: (w2 >> 40) as u8,
        })
    }

    #[inline(always)]
    fn knock(frame: &impl Frame) -> Option<Knock<Self>> {
        // Ethernet, IPv6, and the transport header as far as TCP's flags.
        let [_, second, w2, w3, w4, w5, w6, w7, w8] = frame.head::<9>()?;
        if frame.has_vlan_tag() || second >> 32 & IPV6_MASK != IPV6 {
            return None;
        }
        let total_len = HEADER_LEN + u32::from(((w2 >> 16) as u16).swap_bytes());
        if total_len > frame.len() - ETHERNET_LEN {
            return None;
        }
        let transport = [w6 >> 48 | w7 << 16, w8 >> 16];
        let opens = parse::knocks::<Self>((w2 >> 32) as u8, [HEADER_LEN, total_len], transport)?;
        let words = |a: u64, b: u64, c: u64| {
            let (low, high) = (a >> 48 | b << 16, b >> 48 | c << 16);
            Self([low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32])
        };
        Some(Knock {
            src: words(w2, w3, w4),
            dst: words(w4, w5, w6),
            port: (w7 as u16).swap_bytes(),
            opens,
        })
    }

    #[inline(always)]
    fn parse_header(frame: &impl Frame, packet: &mut Packet<Self>) -> Result<u32, DropReason> {
        let header = frame.load::<8>(ETHERNET_LEN).ok_or(DropReason::TRUNCATED)?;
        packet.src = Self(frame.words::<4>(ETHERNET_LEN + 8).ok_or(DropReason::TRUNCATED)?);
        packet.dst = Self(frame.words::<4>(ETHERNET_LEN + 24).ok_or(DropReason::TRUNCATED)?);
        let total_len = HEADER_LEN + u32::from(u16::from_be_bytes([header[4], header[5]]));
        if header[0] >> 4 != 6 || total_len > frame.len() - ETHERNET_LEN {
            return Err(DropReason::BAD_IP_HEADER);
        }
        packet.flags = packet_flag::DONT_FRAGMENT;
        packet.ttl = header[7];
        packet.identification = 0;
        follow_extensions(frame, packet, header[6], total_len)
    }

    /// A quoted packet with extension headers counts as none: nobody knows how much of it is there.
    #[inline(always)]
    fn parse_quote(frame: &impl Frame, offset: u32) -> Option<FlowKey<Self>> {
        // All of it at once: of a comparison with the end for each part the compiler makes one that the verifier can't
        // follow.
        let [first, second, s0, s1, s2, s3, d0, d1, d2, d3] = frame.words::<10>(offset)?;
        if first & 0xf0 != 0x60 {
            return None;
        }
        let protocol = (second >> 16) as u8;
        let (src_port, dst_port) = parse::quoted_ports::<Self>(frame, offset + HEADER_LEN, protocol)?;
        let (src, dst) = (Self([s0, s1, s2, s3]), Self([d0, d1, d2, d3]));
        Some(FlowKey::new(Device::NONE, protocol, src, dst, src_port, dst_port))
    }

    /// Extension headers are looked at as they are followed.
    #[inline(always)]
    fn check_options(_: &impl Frame, _: u8) -> Result<(), DropReason> {
        Ok(())
    }

    #[inline(always)]
    fn is_link_local_service(packet: &Packet<Self>, place: &SubnetEntry) -> bool {
        const DHCP_SERVER: u16 = 547;
        let dst = packet.dst;
        dst.is_in(PLATFORM, 32)
            || Self::is_router(dst, place)
            || dst == ALL_DHCP_SERVERS && packet.protocol == protocol::UDP && packet.dst_port == Port::new(DHCP_SERVER)
    }

    #[inline(always)]
    fn router(place: &SubnetEntry) -> Self {
        let [upper, lower] = place.network6.to_words();
        Self::from_words([upper, lower | 1 << 56])
    }

    /// Addresses of IPv6 are everybody's or nobody's.
    #[inline(always)]
    fn check_outside_destination(_: Self) -> Result<(), DropReason> {
        Ok(())
    }

    #[inline(always)]
    fn check_outside_source(_: Self) -> Result<(), DropReason> {
        Ok(())
    }

    #[inline(always)]
    fn leads_to_ip4(address: Self) -> bool {
        address.is_in(nat64::PREFIX, 96)
    }

    #[inline(always)]
    fn in_ip4(key: &FlowKey<Self>) -> FlowKey<Ip4> {
        nat64::in_ip4(key)
    }

    #[inline(always)]
    fn sum(address: Self) -> u32 {
        let [a, b, c, d] = address.0;
        let sum = a.swap_bytes().wrapping_add(b.swap_bytes());
        sum.wrapping_add(c.swap_bytes()).wrapping_add(d.swap_bytes())
    }

    #[inline(always)]
    fn hashed(address: Self, seed: u64) -> u32 {
        let [a, b, c, d] = address.0.map(u64::from);
        let first = nat::mixed(seed ^ a << 32 ^ b);
        nat::mixed(seed.rotate_left(7) ^ u64::from(first) ^ c << 32 ^ d)
    }

    #[inline(always)]
    fn is_router(address: Self, place: &SubnetEntry) -> bool {
        address == ROUTER || address == ROUTER_BY_MAC || place.prefix_len6 != 0 && address == Self::router(place)
    }

    /// Link-local addresses are good for the neighbours alone: nobody else's packets have them.
    #[inline(always)]
    fn check_addresses(packet: &Packet<Self>, place: &SubnetEntry) -> Result<(), DropReason> {
        let (src, dst) = (packet.src, packet.dst);
        if packet.dst_mac.is_multicast() || is_multicast(dst) {
            return Err(DropReason::MULTICAST);
        }
        if place.prefix_len6 == 0 {
            return Err(DropReason::NO_IPV6);
        }
        // Unspecified, loopback, IPv4 in disguise (RFC 4291 sections 2.5.2, 2.5.3, 2.5.5); link-local.
        let unusable = |address: Self| address.to_words()[0] == 0 || address.is_in(LINK_LOCAL, 10);
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
        neighbor::answer(tables, frame, walk)
    }

    #[inline(always)]
    fn write_answer(frame: &mut impl Frame, verdict: &Verdict) -> Option<()> {
        match verdict.rewrite {
            rewrite::NEIGHBOR => neighbor::write_advertisement(frame, verdict.mac),
            rewrite::ROUTER => neighbor::write_router_advertisement(frame),
            _ => echo::write_answer6(frame, verdict.mac),
        }
    }

    #[inline(always)]
    fn write_error(frame: &mut impl Frame, what: [u8; 2], source: Self, verdict: &Verdict) -> Option<()> {
        refuse::write_error6(frame, what, source, verdict)
    }

    #[inline(always)]
    fn write_reset(frame: &mut impl Frame, verdict: &Verdict) -> Option<()> {
        refuse::write_reset6(frame, verdict)
    }

    #[inline(always)]
    fn translate(frame: &mut impl Frame, translation: &Translation<Self>) -> Option<()> {
        translate::translate6(frame, translation)
    }

    #[inline(always)]
    fn translate_quote(frame: &mut impl Frame, icmp: u32, quoted: &FlowKey<Self>) -> Option<()> {
        translate::translate_quote6(frame, icmp, quoted)
    }
}

pub(crate) const LINK_LOCAL: Ip6 = Ip6::new([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
/// The platform's own services (semantics 3.3).
const PLATFORM: Ip6 = Ip6::new([0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
const ALL_DHCP_SERVERS: Ip6 = Ip6::new([0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2]);
/// The router, in every subnet (semantics 2.2).
pub(crate) const ROUTER: Ip6 = Ip6::new([0xfe, 0x80, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
/// The same by its MAC (RFC 4291, appendix A).
const ROUTER_BY_MAC: Ip6 = Ip6::new([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x67, 0x70, 0xff, 0xfe, 0, 0, 1]);

#[inline(always)]
const fn is_multicast(address: Ip6) -> bool {
    address.0[0] as u8 == 0xff
}

/// Goes through the extension headers to the one of the transport, and says how much of the packet follows.
#[inline(always)]
fn follow_extensions(
    frame: &impl Frame,
    packet: &mut Packet<Ip6>,
    first: u8,
    total_len: u32,
) -> Result<u32, DropReason> {
    let (mut next, mut len) = (first, HEADER_LEN);
    for place in 0..extension::MOST {
        if !extension::is_one(next) {
            break;
        }
        if next == extension::FRAGMENT {
            let [following, _, o0, o1, i0, i1, i2, i3] =
                frame.load::<8>(ETHERNET_LEN + len).ok_or(DropReason::TRUNCATED)?;
            // Part of the packet that was taken apart: whose ports these are, only that part would say, and the other
            // fragments don't have it.
            if extension::is_one(following) {
                return Err(DropReason::EXTENSION_HEADERS);
            }
            next = following;
            len += 8;
            packet.identification = u32::from_be_bytes([i0, i1, i2, i3]);
            packet.protocol = following;
            packet.header_len = len as u8;
            let offset = u32::from(u16::from_be_bytes([o0, o1]) & 0xfff8);
            parse::mark_fragment(
                packet,
                offset,
                total_len.checked_sub(len).ok_or(DropReason::BAD_OPTIONS)?,
            )?;
            // What follows a later fragment's header is anything.
            if offset != 0 {
                return Ok(total_len - len);
            }
        } else {
            extension::check(next, place)?;
            let [following, eights] = frame.load::<2>(ETHERNET_LEN + len).ok_or(DropReason::TRUNCATED)?;
            next = following;
            len += (u32::from(eights) + 1) * 8;
            packet.flags |= packet_flag::OPTIONS;
        }
        extension::check_len(len, total_len)?;
    }
    if extension::is_one(next) {
        return Err(DropReason::EXTENSION_HEADERS);
    }
    packet.protocol = next;
    packet.header_len = len as u8;
    total_len.checked_sub(len).ok_or(DropReason::BAD_IP_HEADER)
}
