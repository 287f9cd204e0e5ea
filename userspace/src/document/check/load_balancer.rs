//! Load balancers, their listeners and targets (semantics 13, 16; M37, M38, M40, M42).

use super::attribute;
use super::context::{Context, Usual, attached, says};
use super::endpoint::one_of_each_zone;
use super::gateway_balancer;
use super::security_group::{At, admits, admits_from};
use crate::document::diagnostic::{Problems, quote};
use crate::document::notation::Protocol;
use crate::resources::{Listener, LoadBalancer, LoadBalancerZone, NetworkInterface, TargetGroup, Vpc};
use ipnet::IpNet;
use std::collections::BTreeSet;

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    for balancer in &all.all.load_balancers {
        let zones = balancer.availability_zones.iter();
        let subnets: Vec<_> = zones.filter_map(|zone| zone.subnet_id.clone()).collect();
        let (id, vpc) = (&balancer.load_balancer_arn, balancer.vpc_id.as_deref());
        one_of_each_zone(all, (id, "AvailabilityZones"), vpc, &subnets, problems);
        if balancer.is_network() {
            attribute::check(all, id, &balancer.attributes, attribute::OF_BALANCERS, problems);
            shape(all, balancer, problems);
            public(all, balancer, problems);
        } else if balancer.is_gateway() {
            attribute::check(all, id, &balancer.attributes, attribute::OF_GATEWAYS, problems);
            shape(all, balancer, problems);
            gateway_balancer::check(all, balancer, problems);
        } else {
            other_type(all, balancer, problems);
        }
    }
}

/// One that isn't said or isn't known is none that packets could meet.
fn other_type(all: &Context<'_>, balancer: &LoadBalancer, problems: &mut Problems) {
    let id = &*balancer.load_balancer_arn;
    let kind = balancer.load_balancer_type.as_deref();
    let help = "write network or gateway";
    match kind {
        // AWS may have new ones, and a part of what it tells may be left out.
        _ if all.is_dumped(id) => {}
        None => {
            let message = format!("load balancer {} is missing Type", all.name(id));
            all.refuse((id, &[]), "MissingParameter", message, help, problems);
        }
        _ if says(kind, "application") => {}
        Some(kind) => {
            let message = format!("Type is network, gateway or application, not {}", quote(kind));
            all.refuse((id, &["Type"]), "InvalidParameterValue", message, help, problems);
        }
    }
}

/// What every load balancer has.
fn shape(all: &Context<'_>, balancer: &LoadBalancer, problems: &mut Problems) {
    let id = &*balancer.load_balancer_arn;
    for (field, value, words) in [
        ("Scheme", &balancer.scheme, ["internet-facing", "internal"]),
        ("IpAddressType", &balancer.ip_address_type, ["ipv4", "dualstack"]),
    ] {
        if let Some(value) = value.as_deref().filter(|value| !words.contains(value)) {
            let message = format!("{field} is {} or {}, not {value}", words[0], words[1]);
            let field: (&str, &[&str]) = (id, &[field]);
            all.refuse(
                field,
                "InvalidParameterValue",
                message,
                "choose one of the two",
                problems,
            );
        }
    }
    for (index, group) in balancer.security_groups.iter().enumerate() {
        let vpc = all.group(group).map(|group| &group.vpc_id);
        if vpc.is_some() && vpc != balancer.vpc_id.as_ref() {
            let message = format!("security group {} is in another VPC", all.name(group));
            let field: &[&str] = &["SecurityGroups", &index.to_string()];
            let help = "name groups of the load balancer's VPC";
            all.refuse((id, field), "InvalidSecurityGroup", message, help, problems);
        }
    }
    for (index, zone) in balancer.availability_zones.iter().enumerate() {
        if zone.load_balancer_addresses.len() > 1 {
            let message = "a zone's node has one address of each family";
            let field: &[&str] = &["AvailabilityZones", &index.to_string(), "LoadBalancerAddresses", "1"];
            let help = "leave one entry in LoadBalancerAddresses";
            all.refuse((id, field), "InvalidConfigurationRequest", message, help, problems);
        }
    }
}

/// What faces the internet is in a VPC with a way to it; what doesn't has no public address.
fn public(all: &Context<'_>, balancer: &LoadBalancer, problems: &mut Problems) {
    let id = &*balancer.load_balancer_arn;
    if says(balancer.scheme.as_deref(), "internal") {
        let zones = balancer.availability_zones.iter();
        let is_public = |zone: &LoadBalancerZone| {
            let mut addresses = zone.load_balancer_addresses.iter();
            addresses.any(|address| address.allocation_id.is_some() || address.ip_address.is_some())
        };
        for (index, _) in zones.enumerate().filter(|(_, zone)| is_public(zone)) {
            let message = "an internal load balancer has no public addresses";
            let field: &[&str] = &["AvailabilityZones", &index.to_string(), "LoadBalancerAddresses"];
            let help = "remove AllocationId, or write Scheme: internet-facing";
            all.refuse((id, field), "InvalidConfigurationRequest", message, help, problems);
        }
        return;
    }
    let gateways = all.all.internet_gateways.iter();
    let mut attached = gateways.flat_map(|gateway| attached(&gateway.attachments));
    let vpc = balancer.vpc_id.as_deref().and_then(|id| all.vpc(id));
    if let Some(vpc) = vpc.filter(|vpc| !attached.any(|id| id == vpc.vpc_id)) {
        let message = format!("VPC {} has no internet gateway", all.name(&vpc.vpc_id));
        let help = "attach one, or write Scheme: internal; a load balancer that says none faces the internet";
        all.refuse((id, &["Scheme"]), "InvalidSubnet", message, help, problems);
    }
}

