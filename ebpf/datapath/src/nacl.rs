//! Network ACLs: rules in order, the first that matches decides, none denies (semantics 8).
//!
//! Asked when a packet leaves or enters a subnet, for every packet that is judged; there is no state.

use crate::family::Family;
use crate::TablesOf;
use crate::packet::{Packet, packet_flag};
use crate::walk::Walk;
use groundplane_abi::nacl::{ANY_ICMP, ANY_PROTOCOL, NACL_RULES, NaclKey, NaclRule, direction, implicit_deny};
use groundplane_abi::wire::protocol;
use groundplane_abi::DropReason;

/// What a rule says of a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Nothing,
    Decides,
    /// It speaks of packets of this address and protocol, but nobody knows whether of this one: its ports are absent.
    Unclear,
}

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
    // The constant bound is the verifier's; the stored length ends the scan.
    for index in 0..NACL_RULES {
        if index >= len {
            break;
        }
        let rule = tables.nacl_rule(nacl, index).ok_or(denied)?;
        let says = matches(&rule, &walk.packet, walk.direction);
        if says == Says::Nothing {
            continue;
        }
        if says == Says::Decides && rule.allow == 1 {
            return Ok(());
        }
        walk.rule = u32::from(rule.number);
        return Err(if says == Says::Decides { denied } else { DropReason::ORPHAN_FRAGMENT });
    }
    walk.rule = u32::from(implicit_deny(I::VERSION));
    Err(denied)
}

/// What a rule says of a packet (semantics 8.2). Ports are always the destination's.
#[inline(always)]
fn matches<I: Family>(rule: &NaclRule<I>, packet: &Packet<I>, direction: u32) -> Says {
    let address = if direction == direction::EGRESS {
        packet.dst
    } else {
        packet.src
    };
    if !address.is_in(rule.network, rule.prefix_len) {
        return Says::Nothing;
    }
    if rule.protocol == ANY_PROTOCOL {
        return Says::Decides;
    }
    if rule.protocol != u16::from(packet.protocol) {
        return Says::Nothing;
    }
    let absent = packet.has(packet_flag::LATER_FRAGMENT);
    let (all, this) = match packet.protocol {
        protocol::TCP | protocol::UDP => (
            rule.from == 0 && rule.to == u16::MAX,
            (rule.from..=rule.to).contains(&packet.dst_port.get()),
        ),
        icmp if icmp == I::ICMP => {
            let [icmp_type, code] = packet.src_port.0;
            let is = |wanted: u16, found: u8| wanted == ANY_ICMP || wanted == u16::from(found);
            (
                rule.from == ANY_ICMP && rule.to == ANY_ICMP,
                is(rule.from, icmp_type) && is(rule.to, code),
            )
        }
        _ => (true, true),
    };
    match (absent, all, this) {
        (true, false, _) => Says::Unclear,
        (false, _, false) => Says::Nothing,
        _ => Says::Decides,
    }
}
