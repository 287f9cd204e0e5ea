//! VPC links of a topology, and what the host reaches by them.

use super::Topology;
use super::shorthand::address4;
use groundplane::document::{Integration, IntegrationTarget, Listen};
use groundplane::resources::{InterfaceType, RestVpcLink, VpcLink, with_service_side};
use std::net::{Ipv4Addr, SocketAddrV4};

/// The port that the first integration listens at.
const FIRST_PORT: u16 = 18_080;

impl Topology {
    /// A link of HTTP APIs, with an ENI in each of these subnets, at this address. Its ENIs are named like those of
    /// load balancers.
    pub fn vpc_link(&mut self, name: &str, groups: &[&str], enis: &[(&str, &str)]) -> &mut Self {
        let mut link = VpcLink {
            name: name.to_owned(),
            vpc_link_id: self.id("link"),
            label: Some(name.to_owned()),
            security_group_ids: groups.iter().map(|group| self.group_id(group)).collect(),
            vpc_link_status: Some("AVAILABLE".to_owned()),
            ..VpcLink::default()
        };
        for (subnet, address) in enis {
            self.within(subnet);
            let name = format!("{name}-{subnet}");
            self.component(&name, address, InterfaceType::ApiGatewayManaged);
            let eni = self.interface_mut(&name);
            eni.groups.clone_from(&link.security_group_ids);
            eni.description = link.interface_description();
            link.subnet_ids.push(eni.subnet_id.clone());
        }
        self.resources.vpc_links.push(link);
        self
    }

    /// A link of REST APIs.
    pub fn rest_vpc_link(&mut self, name: &str, balancer: &str) -> &mut Self {
        let mut balancers = self.resources.load_balancers.iter();
        let found = balancers.find(|it| it.name == balancer);
        let arn = found.map(|it| it.load_balancer_arn.clone());
        let link = RestVpcLink {
            name: name.to_owned(),
            label: Some(name.to_owned()),
            id: self.id("rest"),
            target_arns: vec![arn.unwrap_or_else(|| panic!("no {balancer}"))],
            status: Some("AVAILABLE".to_owned()),
            ..RestVpcLink::default()
        };
        self.resources.rest_vpc_links.push(link);
        self
    }

    /// What is called `name` reaches an address by a link of HTTP APIs.
    pub fn integration(&mut self, name: &str, link: &str, address: &str, port: u16) -> &mut Self {
        let mut links = self.resources.vpc_links.iter();
        let found = links.find(|it| it.name == link).map(|it| it.vpc_link_id.clone());
        let link = found.unwrap_or_else(|| panic!("no {link}"));
        let target = SocketAddrV4::new(address4(address), port);
        self.integrate(name, link, IntegrationTarget::Addresses(vec![target]))
    }

    /// What is called `name` reaches a listener by a link of REST APIs.
    pub fn rest_integration(&mut self, name: &str, link: &str, listener: &str) -> &mut Self {
        let mut links = self.resources.rest_vpc_links.iter();
        let found = links.find(|it| it.name == link).map(|it| it.id.clone());
        let mut listeners = self.resources.listeners.iter();
        let arn = listeners
            .find(|it| it.name == listener)
            .map(|it| it.listener_arn.clone());
        let target = IntegrationTarget::Listener(arn.unwrap_or_else(|| panic!("no {listener}")));
        self.integrate(name, found.unwrap_or_else(|| panic!("no {link}")), target)
    }

    fn integrate(&mut self, name: &str, vpc_link: String, target: IntegrationTarget) -> &mut Self {
        let number = u16::try_from(self.integrations.len()).expect("few integrations");
        self.integrations.push(Integration {
            name: name.to_owned(),
            vpc_link,
            target,
            listen: Listen::Tcp((Ipv4Addr::LOCALHOST, FIRST_PORT + number).into()),
            connections: 16,
        });
        self
    }

    /// The same with what the service has of its own: its side of links of REST APIs stands in no topology.
    #[must_use]
    pub fn whole(&self) -> Self {
        let mut whole = self.clone();
        if let Some(resources) = with_service_side(&self.resources) {
            whole.resources = resources;
            // Else it would be added once more.
            whole.resources.rest_vpc_links.clear();
        }
        whole
    }

    /// An integration, if somebody of this name is one.
    #[must_use]
    pub fn integration_named(&self, name: &str) -> Option<&Integration> {
        self.integrations.iter().find(|it| it.name == name)
    }
}
