//! VPC links and integrations: what is derived of them, and what API Gateway would refuse (semantics 17).

use super::*;
use crate::plan;
use crate::resources::{InterfaceType, with_service_side};
use std::collections::BTreeMap;

const EXAMPLE: &str = include_str!("../../../../../examples/vpc-link.yaml");

/// The example with parts exchanged that stand in it once.
fn changed(parts: &[(&str, &str)]) -> String {
    parts.iter().fold(EXAMPLE.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    })
}

#[track_caller]
fn refused(parts: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(told(&changed(parts)), expected, "{parts:?}");
}

const LINK: &str = "{ SubnetIds: [shop/a, shop/b], SecurityGroupIds: [shop/link] }";
const REST: &str = "{ targetArns: [legacy] }";
const ORDERS: &str =
    "{ vpc_link: shop, instances: [\"10.0.2.10:8080\", \"10.0.2.11:8080\"], listen: \"127.0.0.1:8080\" }";
const LEGACY: &str = "{ vpc_link: legacy, listener: legacy, listen: \"127.0.0.1:8081\" }";

#[test]
fn a_link_has_a_network_interface_in_each_of_its_subnets() {
    let all = accept(EXAMPLE).resources;
    let link = &all.vpc_links[0];
    assert_eq!(link.vpc_link_status.as_deref(), Some("AVAILABLE"));
    assert_eq!(link.vpc_link_version.as_deref(), Some("V2"));
    let own: Vec<_> = all.interfaces_of_link(link).collect();
    assert_eq!(own.len(), 2);
    for eni in own {
        assert_eq!(eni.interface_type, InterfaceType::ApiGatewayManaged);
        assert_eq!(eni.groups, link.security_group_ids);
        assert!(eni.requester_managed && !eni.source_dest_check);
        assert!(eni.description.ends_with(&link.vpc_link_id));
    }
}

#[test]
fn a_link_that_nobody_uses_has_none() {
    let status = |word: &str| changed(&[(LINK, &LINK.replace("{ ", &format!("{{ VpcLinkStatus: {word}, ")))]);
    for (word, count) in [("PENDING", 2), ("INACTIVE", 0), ("DELETING", 0), ("FAILED", 0)] {
        let all = accept(&status(word)).resources;
        assert_eq!(all.interfaces_of_link(&all.vpc_links[0]).count(), count, "{word}");
        assert!(!all.vpc_links[0].carries());
    }
    assert_eq!(
        told(&status("WELL")),
        ["BadRequestException: VpcLinkStatus is one of PENDING, AVAILABLE, DELETING, FAILED, INACTIVE"]
    );
}

#[test]
fn a_link_without_groups_is_in_the_default_one() {
    let all = accept(&changed(&[(LINK, "{ SubnetIds: [shop/a] }")])).resources;
    let group = all.security_groups.iter().find(|it| it.group_name == "default");
    assert_eq!(
        all.vpc_links[0].security_group_ids,
        [group.expect("a default group").group_id.clone()]
    );
}

#[test]
fn what_a_rest_link_hides_is_in_the_plan_and_in_no_document() {
    let all = accept(EXAMPLE).resources;
    assert_eq!((all.vpcs.len(), all.vpc_endpoints.len()), (1, 0));
    let whole = with_service_side(&all).expect("a link");
    assert_eq!((whole.vpcs.len(), whole.vpc_endpoints.len()), (2, 1));
    let endpoint = &whole.vpc_endpoints[0];
    let eni = whole.interfaces_of(endpoint).next().expect("a network interface");
    let (_, node) = whole.node_behind(endpoint, eni).expect("a node");
    assert_eq!(node.private_ip_addresses[0].to_string(), "10.0.1.50");
    let devices = plan::devices(&all, &BTreeMap::new());
    for (service, address) in all.service_seats(&all.rest_vpc_links[0]) {
        assert!(devices.contains_key(&service));
        assert_eq!(eni.private_ip_addresses, [address]);
    }
    let pending = changed(&[(REST, "{ targetArns: [legacy], status: PENDING }")]);
    let all = accept(&pending).resources;
    assert!(with_service_side(&all).is_none());
    assert!(all.service_seats(&all.rest_vpc_links[0]).is_empty());
}

#[test]
fn a_link_is_in_one_vpc() {
    let to = |link: &str| [(LINK, link.to_owned())];
    let refuse = |link: &str, expected: &[&str]| {
        let [(from, to)] = to(link);
        refused(&[(from, &to)], expected);
    };
    refuse(
        "{ SecurityGroupIds: [shop/link] }",
        &[
            "BadRequestException: VPC link \"shop\" is in no subnet",
            "BadRequestException: security group \"link\" is in another VPC",
        ],
    );
    refuse(
        "{ SubnetIds: [shop/a, shop/a], SecurityGroupIds: [shop/link] }",
        &["BadRequestException: subnet \"a\" is there twice"],
    );
    let other = "vpcs:\n  other: { CidrBlock: 10.1.0.0/16, subnets: { x: { CidrBlock: 10.1.1.0/24 } } }\n";
    refused(
        &[
            ("vpcs:\n", other),
            (LINK, "{ SubnetIds: [shop/a, other/x], SecurityGroupIds: [shop/link] }"),
        ],
        &["BadRequestException: subnet \"x\" is in another VPC than the first one"],
    );
    refused(
        &[
            ("vpcs:\n", other),
            (LINK, "{ SubnetIds: [other/x], SecurityGroupIds: [shop/link] }"),
        ],
        &["BadRequestException: security group \"link\" is in another VPC"],
    );
    refuse(
        "{ SubnetIds: [shop/c] }",
        &["InvalidSubnetID.NotFound: there is no subnet \"shop/c\""],
    );
}

