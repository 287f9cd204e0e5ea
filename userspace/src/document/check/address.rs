//! Elastic IPs, and who is public (semantics 2.3, 9; M20, M21, M63).

use super::context::{Context, Usual, attached, says};
use super::route::is_default;
use crate::document::diagnostic::Problems;
use crate::document::quotas::Quota;
use crate::resources::{Address, InterfaceType, NetworkInterface, RouteTable, RouteTarget, Subnet};
use std::collections::HashMap;
use std::net::Ipv4Addr;

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    let (mut allocated, mut owners) = (HashMap::new(), HashMap::new());
    for address in &all.all.addresses {
        let id = &*address.allocation_id;
        if let Some(other) = address.public_ip.and_then(|ip| allocated.insert(ip, id)) {
            let message = format!("Elastic IP {} is the same address", all.name(other));
            all.refuse(
                (id, &["PublicIp"]),
                "InvalidParameterValue",
                message,
                "choose another one",
                problems,
            );
        }
        if let Some(eni) = address.network_interface_id.as_deref() {
            associated(all, address, eni, &mut owners, problems);
            used_by_nat(all, id, problems);
        }
    }
    let addresses = all.all.addresses.iter();
    let regions = addresses.map(|address| (address.network_border_group.as_deref(), &*address.allocation_id));
    all.count(Quota::ElasticIps, regions, problems);
}

/// With one address of one interface, which has no other Elastic IP.
fn associated<'a>(
    all: &Context<'a>,
    address: &'a Address,
    eni: &'a str,
    owners: &mut HashMap<(&'a str, Option<Ipv4Addr>), &'a str>,
    problems: &mut Problems,
) {
    let id = &*address.allocation_id;
    let interface = all.interface(eni);
    let own = interface.and_then(|eni| eni.private_ip_addresses.first().copied());
    if let (Some(interface), Some(private)) = (interface, address.private_ip_address)
        && !interface.private_ip_addresses.contains(&private)
    {
        let message = format!("{private} isn't an address of {}", all.name(eni));
        let field: (&str, &[&str]) = (id, &["PrivateIpAddress"]);
        let help = "choose one of its private addresses";
        all.refuse(field, "InvalidParameterValue", message, help, problems);
    }
    if let Some(other) = owners.insert((eni, address.private_ip_address.or(own)), id) {
        let (eni, other) = (all.name(eni), all.name(other));
        let message = format!("{eni} has Elastic IP {other} at that address already");
        let field: (&str, &[&str]) = (id, &["NetworkInterfaceId"]);
        let help = "an address has one Elastic IP: choose another address, or disassociate one";
        all.refuse(field, "Resource.AlreadyAssociated", message, help, problems);
    }
}

/// An Elastic IP that a NAT gateway has as well.
fn used_by_nat(all: &Context<'_>, allocation: &str, problems: &mut Problems) {
    for nat in &all.all.nat_gateways {
        let mut addresses = nat.nat_gateway_addresses.iter();
        let its = addresses.find(|address| address.allocation_id.as_deref() == Some(allocation));
        let on_its_own = |eni: &str| {
            let of_service = all
                .interface(eni)
                .is_none_or(|eni| eni.interface_type == InterfaceType::NatGateway);
            of_service || its.is_some_and(|address| address.network_interface_id.as_deref() == Some(eni))
        };
        let address = all.all.addresses.iter().find(|one| one.allocation_id == allocation);
        let eni = address.and_then(|address| address.network_interface_id.as_deref());
        if its.is_some() && eni.is_some_and(|eni| !on_its_own(eni)) {
            let message = format!("the address is NAT gateway {}'s already", all.name(&nat.nat_gateway_id));
            let field: (&str, &[&str]) = (allocation, &["NetworkInterfaceId"]);
            all.refuse(
                field,
                "Resource.AlreadyAssociated",
                message,
                "allocate another Elastic IP",
                problems,
            );
        }
    }
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
            let has_public = has_public_address(all, eni);
            if is_public && !has_public && !subnet.map_public_ip_on_launch {
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

fn has_public_address(all: &Context<'_>, eni: &NetworkInterface) -> bool {
    let mut addresses = all.all.addresses.iter();
    let id = &eni.network_interface_id;
    !eni.associations.is_empty() || addresses.any(|address| address.network_interface_id.as_ref() == Some(id))
}

fn no_public_address(all: &Context<'_>, subnet: &Subnet, eni: &NetworkInterface, problems: &mut Problems) {
    let (name, subnet) = (all.name(&eni.network_interface_id), all.name(&subnet.subnet_id));
    let message = format!("{name} has no public address, and its subnet {subnet} leads to the internet gateway");
    let help = "associate an Elastic IP, or put it into a subnet that leads to a NAT gateway";
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