pub(super) fn warn(all: &Context<'_>, problems: &mut Problems) {
    for balancer in all.all.load_balancers.iter().filter(|one| one.is_network_and_there()) {
        let listeners = all.all.listeners_of(balancer);
        for group in listeners.filter_map(|listener| all.all.target_group(listener)) {
            zones_without_targets(all, balancer, group, problems);
            closed_targets(all, balancer, group, problems);
        }
        enforced(all, balancer, problems);
    }
    for balancer in all.all.load_balancers.iter().filter(|one| one.is_gateway_and_there()) {
        let listeners = all.all.listeners_of(balancer);
        for group in listeners.filter_map(|listener| all.all.target_group(listener)) {
            zones_without_targets(all, balancer, group, problems);
            gateway_balancer::closed_appliances(all, balancer, group, problems);
        }
    }
}

/// A zone whose node has nobody to forward to (M40).
fn zones_without_targets(all: &Context<'_>, balancer: &LoadBalancer, group: &TargetGroup, problems: &mut Problems) {
    let targets: Vec<_> = all.all.targets(group).map(|target| target.zone).collect();
    if group.is_cross_zone(balancer) || targets.is_empty() {
        return;
    }
    for (index, zone) in balancer.availability_zones.iter().enumerate() {
        let subnet = zone.subnet_id.as_deref().and_then(|id| all.subnet(id));
        let name = subnet.map(|subnet| &*subnet.availability_zone);
        if let Some(name) = name.filter(|name| !targets.iter().any(|target| target.is_in(name))) {
            let message = format!(
                "target group {} has no target in {name}, and the zone's node forwards to no other zone",
                all.name(&group.target_group_arn)
            );
            let help = "register a target there, or switch load_balancing.cross_zone.enabled on";
            let field: &[&str] = &["AvailabilityZones", &index.to_string()];
            let what = Usual("M40", Some("ELBV2_NO_TARGETS_IN_AZ"));
            all.warn((&balancer.load_balancer_arn, field), what, message, help, problems);
        }
    }
}

/// Targets whose groups admit clients, and not the load balancer that they come from (M37).
fn closed_targets(all: &Context<'_>, balancer: &LoadBalancer, group: &TargetGroup, problems: &mut Problems) {
    let Some(port) = group.port else { return };
    let at = (transports(group.protocol.as_deref()), port);
    let subnets = balancer
        .availability_zones
        .iter()
        .filter_map(|zone| all.subnet(zone.subnet_id.as_deref()?));
    let nodes: Vec<_> = subnets.map(|subnet| IpNet::V4(subnet.cidr_block)).collect();
    for eni in interfaces(all, group) {
        let groups: Vec<_> = eni.groups.iter().filter_map(|id| all.group(id)).collect();
        let anybody = groups.iter().any(|one| admits(one, false, at));
        let from_nodes = |block: &IpNet| {
            groups
                .iter()
                .any(|one| admits_from(one, at, *block, &balancer.security_groups))
        };
        let hidden = !group.preserves_client() || is_service(all, balancer);
        if hidden && anybody && !nodes.is_empty() && !nodes.iter().any(from_nodes) {
            let message = format!(
                "target {} doesn't admit load balancer {} at {}, whose address is all it sees",
                all.name(&eni.network_interface_id),
                all.name(&balancer.load_balancer_arn),
                port_told(at)
            );
            let help = "admit the load balancer's subnets or its security group";
            let what = Usual("M37", Some("ENI_SG_RULES_MISMATCH"));
            all.warn((&group.target_group_arn, &[]), what, message, help, problems);
        } else if !hidden && only_nodes(all, &groups, &nodes, at, balancer) {
            let message = format!(
                "target {} admits the load balancer's subnets alone, and sees the clients' addresses",
                all.name(&eni.network_interface_id)
            );
            let help =
                "admit the clients or the load balancer's security group, or switch preserve_client_ip.enabled off";
            let what = Usual("M42", Some("ENI_SG_RULES_MISMATCH"));
            all.warn((&group.target_group_arn, &[]), what, message, help, problems);
        }
    }
}

