//! Listeners: where they listen, and to which targets they forward (semantics 13.1, 16.1).

use super::attribute;
use super::context::{Context, says};
use super::gateway_balancer;
use super::load_balancer::transports;
use crate::document::diagnostic::{Problems, quote};
use crate::resources::{Action, Listener, LoadBalancer, TargetGroup};
use std::collections::HashMap;

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    for listener in &all.all.listeners {
        let Some(balancer) = balancer(all, listener, problems) else {
            continue;
        };
        if balancer.is_gateway() {
            gateway_balancer::listener(all, listener, balancer, problems);
        }
        if !balancer.is_network() {
            continue;
        }
        if protocol(all, listener, problems) {
            forwards(all, listener, balancer, problems);
        }
        let id = &listener.listener_arn;
        attribute::check(all, id, &listener.attributes, attribute::OF_LISTENERS, problems);
    }
    ports(all, problems);
}

/// The load balancer that a listener is of, if there is one.
fn balancer<'a>(all: &Context<'a>, listener: &Listener, problems: &mut Problems) -> Option<&'a LoadBalancer> {
    let Some(arn) = listener.load_balancer_arn.as_deref() else {
        let id = &*listener.listener_arn;
        let message = format!("listener {} is missing LoadBalancerArn", all.name(id));
        let help = "name the load balancer that listens";
        all.refuse((id, &[]), "MissingParameter", message, help, problems);
        return None;
    };
    let balancers = &all.all.load_balancers;
    let found = balancers.iter().find(|one| one.load_balancer_arn == arn);
    if found.is_none() {
        let field: (&str, &[&str]) = (&listener.listener_arn, &["LoadBalancerArn"]);
        unknown(
            all,
            field,
            (arn, "load balancer", "LoadBalancerNotFound"),
            balancers.is_empty(),
            problems,
        );
    }
    found
}

