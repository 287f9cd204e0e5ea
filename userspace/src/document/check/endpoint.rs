//! VPC endpoints and the services behind them (semantics 14 to 16; M31, M33 to M36, M45, M49, M64).

use super::context::{Context, says};
use super::load_balancer;
use crate::document::diagnostic::{Problems, quote};
use crate::document::quotas::Quota;
use crate::resources::{Subnet, VpcEndpoint, VpcEndpointService};
use std::collections::HashMap;

/// How long a policy may be, in characters (semantics 29).
const POLICY_LEN: usize = 20_480;

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    let (mut names, mut services) = (HashMap::new(), HashMap::new());
    for endpoint in there(all) {
        shape(all, endpoint, problems);
        fields_of_others(all, endpoint, problems);
        subnets(all, endpoint, problems);
        service_type(all, endpoint, problems);
        policy(all, endpoint, problems);
        admission(all, endpoint, problems);
        let id = &*endpoint.vpc_endpoint_id;
        let service = endpoint.service_name.as_deref().unwrap_or_default();
        if endpoint.private_dns_enabled == Some(true)
            && let Some(other) = names.insert((endpoint.vpc_id.as_deref(), service), id)
        {
            let other = all.name(other);
            let message = format!("endpoint {other} has the service's private names in this VPC already");
            let help = "set PrivateDnsEnabled in one of the two";
            all.refuse(
                (id, &["PrivateDnsEnabled"]),
                "InvalidParameter",
                message,
                help,
                problems,
            );
        }
        for (index, table) in endpoint.route_table_ids.iter().enumerate() {
            if let Some(other) = services.insert((table, service), id) {
                let (table, other) = (all.name(table), all.name(other));
                let message = format!("route table {table} has a route to endpoint {other} of this service already");
                let field: &[&str] = &["RouteTableIds", &index.to_string()];
                let help = "remove the table from one of the two";
                all.refuse((id, field), "RouteAlreadyExists", message, help, problems);
            }
        }
    }
    quotas(all, problems);
}

fn quotas(all: &Context<'_>, problems: &mut Problems) {
    let of_vpc = |endpoint: &'_ VpcEndpoint| endpoint.vpc_id.clone().unwrap_or_default();
    let interfaces = there(all).filter(|endpoint| !endpoint.is_gateway());
    all.count(
        Quota::InterfaceEndpoints,
        interfaces.map(|one| (of_vpc(one), &*one.vpc_endpoint_id)),
        problems,
    );
    let gateways = || there(all).filter(|endpoint| endpoint.is_gateway());
    all.count(
        Quota::GatewayEndpointsOfVpc,
        gateways().map(|one| (of_vpc(one), &*one.vpc_endpoint_id)),
        problems,
    );
    let region = |one: &VpcEndpoint| {
        one.vpc_id
            .as_deref()
            .and_then(|id| all.vpc(id))
            .map(|vpc| vpc.region.clone())
    };
    all.count(
        Quota::GatewayEndpoints,
        gateways().map(|one| (region(one), &*one.vpc_endpoint_id)),
        problems,
    );
}

pub(super) fn there<'a>(all: &Context<'a>) -> impl Iterator<Item = &'a VpcEndpoint> {
    all.all.vpc_endpoints.iter().filter(|endpoint| endpoint.is_there())
}

