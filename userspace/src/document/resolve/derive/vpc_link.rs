//! VPC links: what API Gateway says of one when it is made, and the network interfaces of those of HTTP APIs (semantics
//! 17).

use super::Given;
use super::interface::Want;
use crate::document::resolve::address::Owner;
use crate::resources::{InterfaceType, NetworkInterface, Resources, Subnet, VpcLink};
use std::collections::{HashMap, HashSet};

const READY: &str = "VPC link is ready to route traffic";

/// What each link leaves out. One without groups is in its VPC's default one, also in a dump: its network interfaces
/// have to be in some.
pub(super) fn settle(resources: &mut Resources, given: &Given<'_>) {
    let (subnets, groups) = (&resources.subnets, &resources.security_groups);
    for link in &mut resources.vpc_links {
        let subnet = link.subnet_ids.first();
        let subnet = subnets.iter().find(|it| Some(&it.subnet_id) == subnet);
        if let (true, Some(subnet)) = (link.security_group_ids.is_empty(), subnet) {
            let mut groups = groups.iter();
            let default = groups.find(|it| it.group_name == "default" && it.vpc_id == subnet.vpc_id);
            link.security_group_ids.extend(default.map(|it| it.group_id.clone()));
        }
        if given.dumped.contains(&link.vpc_link_id) {
            continue;
        }
        if link.vpc_link_status.is_none() {
            link.vpc_link_status_message.get_or_insert_with(|| READY.to_owned());
        }
        link.vpc_link_status.get_or_insert_with(|| "AVAILABLE".to_owned());
        link.vpc_link_version.get_or_insert_with(|| "V2".to_owned());
    }
    for link in &mut resources.rest_vpc_links {
        if !given.dumped.contains(&link.id) {
            link.status.get_or_insert_with(|| "AVAILABLE".to_owned());
        }
    }
}

/// The network interfaces of those that have some.
pub(super) fn wants(resources: &Resources) -> Vec<Want<'_>> {
    let subnets: HashMap<&str, &Subnet> = resources.subnets.iter().map(|it| (&*it.subnet_id, it)).collect();
    let mut taken = HashSet::new();
    let mut wants = Vec::new();
    for link in resources.vpc_links.iter().filter(|link| link.has_interfaces()) {
        for (index, id) in link.subnet_ids.iter().enumerate() {
            if let Some(subnet) = subnets.get(&**id) {
                let named = named(resources, link, subnet, &mut taken);
                wants.push(want(link, index, subnet, named));
            }
        }
    }
    wants
}

/// The network interface that is there already: of a dump, in which nothing but its place says whose it is.
fn named<'a>(
    resources: &'a Resources,
    link: &VpcLink,
    subnet: &Subnet,
    taken: &mut HashSet<&'a str>,
) -> Option<&'a str> {
    let is_its = |eni: &&NetworkInterface| eni.subnet_id == subnet.subnet_id && link.has_interface(eni);
    let mut its = resources.network_interfaces.iter().filter(is_its);
    let found = its.find(|eni| taken.insert(&eni.network_interface_id))?;
    Some(&found.network_interface_id)
}

fn want<'a>(link: &'a VpcLink, index: usize, subnet: &'a Subnet, named: Option<&'a str>) -> Want<'a> {
    Want {
        owner: Owner {
            kind: "VPC link",
            name: &link.name,
        },
        id: &link.vpc_link_id,
        subnet,
        interface_type: InterfaceType::ApiGatewayManaged,
        description: link.interface_description(),
        groups: link.security_group_ids.clone(),
        named,
        ipv4: None,
        ipv6: None,
        has_ipv6: false,
        at: vec!["SubnetIds".to_owned(), index.to_string()],
        fields: ["", ""],
    }
}
