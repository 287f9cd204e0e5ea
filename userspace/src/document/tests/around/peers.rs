//! Peering connections and transit gateways.

use super::*;

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
