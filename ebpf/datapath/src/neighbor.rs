//! Neighbour discovery: solicitations are answered by the datapath, never by the one asked for (semantics 3.1).
//!
//! As with ARP: for an ENI of the subnet the answer is its real MAC, for the router's addresses the router's; a guest
//! that asks for its own address gets no answer, so that duplicate address detection (RFC 4862) finds none. A router
//! solicitation is answered with who the router is. Advertisements, redirects and whatever else a guest has to say
//! about neighbours change nothing.

use crate::eni::{self, owner};
use crate::packet::Packet;
use crate::rewrite::readdress;
use crate::verdict::{Answer, delivery_kind, rewrite};
use crate::walk::Walk;
use crate::{Frame, TablesOf, arp, ip6};
use groundplane_abi::{DropReason, Ip as _, Ip6, Mac};

const ROUTER_SOLICITATION: u8 = 133;
const SOLICITATION: u8 = 135;
const REDIRECT: u8 = 137;

/// Where the message begins, since one with extension headers isn't looked at.
const OFFSET: u32 = 14 + 40;
const TARGET: u32 = OFFSET + 8;
/// Where the IPv6 header says how long the packet is behind it.
const PAYLOAD_LEN: u32 = 14 + 4;
/// A solicitation without options.
const SOLICITATION_LEN: u32 = 8 + 16;
/// An advertisement: message, target, the target's MAC. A router's: message, the router's MAC, the MTU.
const ANSWER_LEN: u32 = 32;

/// Whether an ICMPv6 type is one of neighbour discovery's.
#[inline(always)]
pub(crate) const fn is_discovery(icmp_type: u8) -> bool {
    icmp_type >= ROUTER_SOLICITATION && icmp_type <= REDIRECT
}

/// The answer to a message.
pub fn answer<T: TablesOf<Ip6>>(tables: &T, frame: &impl Frame, walk: &mut Walk<Ip6>) -> Result<Answer, DropReason> {
    if walk.is_from_outside() {
        return answer_outside(tables, frame, walk);
    }
    eni::load_near(tables, walk)?;
    if walk.packet.src_mac != walk.near.mac {
        return Err(DropReason::SOURCE_MAC);
    }
    if walk.place.prefix_len6 == 0 {
        return Err(DropReason::NO_IPV6);
    }
    check(frame, &walk.packet)?;
    let [icmp_type, _] = walk.packet.src_port.0;
    let kind = delivery_kind(&walk.near);
    let (mac, rewrite) = match icmp_type {
        ROUTER_SOLICITATION => (Mac::ROUTER, rewrite::ROUTER),
        SOLICITATION => (asked_for(tables, frame, walk)?, rewrite::NEIGHBOR),
        _ => return Err(DropReason::NEIGHBOR_INVALID),
    };
    Ok(Answer { mac, kind, rewrite })
}

/// On an uplink, solicitations for addresses of ours are answered, as ARP is.
#[inline(always)]
fn answer_outside<T: TablesOf<Ip6>>(
    tables: &T,
    frame: &impl Frame,
    walk: &mut Walk<Ip6>,
) -> Result<Answer, DropReason> {
    check(frame, &walk.packet)?;
    if walk.packet.src_port.0[0] != SOLICITATION {
        return Err(DropReason::NEIGHBOR_INVALID);
    }
    let target = solicited(frame)?;
    arp::answer_for_ours(tables, frame, walk, target, rewrite::NEIGHBOR)
}

/// Whom a solicitation asks for (RFC 4861 section 7.1.1). A frame may be longer than its packet.
#[inline(always)]
fn solicited(frame: &impl Frame) -> Result<Ip6, DropReason> {
    let len = frame.load::<2>(PAYLOAD_LEN).map_or(0, u16::from_be_bytes);
    if u32::from(len) < SOLICITATION_LEN {
        return Err(DropReason::NEIGHBOR_INVALID);
    }
    frame.words::<4>(TARGET).map(Ip6).ok_or(DropReason::NEIGHBOR_INVALID)
}

/// What every message must be (RFC 4861 sections 6.1.1 and 7.1.1): from this link, and of code 0.
fn check(frame: &impl Frame, packet: &Packet<Ip6>) -> Result<(), DropReason> {
    let [hop_limit] = frame.load::<1>(21).ok_or(DropReason::TRUNCATED)?;
    let [_, code] = packet.src_port.0;
    if hop_limit == u8::MAX && code == 0 && u32::from(packet.header_len) == Ip6::HEADER_LEN {
        Ok(())
    } else {
        Err(DropReason::NEIGHBOR_INVALID)
    }
}

