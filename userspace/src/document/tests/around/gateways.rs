//! Gateways, and routes that lead to them and to others.

use super::*;

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
