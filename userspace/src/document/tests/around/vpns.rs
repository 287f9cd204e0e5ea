//! VPNs of both kinds.

use super::*;

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
