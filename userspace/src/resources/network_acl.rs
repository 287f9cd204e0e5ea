//! A network ACL and its entries (semantics 8).

use super::Details;
use ipnet::IpNet;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkAcl {
    pub network_acl_id: String,
    pub name: String,
    pub vpc_id: String,
    pub is_default: bool,
    /// In any order; the implicit denies are not listed.
    pub entries: Vec<NetworkAclEntry>,
    pub details: Details,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkAclEntry {
    pub rule_number: u16,
    pub egress: bool,
    /// `None` is -1, all protocols.
    pub protocol: Option<u8>,
    pub rule_action: RuleAction,
    /// `CidrBlock` or `Ipv6CidrBlock`.
    pub cidr_block: IpNet,
    /// Inclusive. Required for TCP and UDP, ignored for everything else.
    pub port_range: Option<(u16, u16)>,
    /// Type and code, `None` for -1. Required for ICMP, and for ICMPv6 with an IPv6 block; ignored for everything else.
    pub icmp_type_code: Option<(Option<u8>, Option<u8>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleAction {
    Allow,
    Deny,
}
