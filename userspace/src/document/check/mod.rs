//! What AWS refuses of the objects around VPCs (semantics 30), and what it takes although nobody means it (semantics
//! 31), which is a warning with its number.
//!
//! Warnings are looked for only where nothing else is wrong, so that one mistake isn't told twice.

mod address;
mod attribute;
mod client_vpn;
mod context;
mod endpoint;
mod endpoint_service;
mod endpoint_use;
mod gateway;
mod gateway_balancer;
mod health_check;
mod ipam;
mod listener;
mod load_balancer;
mod middlebox;
mod names;
mod nat_gateway;
mod network_acl;
mod observe;
mod peering;
mod quota;
mod reference;
mod route;
mod security_group;
mod target_family;
mod target_group;
mod transit_gateway;
mod view;
mod vpc_link;
mod vpn;

pub(super) use context::{Context, is_there};
pub(super) use view::view;

use super::diagnostic::Problems;
use view::View;

/// Warns about a VPC as it was written.
pub(super) fn vpc(view: &View<'_>, problems: &mut Problems) {
    network_acl::check(view, problems);
    security_group::check(view, problems);
}

/// Checks what is between VPCs and around them.
pub(super) fn configuration(all: &Context<'_>, problems: &mut Problems) {
    for check in [
        reference::check,
        gateway::check,
        route::check,
        address::check,
        nat_gateway::check,
        peering::check,
        endpoint::check,
        endpoint_service::check,
        transit_gateway::check,
        load_balancer::check,
        listener::check,
        target_group::check,
        vpc_link::check,
        vpn::check,
        client_vpn::check,
        names::check,
        observe::check,
        ipam::check,
        quota::check,
    ] {
        check(all, problems);
    }
    if problems.errors() > 0 {
        return;
    }
    for warn in [
        route::warn,
        middlebox::warn,
        address::warn,
        nat_gateway::warn,
        peering::warn,
        endpoint_use::warn,
        transit_gateway::warn,
        load_balancer::warn,
        target_family::warn,
        vpc_link::warn,
        vpn::warn,
        client_vpn::warn,
        names::warn,
    ] {
        warn(all, problems);
    }
}
