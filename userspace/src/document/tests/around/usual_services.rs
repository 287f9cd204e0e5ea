//! Usual misconfigurations of services: M31 to M64.

use super::*;

#[test]
fn m31_and_m49_groups_of_endpoints_and_of_their_clients() {
    check(
        &[("Groups: [{ GroupId: a/web }]", "Groups: [{ GroupId: a/db }]")],
        &["M31: no rule of the groups of endpoint \"svc\" admits anybody at port 443"],
    );
    let closed = (
        "group: web }] }\n    route_tables",
        "group: web }], egress: [{ IpProtocol: -1, CidrIpv4: 10.0.0.0/8 }] }\n    route_tables",
    );
    check(
        &[closed],
        &["M49: no group of \"db\" lets anything out to com.amazonaws.us-east-1.s3"],
    );
}

#[test]
fn m33_to_m38_endpoint_services_that_dont_serve() {
    check(
        &[(
            "  https: { LoadBalancerArn: front, Port: 443, Protocol: TCP, DefaultActions: [{ Type: forward, TargetGroupArn: targets }] }\n",
            "  {}\n",
        )],
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
    let stranger = "InvalidServiceName: there is no service \"com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0\" for account 000000000000";
    check(&[account], &[stranger]);
    let allowed = (
        "AcceptanceRequired: false",
        "AcceptanceRequired: false, AllowedPrincipals: [{ Principal: \"arn:aws:iam::000000000000:root\" }]",
    );
    check(&[account, allowed], &[]);
    check(
        &[("[{ SubnetId: front }, { SubnetId: back }]", "[{ SubnetId: front }]")],
        &["InvalidParameter: service \"svc\" isn't in use1-az2, where subnet \"db\" is"],
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

/// All that is TCP is UDP.
fn by_udp(text: &str) -> String {
    text.replace("tcp, FromPort: 8443", "udp, FromPort: 8443")
        .replace(
            "{ IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIpv4: 10.0.0.0/8 }",
            "{ IpProtocol: udp, FromPort: 443, ToPort: 443, CidrIpv4: 10.0.0.0/8 }",
        )
        .replace("Port: 443, Protocol: TCP,", "Port: 443, Protocol: UDP,")
        .replace("    Protocol: TCP\n", "    Protocol: UDP\n")
}

#[test]
fn m31_and_m37_and_m38_ask_about_udp_where_listeners_do() {
    let with_endpoint = |protocol: &str| {
        let text = exchanged(&[("Groups: [{ GroupId: a/web }]", "Groups: [{ GroupId: a/udp }]")]);
        let ingress = format!("{{ IpProtocol: {protocol}, FromPort: 443, ToPort: 443, CidrIpv4: 10.0.0.0/16 }}");
        let groups = format!("    security_groups:\n      udp: {{ ingress: [{ingress}] }}\n");
        text.replacen("    security_groups:\n", &groups, 1)
    };
    assert_eq!(told(&with_endpoint("tcp")), [""; 0]);
    assert_eq!(told(&by_udp(&with_endpoint("udp"))), [""; 0]);
    assert_eq!(
        told(&by_udp(&with_endpoint("tcp"))),
        ["M31: no rule of the groups of endpoint \"svc\" admits anybody at UDP port 443"]
    );
    let both = |text: &str| text.replace("Protocol: TCP", "Protocol: TCP_UDP");
    assert_eq!(told(&both(&with_endpoint("udp"))), [""; 0]);
    assert_eq!(told(&both(&with_endpoint("tcp"))), [""; 0]);
    let balancer = by_udp(&with_endpoint("udp")).replace(
        "{ IpProtocol: udp, FromPort: 443, ToPort: 443, CidrIpv4: 10.0.0.0/8 }",
        "{ IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIpv4: 10.0.0.0/8 }",
    );
    assert_eq!(
        told(&balancer),
        ["M38: the load balancer's groups don't admit the clients of endpoint \"svc\", in 10.0.0.0/16"]
    );
    let targets = by_udp(&with_endpoint("udp")).replace("8443, CidrIpv4: 10.2.0.0/16", "8443, CidrIpv4: 10.0.0.0/16");
    let closed = |target: &str| {
        format!(
            "M37: target \"{target}\" doesn't admit load balancer \"front\" at UDP port 8443, whose address is all it sees"
        )
    };
    assert_eq!(told(&targets), [closed("t1"), closed("t2")]);
}

#[test]
fn m35_and_m36_endpoints_of_dumps_that_couldnt_be_made_again() {
    let account = (
        "  p:\n    CidrBlock",
        "  p:\n    account: \"111122223333\"\n    CidrBlock",
    );
    let allowed = (
        "AcceptanceRequired: false",
        "AcceptanceRequired: false, AllowedPrincipals: [{ Principal: \"*\" }]",
    );
    let resolved = parse("good.yaml", exchanged(&[account, allowed]).as_bytes()).expect("a configuration");
    let warned = |change: &dyn Fn(&mut serde_json::Map<String, serde_json::Value>)| {
        let mut answers = crate::export::aws(&resolved.resources);
        change(&mut answers);
        let bytes = serde_json::to_vec(&answers).expect("JSON");
        let dumped = read(&[Source::new("all.json", bytes)], None);
        let dumped = dumped.unwrap_or_else(|problems| panic!("{problems}"));
        let warnings = dumped.warnings.problems.into_iter();
        warnings
            .filter(|warning| matches!(warning.number, Some("M35" | "M36")))
            .map(|warning| warning.message)
            .collect::<Vec<_>>()
    };
    assert_eq!(warned(&|_| {}), [""; 0]);
    let principals = |answers: &mut serde_json::Map<String, serde_json::Value>| {
        answers["ServiceConfigurations"][0]["AllowedPrincipals"] = serde_json::json!([]);
    };
    assert_eq!(
        warned(&principals),
        ["service \"svc\" doesn't allow account 000000000000"]
    );
    let zones = |answers: &mut serde_json::Map<String, serde_json::Value>| {
        let zones = answers["LoadBalancers"][0]["AvailabilityZones"].as_array_mut();
        _ = zones.expect("zones").pop();
    };
    assert_eq!(
        warned(&zones),
        ["service \"svc\" isn't in use1-az2, where subnet \"db\" is"]
    );
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
        (
            "  door: { Attachments: [{ VpcId: a }] }\n",
            "  door: { Attachments: [{ VpcId: a }] }\n  other: { Attachments: [{ VpcId: p }] }\n",
        ),
        (
            "vpc_endpoint_services:\n  svc: { ServiceName: com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0, NetworkLoadBalancerArns: [front], AcceptanceRequired: false }\n",
            "",
        ),
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
fn clients_of_a_version_that_no_target_has_are_warned_of() {
    const TARGET: &str = "{ Target: { Id: 10.2.1.60, Port: 8443 } }, ";
    const OTHER: &str = "{ Target: { Id: 10.2.2.60, Port: 8443 } }";
    const SIX: &str = "{ Target: { Id: \"2001:db8:2:1::60\", Port: 8443 } }";
    let blocks = [
        (
            "    CidrBlock: 10.2.0.0/16\n",
            "    CidrBlock: 10.2.0.0/16\n    Ipv6CidrBlock: 2001:db8:2::/56\n",
        ),
        (
            "front: { CidrBlock: 10.2.1.0/24,",
            "front: { CidrBlock: 10.2.1.0/24, Ipv6CidrBlock: \"2001:db8:2:1::/64\",",
        ),
        (
            "back: { CidrBlock: 10.2.2.0/24,",
            "back: { CidrBlock: 10.2.2.0/24, Ipv6CidrBlock: \"2001:db8:2:2::/64\",",
        ),
        (
            "t1: { subnet: front,",
            "t1: { subnet: front, Ipv6Addresses: [\"2001:db8:2:1::60\"],",
        ),
    ];
    let cross = "    Attributes: [{ Key: load_balancing.cross_zone.enabled, Value: \"true\" }]\n";
    let with = |kind: &str, targets: &str| {
        let scheme = format!("    Scheme: internal\n{cross}    IpAddressType: {kind}\n");
        let written = format!("{TARGET}{OTHER}");
        let own = [("    Scheme: internal\n", &*scheme), (&*written, targets)];
        told(&exchanged(&[&blocks[..], &own].concat()))
    };
    let nobody = |clients: &str, others: &str| {
        format!(
            "X_NLB_NO_TARGET: clients that come to load balancer \"front\" by {clients} reach nobody: the targets of \"targets\" have {others} addresses alone, and addresses aren't translated between the versions here"
        )
    };
    assert_eq!(with("ipv4", OTHER), [""; 0]);
    assert_eq!(with("dualstack", OTHER), [nobody("IPv6", "IPv4")]);
    assert_eq!(with("dualstack", SIX), [nobody("IPv4", "IPv6")]);
    assert_eq!(with("dualstack", &format!("{TARGET}{SIX}")), [""; 0]);
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
    let route = (
        "routes: [{ DestinationCidrBlock: 10.0.0.0/16, vpc_peering_connection: a-b }]",
        "routes: [{ DestinationCidrBlock: 10.0.0.0/16, vpc_peering_connection: a-b }, { prefix_list: s3, vpc_peering_connection: a-b }]",
    );
    check(&[route], &["M48: VPC \"a\"'s gateway endpoint serves VPC \"a\" alone"]);
}

#[test]
fn m52_to_m56_transit_gateways_that_carry_nothing() {
    check(
        &[("VpcId: a, SubnetIds: [web, db] }", "VpcId: a, SubnetIds: [web] }")],
        &["M52: subnet \"db\" leads to the transit gateway, which has no subnet of the VPC in us-east-1b"],
    );
    let without = (
        "Associations: [{ TransitGatewayAttachmentId: hub-a }, { TransitGatewayAttachmentId: hub-p }]",
        "Associations: [{ TransitGatewayAttachmentId: hub-a }]",
    );
    check(&[without], &[]);
    let by_hand = (
        "Options: { SecurityGroupReferencingSupport: enable }",
        "Options: { SecurityGroupReferencingSupport: enable, DefaultRouteTableAssociation: disable }",
    );
    check(
        &[without, by_hand],
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
