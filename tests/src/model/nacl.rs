//! Network ACLs (semantics 8): "lowest number first; first match decides", and then the implicit deny.

use super::address::icmp_of;
use super::fault::Denial;
use super::header::{Header, Selector};
use super::reason::Reason;
use groundplane::resources::{NetworkAclEntry, RuleAction};

/// What one entry says of a packet.
enum Says {
    Nothing,
    Decides,
    /// 7.7: "dropped if any port-specific decision would be needed".
    NeedsPorts,
}

/// Lets a packet leave (`egress`) or enter a subnet, or says which rule doesn't.
pub(super) fn judge(entries: &[NetworkAclEntry], egress: bool, header: &Header) -> Result<(), Denial> {
    let denied = if egress {
        Reason::NaclDeniesOutbound
    } else {
        Reason::NaclDeniesInbound
    };
    for entry in entries {
        let reason = match says(entry, header) {
            Says::Nothing => continue,
            Says::Decides if entry.rule_action == RuleAction::Allow => return Ok(()),
            Says::Decides => denied,
            Says::NeedsPorts => Reason::OrphanFragment,
        };
        return Err(Denial {
            reason,
            rule: entry.rule_number,
        });
    }
    // 8.1: "numbers 32767 (IPv4) and 32768 (IPv6)".
    let rule = if header.src.is_ipv4() { 32767 } else { 32768 };
    Err(Denial { reason: denied, rule })
}

/// 8.2: "Inbound list matches the packet's source address, outbound list its destination address."
fn says(entry: &NetworkAclEntry, header: &Header) -> Says {
    let address = if entry.egress { header.dst } else { header.src };
    if !entry.cidr_block.contains(&address) {
        return Says::Nothing;
    }
    let (all, this) = match entry.protocol {
        None => return Says::Decides,
        Some(protocol) if protocol != header.protocol => return Says::Nothing,
        Some(6 | 17) => ports(entry.port_range, header),
        Some(protocol) if protocol == icmp_of(address) => types(entry.icmp_type_code, header),
        Some(_) => return Says::Decides,
    };
    match header.selector {
        Selector::Absent if all => Says::Decides,
        Selector::Absent => Says::NeedsPorts,
        _ if this => Says::Decides,
        _ => Says::Nothing,
    }
}

/// 8.2: "PortRange is always the packet's destination port, in both directions." Whether all ports are meant, and
/// whether this one is.
fn ports(range: Option<(u16, u16)>, header: &Header) -> (bool, bool) {
    let this = match (range, header.selector) {
        (Some((from, to)), Selector::Ports { dst, .. }) => (from..=to).contains(&dst),
        _ => false,
    };
    (range == Some((0, 65535)), this)
}

fn types(wanted: Option<(Option<u8>, Option<u8>)>, header: &Header) -> (bool, bool) {
    let this = match (wanted, header.selector) {
        (Some((wanted_type, wanted_code)), Selector::Icmp { icmp_type, code, .. }) => {
            wanted_type.is_none_or(|wanted| wanted == icmp_type) && wanted_code.is_none_or(|wanted| wanted == code)
        }
        _ => false,
    };
    (wanted == Some((None, None)), this)
}
