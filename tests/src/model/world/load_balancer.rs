//! Load balancers, whom they may choose, and the endpoints that lead to them (semantics 13, 14).

use super::{Eni, SubnetAt, World};
use groundplane::resources::{
    Attribute, InterfaceType, Listener, LoadBalancer, TargetGroup, TargetHealthDescription, VpcEndpoint,
    VpcEndpointService,
};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

const TCP: u8 = 6;
/// 13.6: "TCP idle 350 s (60 to 6000 settable per listener)".
const IDLE: Duration = Duration::from_secs(350);
/// "UDP idle 120 s fixed".
const UDP_IDLE: Duration = Duration::from_secs(120);

/// Where a node passes packets on to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Target {
    pub(in super::super) address: IpAddr,
    pub(in super::super) port: u16,
}

/// What a node does with the packets of a protocol to a port.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Service<'a> {
    world: &'a World,
    subnet: SubnetAt,
    balancer: &'a LoadBalancer,
    listener: &'a Listener,
    group: Option<&'a TargetGroup>,
    protocol: u8,
}

/// A target as its group has it registered.
#[derive(Clone, Copy, Debug)]
struct Registered<'a> {
    target: Target,
    state: &'a str,
    /// In a zone that the load balancer is in. Elsewhere it is `unused` (13.1).
    is_enabled: bool,
    /// In the node's own zone.
    is_near: bool,
}

fn attribute<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    found.map(|attribute| &*attribute.value)
}

/// Whether a list of the API's words has one, in upper or lower case.
pub(super) fn is(said: Option<&String>, word: &str) -> bool {
    said.is_some_and(|said| said.eq_ignore_ascii_case(word))
}

/// The type of the ENIs that are the nodes of a load balancer, if it is there.
fn node_type(balancer: &LoadBalancer) -> Option<InterfaceType> {
    let code = balancer.state.as_ref().and_then(|state| state.code.as_deref());
    match balancer.load_balancer_type.as_deref() {
        _ if !matches!(code, None | Some("active")) => None,
        Some("network") => Some(InterfaceType::NetworkLoadBalancer),
        Some("gateway") => Some(InterfaceType::GatewayLoadBalancer),
        _ => None,
    }
}

impl World {
    pub(in super::super) fn is_node(&self, eni: Eni) -> bool {
        self.balancer_of(eni).is_some() && !self.is_gateway_node(eni)
    }

    pub(in super::super) fn is_endpoint(&self, eni: Eni) -> bool {
        self.endpoint_of(eni).is_some() && !self.is_gateway_balancer_endpoint(eni)
    }

    /// The load balancer whose node an ENI is.
    pub(super) fn balancer_of(&self, eni: Eni) -> Option<&LoadBalancer> {
        self.nodes.get(&eni).map(|at| &self.resources.load_balancers[*at])
    }

    pub(super) fn find_nodes(&self) -> BTreeMap<Eni, usize> {
        let balancers = self.resources.load_balancers.iter().enumerate();
        let nodes = balancers.flat_map(|(at, it)| self.nodes_of(it).map(move |eni| (eni, at)));
        nodes.collect()
    }

    /// The nodes of a load balancer: of each zone the ENI in its subnet with its address.
    fn nodes_of<'a>(&'a self, balancer: &'a LoadBalancer) -> impl Iterator<Item = Eni> + 'a {
        let node_type = node_type(balancer);
        balancer.availability_zones.iter().filter_map(move |zone| {
            let address = zone.load_balancer_addresses.first()?.private_ipv4_address?;
            let subnet = zone.subnet_id.as_deref()?;
            self.enis().find(|eni| {
                let eni = self.interface(*eni);
                let is_its = eni.subnet_id == subnet && eni.has(address.into());
                is_its && Some(eni.interface_type) == node_type
            })
        })
    }

