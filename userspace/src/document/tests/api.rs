//! What the API refuses, of one configuration after another (semantics 32, S119), and all of it at once.

use super::*;

/// A VPC with a part of it exchanged, and the codes of what is refused.
fn refused(from: &str, to: &str) -> Vec<&'static str> {
    const API: &str = "\
vpcs:
  a:
    CidrBlock: 10.0.0.0/16
    subnets:
      one: { CidrBlock: 10.0.1.0/24 }
      two: { CidrBlock: 10.0.2.0/24 }
    security_groups:
      web: { ingress: [{ IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIpv4: 10.0.0.0/16 }] }
      db: { ingress: [{ IpProtocol: tcp, FromPort: 5432, ToPort: 5432, group: web }] }
    network_acls:
      acl: { ingress: [{ RuleNumber: 1, RuleAction: deny, Protocol: -1, CidrBlock: 0.0.0.0/0 }] }
  b: { CidrBlock: 10.1.0.0/16 }
internet_gateways:
  door: { Attachments: [{ VpcId: a }] }
vpc_peering_connections:
  a-b: { RequesterVpcInfo: { VpcId: a }, AccepterVpcInfo: { VpcId: b } }
";
    assert_eq!(API.matches(from).count(), 1, "{from}");
    match parse("api.yaml", API.replace(from, to).as_bytes()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.problems.iter().filter_map(|problem| problem.code).collect(),
    }
}

#[test]
fn s119_the_api_refuses_each_with_its_code() {
    assert_eq!(refused("10.0.0.0/16\n", "10.0.0.0/16\n"), [""; 0]);
    let two = "two: { CidrBlock: 10.0.2.0/24 }";
    let rule = "{ IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIpv4: 10.0.0.0/16 }";
    let entry = "{ RuleNumber: 1, RuleAction: deny, Protocol: -1, CidrBlock: 0.0.0.0/0 }";
    let attached = "door: { Attachments: [{ VpcId: a }] }";
    let peered = "  a-b: { RequesterVpcInfo: { VpcId: a }, AccepterVpcInfo: { VpcId: b } }\n";
    for (from, to, code) in [
        (
            "b: { CidrBlock: 10.1.0.0/16 }",
            "b: { CidrBlock: 10.0.0.0/15 }",
            "InvalidVpc.Range",
        ),
        (
            "b: { CidrBlock: 10.1.0.0/16 }",
            "b: { CidrBlock: 10.1.0.0/29 }",
            "InvalidVpc.Range",
        ),
        (two, "two: { CidrBlock: 10.9.2.0/24 }", "InvalidSubnet.Range"),
        (two, "two: { CidrBlock: 10.0.1.128/25 }", "InvalidSubnet.Conflict"),
        (rule, &format!("{rule}, {rule}"), "InvalidPermission.Duplicate"),
        (entry, &format!("{entry}, {entry}"), "NetworkAclEntryAlreadyExists"),
        ("RuleNumber: 1", "RuleNumber: 0", "InvalidParameterValue"),
        ("RuleNumber: 1", "RuleNumber: 32767", "InvalidParameterValue"),
        // Who leaves out a group that others name is told by them.
        ("      web: {", "      www: {", "InvalidGroup.NotFound"),
        (
            attached,
            "door: { Attachments: [{ VpcId: a }, { VpcId: b }] }",
            "Resource.AlreadyAssociated",
        ),
        (
            attached,
            &format!("{attached}\n  other: {{ Attachments: [{{ VpcId: a }}] }}"),
            "InvalidParameterValue",
        ),
        (
            peered,
            &format!("{peered}{}", peered.replace("a-b", "b-a")),
            "VpcPeeringConnectionAlreadyExists",
        ),
    ] {
        assert_eq!(refused(from, to), [code], "{to}");
    }
}

#[test]
fn twenty_mistakes_are_told_in_one_run() {
    let document = "\
vpcs:
  a:
    CidrBlock: 10.0.0.0/8
    subnets:
      one: { CidrBlock: 10.0.1.0/24 }
      two: { CidrBlock: 10.0.1.0/25 }
      three: { CidrBlok: 10.0.3.0/24 }
    security_groups:
      sg-web: { ingress: [{ IpProtocol: tcp, FromPort: 80, CidrIpv4: 10.0.0.0/16 }] }
      db: { ingress: [{ IpProtocol: tcp, FromPort: 90, ToPort: 80, group: nobody }] }
    network_acls:
      acl:
        subnets: [one, four]
        ingress:
          - { RuleNumber: 0, RuleAction: deny, Protocol: -1, CidrBlock: 0.0.0.0/0 }
          - { RuleNumber: 1, RuleAction: maybe, Protocol: tcp, CidrBlock: 0.0.0.0/0 }
    route_tables:
      main: { routes: [{ DestinationCidrBlock: 169.254.169.0/24, instance: ghost }] }
    instances:
      i: { subnet: one, PrivateIpAddress: 10.0.1.1, namespace: i }
      j: { subnet: one, PrivateIpAddress: 10.0.2.9, tap: all }
      k: { subnet: one, groups: [] }
internet_gateways:
  door: { Attachments: [{ VpcId: z }] }
nat_gateways:
  nat: { SubnetId: one }
vpn_gateways:
  v: { AmazonSideAsn: x }
dhcp_options:
  d: { DhcpConfigurations: [{ Key: nothing, Values: [] }] }
flow_logs:
  f: { TrafficType: SOME }
quota: {}
";
    let problems = parse("many.yaml", document.as_bytes()).expect_err("problems");
    let places: Vec<_> = problems.problems.iter().map(|problem| problem.place.line).collect();
    assert!(places.len() >= 20, "{problems}");
    assert!(places.is_sorted());
    for line in [3, 6, 7, 9, 10, 13, 15, 16, 18, 20, 21, 22, 24, 26, 28, 30, 32, 33] {
        assert!(places.contains(&line), "line {line} of\n{problems}");
    }
}
