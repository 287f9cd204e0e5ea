//! Load balancers of a topology, what they pass packets on to, and the endpoints that lead to them.

use super::shorthand::{address4, address6};
use super::{Groups, Topology};
use groundplane::resources::{
    Action, AllowedPrincipal, Attribute, EndpointGroup, InterfaceType, Listener, LoadBalancer, LoadBalancerAddress,
    LoadBalancerZone, NetworkInterface, SubnetConfiguration, Target, TargetGroup, TargetHealth,
    TargetHealthDescription, VpcEndpoint, VpcEndpointService,
};

/// Where the objects of a topology are that have ARNs.
const ARN: &str = "arn:aws:elasticloadbalancing:us-east-1:111122223333";

/// Finds an object by its name.
macro_rules! named {
    ($topology:ident, $list:ident, $name:ident) => {{
        let mut all = $topology.resources.$list.iter_mut();
        let found = all.find(|it| it.name == $name);
        found.unwrap_or_else(|| panic!("no {} in {}", $name, stringify!($list)))
    }};
}

/// The two types of load balancers that packets meet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BalancerType {
    Network,
    Gateway,
}

impl Topology {
    /// An internal Network Load Balancer with a node in each of these subnets, at this address. A node's ENI has the
    /// names of both: that of `nlb` in `A1` is `nlb-A1`. It has no groups.
    pub fn load_balancer(&mut self, name: &str, nodes: &[(&str, &str)]) -> &mut Self {
        self.balancer(name, BalancerType::Network, nodes)
    }

    pub(super) fn balancer(&mut self, name: &str, kind: BalancerType, nodes: &[(&str, &str)]) -> &mut Self {
        let (said, arn, interface_type) = match kind {
            BalancerType::Network => ("network", "loadbalancer/net", InterfaceType::NetworkLoadBalancer),
            BalancerType::Gateway => ("gateway", "loadbalancer/gwy", InterfaceType::GatewayLoadBalancer),
        };
        let mut zones = Vec::new();
        for (subnet, address) in nodes {
            self.within(subnet);
            self.component(&format!("{name}-{subnet}"), address, interface_type);
            zones.push(LoadBalancerZone {
                zone_name: Some(self.resources.subnets[self.subnet].availability_zone.clone()),
                subnet_id: Some(self.resources.subnets[self.subnet].subnet_id.clone()),
                load_balancer_addresses: vec![LoadBalancerAddress {
                    private_ipv4_address: Some(address4(address)),
                    ..LoadBalancerAddress::default()
                }],
                ..LoadBalancerZone::default()
            });
        }
        let balancer = LoadBalancer {
            name: name.to_owned(),
            load_balancer_arn: self.arn(arn, name),
            load_balancer_name: Some(name.to_owned()),
            load_balancer_type: Some(said.to_owned()),
            scheme: (kind == BalancerType::Network).then(|| "internal".to_owned()),
            vpc_id: Some(self.resources.vpcs[self.vpc].vpc_id.clone()),
            availability_zones: zones,
            ..LoadBalancer::default()
        };
        self.resources.load_balancers.push(balancer);
        self
    }

    /// The groups of a load balancer and of its nodes.
    pub fn balancer_groups(&mut self, name: &str, groups: &[&str]) -> &mut Self {
        let groups: Vec<_> = groups.iter().map(|group| self.group_id(group)).collect();
        named!(self, load_balancers, name).security_groups.clone_from(&groups);
        for eni in self.nodes_mut(name) {
            eni.groups.clone_from(&groups);
        }
        self
    }

    fn nodes_mut(&mut self, name: &str) -> impl Iterator<Item = &mut NetworkInterface> {
        let zones = named!(self, load_balancers, name).availability_zones.clone();
        let enis = self.resources.network_interfaces.iter_mut();
        enis.filter(move |eni| {
            let is_in = |zone: &LoadBalancerZone| {
                let address = zone.load_balancer_addresses[0].private_ipv4_address;
                zone.subnet_id.as_ref() == Some(&eni.subnet_id) && address == Some(eni.private_ip_addresses[0])
            };
            eni.interface_type == InterfaceType::NetworkLoadBalancer && zones.iter().any(is_in)
        })
    }

