//! PrivateLink: what AWS says of a service and of an endpoint of one when it is made, the endpoint's network
//! interfaces, and the connection of the two as the provider sees it (semantics 14, 16).

use super::Given;
use super::interface::{Seats, Want};
use crate::document::diagnostic::{Problem, Problems, quote};
use crate::document::ids::id;
use crate::document::places::{Places, connection};
use crate::document::resolve::address::Owner;
use crate::resources::{
    EndpointGroup, EndpointServiceType, InterfaceType, Resources, SecurityGroup, Subnet, Vpc, VpcEndpoint,
    VpcEndpointConnection, VpcEndpointService, says,
};
use std::collections::{BTreeSet, HashMap};

/// What each service and endpoint leaves out.
pub(super) fn settle(resources: &mut Resources, given: &Given<'_>, places: &Places<'_>, problems: &mut Problems) {
    let mut services = std::mem::take(&mut resources.vpc_endpoint_services);
    let of_balancers = |service: &&mut VpcEndpointService| !service.load_balancer_arns().is_empty();
    for service in services.iter_mut().filter(of_balancers) {
        if !given.dumped.contains(&service.service_id) {
            as_made(service, resources, given);
        }
    }
    resources.vpc_endpoint_services = services;
    let mut endpoints = std::mem::take(&mut resources.vpc_endpoints);
    for endpoint in endpoints.iter_mut().filter(|one| one.is_of_service()) {
        name_subnets(endpoint);
        if let Some(service) = resources.service(endpoint) {
            endpoint.service_name = service.service_name.clone().or(endpoint.service_name.take());
        }
        if endpoint.is_there() {
            endpoint.state = Some(state(endpoint, resources, given, places, problems));
        }
        if !given.dumped.contains(&endpoint.vpc_endpoint_id) {
            let vpc = resources
                .vpcs
                .iter()
                .find(|vpc| Some(&vpc.vpc_id) == endpoint.vpc_id.as_ref());
            let owner = vpc.map(|vpc| vpc.details.owner_id.clone());
            endpoint.owner_id = endpoint.owner_id.take().or(owner);
            endpoint.ip_address_type.get_or_insert_with(|| "ipv4".to_owned());
        }
    }
    resources.vpc_endpoints = endpoints;
    fill_groups(resources);
}

/// What the API fills in.
fn as_made(service: &mut VpcEndpointService, resources: &Resources, given: &Given<'_>) {
    let subnets: HashMap<&str, &Subnet> = resources.subnets.iter().map(|it| (&*it.subnet_id, it)).collect();
    let balancers: Vec<_> = resources.balancers_of(service).collect();
    let vpcs: HashMap<&str, &Vpc> = resources.vpcs.iter().map(|vpc| (&*vpc.vpc_id, vpc)).collect();
    let vpc = balancers.first().and_then(|it| vpcs.get(it.vpc_id.as_deref()?));
    let region = vpc.map_or(&*given.context.region, |vpc| &vpc.region);
    let zones = balancers.iter().flat_map(|balancer| &balancer.availability_zones);
    let subnets: Vec<_> = zones
        .filter_map(|zone| subnets.get(zone.subnet_id.as_deref()?))
        .collect();
    let once = |all: &dyn Fn(&Subnet) -> String| {
        let all: BTreeSet<_> = subnets.iter().map(|subnet| all(subnet)).collect();
        all.into_iter().collect::<Vec<_>>()
    };
    if service.availability_zones.is_empty() {
        service.availability_zones = once(&|subnet| subnet.availability_zone.clone());
    }
    if service.availability_zone_ids.is_empty() {
        service.availability_zone_ids = once(&|subnet| subnet.availability_zone_id.clone());
    }
    let id = &service.service_id;
    let name = || format!("com.amazonaws.vpce.{region}.{id}");
    service.service_name.get_or_insert_with(name);
    service.service_state.get_or_insert_with(|| "Available".to_owned());
    service.acceptance_required.get_or_insert(true);
    if service.base_endpoint_dns_names.is_empty() {
        service
            .base_endpoint_dns_names
            .push(format!("{id}.{region}.vpce.amazonaws.com"));
    }
    if service.service_type.is_empty() {
        let is_gateway = service.network_load_balancer_arns.is_empty();
        let service_type = if is_gateway { "GatewayLoadBalancer" } else { "Interface" };
        service.service_type.push(EndpointServiceType {
            service_type: Some(service_type.to_owned()),
        });
    }
}

/// A subnet in which it chooses an address is one of its subnets.
fn name_subnets(endpoint: &mut VpcEndpoint) {
    let chosen = endpoint.subnet_configurations.iter();
    for subnet in chosen.filter_map(|one| one.subnet_id.as_ref()) {
        if !endpoint.subnet_ids.contains(subnet) {
            endpoint.subnet_ids.push(subnet.clone());
        }
    }
}

