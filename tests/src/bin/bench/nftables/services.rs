//! Load balancers and endpoints, as the kernel's own translation.

use super::Ruleset;
use anyhow::{Context as _, Result, ensure};
use groundplane::resources::Listener;
use std::net::Ipv4Addr;

/// What clients of a load balancer or of an endpoint ask for, and who answers.
pub(super) struct Service {
    pub(super) address: Ipv4Addr,
    pub(super) protocol: &'static str,
    pub(super) port: u16,
    pub(super) target: Ipv4Addr,
    pub(super) target_port: u16,
    /// The address that the target sees, if it isn't the client's.
    pub(super) node: Option<Ipv4Addr>,
    /// What the endpoint's groups say of clients; a load balancer without groups asks nobody.
    pub(super) groups: Option<Vec<String>>,
}

impl Ruleset<'_> {
    /// By every address that clients know.
    pub(super) fn services(&self) -> Result<Vec<Service>> {
        let mut services = Vec::new();
        for listener in &self.resources.listeners {
            let node = self.node(listener)?;
            services.push(self.service(listener, node, node, None)?);
            for endpoint in &self.resources.vpc_endpoints {
                let enis = self.resources.network_interfaces.iter();
                let own = enis.filter(|eni| endpoint.network_interface_ids.contains(&eni.network_interface_id));
                for eni in own {
                    let address = eni.private_ip_addresses.first().copied().context("it has an address")?;
                    services.push(self.service(listener, address, node, Some(eni.groups.clone()))?);
                }
            }
        }
        ensure!(
            self.resources.vpc_endpoint_services.len() <= 1,
            "only one endpoint service is understood here"
        );
        Ok(services)
    }

    /// The address of a load balancer's only node.
    fn node(&self, listener: &Listener) -> Result<Ipv4Addr> {
        let mut balancers = self.resources.load_balancers.iter();
        let balancer =
            balancers.find(|balancer| listener.load_balancer_arn.as_ref() == Some(&balancer.load_balancer_arn));
        let balancer = balancer.context("a listener has a load balancer")?;
        ensure!(
            balancer.security_groups.is_empty(),
            "groups of a load balancer aren't understood here"
        );
        let [zone] = &balancer.availability_zones[..] else {
            anyhow::bail!("a load balancer with one zone is understood here");
        };
        let address = zone
            .load_balancer_addresses
            .first()
            .and_then(|address| address.private_ipv4_address);
        address.context("a node has an address")
    }

    fn service(
        &self,
        listener: &Listener,
        address: Ipv4Addr,
        node: Ipv4Addr,
        groups: Option<Vec<String>>,
    ) -> Result<Service> {
        let arn = listener
            .default_actions
            .first()
            .and_then(|action| action.target_group_arn.as_ref());
        let mut target_groups = self.resources.target_groups.iter();
        let group = target_groups.find(|group| Some(&group.target_group_arn) == arn);
        let group = group.context("a listener has a target group")?;
        let [description] = &group.target_health_descriptions[..] else {
            anyhow::bail!("a target group with one target is understood here");
        };
        let is_udp = listener.protocol.as_deref() == Some("UDP");
        let port = listener.port.context("a listener has a port")?;
        Ok(Service {
            address,
            protocol: if is_udp { "udp" } else { "tcp" },
            port,
            target: description.target.id.parse()?,
            target_port: description.target.port.or(group.port).unwrap_or(port),
            // Targets that are addresses see TCP clients' only if it is asked for, and those of endpoints never.
            node: (groups.is_some() || !is_udp).then_some(node),
            groups,
        })
    }

    /// What is translated towards a target: it passes no NACL, since the nodes of the bench's load balancers and
    /// endpoints are in the subnets of those they speak to.
    pub(super) fn balanced(&mut self, services: &[Service]) -> Result<()> {
        for (number, service) in services.iter().enumerate() {
            let mut rules = Vec::new();
            if let Some(groups) = &service.groups {
                for rule in self.rules_of(groups, false, "saddr", None)? {
                    rules.push(rule.replace("return", &format!("goto target-{number}")));
                }
                rules.push("drop".to_owned());
                self.chain(&format!("endpoint-{number}"), &rules);
            }
            let enis = &self.resources.network_interfaces;
            let target = enis
                .iter()
                .find(|eni| eni.private_ip_addresses.contains(&service.target));
            let groups = &target.context("a target has a network interface")?.groups;
            let rules = self.rules_of(groups, false, "saddr", service.node)?;
            let rules = rules.iter().map(|rule| rule.replace("return", "accept"));
            let rules: Vec<_> = rules.chain(["drop".to_owned()]).collect();
            self.chain(&format!("target-{number}"), &rules);
        }
        let mut rules = vec!["ct state established,related accept".to_owned()];
        for (number, service) in services.iter().enumerate() {
            let chain = if service.groups.is_some() { "endpoint" } else { "target" };
            rules.push(format!(
                "ct original ip daddr {} {} dport {} goto {chain}-{number}",
                service.address, service.protocol, service.target_port
            ));
        }
        rules.push("drop".to_owned());
        self.chain("balanced", &rules);
        Ok(())
    }
}
