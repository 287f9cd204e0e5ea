//! What routes lead to beyond ENIs: which gateways there are, which VPC each is usable from, and what a route to one is
//! compiled to (semantics 4.4, 5.2).

use super::lookup::Lookup;
use crate::resources::{
    GatewayAttachment, NatGateway, Resources, RouteTarget, TransitGateway, TransitGatewayVpcAttachment, Vpc,
    VpcEndpoint, VpcPeeringConnection,
};
use groundplane_abi::route::{RouteEntry, Target};
use groundplane_abi::{AttachmentId, VpcId};
use std::collections::{BTreeMap, BTreeSet};

/// The gateways by the ids that routes name them by.
#[derive(Debug)]
pub(super) struct Gateways<'a> {
    /// The VPCs that an internet gateway, or an egress-only one, is attached to.
    internet: BTreeMap<&'a str, BTreeSet<&'a str>>,
    egress_only: BTreeMap<&'a str, BTreeSet<&'a str>>,
    nat: BTreeMap<&'a str, &'a NatGateway>,
    peerings: BTreeMap<&'a str, &'a VpcPeeringConnection>,
    /// The gateway endpoints that can be used.
    endpoints: BTreeMap<&'a str, &'a VpcEndpoint>,
    /// The endpoints of Gateway Load Balancers that are there.
    inspections: BTreeMap<&'a str, &'a VpcEndpoint>,
    pub(super) transit: &'a [TransitGateway],
    pub(super) attachments: Vec<&'a TransitGatewayVpcAttachment>,
    pub(super) vpcs: BTreeMap<&'a str, &'a Vpc>,
}

impl<'a> Gateways<'a> {
    pub(super) fn of(all: &'a Resources) -> Self {
        let internet = all.internet_gateways.iter();
        let egress_only = all.egress_only_internet_gateways.iter();
        Self {
            internet: internet
                .map(|gateway| (&*gateway.internet_gateway_id, attached(&gateway.attachments)))
                .collect(),
            egress_only: egress_only
                .map(|gateway| {
                    (
                        &*gateway.egress_only_internet_gateway_id,
                        attached(&gateway.attachments),
                    )
                })
                .collect(),
            nat: all.nat_gateways.iter().map(|nat| (&*nat.nat_gateway_id, nat)).collect(),
            peerings: all
                .vpc_peering_connections
                .iter()
                .map(|peering| (&*peering.vpc_peering_connection_id, peering))
                .collect(),
            endpoints: gateway_endpoints(all)
                .map(|endpoint| (&*endpoint.vpc_endpoint_id, endpoint))
                .collect(),
            inspections: inspections(all)
                .map(|endpoint| (&*endpoint.vpc_endpoint_id, endpoint))
                .collect(),
            transit: &all.transit_gateways,
            attachments: all
                .transit_gateway_vpc_attachments
                .iter()
                .filter(|attachment| is_in(attachment.state.as_deref(), &["available"]))
                .collect(),
            vpcs: all.vpcs.iter().map(|vpc| (&*vpc.vpc_id, vpc)).collect(),
        }
    }

    /// Whether an internet gateway is attached to a VPC.
    pub(super) fn has_internet(&self, vpc_id: &str) -> bool {
        self.internet.values().any(|vpcs| vpcs.contains(vpc_id))
    }

    /// Whether that, or an egress-only one, is.
    pub(super) fn is_outside_reached(&self, vpc_id: &str) -> bool {
        self.has_internet(vpc_id) || self.egress_only.values().any(|vpcs| vpcs.contains(vpc_id))
    }

    /// Whether an internet gateway of this id is attached to a VPC.
    pub(super) fn is_internet(&self, id: &str, vpc_id: &str) -> bool {
        self.internet.get(id).is_some_and(|vpcs| vpcs.contains(vpc_id))
    }

    /// Whether a VPC has a gateway endpoint that can be used.
    pub(super) fn has_endpoint(&self, vpc_id: &str) -> bool {
        let mut endpoints = self.endpoints.values();
        endpoints.any(|endpoint| endpoint.vpc_id.as_deref() == Some(vpc_id))
    }

    /// The VPCs that one is actively peered with.
    pub(super) fn peers(&self, vpc_id: &str) -> impl Iterator<Item = &'a Vpc> + use<'a, '_> {
        let others = self
            .peerings
            .values()
            .filter_map(move |peering| self.other(peering, vpc_id));
        others.collect::<BTreeMap<_, _>>().into_values()
    }

    /// The other side of a peering connection that carries traffic.
    fn other(&self, peering: &VpcPeeringConnection, vpc_id: &str) -> Option<(&'a str, &'a Vpc)> {
        let sides = [&peering.requester_vpc_info, &peering.accepter_vpc_info].map(|side| side.vpc_id.as_deref());
        let other = match sides {
            [Some(one), Some(other)] if one == vpc_id => other,
            [Some(one), Some(other)] if other == vpc_id => one,
            _ => return None,
        };
        let is_active = is_in(peering.status.code.as_deref(), &["active"]);
        self.vpcs
            .get_key_value(other)
            .filter(|_| is_active)
            .map(|(id, vpc)| (*id, *vpc))
    }

    /// The other VPCs whose objects may be in the rows of one: those it is peered with, and those attached to the same
    /// transit gateways.
    pub(super) fn known_by(&self, vpc_id: &str) -> BTreeSet<&'a str> {
        let peers = self.peers(vpc_id).map(|peer| &*peer.vpc_id);
        let own = self
            .attachments
            .iter()
            .filter(|it| it.vpc_id.as_deref() == Some(vpc_id));
        let transit: BTreeSet<_> = own.map(|it| it.transit_gateway_id.as_deref()).collect();
        let attached = self
            .attachments
            .iter()
            .filter(|it| transit.contains(&it.transit_gateway_id.as_deref()));
        let attached = attached.filter_map(|it| it.vpc_id.as_deref());
        peers.chain(attached).filter(|other| *other != vpc_id).collect()
    }

    /// Whether two VPCs are in different Regions.
    pub(super) fn is_far(&self, one: &str, other: &str) -> bool {
        let region = |id: &str| self.vpcs.get(id).map(|vpc| &*vpc.region);
        region(one) != region(other)
    }

    /// The attachment of a VPC to a transit gateway.
    pub(super) fn attachment(&self, transit_gateway_id: &str, vpc_id: &str) -> Option<&'a TransitGatewayVpcAttachment> {
        let is_it = |attachment: &&&TransitGatewayVpcAttachment| {
            attachment.transit_gateway_id.as_deref() == Some(transit_gateway_id)
                && attachment.vpc_id.as_deref() == Some(vpc_id)
        };
        self.attachments.iter().find(is_it).copied()
    }
}

