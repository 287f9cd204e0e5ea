//! Gateway Load Balancers, and whom they may choose (semantics 16).

use super::load_balancer::{Service, is};
use super::{Eni, VpcAt, World};
use groundplane::resources::{Listener, RouteTarget};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const TCP: u8 = 6;

/// What flows are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Stickiness {
    /// And by addresses and protocol.
    Ports,
    /// And by addresses.
    Protocol,
    Addresses,
}

/// What a node does with everything.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Inspection<'a>(Service<'a>);

impl World {
    pub(in super::super) fn is_gateway_node(&self, eni: Eni) -> bool {
        self.balancer_of(eni)
            .is_some_and(|it| is(it.load_balancer_type.as_ref(), "gateway"))
    }

    pub(in super::super) fn is_gateway_balancer_endpoint(&self, eni: Eni) -> bool {
        let found = self.endpoint_of(eni);
        found.is_some_and(|found| is(found.vpc_endpoint_type.as_ref(), "GatewayLoadBalancer"))
    }

    /// The ENI of an endpoint that a route of a VPC leads to.
    pub(in super::super) fn led_to(&self, target: &RouteTarget, vpc: VpcAt) -> Option<Eni> {
        let RouteTarget::VpcEndpoint(id) = target else {
            return None;
        };
        let is_it = |eni: &Eni| self.endpoint_of(*eni).is_some_and(|it| it.vpc_endpoint_id == *id);
        let mut enis = self.enis().filter(|eni| self.vpc_of(*eni) == vpc);
        enis.find(|eni| is_it(eni) && self.is_gateway_balancer_endpoint(*eni))
    }

    pub(in super::super) fn primary(&self, eni: Eni) -> Ipv4Addr {
        let addresses = &self.interface(eni).private_ip_addresses;
        *addresses.first().expect("every ENI has an address")
    }

    /// "listens on all IP traffic".
    pub(in super::super) fn inspection(&self, node: Eni) -> Option<Inspection<'_>> {
        let balancer = self.balancer_of(node)?;
        let is_its = |it: &&Listener| it.load_balancer_arn.as_ref() == Some(&balancer.load_balancer_arn);
        let listener = self.resources.listeners.iter().find(is_its)?;
        Some(Inspection(self.service_of(node, balancer, listener, TCP)))
    }
}

impl Inspection<'_> {
    pub(in super::super) fn stickiness(&self) -> Stickiness {
        match self.0.said("stickiness.type") {
            _ if !self.0.is_sticky() => Stickiness::Ports,
            Some("source_ip_dest_ip") => Stickiness::Addresses,
            _ => Stickiness::Protocol,
        }
    }

    /// "both must be equal".
    pub(in super::super) fn rebalances(&self) -> bool {
        self.0.said("target_failover.on_unhealthy") == Some("rebalance")
    }

    /// "TCP 350 s (60-6000 when 5-tuple)", and "UDP/other 120 s fixed".
    pub(in super::super) fn idle(&self, protocol: u8) -> Duration {
        self.0.of_protocol(protocol).idle()
    }

    /// "dst = appliance IP": appliances have IPv4 on the outside.
    pub(in super::super) fn candidates(&self) -> Vec<Ipv4Addr> {
        let like = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let targets = self.0.candidates(like).into_iter();
        let addresses = targets.filter_map(|target| match target.address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        });
        addresses.collect()
    }

    /// Whether an appliance has the flows that it has, if those of others go elsewhere.
    pub(in super::super) fn holds(&self, appliance: Ipv4Addr) -> bool {
        self.0.holds(appliance.into())
    }
}
