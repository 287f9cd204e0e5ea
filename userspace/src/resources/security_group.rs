//! A security group and its rules (semantics 6).

use super::{Details, wire};
use ipnet::IpNet;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    pub group_id: String,
    pub group_name: String,
    pub vpc_id: String,
    pub description: String,
    pub rules: Vec<SecurityGroupRule>,
    pub details: Details,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupRule {
    pub security_group_rule_id: String,
    pub is_egress: bool,
    /// `None` is -1, all protocols.
    pub ip_protocol: Option<u8>,
    /// Inclusive. Required for TCP and UDP, ignored for everything else.
    pub port_range: Option<(u16, u16)>,
    /// Type and code, `None` for -1. Required for ICMP; for ICMPv6 `None` is all of them (semantics 6.2); ignored for
    /// everything else.
    pub icmp_type_code: Option<(Option<u8>, Option<u8>)>,
    pub peer: Peer,
    pub description: Option<String>,
    /// What AWS says of the group that `peer` names, beyond its id.
    pub referenced_group: ReferencedGroup,
    pub details: Details,
}

impl Default for SecurityGroupRule {
    /// Admits nobody: a peer that no group has.
    fn default() -> Self {
        Self {
            security_group_rule_id: String::new(),
            is_egress: false,
            ip_protocol: None,
            port_range: None,
            icmp_type_code: None,
            peer: Peer::Group(String::new()),
            description: None,
            referenced_group: ReferencedGroup::default(),
            details: Details::default(),
        }
    }
}

/// Whom a group's rule speaks of (semantics 6.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// `CidrIpv4` or `CidrIpv6`.
    Cidr(IpNet),
    /// `PrefixListId`.
    PrefixList(String),
    /// `ReferencedGroupInfo.GroupId`: the members of a group.
    Group(String),
}

wire! {
    /// `ReferencedGroupInfo` but for its `GroupId`: where a group of another VPC is.
    pub struct ReferencedGroup {
        /// The owner, if another account.
        user_id: Option<String>,
        vpc_id: Option<String>,
        vpc_peering_connection_id: Option<String>,
        /// `active`, or what else became of the peering connection.
        peering_status: Option<String>,
    }
}
