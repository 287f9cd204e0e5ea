//! By what, and to whom, connections of an integration go.

use crate::document::{Integration, IntegrationTarget};
use crate::resources::{LoadBalancer, Resources, RestVpcLink, VpcLink};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

/// A network interface of the link's, and an address that is connected to by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hop {
    pub network_interface_id: String,
    pub target: SocketAddrV4,
}

/// Why no connection goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// This project's (semantics 28.3), or none.
    pub code: String,
    pub message: String,
}

impl Refusal {
    fn new(message: impl Into<String>) -> Self {
        Self {
            code: String::new(),
            message: message.into(),
        }
    }

    fn of_status(status: Option<&str>, said: Option<&str>) -> Self {
        let status = status.unwrap_or("unknown");
        let why = said.map(|said| format!(": {said}")).unwrap_or_default();
        Self {
            code: "X_VPCLINK_INACTIVE".to_owned(),
            message: format!("the VPC link is {status}, and only one that is AVAILABLE carries connections{why}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.code {
            "" => f.write_str(&self.message),
            code => write!(f, "{code}: {}", self.message),
        }
    }
}

/// All that a connection may take, at least one.
pub fn hops(all: &Resources, integration: &Integration) -> Result<Vec<Hop>, Refusal> {
    let id = &integration.vpc_link;
    let hops = if let Some(link) = all.vpc_links.iter().find(|link| link.vpc_link_id == *id) {
        by_interfaces(all, link, &integration.target)?
    } else if let Some(link) = all.rest_vpc_links.iter().find(|link| link.id == *id) {
        by_endpoint(all, link, &integration.target)?
    } else {
        return Err(Refusal::new("there is no such VPC link"));
    };
    if hops.is_empty() {
        return Err(Refusal::new("the VPC link has no network interface"));
    }
    Ok(hops)
}

/// Each network interface and each target at least once: there are as many as there are of the more numerous.
fn by_interfaces(all: &Resources, link: &VpcLink, target: &IntegrationTarget) -> Result<Vec<Hop>, Refusal> {
    if !link.carries() {
        let said = link.vpc_link_status_message.as_deref();
        return Err(Refusal::of_status(link.vpc_link_status.as_deref(), said));
    }
    let targets = match target {
        IntegrationTarget::Addresses(addresses) => addresses.clone(),
        IntegrationTarget::Listener(arn) => nodes(all, arn)?,
    };
    let own: Vec<_> = all.interfaces_of_link(link).collect();
    let pairs = own.iter().cycle().zip(targets.iter().cycle());
    let count = if own.is_empty() {
        0
    } else {
        own.len().max(targets.len())
    };
    let hop = |(eni, target): (&&crate::resources::NetworkInterface, &SocketAddrV4)| Hop {
        network_interface_id: eni.network_interface_id.clone(),
        target: *target,
    };
    Ok(pairs.take(count).map(hop).collect())
}

/// What the load balancer's name stands for: its nodes, at the listener's port.
fn nodes(all: &Resources, arn: &str) -> Result<Vec<SocketAddrV4>, Refusal> {
    let (balancer, port) = listener(all, arn)?;
    let nodes = all.nodes(balancer);
    let addresses = nodes.filter_map(|node| node.private_ip_addresses.first().copied());
    let addresses: Vec<_> = addresses
        .map(|address: Ipv4Addr| SocketAddrV4::new(address, port))
        .collect();
    if addresses.is_empty() {
        return Err(Refusal::new("the load balancer has no node with an IPv4 address"));
    }
    Ok(addresses)
}

/// A listener's load balancer, if that is there, and its port.
fn listener<'a>(all: &'a Resources, arn: &str) -> Result<(&'a LoadBalancer, u16), Refusal> {
    let listener = all.listeners.iter().find(|one| one.listener_arn == arn);
    let listener = listener.ok_or_else(|| Refusal::new("there is no such listener"))?;
    let mut there = all.load_balancers.iter().filter(|one| one.is_network_and_there());
    let balancer = there.find(|one| Some(&one.load_balancer_arn) == listener.load_balancer_arn.as_ref());
    let balancer = balancer.ok_or_else(|| Refusal::new("the load balancer isn't active"))?;
    let port = listener.port.ok_or_else(|| Refusal::new("the listener has no port"))?;
    Ok((balancer, port))
}

/// By the service's own side to the endpoint there, in each zone.
fn by_endpoint(all: &Resources, link: &RestVpcLink, target: &IntegrationTarget) -> Result<Vec<Hop>, Refusal> {
    if !link.carries() {
        return Err(Refusal::of_status(
            link.status.as_deref(),
            link.status_message.as_deref(),
        ));
    }
    let IntegrationTarget::Listener(arn) = target else {
        return Err(Refusal::new(
            "a VPC link of a REST API leads to its load balancer alone",
        ));
    };
    let (_, port) = listener(all, arn)?;
    let seats = all.service_seats(link).into_iter();
    let hops = seats.map(|(network_interface_id, address)| Hop {
        network_interface_id,
        target: SocketAddrV4::new(address, port),
    });
    Ok(hops.collect())
}
