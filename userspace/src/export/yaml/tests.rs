//! What is written is read as what it was.

use super::*;
use crate::document::{self, Resolved, Source};
use proptest::prelude::*;
use std::fmt::Write;
use std::path::Path;

fn read(text: &str) -> Resolved {
    match document::parse("written.yaml", text.as_bytes()) {
        Ok(resolved) => resolved,
        Err(problems) => panic!("{problems}\n{text}"),
    }
}

/// Checks that a configuration comes back as it was, and that writing it again changes nothing.
fn check(resolved: &Resolved) -> String {
    let text = yaml(resolved);
    let again = read(&text);
    for kind in kinds() {
        let objects = |resolved: &Resolved| format!("{:#?}", resolved.resources.objects(kind));
        assert_eq!(objects(&again), objects(resolved), "{text}");
    }
    assert_eq!(again.resources, resolved.resources, "{text}");
    let sorted = |guests: &[Guest]| {
        let mut guests = guests.to_vec();
        guests.sort_by(|a, b| a.network_interface_id.cmp(&b.network_interface_id));
        guests
    };
    assert_eq!(sorted(&again.guests), sorted(&resolved.guests), "{text}");
    assert_eq!(again.uplinks, resolved.uplinks, "{text}");
    assert_eq!(again.integrations, resolved.integrations, "{text}");
    assert_eq!(yaml(&again), text);
    text
}

fn example(name: &str) -> Resolved {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    let sources: Vec<Source> = document::load(&[path]).expect("an example");
    document::read(&sources, None).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn examples_come_back_as_they_were() {
    for name in [
        "two-vpcs.yaml",
        "groups.yaml",
        "inspection.yaml",
        "privatelink.yaml",
        "vpc-link.yaml",
        "aws",
    ] {
        check(&example(name));
    }
}

#[test]
fn a_document_that_says_nothing_special_is_written_as_people_would() {
    let text = "\
vpcs:
  blue:
    CidrBlock: 10.0.0.0/16
    subnets:
      web: { CidrBlock: 10.0.1.0/24 }
    security_groups:
      web:
        ingress:
          - { IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIpv4: 0.0.0.0/0 }
    route_tables:
      out:
        subnets: [web]
        routes:
          - { DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door }
    instances:
      web-1: { subnet: web, PrivateIpAddress: 10.0.1.4, groups: [web], namespace: n1 }
internet_gateways:
  door:
    Attachments:
      - { State: available, VpcId: blue }
";
    let resolved = read(text);
    let written = check(&resolved);
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&written), sorted(text), "{written}");
}

