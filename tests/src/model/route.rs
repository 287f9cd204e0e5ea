//! Routes (semantics 5.2): longest prefix first, and a blackhole is selected like any other.

use super::reason::Reason;
use super::world::World;
use groundplane::resources::{Destination, Route, RouteOrigin, RouteState, RouteTable, RouteTarget};
use ipnet::IpNet;
use std::cmp::Reverse;
use std::net::IpAddr;

/// The target of the route that a destination selects.
pub(super) fn select<'a>(world: &World, table: &'a RouteTable, destination: IpAddr) -> Result<&'a RouteTarget, Reason> {
    let mut best: Option<(Rank<'a>, &'a Route)> = None;
    let is_there = |route: &&Route| route.state != RouteState::Filtered;
    for route in table.routes.iter().filter(is_there) {
        for block in blocks(world, route) {
            if block.contains(&destination) && !is_beaten_by_local(table, route, block) {
                let rank = rank(route, block);
                if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                    best = Some((rank, route));
                }
            }
        }
    }
    let (_, route) = best.ok_or(Reason::NoRoute)?;
    match route.state {
        RouteState::Active | RouteState::Filtered => Ok(&route.target),
        RouteState::Blackhole => Err(Reason::RouteIsBlackhole),
    }
}

/// "prefix-list routes expand to one candidate per entry".
fn blocks<'a>(world: &'a World, route: &'a Route) -> &'a [IpNet] {
    match &route.destination {
        Destination::Cidr(block) => std::slice::from_ref(block),
        Destination::PrefixList(id) => world.prefix_list(id).map_or(&[], |list| &list.entries),
    }
}

/// "Longest prefix. Equal prefix length: explicit CIDR static route, prefix-list route, propagated. Two prefix lists:
/// lowest pl- id."
type Rank<'a> = (u8, u8, Reverse<&'a str>);

fn rank<'a>(route: &'a Route, block: &IpNet) -> Rank<'a> {
    let (kind, list) = match &route.destination {
        _ if is_propagated(route) => (0, ""),
        Destination::PrefixList(id) => (1, id.as_str()),
        Destination::Cidr(_) => (2, ""),
    };
    (block.prefix_len(), kind, Reverse(list))
}

/// "Local beats propagated even when the propagated prefix is longer."
fn is_beaten_by_local(table: &RouteTable, route: &Route, block: &IpNet) -> bool {
    let locals = table
        .routes
        .iter()
        .filter(|it| it.origin == RouteOrigin::CreateRouteTable);
    let mut covering = locals.filter(|it| match it.destination {
        Destination::Cidr(local) => local.contains(block),
        Destination::PrefixList(_) => false,
    });
    is_propagated(route) && covering.next().is_some()
}

fn is_propagated(route: &Route) -> bool {
    route.origin.is_propagated()
}