/// What every endpoint has.
fn shape(all: &Context<'_>, endpoint: &VpcEndpoint, problems: &mut Problems) {
    let id = &*endpoint.vpc_endpoint_id;
    let kinds = [
        "Interface",
        "Gateway",
        "GatewayLoadBalancer",
        "Resource",
        "ServiceNetwork",
    ];
    let kind = endpoint.vpc_endpoint_type.as_deref();
    if let Some(kind) = kind.filter(|kind| !kinds.iter().any(|known| known.eq_ignore_ascii_case(kind))) {
        let message = format!("there are no endpoints of type {kind}");
        let help = "write Interface, Gateway or GatewayLoadBalancer";
        all.refuse(
            (id, &["VpcEndpointType"]),
            "InvalidParameterValue",
            message,
            help,
            problems,
        );
        return;
    }
    for (field, value) in [("VpcId", &endpoint.vpc_id), ("ServiceName", &endpoint.service_name)] {
        if value.is_none() && !is_resource(endpoint) {
            let message = format!("endpoint {} is missing {field}", all.name(id));
            let help = "say whose service it brings into which VPC";
            all.refuse((id, &[]), "MissingParameter", message, help, problems);
        }
    }
    for (index, table) in endpoint.route_table_ids.iter().enumerate() {
        let vpc = all.table(table).map(|table| &table.vpc_id);
        if vpc.is_some() && vpc != endpoint.vpc_id.as_ref() {
            let message = format!("route table {} is in another VPC", all.name(table));
            let field: &[&str] = &["RouteTableIds", &index.to_string()];
            let help = "name tables of the endpoint's VPC";
            all.refuse((id, field), "InvalidParameterValue", message, help, problems);
        }
    }
}

/// Each type has its own fields.
fn fields_of_others(all: &Context<'_>, endpoint: &VpcEndpoint, problems: &mut Problems) {
    let (gateway, balancer) = (endpoint.is_gateway(), endpoint.is_gateway_load_balancer());
    let mut refuse = |field: &str, is_there: bool, message: &str| {
        if is_there {
            let field: (&str, &[&str]) = (&endpoint.vpc_endpoint_id, &[field]);
            let help = "remove the field, or choose another VpcEndpointType";
            all.refuse(field, "InvalidVpcEndpointType", message, help, problems);
        }
    };
    let has_tables = !gateway && !endpoint.route_table_ids.is_empty();
    refuse("RouteTableIds", has_tables, "only a gateway endpoint has route tables");
    let has_subnets = gateway && !endpoint.subnet_ids.is_empty();
    refuse("SubnetIds", has_subnets, "a gateway endpoint is in no subnet");
    let has_groups = (gateway || balancer) && !endpoint.groups.is_empty();
    refuse("Groups", has_groups, "only an interface endpoint has security groups");
    let has_addresses = !endpoint.is_interface() && !endpoint.subnet_configurations.is_empty();
    refuse(
        "SubnetConfigurations",
        has_addresses,
        "only an interface endpoint chooses addresses",
    );
    let has_names = balancer && endpoint.private_dns_enabled == Some(true);
    refuse(
        "PrivateDnsEnabled",
        has_names,
        "only an interface endpoint has private names",
    );
}

/// Subnets of its VPC, one of each zone, that have what the addresses need.
fn subnets(all: &Context<'_>, endpoint: &VpcEndpoint, problems: &mut Problems) {
    let id = &*endpoint.vpc_endpoint_id;
    if endpoint.is_gateway_load_balancer() && endpoint.subnet_ids.len() != 1 {
        return not_one(all, endpoint, problems);
    }
    one_of_each_zone(
        all,
        (id, "SubnetIds"),
        endpoint.vpc_id.as_deref(),
        &endpoint.subnet_ids,
        problems,
    );
    for (index, group) in endpoint.groups.iter().enumerate() {
        let Some(group) = group.group_id.as_deref().and_then(|id| all.group(id)) else {
            continue;
        };
        if endpoint.vpc_id.as_ref().is_some_and(|vpc| *vpc != group.vpc_id) {
            let message = format!("security group {} is in another VPC", all.name(&group.group_id));
            let field: &[&str] = &["Groups", &index.to_string()];
            let help = "name groups of the endpoint's VPC";
            all.refuse((id, field), "InvalidGroup.NotFound", message, help, problems);
        }
    }
    let needs_ipv6 =
        says(endpoint.ip_address_type.as_deref(), "dualstack") || says(endpoint.ip_address_type.as_deref(), "ipv6");
    let mut subnets = endpoint.subnet_ids.iter().filter_map(|subnet| all.subnet(subnet));
    if let Some(subnet) = subnets.find(|subnet| needs_ipv6 && subnet.ipv6_cidr_block.is_none()) {
        let message = format!("subnet {} has no IPv6 block", all.name(&subnet.subnet_id));
        let help = "give the subnet one, or choose IpAddressType: ipv4";
        all.refuse(
            (id, &["IpAddressType"]),
            "InvalidParameterValue",
            message,
            help,
            problems,
        );
    }
}

