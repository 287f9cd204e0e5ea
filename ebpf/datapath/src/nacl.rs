//! Network ACLs: rules in order, the first that matches decides, none denies (semantics 8).
//!
//! Asked when a packet leaves or enters a subnet, for every packet that is judged; there is no state.

use crate::Tables;
use crate::packet::{Packet, packet_flag};
use crate::walk::Walk;
use groundplane_abi::DropReason;
use groundplane_abi::nacl::{ANY_ICMP, ANY_PROTOCOL, NACL_RULES, NaclKey, NaclRule, direction};
use groundplane_abi::wire::protocol;

/// Judges the walk's packet by the NACL of the place it is at, in the walk's direction.
pub fn evaluate<T: Tables>(tables: &T, walk: &Walk) -> Result<(), DropReason> {
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
        if matches(&rule, &walk.packet, walk.direction) {
            return if rule.allow == 1 { Ok(()) } else { Err(denied) };
        }
    }
    Err(denied)
}

/// Whether a rule speaks of a packet (semantics 8.2). Ports are always the destination's.
fn matches(rule: &NaclRule, packet: &Packet, direction: u32) -> bool {
    let address = if direction == direction::EGRESS {
        packet.dst
    } else {
        packet.src
    };
    if !address.is_in(rule.network, rule.prefix_len) {
        return false;
    }
    if rule.protocol == ANY_PROTOCOL {
        return true;
    }
    if rule.protocol != u16::from(packet.protocol) {
        return false;
    }
    match packet.protocol {
        protocol::ICMP => {
            let [icmp_type, code] = packet.src_port.0;
            let is = |wanted: u16, found: u8| wanted == ANY_ICMP || wanted == u16::from(found);
            // A later fragment has no type; only a rule for all of them speaks of it (semantics 7.7).
            if packet.has(packet_flag::LATER_FRAGMENT) {
                rule.from == ANY_ICMP && rule.to == ANY_ICMP
            } else {
                is(rule.from, icmp_type) && is(rule.to, code)
            }
        }
        protocol::TCP | protocol::UDP if !packet.has_ports() => rule.from == 0 && rule.to == u16::MAX,
        protocol::TCP | protocol::UDP => (rule.from..=rule.to).contains(&packet.dst_port.get()),
        _ => true,
    }
}