#[test]
fn a_rest_link_has_a_load_balancer_of_its_own() {
    let rest = |to: &str, expected: &[&str]| refused(&[(REST, to)], expected);
    rest(
        "{}",
        &[
            "BadRequestException: VPC link \"legacy\" has one load balancer, and here are 0",
            "BadRequestException: listener \"legacy\" is another load balancer's than the one that the VPC link leads to",
        ],
    );
    rest(
        "{ targetArns: [legacy, legacy] }",
        &["BadRequestException: VPC link \"legacy\" has one load balancer, and here are 2"],
    );
    rest(
        "{ targetArns: [legaci] }",
        &[
            "LoadBalancerNotFound: there is no load balancer \"legaci\"",
            "BadRequestException: listener \"legacy\" is another load balancer's than the one that the VPC link leads to",
        ],
    );
    refused(
        &[("integrations:\n", "  second: { targetArns: [legacy] }\nintegrations:\n")],
        &["BadRequestException: load balancer \"legacy\" is VPC link \"legacy\"'s already"],
    );
}

#[test]
fn who_admits_callers_and_not_the_link_is_told_of() {
    refused(
        &[("ToPort: 8080, group: link", "ToPort: 8080, CidrIpv4: 203.0.113.0/24")],
        &["M67: \"orders1\" doesn't admit VPC link \"shop\", which is all it sees"],
    );
    refused(
        &[("ToPort: 8080, group: link", "ToPort: 8080, CidrIpv4: 10.0.1.0/24")],
        &[],
    );
}

#[test]
fn an_integration_goes_by_a_link_to_what_it_reaches() {
    let orders = |to: &str, expected: &[&str]| refused(&[(ORDERS, to)], expected);
    let legacy = |to: &str, expected: &[&str]| refused(&[(LEGACY, to)], expected);
    orders(
        "{ vpc_link: shoq, address: \"10.0.2.10:80\", listen: /run/orders.sock }",
        &["NotFoundException: there is no VPC link \"shoq\""],
    );
    orders(
        "{ vpc_link: shop, listener: lagacy, listen: /run/orders.sock }",
        &["NotFoundException: there is no listener \"lagacy\""],
    );
    orders("{ vpc_link: shop, listener: legacy, listen: /run/orders.sock }", &[]);
    legacy(
        "{ vpc_link: legacy, address: \"10.0.1.10:80\", listen: \"127.0.0.1:8081\" }",
        &["BadRequestException: a VPC link of a REST API leads to its load balancer alone"],
    );
    legacy(
        "{ vpc_link: legacy, listen: \"127.0.0.1:8081\" }",
        &["MissingParameter: integration \"legacy\" is missing listener"],
    );
    legacy(
        "{ vpc_link: legacy, listener: legacy, address: \"10.0.1.10:80\", listen: \"127.0.0.1:8081\" }",
        &["InvalidParameterCombination: integration \"legacy\" has both listener and address"],
    );
    refused(
        &[
            (
                "Protocol: TCP, Port: 80, DefaultActions",
                "Protocol: UDP, Port: 80, DefaultActions",
            ),
            ("    Protocol: TCP\n", "    Protocol: UDP\n"),
        ],
        &["BadRequestException: listener \"legacy\" takes no TCP, which is what an integration speaks"],
    );
}

/// Where the last value of the flow mapping that was exchanged begins.
fn column(text: &str, to: &str) -> usize {
    let line = text.lines().find(|line| line.contains(to)).expect("a line");
    line.rfind(": ").expect("a value") + 3
}

#[test]
fn an_integration_listens_where_only_the_host_is() {
    const EXPECTED: &str = "listen must be a loopback address and a port such as 127.0.0.1:8080, or the path of a socket such as /run/orders.sock";
    let refuse = |to: &str, expected: &str| {
        let text = changed(&[(LEGACY, to)]);
        let problems = parse("lab.yaml", text.as_bytes()).expect_err("problems");
        assert_eq!(lines(&problems), [format!("53:{} {expected}", column(&text, to))]);
    };
    for (wrong, listen) in [
        ("0.0.0.0:8080", "\"0.0.0.0:8080\""),
        ("127.0.0.1", "\"127.0.0.1\""),
        ("127.0.0.1:0", "\"127.0.0.1:0\""),
        ("orders.sock", "orders.sock"),
        ("/run/", "/run/"),
    ] {
        let to = LEGACY.replace("\"127.0.0.1:8081\"", listen);
        let message = format!("InvalidParameterValue: {EXPECTED}, this is \"{wrong}\"");
        refuse(&to, &message);
    }
    let to = LEGACY.replace("8081", "8080");
    refused(
        &[(LEGACY, &to)],
        &[": another integration listens at 127.0.0.1:8080 already"],
    );
    let to = LEGACY.replace(" }", ", connections: 0 }");
    refuse(
        &to,
        "InvalidParameterValue: connections must be a number from 1 to 16384, this is \"0\"",
    );
}