/// Fields and objects of a VPC that may be there or not. `#` stands for the VPC's number.
const PARTS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "VpcId: vpc-0000000000000000#",
            "Name: \"a b: # 'c' \\\"d\\\" \\x7f ä\"",
            "region: eu-west-1",
            "account: \"123456789012\"",
            "SecondaryCidrBlocks: [100.64.0.0/20]",
            "EnableDnsSupport: false",
            "dhcp_options: d",
            "tags: { Name: other, \"true\": \"\", \"k e\": \"1\" }",
            "rest: { Later: [1, { A: null, B: \"null\" }], Deep: { X: 1.5, Y: \"2\" } }",
        ],
    ),
    (
        "subnets",
        &[
            "!s: { CidrBlock: 10.#0.0.0/24, Ipv6CidrBlock: \"2001:db8:#:1::/64\", AssignIpv6AddressOnCreation: true }",
            "!t: { CidrBlock: 10.#0.1.0/24, AvailabilityZoneId: zz-az9, MapPublicIpOnLaunch: true, EnableDns64: true }",
            "!u: { CidrBlock: 10.#0.2.0/24, DefaultForAz: true, MapPublicIpOnLaunch: false, Name: \"s\" }",
            "v: { CidrBlock: 10.#0.3.0/24, SubnetId: subnet-1234567#, account: AWS, tags: { a: b } }",
        ],
    ),
    (
        "security_groups",
        &[
            "default: { ingress: [{ IpProtocol: 50, group: default, Description: \"x\" }], Description: own }",
            "g: { GroupName: \"The (group)\", ingress: [{ IpProtocol: icmp, FromPort: 3, ToPort: -1, prefix_list: l }] }",
            "h: { egress: [], ingress: [{ IpProtocol: icmpv6, CidrIpv6: \"::/0\", SecurityGroupRuleId: sgr-1234567# }] }",
            "i:",
            "j: { egress: [{ IpProtocol: -1, CidrIpv4: 0.0.0.0/0, tags: { a: b } }], rest: { A: 1 } }",
            "k: { ingress: [{ IpProtocol: udp, FromPort: 0, ToPort: 65535, group: other/default }] }",
        ],
    ),
    (
        "network_acls",
        &[
            "default: { NetworkAclId: acl-1234567#, egress: [] }",
            "a: { subnets: [s], ingress: [{ RuleNumber: 7, RuleAction: deny, Protocol: 6, CidrBlock: 0.0.0.0/0, PortRange: { From: 1, To: 2 } }] }",
            "b: { ingress: [{ RuleNumber: 9, RuleAction: allow, Protocol: icmp, CidrBlock: 10.0.0.0/8, IcmpTypeCode: { Type: -1, Code: -1 } }] }",
        ],
    ),
    (
        "route_tables",
        &[
            "main: { Name: called, routes: [{ DestinationCidrBlock: 10.#0.0.0/16, instance: fw }] }",
            "m: { main: true, subnets: [t] }",
            "r: { subnets: [s], RouteTableId: rtb-1234567#, routes: [{ DestinationCidrBlock: 192.0.2.0/24, nat_gateway: nat-12345678, State: blackhole }] }",
            "@q: { routes: [{ DestinationCidrBlock: 10.9.0.0/16, vpc_peering_connection: p }, { DestinationCidrBlock: 10.8.0.0/16, nat_gateway: n }] }",
            "p: { routes: [{ prefix_list: l, instance: fw }, { DestinationIpv6CidrBlock: \"2001:db8:f::/48\", instance: fw, Origin: CreateRouteTable }] }",
        ],
    ),
    (
        "instances",
        &[
            "!fw: { subnet: s, SourceDestCheck: false, tap: tap#, MacAddress: \"02:00:00:00:00:0#\" }",
            "x: { subnet: s, namespace: n#, Ipv6AddressCount: 2, PrivateIpAddresses: [10.#0.0.9, 10.#0.0.8], Name: fw }",
            "y: { subnet: t, device: veth#, groups: [default], allowance: { connections: 7 }, Description: \"  \" }",
            "e: { subnet: s, namespace: e#, elastic_ip: e# }",
            "l: { subnet: u, namespace: l#, public_ip: 198.51.100.# }",
            "!w: { subnet: u, namespace: w#, AssociatePublicIpAddress: true, PrivateIpAddresses: [10.#0.2.9, 10.#0.2.8] }",
            "d: { subnet: t, namespace: d#, AssociatePublicIpAddress: false }",
            "z: { subnet: t, namespace: m#, adopt: true, ConnectionTracking: { UdpTimeout: 31 }, Ipv4Prefixes: [10.#0.1.16/28] }",
        ],
    ),
    (
        "network_interfaces",
        &[
            "lone: { subnet: s, NetworkInterfaceId: eni-1234567#, RequesterManaged: true, RequesterId: \"\", Attachment: { DeviceIndex: 1 } }",
            "nat: { subnet: t, InterfaceType: natGateway, PrivateIpAddress: 10.#0.1.7, associations: [{ PrivateIpAddress: 10.#0.1.7, PublicIp: 192.0.2.#, AllocationId: eipalloc-1234567# }] }",
        ],
    ),
];

