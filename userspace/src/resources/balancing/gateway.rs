//! Gateway Load Balancers: what their target groups say of flows and of appliances that go (semantics 16).

use crate::resources::wire::says;
use crate::resources::{LoadBalancer, TargetGroup, VpcEndpoint, VpcEndpointService};

/// Where appliances listen.
pub const GENEVE_PORT: u16 = 6081;

/// What the packets have in common that go to one appliance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowStickiness {
    /// Addresses, protocol and ports.
    FiveTuple,
    /// Addresses and protocol.
    ThreeTuple,
    /// Addresses.
    TwoTuple,
}

impl LoadBalancer {
    #[must_use]
    pub fn is_gateway(&self) -> bool {
        says(self.load_balancer_type.as_deref(), "gateway")
    }

    /// Whether it is one, and packets meet it.
    #[must_use]
    pub fn is_gateway_and_there(&self) -> bool {
        self.is_gateway() && self.is_active()
    }
}

impl TargetGroup {
    /// Whether its targets are appliances.
    #[must_use]
    pub fn is_geneve(&self) -> bool {
        self.protocol.as_deref() == Some("GENEVE")
    }

    /// What flows are told apart by.
    #[must_use]
    pub fn flow_stickiness(&self) -> FlowStickiness {
        match self.attribute("stickiness.type") {
            _ if !self.is_sticky() => FlowStickiness::FiveTuple,
            Some("source_ip_dest_ip") => FlowStickiness::TwoTuple,
            _ => FlowStickiness::ThreeTuple,
        }
    }

    /// Whether flows of an appliance that takes no more of them go to another one.
    #[must_use]
    pub fn rebalances(&self) -> bool {
        self.attribute("target_failover.on_unhealthy") == Some("rebalance")
    }
}

impl VpcEndpoint {
    #[must_use]
    pub fn is_gateway_load_balancer(&self) -> bool {
        says(self.vpc_endpoint_type.as_deref(), "GatewayLoadBalancer")
    }

    /// Whether it is an ENI, or several, that brings a service into a VPC.
    #[must_use]
    pub fn is_of_service(&self) -> bool {
        self.is_interface() || self.is_gateway_load_balancer()
    }
}

impl VpcEndpointService {
    /// The ARNs of its load balancers, which are of one kind.
    #[must_use]
    pub fn load_balancer_arns(&self) -> &[String] {
        if self.network_load_balancer_arns.is_empty() {
            return &self.gateway_load_balancer_arns;
        }
        &self.network_load_balancer_arns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{Attribute, InterfaceType, Listener, Resources, provider};

    /// The provider's load balancer as one of type gateway, and the endpoint as one of it.
    fn gateway() -> Resources {
        let mut all = provider();
        all.load_balancers[0].load_balancer_type = Some("gateway".to_owned());
        for eni in &mut all.network_interfaces {
            eni.interface_type = match eni.interface_type {
                InterfaceType::NetworkLoadBalancer => InterfaceType::GatewayLoadBalancer,
                InterfaceType::VpcEndpoint => InterfaceType::GatewayLoadBalancerEndpoint,
                other => other,
            };
        }
        let service = &mut all.vpc_endpoint_services[0];
        std::mem::swap(
            &mut service.network_load_balancer_arns,
            &mut service.gateway_load_balancer_arns,
        );
        all.vpc_endpoints[0].vpc_endpoint_type = Some("GatewayLoadBalancer".to_owned());
        all.target_groups[0].protocol = Some("GENEVE".to_owned());
        all
    }

    fn behind(all: &Resources, at: usize) -> Option<&str> {
        let endpoint = &all.vpc_endpoints[0];
        let eni = all.interfaces_of(endpoint).nth(at)?;
        let (_, node) = all.node_behind(endpoint, eni)?;
        Some(&node.network_interface_id)
    }

    #[test]
    fn an_endpoint_is_answered_by_the_node_of_its_zone_and_kind() {
        let mut all = gateway();
        assert_eq!((behind(&all, 0), behind(&all, 1)), (Some("n2"), None));
        all.vpcs[1].region = "us-east-1".to_owned();
        assert_eq!(behind(&all, 1), None, "no other Region has one");
        all.vpc_endpoints[0].vpc_endpoint_type = Some("Interface".to_owned());
        assert_eq!(behind(&all, 0), None, "it is of another kind");
        let mut all = provider();
        all.vpc_endpoints[0].vpc_endpoint_type = Some("GatewayLoadBalancer".to_owned());
        assert_eq!(behind(&all, 0), None);
    }

    #[test]
    fn nodes_are_found_as_those_of_a_network_load_balancer() {
        let mut all = gateway();
        let balancer = &all.load_balancers[0];
        assert!(balancer.is_gateway_and_there() && balancer.is_there() && !balancer.is_network_and_there());
        let nodes: Vec<_> = all.nodes(balancer).map(|eni| &*eni.network_interface_id).collect();
        assert_eq!(nodes, ["n1", "n2"]);
        let node = all.node(&balancer.availability_zones[0]).expect("a node");
        assert_eq!(all.balancer_of(node), Some(balancer));
        let mut listener = Listener {
            load_balancer_arn: Some("arn".to_owned()),
            ..Listener::default()
        };
        listener.default_actions.push(crate::resources::Action {
            target_group_arn: Some("group".to_owned()),
            ..crate::resources::Action::default()
        });
        all.listeners.push(listener);
        assert_eq!(all.forwarding_to(&all.target_groups[0]).count(), 1);
    }

    #[test]
    fn a_group_says_what_flows_are_and_where_they_stay() {
        let group = |said: &[(&str, &str)]| {
            let attributes = said.iter().map(|(key, value)| Attribute {
                key: (*key).to_owned(),
                value: (*value).to_owned(),
            });
            TargetGroup {
                attributes: attributes.collect(),
                ..TargetGroup::default()
            }
        };
        let (on, by_address) = (("stickiness.enabled", "true"), ("stickiness.type", "source_ip_dest_ip"));
        assert_eq!(group(&[]).flow_stickiness(), FlowStickiness::FiveTuple);
        assert_eq!(group(&[by_address]).flow_stickiness(), FlowStickiness::FiveTuple);
        assert_eq!(group(&[on]).flow_stickiness(), FlowStickiness::ThreeTuple);
        assert_eq!(group(&[on, by_address]).flow_stickiness(), FlowStickiness::TwoTuple);
        assert!(!group(&[]).rebalances());
        assert!(group(&[("target_failover.on_unhealthy", "rebalance")]).rebalances());
    }
}
