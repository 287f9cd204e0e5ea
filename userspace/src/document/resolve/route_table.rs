//! Route tables (semantics 5): the main one, and custom ones with middlebox routes (semantics 5.4).

use super::subnet::{self, Associations};
use super::target::{self, Targets};
use super::{Output, Scope, associate, label};
use crate::document::diagnostic::{Problem, Problems, Span, Spanned, quote};
use crate::document::family::{ByFamily, Family};
use crate::document::ids::is_id;
use crate::document::quotas::Quota;
use crate::document::schema::{self, kind};
use crate::resources::{Destination, Route, RouteOrigin, RouteState, RouteTable, RouteTarget};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The table that a VPC comes with.
const MAIN: &str = "main";

/// Where the services of the host are, which no route may capture (semantics 3.3).
const LINK_LOCAL: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 168, 0), 22)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0), 32)),
];

/// Makes a VPC's tables. Returns which subnets use which.
pub(super) fn resolve<'a>(
    scope: &Scope<'a>,
    given: &'a [schema::RouteTable<'a>],
    out: &mut Output,
    problems: &mut Problems,
) -> Associations<'a> {
    let given = scope
        .limit(Quota::RouteTables)
        .apply(0, given, |table| table.name.span, problems);
    let main = main_table(given, problems);
    let targets = Targets::of(scope);
    let mut explicit = HashMap::new();
    let mut ids = HashMap::from([(MAIN, scope.id(kind::ROUTE_TABLE, MAIN, None))]);
    if given.iter().all(|table| table.name.value != MAIN) {
        out.resources
            .route_tables
            .push(table(scope, MAIN, None, main, Routes::of(scope), problems));
    }
    for entry in given {
        let name = entry.name.value;
        for &subnet in &entry.subnets {
            associate(scope, subnet, ("route table", name), &mut explicit, problems);
        }
        let routes = routes(scope, &targets, entry, problems);
        let table = table(scope, name, Some(entry), main, routes, problems);
        ids.insert(name, table.route_table_id.clone());
        out.places.add("route_tables", &table.route_table_id, entry.name.span);
        out.resources.route_tables.push(table);
    }
    let associations = Associations {
        ids,
        explicit,
        default: main,
    };
    warn_of_same_subnet(scope, given, &associations, problems);
    associations
}

/// Traffic inside a subnet follows no route (semantics 5.4), so a route to the only subnet that uses the table is idle.
fn warn_of_same_subnet(
    scope: &Scope<'_>,
    given: &[schema::RouteTable<'_>],
    associations: &Associations<'_>,
    problems: &mut Problems,
) {
    for table in given {
        let mut users = scope
            .subnets
            .iter()
            .filter(|subnet| associations.of(subnet.name.value) == table.name.value);
        let (Some(only), None) = (users.next(), users.next()) else {
            continue;
        };
        for Spanned { value, span } in table.routes.iter().filter_map(|route| route.destination) {
            let schema::Destination::Cidr(block) = value else {
                continue;
            };
            if subnet::blocks(only).any(|own| own.value == block) {
                let message = format!("only subnet {} uses this route, to itself", quote(only.name.value));
                let help = "traffic inside a subnet follows no route: remove it";
                problems.report(Problem::warning(span, message).number("M29").help(help));
            }
        }
    }
}

/// The table that subnets use which name none: the VPC's own, unless another one takes its place.
fn main_table<'a>(given: &[schema::RouteTable<'a>], problems: &mut Problems) -> &'a str {
    let mut main: Option<&'a str> = None;
    for table in given.iter().filter(|table| table.main == Some(true)) {
        if let Some(other) = main {
            let message = format!("route table {} is the main one already", quote(other));
            let problem = Problem::error(table.name.span, message);
            problems.report(problem.help("a VPC has one main table: remove main from one of the two"));
        }
        main = Some(table.name.value);
    }
    let own = given.iter().find(|table| table.name.value == MAIN);
    if let Some(own) = own.filter(|own| main.is_none() && own.main == Some(false)) {
        let problem = Problem::error(own.name.span, "the VPC has no main route table");
        problems.report(problem.help("write main: true in the table that takes its place"));
    }
    main.unwrap_or(MAIN)
}

fn table(
    scope: &Scope<'_>,
    name: &str,
    given: Option<&schema::RouteTable<'_>>,
    main: &str,
    routes: Routes,
    problems: &mut Problems,
) -> RouteTable {
    let details = given.map(|table| &table.details);
    RouteTable {
        route_table_id: scope.id(kind::ROUTE_TABLE, name, details),
        name: label(name, details),
        vpc_id: scope.vpc_id.clone(),
        main: name == main,
        routes: routes.0.into_iter().collect(),
        gateway_ids: given
            .map(|table| gateways(scope, &table.gateways, &["igw", "vgw"], problems))
            .unwrap_or_default(),
        propagating_vgws: given
            .map(|table| gateways(scope, &table.propagating, &["vgw"], problems))
            .unwrap_or_default(),
        details: scope.details(details),
    }
}

