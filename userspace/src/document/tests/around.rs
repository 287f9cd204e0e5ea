//! Objects around VPCs: what AWS refuses of them (semantics 30), and what it takes although nobody means it (semantics
//! 31). One configuration has something of everything, and each test exchanges a part of it.

use super::*;

const GOOD: &str = include_str!("good.yaml");

/// The configuration with parts exchanged that stand in it once.
fn exchanged(parts: &[(&str, &str)]) -> String {
    parts.iter().fold(GOOD.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    })
}

/// The problems of such a configuration, each as "label: message".
fn told(text: &str) -> Vec<String> {
    let problems = match parse("good.yaml", text.as_bytes()) {
        Ok(resolved) => resolved.warnings,
        Err(problems) => problems,
    };
    let told = problems.problems.iter().map(|problem| {
        let Place { line, column, .. } = problem.place;
        assert!(line > 1 || column > 1, "a problem is somewhere: {problems}");
        assert!(problem.help.is_some(), "a problem says what to do: {problems}");
        let label = problem.number.or(problem.code).unwrap_or_default();
        format!("{label}: {}", problem.message)
    });
    told.collect()
}

#[track_caller]
fn check(parts: &[(&str, &str)], expected: &[&str]) {
    let text = exchanged(parts);
    assert_eq!(told(&text), expected, "{parts:?}");
}

#[test]
fn nothing_is_said_of_a_configuration_in_which_nothing_is_wrong() {
    check(&[], &[]);
}

#[test]
fn gateways_are_on_one_vpc_each_and_a_vpc_has_one_of_a_kind() {
    let second = (
        "door: { Attachments: [{ VpcId: a }] }",
        "door: { Attachments: [{ VpcId: a }, { VpcId: b }] }",
    );
    check(
        &[second],
        &["Resource.AlreadyAssociated: \"door\" is attached to VPC \"a\" already"],
    );
    let other = ("addresses:\n", "  other: { Attachments: [{ VpcId: a }] }\naddresses:\n");
    check(
        &[other],
        &["InvalidParameterValue: VPC \"a\" has an internet gateway already: \"door\""],
    );
    let detached = (
        "addresses:\n",
        "  other: { Attachments: [{ VpcId: a, State: detached }] }\naddresses:\n",
    );
    check(&[detached], &[]);
    let vpn = (
        "customer_gateways:\n",
        "  second: { VpcAttachments: [{ VpcId: a }] }\ncustomer_gateways:\n",
    );
    check(
        &[vpn],
        &["InvalidVpcState: VPC \"a\" has a virtual private gateway already: \"office\""],
    );
}

#[test]
fn a_route_leads_to_what_is_on_its_vpc() {
    let to_b = |target: &str| {
        format!(
            "main: {{ routes: [{{ DestinationCidrBlock: 10.9.0.0/16, {target} }}, {{ DestinationCidrBlock: 10.0.0.0/16, vpc_peering_connection: a-b"
        )
    };
    let from = "main: { routes: [{ DestinationCidrBlock: 10.0.0.0/16, vpc_peering_connection: a-b";
    let leads = |target: &str, expected: &[&str]| check(&[(from, &to_b(target))], expected);
    leads(
        "internet_gateway: door",
        &["Gateway.NotAttached: \"door\" isn't attached to VPC \"b\""],
    );
    leads(
        "vpn_gateway: office",
        &["Gateway.NotAttached: \"office\" isn't attached to VPC \"b\""],
    );
    leads(
        "transit_gateway: hub",
        &["Gateway.NotAttached: \"hub\" isn't attached to VPC \"b\""],
    );
    leads(
        "nat_gateway: nat",
        &["InvalidParameterValue: NAT gateway \"nat\" is in another VPC"],
    );
    leads(
        "vpc_endpoint: svc",
        &["RouteNotSupported: \"svc\" isn't a Gateway Load Balancer endpoint"],
    );
    leads(
        "gateway_endpoint: s3",
        &["RouteNotSupported: gateway endpoint \"s3\" isn't associated with this table"],
    );
    leads(
        "egress_only_internet_gateway: eigw-0123456789abcdef0",
        &[
            ": no egress-only internet gateway is known, so nothing can be said of eigw-0123456789abcdef0",
            "InvalidParameterValue: an egress-only internet gateway is for IPv6 alone",
        ],
    );
    leads(
        "nat_gateway: nat-0123456789abcdef0",
        &["NatGatewayNotFound: there is no NAT gateway nat-0123456789abcdef0"],
    );
    let not_a_side = (
        "10.2.0.0/16, transit_gateway: hub }\n          - {",
        "10.2.0.0/16, transit_gateway: hub }\n          - { DestinationCidrBlock: 10.9.0.0/16, vpc_peering_connection: p-b }\n          - {",
    );
    let peering = (
        "transit_gateways:\n",
        "  p-b: { RequesterVpcInfo: { VpcId: p }, AccepterVpcInfo: { VpcId: b }, Status: { Code: active } }\ntransit_gateways:\n",
    );
    check(
        &[not_a_side, peering],
        &["InvalidParameterValue: VPC \"a\" isn't a side of \"p-b\""],
    );
    let ipv6 = (
        "DestinationCidrBlock: 0.0.0.0/0, nat_gateway",
        "DestinationIpv6CidrBlock: \"::/0\", nat_gateway",
    );
    check(
        &[ipv6],
        &["InvalidParameterValue: of IPv6, a NAT gateway takes 64:ff9b::/96 alone"],
    );
}

#[test]
fn inside_the_vpc_a_route_leads_to_a_middlebox() {
    let inside = "10.0.2.0/24 is inside the VPC, where a route leads to a NAT gateway, a network interface or a Gateway Load Balancer endpoint";
    let from = "10.2.0.0/16, transit_gateway: hub }\n          - {";
    for target in [
        "internet_gateway: door",
        "transit_gateway: hub",
        "vpc_peering_connection: a-b",
        "vpn_gateway: office",
    ] {
        let to = format!(
            "10.2.0.0/16, transit_gateway: hub }}\n          - {{ DestinationCidrBlock: 10.0.2.0/24, {target} }}\n          - {{"
        );
        check(&[(from, &to)], &[&format!("InvalidParameterValue: {inside}")]);
    }
}