    pub(in super::super) fn nodes(&self) -> impl Iterator<Item = Eni> + '_ {
        self.nodes.keys().copied().filter(|eni| self.is_node(*eni))
    }

    /// Whether an ENI is one that a node's targets may have: in the VPC, or in one that it is peered with (13.3).
    pub(in super::super) fn may_answer(&self, node: Eni, target: Eni) -> bool {
        let (own, other) = (self.vpc_of(node), self.vpc_of(target));
        own == other || self.peers(own).any(|peer| peer == other)
    }

    /// The address that a node has of a family.
    pub(in super::super) fn address_like(&self, node: Eni, like: IpAddr) -> Option<IpAddr> {
        let eni = self.interface(node);
        match like {
            IpAddr::V4(_) => eni.private_ip_addresses.first().map(|&address| address.into()),
            IpAddr::V6(_) => eni.ipv6_addresses.first().map(|&address| address.into()),
        }
    }

    /// 13.8: "Optional".
    pub(in super::super) fn has_groups(&self, eni: Eni) -> bool {
        !self.interface(eni).groups.is_empty()
    }

    /// 13.8: "For PrivateLink traffic, ingress is evaluated only if
    /// EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic=on (default)".
    pub(in super::super) fn is_enforced(&self, node: Eni) -> bool {
        let balancer = self.balancer_of(node);
        let said = balancer.and_then(|it| it.enforce_security_group_inbound_rules_on_private_link_traffic.as_ref());
        !is(said, "off")
    }

    /// 13.2: "Destination port/protocol must match a listener".
    pub(in super::super) fn service(&self, node: Eni, protocol: u8, port: u16) -> Option<Service<'_>> {
        let balancer = self.balancer_of(node)?;
        let wanted = if protocol == TCP { "TCP" } else { "UDP" };
        let listens = |listener: &&Listener| {
            let said = listener.protocol.as_deref();
            let is_its = listener.load_balancer_arn.as_ref() == Some(&balancer.load_balancer_arn);
            is_its && listener.port == Some(port) && (said == Some(wanted) || said == Some("TCP_UDP"))
        };
        let listener = self.resources.listeners.iter().find(listens)?;
        Some(self.service_of(node, balancer, listener, protocol))
    }

    pub(super) fn service_of<'a>(
        &'a self,
        node: Eni,
        balancer: &'a LoadBalancer,
        listener: &'a Listener,
        protocol: u8,
    ) -> Service<'a> {
        Service {
            world: self,
            subnet: self.subnet_of(node),
            balancer,
            listener,
            group: self.forwards_to(listener),
            protocol,
        }
    }

    /// "one default forward action".
    fn forwards_to(&self, listener: &Listener) -> Option<&TargetGroup> {
        let action = listener.default_actions.first()?;
        let several = action.forward_config.as_ref();
        let first = several.and_then(|config| config.target_groups.first()?.target_group_arn.as_ref());
        let arn = action.target_group_arn.as_ref().or(first)?;
        let mut groups = self.resources.target_groups.iter();
        groups.find(|group| group.target_group_arn == *arn)
    }

    pub(super) fn endpoint_of(&self, eni: Eni) -> Option<&VpcEndpoint> {
        self.endpoints.get(&eni).map(|at| &self.resources.vpc_endpoints[*at])
    }

    pub(super) fn find_endpoints(&self) -> BTreeMap<Eni, usize> {
        let endpoints = self.resources.vpc_endpoints.iter().enumerate();
        let enis = endpoints.flat_map(|(at, it)| {
            let enis = it.network_interface_ids.iter();
            enis.filter_map(move |id| Some((self.eni_of_id(id)?, at)))
        });
        enis.collect()
    }

    /// 14.3: "Packets pass only in Available."
    pub(in super::super) fn is_available(&self, endpoint: Eni) -> bool {
        let found = self.endpoint_of(endpoint);
        found.is_some_and(|found| is(found.state.as_ref(), "available"))
    }

    /// 14.3: "each endpoint ENI is bound to the NLB node in its own AZ", and "Cross-Region endpoints do not need
    /// matching AZs".
    pub(in super::super) fn node_behind(&self, endpoint: Eni) -> Option<Eni> {
        let said = self.endpoint_of(endpoint)?;
        let service = self.service_named(said.service_name.as_deref()?)?;
        let own = self.subnet(self.subnet_of(endpoint));
        let is_gateway = self.is_gateway_balancer_endpoint(endpoint);
        let arns = match is_gateway {
            true => service.gateway_load_balancer_arns.iter(),
            false => service.network_load_balancer_arns.iter(),
        };
        let balancers = arns.filter_map(|arn| {
            let mut all = self.resources.load_balancers.iter();
            all.find(|balancer| balancer.load_balancer_arn == *arn)
        });
        let mut nodes = balancers.flat_map(|balancer| self.nodes_of(balancer));
        let region = |eni: Eni| &self.vpc(self.vpc_of(eni)).region;
        nodes.find(|node| {
            let zone = &self.subnet(self.subnet_of(*node)).availability_zone_id;
            let other = said.service_region.as_ref().unwrap_or(region(*node));
            !is_gateway && other != region(endpoint) || *zone == own.availability_zone_id
        })
    }

    fn service_named(&self, name: &str) -> Option<&VpcEndpointService> {
        let mut services = self.resources.vpc_endpoint_services.iter();
        services.find(|service| service.service_name.as_deref() == Some(name))
    }
}