/// The ids of gateways of some kinds.
fn gateways(
    scope: &Scope<'_>,
    names: &[Spanned<&str>],
    prefixes: &[&'static str],
    problems: &mut Problems,
) -> Vec<String> {
    let known = |name: &str| {
        let registry = scope.common.registry;
        let mut ids = prefixes.iter().filter_map(|prefix| registry.outside(prefix, name));
        ids.next().map(str::to_owned)
    };
    let last = prefixes.last().copied().unwrap_or_default();
    let id = |name: &Spanned<&str>| match known(name.value) {
        Some(id) => Some(id),
        None if prefixes.iter().any(|prefix| is_id(prefix, name.value)) => Some(name.value.to_owned()),
        None => target::object(scope, (last, "gateway", "InvalidGatewayID.NotFound"), *name, problems),
    };
    names.iter().filter_map(id).collect()
}

/// The routes of a table: a local one for each of the VPC's blocks first; and how many these are.
struct Routes(Vec<Route>, usize);

impl Routes {
    fn of(scope: &Scope<'_>) -> Self {
        let local = |block| Route {
            destination: Destination::Cidr(block),
            target: RouteTarget::Local,
            state: RouteState::Active,
            origin: RouteOrigin::CreateRouteTable,
        };
        let routes: Vec<_> = scope.blocks.all().map(local).collect();
        let locals = routes.len();
        Self(routes, locals)
    }

    /// Adds a static route. To a whole block of the VPC it is the local route with another target (semantics 5.4).
    fn add(&mut self, destination: Destination, target: RouteTarget, given: &schema::Route<'_>) {
        let locals = self.0.iter_mut().take(self.1);
        match locals.into_iter().find(|route| route.destination == destination) {
            Some(local) => {
                local.target = target;
                local.state = given.state;
                local.origin = given.origin.unwrap_or(local.origin);
            }
            None => self.0.push(Route {
                destination,
                target,
                state: given.state,
                origin: given.origin.unwrap_or(RouteOrigin::CreateRoute),
            }),
        }
    }
}

fn routes(scope: &Scope<'_>, targets: &Targets<'_>, table: &schema::RouteTable<'_>, problems: &mut Problems) -> Routes {
    let mut seen = BTreeSet::new();
    let mut count = ByFamily::default();
    let mut routes = Routes::of(scope);
    for route in &table.routes {
        let destination = route.destination.and_then(|given| {
            let (destination, weight) = destination(scope, given, problems)?;
            count.add(weight);
            if !seen.insert(destination.clone()) {
                report_duplicate(given, problems);
                return None;
            }
            Some(destination)
        });
        let target = route
            .target
            .and_then(|target| target::find(scope, targets, target, route.state, problems));
        if let (Some(destination), Some(target)) = (destination, target) {
            routes.add(destination, target, route);
        }
    }
    let destinations = table.routes.iter().filter_map(|route| route.destination);
    let lists = destinations.filter_map(|destination| match destination.value {
        schema::Destination::PrefixList(name) => Some(name),
        schema::Destination::Cidr(_) => None,
    });
    let limit = scope.limit(Quota::Routes);
    let all = scope.common.prefix_lists;
    all.check_weight(limit, count, lists, table.name.span, problems);
    routes
}

fn report_duplicate(destination: Spanned<schema::Destination<'_>>, problems: &mut Problems) {
    let what = match destination.value {
        schema::Destination::Cidr(block) => block.to_string(),
        schema::Destination::PrefixList(name) => format!("prefix list {}", quote(name)),
    };
    let message = format!("the table has a route to {what} already");
    let problem = Problem::error(destination.span, message).code("RouteAlreadyExists");
    problems.report(problem.help("remove one of the two"));
}

/// Where a route leads, checked, and what it counts as.
fn destination(
    scope: &Scope<'_>,
    given: Spanned<schema::Destination<'_>>,
    problems: &mut Problems,
) -> Option<(Destination, ByFamily)> {
    let Spanned { value, span } = given;
    match value {
        schema::Destination::Cidr(block) => {
            check_block(scope, block, span, problems);
            let weight = ByFamily::of(Family::of(block), 1);
            Some((Destination::Cidr(block), weight))
        }
        schema::Destination::PrefixList(name) => {
            let list = scope
                .common
                .prefix_lists
                .find(Spanned { value: name, span }, problems)?;
            for &block in &list.entries {
                check_block(scope, block, span, problems);
                warn_of_local(scope, block, span, problems);
            }
            Some((Destination::PrefixList(list.id.clone()), list.weight()))
        }
    }
}

/// A route inside the VPC leads to a whole subnet or to a whole block of the VPC (semantics 5.4); outside, anywhere but
/// to the services of the host.
fn check_block(scope: &Scope<'_>, block: IpNet, span: Span, problems: &mut Problems) {
    let (message, help) = if let Some(services) = LINK_LOCAL.iter().find(|services| services.contains(&block)) {
        let message = format!("{block} is in {services}, where the host's own services are");
        (message, "no route leads elsewhere from there: remove it")
    } else if scope.blocks.around(block).is_some_and(|vpc| vpc != block) && !is_subnet(scope, block) {
        let message = format!("{block} is inside the VPC, but isn't the block of one of its subnets");
        (
            message,
            "a route that is more specific than the local one must lead to a whole subnet",
        )
    } else {
        return;
    };
    problems.report(Problem::error(span, message).code("InvalidParameterValue").help(help));
}

/// The local route is preferred to a list's to the same block (semantics 5.2).
fn warn_of_local(scope: &Scope<'_>, block: IpNet, span: Span, problems: &mut Problems) {
    if scope.blocks.around(block) == Some(block) {
        let message = format!("the list's {block} is the VPC's own block, to which the local route is preferred");
        let help = "to lead it elsewhere, write a route to that block itself";
        problems.report(Problem::warning(span, message).help(help));
    }
}

fn is_subnet(scope: &Scope<'_>, block: IpNet) -> bool {
    let mut blocks = scope.subnets.iter().flat_map(subnet::blocks);
    blocks.any(|other| other.value == block)
}