#[test]
fn a_gateways_table_leads_from_whole_blocks_into_middleboxes() {
    let edge = |table: &str, expected: &[&str]| {
        let to = format!("      edge: {table}\n    network_acls:\n");
        check(&[("    network_acls:\n", &to)], expected);
    };
    edge("{ gateways: [door] }", &[]);
    edge(
        "{ gateways: [door], routes: [{ DestinationCidrBlock: 10.0.1.0/24, instance: bastion }] }",
        &["M28: instance \"bastion\" gets packets for others, which its source/destination check drops"],
    );
    edge(
        "{ gateways: [door], routes: [{ DestinationCidrBlock: 10.9.0.0/24, nat_gateway: nat }] }",
        &[
            "InvalidParameterValue: a route of a gateway's table leads to a whole block of the VPC or of one of its subnets",
        ],
    );
    edge(
        "{ gateways: [door], routes: [{ DestinationCidrBlock: 10.0.1.0/24, nat_gateway: nat }] }",
        &[
            "InvalidParameterValue: a gateway's table leads to a network interface or a Gateway Load Balancer endpoint, or is local",
        ],
    );
    edge(
        "{ gateways: [door], main: true }",
        &["InvalidParameterValue: the main route table can't route what arrives at a gateway"],
    );
    edge(
        "{ gateways: [door], propagating_vpn_gateways: [office] }",
        &["InvalidParameterValue: a gateway's table can't take a virtual private gateway's prefixes over"],
    );
    edge(
        "{ gateways: [door] }\n      again: { gateways: [door] }",
        &["Resource.AlreadyAssociated: \"door\" is in route table \"again\" already"],
    );
    let of_b = (
        "      main: { routes: [{ DestinationCidrBlock: 10.0.0.0/16, vpc",
        "      edge: { gateways: [door], propagating_vpn_gateways: [] }\n      main: { routes: [{ DestinationCidrBlock: 10.0.0.0/16, vpc",
    );
    check(&[of_b], &["Gateway.NotAttached: \"door\" isn't attached to VPC \"b\""]);
    let propagating = (
        "      main: { routes: [{ DestinationCidrBlock: 10.0.0.0/16, vpc",
        "      main: { propagating_vpn_gateways: [office], routes: [{ DestinationCidrBlock: 10.0.0.0/16, vpc",
    );
    check(
        &[propagating],
        &["Gateway.NotAttached: \"office\" isn't attached to VPC \"b\""],
    );
}

#[test]
fn an_elastic_ip_is_one_address_of_one_interface() {
    let other = |object: &str| format!("  other: {object}\nnat_gateways:\n");
    let add = |object: &str, expected: &[&str]| check(&[("nat_gateways:\n", &other(object))], expected);
    add(
        "{ PublicIp: 203.0.113.11, NetworkInterfaceId: a/bastion }",
        &["Resource.AlreadyAssociated: \"bastion\" has Elastic IP \"bastion\" at that address already"],
    );
    add(
        "{ PublicIp: 203.0.113.10 }",
        &["InvalidParameterValue: Elastic IP \"bastion\" is the same address"],
    );
    add(
        "{ NetworkInterfaceId: a/bastion, PrivateIpAddress: 10.0.0.99 }",
        &["InvalidParameterValue: 10.0.0.99 isn't an address of \"bastion\""],
    );
    add(
        "{ NetworkInterfaceId: eni-0123456789abcdef0 }",
        &["InvalidNetworkInterfaceID.NotFound: there is no network interface eni-0123456789abcdef0"],
    );
    let both = ("[{ AllocationId: nat }]", "[{ AllocationId: bastion }]");
    check(
        &[both],
        &["Resource.AlreadyAssociated: the address is NAT gateway \"nat\"'s already"],
    );
    let six = (2..=5).map(|n| format!("  e{n}: {{}}\n")).collect::<String>();
    check(
        &[("nat_gateways:\n", &format!("{six}nat_gateways:\n"))],
        &["AddressLimitExceeded: more than 5 Elastic IPs in a Region"],
    );
    let raised = ("vpcs:\n", "quotas: { elastic_ips_per_region: 6 }\nvpcs:\n");
    check(&[("nat_gateways:\n", &format!("{six}nat_gateways:\n")), raised], &[]);
}

