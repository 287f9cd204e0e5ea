//! Route tables: which routes AWS takes, and what they mean.

use super::*;
use crate::resources::{Destination, RouteOrigin, RouteTarget};

/// A table of A1 with these routes.
fn with_routes(routes: &[&str]) -> String {
    let routes: String = routes
        .iter()
        .map(|route| format!("          - {{ {route} }}\n"))
        .collect();
    format!("    route_tables:\n      t:\n        subnets: [a1]\n        routes:\n{routes}")
}

/// The routes of a table: where to, and whether through an instance.
fn routes(resolved: &Resolved, name: &str) -> Vec<(String, bool)> {
    let destination = |destination: &Destination| match destination {
        Destination::Cidr(block) => block.to_string(),
        Destination::PrefixList(id) => {
            let lists = &resolved.resources.prefix_lists;
            lists
                .iter()
                .find(|list| list.prefix_list_id == *id)
                .expect("a list")
                .name
                .clone()
        }
    };
    let routes = table(resolved, name).routes.iter();
    routes
        .map(|route| (destination(&route.destination), route.target != RouteTarget::Local))
        .collect()
}

#[test]
fn every_table_has_a_local_route_to_each_block_of_the_vpc() {
    let document = t0("    route_tables: { t: }\n").replace(
        "CidrBlock: 10.0.0.0/16\n",
        "CidrBlock: 10.0.0.0/16\n    SecondaryCidrBlocks: [100.64.0.0/16]\n    SecondaryIpv6CidrBlocks: [\"2001:db8:b::/56\"]\n",
    );
    let resolved = accept(&document);
    let local =
        ["10.0.0.0/16", "100.64.0.0/16", "2001:db8:a::/56", "2001:db8:b::/56"].map(|block| (block.to_owned(), false));
    for name in ["main", "t"] {
        assert_eq!(routes(&resolved, name), local);
    }
}

#[test]
fn s38_a_route_inside_the_vpc_leads_to_a_whole_subnet_and_to_an_instance() {
    let resolved = accept(&t0(&with_routes(&[
        "DestinationCidrBlock: 10.0.2.0/24, instance: fw",
        "DestinationIpv6CidrBlock: \"2001:db8:a:2::/64\", instance: fw",
    ])));
    let expected = [
        ("10.0.0.0/16", false),
        ("2001:db8:a::/56", false),
        ("10.0.2.0/24", true),
        ("2001:db8:a:2::/64", true),
    ];
    assert_eq!(
        routes(&resolved, "t"),
        expected.map(|(block, through)| (block.to_owned(), through))
    );
    for block in ["10.0.2.0/25", "10.0.2.0/23", "10.0.99.0/24"] {
        let message =
            format!("5:37 InvalidParameterValue: {block} is inside the VPC, but isn't the block of one of its subnets");
        check_t0(
            &with_routes(&[&format!("DestinationCidrBlock: {block}, instance: fw")]),
            &[&message],
        );
    }
    check_t0(
        &with_routes(&["DestinationIpv6CidrBlock: \"2001:db8:a:2::/80\", instance: fw"]),
        &["5:41 InvalidParameterValue: 2001:db8:a:2::/80 is inside the VPC, but isn't the block of one of its subnets"],
    );
    for target in ["GatewayId", "NatGatewayId", "VpcEndpointId", "NetworkInterfaceId"] {
        let message = format!("5:50 the route has no field {target}");
        check_t0(
            &with_routes(&[&format!("DestinationCidrBlock: 10.0.2.0/24, {target}: igw-A")]),
            &[&message],
        );
    }
}

#[test]
fn a_lists_entries_are_checked_like_routes() {
    let lists = |entries: &str| format!("prefix_lists: {{ l: {{ MaxEntries: 5, entries: [{entries}] }} }}\n");
    let document = |entries: &str| t0_with(&lists(entries), &with_routes(&["prefix_list: l, instance: fw"]));
    let resolved = accept(&document("10.0.2.0/24, 192.0.2.0/24"));
    assert_eq!(routes(&resolved, "t")[2], ("l".to_owned(), true));
    let group_warning = |warnings: &Diagnostics| warnings.problems.len();
    assert_eq!(group_warning(&resolved.warnings), 1, "{}", resolved.warnings);
    check(
        &document("10.0.2.0/25"),
        &["19:28 InvalidParameterValue: 10.0.2.0/25 is inside the VPC, but isn't the block of one of its subnets"],
    );
    let resolved = accept(&document("10.0.0.0/16"));
    assert_eq!(
        lines(&resolved.warnings),
        ["19:28 the list's 10.0.0.0/16 is the VPC's own block, to which the local route is preferred"]
    );
}

#[test]
fn the_local_route_may_lead_to_an_instance_instead() {
    let resolved = accept(&t0(&with_routes(&["DestinationCidrBlock: 10.0.0.0/16, instance: fw"])));
    let expected = [("10.0.0.0/16".to_owned(), true), ("2001:db8:a::/56".to_owned(), false)];
    assert_eq!(routes(&resolved, "t"), expected);
    assert_eq!(table(&resolved, "t").routes[0].origin, RouteOrigin::CreateRouteTable);
    let twice = "DestinationCidrBlock: 10.0.0.0/16, instance: fw";
    check_t0(
        &with_routes(&[twice, twice]),
        &["6:37 RouteAlreadyExists: the table has a route to 10.0.0.0/16 already"],
    );
}

