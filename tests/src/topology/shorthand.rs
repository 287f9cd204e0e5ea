//! Rules, routes and blocks in a word.

use groundplane::resources::{
    Destination, NetworkAclEntry, Route, RouteList, RouteOrigin, RouteState, RouteTarget, RuleAction, Vpc,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) fn local_routes(vpc: &Vpc) -> RouteList {
    vpc.blocks().map(local_route).collect()
}

pub(super) fn local_route(block: IpNet) -> Route {
    Route {
        destination: Destination::Cidr(block),
        target: RouteTarget::Local,
        state: RouteState::Active,
        origin: RouteOrigin::CreateRouteTable,
    }
}

/// Rules 100 and 101 allow everything, both ways, as in a default NACL (semantics 8.1).
#[must_use]
pub fn open_nacl() -> Vec<NetworkAclEntry> {
    let mut entries = Vec::new();
    for egress in [false, true] {
        entries.push(nacl_rule(100, egress, RuleAction::Allow));
        entries.push(nacl_rule6(101, egress, RuleAction::Allow));
    }
    entries
}

/// A rule for everything in IPv4, to be narrowed with struct update syntax.
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

/// A rule for everything in IPv6.
#[must_use]
pub fn nacl_rule6(rule_number: u16, egress: bool, rule_action: RuleAction) -> NetworkAclEntry {
    NetworkAclEntry {
        cidr_block: anywhere6(),
        ..nacl_rule(rule_number, egress, rule_action)
    }
}

#[must_use]
pub fn anywhere() -> IpNet {
    Ipv4Net::default().into()
}

#[must_use]
pub fn anywhere6() -> IpNet {
    Ipv6Net::default().into()
}

/// A CIDR block, which a test writes down and so knows to be right.
#[must_use]
pub fn net(cidr: &str) -> IpNet {
    cidr.parse().expect("a CIDR block")
}

pub(super) fn net4(cidr: &str) -> Ipv4Net {
    cidr.parse().expect("an IPv4 CIDR block")
}

pub(super) fn net6(cidr: &str) -> Ipv6Net {
    cidr.parse().expect("an IPv6 CIDR block")
}

/// An address, likewise.
#[must_use]
pub fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub(super) fn address6(text: &str) -> Ipv6Addr {
    text.parse().expect("an IPv6 address")
}

pub(super) fn address4(text: &str) -> Ipv4Addr {
    text.parse().expect("an IPv4 address")
}
