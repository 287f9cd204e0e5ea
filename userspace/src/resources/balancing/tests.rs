//! What the objects of load balancers and PrivateLink mean together.

use super::*;
use crate::resources::{
    Action, EniAttachment, ForwardConfig, InterfaceType, LoadBalancerAddress, LoadBalancerState, Subnet, Target,
    TargetGroupTuple, TargetHealth, TargetHealthDescription, Vpc, VpcEndpoint, VpcEndpointService,
};

fn attributes(pairs: &[(&str, &str)]) -> Vec<Attribute> {
    let pairs = pairs.iter().map(|(key, value)| Attribute {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
    });
    pairs.collect()
}

fn text(word: &str) -> Option<String> {
    Some(word.to_owned())
}

fn subnet(id: &str, cidr: &str, zone: &str) -> Subnet {
    Subnet {
        subnet_id: id.to_owned(),
        vpc_id: id.split('-').next().unwrap_or_default().to_owned(),
        cidr_block: cidr.parse().expect("a block"),
        availability_zone: format!("eu-central-1{zone}"),
        availability_zone_id: format!("euc1-{zone}"),
        ..Subnet::default()
    }
}

fn eni(id: &str, subnet: &str, address: &str, interface_type: InterfaceType) -> NetworkInterface {
    NetworkInterface {
        network_interface_id: id.to_owned(),
        vpc_id: subnet.split('-').next().unwrap_or_default().to_owned(),
        subnet_id: subnet.to_owned(),
        private_ip_addresses: vec![address.parse().expect("an address")],
        interface_type,
        ..NetworkInterface::default()
    }
}

fn zone(subnet: &str, address: &str) -> LoadBalancerZone {
    LoadBalancerZone {
        subnet_id: text(subnet),
        load_balancer_addresses: vec![LoadBalancerAddress {
            private_ipv4_address: address.parse().ok(),
            ..LoadBalancerAddress::default()
        }],
        ..LoadBalancerZone::default()
    }
}

fn target(id: &str, state: Option<&str>) -> TargetHealthDescription {
    TargetHealthDescription {
        target: Target {
            id: id.to_owned(),
            ..Target::default()
        },
        target_health: TargetHealth {
            state: state.map(str::to_owned),
            ..TargetHealth::default()
        },
        ..TargetHealthDescription::default()
    }
}

/// A load balancer in two zones of VPC p with a node and a target in each, and an endpoint in VPC c.
pub(crate) fn provider() -> Resources {
    let subnets = [
        ("p-1", "10.0.1.0/24", "a"),
        ("p-2", "10.0.2.0/24", "b"),
        ("c-1", "10.0.1.0/24", "b"),
        ("c-2", "10.0.2.0/24", "c"),
    ];
    let vpc = |id: &str| Vpc {
        vpc_id: id.to_owned(),
        region: "eu-central-1".to_owned(),
        ..Vpc::default()
    };
    Resources {
        vpcs: vec![vpc("p"), vpc("c")],
        subnets: subnets.map(|(id, cidr, zone)| subnet(id, cidr, zone)).to_vec(),
        network_interfaces: vec![
            eni("t1", "p-1", "10.0.1.10", InterfaceType::Interface),
            eni("t2", "p-2", "10.0.2.10", InterfaceType::Interface),
            eni("n1", "p-1", "10.0.1.50", InterfaceType::NetworkLoadBalancer),
            eni("n2", "p-2", "10.0.2.50", InterfaceType::NetworkLoadBalancer),
            eni("e1", "c-1", "10.0.1.70", InterfaceType::VpcEndpoint),
            eni("e2", "c-2", "10.0.2.70", InterfaceType::VpcEndpoint),
        ],
        load_balancers: vec![LoadBalancer {
            load_balancer_arn: "arn".to_owned(),
            load_balancer_type: text("network"),
            vpc_id: text("p"),
            availability_zones: vec![zone("p-1", "10.0.1.50"), zone("p-2", "10.0.2.50")],
            ..LoadBalancer::default()
        }],
        vpc_endpoint_services: vec![VpcEndpointService {
            service_id: "vpce-svc-1".to_owned(),
            network_load_balancer_arns: vec!["gone".to_owned(), "arn".to_owned()],
            ..VpcEndpointService::default()
        }],
        vpc_endpoints: vec![VpcEndpoint {
            vpc_endpoint_type: text("Interface"),
            vpc_id: text("c"),
            service_name: text("com.amazonaws.vpce.eu-central-1.vpce-svc-1"),
            network_interface_ids: vec!["e1".to_owned(), "e2".to_owned()],
            ..VpcEndpoint::default()
        }],
        target_groups: vec![TargetGroup {
            target_group_arn: "group".to_owned(),
            port: Some(80),
            vpc_id: text("p"),
            target_type: text("ip"),
            target_health_descriptions: vec![target("10.0.1.10", None), target("10.0.2.10", None)],
            ..TargetGroup::default()
        }],
        ..Resources::default()
    }
}