#[test]
fn a_nat_gateway_has_what_its_kind_needs() {
    let nat = |object: &str, expected: &[&str]| {
        check(
            &[(
                "{ SubnetId: public, NatGatewayAddresses: [{ AllocationId: nat }] }",
                object,
            )],
            expected,
        )
    };
    nat(
        "{ SubnetId: public }",
        &["MissingParameter: a public NAT gateway needs an Elastic IP"],
    );
    nat(
        "{ SubnetId: public, ConnectivityType: private, NatGatewayAddresses: [{ AllocationId: nat }] }",
        &["InvalidParameterCombination: a private NAT gateway has no Elastic IP"],
    );
    nat(
        "{ SubnetId: public, ConnectivityType: open, NatGatewayAddresses: [{ AllocationId: nat }] }",
        &["InvalidParameterValue: ConnectivityType is public or private, not open"],
    );
    nat(
        "{ NatGatewayAddresses: [{ AllocationId: nat }] }",
        &["MissingParameter: NAT gateway \"nat\" is missing SubnetId"],
    );
    nat(
        "{ SubnetId: public, AvailabilityMode: regional }",
        &["InvalidParameterCombination: a regional NAT gateway is public and in no subnet"],
    );
    nat(
        "{ SubnetId: a/public, VpcId: b, NatGatewayAddresses: [{ AllocationId: nat }] }",
        &["InvalidParameterValue: the subnet is in VPC \"a\""],
    );
    nat(
        "{ SubnetId: public, NatGatewayAddresses: [{ AllocationId: nat, PrivateIp: 10.0.1.9 }] }",
        &["InvalidParameterValue: 10.0.1.9 isn't in the subnet's block 10.0.0.0/24"],
    );
    let in_p = "{ SubnetId: p/front, NatGatewayAddresses: [{ AllocationId: nat }] }";
    nat(
        in_p,
        &[
            "InvalidParameterValue: NAT gateway \"nat\" is in another VPC",
            "Gateway.NotAttached: no internet gateway is attached to VPC \"p\"",
        ],
    );
    let second = (
        "vpc_peering_connections:\n",
        "  again: { SubnetId: public, NatGatewayAddresses: [{ AllocationId: nat }] }\nvpc_peering_connections:\n",
    );
    check(
        &[second],
        &["Resource.AlreadyAssociated: Elastic IP \"nat\" is NAT gateway \"nat\"'s already"],
    );
    let addresses = ["{ AllocationId: nat }", "{ AllocationId: x }", "{ AllocationId: y }"].join(", ");
    let more = ("nat_gateways:\n", "  x: {}\n  y: {}\nnat_gateways:\n");
    check(
        &[more, ("[{ AllocationId: nat }]", &format!("[{addresses}]"))],
        &["AddressLimitExceeded: more than 2 Elastic IPs of a NAT gateway"],
    );
    let private: String = (0..5)
        .map(|n| format!("  n{n}: {{ SubnetId: public, ConnectivityType: private }}\n"))
        .collect();
    check(
        &[(
            "vpc_peering_connections:\n",
            &format!("{private}vpc_peering_connections:\n"),
        )],
        &["NatGatewayLimitExceeded: more than 5 NAT gateways in an availability zone"],
    );
}

#[test]
fn a_pair_of_vpcs_is_peered_once() {
    let again = "  again: { RequesterVpcInfo: { VpcId: b }, AccepterVpcInfo: { VpcId: a } }\ntransit_gateways:\n";
    let told = "VpcPeeringConnectionAlreadyExists: peering connection \"a-b\" joins these two VPCs already";
    let problems = parse("x", exchanged(&[("transit_gateways:\n", again)]).as_bytes()).expect_err("a problem");
    assert!(lines(&problems)[0].ends_with(told), "{problems}");
    check(
        &[(
            "transit_gateways:\n",
            &again.replace("} }\n", "}, Status: { Code: rejected } }\n"),
        )],
        &[],
    );
    let add = |object: &str, expected: &[&str]| {
        check(
            &[("transit_gateways:\n", &format!("  x: {object}\ntransit_gateways:\n"))],
            expected,
        )
    };
    add(
        "{ RequesterVpcInfo: { VpcId: b }, AccepterVpcInfo: { VpcId: b } }",
        &["InvalidParameterValue: both sides are VPC \"b\""],
    );
    add(
        "{ RequesterVpcInfo: { VpcId: b } }",
        &["MissingParameter: peering connection \"x\" doesn't say which two VPCs it joins"],
    );
    add(
        "{ RequesterVpcInfo: { VpcId: b }, AccepterVpcInfo: { VpcId: vpc-0123456789abcdef0 } }",
        &["InvalidVpcID.NotFound: there is no VPC vpc-0123456789abcdef0"],
    );
    add(
        "{ RequesterVpcInfo: { VpcId: b }, AccepterVpcInfo: { VpcId: vpc-0123456789abcdef0, OwnerId: \"111122223333\" } }",
        &[],
    );
    let dns = (
        "AccepterVpcInfo: { VpcId: b }",
        "AccepterVpcInfo: { VpcId: b, PeeringOptions: { AllowDnsResolutionFromRemoteVpc: true } }",
    );
    check(
        &[dns],
        &["InvalidVpcPeeringConnectionState.DnsHostnamesDisabled: VPC \"b\" has no DNS hostnames, which this needs"],
    );
}

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
fn a_vpc_is_attached_to_a_transit_gateway_once() {
    let again = (
        "transit_gateway_route_tables:\n",
        "  z: { TransitGatewayId: hub, VpcId: a, SubnetIds: [web] }\ntransit_gateway_route_tables:\n",
    );
    let problems = told(&exchanged(&[again]));
    assert!(
        problems[0].starts_with("DuplicateTransitGatewayAttachment: VPC \"a\" is attached to \"hub\" by"),
        "{problems:?}"
    );
    check(
        &[("VpcId: p, SubnetIds: [front, back] }", "VpcId: p, SubnetIds: [a/web] }")],
        &["InvalidParameterValue: subnet \"web\" is in VPC \"a\""],
    );
    check(
        &[(
            "VpcId: a, SubnetIds: [web, db] }",
            "VpcId: a, SubnetIds: [web, public] }",
        )],
        &["DuplicateSubnetsInSameZone: subnets \"web\" and \"public\" are both in us-east-1a"],
    );
    let table = (
        "load_balancers:\n",
        "  other: { TransitGatewayId: hub, Associations: [{ TransitGatewayAttachmentId: hub-a }] }\nload_balancers:\n",
    );
    let problems = told(&exchanged(&[table]));
    assert!(
        problems[0].starts_with("Resource.AlreadyAssociated: attachment \"hub-a\" is associated with route table"),
        "{problems:?}"
    );
    let twice = (
        "Routes: [{ DestinationCidrBlock: 172.16.0.0/12, Type: static,",
        "Routes: [{ DestinationCidrBlock: 172.16.0.0/12 }, { DestinationCidrBlock: 172.16.0.0/12, Type: static,",
    );
    check(
        &[twice],
        &["RouteAlreadyExists: the table has a static route to 172.16.0.0/12 already"],
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
            "[{ SubnetId: front }, { SubnetId: a/web }]",
        )],
        &["InvalidParameterValue: subnet \"web\" is in VPC \"a\""],
    );
}