/// The same outside of VPCs.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("", &["region: ap-southeast-2", "account: \"999999999999\""]),
    (
        "prefix_lists",
        &[
            "!l: { MaxEntries: 2, entries: [192.0.2.0/24, { Cidr: 198.51.100.0/24, Description: \"d: e\" }] }",
            "m: { MaxEntries: 3, Version: 4, AddressFamily: IPv6, PrefixListId: pl-12345678, Name: l }",
        ],
    ),
    (
        "internet_gateways",
        &[
            "g: { Attachments: [{ VpcId: other, State: available }], tags: { a: \"1\" } }",
            "!h: { Attachments: [{ VpcId: v1 }] }",
        ],
    ),
    (
        "load_balancers",
        &[
            "lb: { Type: network, rest: { Future: { A: [{}] } } }",
            "lc: { Name: \"x y\", Type: application, LoadBalancerArn: \"arn:1\" }",
            "!nlb: { Type: network, Scheme: internal, IpAddressType: dualstack, AvailabilityZones: [{ SubnetId: v1/s }] }",
            "front: { Type: network, AvailabilityZones: [{ SubnetId: v1/t, LoadBalancerAddresses: [{ PrivateIPv4Address: 10.10.1.9 }] }] }",
            "elastic: { Type: network, AvailabilityZones: [{ SubnetId: v1/t, LoadBalancerAddresses: [{ AllocationId: ip }] }] }",
        ],
    ),
    (
        "listeners",
        &[
            "li: { LoadBalancerArn: nlb, Port: 53, Protocol: TCP_UDP, DefaultActions: [{ Type: forward, TargetGroupArn: tg }] }",
        ],
    ),
    (
        "target_groups",
        &["!tg: { VpcId: v1, Protocol: TCP_UDP, Port: 53, TargetHealthDescriptions: [{ Target: { Id: v1/w } }] }"],
    ),
    ("vpc_endpoint_services", &["!svc: { NetworkLoadBalancerArns: [nlb] }"]),
    (
        "vpc_endpoints",
        &[
            "!nlb: { VpcEndpointType: Interface, VpcId: v1, ServiceName: svc, IpAddressType: dualstack, SubnetIds: [v1/s] }",
            "own: { VpcEndpointType: Interface, VpcId: v1, ServiceName: svc, SubnetConfigurations: [{ SubnetId: v1/s, Ipv4: 10.10.0.77 }] }",
            "sqs: { VpcEndpointType: Interface, VpcId: v1, ServiceName: com.amazonaws.us-east-1.sqs, SubnetIds: [v1/t], Groups: [{ GroupId: v1/default }] }",
        ],
    ),
    ("vpc_endpoint_connections", &["nlb: { VpcEndpointState: rejected }"]),
    ("dhcp_options", &["!d:"]),
    (
        "addresses",
        &[
            "!ip: { PublicIp: 192.0.2.9, AllocationId: eipalloc-12345678 }",
            "!e1:",
            "!e2: { Name: e1 }",
            "second: { NetworkInterfaceId: v1/w, PrivateIpAddress: 10.10.2.8 }",
            "!nat:",
        ],
    ),
    (
        "nat_gateways",
        &[
            "!n: { SubnetId: v1/s, ConnectivityType: private, NatGatewayAddresses: [{}, { PrivateIp: 10.10.0.4, IsPrimary: true }] }",
            "o: { SubnetId: v1/t, NatGatewayAddresses: [{ AllocationId: nat }], Name: fw }",
        ],
    ),
    (
        "vpc_peering_connections",
        &["!p: { RequesterVpcInfo: { VpcId: v1 }, AccepterVpcInfo: { VpcId: other } }"],
    ),
    (
        "transit_gateways",
        &[
            "!hub: { Options: { DefaultRouteTablePropagation: disable } }",
            "!hub2: { Name: hub }",
        ],
    ),
    (
        "transit_gateway_vpc_attachments",
        &[
            "v: { TransitGatewayId: hub, SubnetIds: [v1/s] }",
            "w: { TransitGatewayId: hub2, SubnetIds: [v1/t] }",
        ],
    ),
    (
        "transit_gateway_route_tables",
        &["own: { TransitGatewayId: hub2, DefaultAssociationRouteTable: true }"],
    ),
    (
        "vpc_block_public_access_options",
        &["b: { InternetGatewayBlockMode: block-ingress }"],
    ),
    (
        "vpc_block_public_access_exclusions",
        &["x: { ResourceArn: v1/s, InternetGatewayExclusionMode: allow-egress }"],
    ),
];