#[test]
fn a_load_balancer_is_there_if_its_type_is_said_and_its_state_isnt_another() {
    let with = |kind: Option<&str>, state: Option<&str>| LoadBalancer {
        load_balancer_type: kind.map(str::to_owned),
        state: Some(LoadBalancerState {
            code: state.map(str::to_owned),
            reason: None,
        }),
        ..LoadBalancer::default()
    };
    assert!(with(Some("network"), None).is_network_and_there());
    assert!(with(Some("network"), Some("active")).is_network_and_there());
    assert!(!with(Some("network"), Some("provisioning")).is_network_and_there());
    assert!(!with(Some("gateway"), None).is_network_and_there());
    assert!(!with(None, None).is_network_and_there());
}

#[test]
fn a_node_is_found_by_type_subnet_and_address() {
    let mut all = provider();
    let nodes = |all: &Resources| -> Vec<String> {
        let balancer = &all.load_balancers[0];
        all.nodes(balancer)
            .map(|eni| eni.network_interface_id.clone())
            .collect()
    };
    assert_eq!(nodes(&all), ["n1", "n2"]);
    let balancer = all.balancer_of(&all.network_interfaces[2]);
    assert_eq!(balancer.map(|it| &*it.load_balancer_arn), Some("arn"));
    assert_eq!(all.balancer_of(&all.network_interfaces[0]), None);
    all.network_interfaces[2].interface_type = InterfaceType::Interface;
    assert_eq!(nodes(&all), ["n2"]);
    all.load_balancers[0].availability_zones[1]
        .load_balancer_addresses
        .clear();
    assert_eq!(nodes(&all), [""; 0]);
}

#[test]
fn groups_judge_private_link_unless_that_is_off() {
    let mut balancer = LoadBalancer::default();
    assert!(!balancer.judges_private_link(), "there are none");
    balancer.security_groups.push("sg".to_owned());
    assert!(balancer.judges_private_link());
    balancer.enforce_security_group_inbound_rules_on_private_link_traffic = text("off");
    assert!(!balancer.judges_private_link());
}

#[test]
fn a_listener_has_protocols_a_group_and_a_timeout() {
    let mut listener = Listener {
        protocol: text("TCP_UDP"),
        default_actions: vec![Action {
            forward_config: Some(ForwardConfig {
                target_groups: vec![TargetGroupTuple {
                    target_group_arn: text("group"),
                    weight: None,
                }],
            }),
            ..Action::default()
        }],
        ..Listener::default()
    };
    assert!(listener.takes_tcp() && listener.takes_udp());
    assert_eq!(listener.forwards_to(), Some("group"));
    assert!(provider().target_group(&listener).is_some());
    assert_eq!(listener.tcp_idle(), 350);
    listener.attributes = attributes(&[("tcp.idle_timeout.seconds", "60")]);
    assert_eq!(listener.tcp_idle(), 60);
    listener.protocol = text("TLS");
    assert!(!listener.takes_tcp() && !listener.takes_udp());
}

#[test]
fn who_sees_the_client_depends_on_targets_and_protocol() {
    let group = |kind: &str, protocol: &str, said: &[(&str, &str)]| TargetGroup {
        target_type: text(kind),
        protocol: text(protocol),
        attributes: attributes(said),
        ..TargetGroup::default()
    };
    let (on, off) = (
        [("preserve_client_ip.enabled", "true")],
        [("preserve_client_ip.enabled", "false")],
    );
    assert!(group("instance", "TCP", &[]).preserves_client());
    assert!(!group("instance", "TCP", &off).preserves_client());
    assert!(!group("ip", "TCP", &[]).preserves_client());
    assert!(group("ip", "TCP", &on).preserves_client());
    assert!(group("ip", "TCP_UDP", &[]).preserves_client());
    assert!(group("ip", "UDP", &off).preserves_client());
}

#[test]
fn a_group_says_more_of_zones_than_its_load_balancer() {
    const KEY: &str = "load_balancing.cross_zone.enabled";
    let is_cross_zone = |of_group: Option<&str>, of_balancer: Option<&str>| {
        let said = |value: Option<&str>| value.map_or_else(Vec::new, |value| attributes(&[(KEY, value)]));
        let group = TargetGroup {
            attributes: said(of_group),
            ..TargetGroup::default()
        };
        group.is_cross_zone(&LoadBalancer {
            attributes: said(of_balancer),
            ..LoadBalancer::default()
        })
    };
    assert!(!is_cross_zone(None, None));
    assert!(is_cross_zone(None, Some("true")));
    assert!(is_cross_zone(Some("use_load_balancer_configuration"), Some("true")));
    assert!(is_cross_zone(Some("true"), Some("false")));
    assert!(!is_cross_zone(Some("false"), Some("true")));
}

