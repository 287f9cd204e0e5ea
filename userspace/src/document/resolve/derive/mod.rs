//! What a configuration leaves out of the objects around its VPCs, filled in when all of them are known, so that nobody
//! who reads resources has to guess: the network interfaces of NAT gateways, load balancers, endpoints and VPC links,
//! whose which public address is, the sides of peering connections, who is in which table of a transit gateway, the
//! routes of gateway endpoints, and which routes are black holes.
//!
//! Ids come from the ids of what they are derived for, and whoever chooses no address gets the lowest that is free,
//! after all that are chosen. What is said is never changed. Dumps say all there is, so of those nothing is filled in
//! that AWS gives only once, when something is made.

mod address;
mod endpoint;
mod gateway_endpoint;
mod interface;
mod ledger;
mod load_balancer;
mod nat_gateway;
mod peering;
mod pool;
mod public_access;
mod route;
mod transit_gateway;
mod vpc_link;

use super::Context;
use super::public::Wish;
use crate::document::Guest;
use crate::document::diagnostic::Problems;
use crate::document::places::Places;
use crate::resources::{GatewayAttachment, Resources};
use std::collections::HashSet;

pub(crate) use route::Usable;
pub(in crate::document) use route::settle;
pub(crate) use transit_gateway::Absent;

/// What isn't among the resources.
pub(super) struct Given<'a> {
    pub(super) context: &'a Context,
    pub(super) wishes: Vec<&'a Wish>,
    /// The ids of objects out of dumps.
    pub(super) dumped: &'a HashSet<String>,
    pub(super) guests: &'a [Guest],
}

/// Fills in what is left out. What can't be is reported.
pub(super) fn complete(resources: &mut Resources, given: &Given<'_>, places: &mut Places<'_>, problems: &mut Problems) {
    public_access::complete(resources, given.context);
    peering::complete(resources);
    transit_gateway::complete(resources, given, places);
    nat_gateway::complete(resources, given, places, problems);
    load_balancer::settle(resources, given);
    endpoint::settle(resources, given, places, problems);
    gateway_endpoint::complete(resources, given, places, problems);
    vpc_link::settle(resources, given);
    let mut wants = load_balancer::wants(resources);
    wants.extend(endpoint::wants(resources));
    wants.extend(vpc_link::wants(resources));
    let mut seats = interface::seat(wants, resources, given, places, problems);
    interface::settle(resources, &mut seats, places);
    endpoint::fill(resources, &seats, places, problems);
    endpoint::connect(resources, given);
    let own = load_balancer::fill(resources, &seats, given, places);
    let given = Given {
        wishes: given.wishes.iter().copied().chain(&own).collect(),
        ..*given
    };
    address::complete(resources, &given, places, problems);
    load_balancer::publish(resources, &seats);
}

/// Indices in order of name and id, so that what is chosen doesn't depend on the order in a document.
fn by_name<'a, T>(all: &'a [T], key: impl Fn(&'a T) -> (&'a str, &'a str)) -> Vec<usize> {
    let mut keys: Vec<_> = all.iter().map(key).zip(0..).collect();
    keys.sort_unstable();
    keys.into_iter().map(|(_, index)| index).collect()
}

/// The VPCs that a gateway hangs on and can be used from.
fn attached(attachments: &[GatewayAttachment]) -> impl Iterator<Item = &str> {
    let is_usable =
        |attachment: &&GatewayAttachment| is_one_of(attachment.state.as_deref(), &["available", "attached"]);
    attachments
        .iter()
        .filter(is_usable)
        .map(|attachment| &*attachment.vpc_id)
}

/// Whether a state is one of some. Who says none means the usual one.
fn is_one_of(state: Option<&str>, words: &[&str]) -> bool {
    state.is_none_or(|state| words.iter().any(|word| state.eq_ignore_ascii_case(word)))
}
