//! Rules, routes and blocks in a word.

use groundplane::resources::{NetworkAclEntry, Route, RouteState, RouteTarget, RuleAction};
use ipnet::Ipv4Net;

pub(super) fn local_route(destination_cidr_block: Ipv4Net) -> Route {
    Route {
        destination_cidr_block,
        target: RouteTarget::Local,
        state: RouteState::Active,
    }
}

/// Rule 100 allows everything, both ways, as in a default NACL (semantics 8.1).
#[must_use]
pub fn open_nacl() -> Vec<NetworkAclEntry> {
    vec![
        nacl_rule(100, false, RuleAction::Allow),
        nacl_rule(100, true, RuleAction::Allow),
    ]
}

/// A rule for everything, to be narrowed with struct update syntax.
#[must_use]
pub fn nacl_rule(rule_number: u16, egress: bool, rule_action: RuleAction) -> NetworkAclEntry {
    NetworkAclEntry {
        rule_number,
        egress,
        protocol: None,
        rule_action,
        cidr_block: anywhere(),
        port_range: None,
        icmp_type_code: None,
    }
}

#[must_use]
pub fn anywhere() -> Ipv4Net {
    Ipv4Net::default()
}

/// A CIDR block, which a test writes down and so knows to be right.
#[must_use]
pub fn net(cidr: &str) -> Ipv4Net {
    cidr.parse().expect("a CIDR block")
}
