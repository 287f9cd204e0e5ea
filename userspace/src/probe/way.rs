//! How packets get from one guest to another, as the document's routes say it.

use super::case::{Family, Party};
use crate::resources::{Destination, Resources, RouteState, RouteTarget};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};

/// How packets get from one guest to another.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way<'a> {
    SameSubnet,
    AcrossSubnets,
    Through(Party<'a>),
}

impl<'a> Way<'a> {
    pub(super) fn middlebox(&self) -> Option<&Party<'a>> {
        match self {
            Way::SameSubnet | Way::AcrossSubnets => None,
            Way::Through(middlebox) => Some(middlebox),
        }
    }

    pub(super) fn is_like(&self, other: &Way<'_>) -> bool {
        match (self, other) {
            (Way::SameSubnet, Way::SameSubnet) | (Way::AcrossSubnets, Way::AcrossSubnets) => true,
            (Way::Through(one), Way::Through(other)) => one.is(other),
            _ => false,
        }
    }
}

/// The way packets take, if it can be told from the document.
pub(super) fn way<'a>(
    resources: &Resources,
    vpc: &[Party<'a>],
    (from, to): (&Party<'a>, &Party<'a>),
    family: Family,
) -> Option<Way<'a>> {
    let address = to.address_of(family)?;
    if from.eni.subnet_id == to.eni.subnet_id {
        return Some(Way::SameSubnet);
    }
    match target(resources, from, address)? {
        RouteTarget::Local => Some(Way::AcrossSubnets),
        RouteTarget::NetworkInterface(id) if *id == to.eni.network_interface_id => Some(Way::AcrossSubnets),
        RouteTarget::NetworkInterface(id) => {
            let middlebox = vpc.iter().find(|party| party.eni.network_interface_id == *id)?;
            let on = middlebox.eni.subnet_id == to.eni.subnet_id
                || matches!(target(resources, middlebox, address)?, RouteTarget::Local);
            (on && !middlebox.is(from) && middlebox.forwards()).then_some(Way::Through(*middlebox))
        }
        _ => None,
    }
}

/// Whether a route leads out of the VPC to an address.
pub(super) fn leads_elsewhere(resources: &Resources, from: &Party<'_>, to: Ipv4Addr) -> bool {
    target(resources, from, to.into()).is_some_and(|target| *target != RouteTarget::Local)
}

/// The target of the longest active route.
pub(super) fn target<'r>(resources: &'r Resources, from: &Party<'_>, to: IpAddr) -> Option<&'r RouteTarget> {
    target_of_subnet(resources, &from.eni.subnet_id, to)
}

/// The same for whoever is in a subnet.
pub(super) fn target_of_subnet<'r>(resources: &'r Resources, subnet_id: &str, to: IpAddr) -> Option<&'r RouteTarget> {
    let subnet = resources.subnets.iter().find(|subnet| subnet.subnet_id == subnet_id)?;
    let table = resources
        .route_tables
        .iter()
        .find(|table| table.route_table_id == subnet.route_table_id)?;
    // Of the same length, a block that is written itself is preferred to one of a list.
    let covering = table.routes.iter().flat_map(|route| {
        let (blocks, rank) = match &route.destination {
            Destination::Cidr(block) => (std::slice::from_ref(block), 1),
            Destination::PrefixList(id) => (entries(resources, id), 0),
        };
        let covering = blocks.iter().filter(|block| block.contains(&to));
        covering.map(move |block| ((block.prefix_len(), rank), route))
    });
    let (_, longest) = covering.max_by_key(|(rank, _)| *rank)?;
    (longest.state == RouteState::Active).then_some(&longest.target)
}

fn entries<'r>(resources: &'r Resources, prefix_list_id: &str) -> &'r [IpNet] {
    let mut lists = resources.prefix_lists.iter();
    let list = lists.find(|list| list.prefix_list_id == prefix_list_id);
    list.map_or(&[], |list| &list.entries)
}
