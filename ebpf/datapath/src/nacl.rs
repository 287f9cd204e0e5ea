//! Network ACLs: rules in order, the first that matches decides, none denies (semantics 8).
//!
//! Asked when a packet leaves or enters a subnet, for every packet that is judged; there is no state.

use crate::TablesOf;
use crate::family::Family;
use crate::packet::{Packet, packet_flag};
use crate::walk::Walk;
use groundplane_abi::DropReason;
use groundplane_abi::nacl::{ANY_PROTOCOL, NACL_RULES, NaclKey, NaclRule, direction, implicit_deny};

/// Judges the walk's packet by the NACL of the place it is at, in the walk's direction.
pub fn evaluate<I: Family, T: TablesOf<I>>(tables: &T, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let key = NaclKey {
        bank: walk.generation.bank(),
        nacl: walk.place.nacl,
        direction: walk.direction,
    };
    let (nacl, len) = tables.nacl(&key).ok_or(DropReason::NO_NACL)?;
    let denied = if walk.direction == direction::EGRESS {
        DropReason::NACL_EGRESS
    } else {
        DropReason::NACL_INGRESS
    };
    let (address, selector) = (address(&walk.packet, walk.direction), selector(&walk.packet));
    let protocol = u16::from(walk.packet.protocol);
    let absent = walk.packet.has(packet_flag::LATER_FRAGMENT);
    // The constant bound is the verifier's; the stored length ends the scan.
    for index in 0..NACL_RULES {
        if index >= len {
            break;
        }
        let rule = tables.nacl_rule(nacl, index).ok_or(denied)?;
        // In numbers instead of conditions: every branch here the verifier follows forty times.
        let outside = if absent { 0 } else { outside(&rule, selector) };
        if address.distance(rule.network, rule.prefix_len) | other_protocol(&rule, protocol) | outside == 0 {
            return decide(&rule, absent, denied).inspect_err(|_| walk.rule = u32::from(rule.number));
        }
    }
    walk.rule = u32::from(implicit_deny(I::VERSION));
    Err(denied)
}

#[inline(always)]
fn address<I: Family>(packet: &Packet<I>, direction: u32) -> I {
    if direction == direction::EGRESS {
        packet.dst
    } else {
        packet.src
    }
}

/// What of a packet a rule's range speaks of (semantics 8.2). Ports are always the destination's.
#[inline(always)]
fn selector<I: Family>(packet: &Packet<I>) -> u16 {
    if packet.protocol == I::ICMP {
        packet.src_port.get()
    } else {
        packet.dst_port.get()
    }
}

/// Zero if a rule is for the protocol.
#[inline(always)]
fn other_protocol<I>(rule: &NaclRule<I>, protocol: u16) -> u64 {
    if rule.protocol == ANY_PROTOCOL {
        0
    } else {
        u64::from(rule.protocol ^ protocol)
    }
}

/// Zero if a rule's range holds the selector: neither difference is below zero.
#[inline(always)]
fn outside<I>(rule: &NaclRule<I>, selector: u16) -> u64 {
    let (from, to, selector) = (u64::from(rule.from), u64::from(rule.to), u64::from(selector));
    (selector.wrapping_sub(from) | to.wrapping_sub(selector)) >> 63
}

/// What a rule says of a packet it speaks of, or may: nobody knows the ports of a fragment whose first one wasn't seen.
/// If the rule asks for them the packet can't be let through, whatever it says of them (semantics 7.7).
#[inline(always)]
fn decide<I>(rule: &NaclRule<I>, absent: bool, denied: DropReason) -> Result<(), DropReason> {
    if absent && (rule.from != 0 || rule.to != u16::MAX) {
        return Err(DropReason::ORPHAN_FRAGMENT);
    }
    if rule.allow == 1 { Ok(()) } else { Err(denied) }
}