/// Packets come out of a Gateway Load Balancer endpoint in its subnet, of which it has one.
fn not_one(all: &Context<'_>, endpoint: &VpcEndpoint, problems: &mut Problems) {
    let id = &*endpoint.vpc_endpoint_id;
    if endpoint.subnet_ids.is_empty() {
        let message = format!("endpoint {} is missing SubnetIds", all.name(id));
        let help = "name the subnet in which packets come out";
        return all.refuse((id, &[]), "MissingParameter", message, help, problems);
    }
    let field: &[&str] = &["SubnetIds", "1"];
    let message = "a Gateway Load Balancer endpoint is in one subnet";
    let help = "make an endpoint for each";
    all.refuse((id, field), "InvalidParameterValue", message, help, problems);
}

/// Subnets of a VPC, at most one in each availability zone.
pub(super) fn one_of_each_zone(
    all: &Context<'_>,
    (id, list): (&str, &str),
    vpc: Option<&str>,
    subnets: &[String],
    problems: &mut Problems,
) {
    let mut zones = HashMap::new();
    for (index, subnet) in subnets.iter().enumerate() {
        let Some(subnet) = all.subnet(subnet) else { continue };
        let (index, name) = (index.to_string(), all.name(&subnet.subnet_id));
        let field: &[&str] = &[list, &index];
        if vpc.is_some_and(|vpc| vpc != subnet.vpc_id) {
            let message = format!("subnet {name} is in VPC {}", all.name(&subnet.vpc_id));
            let help = "name subnets of the same VPC";
            all.refuse((id, field), "InvalidParameterValue", message, help, problems);
        } else if let Some(other) = zones.insert(&*subnet.availability_zone, subnet) {
            let (other, zone) = (all.name(&other.subnet_id), &subnet.availability_zone);
            let message = format!("subnets {other} and {name} are both in {zone}");
            let help = "name one subnet of each zone";
            all.refuse((id, field), "DuplicateSubnetsInSameZone", message, help, problems);
        }
    }
}

fn service_type(all: &Context<'_>, endpoint: &VpcEndpoint, problems: &mut Problems) {
    let id = &*endpoint.vpc_endpoint_id;
    let Some(name) = endpoint.service_name.as_deref() else {
        return;
    };
    let is_name = name.split('.').count() >= 3 && name.split('.').all(|part| !part.is_empty());
    if !is_name && !is_resource(endpoint) && all.all.service(endpoint).is_none() {
        let message = format!("there is no service {}", quote(name));
        let help = "write a name such as com.amazonaws.eu-central-1.s3, or that of an endpoint service";
        all.refuse((id, &["ServiceName"]), "InvalidServiceName", message, help, problems);
        return;
    }
    let Some(service) = all.all.service(endpoint) else {
        return;
    };
    let of_gateway_balancers = !service.gateway_load_balancer_arns.is_empty();
    // That it is of both kinds is told of the service.
    let is_of_one_kind = !of_gateway_balancers || service.network_load_balancer_arns.is_empty();
    if is_of_one_kind && of_gateway_balancers != endpoint.is_gateway_load_balancer() {
        let needed = if of_gateway_balancers {
            "GatewayLoadBalancer"
        } else {
            "Interface"
        };
        let message = format!(
            "service {} is reached by endpoints of type {needed}",
            all.name(&service.service_id)
        );
        let field: (&str, &[&str]) = (id, &["VpcEndpointType"]);
        all.refuse(
            field,
            "InvalidVpcEndpointType",
            message,
            &format!("write VpcEndpointType: {needed}"),
            problems,
        );
    }
}