#[test]
fn a_vpn_connection_is_what_a_vpn_connection_can_be() {
    let customer = (
        "vpn_connections:\n",
        "  same: { IpAddress: 198.51.100.1 }\nvpn_connections:\n",
    );
    let problems = told(&exchanged(&[customer]));
    assert!(
        problems[0].starts_with("InvalidCustomerGateway.DuplicateIpAddress: customer gateway "),
        "{problems:?}"
    );
    check(
        &[("BgpAsn: \"65000\"", "BgpAsn: many")],
        &["InvalidParameterValue: BgpAsn is a number from 1 to 4294967295"],
    );
    let again = (
        "client_vpn_endpoints:\n",
        "  zz: { CustomerGatewayId: office, VpnGatewayId: office }\nclient_vpn_endpoints:\n",
    );
    let problems = told(&exchanged(&[again]));
    assert!(
        problems[0].starts_with("InvalidOption.Conflict: VPN connection "),
        "{problems:?}"
    );
    check(
        &[("169.254.11.0/30", "169.254.10.0/30")],
        &["InvalidCidr.InUse: 169.254.10.0/30 is inside of a tunnel of \"office\" already"],
    );
    for block in ["169.254.0.0/30", "169.254.169.252/30", "10.0.0.0/30", "169.254.11.0/29"] {
        check(
            &[("169.254.11.0/30", block)],
            &[&format!("InvalidParameterValue: {block} can't be inside of a tunnel")],
        );
    }
    check(
        &[("StaticRoutesOnly: true, ", "")],
        &["InvalidVpnConnection.InvalidType: a connection with BGP learns its routes, and has no static ones"],
    );
    check(
        &[(
            "VpnGatewayId: office\n",
            "VpnGatewayId: office\n    TransitGatewayId: hub\n",
        )],
        &["InvalidParameterCombination: a VPN connection ends at a virtual private gateway or at a transit gateway"],
    );
    check(
        &[("    CustomerGatewayId: office\n", "")],
        &["MissingParameter: VPN connection \"office\" is missing CustomerGatewayId"],
    );
    let tunnel = |option: &str, expected: &[&str]| {
        check(
            &[(
                "TunnelInsideCidr: 169.254.11.0/30",
                &format!("TunnelInsideCidr: 169.254.11.0/30, {option}"),
            )],
            expected,
        )
    };
    tunnel(
        "PreSharedKey: 0abcdefgh",
        &["InvalidParameterValue: a pre-shared key has 8 to 64 letters, digits, '.' and '_', and doesn't begin with 0"],
    );
    tunnel(
        "Phase1LifetimeSeconds: 100",
        &["InvalidParameterValue: Phase1LifetimeSeconds is 900 to 28800, not 100"],
    );
    tunnel(
        "ReplayWindowSize: 1",
        &["InvalidParameterValue: ReplayWindowSize is 64 to 2048, not 1"],
    );
}

