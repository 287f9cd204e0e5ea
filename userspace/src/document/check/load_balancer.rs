//! Load balancers, their listeners and targets (semantics 13; M37, M38, M40, M42).

use super::context::{Context, Usual, is_there, says};
use super::endpoint::one_of_each_zone;
use super::security_group::{admits, admits_from};
use crate::document::diagnostic::Problems;
use crate::resources::{Listener, LoadBalancer, NetworkInterface, TargetGroup, Vpc};
use ipnet::IpNet;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    for balancer in &all.all.load_balancers {
        let zones = balancer.availability_zones.iter();
        let subnets: Vec<_> = zones.filter_map(|zone| zone.subnet_id.clone()).collect();
        let (id, vpc) = (&balancer.load_balancer_arn, balancer.vpc_id.as_deref());
        one_of_each_zone(all, (id, "AvailabilityZones"), vpc, &subnets, problems);
    }
    let mut ports = HashMap::new();
    for listener in &all.all.listeners {
        let id = &*listener.listener_arn;
        let (balancer, port) = (listener.load_balancer_arn.as_deref(), listener.port);
        let transport = listener.protocol.as_deref().map(|protocol| protocol.contains("UDP"));
        if let Some(other) = port.and_then(|port| ports.insert((balancer, port, transport), id)) {
            let message = format!("listener {} has this port already", all.name(other));
            all.refuse(
                (id, &["Port"]),
                "DuplicateListener",
                message,
                "choose another port",
                problems,
            );
        }
        for group in targets_of(all, listener) {
            pairing(all, listener, group, problems);
        }
    }
    for group in &all.all.target_groups {
        targets(all, group, problems);
    }
}

/// Which protocols of targets go with a listener's (semantics 13.1).
fn pairing(all: &Context<'_>, listener: &Listener, group: &TargetGroup, problems: &mut Problems) {
    let (Some(protocol), Some(other)) = (listener.protocol.as_deref(), group.protocol.as_deref()) else {
        return;
    };
    let allowed: &[&str] = match protocol {
        "TCP" => &["TCP", "TCP_UDP"],
        "TLS" => &["TCP", "TLS"],
        "UDP" => &["UDP", "TCP_UDP"],
        "TCP_UDP" => &["TCP_UDP"],
        _ => return,
    };
    if !allowed.contains(&other) {
        let message = format!(
            "a {protocol} listener can't forward to the {other} target group {}",
            all.name(&group.target_group_arn)
        );
        let help = format!("forward to one of protocol {}", allowed.join(" or "));
        all.refuse(
            (&listener.listener_arn, &["DefaultActions"]),
            "InvalidConfigurationRequest",
            message,
            &help,
            problems,
        );
    }
}

/// Addresses of the VPC, or private ones (semantics 13.4).
fn targets(all: &Context<'_>, group: &TargetGroup, problems: &mut Problems) {
    if !says(group.target_type.as_deref(), "ip") {
        return;
    }
    let vpc = group.vpc_id.as_deref().and_then(|id| all.vpc(id));
    for (index, target) in group.target_health_descriptions.iter().enumerate() {
        let Ok(address) = target.target.id.parse::<IpAddr>() else {
            continue;
        };
        let in_vpc = vpc.is_some_and(|vpc| vpc.blocks().any(|block| block.contains(&address)));
        let is_private = match address {
            IpAddr::V4(address) => {
                address.is_private() || address.octets()[0] == 100 && (64..128).contains(&address.octets()[1])
            }
            IpAddr::V6(_) => false,
        };
        if vpc.is_some() && !in_vpc && !is_private {
            let message = format!("{address} is neither of the VPC nor private");
            let field: &[&str] = &["TargetHealthDescriptions", &index.to_string(), "Target", "Id"];
            let help = "a target is in the VPC, or in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10";
            all.refuse(
                (&group.target_group_arn, field),
                "InvalidTarget",
                message,
                help,
                problems,
            );
        }
    }
}

pub(super) fn warn(all: &Context<'_>, problems: &mut Problems) {
    let networks = all
        .all
        .load_balancers
        .iter()
        .filter(|one| says(one.load_balancer_type.as_deref(), "network"));
    for balancer in networks.filter(|one| is_there(one.state.as_ref().and_then(|state| state.code.as_deref()))) {
        let listeners = all.all.listeners.iter();
        let listeners = listeners.filter(|one| one.load_balancer_arn.as_ref() == Some(&balancer.load_balancer_arn));
        for group in listeners.flat_map(|listener| targets_of(all, listener)) {
            zones_without_targets(all, balancer, group, problems);
            closed_targets(all, balancer, group, problems);
        }
        enforced(all, balancer, problems);
    }
}

