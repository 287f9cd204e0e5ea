//! The objects of one VPC, which are compiled together and whose rows nothing in another VPC changes.

use crate::resources::{Destination, Peer};
use crate::resources::{NetworkAcl, NetworkInterface, Resources, RouteTable, SecurityGroup, Subnet, Vpc};
use std::collections::{BTreeMap, BTreeSet};

/// What names a VPC, and the VPC itself if it is there.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Objects<'a> {
    pub(super) vpc_id: &'a str,
    pub(super) vpc: Option<&'a Vpc>,
    pub(super) subnets: Vec<&'a Subnet>,
    pub(super) route_tables: Vec<&'a RouteTable>,
    pub(super) network_acls: Vec<&'a NetworkAcl>,
    pub(super) security_groups: Vec<&'a SecurityGroup>,
    pub(super) network_interfaces: Vec<&'a NetworkInterface>,
}

impl<'a> Objects<'a> {
    /// All objects by the VPC they name.
    pub(super) fn by_vpc(all: &'a Resources) -> BTreeMap<&'a str, Self> {
        let mut by_vpc = BTreeMap::new();
        for vpc in &all.vpcs {
            of(&mut by_vpc, &vpc.vpc_id).vpc = Some(vpc);
        }
        for subnet in &all.subnets {
            of(&mut by_vpc, &subnet.vpc_id).subnets.push(subnet);
        }
        for table in &all.route_tables {
            of(&mut by_vpc, &table.vpc_id).route_tables.push(table);
        }
        for acl in &all.network_acls {
            of(&mut by_vpc, &acl.vpc_id).network_acls.push(acl);
        }
        for group in &all.security_groups {
            of(&mut by_vpc, &group.vpc_id).security_groups.push(group);
        }
        for eni in &all.network_interfaces {
            of(&mut by_vpc, &eni.vpc_id).network_interfaces.push(eni);
        }
        by_vpc
    }

    /// The prefix lists that its routes and rules name.
    pub(super) fn prefix_lists(&self) -> BTreeSet<&'a str> {
        let routes = self.route_tables.iter().flat_map(|table| table.routes.iter());
        let of_routes = routes.filter_map(|route| match &route.destination {
            Destination::PrefixList(id) => Some(&**id),
            Destination::Cidr(_) => None,
        });
        let rules = self.security_groups.iter().flat_map(|group| &group.rules);
        let of_rules = rules.filter_map(|rule| match &rule.peer {
            Peer::PrefixList(id) => Some(&**id),
            _ => None,
        });
        of_routes.chain(of_rules).collect()
    }
}

fn of<'m, 'a>(by_vpc: &'m mut BTreeMap<&'a str, Objects<'a>>, vpc_id: &'a str) -> &'m mut Objects<'a> {
    by_vpc.entry(vpc_id).or_insert_with(|| Objects {
        vpc_id,
        ..Objects::default()
    })
}