#[test]
fn a_client_vpn_endpoint_has_addresses_routes_and_rules_apart() {
    check(
        &[("10.200.0.0/16", "10.200.0.0/24")],
        &["InvalidParameterValue: clients get a /12 to a /22, this is a /24"],
    );
    check(
        &[("10.200.0.0/16", "10.0.0.0/12")],
        &["InvalidClientVpnSubnetId.OverlappingCidr: 10.0.0.0/12 overlaps 10.0.0.0/16 of the VPC"],
    );
    check(
        &[(
            "[{ TargetNetworkId: a/web }]",
            "[{ TargetNetworkId: a/web }, { TargetNetworkId: a/public }]",
        )],
        &["InvalidClientVpnSubnetId.DuplicateAz: another subnet of us-east-1a is associated already"],
    );
    check(
        &[(
            "Routes: [{ DestinationCidr: 10.0.0.0/16, TargetSubnet: a/web }]",
            "Routes: [{ DestinationCidr: 10.0.0.0/16, TargetSubnet: a/web }, { DestinationCidr: 10.0.0.0/16, TargetSubnet: a/web }]",
        )],
        &["InvalidClientVpnDuplicateRoute: this route is there already"],
    );
    check(
        &[(
            "[{ DestinationCidr: 10.0.0.0/16, AccessAll: true }]",
            "[{ DestinationCidr: 10.0.0.0/16, AccessAll: true }, { DestinationCidr: 10.0.0.0/16 }]",
        )],
        &["InvalidClientVpnDuplicateAuthorizationRule: this rule is there already"],
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

/// The rest of a line in which something is exchanged that stands there more than once.
const PRIVATE: &str = "10.2.0.0/16, transit_gateway: hub }\n          - {";

/// One more route of VPC a's private subnets.
fn with_route(route: &str) -> String {
    format!("10.2.0.0/16, transit_gateway: hub }}\n          - {{ {route} }}\n          - {{")
}

#[test]
fn m6_a_peering_with_routes_on_one_side() {
    let expected = "M6: no route leads back over \"a-b\" from VPC \"b\"";
    check(
        &[(
            "routes: [{ DestinationCidrBlock: 10.0.0.0/16, vpc_peering_connection: a-b }]",
            "routes: []",
        )],
        &[expected],
    );
    check(
        &[(
            "          - { DestinationCidrBlock: 10.1.0.0/16, vpc_peering_connection: a-b }\n",
            "",
        )],
        &["M6: no route leads back over \"a-b\" from VPC \"a\""],
    );
}

#[test]
fn m7_and_m8_a_peer_passes_nothing_on() {
    let beyond = |route: &str, expected: &str| check(&[(PRIVATE, &with_route(route))], &[expected]);
    beyond(
        "DestinationCidrBlock: 192.0.2.0/24, vpc_peering_connection: a-b",
        "M8: 192.0.2.0/24 isn't VPC \"b\"'s, which passes nothing on for others",
    );
    beyond(
        "DestinationIpv6CidrBlock: \"::/0\", vpc_peering_connection: a-b",
        "M8: VPC \"b\" passes nothing on to its own gateways for others",
    );
    let transitive = [
        (
            PRIVATE,
            &*with_route("DestinationCidrBlock: 10.2.1.0/24, vpc_peering_connection: a-b"),
        ),
        (
            "transit_gateways:\n",
            "  b-p: { RequesterVpcInfo: { VpcId: b }, AccepterVpcInfo: { VpcId: p }, Status: { Code: active } }\ntransit_gateways:\n",
        ),
    ];
    check(
        &transitive,
        &["M7: 10.2.1.0/24 is VPC \"p\"'s, and VPC \"b\" passes nothing on to it"],
    );
}

#[test]
fn m9_a_peering_of_vpcs_that_overlap() {
    let same = [
        (
            "internet_gateways:\n",
            "  c: { CidrBlock: 10.0.0.0/17 }\ninternet_gateways:\n",
        ),
        (
            "transit_gateways:\n",
            "  a-c: { RequesterVpcInfo: { VpcId: a }, AccepterVpcInfo: { VpcId: c } }\ntransit_gateways:\n",
        ),
    ];
    check(
        &same,
        &["M9: 10.0.0.0/16 of VPC \"a\" overlaps 10.0.0.0/17 of VPC \"c\", so AWS lets this fail"],
    );
    check(
        &[("Code: active", "Code: failed")],
        &[
            "M11: group \"app\" of VPC \"b\" matches nothing: no active peering of this Region joins the VPCs",
            "M10: what follows this route is dropped: the target is failed",
            "M10: what follows this route is dropped: the target is failed",
            "M9: peering connection \"a-b\" has failed, and carries nothing",
        ],
    );
}

#[test]
fn m10_a_route_to_what_cant_be_used() {
    let dropped = "M10: what follows this route is dropped: the target is";
    let names = "M11: group \"app\" of VPC \"b\" matches nothing: no active peering of this Region joins the VPCs";
    let pending = format!("{dropped} pending-acceptance");
    check(
        &[("Code: active", "Code: pending-acceptance")],
        &[names, &pending, &pending],
    );
    check(
        &[(
            "{ SubnetId: public, NatGatewayAddresses",
            "{ State: failed, SubnetId: public, NatGatewayAddresses",
        )],
        &[&format!("{dropped} failed")],
    );
    check(
        &[(
            PRIVATE,
            &with_route("DestinationCidrBlock: 192.0.2.0/24, nat_gateway: nat-0123456789abcdef0, State: blackhole"),
        )],
        &["M10: what follows this route is dropped: the target is gone or unusable"],
    );
}

#[test]
fn m12_to_m15_groups_that_are_named_from_elsewhere() {
    check(&[("ToPort: 22, group: b/app", "ToPort: 22, group: p/target")], &[]);
    let off = (
        "Options: { SecurityGroupReferencingSupport: enable }",
        "Options: { SecurityGroupReferencingSupport: disable }",
    );
    let named = ("ToPort: 22, group: b/app", "ToPort: 22, group: p/target");
    let message = "M15: SecurityGroupReferencingSupport must be on at the transit gateway and at both attachments";
    check(&[off, named], &[message]);
    let attachment = (
        "VpcId: p, SubnetIds: [front, back] }",
        "VpcId: p, SubnetIds: [front, back], Options: { SecurityGroupReferencingSupport: disable } }",
    );
    check(&[attachment, named], &[message]);
    let egress = (
        "group: web }] }\n    route_tables",
        "group: web }], egress: [{ IpProtocol: -1, group: p/target }] }\n    route_tables",
    );
    check(
        &[egress],
        &["M14: over a transit gateway, only rules of ingress may name a group of another VPC"],
    );
    let of_p = (
        "{ ingress: [{ IpProtocol: -1, CidrIpv4: 10.0.0.0/16 }] }",
        "{ ingress: [{ IpProtocol: -1, CidrIpv4: 10.0.0.0/16 }, { IpProtocol: -1, group: p/target }] }",
    );
    check(
        &[of_p],
        &["M11: group \"target\" of VPC \"p\" matches nothing: no active peering of this Region joins the VPCs"],
    );
}

#[test]
fn m20_and_m21_a_public_address_and_a_way_to_the_internet() {
    check(
        &[(
            "PublicIp: 203.0.113.10, NetworkInterfaceId: a/bastion",
            "PublicIp: 203.0.113.10",
        )],
        &["M20: \"bastion\" has no public address, and its subnet \"public\" leads to the internet gateway"],
    );
    check(
        &[
            (
                "PublicIp: 203.0.113.10, NetworkInterfaceId: a/bastion",
                "PublicIp: 203.0.113.10",
            ),
            (
                "public: { CidrBlock: 10.0.0.0/24,",
                "public: { MapPublicIpOnLaunch: true, CidrBlock: 10.0.0.0/24,",
            ),
        ],
        &[],
    );
    check(
        &[(
            "  nat: { PublicIp: 203.0.113.20 }",
            "  nat: { PublicIp: 203.0.113.20 }\n  app: { NetworkInterfaceId: b/app }",
        )],
        &["M21: \"app\" has a public address, and no route leads from its subnet \"app\" to the internet"],
    );
}

#[test]
fn m26_a_table_that_no_subnet_uses() {
    check(
        &[(
            "    network_acls:\n",
            "      spare: { routes: [{ DestinationCidrBlock: 192.0.2.0/24, nat_gateway: nat }] }\n    network_acls:\n",
        )],
        &["M26: no subnet uses route table \"spare\""],
    );
    check(&[("    network_acls:\n", "      spare: {}\n    network_acls:\n")], &[]);
    check(
        &[
            ("subnets: [web, db]\n        routes", "subnets: [web]\n        routes"),
            (
                "    network_acls:\n",
                "      spare: { routes: [{ DestinationCidrBlock: 192.0.2.0/24, nat_gateway: nat }] }\n    network_acls:\n",
            ),
        ],
        &["M26: no subnet uses route table \"spare\", and subnet \"db\" follows the main one"],
    );
}

#[test]
fn m22_a_nat_gateway_without_a_way_to_the_internet() {
    let moved = ("nat: { SubnetId: public,", "nat: { SubnetId: b/app,");
    let other_vpc = told(&exchanged(&[moved]));
    assert!(other_vpc[0].starts_with("InvalidParameterValue"), "{other_vpc:?}");
    let isolated = [
        (
            "      db: { CidrBlock: 10.0.2.0/24, Av",
            "      nowhere: { CidrBlock: 10.0.9.0/24 }\n      db: { CidrBlock: 10.0.2.0/24, Av",
        ),
        ("nat: { SubnetId: public,", "nat: { SubnetId: nowhere,"),
    ];
    let message = "M22: subnets lead everything to this NAT gateway, and no route leads on from its own subnet";
    check(&isolated, &[message]);
    let private = (
        "nat: { SubnetId: public, NatGatewayAddresses: [{ AllocationId: nat }] }",
        "nat: { SubnetId: public, ConnectivityType: private }",
    );
    check(
        &[private],
        &["M22: a private NAT gateway has no public address to reach the internet with"],
    );
}

/// An ACL of the NAT gateway's subnet.
fn public_acl(ingress: &str, egress: &str) -> String {
    format!("    network_acls:\n      public: {{ subnets: [public], ingress: [{ingress}], egress: [{egress}] }}\n")
}

#[test]
fn m23_the_acl_of_a_nat_gateways_subnet() {
    let all = "{ RuleNumber: 1, RuleAction: allow, Protocol: -1, CidrBlock: 0.0.0.0/0 }";
    let answers = "{ RuleNumber: 1, RuleAction: allow, Protocol: tcp, PortRange: { From: 1024, To: 65535 }, CidrBlock: 0.0.0.0/0 }";
    let inside = "{ RuleNumber: 1, RuleAction: allow, Protocol: -1, CidrBlock: 10.0.0.0/16 }";
    let guarded = |ingress: &str, egress: &str, expected: &[&str]| {
        check(&[("    network_acls:\n", &public_acl(ingress, egress))], expected)
    };
    guarded(all, all, &[]);
    guarded(
        answers,
        all,
        &["M23: network ACL \"public\" of the NAT gateway's subnet lets nothing in from 10.0.1.0/24 of subnet \"web\""],
    );
    guarded(
        inside,
        all,
        &["M23: network ACL \"public\" of the NAT gateway's subnet lets no answers in from the internet"],
    );
    let asks =
        "{ RuleNumber: 1, RuleAction: allow, Protocol: tcp, PortRange: { From: 443, To: 443 }, CidrBlock: 0.0.0.0/0 }";
    guarded(
        all,
        asks,
        &[
            "M23: network ACL \"public\" of the NAT gateway's subnet lets no answers out to 10.0.1.0/24 of subnet \"web\"",
            "M1: the answers to what this entry allows are allowed by no entry of egress",
        ][..1],
    );
}

#[test]
fn m24_a_peer_that_admits_a_public_address() {
    check(
        &[(
            "{ IpProtocol: -1, CidrIpv4: 10.0.0.0/16 }",
            "{ IpProtocol: -1, CidrIpv4: 10.0.0.0/16 }, { IpProtocol: -1, CidrIpv4: 203.0.113.20/32 }",
        )],
        &[
            "M24: 203.0.113.20/32 is the public address of NAT gateway \"nat\", which comes from a VPC by its private one",
        ],
    );
}

/// A subnet with a firewall in VPC a, and these tables.
fn with_firewall<'a>(tables: &'a str, instances: &'a str) -> [(&'a str, String); 3] {
    [
        (
            "      db: { CidrBlock: 10.0.2.0/24, Av",
            "      fw: { CidrBlock: 10.0.9.0/24 }\n      db: { CidrBlock: 10.0.2.0/24, Av".to_owned(),
        ),
        ("    network_acls:\n", format!("{tables}    network_acls:\n")),
        (
            "      web: { subnet: web, Priv",
            format!(
                "      fw: {{ subnet: fw, SourceDestCheck: false, groups: [web], namespace: fw }}\n{instances}      web: {{ subnet: web, Priv"
            ),
        ),
    ]
}