/// What it says itself, or else what its provider says, or else what the service makes of one that nobody has accepted.
/// Of dumps, which may be of different moments, it is the endpoint's own.
fn state(
    endpoint: &VpcEndpoint,
    resources: &Resources,
    given: &Given<'_>,
    places: &Places<'_>,
    problems: &mut Problems,
) -> String {
    let mut connections = resources.vpc_endpoint_connections.iter();
    let its = connections.find(|one| one.vpc_endpoint_id == endpoint.vpc_endpoint_id);
    let accepted = its.and_then(|one| one.vpc_endpoint_state.as_deref());
    let id = &endpoint.vpc_endpoint_id;
    match (endpoint.state.as_deref(), accepted) {
        (Some(own), Some(other)) if !says(Some(own), other) && !given.dumped.contains(&connection(id)) => {
            let name = quote(&endpoint.name);
            let message = format!("endpoint {name} says that it is {own}, and its connection that it is {other}");
            let span = places.field(&connection(id), &["VpcEndpointState"]);
            let problem = Problem::error(span, message).code("InvalidParameterValue");
            problems.report(problem.help("leave State out of the endpoint: the provider says whether it is accepted"));
            own.to_owned()
        }
        (Some(own), _) => own.to_owned(),
        (None, Some(accepted)) => accepted.to_owned(),
        (None, None) => {
            let service = resources.service(endpoint);
            let waits = service.is_some_and(|service| service.acceptance_required != Some(false));
            let state = if waits { "pendingAcceptance" } else { "available" };
            state.to_owned()
        }
    }
}

/// The network interfaces of those that are there.
pub(super) fn wants(resources: &Resources) -> Vec<Want<'_>> {
    let subnets: HashMap<&str, &Subnet> = resources.subnets.iter().map(|it| (&*it.subnet_id, it)).collect();
    let there = resources
        .vpc_endpoints
        .iter()
        .filter(|one| one.is_of_service() && one.is_there());
    let wants = there.flat_map(|endpoint| {
        let ids = endpoint.subnet_ids.iter().enumerate();
        let known = ids.filter_map(|(index, id)| Some((index, *subnets.get(&**id)?)));
        let wants = known.map(|(index, subnet)| want(resources, endpoint, index, subnet));
        wants.collect::<Vec<_>>()
    });
    wants.collect()
}

fn want<'a>(resources: &'a Resources, endpoint: &'a VpcEndpoint, index: usize, subnet: &'a Subnet) -> Want<'a> {
    let mut chosen = endpoint.subnet_configurations.iter().enumerate();
    let chosen = chosen.find(|(_, one)| one.subnet_id.as_ref() == Some(&subnet.subnet_id));
    let at = match chosen {
        Some((index, _)) => ["SubnetConfigurations".to_owned(), index.to_string()],
        None => ["SubnetIds".to_owned(), index.to_string()],
    };
    let ip_address_type = endpoint.ip_address_type.as_deref();
    Want {
        owner: Owner {
            kind: "VPC endpoint",
            name: &endpoint.name,
        },
        id: &endpoint.vpc_endpoint_id,
        subnet,
        interface_type: match endpoint.is_interface() {
            true => InterfaceType::VpcEndpoint,
            false => InterfaceType::GatewayLoadBalancerEndpoint,
        },
        description: format!("VPC Endpoint Interface {}", endpoint.vpc_endpoint_id),
        groups: endpoint
            .groups
            .iter()
            .filter_map(|group| group.group_id.clone())
            .collect(),
        named: named(resources, endpoint, index, subnet),
        ipv4: chosen.and_then(|(_, one)| one.ipv4),
        ipv6: chosen.and_then(|(_, one)| one.ipv6),
        has_ipv6: says(ip_address_type, "dualstack") || says(ip_address_type, "ipv6"),
        at: at.to_vec(),
        fields: ["Ipv4", "Ipv6"],
    }
}

/// The network interface that an endpoint names for a subnet: one that is there and in it, or else the one at the
/// subnet's place in the list that nothing is known of.
fn named<'a>(resources: &Resources, endpoint: &'a VpcEndpoint, index: usize, subnet: &Subnet) -> Option<&'a str> {
    let ids = &endpoint.network_interface_ids;
    let eni = |id: &str| {
        let mut all = resources.network_interfaces.iter();
        all.find(|eni| eni.network_interface_id == id)
    };
    let is_in = |id: &&String| eni(id).is_some_and(|eni| eni.subnet_id == subnet.subnet_id);
    let unknown = || ids.get(index).filter(|id| eni(id).is_none());
    ids.iter().find(is_in).or_else(unknown).map(String::as_str)
}

