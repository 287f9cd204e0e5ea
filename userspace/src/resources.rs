//! What a VPC consists of, in AWS's own nouns.
//!
//! Field names are those of the EC2 API (semantics 1.3), in Rust's spelling; defaults (semantics 1.2) are explicit
//! here: every subnet has a route table and a NACL, every ENI has groups. `document` makes these values, `plan`
//! compiles them, and the reference model in the tests reads nothing else.

use groundplane_abi::Mac;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All resources of one document, each list in order of id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    pub vpcs: Vec<Vpc>,
    pub subnets: Vec<Subnet>,
    pub route_tables: Vec<RouteTable>,
    pub network_acls: Vec<NetworkAcl>,
    pub security_groups: Vec<SecurityGroup>,
    pub prefix_lists: Vec<PrefixList>,
    pub network_interfaces: Vec<NetworkInterface>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpc {
    pub vpc_id: String,
    /// The name in the document.
    pub name: String,
    /// The primary block, which the resolver's address is taken from.
    pub cidr_block: Ipv4Net,
    /// The other blocks of `CidrBlockAssociationSet`.
    pub secondary_cidr_blocks: Vec<Ipv4Net>,
    pub ipv6_cidr_blocks: Vec<Ipv6Net>,
}

impl Vpc {
    /// Every block of the VPC, of both families; each has a local route in every table (semantics 2.1).
    pub fn blocks(&self) -> impl Iterator<Item = IpNet> + '_ {
        let primary = std::iter::once(IpNet::V4(self.cidr_block));
        let secondary = self.secondary_cidr_blocks.iter().copied().map(IpNet::V4);
        let ipv6 = self.ipv6_cidr_blocks.iter().copied().map(IpNet::V6);
        primary.chain(secondary).chain(ipv6)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    pub subnet_id: String,
    pub name: String,
    pub vpc_id: String,
    pub cidr_block: Ipv4Net,
    pub ipv6_cidr_block: Option<Ipv6Net>,
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
    /// The `local` routes included.
    pub routes: Vec<Route>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub destination: Destination,
    pub target: RouteTarget,
    pub state: RouteState,
    pub origin: RouteOrigin,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// `DestinationCidrBlock` or `DestinationIpv6CidrBlock`.
    Cidr(IpNet),
    /// `DestinationPrefixListId`: one candidate for each entry of the list (semantics 5.2).
    PrefixList(String),
}

/// Where a route leads, as the API says it. What no table can carry yet drops with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTarget {
    /// `GatewayId=local`.
    Local,
    /// `NetworkInterfaceId`: a middlebox (semantics 5.4).
    NetworkInterface(String),
    /// `GatewayId`: an internet gateway, a virtual private gateway, a gateway endpoint.
    Gateway(String),
    NatGateway(String),
    EgressOnlyInternetGateway(String),
    VpcPeeringConnection(String),
    TransitGateway(String),
    /// `VpcEndpointId`: a Gateway Load Balancer endpoint.
    VpcEndpoint(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteState {
    Active,
    Blackhole,
}

/// How a route came into its table; decides between routes to the same block (semantics 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteOrigin {
    /// The local routes.
    CreateRouteTable,
    /// Static.
    CreateRoute,
    /// Propagated by a virtual private gateway. Loses to a local route however long it is itself.
    EnableVgwRoutePropagation,
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroup {
    pub group_id: String,
    pub group_name: String,
    pub vpc_id: String,
    pub rules: Vec<SecurityGroupRule>,
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

/// A managed prefix list (semantics 12). All its entries are of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixList {
    pub prefix_list_id: String,
    /// `PrefixListName`.
    pub name: String,
    /// What a reference to the list counts as, in rules and in routes.
    pub max_entries: u32,
    pub entries: Vec<IpNet>,
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
    pub ipv6_addresses: Vec<Ipv6Addr>,
    /// Delegated prefixes, /28 each (semantics 3.4).
    pub ipv4_prefixes: Vec<Ipv4Net>,
    /// Delegated prefixes, /80 each.
    pub ipv6_prefixes: Vec<Ipv6Net>,
    /// Group ids, at least one.
    pub groups: Vec<String>,
    pub source_dest_check: bool,
    pub interface_type: InterfaceType,
    /// `ConnectionTrackingConfiguration`.
    pub connection_tracking: ConnectionTracking,
    pub allowance: Allowance,
}

impl NetworkInterface {
    /// Whether an address is the ENI's own: one of its addresses, or in a prefix delegated to it (semantics 3.2, 3.4).
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => {
                self.private_ip_addresses.contains(&address)
                    || self.ipv4_prefixes.iter().any(|prefix| prefix.contains(&address))
            }
            IpAddr::V6(address) => {
                self.ipv6_addresses.contains(&address)
                    || self.ipv6_prefixes.iter().any(|prefix| prefix.contains(&address))
            }
        }
    }
}

/// What an ENI belongs to, as far as it matters to packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InterfaceType {
    #[default]
    Interface,
    /// Flows from and to a Lambda's ENI are tracked whatever the rules say (semantics 7.3).
    Lambda,
}

impl InterfaceType {
    /// Whether all flows of such an ENI are automatically tracked.
    #[must_use]
    pub const fn is_automatically_tracked(self) -> bool {
        matches!(self, Self::Lambda)
    }
}

/// How many seconds a tracked connection may be idle (semantics 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionTracking {
    /// 60 to 432,000.
    pub tcp_established_timeout: u32,
    /// 60 to 180.
    pub udp_stream_timeout: u32,
    /// 30 to 60.
    pub udp_timeout: u32,
}

impl Default for ConnectionTracking {
    fn default() -> Self {
        Self {
            tcp_established_timeout: 432_000,
            udp_stream_timeout: 180,
            udp_timeout: 30,
        }
    }
}

/// How much of the host's tables an ENI may use. AWS has such limits by instance type and counts what exceeds them; the
/// numbers here are this project's. The burst and what comes in a round trip are each ENI's part of the table of half-open
/// flows, in which 32,768 have room: a handful of ENIs that use theirs up at once must leave room for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Connections tracked at a time. What exceeds it is dropped, as `conntrack_allowance_exceeded`.
    pub connections: u32,
    /// First packets of connections in a second, and how many at once after a pause.
    pub first_packets: u32,
    pub first_packets_burst: u32,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            connections: 32_768,
            first_packets: 10_000,
            first_packets_burst: 2_000,
        }
    }
}