    /// The IPv6 address of a load balancer's node in a subnet.
    pub fn balancer6(&mut self, name: &str, subnet: &str, address: &str) -> &mut Self {
        self.within(subnet)
            .secondary_address(&format!("{name}-{subnet}"), address);
        let subnet_id = self.resources.subnets[self.subnet].subnet_id.clone();
        let balancer = named!(self, load_balancers, name);
        balancer.ip_address_type = Some("dualstack".to_owned());
        let zones = balancer.availability_zones.iter_mut();
        for zone in zones.filter(|zone| zone.subnet_id.as_ref() == Some(&subnet_id)) {
            zone.load_balancer_addresses[0].ipv6_address = Some(address6(address));
        }
        self
    }

    /// Whether a load balancer's groups are asked about what comes by endpoints.
    pub fn enforced(&mut self, name: &str, on: bool) -> &mut Self {
        let said = if on { "on" } else { "off" };
        named!(self, load_balancers, name).enforce_security_group_inbound_rules_on_private_link_traffic =
            Some(said.to_owned());
        self
    }

    pub fn balancer_attribute(&mut self, name: &str, key: &str, value: &str) -> &mut Self {
        set(&mut named!(self, load_balancers, name).attributes, key, value);
        self
    }

    /// What comes to a port of a load balancer goes to a target group.
    pub fn listener(&mut self, balancer: &str, protocol: &str, port: u16, group: &str) -> &mut Self {
        let name = format!("{balancer}-{port}-{}", protocol.to_lowercase());
        let listener = Listener {
            listener_arn: self.arn("listener/net", &name),
            name,
            load_balancer_arn: Some(named!(self, load_balancers, balancer).load_balancer_arn.clone()),
            port: Some(port),
            protocol: Some(protocol.to_owned()),
            default_actions: vec![Action {
                action_type: Some("forward".to_owned()),
                target_group_arn: Some(named!(self, target_groups, group).target_group_arn.clone()),
                ..Action::default()
            }],
            ..Listener::default()
        };
        self.resources.listeners.push(listener);
        self
    }

    /// Nobody listens to a port any more.
    pub fn no_listener(&mut self, balancer: &str, port: u16) -> &mut Self {
        let arn = named!(self, load_balancers, balancer).load_balancer_arn.clone();
        let is_its = |it: &Listener| it.load_balancer_arn.as_ref() == Some(&arn) && it.port == Some(port);
        self.resources.listeners.retain(|listener| !is_its(listener));
        self
    }

    /// After so many seconds a load balancer forgets TCP connections to a port.
    pub fn listener_idle(&mut self, balancer: &str, port: u16, seconds: u16) -> &mut Self {
        let arn = named!(self, load_balancers, balancer).load_balancer_arn.clone();
        let listeners = self.resources.listeners.iter_mut();
        for listener in listeners.filter(|it| it.load_balancer_arn.as_ref() == Some(&arn) && it.port == Some(port)) {
            set(
                &mut listener.attributes,
                "tcp.idle_timeout.seconds",
                &seconds.to_string(),
            );
        }
        self
    }

    /// A group of the VPC's targets, `ip` or `instance`.
    pub fn target_group(&mut self, name: &str, target_type: &str, protocol: &str, port: u16) -> &mut Self {
        let group = TargetGroup {
            name: name.to_owned(),
            target_group_arn: self.arn("targetgroup", name),
            target_group_name: Some(name.to_owned()),
            protocol: Some(protocol.to_owned()),
            port: Some(port),
            vpc_id: Some(self.resources.vpcs[self.vpc].vpc_id.clone()),
            target_type: Some(target_type.to_owned()),
            ..TargetGroup::default()
        };
        self.resources.target_groups.push(group);
        self
    }