/// A zone whose node has nobody to forward to (M40).
fn zones_without_targets(all: &Context<'_>, balancer: &LoadBalancer, group: &TargetGroup, problems: &mut Problems) {
    if group.is_cross_zone(balancer) || group.target_health_descriptions.is_empty() {
        return;
    }
    let targets: BTreeSet<_> = interfaces(all, group)
        .filter_map(|eni| Some(&*all.subnet(&eni.subnet_id)?.availability_zone))
        .collect();
    if targets.is_empty() {
        return;
    }
    for (index, zone) in balancer.availability_zones.iter().enumerate() {
        let name = zone
            .subnet_id
            .as_deref()
            .and_then(|id| all.subnet(id))
            .map(|subnet| &*subnet.availability_zone);
        if let Some(name) = name.filter(|name| !targets.contains(name)) {
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
    let subnets = balancer
        .availability_zones
        .iter()
        .filter_map(|zone| all.subnet(zone.subnet_id.as_deref()?));
    let nodes: Vec<_> = subnets.map(|subnet| IpNet::V4(subnet.cidr_block)).collect();
    for eni in interfaces(all, group) {
        let groups: Vec<_> = eni.groups.iter().filter_map(|id| all.group(id)).collect();
        let anybody = groups.iter().any(|one| admits(one, false, port));
        let from_nodes = |block: &IpNet| {
            groups
                .iter()
                .any(|one| admits_from(one, port, *block, &balancer.security_groups))
        };
        let hidden = !group.preserves_client() || is_service(all, balancer);
        if hidden && anybody && !nodes.is_empty() && !nodes.iter().any(from_nodes) {
            let message = format!(
                "target {} doesn't admit load balancer {} at port {port}, whose address is all it sees",
                all.name(&eni.network_interface_id),
                all.name(&balancer.load_balancer_arn)
            );
            let help = "admit the load balancer's subnets or its security group";
            let what = Usual("M37", Some("ENI_SG_RULES_MISMATCH"));
            all.warn((&group.target_group_arn, &[]), what, message, help, problems);
        } else if !hidden && only_nodes(all, &groups, &nodes, port, balancer) {
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
    port: u16,
    balancer: &LoadBalancer,
) -> bool {
    let internal = says(balancer.scheme.as_deref(), "internal");
    let vpc = balancer.vpc_id.as_deref().and_then(|id| all.vpc(id));
    let mut blocks = groups
        .iter()
        .flat_map(|group| super::security_group::admitted(group, port))
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
        let admits = |port: &u16| groups.iter().any(|group| admits_from(group, *port, block, &[]));
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
pub(super) fn ports(all: &Context<'_>, balancers: &[String]) -> Vec<u16> {
    let listeners = all.all.listeners.iter();
    let theirs = listeners.filter(|listener| {
        listener
            .load_balancer_arn
            .as_ref()
            .is_some_and(|arn| balancers.contains(arn))
    });
    theirs.filter_map(|listener| listener.port).collect()
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

fn targets_of<'a>(all: &Context<'a>, listener: &'a Listener) -> impl Iterator<Item = &'a TargetGroup> {
    let forwards = listener.default_actions.iter().flat_map(|action| {
        let several = action.forward_config.iter().flat_map(|config| &config.target_groups);
        let several = several.filter_map(|group| group.target_group_arn.as_deref());
        action.target_group_arn.as_deref().into_iter().chain(several)
    });
    let arns: BTreeSet<_> = forwards.collect();
    all.all
        .target_groups
        .iter()
        .filter(move |group| arns.contains(&*group.target_group_arn))
}

/// The ENIs that are a group's targets, by their addresses.
fn interfaces<'a>(all: &Context<'a>, group: &TargetGroup) -> impl Iterator<Item = &'a NetworkInterface> {
    let targets = group.target_health_descriptions.iter();
    let addresses: Vec<IpAddr> = targets.filter_map(|target| target.target.id.parse().ok()).collect();
    let instances: BTreeSet<_> = group
        .target_health_descriptions
        .iter()
        .map(|target| target.target.id.clone())
        .collect();
    let vpc = group.vpc_id.clone();
    all.all.network_interfaces.iter().filter(move |eni| {
        let instance = eni
            .attachment
            .as_ref()
            .and_then(|attachment| attachment.instance_id.as_ref());
        let primary = eni
            .attachment
            .as_ref()
            .is_none_or(|attachment| attachment.device_index.unwrap_or(0) == 0);
        let by_instance = primary && instance.is_some_and(|id| instances.contains(id));
        Some(&eni.vpc_id) == vpc.as_ref() && (by_instance || addresses.iter().any(|address| eni.has(*address)))
    })
}
