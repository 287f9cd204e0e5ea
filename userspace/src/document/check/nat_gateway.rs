//! NAT gateways (semantics 10.1; M22 to M24).

use super::context::{Context, Usual, is_there, says, warn_at};
use super::network_acl::{EPHEMERAL, admits};
use super::route::is_default;
use crate::document::diagnostic::Problems;
use crate::document::quotas::Quota;
use crate::resources::{NatGateway, NatGatewayAddress, Peer, RouteTarget, Subnet};
use ipnet::{IpNet, Ipv4Net};
use std::net::Ipv4Addr;

const NOT_ATTACHED: &str = "Gateway.NotAttached";

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    let there = || all.all.nat_gateways.iter().filter(|nat| is_there(nat.state.as_deref()));
    for nat in there() {
        kind(all, nat, problems);
        place(all, nat, problems);
        addresses(all, nat, problems);
    }
    let zones = there().filter_map(|nat| Some((all.subnet(nat.subnet_id.as_deref()?)?, nat)));
    let zones = zones.map(|(subnet, nat)| (&*subnet.availability_zone, &*nat.nat_gateway_id));
    all.count(Quota::NatGatewaysOfZone, zones, problems);
    let regional = there().filter(|nat| is_regional(nat));
    let regional = regional.filter_map(|nat| Some((vpc_of(all, nat)?, &*nat.nat_gateway_id)));
    all.count(Quota::RegionalNatGateways, regional, problems);
}

pub(super) fn warn(all: &Context<'_>, problems: &mut Problems) {
    let failed = |nat: &&NatGateway| says(nat.state.as_deref(), "failed");
    for nat in all.all.nat_gateways.iter().filter(failed) {
        let why = nat.failure_message.as_deref().or(nat.failure_code.as_deref());
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let message = format!("NAT gateway {} has failed{why}", all.name(&nat.nat_gateway_id));
        let what = Usual(
            "M22",
            nat.failure_code
                .as_deref()
                .filter(|code| *code == NOT_ATTACHED)
                .map(|_| NOT_ATTACHED),
        );
        let help = "attach an internet gateway to its VPC, or make it private";
        all.warn((&nat.nat_gateway_id, &["SubnetId"]), what, message, help, problems);
    }
    for nat in all.all.nat_gateways.iter().filter(|nat| is_there(nat.state.as_deref())) {
        let subnet = nat.subnet_id.as_deref().and_then(|id| all.subnet(id));
        let clients = clients(all, nat);
        if let (Some(subnet), false) = (subnet, clients.is_empty()) {
            without_internet(all, nat, subnet, problems);
            guarded(all, nat, subnet, &clients, problems);
        }
        public_address_at_a_peer(all, nat, problems);
    }
}

pub(super) fn vpc_of<'a>(all: &Context<'a>, nat: &'a NatGateway) -> Option<&'a str> {
    let subnet = nat.subnet_id.as_deref().and_then(|id| all.subnet(id));
    subnet.map(|subnet| &*subnet.vpc_id).or(nat.vpc_id.as_deref())
}

fn is_private(nat: &NatGateway) -> bool {
    says(nat.connectivity_type.as_deref(), "private")
}

fn is_regional(nat: &NatGateway) -> bool {
    says(nat.availability_mode.as_deref(), "regional")
}

