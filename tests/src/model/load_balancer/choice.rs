//! Which target a node chooses, and which port of its own (semantics 13.2, 13.3). Both are the datapath's to choose:
//! what it has chosen is learned from the frame that came out, and from what was told of one that didn't.

use super::super::header::{Header, Read, Selector, read};
use super::super::reason::Reason;
use super::super::walk::{Moment, Walk};
use super::super::world::{Service, Target};
use super::flow::{Between, Flow, Leg};
use super::{Change, Entrance};

/// What a node makes of a connection that begins.
pub(super) fn choose(
    moment: Moment<'_>,
    walk: &mut Walk,
    service: &Service<'_>,
    entrance: Entrance,
    flow: Flow,
) -> Result<Leg, Reason> {
    let candidates = service.candidates(flow.client);
    let group = service.group().unwrap_or_default().to_owned();
    let source = (flow.door, group, flow.client);
    let stuck = moment.model.flows.stuck_to(&source, &candidates);
    let allowed = match stuck.filter(|_| service.is_sticky()) {
        Some(target) => vec![target],
        None => candidates.clone(),
    };
    walk.choices = allowed.len();
    let seen = moment.seen.and_then(header_of);
    let chosen = seen.as_ref().and_then(|seen| {
        let mut allowed = allowed.iter();
        allowed.find(|target| is_to(seen, target))
    });
    let target = chosen.or_else(|| allowed.get(moment.guess).or(allowed.first()));
    let target = *target.ok_or(Reason::NoTargetIsThere)?;
    if service.is_sticky() {
        walk.changes.push(Change::Stuck {
            source,
            candidates,
            target,
        });
    }
    if service.preserves_client() && !entrance.is_endpoint() {
        return as_client(moment, entrance, flow, target);
    }
    let between = Between::of(entrance.node, flow, target);
    behind_node(moment, between, flow, seen.as_ref())
}

/// The target sees the client: "client IP and port".
fn as_client(moment: Moment<'_>, entrance: Entrance, flow: Flow, target: Target) -> Result<Leg, Reason> {
    if target.address == flow.client {
        return Err(Reason::TargetMeetsItself);
    }
    let (between, source_port) = (Between::of(entrance.node, flow, target), flow.client_port);
    // Who answers whom would be nobody's to tell.
    let is_free = is_nobody_elses(moment, &between, source_port, &flow);
    let leg = Leg { between, source_port };
    is_free.then_some(leg).ok_or(Reason::BalancerHasNoPortLeft)
}

/// Whether no other client speaks to a target from the same address and port by another node.
fn is_nobody_elses(moment: Moment<'_>, between: &Between, port: u16, flow: &Flow) -> bool {
    let (world, flows) = (moment.world(), &moment.model.flows);
    let vpc = world.vpc_of(between.node);
    let mut nodes = world.nodes().filter(|node| world.vpc_of(*node) == vpc);
    nodes.all(|node| {
        let between = Between { node, ..*between };
        flows.is_free(world, &between, port, (flow, moment.now))
    })
}

/// "node's private IP, port 1024-65535": the one that was seen, if it may be that, else the first that may.
fn behind_node(moment: Moment<'_>, between: Between, flow: Flow, seen: Option<&Header>) -> Result<Leg, Reason> {
    let (world, flows) = (moment.world(), &moment.model.flows);
    let source = world.address_like(between.node, flow.client);
    let source = source.ok_or(Reason::NoTargetIsThere)?;
    let between = Between { source, ..between };
    if !flows.has_room(world, &between, moment.now) {
        return Err(Reason::BalancerHasNoPortLeft);
    }
    let is_free = |port: &u16| flows.is_free(world, &between, *port, (&flow, moment.now));
    let seen = seen
        .filter(|seen| seen.src == source)
        .and_then(|seen| match seen.selector {
            Selector::Ports { src, .. } => Some(src),
            _ => None,
        });
    let seen = seen.filter(|port| *port >= 1024 && is_free(port));
    let port = seen.or_else(|| (1024..=u16::MAX).find(is_free));
    let source_port = port.ok_or(Reason::BalancerHasNoPortLeft)?;
    Ok(Leg { between, source_port })
}

fn header_of(frame: &[u8]) -> Option<Header> {
    match read(frame, false) {
        Ok(Read::Ip(header)) => Some(header),
        _ => None,
    }
}

/// Where it comes from, unless it is a later fragment.
fn port_of(seen: &Header) -> Option<u16> {
    match seen.selector {
        Selector::Ports { src, .. } => Some(src),
        _ => None,
    }
}

/// Whether what was seen says which port of its own the node has chosen.
pub(super) fn tells_port(moment: Moment<'_>) -> bool {
    moment
        .seen
        .and_then(header_of)
        .is_some_and(|seen| port_of(&seen).is_some())
}

fn is_to(seen: &Header, target: &Target) -> bool {
    // A later fragment doesn't say to which port.
    let is_port = !matches!(seen.selector, Selector::Ports { dst, .. } if dst != target.port);
    seen.dst == target.address && is_port
}
