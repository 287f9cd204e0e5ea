//! For whom the agent speaks to targets.

use crate::install::Clients;
use crate::resources::{LoadBalancer, NetworkInterface, Resources, TargetGroup, with_service_side};
use groundplane_abi::{Device, Ip4};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// What clients speak to: a node, or the network interface of an endpoint with a node behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    pub node: Device,
    pub address: Ipv4Addr,
    /// The endpoint's id.
    pub endpoint: Option<String>,
}

/// All that is to be known to speak to a target in a client's place.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    /// Of targets: what the agent listens at in their place.
    pub ports: BTreeSet<u16>,
    pub doors: BTreeMap<Device, Door>,
    /// By which a target is spoken to as a node does.
    pub aliases: BTreeMap<(Device, Ip4), Ipv4Addr>,
    /// Who the clients are. None if nobody is to be told of any.
    pub clients: Option<Arc<Clients>>,
}

impl Orders {
    /// Without what only the host knows. The endpoints behind VPC links of REST APIs are doors as any other.
    #[must_use]
    pub fn of(all: &Resources, devices: &BTreeMap<String, Device>) -> Self {
        let mut orders = Self::default();
        let is_any_told = telling(all).next().is_some();
        let whole = is_any_told.then(|| with_service_side(all)).flatten();
        let all = whole.as_ref().unwrap_or(all);
        for (balancer, group) in telling(all) {
            orders.ports.extend(all.targets(group).map(|target| target.port));
            for node in all.nodes(balancer) {
                orders.doors.extend(door(node, None, devices, node));
            }
        }
        for endpoint in all.vpc_endpoints.iter().filter(|endpoint| endpoint.is_interface()) {
            for eni in all.interfaces_of(endpoint) {
                let Some((_, node)) = all.node_behind(endpoint, eni) else {
                    continue;
                };
                let is_told = |door: &Device| orders.doors.contains_key(door);
                if devices.get(&node.network_interface_id).is_some_and(is_told) {
                    let id = Some(endpoint.vpc_endpoint_id.clone());
                    orders.doors.extend(door(eni, id, devices, node));
                }
            }
        }
        orders
    }
}

fn door(
    eni: &NetworkInterface,
    endpoint: Option<String>,
    devices: &BTreeMap<String, Device>,
    node: &NetworkInterface,
) -> Option<(Device, Door)> {
    let door = Door {
        node: *devices.get(&node.network_interface_id)?,
        address: *node.private_ip_addresses.first()?,
        endpoint,
    };
    Some((*devices.get(&eni.network_interface_id)?, door))
}

/// Each node with each target that it may speak to in a client's place: the ids of their network interfaces and
/// addresses.
pub fn pairs(all: &Resources) -> impl Iterator<Item = (&str, Ipv4Addr)> {
    telling(all).flat_map(|(balancer, group)| {
        let addresses: Vec<_> = all
            .targets(group)
            .filter_map(|target| match target.address {
                IpAddr::V4(address) => Some(address),
                IpAddr::V6(_) => None,
            })
            .collect();
        all.nodes(balancer).flat_map(move |node| {
            addresses
                .clone()
                .into_iter()
                .map(|it| (&*node.network_interface_id, it))
        })
    })
}

/// The target groups that are told, each with a load balancer that forwards to it by TCP.
fn telling(all: &Resources) -> impl Iterator<Item = (&LoadBalancer, &TargetGroup)> {
    let there = all.load_balancers.iter().filter(|one| one.is_network_and_there());
    there.flat_map(|balancer| {
        let listeners = all.listeners_of(balancer).filter(|listener| listener.takes_tcp());
        let groups = listeners.filter_map(|listener| all.target_group(listener));
        groups
            .filter(|group| group.has_proxy_protocol())
            .map(move |group| (balancer, group))
    })
}
