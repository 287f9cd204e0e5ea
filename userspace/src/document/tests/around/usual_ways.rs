//! Usual misconfigurations of ways: M6 to M30.

use super::*;

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
        &[&format!("{dropped} failed"), "M22: NAT gateway \"nat\" has failed"],
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
        "group: web }], egress: [{ IpProtocol: -1, group: p/target }, { IpProtocol: tcp, FromPort: 443, ToPort: 443, prefix_list: s3 }] }\n    route_tables",
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
