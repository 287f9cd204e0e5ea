//! Quotas that no other check counts (semantics 29).

use super::context::{Context, attached, is_there, says};
use crate::document::diagnostic::Problems;
use crate::document::quotas::Quota;
use crate::resources::{Destination, GatewayAttachment, Peer};
use std::collections::HashMap;

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    gateways(all, problems);
    direct_connect(all, problems);
    references(all, problems);
    address_units(all, problems);
    let exclusions = all.all.vpc_block_public_access_exclusions.iter();
    let exclusions = exclusions.filter(|one| is_there(one.state.as_deref()));
    all.count(
        Quota::BlockPublicAccessExclusions,
        exclusions.map(|one| ((), &*one.exclusion_id)),
        problems,
    );
}

/// The Region of a gateway is that of its VPC.
fn gateways(all: &Context<'_>, problems: &mut Problems) {
    let region = |attachments: &[GatewayAttachment]| {
        let vpc = attached(attachments).next().and_then(|id| all.vpc(id));
        vpc.map(|vpc| vpc.region.clone())
    };
    let gateways = all.all.internet_gateways.iter();
    let gateways = gateways.map(|one| (region(&one.attachments), &*one.internet_gateway_id));
    all.count(Quota::InternetGateways, gateways, problems);
    let gateways = all.all.egress_only_internet_gateways.iter();
    let gateways = gateways.map(|one| (region(&one.attachments), &*one.egress_only_internet_gateway_id));
    all.count(Quota::EgressOnlyInternetGateways, gateways, problems);
}

fn direct_connect(all: &Context<'_>, problems: &mut Problems) {
    let interfaces = || {
        all.all
            .virtual_interfaces
            .iter()
            .filter_map(|one| Some((one.connection_id.as_deref()?, one)))
    };
    let of_connections = interfaces().map(|(connection, one)| (connection, &*one.virtual_interface_id));
    all.count(Quota::VirtualInterfaces, of_connections, problems);
    let transit = interfaces().filter(|(_, one)| says(one.virtual_interface_type.as_deref(), "transit"));
    let transit = transit.map(|(connection, one)| (connection, &*one.virtual_interface_id));
    all.count(Quota::TransitVirtualInterfaces, transit, problems);
    let associations = || all.all.direct_connect_gateway_associations.iter();
    let of_kind = |kind: &'static str| {
        let its = associations().filter(move |one| says(one.associated_gateway.gateway_type.as_deref(), kind));
        its.map(|one| (one.direct_connect_gateway_id.as_deref(), &*one.association_id))
    };
    all.count(
        Quota::VpnGatewaysOfDirectConnect,
        of_kind("virtualPrivateGateway"),
        problems,
    );
    all.count(
        Quota::TransitGatewaysOfDirectConnect,
        of_kind("transitGateway"),
        problems,
    );
    for association in
        associations().filter(|one| says(one.associated_gateway.gateway_type.as_deref(), "transitGateway"))
    {
        let prefixes = association.allowed_prefixes_to_direct_connect_gateway.len();
        let field: (&str, &[&str]) = (&association.association_id, &["allowedPrefixesToDirectConnectGateway"]);
        all.limit(Quota::PrefixesOfDirectConnect, prefixes, field, problems);
    }
}

/// How often a prefix list is named by rules, and by routes.
fn references(all: &Context<'_>, problems: &mut Problems) {
    let mut counts: HashMap<(&str, bool), usize> = HashMap::new();
    for rule in all.all.security_groups.iter().flat_map(|group| &group.rules) {
        if let Peer::PrefixList(id) = &rule.peer {
            *counts.entry((id, true)).or_default() += 1;
        }
    }
    for route in all.all.route_tables.iter().flat_map(|table| table.routes.iter()) {
        if let Destination::PrefixList(id) = &route.destination {
            *counts.entry((id, false)).or_default() += 1;
        }
    }
    for ((id, _), count) in counts {
        all.limit(Quota::PrefixListReferences, count, (id, &[]), problems);
    }
}

/// Every address and every delegated prefix of a VPC is a unit.
fn address_units(all: &Context<'_>, problems: &mut Problems) {
    let mut units: HashMap<&str, usize> = HashMap::new();
    for eni in &all.all.network_interfaces {
        let addresses = eni.private_ip_addresses.len() + eni.ipv6_addresses.len();
        let prefixes = eni.ipv4_prefixes.len() + eni.ipv6_prefixes.len();
        *units.entry(&eni.vpc_id).or_default() += addresses + prefixes;
    }
    for (vpc, own) in &units {
        all.limit(Quota::AddressUnits, *own, (vpc, &[]), problems);
        let peers = super::peering::peers_of(all, vpc);
        let with_peers = own + peers.filter_map(|peer| units.get(peer)).sum::<usize>();
        all.limit(Quota::AddressUnitsWithPeers, with_peers, (vpc, &[]), problems);
    }
}