#[track_caller]
fn check_firewall(tables: &str, more: &[(&str, &str)], expected: &[&str]) {
    let parts = with_firewall(tables, "");
    let parts: Vec<_> = parts
        .iter()
        .map(|(from, to)| (*from, &**to))
        .chain(more.iter().copied())
        .collect();
    let mut told = told(&exchanged(&parts));
    told.retain(|line| !line.starts_with("M12") && !line.starts_with("M26"));
    assert_eq!(told, expected, "{tables}");
}

#[test]
fn m29_a_middlebox_in_a_subnet_that_follows_its_route() {
    check_firewall(
        "      loop: { subnets: [fw], routes: [{ DestinationCidrBlock: 10.9.0.0/16, instance: fw }] }\n",
        &[],
        &["M29: what \"fw\" passes on comes back to it: its own subnet \"fw\" uses this table"],
    );
}

#[test]
fn m30_a_middlebox_on_one_way_alone() {
    let there = (PRIVATE, &*with_route("DestinationCidrBlock: 10.0.0.0/24, instance: fw"));
    let message = "M30: from subnet \"web\" to \"public\" leads through \"fw\", and the way back past it";
    check_firewall("", &[there], &[message]);
    let back = (
        "[{ DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door }]",
        "[{ DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door }, { DestinationCidrBlock: 10.0.1.0/24, instance: fw }, { DestinationCidrBlock: 10.0.2.0/24, instance: fw }]",
    );
    check_firewall("", &[there, back], &[]);
    let whole = (
        "[{ DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door }]",
        "[{ DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door }, { DestinationCidrBlock: 10.0.0.0/16, instance: fw }]",
    );
    check_firewall("", &[there, whole], &[]);
    check_firewall(
        "      edge: { gateways: [door], routes: [{ DestinationCidrBlock: 10.0.0.0/24, instance: fw }] }\n",
        &[],
        &["M30: what comes for subnet \"public\" is led through \"fw\", and its own table leads past it"],
    );
}

