//! Network ACLs (semantics 8): "lowest number first; first match decides", and then the implicit deny.

use super::header::{Header, Selector};
use groundplane::resources::{NetworkAcl, NetworkAclEntry, RuleAction};

/// Whether a NACL lets a packet leave (`egress`) or enter its subnet.
pub(super) fn allows(acl: &NetworkAcl, egress: bool, header: &Header) -> bool {
    let mut entries: Vec<_> = acl.entries.iter().filter(|entry| entry.egress == egress).collect();
    entries.sort_by_key(|entry| entry.rule_number);
    let first = entries.into_iter().find(|entry| matches(entry, header));
    first.is_some_and(|entry| entry.rule_action == RuleAction::Allow)
}

/// 8.2: "Inbound list matches the packet's source address, outbound list its destination address."
fn matches(entry: &NetworkAclEntry, header: &Header) -> bool {
    let address = if entry.egress { header.dst } else { header.src };
    if !entry.cidr_block.contains(&address) {
        return false;
    }
    match entry.protocol {
        None => true,
        Some(protocol) if protocol != header.protocol => false,
        Some(6 | 17) => ports_match(entry.port_range, header),
        Some(1) => icmp_matches(entry.icmp_type_code, header),
        Some(_) => true,
    }
}

/// 8.2: "PortRange is always the packet's destination port, in both directions." 7.7: absent ports match "only rules
/// covering all ports".
fn ports_match(range: Option<(u16, u16)>, header: &Header) -> bool {
    let Some((from, to)) = range else {
        return false;
    };
    match header.selector {
        Selector::Ports { dst, .. } => (from..=to).contains(&dst),
        _ => (from, to) == (0, 65535),
    }
}

fn icmp_matches(wanted: Option<(Option<u8>, Option<u8>)>, header: &Header) -> bool {
    let Some((wanted_type, wanted_code)) = wanted else {
        return false;
    };
    match header.selector {
        Selector::Icmp { icmp_type, code, .. } => {
            wanted_type.is_none_or(|wanted| wanted == icmp_type) && wanted_code.is_none_or(|wanted| wanted == code)
        }
        _ => wanted_type.is_none() && wanted_code.is_none(),
    }
}