fn kind(all: &Context<'_>, nat: &NatGateway, problems: &mut Problems) {
    let id = &*nat.nat_gateway_id;
    for (field, value, words) in [
        ("ConnectivityType", &nat.connectivity_type, ["public", "private"]),
        ("AvailabilityMode", &nat.availability_mode, ["zonal", "regional"]),
    ] {
        if let Some(value) = value.as_deref().filter(|value| !words.contains(value)) {
            let message = format!("{field} is {} or {}, not {value}", words[0], words[1]);
            all.refuse(
                (id, &[field]),
                "InvalidParameterValue",
                message,
                "choose one of the two",
                problems,
            );
        }
    }
    if is_regional(nat) && (is_private(nat) || nat.subnet_id.is_some()) {
        let message = "a regional NAT gateway is public and in no subnet";
        let help = "remove SubnetId and ConnectivityType, or make it zonal";
        all.refuse(
            (id, &["AvailabilityMode"]),
            "InvalidParameterCombination",
            message,
            help,
            problems,
        );
    }
    if !is_regional(nat) && nat.subnet_id.is_none() {
        let message = format!("NAT gateway {} is missing SubnetId", all.name(id));
        all.refuse(
            (id, &[]),
            "MissingParameter",
            message,
            "name the subnet it is in",
            problems,
        );
    }
}

/// In a subnet of its VPC.
fn place(all: &Context<'_>, nat: &NatGateway, problems: &mut Problems) {
    let id = &*nat.nat_gateway_id;
    let Some(vpc) = vpc_of(all, nat) else { return };
    if nat.vpc_id.as_deref().is_some_and(|given| given != vpc) {
        let message = format!("the subnet is in VPC {}", all.name(vpc));
        all.refuse(
            (id, &["VpcId"]),
            "InvalidParameterValue",
            message,
            "leave VpcId out",
            problems,
        );
    }
}

/// A public one has an Elastic IP for each of its addresses, a private one has none. Whether it can have them is told
/// where it gets them.
fn addresses(all: &Context<'_>, nat: &NatGateway, problems: &mut Problems) {
    let id = &*nat.nat_gateway_id;
    let field: (&str, &[&str]) = (id, &["NatGatewayAddresses"]);
    let addresses = nat.nat_gateway_addresses.iter();
    let live = addresses
        .clone()
        .filter(|address| address.status.as_deref() != Some("failed"));
    let elastic = live.clone().filter(|address| address.allocation_id.is_some()).count();
    if is_private(nat) {
        for (index, _) in addresses
            .enumerate()
            .filter(|(_, address)| address.allocation_id.is_some())
        {
            let message = "a private NAT gateway has no Elastic IP";
            let field: &[&str] = &["NatGatewayAddresses", &index.to_string(), "AllocationId"];
            let code = "InvalidParameterCombination";
            all.refuse((id, field), code, message, "remove AllocationId", problems);
        }
    } else if !is_regional(nat) && (elastic == 0 || elastic < live.clone().count()) {
        let message = match elastic {
            0 => "a public NAT gateway needs an Elastic IP",
            _ => "a public NAT gateway needs an Elastic IP for each of its addresses",
        };
        let help = "name one by AllocationId in NatGatewayAddresses, or make the NAT gateway private";
        all.refuse(field, "MissingParameter", message, help, problems);
    }
    if !is_regional(nat) {
        all.limit(Quota::ElasticIpsOfNatGateway, elastic, field, problems);
        all.limit(Quota::AddressesOfNatGateway, live.count(), field, problems);
    }
}

/// The subnets that lead everything to a NAT gateway.
fn clients<'a>(all: &Context<'a>, nat: &NatGateway) -> Vec<&'a Subnet> {
    let is_it = |target: &RouteTarget| matches!(target, RouteTarget::NatGateway(id) if *id == nat.nat_gateway_id);
    let tables = all.all.route_tables.iter();
    let tables = tables.filter(|table| {
        table
            .routes
            .iter()
            .any(|route| is_default(route) && is_it(&route.target))
    });
    tables.flat_map(|table| all.users_of(table)).collect()
}