#[test]
fn m31_and_m49_groups_of_endpoints_and_of_their_clients() {
    check(
        &[("Groups: [{ GroupId: a/web }]", "Groups: [{ GroupId: a/db }]")],
        &["M31: no rule of the groups of endpoint \"svc\" admits anybody at port 443"],
    );
    let list = (
        "vpcs:\n",
        "prefix_lists: { s3: { Name: com.amazonaws.us-east-1.s3, MaxEntries: 1, entries: [192.0.2.0/24] } }\nvpcs:\n",
    );
    let closed = (
        "group: web }] }\n    route_tables",
        "group: web }], egress: [{ IpProtocol: -1, CidrIpv4: 10.0.0.0/8 }] }\n    route_tables",
    );
    check(
        &[list, closed],
        &["M49: no group of \"db\" lets anything out to com.amazonaws.us-east-1.s3"],
    );
    check(&[list], &[]);
}

#[test]
fn m33_to_m38_endpoint_services_that_dont_serve() {
    check(
        &[("  https: { LoadBalancerArn: front, ", "  https: { ")],
        &["M33: no load balancer of service \"svc\" listens to anything"],
    );
    check(
        &[("    State: available\n  s3", "    State: pendingAcceptance\n  s3")],
        &["M34: endpoint \"svc\" waits for the service's provider to accept it"],
    );
    let account = (
        "  p:\n    CidrBlock",
        "  p:\n    account: \"111122223333\"\n    CidrBlock",
    );
    check(&[account], &["M35: service \"svc\" doesn't allow account 000000000000"]);
    let allowed = (
        "AcceptanceRequired: false",
        "AcceptanceRequired: false, AllowedPrincipals: [{ Principal: \"arn:aws:iam::000000000000:root\" }]",
    );
    check(&[account, allowed], &[]);
    check(
        &[("[{ SubnetId: front }, { SubnetId: back }]", "[{ SubnetId: front }]")],
        &["M36: service \"svc\" isn't in use1-az2, where subnet \"db\" is"],
    );
    check(
        &[(
            "ToPort: 8443, CidrIpv4: 10.2.0.0/16",
            "ToPort: 8443, CidrIpv4: 10.0.0.0/16",
        )],
        &[
            "M37: target \"t1\" doesn't admit load balancer \"front\" at port 8443, whose address is all it sees",
            "M37: target \"t2\" doesn't admit load balancer \"front\" at port 8443, whose address is all it sees",
        ],
    );
    let closed = (
        "ToPort: 443, CidrIpv4: 10.0.0.0/8",
        "ToPort: 443, CidrIpv4: 10.2.0.0/16",
    );
    check(
        &[closed],
        &["M38: the load balancer's groups don't admit the clients of endpoint \"svc\", in 10.0.0.0/16"],
    );
    let off = (
        "    SecurityGroups: [p/balancer]\n",
        "    SecurityGroups: [p/balancer]\n    EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: off\n",
    );
    check(&[closed, off], &[]);
}

#[test]
fn m40_and_m42_load_balancers_and_their_targets() {
    check(
        &[(", { Target: { Id: 10.2.2.60, Port: 8443 } }", "")],
        &["M40: target group \"targets\" has no target in us-east-1b, and the zone's node forwards to no other zone"],
    );
    let cross = (
        "    Scheme: internal\n",
        "    Scheme: internal\n    Attributes: [{ Key: load_balancing.cross_zone.enabled, Value: \"true\" }]\n",
    );
    check(&[(", { Target: { Id: 10.2.2.60, Port: 8443 } }", ""), cross], &[]);
    let preserving = [
        ("    Scheme: internal\n", "    Scheme: internet-facing\n"),
        ("NetworkLoadBalancerArns: [front]", "NetworkLoadBalancerArns: []"),
        (
            "    TargetType: ip\n",
            "    TargetType: ip\n    Attributes: [{ Key: preserve_client_ip.enabled, Value: \"true\" }]\n",
        ),
        (
            "ToPort: 8443, CidrIpv4: 10.2.0.0/16",
            "ToPort: 8443, CidrIpv4: 10.2.1.0/24",
        ),
    ];
    let alone = |target: &str| {
        format!("M42: target \"{target}\" admits the load balancer's subnets alone, and sees the clients' addresses")
    };
    check(&preserving, &[&alone("t1"), &alone("t2")]);
}

#[test]
fn m45_and_m46_names_that_arent_found() {
    check(
        &[("    EnableDnsHostnames: true\n", "")],
        &["M45: private names have no effect in VPC \"a\", which has no DNS hostnames"],
    );
    let more = (
        "  outside: { Name: example.com., ResourceRecordSets: [",
        "  outside: { Name: example.com., ResourceRecordSets: [{ Name: mail.example.com., Type: A }, ",
    );
    check(
        &[more],
        &["M46: in its VPCs this zone hides the public one, and has no mail.example.com."],
    );
}

#[test]
fn m48_a_gateway_endpoint_of_a_peer() {
    let list = (
        "vpcs:\n",
        "prefix_lists: { s3: { Name: com.amazonaws.us-east-1.s3, MaxEntries: 1, entries: [192.0.2.0/24] } }\nvpcs:\n",
    );
    let route = (
        "routes: [{ DestinationCidrBlock: 10.0.0.0/16, vpc_peering_connection: a-b }]",
        "routes: [{ DestinationCidrBlock: 10.0.0.0/16, vpc_peering_connection: a-b }, { prefix_list: s3, vpc_peering_connection: a-b }]",
    );
    check(
        &[list, route],
        &["M48: VPC \"a\"'s gateway endpoint serves VPC \"a\" alone"],
    );
}