#[test]
fn a_target_has_an_address_a_port_and_a_zone() {
    let mut all = provider();
    all.network_interfaces[0].attachment = Some(EniAttachment {
        instance_id: text("i-1"),
        ..EniAttachment::default()
    });
    let group = &mut all.target_groups[0];
    group.target_health_descriptions = ["i-1", "t2", "10.0.2.99", "192.168.0.1", "nobody"]
        .map(|id| target(id, None))
        .to_vec();
    group.target_health_descriptions[1].target.port = Some(8080);
    group.target_health_descriptions[2].target.availability_zone = text("all");
    let group = group.clone();
    let found: Vec<_> = all
        .targets(&group)
        .map(|it| (it.address.to_string(), it.port, it.zone, it.interface.is_some()))
        .collect();
    let (one, all) = (TargetZone::One, TargetZone::All);
    let expected = [
        ("10.0.1.10", 80, one("eu-central-1a"), true),
        ("10.0.2.10", 8080, one("eu-central-1b"), true),
        ("10.0.2.99", 80, all, false),
        ("192.168.0.1", 80, all, false),
    ];
    let expected = expected.map(|(address, port, zone, is_eni)| (address.to_owned(), port, zone, is_eni));
    assert_eq!(found, expected);
}

/// The addresses of the targets that the node of the first zone gives new flows, with these states.
fn taken(states: [Option<&str>; 2], cross_zone: bool) -> Vec<String> {
    let mut all = provider();
    let group = &mut all.target_groups[0];
    group.target_health_descriptions = vec![target("10.0.1.10", states[0]), target("10.0.2.10", states[1])];
    if cross_zone {
        group.attributes = attributes(&[("load_balancing.cross_zone.enabled", "true")]);
    }
    let takers = all.takers(&all.load_balancers[0], "eu-central-1a", &all.target_groups[0]);
    takers.iter().map(|target| target.address.to_string()).collect()
}

#[test]
fn usable_targets_in_scope_take_new_flows() {
    assert_eq!(taken([None, None], false), ["10.0.1.10"]);
    assert_eq!(taken([None, Some("initial")], true), ["10.0.1.10", "10.0.2.10"]);
    assert_eq!(taken([Some("draining"), Some("healthy")], true), ["10.0.2.10"]);
    assert_eq!(taken([Some("draining"), Some("healthy")], false), [""; 0]);
}

#[test]
fn unhealthy_targets_take_flows_if_nobody_else_does() {
    let unhealthy = Some("unhealthy");
    assert_eq!(taken([unhealthy, unhealthy], false), ["10.0.1.10"]);
    assert_eq!(taken([unhealthy, unhealthy], true), ["10.0.1.10", "10.0.2.10"]);
    assert_eq!(taken([unhealthy, None], false), [""; 0]);
    assert_eq!(taken([unhealthy, Some("unused")], true), ["10.0.1.10"]);
}

#[test]
fn targets_of_other_zones_than_the_load_balancers_take_nothing() {
    let mut all = provider();
    all.load_balancers[0].availability_zones.pop();
    let group = &mut all.target_groups[0];
    group.attributes = attributes(&[("load_balancing.cross_zone.enabled", "true")]);
    let takers = all.takers(&all.load_balancers[0], "eu-central-1a", &all.target_groups[0]);
    let takers: Vec<_> = takers.iter().map(|target| target.address.to_string()).collect();
    assert_eq!(takers, ["10.0.1.10"]);
}

#[test]
fn an_endpoint_is_answered_by_the_node_of_its_zone() {
    let mut all = provider();
    let node = |all: &Resources, at: usize| {
        let endpoint = &all.vpc_endpoints[0];
        let eni = all.interfaces_of(endpoint).nth(at).expect("an ENI");
        all.node_behind(endpoint, eni)
            .map(|(_, node)| node.network_interface_id.clone())
    };
    assert_eq!(node(&all, 0).as_deref(), Some("n2"));
    assert_eq!(node(&all, 1), None);
    all.vpc_endpoints[0].service_region = text("eu-central-1");
    assert_eq!(node(&all, 1), None, "that is its own Region");
    all.vpcs[1].region = "us-east-1".to_owned();
    assert_eq!(node(&all, 1).as_deref(), Some("n1"));
    all.load_balancers[0].load_balancer_type = None;
    assert_eq!(node(&all, 0), None);
}

#[test]
fn an_endpoint_is_there_until_it_is_gone_and_available_only_then() {
    let with = |state: Option<&str>| VpcEndpoint {
        state: state.map(str::to_owned),
        ..VpcEndpoint::default()
    };
    for (state, is_there, is_available) in [
        (None, true, false),
        (Some("Available"), true, true),
        (Some("pendingAcceptance"), true, false),
        (Some("rejected"), true, false),
        (Some("deleting"), false, false),
        (Some("Expired"), false, false),
    ] {
        let endpoint = with(state);
        assert_eq!(
            (endpoint.is_there(), endpoint.is_available()),
            (is_there, is_available),
            "{state:?}"
        );
    }
}