/// That there is no such object. Of ARNs of a kind of which nothing at all is known, nothing can be said.
pub(super) fn unknown(
    all: &Context<'_>,
    field: super::context::Field<'_>,
    (arn, kind, code): (&str, &str, &'static str),
    is_nothing_known: bool,
    problems: &mut Problems,
) {
    if all.has(arn) || is_nothing_known && arn.starts_with("arn:") {
        return;
    }
    let message = format!("there is no {kind} {}", quote(arn));
    all.refuse(
        field,
        code,
        message,
        "name one of this configuration, or add it",
        problems,
    );
}

/// Each port of a load balancer has one listener of a transport protocol.
fn ports(all: &Context<'_>, problems: &mut Problems) {
    let mut ports = HashMap::new();
    for listener in &all.all.listeners {
        let id = &*listener.listener_arn;
        let balancer = listener.load_balancer_arn.as_deref();
        let transports = transports(listener.protocol.as_deref());
        let of_port = |port| transports.iter().map(move |transport| (balancer, port, *transport));
        let mut taken = listener.port.into_iter().flat_map(of_port);
        let other = taken.by_ref().find_map(|key| ports.insert(key, id));
        taken.for_each(|key| _ = ports.insert(key, id));
        if let Some(other) = other {
            let message = format!("listener {} has this port already", all.name(other));
            let field: (&str, &[&str]) = (id, &["Port"]);
            all.refuse(field, "DuplicateListener", message, "choose another port", problems);
        }
    }
}

/// Whether a listener has a port and a protocol that packets can have here.
fn protocol(all: &Context<'_>, listener: &Listener, problems: &mut Problems) -> bool {
    let id = &*listener.listener_arn;
    let mut refuse =
        |field: &[&str], code, message: String, help| all.refuse((id, field), code, message, help, problems);
    match listener.port {
        None => {
            let message = format!("listener {} is missing Port", all.name(id));
            refuse(&[], "MissingParameter", message, "say at which port it listens");
        }
        Some(0) => {
            let message = "a port is a number from 1 to 65535, not 0".to_owned();
            refuse(&["Port"], "InvalidParameterValue", message, "choose another port");
        }
        Some(_) => {}
    }
    let Some(protocol) = listener.protocol.as_deref() else {
        let message = format!("listener {} is missing Protocol", all.name(id));
        refuse(&[], "MissingParameter", message, "write TCP, UDP or TCP_UDP");
        return false;
    };
    let help = match protocol {
        "TCP" | "UDP" | "TCP_UDP" => return true,
        "TLS" => "write TCP, and let the targets end TLS themselves",
        "QUIC" => "write UDP, with stickiness.enabled in the target group",
        "TCP_QUIC" => "write TCP_UDP, with stickiness.enabled in the target group",
        _ => {
            let message = format!("a Network Load Balancer has no {protocol} listeners");
            refuse(
                &["Protocol"],
                "UnsupportedProtocol",
                message,
                "write TCP, UDP or TCP_UDP",
            );
            return false;
        }
    };
    let message = format!("{protocol} listeners aren't supported: packets are forwarded as they are");
    refuse(&["Protocol"], "UnsupportedProtocol", message, help);
    false
}

/// A listener forwards to one target group.
pub(super) fn forwards(all: &Context<'_>, listener: &Listener, balancer: &LoadBalancer, problems: &mut Problems) {
    let id = &*listener.listener_arn;
    let field: (&str, &[&str]) = (id, &["DefaultActions"]);
    let action = match &*listener.default_actions {
        [action] if is_plain(action) => action,
        [] => {
            let message = format!("listener {} is missing DefaultActions", all.name(id));
            let help = "say to which target group it forwards";
            return all.refuse((id, &[]), "MissingParameter", message, help, problems);
        }
        _ => {
            let kind = if balancer.is_gateway() { "Gateway" } else { "Network" };
            let message = format!("a listener of a {kind} Load Balancer forwards to one target group, without weights");
            let help = "leave one action of Type forward with one TargetGroupArn";
            return all.refuse(field, "InvalidConfigurationRequest", message, help, problems);
        }
    };
    let Some(arn) = listener.forwards_to() else {
        let message = format!("the action of listener {} is missing TargetGroupArn", all.name(id));
        let help = "say to which target group it forwards";
        return all.refuse(field, "MissingParameter", message, help, problems);
    };
    match all.all.target_group(listener) {
        Some(group) => {
            match balancer.is_gateway() {
                true => gateway_balancer::pairing(all, listener, group, problems),
                false => pairing(all, listener, group, problems),
            }
            same_vpc(all, listener, balancer, group, problems);
        }
        None => {
            let is_direct = action.target_group_arn.is_some();
            let direct: &[&str] = &["DefaultActions", "0", "TargetGroupArn"];
            let field = (id, if is_direct { direct } else { field.1 });
            let is_nothing_known = all.all.target_groups.is_empty();
            unknown(
                all,
                field,
                (arn, "target group", "TargetGroupNotFound"),
                is_nothing_known,
                problems,
            );
        }
    }
}

/// Whether an action forwards to one group: what it says twice is the same.
fn is_plain(action: &Action) -> bool {
    let several = action
        .forward_config
        .as_ref()
        .map_or(&[][..], |config| &config.target_groups);
    let is_forward = action
        .action_type
        .as_deref()
        .is_none_or(|kind| says(Some(kind), "forward"));
    let arn = action.target_group_arn.as_ref();
    let is_same = |one: &crate::resources::TargetGroupTuple| {
        one.weight.is_none_or(|weight| weight == 1) && arn.is_none_or(|arn| one.target_group_arn.as_ref() == Some(arn))
    };
    is_forward && several.len() <= 1 && several.iter().all(is_same)
}

/// Which protocols of targets go with a listener's.
fn pairing(all: &Context<'_>, listener: &Listener, group: &TargetGroup, problems: &mut Problems) {
    let (Some(protocol), Some(other)) = (listener.protocol.as_deref(), group.protocol.as_deref()) else {
        return;
    };
    let allowed: &[&str] = match protocol {
        "TCP" => &["TCP", "TCP_UDP"],
        "UDP" => &["UDP", "TCP_UDP"],
        "TCP_UDP" => &["TCP_UDP"],
        _ => return,
    };
    if !allowed.contains(&other) {
        let name = all.name(&group.target_group_arn);
        let message = format!("a {protocol} listener can't forward to the {other} target group {name}");
        let help = format!("forward to one of protocol {}", allowed.join(" or "));
        let field: (&str, &[&str]) = (&listener.listener_arn, &["DefaultActions"]);
        all.refuse(field, "InvalidConfigurationRequest", message, &help, problems);
    }
}

fn same_vpc(
    all: &Context<'_>,
    listener: &Listener,
    balancer: &LoadBalancer,
    group: &TargetGroup,
    problems: &mut Problems,
) {
    if let (Some(own), Some(other)) = (&balancer.vpc_id, &group.vpc_id)
        && own != other
    {
        let (group, vpc) = (all.name(&group.target_group_arn), all.name(other));
        let message = format!("target group {group} is of VPC {vpc}, and the load balancer of another one");
        let help = "forward to a target group of the load balancer's VPC; targets of peered VPCs are in it by address";
        let field: (&str, &[&str]) = (&listener.listener_arn, &["DefaultActions"]);
        all.refuse(field, "InvalidConfigurationRequest", message, help, problems);
    }
}
