//! Route tables (semantics 5): one row for each route, longest prefix first by the table's nature.

use super::Plan;
use super::limits::Lookup;
use super::problem::{PlanProblem, Problems};
use crate::resources::{Destination, Route, RouteState, RouteTable, RouteTarget};
use groundplane_abi::route::{RouteEntry, RouteKey, Target};
use groundplane_abi::{Bank, RouteTableId};
use ipnet::IpNet;

pub(super) fn compile(lookup: &Lookup<'_>, plan: &mut Plan, problems: &mut Problems) {
    for table in &lookup.resources.route_tables {
        let (id, vpc_id) = (&*table.route_table_id, &*table.vpc_id);
        lookup.vpcs.find(vpc_id, id, vpc_id, problems);
        let Some(number) = lookup.route_tables.find(id, id, vpc_id, problems) else {
            continue;
        };
        for route in &table.routes {
            compile_route(lookup, (table, RouteTableId(number)), route, plan, problems);
        }
    }
}

fn compile_route(
    lookup: &Lookup<'_>,
    (table, number): (&RouteTable, RouteTableId),
    route: &Route,
    plan: &mut Plan,
    problems: &mut Problems,
) {
    let Destination::Cidr(IpNet::V4(destination)) = route.destination else {
        return;
    };
    let destination = destination.trunc();
    let key = RouteKey {
        bank: Bank(0),
        table: number,
        destination: destination.network().into(),
    };
    let Some(entry) = entry(lookup, table, route, problems) else {
        return;
    };
    if plan.routes.insert((key, destination.prefix_len()), entry).is_some() {
        problems.report(PlanProblem::DuplicateRoute {
            route_table_id: table.route_table_id.clone(),
            destination_cidr_block: destination.to_string(),
        });
    }
}

/// A blackhole keeps its place, since it is selected and drops (semantics 5.2); its target may be gone.
fn entry(lookup: &Lookup<'_>, table: &RouteTable, route: &Route, problems: &mut Problems) -> Option<RouteEntry> {
    match (route.state, &route.target) {
        (RouteState::Blackhole, _) => Some(RouteEntry::BLACKHOLE),
        (RouteState::Active, RouteTarget::Local) => Some(RouteEntry::new(Target::Local)),
        (RouteState::Active, RouteTarget::NetworkInterface(eni)) => {
            let device = lookup.device(eni, &table.route_table_id, &table.vpc_id, problems)?;
            Some(RouteEntry::new(Target::Eni(device)))
        }
        _ => None,
    }
}
