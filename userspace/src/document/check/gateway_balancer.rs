//! Gateway Load Balancers, their listeners and appliances (semantics 16; M37).

use super::attribute::{self, ON_DEREGISTRATION, ON_UNHEALTHY};
use super::context::{Context, Usual};
use super::listener::forwards;
use super::load_balancer::interfaces;
use super::security_group::admits_from;
use crate::document::diagnostic::Problems;
use crate::document::notation::Protocol;
use crate::resources::{FlowStickiness, GENEVE_PORT, Listener, LoadBalancer, LoadBalancerAddress, Target, TargetGroup};
use ipnet::IpNet;
use std::net::IpAddr;

/// After how many seconds a TCP flow ends if nobody says otherwise.
const USUAL_IDLE: u32 = 350;

/// What one doesn't have: it listens in its VPC to all that endpoints bring.
pub(super) fn check(all: &Context<'_>, balancer: &LoadBalancer, problems: &mut Problems) {
    let id = &*balancer.load_balancer_arn;
    let mut refuse = |field: &[&str], what: &str| {
        let message = format!("a Gateway Load Balancer has no {what}");
        let field = (id, field);
        all.refuse(
            field,
            "InvalidConfigurationRequest",
            message,
            "remove the field",
            problems,
        );
    };
    if balancer.scheme.is_some() {
        refuse(&["Scheme"], "scheme");
    }
    if !balancer.security_groups.is_empty() {
        refuse(&["SecurityGroups"], "security groups");
    }
    let is_public = |address: &LoadBalancerAddress| address.allocation_id.is_some() || address.ip_address.is_some();
    for (index, zone) in balancer.availability_zones.iter().enumerate() {
        if zone.load_balancer_addresses.iter().any(is_public) {
            let field: &[&str] = &["AvailabilityZones", &index.to_string(), "LoadBalancerAddresses"];
            refuse(field, "public addresses");
        }
    }
}

/// Its listener takes everything, so there is one.
pub(super) fn listener(all: &Context<'_>, listener: &Listener, balancer: &LoadBalancer, problems: &mut Problems) {
    let id = &*listener.listener_arn;
    for (field, is_said) in [
        ("Port", listener.port.is_some()),
        ("Protocol", listener.protocol.is_some()),
    ] {
        if is_said {
            let message = format!("a listener of a Gateway Load Balancer takes everything, and has no {field}");
            let field: (&str, &[&str]) = (id, &[field]);
            let help = "remove the field";
            all.refuse(field, "InvalidConfigurationRequest", message, help, problems);
        }
    }
    let first = all.all.listeners_of(balancer).next();
    if let Some(first) = first.filter(|first| first.listener_arn != id) {
        let (balancer, first) = (all.name(&balancer.load_balancer_arn), all.name(&first.listener_arn));
        let message = format!("Gateway Load Balancer {balancer} has a listener already: {first}");
        let help = "remove one of the two";
        all.refuse((id, &["LoadBalancerArn"]), "TooManyListeners", message, help, problems);
    }
    forwards(all, listener, balancer, problems);
    attribute::check(all, id, &listener.attributes, attribute::OF_LISTENERS, problems);
    idle(all, listener, problems);
}

/// Flows that aren't told apart by their ports have the usual timeout (semantics 16.3).
fn idle(all: &Context<'_>, listener: &Listener, problems: &mut Problems) {
    let group = all.all.target_group(listener).filter(|group| group.is_geneve());
    let is_sticky = group.is_some_and(|group| group.flow_stickiness() != FlowStickiness::FiveTuple);
    if is_sticky && listener.tcp_idle() != USUAL_IDLE {
        let message = format!("with stickiness in the target group, tcp.idle_timeout.seconds is {USUAL_IDLE}");
        let help = "leave the attribute out, or switch stickiness.enabled off";
        let field: (&str, &[&str]) = (&listener.listener_arn, &["Attributes"]);
        all.refuse(field, "InvalidConfigurationRequest", message, help, problems);
    }
}

