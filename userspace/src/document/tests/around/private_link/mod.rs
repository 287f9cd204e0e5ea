//! Load balancers and PrivateLink: what is derived of them, and who may have an endpoint of which service (semantics
//! 13, 14, S87).

mod nodes;

use super::*;
use crate::resources::{InterfaceType, LoadBalancer, VpcEndpoint};

const EXAMPLE: &str = include_str!("../../../../../../examples/privatelink.yaml");

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

/// Checks what is said of the changed example, each problem at the line with this text.
#[track_caller]
fn refused(parts: &[(&str, &str)], expected: &[(&str, &str)]) {
    let text = changed(parts);
    let problems = match parse("lab.yaml", text.as_bytes()) {
        Ok(resolved) => resolved.warnings,
        Err(problems) => problems,
    };
    let lines: Vec<_> = text.lines().collect();
    let told: Vec<_> = problems
        .problems
        .iter()
        .map(|problem| {
            assert!(problem.help.is_some(), "a problem says what to do: {problems}");
            let label = problem.number.or(problem.code).unwrap_or_default();
            (format!("{label}: {}", problem.message), lines[problem.place.line - 1])
        })
        .collect();
    assert_eq!(told.len(), expected.len(), "{problems}");
    for ((message, line), (text, place)) in told.iter().zip(expected) {
        assert_eq!(message, text);
        assert!(line.contains(place), "{place} in {line}");
    }
}

fn endpoint(resolved: &Resolved) -> &VpcEndpoint {
    &resolved.resources.vpc_endpoints[0]
}

fn balancer(resolved: &Resolved) -> &LoadBalancer {
    &resolved.resources.load_balancers[0]
}

const STATE: (&str, &str) = ("  web: { VpcEndpointState: available }\n", "");
const SECTION: (&str, &str) = ("vpc_endpoint_connections:\n", "");

#[test]
fn the_example_means_what_it_says() {
    let resolved = lab(&[]);
    assert_eq!(resolved.warnings.problems, []);
    compile(&resolved);
    let all = &resolved.resources;
    let (balancer, endpoint) = (balancer(&resolved), endpoint(&resolved));
    assert_eq!(endpoint.state.as_deref(), Some("available"));
    let nodes: Vec<_> = all.nodes(balancer).map(|eni| &*eni.name).collect();
    assert_eq!(nodes, ["web-us-east-1a", "web-us-east-1b"]);
    let own: Vec<_> = all.interfaces_of(endpoint).collect();
    assert_eq!(own.len(), 1);
    let behind = all
        .node_behind(endpoint, own[0])
        .map(|(_, node)| node.private_ip_addresses[0].to_string());
    assert_eq!(behind.as_deref(), Some("10.0.1.50"));
    let group = all.target_group(&all.listeners[0]).expect("a group");
    let takers = all.takers(balancer, "us-east-1a", group);
    let names: Vec<_> = takers.iter().filter_map(|it| Some(&*it.interface?.name)).collect();
    assert_eq!(names, ["web1", "web2"]);
}

#[test]
fn a_service_and_an_endpoint_say_what_aws_would_say() {
    let resolved = lab(&[("    Groups: [{ GroupId: consumer/endpoint }]\n", "")]);
    let all = &resolved.resources;
    let service = &all.vpc_endpoint_services[0];
    let name = format!("com.amazonaws.vpce.us-east-1.{}", service.service_id);
    assert_eq!(service.service_name.as_ref(), Some(&name));
    assert_eq!(service.service_state.as_deref(), Some("Available"));
    assert_eq!(service.availability_zones, ["us-east-1a", "us-east-1b"]);
    assert_eq!(
        service.base_endpoint_dns_names,
        [format!("{}.us-east-1.vpce.amazonaws.com", service.service_id)]
    );
    let endpoint = endpoint(&resolved);
    assert_eq!(endpoint.service_name.as_ref(), Some(&name));
    assert_eq!(endpoint.subnet_configurations, []);
    assert_eq!(endpoint.subnet_ids.len(), 1);
    assert_eq!(endpoint.groups[0].group_name.as_deref(), Some("default"));
    let own = all.interfaces_of(endpoint).next().expect("an ENI");
    assert_eq!(own.private_ip_addresses[0].to_string(), "10.0.1.70");
    assert_eq!(own.interface_type, InterfaceType::VpcEndpoint);
    assert_eq!(own.groups, [endpoint.groups[0].group_id.clone().expect("an id")]);
    assert!(own.requester_managed && !own.source_dest_check);
    let connection = &all.vpc_endpoint_connections[0];
    assert_eq!(connection.vpc_endpoint_id, endpoint.vpc_endpoint_id);
    assert_eq!(connection.service_id.as_ref(), Some(&service.service_id));
    assert_eq!(connection.vpc_endpoint_owner, endpoint.owner_id);
}

