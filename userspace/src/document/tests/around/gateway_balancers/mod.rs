//! Gateway Load Balancers and their endpoints: what is derived of them, what AWS refuses of them, and where routes to
//! them lead (semantics 16).

mod shape;

use super::*;
use crate::resources::{FlowStickiness, InterfaceType, RouteState, RouteTarget, VpcEndpoint};

const EXAMPLE: &str = include_str!("../../../../../../examples/gateway-load-balancer.yaml");

/// The example with parts exchanged that stand in it once.
fn changed(parts: &[(&str, &str)]) -> String {
    parts.iter().fold(EXAMPLE.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    })
}

fn lab(parts: &[(&str, &str)]) -> Resolved {
    accept(&changed(parts))
}

#[track_caller]
fn refused(parts: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(told(&changed(parts)), expected, "{parts:?}");
}

fn endpoint(resolved: &Resolved) -> &VpcEndpoint {
    &resolved.resources.vpc_endpoints[0]
}

const SUBNETS: &str = "    SubnetIds: [shop/inspection]\n";

#[test]
fn the_example_means_what_it_says() {
    let resolved = lab(&[]);
    assert_eq!(resolved.warnings.problems, []);
    let all = &resolved.resources;
    let (balancer, endpoint) = (&all.load_balancers[0], endpoint(&resolved));
    assert!(balancer.is_gateway_and_there() && !balancer.is_network_and_there());
    assert!(endpoint.is_gateway_load_balancer() && endpoint.is_available());
    let own: Vec<_> = all.interfaces_of(endpoint).collect();
    assert_eq!(own.len(), 1);
    let (behind, node) = all.node_behind(endpoint, own[0]).expect("a node");
    assert_eq!(behind, balancer);
    assert_eq!(node.private_ip_addresses[0].to_string(), "10.9.1.50");
    assert_eq!(all.balancer_of(node), Some(balancer));
    let group = all.target_group(&all.listeners[0]).expect("a group");
    assert_eq!(all.forwarding_to(group).collect::<Vec<_>>(), [balancer]);
    let takers = all.takers(balancer, "us-east-1a", group);
    let names: Vec<_> = takers.iter().filter_map(|it| Some(&*it.interface?.name)).collect();
    assert_eq!(names, ["appliance-1", "appliance-2"]);
    assert!(takers.iter().all(|target| target.port == 6081));
    assert_eq!(group.flow_stickiness(), FlowStickiness::FiveTuple);
    assert!(!group.rebalances());
}

#[test]
fn a_load_balancer_and_an_endpoint_are_as_aws_makes_them() {
    let resolved = lab(&[(", LoadBalancerAddresses: [{ PrivateIPv4Address: 10.9.1.50 }]", "")]);
    let all = &resolved.resources;
    let balancer = &all.load_balancers[0];
    assert_eq!((&balancer.scheme, &balancer.dns_name), (&None, &None));
    let path = balancer.load_balancer_arn.split(":loadbalancer/").nth(1);
    let path = path.expect("a path");
    assert!(path.starts_with("gwy/inspection/"), "{path}");
    let node = all.nodes(balancer).next().expect("a node");
    assert_eq!(node.interface_type, InterfaceType::GatewayLoadBalancer);
    assert_eq!(node.description, format!("ELB {path}"));
    assert_eq!(node.private_ip_addresses[0].to_string(), "10.9.1.4");
    assert!(node.requester_managed && !node.source_dest_check && node.groups.is_empty());
    let service = &all.vpc_endpoint_services[0];
    let kinds: Vec<_> = service
        .service_type
        .iter()
        .filter_map(|it| it.service_type.as_deref())
        .collect();
    assert_eq!(kinds, ["GatewayLoadBalancer"]);
    assert_eq!(service.availability_zones, ["us-east-1a"]);
    let endpoint = endpoint(&resolved);
    let own = all.interfaces_of(endpoint).next().expect("an ENI");
    assert_eq!(own.interface_type, InterfaceType::GatewayLoadBalancerEndpoint);
    assert!(own.requester_managed && !own.source_dest_check && !own.deny_all_igw_traffic);
    assert!(own.groups.is_empty() && endpoint.groups.is_empty());
    let connection = &all.vpc_endpoint_connections[0];
    assert_eq!(
        connection.gateway_load_balancer_arns,
        std::slice::from_ref(&balancer.load_balancer_arn)
    );
    assert_eq!(connection.vpc_endpoint_state.as_deref(), Some("available"));
}

