//! VPC endpoints and the services behind them (semantics 14 to 16; M31, M33 to M36, M45, M49, M64).

use super::context::{Context, Usual, is_there, says};
use super::security_group::admits;
use crate::document::diagnostic::Problems;
use crate::document::quotas::Quota;
use crate::resources::{Peer, RouteTarget, VpcEndpoint, VpcEndpointService};
use std::collections::{HashMap, HashSet};

/// How long a policy may be, in characters (semantics 29).
const POLICY_LEN: usize = 20_480;

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    let mut private_names = HashMap::new();
    let mut services_of_tables = HashMap::new();
    for endpoint in there(all) {
        shape(all, endpoint, problems);
        subnets(all, endpoint, problems);
        service_type(all, endpoint, problems);
        policy(all, endpoint, problems);
        let id = &*endpoint.vpc_endpoint_id;
        let service = endpoint.service_name.as_deref().unwrap_or_default();
        if endpoint.private_dns_enabled == Some(true)
            && let Some(other) = private_names.insert((endpoint.vpc_id.as_deref(), service), id)
        {
            let message = format!(
                "endpoint {} has the service's private names in this VPC already",
                all.name(other)
            );
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
            if let Some(other) = services_of_tables.insert((table, service), id) {
                let message = format!(
                    "route table {} has a route to endpoint {} of this service already",
                    all.name(table),
                    all.name(other)
                );
                let field: &[&str] = &["RouteTableIds", &index.to_string()];
                all.refuse(
                    (id, field),
                    "RouteAlreadyExists",
                    message,
                    "remove the table from one of the two",
                    problems,
                );
            }
        }
    }
    quotas(all, problems);
}

fn quotas(all: &Context<'_>, problems: &mut Problems) {
    let of_vpc = |endpoint: &'_ VpcEndpoint| endpoint.vpc_id.clone().unwrap_or_default();
    let interfaces = there(all).filter(|endpoint| !is_gateway(endpoint));
    all.count(
        Quota::InterfaceEndpoints,
        interfaces.map(|one| (of_vpc(one), &*one.vpc_endpoint_id)),
        problems,
    );
    let gateways = || there(all).filter(|endpoint| is_gateway(endpoint));
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

fn there<'a>(all: &Context<'a>) -> impl Iterator<Item = &'a VpcEndpoint> {
    all.all
        .vpc_endpoints
        .iter()
        .filter(|endpoint| is_there(endpoint.state.as_deref()))
}

fn is_gateway(endpoint: &VpcEndpoint) -> bool {
    // What says no type is a gateway endpoint, as CreateVpcEndpoint has it.
    endpoint
        .vpc_endpoint_type
        .as_deref()
        .is_none_or(|kind| kind.eq_ignore_ascii_case("Gateway"))
}

fn is_interface(endpoint: &VpcEndpoint) -> bool {
    says(endpoint.vpc_endpoint_type.as_deref(), "Interface")
}

fn is_load_balancer(endpoint: &VpcEndpoint) -> bool {
    says(endpoint.vpc_endpoint_type.as_deref(), "GatewayLoadBalancer")
}

/// Each type has its own fields.
fn shape(all: &Context<'_>, endpoint: &VpcEndpoint, problems: &mut Problems) {
    let id = &*endpoint.vpc_endpoint_id;
    let kinds = [
        "Interface",
        "Gateway",
        "GatewayLoadBalancer",
        "Resource",
        "ServiceNetwork",
    ];
    if let Some(kind) = endpoint.vpc_endpoint_type.as_deref()
        && !kinds.iter().any(|known| known.eq_ignore_ascii_case(kind))
    {
        let message = format!("there are no endpoints of type {kind}");
        all.refuse(
            (id, &["VpcEndpointType"]),
            "InvalidParameterValue",
            message,
            "write Interface, Gateway or GatewayLoadBalancer",
            problems,
        );
        return;
    }
    for field in ["VpcId", "ServiceName"] {
        let is_missing = if field == "VpcId" {
            endpoint.vpc_id.is_none()
        } else {
            endpoint.service_name.is_none()
        };
        if is_missing && (is_gateway(endpoint) || is_interface(endpoint) || is_load_balancer(endpoint)) {
            let message = format!("endpoint {} is missing {field}", all.name(id));
            all.refuse(
                (id, &[]),
                "MissingParameter",
                message,
                "say whose service it brings into which VPC",
                problems,
            );
        }
    }
    let foreign = [
        (
            "RouteTableIds",
            !is_gateway(endpoint) && !endpoint.route_table_ids.is_empty(),
            "only a gateway endpoint has route tables",
        ),
        (
            "SubnetIds",
            is_gateway(endpoint) && !endpoint.subnet_ids.is_empty(),
            "a gateway endpoint is in no subnet",
        ),
        (
            "Groups",
            !is_interface(endpoint)
                && (is_gateway(endpoint) || is_load_balancer(endpoint))
                && !endpoint.groups.is_empty(),
            "only an interface endpoint has security groups",
        ),
        (
            "PrivateDnsEnabled",
            is_load_balancer(endpoint) && endpoint.private_dns_enabled == Some(true),
            "only an interface endpoint has private names",
        ),
    ];
    for (field, _, message) in foreign.iter().filter(|(_, is_there, _)| *is_there) {
        all.refuse(
            (id, &[field]),
            "InvalidVpcEndpointType",
            *message,
            "remove the field, or choose another VpcEndpointType",
            problems,
        );
    }
    for (index, table) in endpoint.route_table_ids.iter().enumerate() {
        let vpc = all.table(table).map(|table| &table.vpc_id);
        if vpc.is_some() && vpc != endpoint.vpc_id.as_ref() {
            let message = format!("route table {} is in another VPC", all.name(table));
            let field: &[&str] = &["RouteTableIds", &index.to_string()];
            all.refuse(
                (id, field),
                "InvalidParameterValue",
                message,
                "name tables of the endpoint's VPC",
                problems,
            );
        }
    }
}