/// Everything is led there, and it has no way out itself (M22).
fn without_internet(all: &Context<'_>, nat: &NatGateway, subnet: &Subnet, problems: &mut Problems) {
    let Some(table) = all.table_of(subnet) else { return };
    let default = table.routes.iter().find(|route| is_default(route));
    let to_internet =
        default.is_some_and(|route| matches!(&route.target, RouteTarget::Gateway(id) if id.starts_with("igw-")));
    let (code, message, help) = match (is_private(nat), default) {
        (true, _) if to_internet => (
            "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS",
            "a private NAT gateway has no public address to reach the internet with",
            "make it public, with an Elastic IP",
        ),
        (false, None) => (
            "NO_ROUTE_TO_DESTINATION",
            "subnets lead everything to this NAT gateway, and no route leads on from its own subnet",
            "put it into a subnet whose table leads 0.0.0.0/0 to the internet gateway",
        ),
        _ => return,
    };
    all.warn(
        (&nat.nat_gateway_id, &["SubnetId"]),
        Usual("M22", Some(code)),
        message,
        help,
        problems,
    );
}

/// The ACL of its subnet lets no clients in, or nothing back (M23).
fn guarded(all: &Context<'_>, nat: &NatGateway, subnet: &Subnet, clients: &[&Subnet], problems: &mut Problems) {
    let Some(acl) = all.acl_of(subnet).filter(|acl| !acl.is_default) else {
        return;
    };
    let mut outside = clients.iter().filter(|client| client.subnet_id != subnet.subnet_id);
    let of_client = outside.find_map(|client| {
        let block = IpNet::V4(client.cidr_block);
        let name = all.name(&client.subnet_id);
        if (1..1024).all(|port| !admits(acl, false, block, port)) {
            return Some(format!("lets nothing in from {block} of subnet {name}"));
        }
        let unanswered = !admits(acl, true, block, EPHEMERAL);
        unanswered.then(|| format!("lets no answers out to {block} of subnet {name}"))
    });
    let internet = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(8, 8, 8, 8), 32));
    let closed = !is_private(nat) && !admits(acl, false, internet, EPHEMERAL);
    let of_internet = closed.then(|| "lets no answers in from the internet".to_owned());
    if let Some(why) = of_client.or(of_internet) {
        let acl = all.name(&acl.network_acl_id);
        let message = format!("network ACL {acl} of the NAT gateway's subnet {why}");
        let help = "allow what clients ask and tcp and udp 1024 to 65535 for answers, both ways";
        let what = Usual("M23", Some("SUBNET_ACL_RESTRICTION"));
        all.warn((&nat.nat_gateway_id, &["SubnetId"]), what, message, help, problems);
    }
}

/// A rule of another VPC admits the public address, which is seen nowhere inside (M24).
fn public_address_at_a_peer(all: &Context<'_>, nat: &NatGateway, problems: &mut Problems) {
    let Some(vpc) = vpc_of(all, nat) else { return };
    let public: Vec<IpNet> = nat
        .nat_gateway_addresses
        .iter()
        .filter_map(|address| public_ip(all, address))
        .collect();
    let groups = all.all.security_groups.iter().filter(|group| group.vpc_id != vpc);
    for group in groups.filter(|group| super::peering::are_joined(all, vpc, &group.vpc_id)) {
        for rule in group.rules.iter().filter(|rule| !rule.is_egress) {
            if let Peer::Cidr(block) = &rule.peer
                && public.contains(block)
            {
                let message = format!(
                    "{block} is the public address of NAT gateway {}, which comes from a VPC by its private one",
                    all.name(&nat.nat_gateway_id)
                );
                let span = all.rule_place(group, rule);
                warn_at(
                    span,
                    Usual("M24", None),
                    message,
                    "admit the NAT gateway's private address",
                    problems,
                );
            }
        }
    }
}

fn public_ip(all: &Context<'_>, address: &NatGatewayAddress) -> Option<IpNet> {
    let of_allocation = || {
        let mut all = all.all.addresses.iter();
        all.find(|one| Some(&one.allocation_id) == address.allocation_id.as_ref())?
            .public_ip
    };
    address.public_ip.or_else(of_allocation).map(|ip| IpNet::V4(ip.into()))
}
