//! Elastic IPs, and who is public (semantics 2.3, 9; M20, M21, M63).

use super::context::{Context, Usual, attached, says};
use super::route::is_default;
use crate::document::diagnostic::Problems;
use crate::document::quotas::Quota;
use crate::resources::{InterfaceType, NetworkInterface, RouteTable, RouteTarget, Subnet};

/// Whose each is, is told where that is worked out.
pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    let addresses = all.all.addresses.iter();
    let regions = addresses.map(|address| (address.network_border_group.as_deref(), &*address.allocation_id));
    all.count(Quota::ElasticIps, regions, problems);
}

pub(super) fn warn(all: &Context<'_>, problems: &mut Problems) {
    for subnet in &all.all.subnets {
        let Some(table) = all.table_of(subnet) else { continue };
        let is_public = leads_to_internet(table);
        let own_way = table.routes.iter().any(is_default);
        for eni in all
            .guests_of(&subnet.subnet_id)
            .filter(|eni| eni.interface_type == InterfaceType::Interface)
        {
            let has_public = !eni.associations.is_empty();
            if is_public && !has_public {
                no_public_address(all, subnet, eni, problems);
            } else if has_public && !own_way {
                no_way_back(all, subnet, eni, problems);
            }
        }
    }
    blocked(all, problems);
}

/// Whether everything of IPv4 goes to an internet gateway.
pub(super) fn leads_to_internet(table: &RouteTable) -> bool {
    let is_gateway = |target: &RouteTarget| matches!(target, RouteTarget::Gateway(id) if id.starts_with("igw-"));
    let mut routes = table.routes.iter();
    routes.any(|route| is_default(route) && is_gateway(&route.target) && super::route::is_ipv4(route))
}

fn no_public_address(all: &Context<'_>, subnet: &Subnet, eni: &NetworkInterface, problems: &mut Problems) {
    let (name, subnet) = (all.name(&eni.network_interface_id), all.name(&subnet.subnet_id));
    let message = format!("{name} has no public address, and its subnet {subnet} leads to the internet gateway");
    let help = "give it one with public_ip or elastic_ip, or put it into a subnet that leads to a NAT gateway";
    let what = Usual("M20", Some("IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"));
    all.warn((&eni.network_interface_id, &[]), what, message, help, problems);
}

fn no_way_back(all: &Context<'_>, subnet: &Subnet, eni: &NetworkInterface, problems: &mut Problems) {
    let (name, subnet) = (all.name(&eni.network_interface_id), all.name(&subnet.subnet_id));
    let message = format!("{name} has a public address, and no route leads from its subnet {subnet} to the internet");
    let help = "add a route of 0.0.0.0/0 to the internet gateway";
    let what = Usual("M21", Some("NO_ROUTE_TO_DESTINATION"));
    all.warn((&eni.network_interface_id, &[]), what, message, help, problems);
}

/// Public access is blocked for a VPC that has an internet gateway (M63).
fn blocked(all: &Context<'_>, problems: &mut Problems) {
    let options = all.all.vpc_block_public_access_options.iter();
    let blocking = |mode: Option<&str>| says(mode, "block-bidirectional");
    for options in options.filter(|options| blocking(options.internet_gateway_block_mode.as_deref())) {
        let gateways = all.all.internet_gateways.iter();
        for vpc in gateways.flat_map(|gateway| attached(&gateway.attachments)) {
            let excluded = |arn: &str| {
                arn.ends_with(&format!("/{vpc}")) || all.subnets_of(vpc).any(|subnet| arn.ends_with(&subnet.subnet_id))
            };
            let mut exclusions = all.all.vpc_block_public_access_exclusions.iter();
            if !exclusions.any(|exclusion| exclusion.resource_arn.as_deref().is_some_and(excluded)) {
                let message = format!(
                    "VPC {} has an internet gateway, through which nothing passes",
                    all.name(vpc)
                );
                let help = "add an exclusion for the VPC or one of its subnets, or switch the block off";
                let what = Usual("M63", Some("VPC_BLOCK_PUBLIC_ACCESS_ENABLED"));
                let field: (&str, &[&str]) = (&options.aws_account_id, &["InternetGatewayBlockMode"]);
                all.warn(field, what, message, help, problems);
            }
        }
    }
}