/// What a route from a VPC to a gateway is compiled to. A target that isn't there or can't be used is a black hole.
pub(super) fn entry(lookup: &Lookup<'_>, vpc_id: &str, target: &RouteTarget) -> RouteEntry {
    let gateways = &lookup.gateways;
    let target = match target {
        RouteTarget::Gateway(id) if gateways.is_internet(id, vpc_id) => Some(Target::Internet),
        RouteTarget::EgressOnlyInternetGateway(id) => {
            let vpcs = gateways.egress_only.get(&**id);
            let is_attached = vpcs.is_some_and(|vpcs| vpcs.contains(vpc_id));
            is_attached.then_some(Target::EgressOnly)
        }
        RouteTarget::NatGateway(id) => nat(lookup, id, vpc_id),
        RouteTarget::VpcPeeringConnection(id) => peering(lookup, id, vpc_id),
        RouteTarget::TransitGateway(id) => {
            let attachment = gateways.attachment(id, vpc_id);
            attachment.and_then(|it| {
                Some(Target::Transit(attachment_id(
                    lookup,
                    &it.transit_gateway_attachment_id,
                )?))
            })
        }
        RouteTarget::Gateway(id) if id.starts_with("vpce-") => {
            let endpoint = gateways.endpoints.get(&**id);
            let is_usable = endpoint.is_some_and(|endpoint| endpoint.vpc_id.as_deref() == Some(vpc_id));
            is_usable.then_some(Target::GatewayEndpoint)
        }
        RouteTarget::VpcEndpoint(id) => inspection(lookup, id, vpc_id),
        RouteTarget::Gateway(id) if id.starts_with("igw-") || gateways.internet.contains_key(&**id) => None,
        _ => return RouteEntry::UNUSABLE,
    };
    target.map_or(RouteEntry::BLACKHOLE, RouteEntry::new)
}

/// The gateway endpoints that can be used (semantics 15).
pub(super) fn gateway_endpoints(all: &Resources) -> impl Iterator<Item = &VpcEndpoint> {
    let endpoints = all.vpc_endpoints.iter();
    endpoints.filter(|endpoint| endpoint.is_gateway() && endpoint.is_available())
}

fn inspections(all: &Resources) -> impl Iterator<Item = &VpcEndpoint> {
    let endpoints = all.vpc_endpoints.iter();
    endpoints.filter(|endpoint| endpoint.is_gateway_load_balancer() && endpoint.is_there())
}

fn nat(lookup: &Lookup<'_>, id: &str, vpc_id: &str) -> Option<Target> {
    let nat = lookup.gateways.nat.get(id)?;
    let is_usable = is_in(nat.state.as_deref(), &["available"]) && nat.vpc_id.as_deref() == Some(vpc_id);
    let address = nat.nat_gateway_addresses.first().filter(|_| is_usable)?;
    let eni = address.network_interface_id.as_deref()?;
    lookup.binding(eni).map(|binding| Target::Nat(binding.device))
}

/// The ENI of a Gateway Load Balancer's endpoint, which says itself whether packets pass.
fn inspection(lookup: &Lookup<'_>, id: &str, vpc_id: &str) -> Option<Target> {
    let endpoint = lookup.gateways.inspections.get(id)?;
    let eni = endpoint.network_interface_ids.first()?;
    let is_usable = endpoint.vpc_id.as_deref() == Some(vpc_id);
    let binding = lookup.binding(eni).filter(|_| is_usable)?;
    Some(Target::Eni(binding.device))
}

fn peering(lookup: &Lookup<'_>, id: &str, vpc_id: &str) -> Option<Target> {
    let peering = lookup.gateways.peerings.get(id)?;
    let (other, _) = lookup.gateways.other(peering, vpc_id)?;
    let is_far = lookup.gateways.is_far(vpc_id, other);
    lookup
        .vpcs
        .get(other)
        .map(|number| Target::Peering(VpcId(number), is_far))
}

pub(super) fn attachment_id(lookup: &Lookup<'_>, id: &str) -> Option<AttachmentId> {
    lookup.attachments.get(id).map(AttachmentId)
}

fn attached(attachments: &[GatewayAttachment]) -> BTreeSet<&str> {
    let attached = attachments.iter();
    let attached = attached.filter(|attachment| is_in(attachment.state.as_deref(), &["available", "attached"]));
    attached.map(|attachment| &*attachment.vpc_id).collect()
}

/// Whether a state is one of these. What doesn't say its state is usable.
pub(super) fn is_in(state: Option<&str>, states: &[&str]) -> bool {
    state.is_none_or(|state| states.contains(&state))
}