/// Whether groups admit a port from inside of the load balancer's subnets and from nowhere else.
fn only_nodes(
    all: &Context<'_>,
    groups: &[&crate::resources::SecurityGroup],
    nodes: &[IpNet],
    at: At,
    balancer: &LoadBalancer,
) -> bool {
    let internal = says(balancer.scheme.as_deref(), "internal");
    let vpc = balancer.vpc_id.as_deref().and_then(|id| all.vpc(id));
    let mut blocks = groups
        .iter()
        .flat_map(|group| super::security_group::admitted(group, at))
        .peekable();
    let inside = |block: &IpNet| nodes.iter().any(|node| node.contains(block));
    // An internal one may have clients in these very subnets alone.
    let elsewhere = || {
        let mut subnets = vpc.into_iter().flat_map(|vpc| all.subnets_of(&vpc.vpc_id));
        subnets
            .any(|subnet| !inside(&IpNet::V4(subnet.cidr_block)) && all.guests_of(&subnet.subnet_id).next().is_some())
    };
    blocks.peek().is_some()
        && blocks.all(|block| block.is_some_and(|block| inside(&block)))
        && (!internal || elsewhere())
}

/// Whether a load balancer is behind an endpoint service, whose clients no target ever sees.
fn is_service(all: &Context<'_>, balancer: &LoadBalancer) -> bool {
    let mut services = all.all.vpc_endpoint_services.iter();
    services.any(|service| service.network_load_balancer_arns.contains(&balancer.load_balancer_arn))
}

/// Its groups are asked about clients that come by PrivateLink, and admit none of them (M38).
fn enforced(all: &Context<'_>, balancer: &LoadBalancer, problems: &mut Problems) {
    let enforced = balancer
        .enforce_security_group_inbound_rules_on_private_link_traffic
        .as_deref();
    let groups: Vec<_> = balancer.security_groups.iter().filter_map(|id| all.group(id)).collect();
    if says(enforced, "off") || groups.is_empty() {
        return;
    }
    let arn = &balancer.load_balancer_arn;
    let ports = ports(all, std::slice::from_ref(arn));
    for endpoint in &all.all.vpc_endpoints {
        let service = all.all.service(endpoint);
        let vpc = endpoint.vpc_id.as_deref().and_then(|id| all.vpc(id));
        let (Some(service), Some(vpc)) = (service, vpc) else {
            continue;
        };
        let block = IpNet::V4(vpc.cidr_block);
        let admits = |at: &At| groups.iter().any(|group| admits_from(group, *at, block, &[]));
        if service.network_load_balancer_arns.contains(arn) && !ports.iter().all(admits) {
            let name = all.name(&endpoint.vpc_endpoint_id);
            let message = format!("the load balancer's groups don't admit the clients of endpoint {name}, in {block}");
            let help = "admit them, or set EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: off";
            let what = Usual("M38", Some("ENI_SG_RULES_MISMATCH"));
            all.warn((arn, &["SecurityGroups"]), what, message, help, problems);
        }
    }
}

/// The ports that load balancers listen to.
pub(super) fn ports(all: &Context<'_>, balancers: &[String]) -> Vec<At> {
    let at = |listener: &Listener| Some((transports(listener.protocol.as_deref()), listener.port?));
    listeners(all, balancers).filter_map(at).collect()
}

/// What carries the protocol of a listener or a target group.
pub(super) fn transports(protocol: Option<&str>) -> &'static [Protocol] {
    match protocol {
        Some("TCP_UDP" | "TCP_QUIC") => &[Protocol::TCP, Protocol::UDP],
        Some("UDP" | "QUIC") => &[Protocol::UDP],
        _ => &[Protocol::TCP],
    }
}

/// What people call a port.
pub(super) fn port_told((protocols, port): At) -> String {
    match protocols {
        [Protocol::UDP] => format!("UDP port {port}"),
        _ => format!("port {port}"),
    }
}

/// Whether load balancers listen to anything.
pub(super) fn is_listened_at(all: &Context<'_>, balancers: &[String]) -> bool {
    listeners(all, balancers).next().is_some()
}

fn listeners<'a>(all: &Context<'a>, balancers: &'a [String]) -> impl Iterator<Item = &'a Listener> {
    let is_theirs = |listener: &&Listener| {
        let arn = listener.load_balancer_arn.as_ref();
        arn.is_some_and(|arn| balancers.contains(arn))
    };
    all.all.listeners.iter().filter(is_theirs)
}

/// The ids of the zones that load balancers are in.
pub(super) fn zones<'a>(all: &Context<'a>, balancers: &[String]) -> BTreeSet<&'a str> {
    let theirs = all
        .all
        .load_balancers
        .iter()
        .filter(|one| balancers.contains(&one.load_balancer_arn));
    let zones = theirs.flat_map(|balancer| &balancer.availability_zones);
    zones
        .filter_map(|zone| Some(&*all.subnet(zone.subnet_id.as_deref()?)?.availability_zone_id))
        .collect()
}

/// The VPC of a load balancer.
pub(super) fn vpc_of<'a>(all: &Context<'a>, balancers: &[String]) -> Option<&'a Vpc> {
    let found = all
        .all
        .load_balancers
        .iter()
        .find(|one| balancers.contains(&one.load_balancer_arn))?;
    all.vpc(found.vpc_id.as_deref()?)
}

/// The ENIs that are a group's targets.
pub(super) fn interfaces<'a>(all: &Context<'a>, group: &'a TargetGroup) -> impl Iterator<Item = &'a NetworkInterface> {
    all.all.targets(group).filter_map(|target| target.interface)
}
