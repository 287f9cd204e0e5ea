//! Routes (semantics 5.2): longest prefix first, and a blackhole is selected like any other.

use super::reason::Reason;
use groundplane::resources::{RouteState, RouteTable, RouteTarget};
use std::net::Ipv4Addr;

/// The target of the route that a destination selects.
pub(super) fn select(table: &RouteTable, destination: Ipv4Addr) -> Result<&RouteTarget, Reason> {
    let covering = table
        .routes
        .iter()
        .filter(|route| route.destination_cidr_block.contains(&destination));
    let longest = covering
        .max_by_key(|route| route.destination_cidr_block.prefix_len())
        .ok_or(Reason::NoRoute)?;
    match longest.state {
        RouteState::Active => Ok(&longest.target),
        RouteState::Blackhole => Err(Reason::RouteIsBlackhole),
    }
}