#[test]
fn an_endpoint_is_in_one_subnet_and_has_no_more() {
    let with = |line: &str| format!("{SUBNETS}    {line}\n");
    refused(
        &[(SUBNETS, "")],
        &["MissingParameter: endpoint \"inspection\" is missing SubnetIds"],
    );
    refused(
        &[(SUBNETS, "    SubnetIds: [shop/inspection, shop/web]\n")],
        &["InvalidParameterValue: a Gateway Load Balancer endpoint is in one subnet"],
    );
    refused(
        &[(SUBNETS, &with("Groups: [{ GroupId: shop/web }]"))],
        &["InvalidVpcEndpointType: only an interface endpoint has security groups"],
    );
    refused(
        &[(SUBNETS, &with("PrivateDnsEnabled: true"))],
        &["InvalidVpcEndpointType: only an interface endpoint has private names"],
    );
    refused(
        &[(SUBNETS, &with("PolicyDocument: '{\"Statement\": []}'"))],
        &["InvalidPolicyDocument: a Gateway Load Balancer endpoint has no policy"],
    );
    refused(
        &[("VpcEndpointType: GatewayLoadBalancer", "VpcEndpointType: Interface")],
        &[
            "RouteNotSupported: \"inspection\" isn't a Gateway Load Balancer endpoint",
            "RouteNotSupported: \"inspection\" isn't a Gateway Load Balancer endpoint",
            "InvalidVpcEndpointType: service \"inspection\" is reached by endpoints of type GatewayLoadBalancer",
        ],
    );
    refused(
        &[(
            "inspection: { CidrBlock: 10.0.30.0/24, AvailabilityZone: us-east-1a }",
            "inspection: { CidrBlock: 10.0.30.0/24, AvailabilityZone: us-east-1b }",
        )],
        &["InvalidParameter: service \"inspection\" isn't in use1-az2, where subnet \"inspection\" is"],
    );
}

#[test]
fn a_vpc_has_several_endpoints_of_a_service() {
    let more = (
        SUBNETS,
        "    SubnetIds: [shop/inspection]\n  more: { VpcEndpointType: GatewayLoadBalancer, VpcId: shop, ServiceName: inspection, SubnetIds: [shop/web] }\n",
    );
    let resolved = lab(&[more]);
    let all = &resolved.resources;
    let enis = all
        .vpc_endpoints
        .iter()
        .flat_map(|endpoint| &endpoint.network_interface_ids);
    assert_eq!(enis.count(), 2);
}

#[test]
fn who_may_have_an_endpoint_is_asked_as_of_any_other() {
    let account = ("  shop:\n", "  shop:\n    account: \"111122223333\"\n");
    let problems = told(&changed(&[account]));
    assert!(
        problems[0].starts_with("InvalidServiceName: there is no service ")
            && problems[0].ends_with(" for account 111122223333"),
        "{problems:?}"
    );
    let waits = ("AcceptanceRequired: false", "AcceptanceRequired: true");
    let resolved = lab(&[waits]);
    assert_eq!(endpoint(&resolved).state.as_deref(), Some("pendingAcceptance"));
    let accepted = "vpc_endpoint_connections: { inspection: { VpcEndpointState: available } }\nvpc_endpoints:\n";
    let resolved = lab(&[waits, ("vpc_endpoints:\n", accepted)]);
    assert!(endpoint(&resolved).is_available());
}

