//! Rules of groups that read like a sentence: `tcp(22).from("10.0.1.0/24")`.

use super::{Topology, net};
use groundplane::resources::{Peer, SecurityGroupRule};

/// A rule whose peer is said by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    is_egress: bool,
    ip_protocol: Option<u8>,
    port_range: Option<(u16, u16)>,
    icmp_type_code: Option<(Option<u8>, Option<u8>)>,
    peer: Named,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    Cidr(String),
    Group(String),
    List(String),
}

/// One port or a range of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports(u16, u16);

impl From<u16> for Ports {
    fn from(port: u16) -> Self {
        Self(port, port)
    }
}

impl From<std::ops::RangeInclusive<u16>> for Ports {
    fn from(ports: std::ops::RangeInclusive<u16>) -> Self {
        Self(*ports.start(), *ports.end())
    }
}

/// All protocols and ports, from anywhere in IPv4.
#[must_use]
pub fn all() -> Rule {
    Rule {
        is_egress: false,
        ip_protocol: None,
        port_range: None,
        icmp_type_code: None,
        peer: Named::Cidr("0.0.0.0/0".to_owned()),
    }
}

#[must_use]
pub fn tcp(ports: impl Into<Ports>) -> Rule {
    protocol(6).ports(ports.into())
}

#[must_use]
pub fn udp(ports: impl Into<Ports>) -> Rule {
    protocol(17).ports(ports.into())
}

/// Type and code; `None` for all.
#[must_use]
pub fn icmp(icmp_type: Option<u8>, code: Option<u8>) -> Rule {
    Rule {
        icmp_type_code: Some((icmp_type, code)),
        ..protocol(1)
    }
}

/// Type and code; `None` for all.
#[must_use]
pub fn icmpv6(icmp_type: Option<u8>, code: Option<u8>) -> Rule {
    Rule {
        icmp_type_code: Some((icmp_type, code)),
        ..protocol(58)
    }
}

#[must_use]
pub fn protocol(number: u8) -> Rule {
    Rule {
        ip_protocol: Some(number),
        ..all()
    }
}

impl Rule {
    #[must_use]
    pub fn from(self, cidr: &str) -> Self {
        self.of(false, Named::Cidr(cidr.to_owned()))
    }

    #[must_use]
    pub fn from_group(self, name: &str) -> Self {
        self.of(false, Named::Group(name.to_owned()))
    }

    #[must_use]
    pub fn from_list(self, name: &str) -> Self {
        self.of(false, Named::List(name.to_owned()))
    }

    #[must_use]
    pub fn to(self, cidr: &str) -> Self {
        self.of(true, Named::Cidr(cidr.to_owned()))
    }

    #[must_use]
    pub fn to_group(self, name: &str) -> Self {
        self.of(true, Named::Group(name.to_owned()))
    }

    #[must_use]
    pub fn to_list(self, name: &str) -> Self {
        self.of(true, Named::List(name.to_owned()))
    }

    fn of(self, is_egress: bool, peer: Named) -> Self {
        Self {
            is_egress,
            peer,
            ..self
        }
    }

    fn ports(self, Ports(from, to): Ports) -> Self {
        Self {
            port_range: Some((from, to)),
            ..self
        }
    }

    pub(super) fn resolve(self, security_group_rule_id: String, topology: &Topology) -> SecurityGroupRule {
        SecurityGroupRule {
            security_group_rule_id,
            is_egress: self.is_egress,
            ip_protocol: self.ip_protocol,
            port_range: self.port_range,
            icmp_type_code: self.icmp_type_code,
            peer: match self.peer {
                Named::Cidr(cidr) => Peer::Cidr(net(&cidr)),
                Named::Group(name) => Peer::Group(topology.group_id(&name)),
                Named::List(name) => Peer::PrefixList(topology.prefix_list_id(&name)),
            },
            ..SecurityGroupRule::default()
        }
    }
}