    pub fn group_attribute(&mut self, group: &str, key: &str, value: &str) -> &mut Self {
        set(&mut named!(self, target_groups, group).attributes, key, value);
        self
    }

    /// Registers an ENI with a group, by its address or as an instance.
    pub fn target(&mut self, group: &str, eni: &str) -> &mut Self {
        let id = self.target_id(group, eni);
        self.register(group, id)
    }

    /// By its IPv6 address.
    pub fn target6(&mut self, group: &str, eni: &str) -> &mut Self {
        let id = self.interface(eni).ipv6_addresses[0].to_string();
        self.register(group, id)
    }

    fn register(&mut self, group: &str, id: String) -> &mut Self {
        let target = TargetHealthDescription {
            target: Target {
                id,
                ..Target::default()
            },
            ..TargetHealthDescription::default()
        };
        let registered = &mut named!(self, target_groups, group).target_health_descriptions;
        registered.push(target);
        self
    }

    /// An instance is its network interface here.
    fn target_id(&mut self, group: &str, eni: &str) -> String {
        let is_ip = named!(self, target_groups, group).target_type.as_deref() == Some("ip");
        let eni = self.interface(eni);
        if is_ip {
            return eni.private_ip_addresses[0].to_string();
        }
        eni.network_interface_id.clone()
    }

    /// `healthy`, `unhealthy`, `draining` and the like.
    pub fn target_health(&mut self, group: &str, eni: &str, state: &str) -> &mut Self {
        let id = self.target_id(group, eni);
        let registered = named!(self, target_groups, group).target_health_descriptions.iter_mut();
        for target in registered.filter(|it| it.target.id == id) {
            target.target_health = TargetHealth {
                state: Some(state.to_owned()),
                ..TargetHealth::default()
            };
        }
        self
    }

    pub fn deregister(&mut self, group: &str, eni: &str) -> &mut Self {
        let id = self.target_id(group, eni);
        let registered = &mut named!(self, target_groups, group).target_health_descriptions;
        registered.retain(|it| it.target.id != id);
        self
    }

    /// A service that is these load balancers.
    pub fn endpoint_service(&mut self, name: &str, balancers: &[&str]) -> &mut Self {
        let service_id = self.id("vpce-svc");
        let arns = balancers.iter().map(|balancer| self.balancer_arn(balancer));
        let (gateways, networks) = arns.partition(|arn| arn.contains("/gwy/"));
        let service = VpcEndpointService {
            network_load_balancer_arns: networks,
            gateway_load_balancer_arns: gateways,
            name: name.to_owned(),
            service_name: Some(format!("com.amazonaws.vpce.us-east-1.{service_id}")),
            service_id,
            service_state: Some("Available".to_owned()),
            acceptance_required: Some(true),
            ..VpcEndpointService::default()
        };
        self.resources.vpc_endpoint_services.push(service);
        self
    }

    /// Principals of an account may make endpoints of a service.
    pub fn allow(&mut self, service: &str, account: &str) -> &mut Self {
        let allowed = AllowedPrincipal {
            principal: Some(format!("arn:aws:iam::{account}:root")),
            ..AllowedPrincipal::default()
        };
        named!(self, vpc_endpoint_services, service).allowed_principals = vec![allowed];
        self
    }

