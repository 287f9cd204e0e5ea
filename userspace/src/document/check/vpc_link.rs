//! VPC links (semantics 17; M67): subnets and groups of one VPC, or one load balancer that serves nobody else.

use super::context::{Context, Usual, says};
use super::listener::unknown;
use super::security_group::{At, admits, admits_from};
use crate::document::diagnostic::Problems;
use crate::document::integration::IntegrationTarget;
use crate::document::notation::Protocol;
use crate::resources::{RestVpcLink, VpcLink};
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddrV4};

/// API Gateway's words for what it doesn't take.
const REFUSED: &str = "BadRequestException";

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    for link in &all.all.vpc_links {
        status(
            all,
            (&link.vpc_link_id, "VpcLinkStatus"),
            link.vpc_link_status.as_deref(),
            &["PENDING", "AVAILABLE", "DELETING", "FAILED", "INACTIVE"],
            problems,
        );
        if !all.is_dumped(&link.vpc_link_id) {
            place(all, link, problems);
        }
    }
    let mut served = HashMap::new();
    for link in &all.all.rest_vpc_links {
        let words = ["PENDING", "AVAILABLE", "DELETING", "FAILED"];
        status(all, (&link.id, "status"), link.status.as_deref(), &words, problems);
        if !all.is_dumped(&link.id) {
            target(all, link, &mut served, problems);
        }
    }
}

fn status(all: &Context<'_>, (id, field): (&str, &str), status: Option<&str>, words: &[&str], problems: &mut Problems) {
    if status.is_some() && !words.iter().any(|word| says(status, word)) {
        let message = format!("{field} is one of {}", words.join(", "));
        all.refuse((id, &[field]), REFUSED, message, "leave it out for AVAILABLE", problems);
    }
}

/// Subnets of one VPC, each once, and groups of the same.
fn place(all: &Context<'_>, link: &VpcLink, problems: &mut Problems) {
    let id = &*link.vpc_link_id;
    if link.subnet_ids.is_empty() {
        let message = format!("VPC link {} is in no subnet", all.name(id));
        let help = "write SubnetIds: and the subnets that its network interfaces are to be in";
        all.refuse((id, &[]), REFUSED, message, help, problems);
    }
    let vpc = link.subnet_ids.iter().find_map(|subnet| all.subnet(subnet));
    let vpc = vpc.map(|subnet| &*subnet.vpc_id);
    let mut seen = HashSet::new();
    for (index, subnet) in link.subnet_ids.iter().enumerate() {
        let field: &[&str] = &["SubnetIds", &index.to_string()];
        let is_elsewhere = all.subnet(subnet).is_some_and(|it| Some(&*it.vpc_id) != vpc);
        let message = match (seen.insert(subnet), is_elsewhere) {
            (false, _) => format!("subnet {} is there twice", all.name(subnet)),
            (_, true) => format!("subnet {} is in another VPC than the first one", all.name(subnet)),
            _ => continue,
        };
        all.refuse(
            (id, field),
            REFUSED,
            message,
            "name subnets of one VPC, each once",
            problems,
        );
    }
    for (index, group) in link.security_group_ids.iter().enumerate() {
        if all.group(group).is_some_and(|it| Some(&*it.vpc_id) != vpc) {
            let message = format!("security group {} is in another VPC", all.name(group));
            let field: &[&str] = &["SecurityGroupIds", &index.to_string()];
            let help = "name groups of the VPC that the subnets are in";
            all.refuse((id, field), REFUSED, message, help, problems);
        }
    }
}

/// One Network Load Balancer, of no other link: each makes an endpoint service before it. One that is there may be
/// that.
fn target<'a>(
    all: &Context<'a>,
    link: &'a RestVpcLink,
    served: &mut HashMap<&'a str, &'a str>,
    problems: &mut Problems,
) {
    let id = &*link.id;
    let [arn] = &*link.target_arns else {
        let message = format!(
            "VPC link {} has one load balancer, and here are {}",
            all.name(id),
            link.target_arns.len()
        );
        let help = "write targetArns: and one Network Load Balancer; several backends are several listeners of it";
        return all.refuse((id, &["targetArns"]), REFUSED, message, help, problems);
    };
    let field: (&str, &[&str]) = (id, &["targetArns", "0"]);
    let balancers = &all.all.load_balancers;
    let Some(balancer) = balancers.iter().find(|it| it.load_balancer_arn == *arn) else {
        let what = (&**arn, "load balancer", "LoadBalancerNotFound");
        return unknown(all, field, what, balancers.is_empty(), problems);
    };
    if !balancer.is_network() {
        let message = format!("{} isn't a Network Load Balancer", all.name(arn));
        all.refuse(field, REFUSED, message, "name one of Type: network", problems);
    } else if let Some(other) = served.insert(arn, id) {
        let message = format!(
            "load balancer {} is VPC link {}'s already",
            all.name(arn),
            all.name(other)
        );
        let help = "a load balancer serves one VPC link: make another one, which may have the same targets";
        all.refuse(field, REFUSED, message, help, problems);
    }
}

/// Integrations to who admits somebody at the port, and neither the link's addresses nor its groups (M67). Whoever is
/// behind a load balancer admits that (M37).
pub(super) fn warn(all: &Context<'_>, problems: &mut Problems) {
    for integration in all.integrations {
        let IntegrationTarget::Addresses(addresses) = &integration.target else {
            continue;
        };
        let mut links = all.all.vpc_links.iter();
        let Some(link) = links.find(|link| link.vpc_link_id == integration.vpc_link && link.carries()) else {
            continue;
        };
        let mut targets = addresses.iter().filter_map(|address| closed(all, link, *address));
        if let Some(target) = targets.next() {
            let message = format!(
                "{target} doesn't admit VPC link {}, which is all it sees",
                all.name(&link.vpc_link_id)
            );
            let help = "add an ingress rule for the link's group or subnets: the API's callers are never seen";
            let what = Usual("M67", Some("ENI_SG_RULES_MISMATCH"));
            all.warn((&integration.place(), &[]), what, message, help, problems);
        }
    }
}

/// A network interface of the link's VPC whose groups admit somebody at the port, and not the link.
fn closed(all: &Context<'_>, link: &VpcLink, target: SocketAddrV4) -> Option<String> {
    let own: Vec<_> = all.all.interfaces_of_link(link).collect();
    let vpc = &own.first()?.vpc_id;
    let mut enis = all.all.network_interfaces.iter();
    let eni = enis.find(|eni| eni.vpc_id == *vpc && eni.has(IpAddr::V4(*target.ip())))?;
    let groups: Vec<_> = eni.groups.iter().filter_map(|id| all.group(id)).collect();
    let (at, named): (At, _) = ((&[Protocol::TCP], target.port()), &link.security_group_ids);
    let mut addresses = own.iter().flat_map(|eni| &eni.private_ip_addresses);
    let admits_somebody = groups.iter().any(|group| admits(group, false, at));
    let is_admitted = addresses.any(|address| {
        let from = IpAddr::V4(*address).into();
        groups.iter().any(|group| admits_from(group, at, from, named))
    });
    (admits_somebody && !is_admitted).then(|| all.name(&eni.network_interface_id))
}
