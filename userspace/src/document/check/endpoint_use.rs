//! Endpoints that are there and can't be used (semantics 14 to 16; M31, M33 to M36, M45, M49, M64).

use super::context::{Context, Usual, says};
use super::endpoint::{stranger, there, zones_without};
use super::load_balancer;
use super::security_group::admits;
use crate::document::diagnostic::Problems;
use crate::document::notation::Protocol;
use crate::resources::{Peer, RouteTarget, SecurityGroupRule, VpcEndpoint, VpcEndpointService};
use std::collections::HashSet;

pub(super) fn warn(all: &Context<'_>, problems: &mut Problems) {
    for endpoint in there(all) {
        pending(all, endpoint, problems);
        if endpoint.is_interface() {
            closed(all, endpoint, problems);
            without_names(all, endpoint, problems);
        }
        if endpoint.is_gateway_load_balancer() {
            looping(all, endpoint, problems);
        }
        if endpoint.is_gateway() {
            not_let_out(all, endpoint, problems);
        }
        if let Some(service) = all.all.service(endpoint) {
            of_service(all, endpoint, service, problems);
            other_zones(all, endpoint, service, problems);
        }
    }
}

/// The provider has to accept it (M34).
fn pending(all: &Context<'_>, endpoint: &VpcEndpoint, problems: &mut Problems) {
    if says(endpoint.state.as_deref(), "pendingAcceptance") {
        let message = format!(
            "endpoint {} waits for the service's provider to accept it",
            all.name(&endpoint.vpc_endpoint_id)
        );
        let what = Usual("M34", Some("X_ENDPOINT_NOT_AVAILABLE"));
        all.warn(
            (&endpoint.vpc_endpoint_id, &["State"]),
            what,
            message,
            "accept it, or set AcceptanceRequired: false in the service",
            problems,
        );
    }
}

/// Its groups let nobody in at the service's ports (M31).
fn closed(all: &Context<'_>, endpoint: &VpcEndpoint, problems: &mut Problems) {
    let groups: Vec<_> = endpoint
        .groups
        .iter()
        .filter_map(|group| all.group(group.group_id.as_deref()?))
        .collect();
    let ports = match all.all.service(endpoint) {
        Some(service) => load_balancer::ports(all, &service.network_load_balancer_arns),
        None => vec![(&[Protocol::TCP][..], 443)],
    };
    let mut ports = ports.into_iter();
    let closed = ports.find(|at| !groups.iter().any(|group| admits(group, false, *at)));
    if let (false, Some(at)) = (groups.is_empty(), closed) {
        let message = format!(
            "no rule of the groups of endpoint {} admits anybody at {}",
            all.name(&endpoint.vpc_endpoint_id),
            load_balancer::port_told(at)
        );
        let help = "add an ingress rule for the clients' addresses";
        let what = Usual("M31", Some("ENI_SG_RULES_MISMATCH"));
        all.warn((&endpoint.vpc_endpoint_id, &["Groups"]), what, message, help, problems);
    }
}

/// Private names need both DNS attributes of the VPC (M45).
fn without_names(all: &Context<'_>, endpoint: &VpcEndpoint, problems: &mut Problems) {
    let vpc = endpoint.vpc_id.as_deref().and_then(|id| all.vpc(id));
    let without = vpc.filter(|vpc| !(vpc.enable_dns_support && vpc.enable_dns_hostnames));
    if let (Some(vpc), Some(true)) = (without, endpoint.private_dns_enabled) {
        let message = format!(
            "private names have no effect in VPC {}, which has no DNS hostnames",
            all.name(&vpc.vpc_id)
        );
        let help = "set EnableDnsSupport and EnableDnsHostnames in the VPC";
        let field: (&str, &[&str]) = (&endpoint.vpc_endpoint_id, &["PrivateDnsEnabled"]);
        all.warn(field, Usual("M45", None), message, help, problems);
    }
}

