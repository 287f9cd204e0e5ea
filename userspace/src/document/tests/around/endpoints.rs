//! Endpoints, load balancers, names and what watches.

use super::*;

#[test]
fn an_endpoint_has_what_its_type_has() {
    let s3 = |object: &str, expected: &[&str]| {
        check(
            &[(
                "{ VpcEndpointType: Gateway, VpcId: a, ServiceName: com.amazonaws.us-east-1.s3, RouteTableIds: [a/private] }",
                object,
            )],
            expected,
        )
    };
    s3(
        "{ VpcEndpointType: Gatway, VpcId: a, ServiceName: com.amazonaws.us-east-1.s3 }",
        &["InvalidParameterValue: there are no endpoints of type Gatway"],
    );
    s3(
        "{ VpcEndpointType: Gateway, VpcId: a, ServiceName: s3 }",
        &["InvalidServiceName: there is no service \"s3\""],
    );
    s3(
        "{ VpcEndpointType: Gateway, VpcId: a }",
        &["MissingParameter: endpoint \"s3\" is missing ServiceName"],
    );
    s3(
        "{ VpcEndpointType: Gateway, VpcId: a, ServiceName: com.amazonaws.us-east-1.s3, SubnetIds: [web] }",
        &["InvalidVpcEndpointType: a gateway endpoint is in no subnet"],
    );
    s3(
        "{ VpcEndpointType: Interface, VpcId: a, ServiceName: com.amazonaws.us-east-1.s3, RouteTableIds: [a/private] }",
        &["InvalidVpcEndpointType: only a gateway endpoint has route tables"],
    );
    s3(
        "{ VpcEndpointType: Gateway, VpcId: a, ServiceName: com.amazonaws.us-east-1.s3, RouteTableIds: [b/main] }",
        &["InvalidParameterValue: route table \"main\" is in another VPC"],
    );
    s3(
        "{ VpcEndpointType: Gateway, VpcId: a, ServiceName: com.amazonaws.us-east-1.s3, PolicyDocument: \"{}\" }",
        &["InvalidPolicyDocument: the policy isn't JSON with a Statement"],
    );
    let long = format!(
        "{{ VpcEndpointType: Gateway, VpcId: a, ServiceName: com.amazonaws.us-east-1.s3, PolicyDocument: '{{\"Statement\": \"{}\"}}' }}",
        "x".repeat(20_480)
    );
    s3(
        &long,
        &["InvalidPolicyDocument: the policy has more than 20480 characters"],
    );
    s3(
        "{ VpcEndpointType: GatewayLoadBalancer, VpcId: a, ServiceName: com.amazonaws.us-east-1.s3, SubnetIds: [web, db] }",
        &["InvalidParameterValue: a Gateway Load Balancer endpoint is in one subnet"],
    );
    s3(
        "{ VpcEndpointType: Interface, VpcId: a, ServiceName: com.amazonaws.us-east-1.s3, SubnetIds: [web], IpAddressType: dualstack }",
        &["InvalidParameterValue: subnet \"web\" has no IPv6 block"],
    );
    s3(
        "{ VpcEndpointType: Interface, VpcId: a, ServiceName: com.amazonaws.us-east-1.s3, SubnetIds: [web, public] }",
        &["DuplicateSubnetsInSameZone: subnets \"web\" and \"public\" are both in us-east-1a"],
    );
    s3(
        "{ VpcEndpointType: Interface, VpcId: a, ServiceName: com.amazonaws.us-east-1.s3, SubnetIds: [b/app] }",
        &["InvalidParameterValue: subnet \"app\" is in VPC \"b\""],
    );
    let again = "  s4: { VpcEndpointType: Gateway, VpcId: a, ServiceName: com.amazonaws.us-east-1.s3, RouteTableIds: [a/private] }\nvpn_gateways:\n";
    let problems = told(&exchanged(&[("vpn_gateways:\n", again)]));
    assert!(
        problems[0].starts_with("RouteAlreadyExists: route table \"private\" has a route to endpoint "),
        "{problems:?}"
    );
    let again = "  svc2: { VpcEndpointType: Interface, VpcId: a, ServiceName: com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0, PrivateDnsEnabled: true }\nvpn_gateways:\n";
    let problems = told(&exchanged(&[("vpn_gateways:\n", again)]));
    assert!(problems[0].starts_with("InvalidParameter: endpoint "), "{problems:?}");
    check(
        &[
            (
                "    VpcEndpointType: Interface\n",
                "    VpcEndpointType: GatewayLoadBalancer\n",
            ),
            ("    PrivateDnsEnabled: true\n", ""),
            (
                "SubnetIds: [web, db]\n    Groups: [{ GroupId: a/web }]",
                "SubnetIds: [web]",
            ),
        ],
        &["InvalidVpcEndpointType: service \"svc\" is reached by endpoints of type Interface"],
    );
}

