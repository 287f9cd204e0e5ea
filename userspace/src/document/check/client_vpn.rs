//! Client VPN (semantics 20; M59, M60).

use super::context::{Context, Usual};
use crate::document::diagnostic::Problems;
use crate::document::quotas::Quota;
use crate::resources::ClientVpnEndpoint;
use ipnet::IpNet;
use std::collections::HashSet;
use std::hash::Hash;

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    for endpoint in &all.all.client_vpn_endpoints {
        let id = &*endpoint.client_vpn_endpoint_id;
        addresses(all, endpoint, problems);
        networks(all, endpoint, problems);
        let routes = endpoint.routes.iter();
        let routes = routes.map(|route| (route.destination_cidr, &route.target_subnet));
        let code = "InvalidClientVpnDuplicateRoute";
        once(all, (id, "Routes", code), routes, problems);
        let rules = endpoint.authorization_rules.iter();
        let rules = rules.map(|rule| (rule.destination_cidr, &rule.group_id));
        let code = "InvalidClientVpnDuplicateAuthorizationRule";
        once(all, (id, "AuthorizationRules", code), rules, problems);
        all.limit(
            Quota::ClientVpnRoutes,
            endpoint.routes.len(),
            (id, &["Routes"]),
            problems,
        );
        let rules = endpoint.authorization_rules.len();
        all.limit(Quota::ClientVpnRules, rules, (id, &["AuthorizationRules"]), problems);
    }
    let endpoints = all.all.client_vpn_endpoints.iter();
    let endpoints = endpoints.map(|one| ((), &*one.client_vpn_endpoint_id));
    all.count(Quota::ClientVpnEndpoints, endpoints, problems);
}

fn addresses(all: &Context<'_>, endpoint: &ClientVpnEndpoint, problems: &mut Problems) {
    let field: (&str, &[&str]) = (&endpoint.client_vpn_endpoint_id, &["ClientCidrBlock"]);
    let Some(block @ IpNet::V4(_)) = endpoint.client_cidr_block else {
        return;
    };
    if !(12..=22).contains(&block.prefix_len()) {
        let message = format!("clients get a /12 to a /22, this is a /{}", block.prefix_len());
        all.refuse(
            field,
            "InvalidParameterValue",
            message,
            "choose another length",
            problems,
        );
    }
    let vpc = endpoint.vpc_id.as_deref().and_then(|id| all.vpc(id));
    let overlaps = |other: &IpNet| other.contains(&block) || block.contains(other);
    if let Some(other) = vpc.and_then(|vpc| vpc.blocks().find(overlaps)) {
        let message = format!("{block} overlaps {other} of the VPC");
        let code = "InvalidClientVpnSubnetId.OverlappingCidr";
        all.refuse(field, code, message, "choose another block", problems);
    }
}

/// One subnet of each zone.
fn networks(all: &Context<'_>, endpoint: &ClientVpnEndpoint, problems: &mut Problems) {
    let mut zones = HashSet::new();
    for (index, network) in endpoint.client_vpn_target_networks.iter().enumerate() {
        let subnet = network.target_network_id.as_deref().and_then(|id| all.subnet(id));
        let Some(zone) = subnet.map(|subnet| &*subnet.availability_zone) else {
            continue;
        };
        if !zones.insert(zone) {
            let field: &[&str] = &["ClientVpnTargetNetworks", &index.to_string(), "TargetNetworkId"];
            let message = format!("another subnet of {zone} is associated already");
            let code = "InvalidClientVpnSubnetId.DuplicateAz";
            let help = "associate one subnet of each zone";
            all.refuse((&endpoint.client_vpn_endpoint_id, field), code, message, help, problems);
        }
    }
}

/// Nothing is in a list twice.
fn once<T: Hash + Eq>(
    all: &Context<'_>,
    (id, list, code): (&str, &str, &'static str),
    items: impl Iterator<Item = T>,
    problems: &mut Problems,
) {
    let mut seen = HashSet::new();
    for (index, item) in items.enumerate() {
        if !seen.insert(item) {
            let field: &[&str] = &[list, &index.to_string()];
            let message = if list == "Routes" {
                "this route is there already"
            } else {
                "this rule is there already"
            };
            all.refuse((id, field), code, message, "remove one of the two", problems);
        }
    }
}

/// Clients without a rule that lets them go where routes lead (M59), or without a way from there (M60).
pub(super) fn warn(all: &Context<'_>, problems: &mut Problems) {
    for endpoint in &all.all.client_vpn_endpoints {
        let rules = &endpoint.authorization_rules;
        let what = Usual("M59", Some("X_CVPN_AUTHORIZATION"));
        let id = &*endpoint.client_vpn_endpoint_id;
        if !endpoint.client_vpn_target_networks.is_empty() && rules.is_empty() {
            let message = "no authorization rule lets any client in";
            all.warn((id, &[]), what, message, "add one to AuthorizationRules", problems);
        }
        for (index, route) in endpoint.routes.iter().enumerate() {
            let Some(block) = route.destination_cidr else { continue };
            let field: &[&str] = &["Routes", &index.to_string()];
            let covers = |other: IpNet| other.contains(&block);
            if !rules.is_empty() && !rules.iter().any(|rule| rule.destination_cidr.is_some_and(covers)) {
                let message = format!("no authorization rule covers {block}, where this route leads");
                all.warn((id, field), what, message, "add one for it", problems);
            }
            let subnet = route.target_subnet.as_deref().filter(|_| block.prefix_len() == 0);
            without_internet(all, (id, field), subnet, problems);
        }
    }
}

/// Everything is led to a subnet that leads nowhere itself.
fn without_internet(all: &Context<'_>, field: (&str, &[&str]), subnet: Option<&str>, problems: &mut Problems) {
    let Some(subnet) = subnet.and_then(|id| all.subnet(id)) else {
        return;
    };
    let leads = |subnet| {
        let table = all.table_of(subnet);
        table.is_none_or(|table| table.routes.iter().any(super::route::is_default))
    };
    if !leads(subnet) {
        let name = all.name(&subnet.subnet_id);
        let message = format!("the route leads to the internet by subnet {name}, from which no route does");
        let help = "add a route of 0.0.0.0/0 to the subnet's table";
        let what = Usual("M60", Some("X_CVPN_NO_ROUTE"));
        all.warn(field, what, message, help, problems);
    }
}
