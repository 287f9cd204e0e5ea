//! Gateway Load Balancers of a topology, their appliances, and the endpoints by which routes lead to them.

use super::Topology;
use super::load_balancer::{BalancerType, set};
use groundplane::resources::{Action, InterfaceType, Listener, RouteTarget, VpcEndpoint};

impl Topology {
    /// A Gateway Load Balancer with a node in each of these subnets, at this address. A node's ENI has the names of
    /// both.
    pub fn gateway_balancer(&mut self, name: &str, nodes: &[(&str, &str)]) -> &mut Self {
        self.balancer(name, BalancerType::Gateway, nodes)
    }

    /// Everything that comes to a Gateway Load Balancer goes to one of these ENIs, by their addresses.
    pub fn appliances(&mut self, balancer: &str, group: &str, enis: &[&str]) -> &mut Self {
        self.target_group(group, "ip", "GENEVE", 6081);
        for eni in enis {
            self.target(group, eni);
        }
        let target_groups = self.resources.target_groups.iter();
        let arn = target_groups.last().map(|group| group.target_group_arn.clone());
        let listener = Listener {
            name: format!("{balancer}-all"),
            listener_arn: self.arn("listener/gwy", &format!("{balancer}-all")),
            load_balancer_arn: Some(self.balancer_arn(balancer)),
            default_actions: vec![Action {
                action_type: Some("forward".to_owned()),
                target_group_arn: arn,
                ..Action::default()
            }],
            ..Listener::default()
        };
        self.resources.listeners.push(listener);
        self
    }

    /// After so many seconds a Gateway Load Balancer forgets TCP flows.
    pub fn inspection_idle(&mut self, balancer: &str, seconds: u16) -> &mut Self {
        let arn = self.balancer_arn(balancer);
        let listeners = self.resources.listeners.iter_mut();
        for listener in listeners.filter(|it| it.load_balancer_arn.as_ref() == Some(&arn)) {
            set(
                &mut listener.attributes,
                "tcp.idle_timeout.seconds",
                &seconds.to_string(),
            );
        }
        self
    }

    /// An endpoint of a Gateway Load Balancer's service, in a subnet, at this address. Its ENI has the names of both.
    pub fn inspection(&mut self, name: &str, service: &str, subnet: &str, address: &str) -> &mut Self {
        self.within(subnet);
        let eni = format!("{name}-{subnet}");
        self.component(&eni, address, InterfaceType::GatewayLoadBalancerEndpoint);
        let eni = self.interface(&eni);
        let (id, vpc_id, subnet_id) = (&eni.network_interface_id, &eni.vpc_id, &eni.subnet_id);
        let endpoint = VpcEndpoint {
            name: name.to_owned(),
            vpc_endpoint_type: Some("GatewayLoadBalancer".to_owned()),
            vpc_id: Some(vpc_id.clone()),
            subnet_ids: vec![subnet_id.clone()],
            network_interface_ids: vec![id.clone()],
            service_name: self.service_name(service),
            state: Some("available".to_owned()),
            ..VpcEndpoint::default()
        };
        let vpc_endpoint_id = self.id("vpce");
        self.resources.vpc_endpoints.push(VpcEndpoint {
            vpc_endpoint_id,
            ..endpoint
        });
        self
    }

    /// A static route of a subnet's table to an endpoint of a Gateway Load Balancer.
    pub fn route_inspected(&mut self, subnet: &str, destination: &str, endpoint: &str) -> &mut Self {
        let target = self.inspection_target(endpoint);
        self.route_to(subnet, destination, target)
    }

    /// The same of an internet gateway's table.
    pub fn edge_inspected(&mut self, table: &str, destination: &str, endpoint: &str) -> &mut Self {
        let target = self.inspection_target(endpoint);
        self.edge_route_to(table, destination, target)
    }

    fn inspection_target(&self, name: &str) -> RouteTarget {
        let mut endpoints = self.resources.vpc_endpoints.iter();
        let found = endpoints.find(|it| it.name == name);
        let found = found.unwrap_or_else(|| panic!("no endpoint {name}"));
        RouteTarget::VpcEndpoint(found.vpc_endpoint_id.clone())
    }

    /// What S96 is given: whatever p1 says to the internet, and hears from it, goes by `g` to one of two appliances in
    /// VPC-G, which has VPC-A's addresses.
    pub fn inspected(&mut self) -> &mut Self {
        self.vpc("VPC-G", "10.0.0.0/16")
            .subnet("G1", "10.0.1.0/24")
            .zone("G1", "az1")
            .eni("fw-1", "10.0.1.81")
            .eni("fw-2", "10.0.1.82")
            .gateway_balancer("gwlb", &[("G1", "10.0.1.80")])
            .appliances("gwlb", "firewalls", &["fw-1", "fw-2"])
            .endpoint_service("svc-G", &["gwlb"])
            .within("APUB")
            .subnet("A-GW", "10.0.30.0/24")
            .zone("A-GW", "az1")
            .inspection("g", "svc-G", "A-GW", "10.0.30.4")
            .route_out("A-GW", "0.0.0.0/0", "igw-A")
            .edge_table("edge", "igw-A")
            .edge_inspected("edge", "10.0.10.0/24", "g")
            .route_inspected("APUB", "0.0.0.0/0", "g")
            .within("APUB")
    }
}
