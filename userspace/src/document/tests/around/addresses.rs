//! Elastic IPs and NAT gateways.

use super::*;

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
        &["Resource.AlreadyAssociated: Elastic IP \"bastion\" is \"bastion\"'s already"],
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
    nat(in_p, &["InvalidParameterValue: NAT gateway \"nat\" is in another VPC"]);
    let second = (
        "vpc_peering_connections:\n",
        "  again: { SubnetId: public, NatGatewayAddresses: [{ AllocationId: nat }] }\nvpc_peering_connections:\n",
    );
    check(
        &[second],
        &["Resource.AlreadyAssociated: Elastic IP \"nat\" is NAT gateway \"again\"'s already"],
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
