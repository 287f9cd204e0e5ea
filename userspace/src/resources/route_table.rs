//! A route table and its routes (semantics 5).

use super::Details;
use ipnet::IpNet;
use std::sync::Arc;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTable {
    pub route_table_id: String,
    pub name: String,
    pub vpc_id: String,
    pub main: bool,
    /// The `local` routes included. Shared by configurations in which they are the same: there may be very many, and a
    /// change of something else would copy and compare them all.
    pub routes: Arc<Vec<Route>>,
    /// `Associations` with a `GatewayId`: internet and virtual private gateways whose arriving traffic this table
    /// routes (semantics 5.5).
    pub gateway_ids: Vec<String>,
    /// `PropagatingVgws`: the virtual private gateways whose prefixes the table takes over (semantics 5.6).
    pub propagating_vgws: Vec<String>,
    pub details: Details,
}

impl RouteTable {
    /// Its routes as its own.
    pub fn routes_mut(&mut self) -> &mut Vec<Route> {
        Arc::make_mut(&mut self.routes)
    }
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    LocalGateway(String),
    CarrierGateway(String),
    /// `CoreNetworkArn`.
    CoreNetwork(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteState {
    Active,
    Blackhole,
    /// Learned, but not put into the table.
    Filtered,
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
    /// Propagated by a route server.
    Advertisement,
}

impl RouteOrigin {
    /// Whether routes of this origin come from a gateway rather than from people.
    #[must_use]
    pub const fn is_propagated(self) -> bool {
        matches!(self, Self::EnableVgwRoutePropagation | Self::Advertisement)
    }
}