    /// An endpoint that leads to a service, with an ENI in each of these subnets, at this address. Its ENIs are named
    /// like those of load balancers, and are in open groups.
    pub fn endpoint(&mut self, name: &str, service: &str, enis: &[(&str, &str)]) -> &mut Self {
        let mut endpoint = VpcEndpoint {
            name: name.to_owned(),
            vpc_endpoint_id: self.id("vpce"),
            vpc_endpoint_type: Some("Interface".to_owned()),
            service_name: self.service_name(service),
            state: Some("available".to_owned()),
            ..VpcEndpoint::default()
        };
        for (subnet, address) in enis {
            self.within(subnet);
            let eni = format!("{name}-{subnet}");
            self.component(&eni, address, InterfaceType::VpcEndpoint)
                .groups(&eni, Groups::OPEN);
            let eni = self.interface(&eni);
            endpoint.vpc_id = Some(eni.vpc_id.clone());
            endpoint.subnet_ids.push(eni.subnet_id.clone());
            endpoint.subnet_configurations.push(SubnetConfiguration {
                subnet_id: Some(eni.subnet_id.clone()),
                ipv4: Some(address4(address)),
                ipv6: None,
            });
            endpoint.network_interface_ids.push(eni.network_interface_id.clone());
            endpoint.groups = eni.groups.iter().map(|id| of_group(id)).collect();
        }
        self.resources.vpc_endpoints.push(endpoint);
        self
    }

    /// An IPv6 address of an endpoint's ENI. 14.4: "Endpoint ENIs have DenyAllIgwTraffic=true for IPv6."
    pub fn endpoint6(&mut self, eni: &str, address: &str) -> &mut Self {
        self.secondary_address(eni, address).deny_all_igw_traffic(eni, true);
        let (id, subnet_id) = (
            self.interface(eni).network_interface_id.clone(),
            self.interface(eni).subnet_id.clone(),
        );
        let mut endpoints = self.resources.vpc_endpoints.iter_mut();
        let endpoint = endpoints.find(|it| it.network_interface_ids.contains(&id));
        let endpoint = endpoint.unwrap_or_else(|| panic!("no endpoint with {eni}"));
        endpoint.ip_address_type = Some("dualstack".to_owned());
        let mut subnets = endpoint.subnet_configurations.iter_mut();
        let subnet = subnets.find(|it| it.subnet_id.as_ref() == Some(&subnet_id));
        subnet.expect("every ENI has a subnet").ipv6 = Some(address6(address));
        self
    }

    /// `available`, `pendingAcceptance`, `rejected` and the like.
    pub fn endpoint_state(&mut self, name: &str, state: &str) -> &mut Self {
        named!(self, vpc_endpoints, name).state = Some(state.to_owned());
        self
    }

    /// The groups of an endpoint and of its ENIs.
    pub fn endpoint_groups(&mut self, name: &str, groups: &[&str]) -> &mut Self {
        let groups: Vec<_> = groups.iter().map(|group| self.group_id(group)).collect();
        let endpoint = named!(self, vpc_endpoints, name);
        endpoint.groups = groups.iter().map(|id| of_group(id)).collect();
        let ids = endpoint.network_interface_ids.clone();
        let enis = self.resources.network_interfaces.iter_mut();
        for eni in enis.filter(|eni| ids.contains(&eni.network_interface_id)) {
            eni.groups.clone_from(&groups);
        }
        self
    }

    pub(super) fn balancer_arn(&mut self, name: &str) -> String {
        named!(self, load_balancers, name).load_balancer_arn.clone()
    }

    pub(super) fn service_name(&mut self, name: &str) -> Option<String> {
        named!(self, vpc_endpoint_services, name).service_name.clone()
    }

    pub(super) fn arn(&mut self, kind: &str, name: &str) -> String {
        self.made += 1;
        format!("{ARN}:{kind}/{name}/{:016x}", self.made)
    }
}

fn of_group(id: &str) -> EndpointGroup {
    EndpointGroup {
        group_id: Some(id.to_owned()),
        group_name: None,
    }
}

pub(super) fn set(attributes: &mut Vec<Attribute>, key: &str, value: &str) {
    attributes.retain(|attribute| attribute.key != key);
    attributes.push(Attribute {
        key: key.to_owned(),
        value: value.to_owned(),
    });
}