#[test]
fn a_load_balancer_listens_once_at_a_port_and_forwards_what_goes_together() {
    let again = (
        "target_groups:\n",
        "  again: { LoadBalancerArn: front, Port: 443, Protocol: TCP }\ntarget_groups:\n",
    );
    let problems = told(&exchanged(&[again]));
    assert!(problems[0].starts_with("DuplicateListener: listener "), "{problems:?}");
    check(
        &[("Port: 443, Protocol: TCP, Def", "Port: 443, Protocol: UDP, Def")],
        &["InvalidConfigurationRequest: a UDP listener can't forward to the TCP target group \"targets\""],
    );
    check(
        &[("Target: { Id: 10.2.2.60,", "Target: { Id: 8.8.8.8,")],
        &["InvalidTarget: 8.8.8.8 is neither of the VPC nor private"],
    );
    check(
        &[(
            "[{ SubnetId: front }, { SubnetId: back }]",
            "[{ SubnetId: front }, { SubnetId: back }, { SubnetId: a/web }]",
        )],
        &["InvalidParameterValue: subnet \"web\" is in VPC \"a\""],
    );
}

#[test]
fn dhcp_options_have_the_values_dhcp_has() {
    let options = |option: &str, expected: &[&str]| {
        check(
            &[(
                "{ Key: domain-name-servers, Values: [{ Value: AmazonProvidedDNS }] }",
                option,
            )],
            expected,
        )
    };
    options(
        "{ Key: netbios-node-type, Values: [{ Value: \"3\" }] }",
        &["InvalidParameterValue: netbios-node-type can't have these values"],
    );
    options(
        "{ Key: domain-name-servers, Values: [{ Value: x }] }",
        &["InvalidParameterValue: domain-name-servers can't have these values"],
    );
    let five = (1..=5)
        .map(|n| format!("{{ Value: 10.0.0.{n} }}"))
        .collect::<Vec<_>>()
        .join(", ");
    options(
        &format!("{{ Key: ntp-servers, Values: [{five}] }}"),
        &["InvalidParameterValue: ntp-servers can't have these values"],
    );
    options(
        "{ Key: domain, Values: [{ Value: x }] }",
        &["InvalidParameterValue: there is no DHCP option \"domain\""],
    );
    check(
        &[(
            "    EnableDnsHostnames: true\n",
            "    EnableDnsHostnames: true\n    EnableDnsSupport: false\n",
        )],
        &["InvalidParameterCombination: EnableDnsHostnames needs EnableDnsSupport"],
    );
}

#[test]
fn flow_logs_and_mirrors_are_once_and_where_they_can_be() {
    let log = "  zzz: { ResourceId: a, TrafficType: ALL, LogDestinationType: s3, LogDestination: \"arn:aws:s3:::logs\" }\ntraffic_mirror_targets:\n";
    let problems = told(&exchanged(&[("traffic_mirror_targets:\n", log)]));
    assert!(
        problems[0].starts_with("FlowLogAlreadyExists: flow log "),
        "{problems:?}"
    );
    let flow = |to: &str, expected: &[&str]| check(&[("{ ResourceId: a, TrafficType: ALL,", to)], expected);
    flow(
        "{ ResourceId: a,",
        &["MissingParameter: flow log \"all\" is missing TrafficType"],
    );
    flow(
        "{ ResourceId: a, TrafficType: SOME,",
        &["InvalidParameterValue: TrafficType is ACCEPT, REJECT or ALL, not SOME"],
    );
    flow(
        "{ ResourceId: a, TrafficType: ALL, MaxAggregationInterval: 300,",
        &["InvalidParameterValue: MaxAggregationInterval is 60 or 600, not 300"],
    );
    flow(
        "{ ResourceId: vpc-0123456789abcdef0, TrafficType: ALL,",
        &["InvalidVpcID.NotFound: there is no VPC vpc-0123456789abcdef0"],
    );
    check(
        &[(
            "eye: { NetworkInterfaceId: b/app }",
            "eye: { NetworkInterfaceId: a/web }",
        )],
        &["InterfaceInUseByTrafficMirrorTarget: \"web\" is mirror target \"eye\", and can't be a source as well"],
    );
    let session = |n: u32| {
        format!(
            "  s{n}: {{ NetworkInterfaceId: a/web, TrafficMirrorTargetId: eye, TrafficMirrorFilterId: tcp, SessionNumber: {n} }}\n"
        )
    };
    let sessions: String = (2..=4).map(session).collect();
    check(
        &[("hosted_zones:\n", &format!("{sessions}hosted_zones:\n"))],
        &["TrafficMirrorSessionsPerInterfaceLimitExceeded: more than 3 mirror sessions of a network interface"],
    );
    check(
        &[("hosted_zones:\n", &format!("{}hosted_zones:\n", session(1)))],
        &["InvalidParameterValue: \"web\" has a session 1 already"],
    );
    let rules: Vec<_> = (1..=11).map(|n| format!("{{ RuleNumber: {n} }}")).collect();
    check(
        &[(
            "[{ RuleNumber: 1, RuleAction: accept, Protocol: 6 }]",
            &format!("[{}]", rules.join(", ")),
        )],
        &["TrafficMirrorFilterRuleLimitExceeded: more than 10 rules of a mirror filter"],
    );
}
