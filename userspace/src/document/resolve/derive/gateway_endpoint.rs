//! Gateway endpoints: what AWS says of one when it is made, and the routes that it makes in its tables (semantics 15).

use super::Given;
use crate::document::diagnostic::{Problem, Problems, Span, quote};
use crate::document::places::Places;
use crate::resources::{
    Destination, PrefixList, Resources, Route, RouteOrigin, RouteState, RouteTable, RouteTarget, VpcEndpoint,
};

/// What each endpoint leaves out, and its routes. Those of dumps are in the tables already.
pub(super) fn complete(resources: &mut Resources, given: &Given<'_>, places: &Places<'_>, problems: &mut Problems) {
    let mut endpoints = std::mem::take(&mut resources.vpc_endpoints);
    let is_made = |one: &&mut VpcEndpoint| one.is_gateway() && !given.dumped.contains(&one.vpc_endpoint_id);
    for endpoint in endpoints.iter_mut().filter(is_made) {
        as_made(endpoint, resources);
        if endpoint.is_there() {
            make_routes(endpoint, resources, places, problems);
        }
    }
    resources.vpc_endpoints = endpoints;
}

/// What the API fills in.
fn as_made(endpoint: &mut VpcEndpoint, resources: &Resources) {
    endpoint.vpc_endpoint_type.get_or_insert_with(|| "Gateway".to_owned());
    endpoint.state.get_or_insert_with(|| "available".to_owned());
    let mut vpcs = resources.vpcs.iter();
    let vpc = vpcs.find(|vpc| Some(&vpc.vpc_id) == endpoint.vpc_id.as_ref());
    let owner = vpc.map(|vpc| vpc.details.owner_id.clone());
    endpoint.owner_id = endpoint.owner_id.take().or(owner);
}

/// A route to each of the service's addresses, in each table.
fn make_routes(endpoint: &VpcEndpoint, resources: &mut Resources, places: &Places<'_>, problems: &mut Problems) {
    let Some(service) = endpoint
        .service_name
        .as_deref()
        .filter(|_| !endpoint.route_table_ids.is_empty())
    else {
        return;
    };
    let mut lists = resources.prefix_lists.iter();
    let Some(list) = lists.find(|list| list.name == service) else {
        let message = format!("no prefix list says which addresses service {} has", quote(service));
        let problem = Problem::error(places.field(&endpoint.vpc_endpoint_id, &["ServiceName"]), message);
        let help = "add a list of this name below prefix_lists, with account: AWS";
        return problems.report(problem.code("InvalidServiceName").help(help));
    };
    for (index, table_id) in endpoint.route_table_ids.iter().enumerate() {
        let mut tables = resources.route_tables.iter_mut();
        // Who names a table that isn't there, or another VPC's, is told by another check.
        let table =
            tables.find(|table| table.route_table_id == *table_id && Some(&table.vpc_id) == endpoint.vpc_id.as_ref());
        if let Some(table) = table {
            let place = || places.field(&endpoint.vpc_endpoint_id, &["RouteTableIds", &index.to_string()]);
            make_route(endpoint, list, table, &place, problems);
        }
    }
}

fn make_route(
    endpoint: &VpcEndpoint,
    list: &PrefixList,
    table: &mut RouteTable,
    place: &dyn Fn() -> Span,
    problems: &mut Problems,
) {
    let target = RouteTarget::Gateway(endpoint.vpc_endpoint_id.clone());
    let destination = Destination::PrefixList(list.prefix_list_id.clone());
    let mut routes = table.routes.iter();
    match routes.find(|route| route.destination == destination) {
        Some(route) if route.target == target => {}
        // Another endpoint of the service is told of where endpoints are compared.
        Some(route) if matches!(&route.target, RouteTarget::Gateway(id) if id.starts_with("vpce-")) => {}
        Some(_) => {
            let (table, list) = (quote(&table.name), quote(&list.name));
            let message = format!("route table {table} has a route to prefix list {list} already");
            let problem = Problem::error(place(), message).code("RouteAlreadyExists");
            problems.report(problem.help("remove the route, or the table from the endpoint"));
        }
        None => table.routes.make_mut().push(Route {
            destination,
            target,
            state: RouteState::Active,
            origin: RouteOrigin::CreateRoute,
        }),
    }
}
