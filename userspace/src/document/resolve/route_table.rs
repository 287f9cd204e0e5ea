//! Route tables (semantics 5): the main one, and custom ones with middlebox routes (semantics 5.4).

use super::{Output, ROUTES, Scope, at_most, subnet};
use crate::document::diagnostic::{Problem, Problems, Spanned, quote};
use crate::document::names;
use crate::document::schema;
use crate::resources::{Destination, Route, RouteOrigin, RouteState, RouteTable, RouteTarget};
use ipnet::Ipv4Net;
use std::collections::{HashMap, HashSet};

const MAIN: &str = "main";

pub(super) fn main_table_id(scope: &Scope<'_>) -> String {
    scope.id("rtb", MAIN)
}

/// Makes a VPC's tables. Returns the id of the table of each subnet that has an explicit association.
pub(super) fn resolve<'a>(
    scope: &Scope<'a>,
    tables: &'a [schema::RouteTable<'a>],
    out: &mut Output<'a>,
    problems: &mut Problems,
) -> HashMap<&'a str, String> {
    // Without a block there is no local route, and no plan either.
    let local: Vec<Route> = scope.block.map(local).into_iter().collect();
    out.resources.route_tables.push(table(scope, MAIN, local.clone()));
    let targets: Targets<'_> = scope
        .instances
        .iter()
        .map(|instance| (instance.name.value, instance))
        .collect();
    let mut associations: HashMap<&str, &str> = HashMap::new();
    for entry in tables {
        let name = entry.name.value;
        if name == MAIN {
            let help = "give the table another name and associate subnets with it";
            let problem = Problem::error(
                entry.name.span,
                "the main route table can't be changed in this language",
            );
            problems.report(problem.help(help));
        }
        for &subnet in &entry.subnets {
            associate(scope, subnet, name, &mut associations, problems);
        }
        let mut routes = local.clone();
        routes.extend(resolve_routes(scope, &targets, entry, problems));
        out.resources.route_tables.push(table(scope, name, routes));
    }
    associations
        .into_iter()
        .map(|(subnet, table)| (subnet, scope.id("rtb", table)))
        .collect()
}

fn table(scope: &Scope<'_>, name: &str, routes: Vec<Route>) -> RouteTable {
    RouteTable {
        route_table_id: scope.id("rtb", name),
        name: name.to_owned(),
        vpc_id: scope.vpc_id.clone(),
        main: name == MAIN,
        routes,
    }
}

fn local(block: Ipv4Net) -> Route {
    Route {
        destination: Destination::Cidr(block.into()),
        target: RouteTarget::Local,
        state: RouteState::Active,
        origin: RouteOrigin::CreateRouteTable,
    }
}

/// Gives a subnet to a table, unless another one has it.
fn associate<'a>(
    scope: &Scope<'a>,
    subnet: Spanned<&str>,
    table: &'a str,
    associations: &mut HashMap<&'a str, &'a str>,
    problems: &mut Problems,
) {
    let Some(found) = subnet::find(scope, subnet, problems) else {
        return;
    };
    if let Some(other) = associations.insert(found.name.value, table) {
        let message = format!(
            "subnet {} is in route table {} already",
            quote(subnet.value),
            quote(other)
        );
        let help = "a subnet has one route table: remove it from one of the two";
        problems.report(
            Problem::error(subnet.span, message)
                .code("Resource.AlreadyAssociated")
                .help(help),
        );
    }
}

fn resolve_routes(
    scope: &Scope<'_>,
    targets: &Targets<'_>,
    table: &schema::RouteTable<'_>,
    problems: &mut Problems,
) -> Vec<Route> {
    let mut destinations = HashSet::new();
    let mut routes = Vec::new();
    for route in at_most(&ROUTES, 0, &table.routes, |_| table.name.span, problems) {
        if let Some(destination) = route.destination {
            check_destination(scope, destination, &mut destinations, problems);
        }
        let target = route
            .instance
            .and_then(|instance| find_target(scope, targets, instance, problems));
        if let (Some(destination), Some(target)) = (route.destination, target) {
            let target = RouteTarget::NetworkInterface(target);
            routes.push(Route {
                destination: Destination::Cidr(destination.value.into()),
                target,
                state: RouteState::Active,
                origin: RouteOrigin::CreateRoute,
            });
        }
    }
    routes
}

/// A route inside the VPC leads to a whole subnet (semantics 5.4); outside, anywhere.
fn check_destination(
    scope: &Scope<'_>,
    destination: Spanned<Ipv4Net>,
    seen: &mut HashSet<Ipv4Net>,
    problems: &mut Problems,
) {
    let Spanned { value: block, span } = destination;
    if scope.block == Some(block) {
        let message = format!("the route to {block}, the VPC's own block, is there already: it is the local one");
        let help = "name a subnet's block to lead its traffic elsewhere";
        problems.report(Problem::error(span, message).code("RouteAlreadyExists").help(help));
    } else if !seen.insert(block) {
        let message = format!("the table has a route to {block} already");
        problems.report(
            Problem::error(span, message)
                .code("RouteAlreadyExists")
                .help("remove one of the two"),
        );
    } else if scope.block.is_some_and(|vpc| vpc.contains(&block)) && !is_subnet(scope, block) {
        let message = format!("{block} is inside the VPC, but isn't the block of one of its subnets");
        let help = "a route that is more specific than the local one must lead to a whole subnet";
        problems.report(Problem::error(span, message).code("InvalidParameterValue").help(help));
    }
}

fn is_subnet(scope: &Scope<'_>, block: Ipv4Net) -> bool {
    scope
        .subnets
        .iter()
        .any(|subnet| subnet.cidr_block.is_some_and(|other| other.value == block))
}

/// The VPC's instances by name.
type Targets<'a> = HashMap<&'a str, &'a schema::Instance<'a>>;

/// The id of the ENI that a route names by its instance.
fn find_target(
    scope: &Scope<'_>,
    targets: &Targets<'_>,
    instance: Spanned<&str>,
    problems: &mut Problems,
) -> Option<String> {
    let Spanned { value: name, span } = instance;
    let Some(target) = targets.get(name) else {
        let message = format!("VPC {} has no instance {}", quote(scope.name), quote(name));
        let names = scope.instances.iter().map(|instance| instance.name.value);
        let help = match names::nearest(name, names, problems) {
            Some(name) => format!("did you mean {name}?"),
            None => "add it below the VPC's instances".to_owned(),
        };
        problems.report(
            Problem::error(span, message)
                .code("InvalidNetworkInterfaceID.NotFound")
                .help(help),
        );
        return None;
    };
    if target.source_dest_check {
        let message = format!(
            "instance {} gets packets for others, which its source/destination check drops",
            quote(name)
        );
        problems.report(Problem::warning(span, message).help("give the instance SourceDestCheck: false"));
    }
    Some(scope.id("eni", name))
}