/// Appliances are asked by GENEVE alone.
pub(super) fn pairing(all: &Context<'_>, listener: &Listener, group: &TargetGroup, problems: &mut Problems) {
    if !group.is_geneve() {
        let name = all.name(&group.target_group_arn);
        let message = format!("a Gateway Load Balancer can't forward to target group {name}, which isn't of GENEVE");
        let help = "forward to one of Protocol: GENEVE";
        let field: (&str, &[&str]) = (&listener.listener_arn, &["DefaultActions"]);
        all.refuse(field, "InvalidConfigurationRequest", message, help, problems);
    }
}

/// What a group of appliances has besides what every group has.
pub(super) fn group(all: &Context<'_>, group: &TargetGroup, problems: &mut Problems) {
    let id = &*group.target_group_arn;
    let mut refuse =
        |field: &[&str], code, message: String, help: &str| all.refuse((id, field), code, message, help, problems);
    let help = format!("write Port: {GENEVE_PORT}");
    match group.port {
        None => {
            let message = format!("target group {} is missing Port: {}", all.name(id), wanted());
            refuse(&[], "MissingParameter", message, &help);
        }
        Some(GENEVE_PORT) => {}
        Some(port) => {
            let message = format!("{}, not {port}", wanted());
            refuse(&["Port"], "InvalidParameterValue", message, &help);
        }
    }
    let failover = [ON_UNHEALTHY, ON_DEREGISTRATION].map(|key| group.attribute(key).unwrap_or("no_rebalance"));
    if failover.first() != failover.last() {
        let message = format!("{ON_UNHEALTHY} and {ON_DEREGISTRATION} have one value");
        let help = "write both, each with no_rebalance or each with rebalance";
        refuse(&["Attributes"], "InvalidConfigurationRequest", message, help);
    }
    for (index, described) in group.target_health_descriptions.iter().enumerate() {
        appliance(all, id, (index, &described.target), problems);
    }
}

fn wanted() -> String {
    format!("GENEVE has port {GENEVE_PORT}")
}

/// An appliance is asked by IPv4.
fn appliance(all: &Context<'_>, group: &str, (index, target): (usize, &Target), problems: &mut Problems) {
    let mut refuse = |field: &str, code, message: String, help| {
        let path: &[&str] = &["TargetHealthDescriptions", &index.to_string(), "Target", field];
        all.refuse((group, path), code, message, help, problems);
    };
    if let Some(port) = target.port.filter(|port| *port != GENEVE_PORT) {
        let message = format!("{}, not {port}", wanted());
        refuse("Port", "InvalidParameterValue", message, "leave Port out");
    }
    if matches!(target.id.parse(), Ok(IpAddr::V6(_))) {
        let message = format!("{} isn't IPv4, by which appliances are asked", target.id);
        let help = "write the appliance's IPv4 address: it gets IPv6 packets as well";
        refuse("Id", "InvalidTarget", message, help);
    }
}

/// Appliances whose groups don't admit what the load balancer's nodes send (M37).
pub(super) fn closed_appliances(
    all: &Context<'_>,
    balancer: &LoadBalancer,
    group: &TargetGroup,
    problems: &mut Problems,
) {
    let nodes: Vec<_> = all.all.nodes(balancer).collect();
    for eni in interfaces(all, group) {
        let groups: Vec<_> = eni.groups.iter().filter_map(|id| all.group(id)).collect();
        let mut addresses = nodes.iter().flat_map(|node| &node.private_ip_addresses);
        let is_admitted = addresses.any(|address| {
            let from = IpNet::from(IpAddr::V4(*address));
            groups
                .iter()
                .any(|one| admits_from(one, (&[Protocol::UDP], GENEVE_PORT), from, &[]))
        });
        if !groups.is_empty() && !nodes.is_empty() && !is_admitted {
            let message = format!(
                "appliance {} doesn't admit load balancer {} at UDP port {GENEVE_PORT}",
                all.name(&eni.network_interface_id),
                all.name(&balancer.load_balancer_arn)
            );
            let help = "admit the load balancer's subnets, and at the port of the health checks as well";
            let what = Usual("M37", Some("ENI_SG_RULES_MISMATCH"));
            all.warn((&group.target_group_arn, &[]), what, message, help, problems);
        }
    }
}