/// What comes out of the endpoint is led back into it (M64).
fn looping(all: &Context<'_>, endpoint: &VpcEndpoint, problems: &mut Problems) {
    let subnet = endpoint.subnet_ids.first().and_then(|id| all.subnet(id));
    let Some(table) = subnet.and_then(|subnet| all.table_of(subnet)) else {
        return;
    };
    let is_it =
        |target: &RouteTarget| matches!(target, RouteTarget::VpcEndpoint(id) if *id == endpoint.vpc_endpoint_id);
    if table.routes.iter().any(|route| is_it(&route.target)) {
        let message = format!(
            "route table {} of the endpoint's own subnet leads back to it",
            all.name(&table.route_table_id)
        );
        let help = "give the endpoint a subnet and a route table of its own";
        all.warn(
            (&endpoint.vpc_endpoint_id, &["SubnetIds", "0"]),
            Usual("M64", None),
            message,
            help,
            problems,
        );
    }
}

/// Groups of clients that let nothing out to the service (M49).
fn not_let_out(all: &Context<'_>, endpoint: &VpcEndpoint, problems: &mut Problems) {
    let service = endpoint.service_name.as_deref();
    let Some(list) = all.all.prefix_lists.iter().find(|list| Some(&*list.name) == service) else {
        return;
    };
    let is_let_out = |rule: &SecurityGroupRule| match &rule.peer {
        Peer::PrefixList(id) => *id == list.prefix_list_id,
        Peer::Cidr(block) => {
            let mut entries = list.entries.iter();
            entries.any(|entry| entry.contains(block) || block.contains(entry))
        }
        Peer::Group(_) => false,
    };
    let tables: HashSet<_> = endpoint.route_table_ids.iter().collect();
    let subnets = all
        .all
        .subnets
        .iter()
        .filter(|subnet| tables.contains(&subnet.route_table_id));
    let mut told = HashSet::new();
    for eni in subnets.flat_map(|subnet| all.guests_of(&subnet.subnet_id)) {
        let groups = eni.groups.iter().filter_map(|group| all.group(group));
        let mut rules = groups.flat_map(|group| &group.rules).filter(|rule| rule.is_egress);
        if !rules.any(is_let_out) && told.insert(&eni.groups) {
            let name = all.name(&eni.network_interface_id);
            let message = format!("no group of {name} lets anything out to {}", list.name);
            let help = "add an egress rule for the service's prefix list, tcp 443";
            let what = Usual("M49", Some("ENI_SG_RULES_MISMATCH"));
            let field: (&str, &[&str]) = (&endpoint.vpc_endpoint_id, &["RouteTableIds"]);
            all.warn(field, what, message, help, problems);
        }
    }
}

/// What of a service of this configuration keeps an endpoint from working (M33), or would keep it from being made again
/// (M35): what is in a dump was made once, and principals of dumps aren't always known.
fn of_service(all: &Context<'_>, endpoint: &VpcEndpoint, service: &VpcEndpointService, problems: &mut Problems) {
    let field: (&str, &[&str]) = (&endpoint.vpc_endpoint_id, &["ServiceName"]);
    let name = all.name(&service.service_id);
    let balancers = service.load_balancer_arns();
    let known = balancers.iter().any(|arn| all.has(arn));
    if known && !load_balancer::is_listened_at(all, balancers) {
        let message = format!("no load balancer of service {name} listens to anything");
        let what = Usual("M33", Some("ELBV2_LISTENERS_MISMATCH"));
        all.warn(field, what, message, "add a listener for what clients send", problems);
    }
    if let Some(account) = stranger(all, endpoint, service) {
        let message = format!("service {name} doesn't allow account {account}");
        let what = Usual("M35", Some("InvalidServiceName"));
        let help = "add the account to the service's AllowedPrincipals";
        all.warn(field, what, message, help, problems);
    }
}

/// A zone in which the service has no load balancer (M36), as a dump has it.
fn other_zones(all: &Context<'_>, endpoint: &VpcEndpoint, service: &VpcEndpointService, problems: &mut Problems) {
    for (index, subnet) in zones_without(all, endpoint, service) {
        let zone = &subnet.availability_zone_id;
        let (service, subnet) = (all.name(&service.service_id), all.name(&subnet.subnet_id));
        let message = format!("service {service} isn't in {zone}, where subnet {subnet} is");
        let help = "choose a subnet of another zone, or add the zone to the service's load balancer";
        let what = Usual("M36", Some("VPCE_SERVICE_NOT_INSTALLED_IN_AZ"));
        let field: &[&str] = &["SubnetIds", &index.to_string()];
        all.warn((&endpoint.vpc_endpoint_id, field), what, message, help, problems);
    }
}
