//! Target groups of Network and Gateway Load Balancers and their targets (semantics 13.1, 13.3 to 13.5, 16.1).

use super::attribute;
use super::context::{Context, says};
use super::gateway_balancer;
use super::health_check;
use crate::document::diagnostic::{Problems, quote};
use crate::document::quotas::Quota;
use crate::resources::{InterfaceType, Target, TargetGroup};
use std::net::IpAddr;

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    let groups = all.all.target_groups.iter();
    for group in groups.filter(|group| group.protocol.is_none()) {
        without_protocol(all, group, problems);
    }
    let groups = all.all.target_groups.iter();
    for group in groups.filter(|group| is_of_network(group) || group.is_geneve()) {
        let id = &*group.target_group_arn;
        if is_of_network(group) && says(group.target_type.as_deref(), "alb") {
            let message = "Application Load Balancers aren't supported as targets";
            let help = "register the load balancer's addresses in a group of TargetType ip";
            all.refuse(
                (id, &["TargetType"]),
                "InvalidConfigurationRequest",
                message,
                help,
                problems,
            );
            continue;
        }
        let keys = if group.is_geneve() {
            attribute::OF_GENEVE
        } else {
            attribute::OF_GROUPS
        };
        attribute::check(all, id, &group.attributes, keys, problems);
        shape(all, group, problems);
        health_check::check(all, group, problems);
        if group.is_geneve() {
            gateway_balancer::group(all, group, problems);
        }
        one_balancer(all, group, problems);
        targets(all, group, problems);
    }
}

/// As many of a group's targets as there may be.
fn targets(all: &Context<'_>, group: &TargetGroup, problems: &mut Problems) {
    let targets = &group.target_health_descriptions;
    let field: (&str, &[&str]) = (&group.target_group_arn, &["TargetHealthDescriptions"]);
    all.limit(Quota::Targets, targets.len(), field, problems);
    let checked = targets.iter().take(all.quotas.limit(Quota::Targets).most);
    for (index, target) in checked.enumerate() {
        let told = Told { all, group, index };
        told.port(&target.target, problems);
        told.target(&target.target, problems);
    }
}

/// Groups of other types of load balancers have other protocols, or none.
fn is_of_network(group: &TargetGroup) -> bool {
    const PROTOCOLS: [&str; 6] = ["TCP", "UDP", "TCP_UDP", "TLS", "QUIC", "TCP_QUIC"];
    group
        .protocol
        .as_deref()
        .is_some_and(|protocol| PROTOCOLS.contains(&protocol))
}

/// Functions alone are asked without one, and by no load balancer that forwards packets. Of a dump a part may be left
/// out.
fn without_protocol(all: &Context<'_>, group: &TargetGroup, problems: &mut Problems) {
    let id = &*group.target_group_arn;
    let mut balancers = all.all.forwarding_to(group);
    let may_be = says(group.target_type.as_deref(), "lambda") || all.is_dumped(id);
    if !may_be || balancers.any(|one| one.is_network() || one.is_gateway()) {
        let message = format!("target group {} is missing Protocol", all.name(id));
        let help = "write TCP, UDP or TCP_UDP, or GENEVE for appliances";
        all.refuse((id, &[]), "MissingParameter", message, help, problems);
    }
}

/// What every group has.
fn shape(all: &Context<'_>, group: &TargetGroup, problems: &mut Problems) {
    let id = &*group.target_group_arn;
    let mut refuse =
        |field: &[&str], code, message: String, help| all.refuse((id, field), code, message, help, problems);
    let kind = group.target_type.as_deref().unwrap_or("instance");
    if !matches!(kind, "instance" | "ip") {
        let of = if group.is_geneve() { "Gateway" } else { "Network" };
        let message = format!("a {of} Load Balancer's targets are of TargetType instance or ip, not {kind}");
        refuse(
            &["TargetType"],
            "InvalidConfigurationRequest",
            message,
            "choose one of the two",
        );
    }
    if group.vpc_id.is_none() {
        let message = format!("target group {} is missing VpcId", all.name(id));
        refuse(&[], "MissingParameter", message, "say in which VPC its targets are");
    }
    if group.port == Some(0) && !group.is_geneve() {
        let message = "a port is a number from 1 to 65535, not 0".to_owned();
        refuse(&["Port"], "InvalidParameterValue", message, "choose another port");
    }
    let protocol = group.protocol.as_deref().unwrap_or_default();
    let shown = group.attribute("preserve_client_ip.enabled") == Some("false");
    if shown && protocol.contains("UDP") {
        let message = format!("targets of protocol {protocol} always see their clients' addresses");
        let help = "leave preserve_client_ip.enabled out";
        refuse(&["Attributes"], "InvalidConfigurationRequest", message, help);
    }
    // AWS may answer the default of what can't be asked for.
    let ends = group.attribute(attribute::TERMINATION) == Some("true") && !all.is_dumped(id);
    if ends && protocol.contains("UDP") {
        let message = format!("connections to unhealthy targets of protocol {protocol} can't be ended");
        let help = "leave target_health_state.unhealthy.connection_termination.enabled out";
        refuse(&["Attributes"], "InvalidConfigurationRequest", message, help);
    }
}

