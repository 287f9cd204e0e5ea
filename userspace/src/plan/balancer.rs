//! Load balancers and their endpoints (semantics 13, 14, 16): what nodes listen to, whom they may choose, and which
//! node is behind an endpoint. Their ENIs are compiled like all others.

mod appliances;
mod places;

use super::lookup::Lookup;
use super::objects::Objects;
use super::{Family, FamilyRows, Plan, nat};
use crate::resources::{
    InterfaceType, Listener, LoadBalancer, NetworkInterface, Resources, Subnet, TargetGroup, TargetPlace, TargetUse,
};
use groundplane_abi::balancer::{
    EndpointEntry, ListenerEntry, ListenerKey, PLACES, Place, PlacesKey, TargetEntry, TargetKey, endpoint_flag,
    listener_flag,
};
use groundplane_abi::eni::EniKey;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Bank, Device, Ip4, Ip6, Port, ScopeId, TargetGroupId};
use ipnet::IpNet;
use std::net::Ipv4Addr;

pub(super) fn compile(lookup: &Lookup<'_>, vpc: &Objects<'_>, plan: &mut Plan) {
    for eni in &vpc.network_interfaces {
        let Some(binding) = lookup.binding(&eni.network_interface_id) else {
            continue;
        };
        match eni.interface_type {
            InterfaceType::NetworkLoadBalancer | InterfaceType::GatewayLoadBalancer => {
                compile_node(lookup, eni, binding.device, plan);
            }
            InterfaceType::VpcEndpoint | InterfaceType::GatewayLoadBalancerEndpoint => {
                compile_endpoint(lookup, eni, binding.device, plan);
            }
            InterfaceType::ApiGatewayManaged => {}
            _ => continue,
        }
        insert_addresses(eni, binding.device, plan);
    }
}

/// A component's addresses: a node's stand for clients that targets don't see, a VPC link's for the service, and all
/// have one they are called by.
fn insert_addresses(eni: &NetworkInterface, device: Device, plan: &mut Plan) {
    let key = EniKey { bank: Bank(0), device };
    let addresses: Vec<_> = eni.private_ip_addresses.iter().copied().map(Ip4::from).collect();
    plan.ip4.nats.insert(key, nat::entry(&addresses));
    let addresses: Vec<_> = eni.ipv6_addresses.iter().copied().map(Ip6::from).collect();
    plan.ip6.nats.insert(key, nat::entry(&addresses));
}

/// What the agent sees in the place of all clients of which it tells targets (semantics 13.7): beside the aliases,
/// which begin further on.
const CLIENTS: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 3);

/// The ports of that address stand for clients, as those of a node do.
pub(super) fn compile_clients(all: &Resources, plan: &mut Plan) {
    if all.target_groups.iter().any(TargetGroup::has_proxy_protocol) {
        let device = Device::SERVICE;
        let addresses = [Ip4::from(CLIENTS)];
        plan.ip4
            .nats
            .insert(EniKey { bank: Bank(0), device }, nat::entry(&addresses));
    }
}

/// A node's listeners.
fn compile_node(lookup: &Lookup<'_>, eni: &NetworkInterface, node: Device, plan: &mut Plan) {
    let balancer = lookup.all.balancer_of(eni).filter(|it| it.is_there());
    let subnet = lookup.all.subnets.iter().find(|it| it.subnet_id == eni.subnet_id);
    let (Some(balancer), Some(subnet)) = (balancer, subnet) else {
        return;
    };
    for listener in lookup.all.listeners_of(balancer) {
        let Some(group) = lookup.all.target_group(listener) else {
            continue;
        };
        let Some(number) = lookup.target_groups.get(&group.target_group_arn) else {
            continue;
        };
        let node = Node {
            lookup,
            balancer,
            subnet,
            device: node,
            group: TargetGroupId(number),
            scope: lookup.scopes.get(&*eni.vpc_id).copied().unwrap_or_default(),
        };
        if balancer.is_gateway() {
            node.compile_appliances(listener, group, plan);
        } else {
            node.compile::<Ip4>(listener, group, plan);
            node.compile::<Ip6>(listener, group, plan);
        }
    }
}

/// A node with one of the target groups that it forwards to.
struct Node<'l, 'a> {
    lookup: &'l Lookup<'a>,
    balancer: &'a LoadBalancer,
    subnet: &'a Subnet,
    device: Device,
    group: TargetGroupId,
    /// Of the load balancer's VPC.
    scope: ScopeId,
}

