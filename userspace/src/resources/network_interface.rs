//! An ENI (semantics 3).

use super::{Details, wire};
use groundplane_abi::Mac;
use ipnet::{Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
    /// Group ids. Only ENIs of AWS's own services have none.
    pub groups: Vec<String>,
    pub source_dest_check: bool,
    pub interface_type: InterfaceType,
    /// `ConnectionTrackingConfiguration`.
    pub connection_tracking: ConnectionTracking,
    pub allowance: Allowance,
    pub description: String,
    pub attachment: Option<EniAttachment>,
    /// `Association` of those private addresses that have a public one, which the guest never sees (semantics 2.3).
    pub associations: Vec<EniAssociation>,
    /// Neither internet gateway lets it through (semantics 9.2).
    pub deny_all_igw_traffic: bool,
    /// Made by one of AWS's services, `RequesterId`, for itself.
    pub requester_managed: bool,
    pub requester_id: Option<String>,
    pub details: Details,
}

impl Default for NetworkInterface {
    /// As AWS makes one, but for everything that differs from one to the next.
    fn default() -> Self {
        Self {
            network_interface_id: String::new(),
            name: String::new(),
            vpc_id: String::new(),
            subnet_id: String::new(),
            mac_address: Mac::default(),
            private_ip_addresses: Vec::new(),
            ipv6_addresses: Vec::new(),
            ipv4_prefixes: Vec::new(),
            ipv6_prefixes: Vec::new(),
            groups: Vec::new(),
            source_dest_check: true,
            interface_type: InterfaceType::default(),
            connection_tracking: ConnectionTracking::default(),
            allowance: Allowance::default(),
            description: String::new(),
            attachment: None,
            associations: Vec::new(),
            deny_all_igw_traffic: false,
            requester_managed: false,
            requester_id: None,
            details: Details::default(),
        }
    }
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

wire! {
    /// `Attachment`: the instance an ENI is part of.
    pub struct EniAttachment {
        attachment_id: Option<String>,
        instance_id: Option<String>,
        instance_owner_id: Option<String>,
        /// 0 is the instance's primary ENI.
        device_index: Option<u32>,
        network_card_index: Option<u32>,
        /// `attaching`, `attached`, `detaching` or `detached`.
        status: Option<String>,
        delete_on_termination: Option<bool>,
    }
}

/// A public address and the private one it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EniAssociation {
    pub private_ip_address: Ipv4Addr,
    pub public_ip: Ipv4Addr,
    /// The Elastic IP; `None` is an address that AWS lends.
    pub allocation_id: Option<String>,
    pub association_id: Option<String>,
    /// An account, or `amazon` for an address that AWS lends.
    pub ip_owner_id: Option<String>,
}

/// What an ENI belongs to (semantics 1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InterfaceType {
    #[default]
    Interface,
    NatGateway,
    VpcEndpoint,
    NetworkLoadBalancer,
    LoadBalancer,
    GatewayLoadBalancer,
    GatewayLoadBalancerEndpoint,
    TransitGateway,
    ApiGatewayManaged,
    /// Flows from and to a Lambda's ENI are tracked whatever the rules say (semantics 7.3).
    Lambda,
    /// One that means nothing here; its name is in the rest of the details.
    Other,
}

impl InterfaceType {
    const NAMES: [(Self, &'static str); 11] = [
        (Self::Interface, "interface"),
        (Self::NatGateway, "natGateway"),
        (Self::VpcEndpoint, "vpc_endpoint"),
        (Self::NetworkLoadBalancer, "network_load_balancer"),
        (Self::LoadBalancer, "load_balancer"),
        (Self::GatewayLoadBalancer, "gateway_load_balancer"),
        (Self::GatewayLoadBalancerEndpoint, "gateway_load_balancer_endpoint"),
        (Self::TransitGateway, "transit_gateway"),
        (Self::ApiGatewayManaged, "api_gateway_managed"),
        (Self::Lambda, "lambda"),
        (Self::Other, "other"),
    ];

    /// AWS's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(kind, _)| *kind == self);
        found.map_or("other", |(_, name)| name)
    }

    /// The type of a name, if it is one that means something here.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        // The API says it in two ways.
        let name = if name == "nat_gateway" { "natGateway" } else { name };
        Self::NAMES.iter().find(|(_, own)| *own == name).map(|(kind, _)| *kind)
    }

    /// All that have a name of their own.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().map(|(_, name)| *name)
    }

    /// Whether all flows of such an ENI are automatically tracked.
    #[must_use]
    pub const fn is_automatically_tracked(self) -> bool {
        matches!(self, Self::Lambda)
    }

    /// Whether nobody is behind such an ENI: what arrives there goes on.
    #[must_use]
    pub const fn is_component(self) -> bool {
        matches!(
            self,
            Self::NatGateway
                | Self::NetworkLoadBalancer
                | Self::VpcEndpoint
                | Self::GatewayLoadBalancer
                | Self::GatewayLoadBalancerEndpoint
                | Self::ApiGatewayManaged
        )
    }

    /// Whether it is a node of a load balancer that packets meet.
    #[must_use]
    pub const fn is_node(self) -> bool {
        matches!(self, Self::NetworkLoadBalancer | Self::GatewayLoadBalancer)
    }

    /// Whether no group ever applies to such an ENI, which may then be in none (semantics 10.1, 16.1, 18.5).
    #[must_use]
    pub const fn is_without_groups(self) -> bool {
        matches!(
            self,
            Self::NatGateway
                | Self::NetworkLoadBalancer
                | Self::GatewayLoadBalancer
                | Self::GatewayLoadBalancerEndpoint
                | Self::TransitGateway
                | Self::Other
        )
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
/// numbers here are this project's. The burst and what comes in a round trip are each ENI's part of the table of
/// half-open flows, in which 32,768 have room: a handful of ENIs that use theirs up at once must leave room for the
/// others.
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
