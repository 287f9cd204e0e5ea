//! Objects of kinds that packets don't depend on yet: kept as the API has them, with names in the places of ids.

use super::*;

const GATEWAYS: &str = "
internet_gateways:
  door: { Attachments: [{ VpcId: a, State: available }] }
nat_gateways:
  nat: { SubnetId: a/a1, NatGatewayAddresses: [{ AllocationId: ip }], tags: { team: net } }
prefix_lists: { s3: { Name: com.amazonaws.us-east-1.s3, MaxEntries: 1 } }
addresses:
  ip: { PublicIp: 192.0.2.1, rest: { Carrier: { Ip: 7 } } }
vpc_endpoints:
  s3: { VpcEndpointType: Gateway, VpcId: a, RouteTableIds: [main], ServiceName: com.amazonaws.us-east-1.s3 }
  sqs: { VpcEndpointType: Interface, VpcId: a, SubnetIds: [a1], ServiceName: com.amazonaws.us-east-1.sqs, Groups: [{ GroupId: web }] }
";

fn gateways(from: &str, to: &str) -> String {
    assert_eq!(GATEWAYS.matches(from).count(), 1, "{from}");
    let more = "    route_tables: { main: }\n    security_groups: { web: }\n";
    t0(&format!("{more}{}", GATEWAYS.replace(from, to)))
}

#[test]
fn an_id_may_be_a_name() {
    let resolved = accept(&gateways("door:", "door:"));
    let all = &resolved.resources;
    assert_eq!(all.internet_gateways[0].name, "door");
    let door = &all.internet_gateways[0];
    assert_eq!(door.attachments[0].vpc_id, all.vpcs[0].vpc_id);
    let nat = &all.nat_gateways[0];
    let subnet = named(&all.subnets, "a1", |subnet| &subnet.name);
    assert_eq!(nat.subnet_id.as_ref(), Some(&subnet.subnet_id));
    assert_eq!(
        nat.nat_gateway_addresses[0].allocation_id.as_ref(),
        Some(&all.addresses[0].allocation_id)
    );
    assert_eq!(nat.tags.get("team").map(String::as_str), Some("net"));
    assert_eq!(
        named(&all.vpc_endpoints, "s3", |endpoint| &endpoint.name).route_table_ids,
        [table(&resolved, "main").route_table_id.clone()]
    );
    assert_eq!(
        named(&all.vpc_endpoints, "sqs", |endpoint| &endpoint.name).groups[0]
            .group_id
            .as_ref(),
        Some(&group(&resolved, "web").group_id)
    );
    assert_eq!(
        all.addresses[0].rest,
        serde_json::json!({ "Carrier": { "Ip": 7 } })
            .as_object()
            .cloned()
            .unwrap()
    );
}

#[test]
fn a_route_names_its_gateway() {
    let routes = "    route_tables:
      out:
        subnets: [a1]
        routes:
          - { DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door }
          - { DestinationIpv6CidrBlock: \"::/0\", egress_only_internet_gateway: eigw-0123456789abcdef0 }
      edge: { gateways: [door] }
internet_gateways:
  door: { InternetGatewayId: igw-12345678, Attachments: [{ VpcId: a }] }
";
    let resolved = accept(&t0(routes));
    let out = table(&resolved, "out");
    let targets: Vec<_> = out.routes.iter().skip(2).map(|route| &route.target).collect();
    let egress = "eigw-0123456789abcdef0".to_owned();
    let expected = [
        &RouteTarget::Gateway("igw-12345678".to_owned()),
        &RouteTarget::EgressOnlyInternetGateway(egress),
    ];
    assert_eq!(targets, expected);
    assert_eq!(table(&resolved, "edge").gateway_ids, ["igw-12345678"]);
    let message = "5:66 InvalidInternetGatewayID.NotFound: there is no internet gateway \"dor\"";
    check_t0(&routes.replace("gateway: door", "gateway: dor"), &[message]);
}

#[test]
fn what_an_object_cant_be_is_told_at_its_place() {
    let told = |from: &str, to: &str| {
        let problems = parse("a.yaml", gateways(from, to).as_bytes()).expect_err("problems");
        lines_after(&problems, T0_LINES + 2).join("; ")
    };
    assert_eq!(
        told("VpcId: a, State", "VpcId: b, State"),
        "3:34 InvalidVpcID.NotFound: there is no VPC \"b\""
    );
    assert_eq!(
        told("State: available", "Stat: available"),
        "3:37 internet gateway \"door\" has no field \"Stat\""
    );
    assert_eq!(
        told("PublicIp: 192.0.2.1", "PublicIp: [1]"),
        "8:9 InvalidParameterValue: Elastic IP \"ip\" isn't as it should be: invalid type: sequence, expected IPv4 address"
    );
    assert_eq!(told("door: {", "do or: {"), "3:3 \"do or\" can't be a name");
}
