//! API Gateway's VPC links (semantics 17): which carry connections, and what belongs to one.

use crate::resources::wire::says;
use crate::resources::{
    InterfaceType, LoadBalancer, NetworkInterface, Resources, RestVpcLink, VpcLink, service_endpoint_address,
    service_interface_id,
};
use std::net::Ipv4Addr;

/// What AWS describes the network interfaces of links by begins with this, and the link's id follows.
const DESCRIPTION: &str = "API Gateway VPC link ";

impl VpcLink {
    /// Whether connections pass.
    #[must_use]
    pub fn carries(&self) -> bool {
        says(self.vpc_link_status.as_deref(), "AVAILABLE")
    }

    /// Whether it has network interfaces: one that nobody has used for long loses them (semantics 17.2).
    #[must_use]
    pub fn has_interfaces(&self) -> bool {
        self.vpc_link_status.is_none() || self.carries() || says(self.vpc_link_status.as_deref(), "PENDING")
    }

    /// How its network interfaces are described.
    #[must_use]
    pub fn interface_description(&self) -> String {
        format!("{DESCRIPTION}{}", self.vpc_link_id)
    }

    /// Whether a network interface is the link's: it says so, or it says nothing and is where the link is.
    #[must_use]
    pub fn has_interface(&self, eni: &NetworkInterface) -> bool {
        let is_like = || {
            let mut groups = eni.groups.iter();
            eni.groups.len() == self.security_group_ids.len() && groups.all(|it| self.security_group_ids.contains(it))
        };
        let is_its = match eni.description.strip_prefix(DESCRIPTION) {
            Some(id) => id == self.vpc_link_id,
            None => is_like(),
        };
        eni.interface_type == InterfaceType::ApiGatewayManaged && self.subnet_ids.contains(&eni.subnet_id) && is_its
    }
}

impl RestVpcLink {
    /// Whether connections pass.
    #[must_use]
    pub fn carries(&self) -> bool {
        says(self.status.as_deref(), "AVAILABLE")
    }
}

impl Resources {
    /// The network interfaces of a link, in order of id.
    pub fn interfaces_of_link<'a>(&'a self, link: &'a VpcLink) -> impl Iterator<Item = &'a NetworkInterface> {
        let all = self.network_interfaces.iter();
        all.filter(|eni| link.has_interfaces() && link.has_interface(eni))
    }

    /// The one load balancer that a link of REST APIs leads to, if it is there.
    #[must_use]
    pub fn balancer_of_link(&self, link: &RestVpcLink) -> Option<&LoadBalancer> {
        let arn = link.target_arns.first()?;
        let mut there = self.load_balancers.iter().filter(|one| one.is_network_and_there());
        there.find(|one| one.load_balancer_arn == *arn)
    }

    /// By which the service sends to a link of REST APIs, and to which address: a network interface and an endpoint's
    /// address in each zone of its load balancer. Nothing if it carries none.
    #[must_use]
    pub fn service_seats(&self, link: &RestVpcLink) -> Vec<(String, Ipv4Addr)> {
        let balancer = self.balancer_of_link(link).filter(|_| link.carries());
        let zones = balancer.map_or(0, |balancer| balancer.availability_zones.len());
        let seat = |zone| Some((service_interface_id(&link.id, zone), service_endpoint_address(zone)?));
        (0..zones).filter_map(seat).collect()
    }
}
