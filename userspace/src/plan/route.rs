//! Route tables (semantics 5): of the candidates for a block the one that is selected, in one row. The longest prefix
//! wins by the table's nature.

use super::gateway;
use super::lookup::Lookup;
use super::objects::Objects;
use super::problem::{PlanProblem, Problems};
use super::{Family, Plan};
use crate::resources::{Destination, Route, RouteOrigin, RouteState, RouteTable, RouteTarget};
use groundplane_abi::route::{RouteEntry, RouteKey, Target};
use groundplane_abi::{Bank, Ip4, Ip6, RouteTableId};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn compile(lookup: &Lookup<'_>, vpc: &Objects<'_>, plan: &mut Plan, problems: &mut Problems) {
    for table in &vpc.route_tables {
        let (id, vpc_id) = (&*table.route_table_id, &*table.vpc_id);
        lookup.vpcs.find(vpc_id, id, vpc_id, problems);
        let Some(number) = lookup.route_tables.find(id, id, vpc_id, problems) else {
            continue;
        };
        let selected = selected(lookup, table, problems);
        for (destination, entry) in selected {
            insert::<Ip4>(plan, RouteTableId(number), destination, entry);
            insert::<Ip6>(plan, RouteTableId(number), destination, entry);
        }
    }
}

/// Puts a route into the table of its family.
pub(super) fn insert<I: Family>(plan: &mut Plan, table: RouteTableId, destination: IpNet, entry: RouteEntry) {
    let Some((destination, prefix_len)) = I::block(destination) else {
        return;
    };
    let bank = Bank(0);
    let key = RouteKey {
        bank,
        table,
        destination,
    };
    I::rows_mut(plan).routes.insert((key, prefix_len), entry);
}

/// Who wins among routes to the same block (semantics 5.2), best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precedence<'a> {
    /// Of two lists with the same entry the one with the lower id wins.
    Cidr,
    PrefixList(&'a str),
    Propagated,
}

fn selected(lookup: &Lookup<'_>, table: &RouteTable, problems: &mut Problems) -> BTreeMap<IpNet, RouteEntry> {
    let is_local = |route: &&Route| route.origin == RouteOrigin::CreateRouteTable;
    let local_blocks: Vec<_> = table.routes.iter().filter(is_local).filter_map(cidr).collect();
    let mut best = BTreeMap::new();
    let is_there = |route: &&Route| route.state != RouteState::Filtered;
    for route in table.routes.iter().filter(is_there) {
        let entry = entry(lookup, table, route, problems);
        let precedence = precedence(route);
        for block in blocks(lookup, table, route, problems) {
            // A local route beats a propagated one even if that is longer.
            let within_local = || local_blocks.iter().any(|local| local.contains(&block));
            if precedence == Precedence::Propagated && within_local() {
                continue;
            }
            match best.get(&block) {
                Some(&(other, _)) if other == precedence => problems.report(PlanProblem::DuplicateRoute {
                    route_table_id: table.route_table_id.clone(),
                    destination: block.to_string(),
                }),
                Some(&(other, _)) if other < precedence => {}
                _ => _ = best.insert(block, (precedence, entry)),
            }
        }
    }
    let row = |(block, (_, entry)): (_, (_, Option<_>))| Some((block, entry?));
    best.into_iter().filter_map(row).collect()
}

fn precedence(route: &Route) -> Precedence<'_> {
    match (&route.destination, route.origin) {
        (_, origin) if origin.is_propagated() => Precedence::Propagated,
        (Destination::Cidr(_), _) => Precedence::Cidr,
        (Destination::PrefixList(id), _) => Precedence::PrefixList(id),
    }
}

fn cidr(route: &Route) -> Option<IpNet> {
    match route.destination {
        Destination::Cidr(block) => Some(block.trunc()),
        Destination::PrefixList(_) => None,
    }
}

/// The blocks a route is a candidate for, each once.
fn blocks(lookup: &Lookup<'_>, table: &RouteTable, route: &Route, problems: &mut Problems) -> BTreeSet<IpNet> {
    match &route.destination {
        Destination::Cidr(block) => [block.trunc()].into(),
        Destination::PrefixList(id) => {
            lookup.check_prefix_list(id, &table.route_table_id, problems);
            lookup.prefix_list(id).iter().map(IpNet::trunc).collect()
        }
    }
}

/// A blackhole keeps its place, since it is selected and drops (semantics 5.2); its target may be gone. So does a
/// target that no table can express.
fn entry(lookup: &Lookup<'_>, table: &RouteTable, route: &Route, problems: &mut Problems) -> Option<RouteEntry> {
    match (route.state, &route.target) {
        (RouteState::Blackhole, _) => Some(RouteEntry::BLACKHOLE),
        (RouteState::Active, RouteTarget::Local) => Some(RouteEntry::new(Target::Local)),
        (RouteState::Active, RouteTarget::NetworkInterface(eni)) => {
            let device = lookup.device(eni, &table.route_table_id, &table.vpc_id, problems)?;
            // An ENI that nobody is behind is like one that is gone (semantics 5.2).
            Some(device.map_or(RouteEntry::BLACKHOLE, |device| RouteEntry::new(Target::Eni(device))))
        }
        (RouteState::Active | RouteState::Filtered, target) => Some(gateway::entry(lookup, &table.vpc_id, target)),
    }
}