/// A group's targets are one load balancer's.
fn one_balancer(all: &Context<'_>, group: &TargetGroup, problems: &mut Problems) {
    let listeners = all.all.listeners.iter();
    let its = listeners.filter(|listener| listener.forwards_to() == Some(&*group.target_group_arn));
    let mut balancers = its.filter_map(|listener| Some((listener.load_balancer_arn.as_deref()?, listener)));
    let Some((first, _)) = balancers.next() else { return };
    if let Some((other, listener)) = balancers.find(|(arn, _)| *arn != first) {
        let (group, first, other) = (all.name(&group.target_group_arn), all.name(first), all.name(other));
        let message = format!("target group {group} is load balancer {first}'s, and can't be {other}'s as well");
        let help = "make a target group for each, which may have the same targets";
        let field: (&str, &[&str]) = (&listener.listener_arn, &["DefaultActions"]);
        all.refuse(field, "TargetGroupAssociationLimit", message, help, problems);
    }
}

/// A target of a group, by its place in the list.
struct Told<'c, 'a> {
    all: &'c Context<'a>,
    group: &'a TargetGroup,
    index: usize,
}

impl Told<'_, '_> {
    fn refuse(&self, field: &str, code: &'static str, message: String, help: &str, problems: &mut Problems) {
        let path: &[&str] = &["TargetHealthDescriptions", &self.index.to_string(), "Target", field];
        self.all
            .refuse((&self.group.target_group_arn, path), code, message, help, problems);
    }

    fn port(&self, target: &Target, problems: &mut Problems) {
        match target.port.or(self.group.port) {
            Some(0) if target.port.is_some() && !self.group.is_geneve() => {
                let message = "a port is a number from 1 to 65535, not 0".to_owned();
                self.refuse(
                    "Port",
                    "InvalidParameterValue",
                    message,
                    "choose another port",
                    problems,
                );
            }
            Some(_) => {}
            None if self.group.is_geneve() => {}
            None => {
                let message = format!("target {} has no port, and its group neither", quote(&target.id));
                let help = "write the Port of the target group";
                self.refuse("Port", "MissingParameter", message, help, problems);
            }
        }
    }

    fn target(&self, target: &Target, problems: &mut Problems) {
        let address: Option<IpAddr> = target.id.parse().ok();
        let is_ip = says(self.group.target_type.as_deref(), "ip");
        match address {
            Some(address) if is_ip => {
                self.address(address, problems);
                self.seen(target, problems);
            }
            _ if is_ip => {
                let message = format!("{} isn't an address", quote(&target.id));
                let help = "write an address, or TargetType: instance for instances by name or id";
                self.refuse("Id", "InvalidTarget", message, help, problems);
            }
            _ => self.instance(target, address.is_some(), problems),
        }
    }

    /// Of the VPC, or private.
    fn address(&self, address: IpAddr, problems: &mut Problems) {
        let vpc = self.group.vpc_id.as_deref().and_then(|id| self.all.vpc(id));
        let in_vpc = vpc.is_some_and(|vpc| vpc.blocks().any(|block| block.contains(&address)));
        let is_private = match address {
            IpAddr::V4(address) => {
                let [first, second, ..] = address.octets();
                address.is_private() || first == 100 && (64..128).contains(&second)
            }
            IpAddr::V6(_) => false,
        };
        if vpc.is_some() && !in_vpc && !is_private {
            let message = format!("{address} is neither of the VPC nor private");
            let help = "a target is in the VPC, or in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10";
            self.refuse("Id", "InvalidTarget", message, help, problems);
        }
    }

    /// Nodes and endpoints send by addresses of their own, so they can't answer who they have never seen.
    fn seen(&self, target: &Target, problems: &mut Problems) {
        let eni = self.all.all.target_interface(self.group, target);
        let eni = eni.filter(|_| self.group.preserves_client());
        let what = match eni.map(|eni| eni.interface_type) {
            Some(InterfaceType::NetworkLoadBalancer) => "a load balancer's node",
            Some(InterfaceType::VpcEndpoint) => "an endpoint's network interface",
            _ => return,
        };
        let message = format!(
            "{} is {what}, which can't be a target that sees its clients' addresses",
            target.id
        );
        let help = "set preserve_client_ip.enabled to false, for which the protocol has to be TCP";
        self.refuse("Id", "InvalidTarget", message, help, problems);
    }

    fn instance(&self, target: &Target, is_address: bool, problems: &mut Problems) {
        let vpc = self.group.vpc_id.as_deref().and_then(|id| self.all.vpc(id));
        let Some(vpc) = vpc else { return };
        let eni = self.all.all.target_interface(self.group, target);
        if eni.is_none() || is_address {
            let message = format!(
                "{} is no instance of VPC {}",
                quote(&target.id),
                self.all.name(&vpc.vpc_id)
            );
            let help = if is_address {
                "write TargetType: ip for targets by address"
            } else {
                "name an instance of the target group's VPC, or write its id"
            };
            self.refuse("Id", "InvalidTarget", message, help, problems);
        }
    }
}
