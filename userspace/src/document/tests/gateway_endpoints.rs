//! Gateway endpoints and the routes that they make (semantics 15).

use super::*;
use crate::resources::{Destination, Route, RouteOrigin, RouteState};
use groundplane_abi::Ip4;
use groundplane_abi::route::{RouteEntry, Target};

const SERVICE: &str = "com.amazonaws.eu-central-1.s3";

/// A VPC with two tables, one of them an endpoint's, with something exchanged.
fn document(from: &str, to: &str) -> String {
    let more = format!(
        "    route_tables:
      one: {{ subnets: [a1] }}
      two: {{ subnets: [a2] }}
    nat_gateways:
prefix_lists:
  {SERVICE}: {{ account: AWS, MaxEntries: 1, entries: [192.0.2.0/24] }}
vpc_endpoints:
  s3: {{ VpcId: a, ServiceName: {SERVICE}, RouteTableIds: [one] }}
"
    )
    .replace("    nat_gateways:\n", "");
    assert_eq!(more.matches(from).count(), 1, "{from}");
    more.replace(from, to)
}

fn routes<'a>(resolved: &'a Resolved, name: &str) -> Vec<&'a Route> {
    let is_made = |route: &&Route| route.origin == RouteOrigin::CreateRoute;
    table(resolved, name).routes.iter().filter(is_made).collect()
}

#[test]
fn an_endpoint_makes_a_route_in_each_of_its_tables() {
    let resolved = accept(&t0(&document("[one]", "[one]")));
    let endpoint = &resolved.resources.vpc_endpoints[0];
    assert_eq!(
        (endpoint.vpc_endpoint_type.as_deref(), endpoint.state.as_deref()),
        (Some("Gateway"), Some("available"))
    );
    let [route] = routes(&resolved, "one")[..] else {
        panic!("one route")
    };
    let list = &resolved.resources.prefix_lists[0].prefix_list_id;
    assert_eq!(route.destination, Destination::PrefixList(list.clone()));
    assert_eq!(route.target, RouteTarget::Gateway(endpoint.vpc_endpoint_id.clone()));
    assert_eq!(route.state, RouteState::Active);
    assert!(routes(&resolved, "two").is_empty());
    let plan = compile(&resolved);
    let leads = |entry: &&RouteEntry| **entry == RouteEntry::new(Target::GatewayEndpoint);
    assert_eq!(plan.ip4.routes.values().filter(leads).count(), 1);
    let clients = plan.ip4.publics.keys().map(|(key, len)| (key.address, *len));
    assert_eq!(clients.collect::<Vec<_>>(), [(Ip4([10, 0, 0, 0]), 16)]);
}

#[test]
fn a_route_that_is_there_already_is_the_endpoints() {
    let written = format!("one: {{ subnets: [a1], routes: [{{ prefix_list: {SERVICE}, gateway_endpoint: s3 }}] }}");
    let resolved = accept(&t0(&document("one: { subnets: [a1] }", &written)));
    assert_eq!(routes(&resolved, "one").len(), 1);
}

#[test]
fn what_is_exported_is_what_was_written() {
    let resolved = accept(&t0(&document("[one]", "[one, two]")));
    let yaml = crate::export::yaml(&resolved);
    let again = accept(&yaml);
    assert_eq!(again.resources, resolved.resources, "{yaml}");
}

#[test]
fn an_endpoint_that_isnt_available_leads_nowhere() {
    for (state, expected) in [("pending", RouteState::Blackhole), ("available", RouteState::Active)] {
        let to = format!("State: {state}, RouteTableIds");
        let resolved = accept(&t0(&document("RouteTableIds", &to)));
        assert_eq!(routes(&resolved, "one")[0].state, expected, "{state}");
    }
    let resolved = accept(&t0(&document("RouteTableIds", "State: deleted, RouteTableIds")));
    assert!(routes(&resolved, "one").is_empty());
}

#[test]
fn aws_says_where_a_service_is() {
    check_t0(
        &document(
            &format!("ServiceName: {SERVICE}"),
            "ServiceName: com.amazonaws.eu-central-1.dynamodb",
        ),
        &[
            "7:32 InvalidServiceName: no prefix list says which addresses service \"com.amazonaws.eu-central-1.dynamodb\" has",
        ],
    );
}

#[test]
fn a_table_has_one_route_to_a_service() {
    let written = format!("one: {{ subnets: [a1], routes: [{{ prefix_list: {SERVICE}, instance: fw }}] }}");
    check_t0(
        &document("one: { subnets: [a1] }", &written),
        &[&format!(
            "7:79 RouteAlreadyExists: route table \"one\" has a route to prefix list \"{SERVICE}\" already"
        )],
    );
}