/// Whether an endpoint can be made: what a dump has was. Who isn't allowed is told that there is no such service.
fn admission(all: &Context<'_>, endpoint: &VpcEndpoint, problems: &mut Problems) {
    let id = &*endpoint.vpc_endpoint_id;
    let Some(service) = all.all.service(endpoint).filter(|_| !all.is_dumped(id)) else {
        return;
    };
    if let Some(account) = stranger(all, endpoint, service) {
        let name = quote(endpoint.service_name.as_deref().unwrap_or_default());
        let message = format!("there is no service {name} for account {account}");
        let help = format!("add arn:aws:iam::{account}:root to the service's AllowedPrincipals");
        let field: (&str, &[&str]) = (id, &["ServiceName"]);
        all.refuse(field, "InvalidServiceName", message, &help, problems);
    }
    for (index, subnet) in zones_without(all, endpoint, service) {
        let message = format!(
            "service {} isn't in {}, where subnet {} is",
            all.name(&service.service_id),
            subnet.availability_zone_id,
            all.name(&subnet.subnet_id)
        );
        let help = "choose a subnet of another zone, or add the zone to the service's load balancer";
        let field: &[&str] = &["SubnetIds", &index.to_string()];
        all.refuse((id, field), "InvalidParameter", message, help, problems);
    }
}

/// The account of an endpoint whose service doesn't allow it.
pub(super) fn stranger<'a>(all: &Context<'a>, endpoint: &VpcEndpoint, service: &VpcEndpointService) -> Option<&'a str> {
    let consumer = &*all.vpc(endpoint.vpc_id.as_deref()?)?.details.owner_id;
    let provider = load_balancer::vpc_of(all, service.load_balancer_arns())?;
    (!service.allows(consumer, &provider.details.owner_id)).then_some(consumer)
}

/// The subnets of an endpoint that are in zones without the service, and their places in its list. Those of an
/// interface endpoint in another Region may be in any.
pub(super) fn zones_without<'a>(
    all: &Context<'a>,
    endpoint: &VpcEndpoint,
    service: &VpcEndpointService,
) -> Vec<(usize, &'a Subnet)> {
    let zones = load_balancer::zones(all, service.load_balancer_arns());
    let is_anywhere = endpoint.is_interface() && all.all.is_of_another_region(endpoint);
    if zones.is_empty() || is_anywhere {
        return Vec::new();
    }
    let subnets = endpoint.subnet_ids.iter().enumerate();
    let known = subnets.filter_map(|(index, id)| Some((index, all.subnet(id)?)));
    known
        .filter(|(_, subnet)| !zones.contains(&*subnet.availability_zone_id))
        .collect()
}

fn is_resource(endpoint: &VpcEndpoint) -> bool {
    !endpoint.is_gateway() && !endpoint.is_of_service()
}

fn policy(all: &Context<'_>, endpoint: &VpcEndpoint, problems: &mut Problems) {
    let Some(policy) = endpoint.policy_document.as_deref() else {
        return;
    };
    let parsed: Option<serde_json::Value> = serde_json::from_str(policy).ok();
    let has_statement = parsed.is_some_and(|policy| policy.get("Statement").is_some());
    let (message, help) = if policy.chars().count() > POLICY_LEN {
        (
            format!("the policy has more than {POLICY_LEN} characters"),
            "shorten it",
        )
    } else if endpoint.is_gateway_load_balancer() {
        ("a Gateway Load Balancer endpoint has no policy".to_owned(), "remove it")
    } else if !has_statement {
        (
            "the policy isn't JSON with a Statement".to_owned(),
            "write it as IAM has it, or leave it out to allow everything",
        )
    } else {
        return;
    };
    all.refuse(
        (&endpoint.vpc_endpoint_id, &["PolicyDocument"]),
        "InvalidPolicyDocument",
        message,
        help,
        problems,
    );
}
