//! Which routes are black holes, as far as a document doesn't say it (semantics 5.2).

use super::{attached, is_one_of};
use crate::resources::{Resources, Route, RouteState, RouteTarget, VpcEndpoint};
use std::collections::HashSet;

/// Makes black holes of routes whose target isn't there or can't be used.
pub(in crate::document) fn settle(resources: &mut Resources) {
    let usable = Usable::of(resources);
    for table in &mut resources.route_tables {
        // There are few targets, and each of the many routes has one of them.
        let targets = table.routes.targets().iter();
        let gone: HashSet<_> = targets
            .filter(|target| !usable.has(&table.vpc_id, target))
            .cloned()
            .collect();
        let is_dead = |route: &Route| route.state == RouteState::Active && gone.contains(&route.target);
        // Others share the routes as long as nothing of them changes.
        if gone.is_empty() || !table.routes.iter().any(is_dead) {
            continue;
        }
        for route in table.routes.make_mut().iter_mut().filter(|route| is_dead(route)) {
            route.state = RouteState::Blackhole;
        }
    }
}

/// The targets that can be used.
#[derive(Debug)]
pub(crate) struct Usable {
    /// Ids of what is no VPC's own.
    everywhere: HashSet<String>,
    /// Ids of what hangs on a VPC, with the VPC's.
    from: HashSet<(String, String)>,
    /// Ids of what is there and in such a state that it can't be used.
    unusable: HashSet<String>,
}

impl Usable {
    pub(crate) fn of(resources: &Resources) -> Self {
        let it = resources;
        let enis = it.network_interfaces.iter().map(|eni| &eni.network_interface_id);
        let nats = it.nat_gateways.iter();
        let nats = nats.filter(|nat| is_one_of(nat.state.as_deref(), &["available"]));
        let peerings = it.vpc_peering_connections.iter();
        let peerings = peerings.filter(|peering| is_one_of(peering.status.code.as_deref(), &["active"]));
        let everywhere = enis
            .chain(nats.map(|nat| &nat.nat_gateway_id))
            .chain(peerings.map(|peering| &peering.vpc_peering_connection_id));
        let internet = it.internet_gateways.iter();
        let internet = internet.map(|gateway| (&gateway.internet_gateway_id, &gateway.attachments));
        let egress_only = it.egress_only_internet_gateways.iter();
        let egress_only = egress_only.map(|gateway| (&gateway.egress_only_internet_gateway_id, &gateway.attachments));
        let gateways = internet.chain(egress_only);
        let gateways = gateways.flat_map(|(id, vpcs)| attached(vpcs).map(move |vpc| (id.clone(), vpc.to_owned())));
        let attachments = it.transit_gateway_vpc_attachments.iter();
        let attachments = attachments.filter(|one| is_one_of(one.state.as_deref(), &["available"]));
        let attachments = attachments.filter_map(|one| Some((one.transit_gateway_id.clone()?, one.vpc_id.clone()?)));
        let is_led_to = |one: &&VpcEndpoint| one.is_gateway() || one.is_gateway_load_balancer();
        let endpoints = it.vpc_endpoints.iter().filter(is_led_to);
        let shut = endpoints
            .clone()
            .filter(|one| one.is_gateway_load_balancer() && !one.is_available());
        let shut = shut.map(|one| &one.vpc_endpoint_id);
        let endpoints = endpoints.filter(|one| one.is_available());
        let endpoints = endpoints.filter_map(|one| Some((one.vpc_endpoint_id.clone(), one.vpc_id.clone()?)));
        let everywhere: HashSet<String> = everywhere.cloned().collect();
        let nats = it.nat_gateways.iter().map(|nat| &nat.nat_gateway_id);
        let peerings = it
            .vpc_peering_connections
            .iter()
            .map(|one| &one.vpc_peering_connection_id);
        let unusable = nats.chain(peerings).chain(shut);
        let unusable = unusable.filter(|id| !everywhere.contains(*id)).cloned();
        Self {
            unusable: unusable.collect(),
            everywhere,
            from: gateways.chain(attachments).chain(endpoints).collect(),
        }
    }

    /// Whether it goes without saying that a route to a target is a black hole, since the target's state says it.
    pub(crate) fn is_dead(&self, target: &RouteTarget) -> bool {
        let (RouteTarget::NatGateway(id) | RouteTarget::VpcPeeringConnection(id) | RouteTarget::VpcEndpoint(id)) =
            target
        else {
            return false;
        };
        self.unusable.contains(id)
    }

    /// Whether a target can be used by a VPC's tables. What carries no packets yet drops them with a reason of its own.
    pub(crate) fn has(&self, vpc_id: &str, target: &RouteTarget) -> bool {
        match target {
            RouteTarget::NetworkInterface(id) | RouteTarget::NatGateway(id) | RouteTarget::VpcPeeringConnection(id) => {
                self.everywhere.contains(id)
            }
            RouteTarget::Gateway(id) if !id.starts_with("igw-") && !id.starts_with("vpce-") => true,
            RouteTarget::Gateway(id)
            | RouteTarget::EgressOnlyInternetGateway(id)
            | RouteTarget::TransitGateway(id)
            | RouteTarget::VpcEndpoint(id) => self.from.contains(&(id.clone(), vpc_id.to_owned())),
            _ => true,
        }
    }
}
