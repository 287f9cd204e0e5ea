//! What the objects of load balancers and PrivateLink mean together (semantics 13, 14, 16): who is a node, which
//! targets there are, and whose node answers for an endpoint.
//!
//! `document` has filled in what this reads. Whatever isn't there is nobody's node and no target, never an error: that
//! it is missing has been told.

mod endpoint;
mod gateway;
mod link;
mod target;
#[cfg(test)]
pub(crate) mod tests;

pub use gateway::{FlowStickiness, GENEVE_PORT};
pub use target::{TargetPlace, TargetUse, TargetZone};

use super::wire::says;
use super::{Attribute, Listener, LoadBalancer, LoadBalancerZone, NetworkInterface, Resources, TargetGroup};
use std::net::{Ipv4Addr, Ipv6Addr};

/// After how many seconds without a packet a UDP flow through a load balancer ends (semantics 13.6).
pub const BALANCED_UDP_IDLE: u32 = 120;

const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";

impl LoadBalancer {
    #[must_use]
    pub fn is_network(&self) -> bool {
        says(self.load_balancer_type.as_deref(), "network")
    }

    /// Whether it is one, and packets meet it.
    #[must_use]
    pub fn is_network_and_there(&self) -> bool {
        self.is_network() && self.is_active()
    }

    /// Whether packets meet it, of whichever type it is.
    #[must_use]
    pub fn is_there(&self) -> bool {
        (self.is_network() || self.is_gateway()) && self.is_active()
    }

    fn is_active(&self) -> bool {
        let state = self.state.as_ref().and_then(|state| state.code.as_deref());
        state.is_none_or(|state| says(Some(state), "active"))
    }

    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&str> {
        attribute(&self.attributes, key)
    }

    /// Whether its groups are asked about clients that come by PrivateLink (semantics 13.8).
    #[must_use]
    pub fn judges_private_link(&self) -> bool {
        let said = self
            .enforce_security_group_inbound_rules_on_private_link_traffic
            .as_deref();
        !self.security_groups.is_empty() && !says(said, "off")
    }
}

impl LoadBalancerZone {
    /// The private address of the zone's node.
    #[must_use]
    pub fn node_address(&self) -> Option<Ipv4Addr> {
        self.load_balancer_addresses.first()?.private_ipv4_address
    }

    #[must_use]
    pub fn node_ipv6_address(&self) -> Option<Ipv6Addr> {
        self.load_balancer_addresses.first()?.ipv6_address
    }

    /// Whether an ENI is the zone's node.
    #[must_use]
    pub fn has_node(&self, eni: &NetworkInterface) -> bool {
        let address = self.node_address();
        eni.interface_type.is_node()
            && self.subnet_id.as_ref() == Some(&eni.subnet_id)
            && address.is_some_and(|address| eni.private_ip_addresses.contains(&address))
    }
}

impl Listener {
    /// The ARN of the target group that it forwards to.
    #[must_use]
    pub fn forwards_to(&self) -> Option<&str> {
        let action = self.default_actions.first()?;
        let config = action.forward_config.as_ref();
        let first = config.and_then(|config| config.target_groups.first());
        let first = first.and_then(|group| group.target_group_arn.as_deref());
        action.target_group_arn.as_deref().or(first)
    }

    #[must_use]
    pub fn takes_tcp(&self) -> bool {
        matches!(self.protocol.as_deref(), Some("TCP" | "TCP_UDP"))
    }

    #[must_use]
    pub fn takes_udp(&self) -> bool {
        matches!(self.protocol.as_deref(), Some("UDP" | "TCP_UDP"))
    }

    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&str> {
        attribute(&self.attributes, key)
    }

    /// After how many seconds without a packet a TCP connection ends.
    #[must_use]
    pub fn tcp_idle(&self) -> u32 {
        let said = self.attribute("tcp.idle_timeout.seconds");
        said.and_then(|seconds| seconds.parse().ok()).unwrap_or(350)
    }
}

impl TargetGroup {
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&str> {
        attribute(&self.attributes, key)
    }

    /// Whether a target sees the addresses of clients that don't come by PrivateLink (semantics 13.3).
    #[must_use]
    pub fn preserves_client(&self) -> bool {
        let is_udp = self.protocol.as_deref().is_some_and(|it| it.contains("UDP"));
        match self.attribute("preserve_client_ip.enabled") {
            _ if is_udp => true,
            Some(given) => given == "true",
            None => !says(self.target_type.as_deref(), "ip"),
        }
    }

    /// Whether a node of a load balancer forwards to targets of other zones.
    #[must_use]
    pub fn is_cross_zone(&self, balancer: &LoadBalancer) -> bool {
        let own = self.attribute(CROSS_ZONE);
        let own = own.filter(|value| matches!(*value, "true" | "false"));
        own.or(balancer.attribute(CROSS_ZONE)) == Some("true")
    }

    /// Whether all flows of a source address go to one target.
    #[must_use]
    pub fn is_sticky(&self) -> bool {
        self.attribute("stickiness.enabled") == Some("true")
    }

    /// Whether targets are told the client by a header of its own before the stream (semantics 13.7).
    #[must_use]
    pub fn has_proxy_protocol(&self) -> bool {
        self.attribute("proxy_protocol_v2.enabled") == Some("true")
    }

    /// Whether the TCP connections of a target that is unhealthy or unused are reset (semantics 13.5).
    #[must_use]
    pub fn resets_unhealthy(&self) -> bool {
        self.attribute("target_health_state.unhealthy.connection_termination.enabled") != Some("false")
    }
}

impl Resources {
    /// The node of a load balancer in one of its zones.
    #[must_use]
    pub fn node(&self, zone: &LoadBalancerZone) -> Option<&NetworkInterface> {
        self.network_interfaces.iter().find(|eni| zone.has_node(eni))
    }

    /// All nodes of a load balancer, in the order of its zones.
    pub fn nodes<'a>(&'a self, balancer: &'a LoadBalancer) -> impl Iterator<Item = &'a NetworkInterface> {
        balancer.availability_zones.iter().filter_map(|zone| self.node(zone))
    }

    /// The load balancer that an ENI is a node of.
    #[must_use]
    pub fn balancer_of(&self, eni: &NetworkInterface) -> Option<&LoadBalancer> {
        let has_node = |one: &&LoadBalancer| one.availability_zones.iter().any(|zone| zone.has_node(eni));
        self.load_balancers.iter().find(has_node)
    }

    /// The listeners of a load balancer.
    pub fn listeners_of<'a>(&'a self, balancer: &'a LoadBalancer) -> impl Iterator<Item = &'a Listener> {
        let is_its = |one: &&Listener| one.load_balancer_arn.as_ref() == Some(&balancer.load_balancer_arn);
        self.listeners.iter().filter(is_its)
    }

    /// The load balancers that are there and whose listeners forward to a target group.
    pub fn forwarding_to<'a>(&'a self, group: &'a TargetGroup) -> impl Iterator<Item = &'a LoadBalancer> {
        let forwards = |balancer: &&LoadBalancer| {
            let mut listeners = self.listeners_of(balancer);
            listeners.any(|listener| listener.forwards_to() == Some(&group.target_group_arn))
        };
        let there = self.load_balancers.iter().filter(|one| one.is_there());
        there.filter(forwards)
    }

    /// The target group that a listener forwards to.
    #[must_use]
    pub fn target_group(&self, listener: &Listener) -> Option<&TargetGroup> {
        let arn = listener.forwards_to()?;
        self.target_groups.iter().find(|group| group.target_group_arn == arn)
    }
}

fn attribute<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    found.map(|attribute| &*attribute.value)
}
