//! Network and Gateway Load Balancers: what AWS says of one when it is made, and a node in each of its zones (semantics
//! 13.1, 16.1).

use super::Given;
use super::interface::{Seats, Want};
use crate::document::places::Places;
use crate::document::resolve::address::Owner;
use crate::document::resolve::public::{Wanted, Wish};
use crate::resources::{
    EniAssociation, InterfaceType, LoadBalancer, LoadBalancerAddress, LoadBalancerState, LoadBalancerZone, Resources,
    Subnet, Vpc, says,
};
use std::collections::HashMap;

/// What each load balancer and target group leaves out.
pub(super) fn settle(resources: &mut Resources, given: &Given<'_>) {
    let subnets: HashMap<&str, &Subnet> = resources.subnets.iter().map(|it| (&*it.subnet_id, it)).collect();
    let vpcs: HashMap<&str, &Vpc> = resources.vpcs.iter().map(|vpc| (&*vpc.vpc_id, vpc)).collect();
    let has_nodes = |one: &&mut LoadBalancer| one.is_network() || one.is_gateway();
    for balancer in resources.load_balancers.iter_mut().filter(has_nodes) {
        for zone in &mut balancer.availability_zones {
            let subnet = zone.subnet_id.as_deref().and_then(|id| subnets.get(id));
            if let Some(subnet) = subnet {
                balancer.vpc_id.get_or_insert_with(|| subnet.vpc_id.clone());
                zone.zone_name.get_or_insert_with(|| subnet.availability_zone.clone());
            }
        }
        if !given.dumped.contains(&balancer.load_balancer_arn) {
            let vpc = balancer.vpc_id.as_deref().and_then(|id| vpcs.get(id));
            let region = vpc.map_or(&*given.context.region, |vpc| &vpc.region);
            as_made(balancer, region);
        }
    }
    name_balancers(resources, given);
}

/// What the API fills in.
fn as_made(balancer: &mut LoadBalancer, region: &str) {
    let usual = |word: &str| word.to_owned();
    if balancer.is_network() {
        balancer.scheme.get_or_insert_with(|| usual("internet-facing"));
    }
    balancer.ip_address_type.get_or_insert_with(|| usual("ipv4"));
    balancer.state.get_or_insert_with(|| LoadBalancerState {
        code: Some(usual("active")),
        reason: None,
    });
    if balancer.dns_name.is_none()
        && let Some((name, id)) = path(balancer).and_then(|path| path.strip_prefix("net/")?.split_once('/'))
    {
        balancer.dns_name = Some(format!("{name}-{id}.elb.{region}.amazonaws.com"));
    }
}

/// The end of the ARN: `net/NAME/ID` or `gwy/NAME/ID`.
fn path(balancer: &LoadBalancer) -> Option<&str> {
    let (_, path) = balancer.load_balancer_arn.split_once(":loadbalancer/")?;
    Some(path)
}

/// Which load balancers forward to each target group.
fn name_balancers(resources: &mut Resources, given: &Given<'_>) {
    for group in &mut resources.target_groups {
        if given.dumped.contains(&group.target_group_arn) {
            continue;
        }
        group.target_type.get_or_insert_with(|| "instance".to_owned());
        let listeners = resources.listeners.iter();
        let its = listeners.filter(|one| one.forwards_to() == Some(&*group.target_group_arn));
        for arn in its.filter_map(|listener| listener.load_balancer_arn.as_ref()) {
            if !group.load_balancer_arns.contains(arn) {
                group.load_balancer_arns.push(arn.clone());
            }
        }
        group.load_balancer_arns.sort();
    }
}

/// The nodes of those that are there.
pub(super) fn wants(resources: &Resources) -> Vec<Want<'_>> {
    let subnets: HashMap<&str, &Subnet> = resources.subnets.iter().map(|it| (&*it.subnet_id, it)).collect();
    let there = resources.load_balancers.iter().filter(|one| one.is_there());
    let wants = there.flat_map(|balancer| {
        let zones = balancer.availability_zones.iter().enumerate();
        let with_subnets = zones.filter_map(|(index, zone)| {
            let subnet = *subnets.get(zone.subnet_id.as_deref()?)?;
            Some(want(balancer, index, zone, subnet))
        });
        with_subnets.collect::<Vec<_>>()
    });
    wants.collect()
}