/// Subnets of its VPC, one of each zone, that have what the addresses need.
fn subnets(all: &Context<'_>, endpoint: &VpcEndpoint, problems: &mut Problems) {
    let id = &*endpoint.vpc_endpoint_id;
    if is_load_balancer(endpoint) && endpoint.subnet_ids.len() > 1 {
        let message = "a Gateway Load Balancer endpoint is in one subnet";
        all.refuse(
            (id, &["SubnetIds", "1"]),
            "InvalidParameterValue",
            message,
            "make an endpoint for each",
            problems,
        );
        return;
    }
    one_of_each_zone(
        all,
        id,
        "SubnetIds",
        endpoint.vpc_id.as_deref(),
        &endpoint.subnet_ids,
        problems,
    );
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

/// Subnets of a VPC, at most one in each availability zone.
pub(super) fn one_of_each_zone(
    all: &Context<'_>,
    id: &str,
    list: &str,
    vpc: Option<&str>,
    subnets: &[String],
    problems: &mut Problems,
) {
    let mut zones = HashMap::new();
    for (index, subnet) in subnets.iter().enumerate() {
        let Some(subnet) = all.subnet(subnet) else { continue };
        let index = index.to_string();
        let field: &[&str] = &[list, &index];
        if vpc.is_some_and(|vpc| vpc != subnet.vpc_id) {
            let message = format!(
                "subnet {} is in VPC {}",
                all.name(&subnet.subnet_id),
                all.name(&subnet.vpc_id)
            );
            all.refuse(
                (id, field),
                "InvalidParameterValue",
                message,
                "name subnets of the same VPC",
                problems,
            );
        } else if let Some(other) = zones.insert(&*subnet.availability_zone, subnet) {
            let message = format!(
                "subnets {} and {} are both in {}",
                all.name(&other.subnet_id),
                all.name(&subnet.subnet_id),
                subnet.availability_zone
            );
            all.refuse(
                (id, field),
                "DuplicateSubnetsInSameZone",
                message,
                "name one subnet of each zone",
                problems,
            );
        }
    }
}

/// The service of one's own that an endpoint is of.
pub(super) fn service_of<'a>(all: &Context<'a>, endpoint: &VpcEndpoint) -> Option<&'a VpcEndpointService> {
    let name = endpoint.service_name.as_deref()?;
    let is_it = |service: &&VpcEndpointService| {
        service.service_name.as_deref() == Some(name) || name.ends_with(&*service.service_id)
    };
    all.all.vpc_endpoint_services.iter().find(is_it)
}