#[test]
fn a_service_is_of_gateway_load_balancers_alone() {
    let service = |to: &str, expected: &[&str]| {
        refused(&[("GatewayLoadBalancerArns: [inspection]", to)], expected);
    };
    service(
        "NetworkLoadBalancerArns: [inspection]",
        &[
            "InvalidParameter: \"inspection\" isn't a Network Load Balancer",
            "InvalidVpcEndpointType: service \"inspection\" is reached by endpoints of type Interface",
        ],
    );
    service(
        "GatewayLoadBalancerArns: [inspections]",
        &["LoadBalancerNotFound: there is no load balancer \"inspections\""],
    );
    refused(
        &[
            (
                "listeners:\n",
                "  web: { Type: network, Scheme: internal, AvailabilityZones: [{ SubnetId: appliances }] }\nlisteners:\n",
            ),
            (
                "GatewayLoadBalancerArns: [inspection]",
                "GatewayLoadBalancerArns: [inspection, web]",
            ),
        ],
        &["InvalidParameter: \"web\" isn't a Gateway Load Balancer"],
    );
}

/// The states of the routes that lead to the endpoint.
fn routes(resolved: &Resolved) -> Vec<RouteState> {
    let tables = resolved.resources.route_tables.iter();
    let routes = tables.flat_map(|table| table.routes.iter());
    let to_it = routes.filter(|route| matches!(route.target, RouteTarget::VpcEndpoint(_)));
    to_it.map(|route| route.state).collect()
}

#[test]
fn a_route_to_an_endpoint_is_a_black_hole_unless_packets_pass() {
    assert_eq!(routes(&lab(&[])), [RouteState::Active; 2]);
    for state in ["pendingAcceptance", "rejected", "deleting"] {
        let said = format!("{SUBNETS}    State: {state}\n");
        assert_eq!(routes(&lab(&[(SUBNETS, &said)])), [RouteState::Blackhole; 2], "{state}");
    }
    let said = format!("{SUBNETS}    State: rejected\n");
    let black_hole = "M10: what follows this route is dropped: the target is rejected";
    refused(&[(SUBNETS, &said)], &[black_hole, black_hole]);
    refused(
        &[(
            "    subnets: [web]\n        routes:\n          - { DestinationCidrBlock: 0.0.0.0/0, vpc_endpoint: inspection }",
            "    subnets: [web]\n        routes:\n          - { DestinationCidrBlock: 0.0.0.0/0, vpc_endpoint: inspections }",
        )],
        &["InvalidVpcEndpointId.NotFound: there is no VPC endpoint \"inspections\""],
    );
    let other = "  security:\n    CidrBlock: 10.9.0.0/16\n    route_tables: { main: { routes: [{ DestinationCidrBlock: 0.0.0.0/0, vpc_endpoint: inspection }] } }\n";
    refused(
        &[("  security:\n    CidrBlock: 10.9.0.0/16\n", other)],
        &["InvalidParameterValue: \"inspection\" is in another VPC"],
    );
}

#[test]
fn appliances_that_admit_nothing_and_zones_without_them_are_warned_of() {
    let closed = "M37: appliance \"appliance-1\" doesn't admit load balancer \"inspection\" at UDP port 6081";
    let problems = told(&changed(&[(
        "IpProtocol: udp, FromPort: 6081, ToPort: 6081",
        "IpProtocol: tcp, FromPort: 6081, ToPort: 6081",
    )]));
    assert_eq!((problems.len(), &*problems[0]), (2, closed));
    let zone = [
        (
            "      appliances: {",
            "      empty: { CidrBlock: 10.9.2.0/24, AvailabilityZone: us-east-1b }\n      appliances: {",
        ),
        (
            "[{ PrivateIPv4Address: 10.9.1.50 }] }\n",
            "[{ PrivateIPv4Address: 10.9.1.50 }] }\n      - { SubnetId: empty }\n",
        ),
    ];
    refused(
        &zone,
        &[
            "M40: target group \"appliances\" has no target in us-east-1b, and the zone's node forwards to no other zone",
        ],
    );
    refused(
        &[(
            "  all: { LoadBalancerArn: inspection, DefaultActions: [{ Type: forward, TargetGroupArn: appliances }] }\n",
            "  {}\n",
        )],
        &["M33: no load balancer of service \"inspection\" listens to anything"],
    );
}