fn want<'a>(balancer: &'a LoadBalancer, index: usize, zone: &LoadBalancerZone, subnet: &'a Subnet) -> Want<'a> {
    let path = path(balancer).unwrap_or(&balancer.load_balancer_arn);
    let at = ["AvailabilityZones", &index.to_string(), "LoadBalancerAddresses", "0"];
    Want {
        owner: Owner {
            kind: "load balancer",
            name: &balancer.name,
        },
        id: &balancer.load_balancer_arn,
        subnet,
        interface_type: match balancer.is_gateway() {
            true => InterfaceType::GatewayLoadBalancer,
            false => InterfaceType::NetworkLoadBalancer,
        },
        description: format!("ELB {path}"),
        groups: balancer.security_groups.clone(),
        named: None,
        ipv4: zone.node_address(),
        ipv6: zone.node_ipv6_address(),
        has_ipv6: says(balancer.ip_address_type.as_deref(), "dualstack"),
        at: at.map(str::to_owned).to_vec(),
        fields: ["PrivateIPv4Address", "IPv6Address"],
    }
}

/// Says in each zone what its node has, and what public address the node wants.
pub(super) fn fill(resources: &mut Resources, seats: &Seats, given: &Given<'_>, places: &Places<'_>) -> Vec<Wish> {
    let mut wishes = Vec::new();
    for balancer in &mut resources.load_balancers {
        let arn = &balancer.load_balancer_arn;
        let is_lent = says(balancer.scheme.as_deref(), "internet-facing") && !given.dumped.contains(arn);
        for (index, zone) in balancer.availability_zones.iter_mut().enumerate() {
            let key = (arn.clone(), zone.subnet_id.clone().unwrap_or_default());
            let Some(seat) = seats.get(&key) else { continue };
            if zone.load_balancer_addresses.is_empty() {
                zone.load_balancer_addresses.push(LoadBalancerAddress::default());
            }
            let Some(address) = zone.load_balancer_addresses.first_mut() else {
                continue;
            };
            address.private_ipv4_address = seat.ipv4;
            address.ipv6_address = seat.ipv6;
            let what = match (&address.allocation_id, address.ip_address) {
                (Some(allocation), _) => Wanted::ElasticIp(allocation.clone()),
                (None, Some(ip)) => Wanted::Lent(ip),
                (None, None) if is_lent => Wanted::AnyLent,
                (None, None) => continue,
            };
            let field = ["AvailabilityZones", &index.to_string(), "LoadBalancerAddresses", "0"];
            let last = match what {
                Wanted::Lent(_) => "IpAddress",
                Wanted::ElasticIp(_) | Wanted::AnyLent => "AllocationId",
            };
            wishes.push(Wish {
                network_interface_id: seat.network_interface_id.clone(),
                what,
                span: places.field(arn, &[&field[..], &[last]].concat()),
            });
        }
    }
    wishes
}

/// Says in each zone which public address its node has got.
pub(super) fn publish(resources: &mut Resources, seats: &Seats) {
    let enis = resources.network_interfaces.iter();
    let associations: HashMap<&str, &EniAssociation> = enis
        .filter_map(|eni| Some((&*eni.network_interface_id, eni.associations.first()?)))
        .collect();
    for balancer in &mut resources.load_balancers {
        for zone in &mut balancer.availability_zones {
            let key = (
                balancer.load_balancer_arn.clone(),
                zone.subnet_id.clone().unwrap_or_default(),
            );
            let seat = seats.get(&key);
            let association = seat.and_then(|seat| associations.get(&*seat.network_interface_id));
            let address = zone.load_balancer_addresses.first_mut();
            if let (Some(association), Some(address)) = (association, address) {
                address.ip_address = Some(association.public_ip);
                address.allocation_id.clone_from(&association.allocation_id);
            }
        }
    }
}