#[test]
fn m52_to_m56_transit_gateways_that_carry_nothing() {
    check(
        &[("VpcId: a, SubnetIds: [web, db] }", "VpcId: a, SubnetIds: [web] }")],
        &["M52: subnet \"db\" leads to the transit gateway, which has no subnet of the VPC in us-east-1b"],
    );
    check(
        &[(
            "Associations: [{ TransitGatewayAttachmentId: hub-a }, { TransitGatewayAttachmentId: hub-p }]",
            "Associations: [{ TransitGatewayAttachmentId: hub-a }]",
        )],
        &[
            "M53: no route table of the transit gateway is associated with the attachment, so what comes from the VPC is dropped",
        ],
    );
    check(
        &[(
            "TransitGatewayRouteTablePropagations: [{ TransitGatewayAttachmentId: hub-a }, { TransitGatewayAttachmentId: hub-p }]",
            "TransitGatewayRouteTablePropagations: [{ TransitGatewayAttachmentId: hub-a }]",
        )],
        &["M53: no route table of the transit gateway leads to the attachment"],
    );
    check(
        &[(
            "routes: [{ DestinationCidrBlock: 10.0.0.0/16, transit_gateway: hub }]",
            "routes: []",
        )],
        &["M53: no subnet of the VPC has a route to the transit gateway"],
    );
    let inspecting = (
        "routes: [{ DestinationCidrBlock: 10.0.0.0/16, transit_gateway: hub }]",
        "routes: [{ DestinationCidrBlock: 10.0.0.0/16, transit_gateway: hub }, { DestinationCidrBlock: 0.0.0.0/0, instance: fw }]",
    );
    let firewall = (
        "      t2: {",
        "      fw: { subnet: box, SourceDestCheck: false, groups: [target], namespace: fw }\n      t2: {",
    );
    let subnet = ("      back: {", "      box: { CidrBlock: 10.2.9.0/24 }\n      back: {");
    let text = exchanged(&[firewall, subnet, inspecting]).replace(
        "      main: { routes: [{ DestinationCidrBlock: 10.0.0.0/16, transit",
        "      box: { subnets: [box] }\n      main: { routes: [{ DestinationCidrBlock: 10.0.0.0/16, transit",
    );
    assert_eq!(
        told(&text),
        ["M54: without appliance mode, answers from another zone reach another appliance, which drops them"]
    );
    let half = text.replace("      box: { subnets: [box] }", "      box: { subnets: [box] }\n      back: { subnets: [back], routes: [{ DestinationCidrBlock: 10.0.0.0/16, transit_gateway: hub }] }");
    let half = half.replace(
        "SubnetIds: [front, back] }",
        "SubnetIds: [front, back], Options: { ApplianceModeSupport: enable } }",
    );
    assert_eq!(
        told(&half),
        ["M55: what arrives in subnet \"back\" passes by the middlebox that the other zones lead to"]
    );
    let same = [
        (
            "internet_gateways:\n",
            "  c:\n    CidrBlock: 10.0.0.0/17\n    subnets: { c: { CidrBlock: 10.0.0.0/24 } }\n    route_tables: { main: { routes: [{ DestinationCidrBlock: 10.2.0.0/16, transit_gateway: hub }] } }\ninternet_gateways:\n",
        ),
        (
            "transit_gateway_route_tables:\n",
            "  hub-c: { TransitGatewayId: hub, VpcId: c, SubnetIds: [c/c] }\ntransit_gateway_route_tables:\n",
        ),
        (
            "Associations: [",
            "Associations: [{ TransitGatewayAttachmentId: hub-c }, ",
        ),
        (
            "Propagations: [",
            "Propagations: [{ TransitGatewayAttachmentId: hub-c }, ",
        ),
    ];
    let problems = told(&exchanged(&same));
    assert!(
        problems.len() == 1 && problems[0].starts_with("M56: VPC "),
        "{problems:?}"
    );
}

#[test]
fn m57_to_m60_vpns_that_carry_nothing() {
    check(
        &[(
            "          - { DestinationCidrBlock: 192.168.0.0/16, vpn_gateway: office }\n",
            "",
        )],
        &["M57: no route table of VPC \"a\" leads to virtual private gateway \"office\""],
    );
    check(
        &[("    Routes: [{ DestinationCidrBlock: 192.168.0.0/16 }]\n", "")],
        &["M57: the connection is static and has no routes, so its gateway knows no prefix behind it"],
    );
    check(
        &[(
            "    AuthorizationRules: [{ DestinationCidr: 10.0.0.0/16, AccessAll: true }]\n",
            "",
        )],
        &["M59: no authorization rule lets any client in"],
    );
    check(
        &[(
            "[{ DestinationCidr: 10.0.0.0/16, AccessAll",
            "[{ DestinationCidr: 10.9.0.0/16, AccessAll",
        )],
        &["M59: no authorization rule covers 10.0.0.0/16, where this route leads"],
    );
    let internet = [
        (
            "Routes: [{ DestinationCidr: 10.0.0.0/16, TargetSubnet: a/web }]",
            "Routes: [{ DestinationCidr: 0.0.0.0/0, TargetSubnet: b/app }]",
        ),
        (
            "[{ DestinationCidr: 10.0.0.0/16, AccessAll",
            "[{ DestinationCidr: 0.0.0.0/0, AccessAll",
        ),
    ];
    check(
        &internet,
        &["M60: the route leads to the internet by subnet \"app\", from which no route does"],
    );
}

#[test]
fn m63_public_access_that_is_blocked() {
    let blocked =
        "vpc_block_public_access_options:\n  own: { InternetGatewayBlockMode: block-bidirectional }\naddresses:\n";
    check(
        &[("addresses:\n", blocked)],
        &["M63: VPC \"a\" has an internet gateway, through which nothing passes"],
    );
    let off = blocked.replace("block-bidirectional", "off");
    check(&[("addresses:\n", &off)], &[]);
}

#[test]
fn m64_a_gateway_load_balancer_endpoint_that_leads_to_itself() {
    let endpoint = (
        "vpn_gateways:\n",
        "  gwlb: { VpcEndpointType: GatewayLoadBalancer, VpcId: a, ServiceName: com.amazonaws.vpce.us-east-1.vpce-svc-0fedcba9876543210, SubnetIds: [a/web] }\nvpn_gateways:\n",
    );
    let route = (
        PRIVATE,
        &*with_route("DestinationCidrBlock: 192.0.2.0/24, vpc_endpoint: gwlb"),
    );
    check(
        &[endpoint, route],
        &["M64: route table \"private\" of the endpoint's own subnet leads back to it"],
    );
}