impl<'a> Service<'a> {
    pub(super) fn of_protocol(self, protocol: u8) -> Self {
        Self { protocol, ..self }
    }

    /// After so much silence a connection is forgotten.
    pub(in super::super) fn idle(&self) -> Duration {
        if self.protocol != TCP {
            return UDP_IDLE;
        }
        let said = attribute(&self.listener.attributes, "tcp.idle_timeout.seconds");
        said.and_then(|said| said.parse().ok())
            .map_or(IDLE, Duration::from_secs)
    }

    /// By what its targets are told from those of others.
    pub(in super::super) fn group(&self) -> Option<&'a str> {
        self.group.map(|group| &*group.target_group_arn)
    }

    pub(super) fn said(&self, key: &str) -> Option<&'a str> {
        attribute(&self.group?.attributes, key)
    }

    /// 13.2: "all flows of a source IP to one target".
    pub(in super::super) fn is_sticky(&self) -> bool {
        self.said("stickiness.enabled") == Some("true")
    }

    /// 13.3: "instance targets on; ip targets with UDP/TCP_UDP on; ip targets with TCP/TLS off. Cannot be turned off
    /// for UDP/TCP_UDP."
    pub(in super::super) fn preserves_client(&self) -> bool {
        let Some(group) = self.group else { return false };
        if matches!(group.protocol.as_deref(), Some("UDP" | "TCP_UDP")) {
            return true;
        }
        match self.said("preserve_client_ip.enabled") {
            Some(said) => said == "true",
            None => group.target_type.as_deref() != Some("ip"),
        }
    }

    /// 13.2: "the target-group value true|false|use_load_balancer_configuration overrides".
    fn crosses_zones(&self) -> bool {
        const KEY: &str = "load_balancing.cross_zone.enabled";
        let own = self.said(KEY).filter(|said| matches!(*said, "true" | "false"));
        own.or(attribute(&self.balancer.attributes, KEY)) == Some("true")
    }

    /// 13.2: "healthy targets in the node's own AZ; all enabled AZs if cross-zone is on". Those of the packet's family.
    pub(in super::super) fn candidates(&self, like: IpAddr) -> Vec<Target> {
        let crosses = self.crosses_zones();
        let in_scope = self.registered().filter(|it| it.is_enabled && (crosses || it.is_near));
        let takes = in_scope.filter(|it| self.takes(it));
        let all = takes.map(|it| it.target);
        all.filter(|target| target.address.is_ipv4() == like.is_ipv4())
            .collect()
    }

    /// Whether a target takes new flows: "fail open to all registered targets when every target in all enabled AZs is
    /// unhealthy".
    fn takes(&self, target: &Registered<'_>) -> bool {
        let is_usable = |it: &Registered<'_>| matches!(it.state, "" | "healthy" | "initial");
        let mut enabled = self.registered().filter(|it| it.is_enabled);
        is_usable(target) || target.state == "unhealthy" && !enabled.any(|it| is_usable(&it))
    }

    /// Whether the flows of a target go on. 13.5: of an unhealthy one "packets of its existing TCP connections get RST
    /// (connection_termination.enabled, default true; can't be enabled for UDP) unless failing open"; 13.6: "draining,
    /// no new flows, existing continue".
    pub(in super::super) fn keeps(&self, target: Target) -> bool {
        let ends = self.said("target_health_state.unhealthy.connection_termination.enabled") != Some("false");
        let mut registered = self.registered().filter(|it| it.target == target);
        registered.any(|it| {
            let is_kept = match it.state {
                "unhealthy" => self.protocol != TCP || !ends,
                state => state.ends_with("draining"),
            };
            self.takes(&it) || is_kept
        })
    }

    /// Whether who has an address is a target that takes new flows in any zone.
    pub(super) fn holds(&self, address: IpAddr) -> bool {
        let mut registered = self.registered().filter(|it| it.target.address == address);
        registered.any(|it| it.is_enabled && self.takes(&it))
    }

    fn registered(&self) -> impl Iterator<Item = Registered<'a>> {
        let service = *self;
        let all = self.group.map_or(&[][..], |group| &group.target_health_descriptions);
        all.iter().filter_map(move |said| service.register(said))
    }

    fn register(&self, said: &'a TargetHealthDescription) -> Option<Registered<'a>> {
        let world = self.world;
        let group = self.group?;
        let port = said.target.port.or(group.port)?;
        let (address, eni) = self.find(&said.target.id)?;
        let of_eni = eni.map(|eni| &*world.subnet(world.subnet_of(eni)).availability_zone);
        // 13.4: who is outside of the VPC is in every zone.
        let zone = said.target.availability_zone.as_deref().or(of_eni).unwrap_or("all");
        let is_in = |subnet: SubnetAt| zone == "all" || zone == world.subnet(subnet).availability_zone;
        let mut subnets = self.balancer.availability_zones.iter().filter_map(|zone| {
            let subnet_id = zone.subnet_id.as_deref()?;
            world.subnet_with_id(subnet_id)
        });
        Some(Registered {
            target: Target { address, port },
            state: said.target_health.state.as_deref().unwrap_or_default(),
            is_enabled: subnets.any(is_in),
            is_near: is_in(self.subnet),
        })
    }

    /// The address of a target, and who has it: "instance targets: primary private IP of the primary ENI".
    fn find(&self, id: &str) -> Option<(IpAddr, Option<Eni>)> {
        let world = self.world;
        let vpc_id = self.group?.vpc_id.as_deref();
        let in_vpc = || {
            world
                .enis()
                .filter(|eni| Some(&*world.interface(*eni).vpc_id) == vpc_id)
        };
        if let Ok(address) = id.parse::<IpAddr>() {
            return Some((address, in_vpc().find(|eni| world.interface(*eni).has(address))));
        }
        let eni = in_vpc().find(|eni| {
            let attachment = world.interface(*eni).attachment.as_ref();
            let is_instance = attachment.is_some_and(|it| {
                it.instance_id.as_deref() == Some(id) && it.device_index.is_none_or(|index| index == 0)
            });
            is_instance || world.interface(*eni).network_interface_id == id
        })?;
        let address = *world.interface(eni).private_ip_addresses.first()?;
        Some((address.into(), Some(eni)))
    }
}