impl Node<'_, '_> {
    fn compile<I: Family>(&self, listener: &Listener, group: &TargetGroup, plan: &mut Plan) {
        let (zone, targets) = self.takers::<I>(group);
        let places = places::of(targets);
        // What is out of range has been reported.
        let idle = u16::try_from(listener.tcp_idle()).unwrap_or(u16::MAX);
        let entry = ListenerEntry {
            group: self.group,
            places: u32::try_from(places.len()).unwrap_or_default(),
            zone,
            flags: is_set(listener_flag::PRESERVES_CLIENT, group.preserves_client())
                | is_set(listener_flag::STICKY, group.is_sticky()),
            idle,
            scope: self.scope,
        };
        let rows = I::rows_mut(plan);
        self.insert_places(zone, &places, rows);
        let protocols = [
            (protocol::TCP, listener.takes_tcp()),
            (protocol::UDP, listener.takes_udp()),
        ];
        let tells = I::VERSION == 4 && group.has_proxy_protocol();
        for (protocol, _) in protocols.into_iter().filter(|(_, is_taken)| *is_taken) {
            let tells = is_set(listener_flag::TELLS_CLIENT, tells && protocol == protocol::TCP);
            let key = ListenerKey {
                bank: Bank(0),
                node: self.device,
                port: Port::new(listener.port.unwrap_or_default()),
                protocol,
                reserved: 0,
            };
            let flags = entry.flags | tells;
            rows.listeners.insert(key, ListenerEntry { flags, ..entry });
            self.insert_targets(group, protocol, rows);
        }
    }

    fn insert_places<I: Family>(&self, zone: u16, places: &[Place<I>], rows: &mut FamilyRows<I>) {
        for (row, places) in (0..).zip(places.chunks(PLACES as usize)) {
            let key = PlacesKey {
                bank: Bank(0),
                group: self.group,
                zone,
                row,
            };
            let entry = rows.places.entry(key).or_default();
            entry.places.iter_mut().zip(places).for_each(|(to, from)| *to = *from);
        }
    }

    /// Who takes new connections of the node, and of which zone these are: none if of all.
    fn takers<I: Family>(&self, group: &TargetGroup) -> (u16, Vec<Place<I>>) {
        let name = &*self.subnet.availability_zone;
        let takers = self.lookup.all.takers(self.balancer, name, group);
        let zone = if group.is_cross_zone(self.balancer) {
            0
        } else {
            let zone = super::lookup::zone(self.subnet);
            self.lookup.zones.get(zone).copied().unwrap_or_default()
        };
        let preserves = group.preserves_client();
        let places = takers.iter().filter_map(|target| self.place(target, preserves));
        (zone, places.collect())
    }

    fn place<I: Family>(&self, target: &TargetPlace<'_>, preserves: bool) -> Option<Place<I>> {
        let (address, _) = I::block(IpNet::from(target.address))?;
        // Answers come back by the node from where the platform sees them: from its own ENIs.
        let vpc = target.interface.filter(|_| preserves).map(|eni| &*eni.vpc_id);
        let vpc = vpc.filter(|vpc| Some(*vpc) == self.balancer.vpc_id.as_deref());
        let returns = vpc.and_then(|vpc| self.lookup.returns.get(vpc).copied());
        Some(Place {
            address,
            returns: returns.unwrap_or_default(),
            port: Port::new(target.port),
            reserved: 0,
        })
    }

    /// All targets whose connections go on. Those of UDP do with an unhealthy one (semantics 13.5).
    fn insert_targets<I: Family>(&self, group: &TargetGroup, protocol: u8, rows: &mut FamilyRows<I>) {
        let all = self.lookup.all;
        let zones: Vec<_> = all.zones_of(self.balancer).collect();
        let is_open = zones
            .iter()
            .flat_map(|zone| all.takers(self.balancer, zone, group))
            .any(|target| target.takes == TargetUse::Unhealthy);
        let goes_on = |target: &TargetPlace<'_>| match target.takes {
            TargetUse::All | TargetUse::Known => true,
            TargetUse::Unhealthy => is_open || protocol == protocol::UDP || !group.resets_unhealthy(),
            TargetUse::Nothing => false,
        };
        for target in all.targets(group).filter(goes_on) {
            self.insert_target(&target, protocol, rows);
        }
    }

    /// A target whose connections go on, if its address is of the family.
    fn insert_target<I: Family>(&self, target: &TargetPlace<'_>, protocol: u8, rows: &mut FamilyRows<I>) {
        if let Some((address, _)) = I::block(IpNet::from(target.address)) {
            let key = TargetKey {
                bank: Bank(0),
                group: self.group,
                address,
                port: Port::new(target.port),
                protocol,
                reserved: 0,
            };
            rows.targets.insert(key, TargetEntry::default());
        }
    }
}

fn is_set(flag: u16, is_set: bool) -> u16 {
    if is_set { flag } else { 0 }
}

fn compile_endpoint(lookup: &Lookup<'_>, eni: &NetworkInterface, device: Device, plan: &mut Plan) {
    let Some(endpoint) = lookup.all.endpoint_of(eni) else {
        return;
    };
    let behind = lookup.all.node_behind(endpoint, eni);
    let node = behind.and_then(|(_, node)| lookup.binding(&node.network_interface_id));
    let mut flags = 0;
    if endpoint.is_available() {
        flags |= endpoint_flag::AVAILABLE;
    }
    if !endpoint.is_gateway_load_balancer() && behind.is_some_and(|(balancer, _)| balancer.judges_private_link()) {
        flags |= endpoint_flag::ENFORCED;
    }
    let entry = EndpointEntry {
        node: node.map(|binding| binding.device).unwrap_or_default(),
        flags,
    };
    plan.endpoints.insert(EniKey { bank: Bank(0), device }, entry);
}