/// Those of the parts that are there, by bits; what begins with `!` always is, and with `@` in the first VPC alone.
fn chosen(parts: &[(&str, &[&str])], mut bits: u64, indent: usize, number: usize) -> String {
    let mut text = String::new();
    for (section, lines) in parts {
        let inner = if section.is_empty() { indent } else { indent + 2 };
        let mut chosen = String::new();
        for line in *lines {
            let always = line.starts_with('!');
            let elsewhere = line.starts_with('@') && number != 1;
            if (bits & 1 == 1 || always) && !elsewhere {
                let line = line.trim_start_matches(['!', '@']).replace('#', &number.to_string());
                writeln!(chosen, "{:inner$}{line}", "").expect("a string takes everything");
            }
            bits >>= 1;
        }
        if !chosen.is_empty() && !section.is_empty() {
            writeln!(text, "{:indent$}{section}:", "").expect("a string takes everything");
        }
        text += &chosen;
    }
    text
}

pub(crate) fn document(vpcs: &[u64], outside: u64) -> String {
    let mut text = chosen(OUTSIDE, outside, 0, 0);
    text += "vpcs:\n  other: { CidrBlock: 10.9.0.0/16 }\n";
    for (bits, number) in vpcs.iter().zip(1..) {
        let blocks = format!("CidrBlock: 10.{number}0.0.0/16\n    Ipv6CidrBlock: \"2001:db8:{number}::/56\"");
        writeln!(text, "  v{number}:\n    {blocks}").expect("a string takes everything");
        text += &chosen(PARTS, *bits, 4, number);
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_configuration_comes_back_as_it_was(vpcs in prop::collection::vec(any::<u64>(), 1..3), outside in any::<u64>()) {
        check(&read(&document(&vpcs, outside)));
    }
}

#[test]
fn everything_at_once_comes_back_as_it_was() {
    check(&read(&document(&[u64::MAX, u64::MAX], u64::MAX)));
    check(&read(&document(&[0], 0)));
}

/// Checks that a configuration comes back as AWS would print it.
fn check_aws(resolved: &Resolved) {
    let answers = serde_json::Value::Object(crate::export::aws(&resolved.resources));
    let source = Source::new("all.json", serde_json::to_vec(&answers).expect("JSON"));
    let again = document::read(&[source], None).unwrap_or_else(|problems| panic!("{problems}"));
    for kind in kinds() {
        let objects = |resolved: &Resolved| format!("{:#?}", resolved.resources.objects(kind));
        assert_eq!(objects(&again), objects(resolved));
    }
}

#[test]
fn aws_form() {
    check_aws(&read(&document(&[u64::MAX, u64::MAX], u64::MAX)));
}

#[test]
fn integrations_come_back_as_they_were() {
    let text = check(&read(include_str!("../../../../examples/vpc-link.yaml")));
    assert!(
        text.contains("listen: \"127.0.0.1:8080\"") || text.contains("listen: 127.0.0.1:8080"),
        "{text}"
    );
}

#[test]
fn uplinks_come_back_as_they_were() {
    for uplink in [
        "{ device: eth1, destinations: [198.51.100.0/24, \"2001:db8:f::/48\"] }",
        "{ kind: host }",
        "{ kind: host, address: 192.0.2.1, ipv6_address: \"2001:db8:1::1\" }",
        "{ device: eth0 }",
        "{ device: eth0, announce: route }",
        "{ device: eth0, announce: route, xdp: native }",
        "{ device: eth0, xdp: generic }",
    ] {
        let text = check(&read(&format!(
            "vpcs: {{ a: {{ CidrBlock: 10.0.0.0/16 }} }}\nuplinks:\n  out: {uplink}\n"
        )));
        assert!(text.contains(&format!("  out: {uplink}\n")), "{text}");
    }
}