/// Without groups, an endpoint is in those of its network interfaces, or else in the VPC's default one.
fn fill_groups(resources: &mut Resources) {
    let (all, enis) = (&resources.security_groups, &resources.network_interfaces);
    let by_id: HashMap<&str, &SecurityGroup> = all.iter().map(|group| (&*group.group_id, group)).collect();
    for endpoint in resources.vpc_endpoints.iter_mut().filter(|one| one.is_interface()) {
        if endpoint.groups.is_empty() {
            let (vpc, ids) = (&endpoint.vpc_id, &endpoint.network_interface_ids);
            let mut own = enis.iter().filter(|eni| ids.contains(&eni.network_interface_id));
            let own = own.find(|eni| !eni.groups.is_empty()).map(|eni| eni.groups.clone());
            let is_default =
                |group: &&SecurityGroup| group.group_name == "default" && Some(&group.vpc_id) == vpc.as_ref();
            let default = || all.iter().find(is_default).map(|group| vec![group.group_id.clone()]);
            let groups = own.or_else(default).unwrap_or_default().into_iter();
            let groups = groups.map(|id| EndpointGroup {
                group_id: Some(id),
                group_name: None,
            });
            endpoint.groups = groups.collect();
        }
        for group in endpoint.groups.iter_mut().filter(|group| group.group_name.is_none()) {
            let found = group.group_id.as_deref().and_then(|id| by_id.get(id));
            group.group_name = found.map(|group| group.group_name.clone());
        }
    }
}

/// Says of each endpoint which network interfaces it has got, in the order of its subnets.
pub(super) fn fill(resources: &mut Resources, seats: &Seats, places: &Places<'_>, problems: &mut Problems) {
    for endpoint in resources.vpc_endpoints.iter_mut().filter(|one| one.is_of_service()) {
        let id = &endpoint.vpc_endpoint_id;
        let seat = |subnet: &String| seats.get(&(id.clone(), subnet.clone()));
        let own: Vec<_> = endpoint.subnet_ids.iter().filter_map(seat).collect();
        let mut own: Vec<_> = own.iter().map(|seat| seat.network_interface_id.clone()).collect();
        let said = std::mem::take(&mut endpoint.network_interface_ids);
        for (index, other) in said.into_iter().enumerate() {
            if own.contains(&other) {
                continue;
            }
            let mut enis = resources.network_interfaces.iter();
            if let Some(eni) = enis.find(|eni| eni.network_interface_id == other && endpoint.state.is_some()) {
                let message = format!("{} is in none of the endpoint's subnets", quote(&eni.name));
                let span = places.field(id, &["NetworkInterfaceIds", &index.to_string()]);
                let problem = Problem::error(span, message).code("InvalidParameterValue");
                problems.report(problem.help("leave the network interface out to have it made"));
            }
            own.push(other);
        }
        endpoint.network_interface_ids = own;
        // What CreateVpcEndpoint takes and DescribeVpcEndpoints doesn't tell: now the network interfaces say it.
        endpoint.subnet_configurations.clear();
    }
}

/// How the provider of each service sees its endpoints. What a dump says of it is all there is.
pub(super) fn connect(resources: &mut Resources, given: &Given<'_>) {
    let mut all = std::mem::take(&mut resources.vpc_endpoint_connections);
    for endpoint in resources.vpc_endpoints.iter().filter(|one| one.is_of_service()) {
        let Some(service) = resources.service(endpoint) else {
            continue;
        };
        let id = &endpoint.vpc_endpoint_id;
        let index = all.iter().position(|one| one.vpc_endpoint_id == *id);
        let index = index.unwrap_or_else(|| {
            all.push(VpcEndpointConnection {
                vpc_endpoint_id: id.clone(),
                name: endpoint.name.clone(),
                ..VpcEndpointConnection::default()
            });
            all.len() - 1
        });
        let known = all.get_mut(index).filter(|_| !given.dumped.contains(&connection(id)));
        if let Some(known) = known {
            complete(known, endpoint, service, &resources.vpcs);
        }
    }
    resources.vpc_endpoint_connections = all;
}

/// What a connection leaves out.
fn complete(
    connection: &mut VpcEndpointConnection,
    endpoint: &VpcEndpoint,
    service: &VpcEndpointService,
    vpcs: &[Vpc],
) {
    let vpc = vpcs.iter().find(|vpc| Some(&vpc.vpc_id) == endpoint.vpc_id.as_ref());
    let fill = |field: &mut Option<String>, value: Option<String>| *field = field.take().or(value);
    fill(&mut connection.service_id, Some(service.service_id.clone()));
    fill(&mut connection.vpc_endpoint_owner, endpoint.owner_id.clone());
    fill(&mut connection.vpc_endpoint_state, endpoint.state.clone());
    fill(&mut connection.vpc_endpoint_region, vpc.map(|vpc| vpc.region.clone()));
    fill(&mut connection.ip_address_type, endpoint.ip_address_type.clone());
    let own = id("vpce-con", &["", &endpoint.vpc_endpoint_id]);
    fill(&mut connection.vpc_endpoint_connection_id, Some(own));
    if connection.network_load_balancer_arns.is_empty() {
        connection
            .network_load_balancer_arns
            .clone_from(&service.network_load_balancer_arns);
    }
    if connection.gateway_load_balancer_arns.is_empty() {
        connection
            .gateway_load_balancer_arns
            .clone_from(&service.gateway_load_balancer_arns);
    }
}
