//! A route table and its routes (semantics 5).

use super::Details;
use ipnet::IpNet;
use std::collections::HashSet;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTable {
    pub route_table_id: String,
    pub name: String,
    pub vpc_id: String,
    pub main: bool,
    /// The `local` routes included.
    pub routes: RouteList,
    /// `Associations` with a `GatewayId`: internet and virtual private gateways whose arriving traffic this table
    /// routes (semantics 5.5).
    pub gateway_ids: Vec<String>,
    /// `PropagatingVgws`: the virtual private gateways whose prefixes the table takes over (semantics 5.6).
    pub propagating_vgws: Vec<String>,
    pub details: Details,
}

/// The routes of a table, shared by configurations in which they are the same: there may be very many, and a change of
/// something else would copy and compare them all.
#[derive(Clone, Debug, Default)]
pub struct RouteList(Arc<Listed>);

#[derive(Clone, Debug, Default)]
struct Listed {
    routes: Vec<Route>,
    /// Once somebody has asked for them.
    targets: OnceLock<Vec<RouteTarget>>,
}

impl RouteList {
    /// Where they lead, each target once.
    #[must_use]
    pub fn targets(&self) -> &[RouteTarget] {
        let find = || {
            let mut seen = HashSet::new();
            let targets = self.iter().map(|route| &route.target);
            targets.filter(|target| seen.insert(*target)).cloned().collect()
        };
        self.0.targets.get_or_init(find)
    }

    /// They as this list's own.
    pub fn make_mut(&mut self) -> &mut Vec<Route> {
        let listed = Arc::make_mut(&mut self.0);
        listed.targets.take();
        &mut listed.routes
    }
}

impl Deref for RouteList {
    type Target = [Route];

    fn deref(&self) -> &[Route] {
        &self.0.routes
    }
}

impl PartialEq for RouteList {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.routes == other.0.routes
    }
}

impl Eq for RouteList {}

impl FromIterator<Route> for RouteList {
    fn from_iter<T: IntoIterator<Item = Route>>(routes: T) -> Self {
        let routes = routes.into_iter().collect();
        let targets = OnceLock::new();
        Self(Arc::new(Listed { routes, targets }))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn route(third: u8, eni: &str) -> Route {
        Route {
            destination: Destination::Cidr(format!("10.0.{third}.0/24").parse().unwrap()),
            target: RouteTarget::NetworkInterface(eni.to_owned()),
            state: RouteState::Active,
            origin: RouteOrigin::CreateRoute,
        }
    }

    #[test]
    fn targets_are_those_of_the_routes_there_are_now() {
        let eni = |id: &str| RouteTarget::NetworkInterface(id.to_owned());
        let mut routes: RouteList = [route(1, "b"), route(2, "a"), route(3, "b")].into_iter().collect();
        let others = routes.clone();
        assert_eq!(routes.targets(), [eni("b"), eni("a")]);
        routes.make_mut().push(route(4, "c"));
        assert_eq!(routes.targets(), [eni("b"), eni("a"), eni("c")]);
        assert_eq!(others.targets(), [eni("b"), eni("a")]);
        assert_ne!(routes, others);
        routes.make_mut().pop();
        assert_eq!(routes, others);
    }
}