#[test]
fn the_provider_accepts_and_rejects() {
    let state = |parts: &[(&str, &str)]| {
        let resolved = lab(parts);
        let connection = &resolved.resources.vpc_endpoint_connections[0];
        assert_eq!(connection.vpc_endpoint_state, endpoint(&resolved).state);
        endpoint(&resolved).state.clone().unwrap_or_default()
    };
    let required = |word: &'static str| ("AcceptanceRequired: true", word);
    assert_eq!(state(&[]), "available");
    assert_eq!(
        state(&[(STATE.0, "  web: { VpcEndpointState: rejected }\n")]),
        "rejected"
    );
    assert_eq!(state(&[STATE, SECTION]), "pendingAcceptance");
    assert_eq!(state(&[STATE, SECTION, required("")]), "pendingAcceptance");
    assert_eq!(
        state(&[STATE, SECTION, required("AcceptanceRequired: false")]),
        "available"
    );
    let by_id = (
        "  web: { VpcEndpointState",
        "  x: { VpcEndpointId: web, VpcEndpointState",
    );
    assert_eq!(state(&[by_id]), "available");
    let said = (
        "    VpcEndpointType: Interface\n",
        "    VpcEndpointType: Interface\n    State: rejected\n",
    );
    assert_eq!(state(&[said, STATE, SECTION]), "rejected");
    refused(
        &[said],
        &[(
            "InvalidParameterValue: endpoint \"web\" says that it is rejected, and its connection that it is available",
            "VpcEndpointState: available",
        )],
    );
    refused(
        &[("  web: { VpcEndpointState", "  wep: { VpcEndpointState")],
        &[(
            "InvalidVpcEndpointId.NotFound: there is no VPC endpoint \"wep\"",
            "wep:",
        )],
    );
    refused(
        &[STATE, SECTION],
        &[(
            "M34: endpoint \"web\" waits for the service's provider to accept it",
            "  web:",
        )],
    );
}

#[test]
fn s87_who_may_have_an_endpoint_and_where() {
    let account = ("  consumer:\n", "  consumer:\n    account: \"111122223333\"\n");
    let resolved = parse("lab.yaml", changed(&[]).as_bytes()).expect("one account");
    let name = resolved.resources.vpc_endpoints[0]
        .service_name
        .clone()
        .expect("a name");
    let stranger = format!("InvalidServiceName: there is no service \"{name}\" for account 111122223333");
    refused(&[account], &[(&stranger, "ServiceName: web")]);
    for principal in [
        "*",
        "arn:aws:iam::111122223333:root",
        "arn:aws:iam::111122223333:role/x",
    ] {
        let allowed = format!("AcceptanceRequired: true, AllowedPrincipals: [{{ Principal: \"{principal}\" }}]");
        refused(&[account, ("AcceptanceRequired: true", &allowed)], &[]);
    }
    let another = (
        "AcceptanceRequired: true",
        "AcceptanceRequired: true, AllowedPrincipals: [{ Principal: \"arn:aws:iam::444455556666:root\" }]",
    );
    refused(&[account, another], &[(&stranger, "ServiceName: web")]);
    let subnets = |more: &str, ids: &str| {
        changed(&[
            (
                "    security_groups:\n      client: {}\n",
                &format!(
                    "      more: {{ CidrBlock: 10.0.9.0/24, AvailabilityZone: {more} }}\n    security_groups:\n      client: {{}}\n"
                ),
            ),
            (
                "SubnetConfigurations: [{ SubnetId: consumer/a, Ipv4: 10.0.1.70 }]",
                &format!("SubnetIds: [{ids}]"),
            ),
        ])
    };
    assert_eq!(
        told(&subnets("us-east-1a", "consumer/a, more")),
        ["DuplicateSubnetsInSameZone: subnets \"a\" and \"more\" are both in us-east-1a"]
    );
    assert_eq!(
        told(&subnets("us-east-1c", "more")),
        ["InvalidParameter: service \"web\" isn't in use1-az3, where subnet \"more\" is"]
    );
    assert_eq!(told(&subnets("us-east-1b", "consumer/a, more")), [""; 0]);
}

#[test]
fn a_service_is_of_network_load_balancers_that_serve_no_other() {
    let service = |to: &str, expected: &[(&str, &str)]| refused(&[("NetworkLoadBalancerArns: [web]", to)], expected);
    service(
        "NetworkLoadBalancerArns: [wep]",
        &[("LoadBalancerNotFound: there is no load balancer \"wep\"", "[wep]")],
    );
    service(
        "GatewayLoadBalancerArns: [web], NetworkLoadBalancerArns: [web]",
        &[(
            "InvalidParameterCombination: an endpoint service has load balancers of one kind",
            "GatewayLoadBalancerArns",
        )],
    );
    service(
        "SupportedIpAddressTypes: [ipv4]",
        &[(
            "MissingParameter: endpoint service \"web\" has no load balancer",
            "  web:",
        )],
    );
    refused(
        &[(
            "vpc_endpoints:\n",
            "  zzz: { NetworkLoadBalancerArns: [web] }\nvpc_endpoints:\n",
        )],
        &[(
            "InvalidParameter: load balancer \"web\" is endpoint service \"zzz\"'s already",
            "  web: { NetworkLoadBalancerArns",
        )],
    );
    refused(
        &[
            ("  http: {", "  http: { Name: x,"),
            ("listeners:\n", "  gw: { Type: gateway }\nlisteners:\n"),
            ("NetworkLoadBalancerArns: [web]", "NetworkLoadBalancerArns: [web, gw]"),
        ],
        &[("InvalidParameter: \"gw\" isn't a Network Load Balancer", "[web, gw]")],
    );
}