#[test]
fn s40_another_table_becomes_main_for_all_subnets_that_name_none() {
    let tables = |main: &str| format!("    route_tables: {{ own: {{ subnets: [a1] }}, t: {{ {main} }} }}\n");
    let used = |resolved: &Resolved| {
        let table_of = |name: &str| {
            let subnet = named(&resolved.resources.subnets, name, |subnet| &subnet.name);
            let mut tables = resolved.resources.route_tables.iter();
            let found = tables.find(|table| table.route_table_id == subnet.route_table_id);
            found.expect("a table").name.clone()
        };
        ["a1", "a2", "a-fw"].map(table_of)
    };
    assert_eq!(used(&accept(&t0(&tables("")))), ["own", "main", "main"]);
    let resolved = accept(&t0(&tables("main: true")));
    assert_eq!(used(&resolved), ["own", "t", "t"]);
    let main: Vec<_> = resolved
        .resources
        .route_tables
        .iter()
        .filter(|table| table.main)
        .map(|table| &*table.name)
        .collect();
    assert_eq!(main, ["t"]);
    check_t0(
        "    route_tables: { s: { main: true }, t: { main: true } }\n",
        &["1:40 route table \"s\" is the main one already"],
    );
    check_t0(
        "    route_tables: { main: { main: false } }\n",
        &["1:21 the VPC has no main route table"],
    );
    accept(&t0("    route_tables: { main: { main: false }, t: { main: true } }\n"));
}

#[test]
fn the_main_table_can_be_edited() {
    let resolved = accept(&t0(
        "    route_tables: { main: { routes: [{ DestinationCidrBlock: 0.0.0.0/0, instance: fw }] } }\n",
    ));
    assert_eq!(routes(&resolved, "main")[2], ("0.0.0.0/0".to_owned(), true));
    assert!(table(&resolved, "main").main);
    assert_eq!(resolved.resources.route_tables.len(), 1);
}

#[test]
fn s41_a_route_to_the_subnet_that_follows_it_is_taken_and_idle() {
    let message = "M29: only subnet \"a1\" uses this route, to itself";
    check_warned(
        &with_routes(&["DestinationCidrBlock: 10.0.1.0/24, instance: fw"]),
        &[&format!("5:37 {message}")],
    );
    // Another subnet of the same table follows it.
    let shared = with_routes(&["DestinationCidrBlock: 10.0.1.0/24, instance: fw"]).replace("[a1]", "[a1, a-fw]");
    assert!(
        accept(&t0(&shared))
            .warnings
            .problems
            .iter()
            .all(|problem| !problem.message.contains("to itself"))
    );
}

#[test]
fn s43_no_route_leads_to_the_hosts_own_services() {
    for block in ["169.254.169.0/24", "169.254.168.0/22", "169.254.169.254/32"] {
        let message =
            format!("5:37 InvalidParameterValue: {block} is in 169.254.168.0/22, where the host's own services are");
        check_t0(
            &with_routes(&[&format!("DestinationCidrBlock: {block}, instance: fw")]),
            &[&message],
        );
    }
    check_t0(
        &with_routes(&["DestinationIpv6CidrBlock: \"fd00:ec2::254/128\", instance: fw"]),
        &["5:41 InvalidParameterValue: fd00:ec2::254/128 is in fd00:ec2::/32, where the host's own services are"],
    );
    check_warned(
        &with_routes(&[
            "DestinationCidrBlock: 169.254.0.0/16, instance: fw",
            "DestinationIpv6CidrBlock: \"fd00::/16\", instance: fw",
        ]),
        &[],
    );
}

#[test]
fn s44_a_second_route_to_the_same_block_is_refused() {
    let route = "DestinationCidrBlock: 10.1.0.0/16, instance: fw";
    check_t0(
        &with_routes(&[route, "DestinationCidrBlock: 10.1.7.0/16, instance: a2"]),
        &["6:37 RouteAlreadyExists: the table has a route to 10.1.0.0/16 already"],
    );
    let lists = "prefix_lists: { l: { MaxEntries: 1, entries: [10.1.0.0/16] } }\n";
    let list = "prefix_list: l, instance: fw";
    // A list's entry and a route may be to the same block: the route is preferred.
    accept(&t0_with(lists, &with_routes(&[route, list])));
    check(
        &t0_with(lists, &with_routes(&[list, list])),
        &["20:28 RouteAlreadyExists: the table has a route to prefix list \"l\" already"],
    );
}

#[test]
fn a_route_has_one_destination_and_an_instance() {
    for (route, expected) in [
        (
            "instance: fw",
            "5:11 MissingParameter: the route is missing DestinationCidrBlock",
        ),
        (
            "DestinationCidrBlock: 0.0.0.0/0",
            "5:11 MissingParameter: the route is missing instance",
        ),
        (
            "DestinationCidrBlock: 0.0.0.0/0, DestinationIpv6CidrBlock: \"::/0\", instance: fw",
            "5:74 InvalidParameterCombination: the route has both DestinationCidrBlock and DestinationIpv6CidrBlock",
        ),
        (
            "prefix_list: l, instance: fw",
            "5:28 InvalidPrefixListID.NotFound: there is no prefix list \"l\"",
        ),
        (
            "DestinationCidrBlock: 0.0.0.0/0, instance: fx",
            "5:58 InvalidNetworkInterfaceID.NotFound: VPC \"a\" has no instance \"fx\"",
        ),
    ] {
        let at = expected.replacen("5:11", "5:13", 1);
        check_t0(&with_routes(&[route]), &[&at]);
    }
}