fn service_type(all: &Context<'_>, endpoint: &VpcEndpoint, problems: &mut Problems) {
    let id = &*endpoint.vpc_endpoint_id;
    let Some(name) = endpoint.service_name.as_deref() else {
        return;
    };
    let is_name = name.split('.').count() >= 3 && name.split('.').all(|part| !part.is_empty());
    if !is_name && !is_resource(endpoint) && service_of(all, endpoint).is_none() {
        let message = format!("there is no service {}", crate::document::diagnostic::quote(name));
        let help = "write a name such as com.amazonaws.eu-central-1.s3, or that of an endpoint service";
        all.refuse((id, &["ServiceName"]), "InvalidServiceName", message, help, problems);
        return;
    }
    let Some(service) = service_of(all, endpoint) else {
        return;
    };
    let of_gateway_balancers = !service.gateway_load_balancer_arns.is_empty();
    if of_gateway_balancers != is_load_balancer(endpoint) {
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

fn is_resource(endpoint: &VpcEndpoint) -> bool {
    !is_gateway(endpoint) && !is_interface(endpoint) && !is_load_balancer(endpoint)
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
    } else if is_load_balancer(endpoint) {
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

pub(super) fn warn(all: &Context<'_>, problems: &mut Problems) {
    for endpoint in there(all) {
        pending(all, endpoint, problems);
        if is_interface(endpoint) {
            closed(all, endpoint, problems);
            without_names(all, endpoint, problems);
        }
        if is_load_balancer(endpoint) {
            looping(all, endpoint, problems);
        }
        if is_gateway(endpoint) {
            not_let_out(all, endpoint, problems);
        }
        if let Some(service) = service_of(all, endpoint) {
            of_service(all, endpoint, service, problems);
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
    let ports = match service_of(all, endpoint) {
        Some(service) => super::load_balancer::ports(all, &service.network_load_balancer_arns),
        None => vec![443],
    };
    let closed = ports
        .iter()
        .find(|port| !groups.iter().any(|group| admits(group, false, **port)));
    if let (false, Some(port)) = (groups.is_empty(), closed) {
        let message = format!(
            "no rule of the groups of endpoint {} admits anybody at port {port}",
            all.name(&endpoint.vpc_endpoint_id)
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
    let list = all.all.prefix_lists.iter().find(|list| Some(&*list.name) == service);
    let Some(list) = list else { return };
    let tables: HashSet<_> = endpoint.route_table_ids.iter().collect();
    let subnets = all
        .all
        .subnets
        .iter()
        .filter(|subnet| tables.contains(&subnet.route_table_id));
    let mut told = HashSet::new();
    for eni in subnets.flat_map(|subnet| all.guests_of(&subnet.subnet_id)) {
        let groups: Vec<_> = eni.groups.iter().filter_map(|group| all.group(group)).collect();
        let mut rules = groups
            .iter()
            .flat_map(|group| &group.rules)
            .filter(|rule| rule.is_egress);
        let lets_out = rules.any(|rule| match &rule.peer {
            Peer::PrefixList(id) => *id == list.prefix_list_id,
            Peer::Cidr(block) => list
                .entries
                .iter()
                .any(|entry| entry.contains(block) || block.contains(entry)),
            Peer::Group(_) => false,
        });
        if !lets_out && told.insert(&eni.groups) {
            let message = format!(
                "no group of {} lets anything out to {}",
                all.name(&eni.network_interface_id),
                list.name
            );
            let help = "add an egress rule for the service's prefix list, tcp 443";
            let what = Usual("M49", Some("ENI_SG_RULES_MISMATCH"));
            all.warn(
                (&endpoint.vpc_endpoint_id, &["RouteTableIds"]),
                what,
                message,
                help,
                problems,
            );
        }
    }
}

/// What of a service of this configuration keeps an endpoint from working (M33, M35, M36).
fn of_service(all: &Context<'_>, endpoint: &VpcEndpoint, service: &VpcEndpointService, problems: &mut Problems) {
    let id = &*endpoint.vpc_endpoint_id;
    let name = all.name(&service.service_id);
    let balancers = &service.network_load_balancer_arns;
    let known = balancers.iter().any(|arn| all.has(arn));
    if known && super::load_balancer::ports(all, balancers).is_empty() {
        let message = format!("no load balancer of service {name} listens to anything");
        let what = Usual("M33", Some("ELBV2_LISTENERS_MISMATCH"));
        all.warn(
            (id, &["ServiceName"]),
            what,
            message,
            "add a listener for the port that clients ask",
            problems,
        );
    }
    let consumer = endpoint
        .vpc_id
        .as_deref()
        .and_then(|id| all.vpc(id))
        .map(|vpc| &*vpc.details.owner_id);
    let provider = super::load_balancer::vpc_of(all, balancers).map(|vpc| &*vpc.details.owner_id);
    let is_allowed = |account: &str| {
        let mut principals = service
            .allowed_principals
            .iter()
            .filter_map(|one| one.principal.as_deref());
        principals.any(|principal| principal == "*" || principal.contains(account))
    };
    if let (Some(consumer), Some(provider)) = (consumer, provider)
        && consumer != provider
        && !is_allowed(consumer)
    {
        let message = format!("service {name} doesn't allow account {consumer}");
        let what = Usual("M35", Some("InvalidServiceName"));
        all.warn(
            (id, &["ServiceName"]),
            what,
            message,
            "add the account to the service's AllowedPrincipals",
            problems,
        );
    }
    let zones = super::load_balancer::zones(all, balancers);
    for (index, subnet) in endpoint.subnet_ids.iter().enumerate() {
        let Some(subnet) = all.subnet(subnet) else { continue };
        if !zones.is_empty() && !zones.contains(&*subnet.availability_zone_id) && endpoint.service_region.is_none() {
            let message = format!(
                "service {name} isn't in {}, where subnet {} is",
                subnet.availability_zone_id,
                all.name(&subnet.subnet_id)
            );
            let help = "choose a subnet of another zone, or add the zone to the service's load balancer";
            let what = Usual("M36", Some("VPCE_SERVICE_NOT_INSTALLED_IN_AZ"));
            all.warn((id, &["SubnetIds", &index.to_string()]), what, message, help, problems);
        }
    }
}
