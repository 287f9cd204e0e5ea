//! What a VPC consists of, in AWS's own nouns.
//!
//! Field names are those of the EC2 API (semantics 1.3), in Rust's spelling; defaults (semantics 1.2) are explicit
//! here: every subnet has a route table and a NACL, every ENI has groups. `document` makes these values, `plan`
//! compiles them, and the reference model in the tests reads nothing else.

use groundplane_abi::Mac;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// All resources of one document, each list in order of id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    pub vpcs: Vec<Vpc>,
    pub subnets: Vec<Subnet>,
    pub route_tables: Vec<RouteTable>,
    pub network_acls: Vec<NetworkAcl>,
    pub security_groups: Vec<SecurityGroup>,
    pub network_interfaces: Vec<NetworkInterface>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpc {
    pub vpc_id: String,
    /// The name in the document.
    pub name: String,
    pub cidr_block: Ipv4Net,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    pub subnet_id: String,
    pub name: String,
    pub vpc_id: String,
    pub cidr_block: Ipv4Net,
    /// The table in use: the explicit association, else the main one.
    pub route_table_id: String,
    pub network_acl_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    pub route_table_id: String,
    pub name: String,
    pub vpc_id: String,
    pub main: bool,
    /// The `local` route included.
    pub routes: Vec<Route>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub destination_cidr_block: Ipv4Net,
    pub target: RouteTarget,
    pub state: RouteState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTarget {
    /// `GatewayId=local`.
    Local,
    /// `NetworkInterfaceId`: a middlebox (semantics 5.4).
    NetworkInterface(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteState {
    Active,
    Blackhole,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkAcl {
    pub network_acl_id: String,
    pub name: String,
    pub vpc_id: String,
    pub is_default: bool,
    /// In any order; the implicit denies are not listed.
    pub entries: Vec<NetworkAclEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkAclEntry {
    pub rule_number: u16,
    pub egress: bool,
    /// `None` is -1, all protocols.
    pub protocol: Option<u8>,
    pub rule_action: RuleAction,
    pub cidr_block: Ipv4Net,
    /// Inclusive. Required for TCP and UDP, ignored for everything else.
    pub port_range: Option<(u16, u16)>,
    /// Type and code, `None` for -1. Required for ICMP, ignored for everything else.
    pub icmp_type_code: Option<(Option<u8>, Option<u8>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleAction {
    Allow,
    Deny,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroup {
    pub group_id: String,
    pub group_name: String,
    pub vpc_id: String,
    pub rules: Vec<SecurityGroupRule>,
}

/// A rule of a group. So far the plan compiles the one kind that admits all protocols from and to 0.0.0.0/0, and says
/// so of any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupRule {
    pub is_egress: bool,
    /// `None` is -1, all protocols.
    pub ip_protocol: Option<u8>,
    pub cidr_ipv4: Ipv4Net,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkInterface {
    pub network_interface_id: String,
    /// The instance's name in the document.
    pub name: String,
    pub vpc_id: String,
    pub subnet_id: String,
    pub mac_address: Mac,
    /// The primary address first.
    pub private_ip_addresses: Vec<Ipv4Addr>,
    /// Group ids, at least one.
    pub groups: Vec<String>,
    pub source_dest_check: bool,
}