/// The MAC of the one whose address is asked for.
fn asked_for<T: TablesOf<Ip6>>(tables: &T, frame: &impl Frame, walk: &Walk<Ip6>) -> Result<Mac, DropReason> {
    let target = solicited(frame)?;
    let src = walk.packet.src;
    let is_link_local = src.is_in(ip6::LINK_LOCAL, 10);
    // Who has no address yet asks whether somebody has this one.
    if src != Ip6::UNSPECIFIED && !is_link_local && owner(tables, walk, src) != Some(walk.near_device) {
        return Err(DropReason::NEIGHBOR_SPOOFED);
    }
    arp::asked_for(tables, walk, target).ok_or(DropReason::NEIGHBOR_UNANSWERED)
}

/// Turns a solicitation into its answer (RFC 4861 section 4.4): overriding, solicited unless it goes to
/// everybody, from the router if it is one.
#[inline(always)]
pub(crate) fn write_advertisement(frame: &mut impl Frame, mac: Mac) -> Option<()> {
    const SOLICITED: u8 = 0x40;
    const OVERRIDE: u8 = 0x20;
    const IS_ROUTER: u8 = 0x80;
    let target = Ip6(frame.words::<4>(TARGET)?);
    let router = if mac == Mac::ROUTER { IS_ROUTER } else { 0 };
    let solicited = if Ip6(frame.words::<4>(22)?) == Ip6::UNSPECIFIED {
        0
    } else {
        SOLICITED
    };
    answer_with(frame, target)?;
    frame.store(OFFSET, [136, 0, 0, 0, router | solicited | OVERRIDE, 0, 0, 0])?;
    let [a, b, c, d, e, f] = mac.0;
    frame.store(OFFSET + 24, [2, 1, a, b, c, d, e, f])?;
    write_checksum(frame)?;
    let guest = guest_mac(frame)?;
    readdress(frame, guest, mac)
}

/// Turns a router solicitation into its answer (RFC 4861 section 4.2): addresses come by DHCPv6, the router stays for
/// half an hour.
#[inline(always)]
pub(crate) fn write_router_advertisement(frame: &mut impl Frame) -> Option<()> {
    const HOP_LIMIT: u8 = 64;
    const MANAGED: u8 = 0x80;
    const LIFETIME: [u8; 2] = 1800_u16.to_be_bytes();
    const MTU: [u8; 4] = 9001_u32.to_be_bytes();
    answer_with(frame, ip6::ROUTER)?;
    frame.store(OFFSET, [134, 0, 0, 0, HOP_LIMIT, MANAGED, LIFETIME[0], LIFETIME[1]])?;
    frame.store(OFFSET + 8, [0; 8])?;
    let [a, b, c, d, e, f] = Mac::ROUTER.0;
    frame.store(OFFSET + 16, [1, 1, a, b, c, d, e, f])?;
    frame.store(OFFSET + 24, [5, 1, 0, 0, MTU[0], MTU[1], MTU[2], MTU[3]])?;
    write_checksum(frame)?;
    let guest = guest_mac(frame)?;
    readdress(frame, guest, Mac::ROUTER)
}

fn guest_mac(frame: &impl Frame) -> Option<Mac> {
    frame.load::<6>(6).map(Mac)
}

/// The IPv6 header of an answer to who sent the frame; to everybody on the link if the sender has no address yet.
#[inline(always)]
fn answer_with(frame: &mut impl Frame, src: Ip6) -> Option<()> {
    const ALL_NODES: Ip6 = Ip6::new([0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    frame.resize(OFFSET + ANSWER_LEN)?;
    let asker = Ip6(frame.words::<4>(22)?);
    let to = if asker == Ip6::UNSPECIFIED { ALL_NODES } else { asker };
    frame.store(18, (ANSWER_LEN as u16).to_be_bytes())?;
    frame.store_words(38, to.0)?;
    frame.store_words(22, src.0)
}

/// Sums up an answer and its pseudo-header (RFC 8200 section 8.1). Both answers are as long.
#[inline(always)]
fn write_checksum(frame: &mut impl Frame) -> Option<()> {
    const ADDRESSES: u32 = 22;
    frame.store(OFFSET + 2, [0; 2])?;
    let sum = ANSWER_LEN + u32::from(Ip6::ICMP) + sum(frame.words::<8>(ADDRESSES)?) + sum(frame.words::<8>(OFFSET)?);
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !(folded + (folded >> 16)) as u16;
    frame.store(OFFSET + 2, checksum.to_be_bytes())
}

/// The sum of two-byte words in network order, of which each word here has two.
#[inline(always)]
fn sum(words: [u32; 8]) -> u32 {
    let swapped = words.map(u32::swap_bytes);
    swapped.iter().map(|word| (word & 0xffff) + (word >> 16)).sum()
}
