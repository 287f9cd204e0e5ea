//! Gateway Load Balancers and their endpoints (semantics 16).

mod flow;

pub(super) use flow::{Flow, Given, Inspections, Passed};

use super::fault::Fault;
use super::geneve::{self, Outer, SOURCE_PORTS};
use super::header::read;
use super::held::opens;
use super::reason::Reason;
use super::tracking::Direction;
use super::walk::{Kept, MTU, Moment, Part, Spot, Walk};
use super::world::{Eni, Inspection};
use super::{Change, Gateway, bytes, measure};
use std::net::{IpAddr, Ipv4Addr};

/// 16.3: "inner MTU 8500".
const MOST: usize = 8500;
/// What every component lowers the MSS of IPv6 to, since one of them makes IPv4 of it: no more than it has to be.
const MSS6: u16 = 1440;
const TCP: u8 = 6;

fn told(at: Eni, reason: Reason) -> Fault {
    Fault::at(Spot::Eni(at), Direction::Ingress, reason)
}

/// A packet has reached the ENI of an endpoint, and goes on to an appliance.
pub(super) fn pass(moment: Moment<'_>, walk: &mut Walk, endpoint: Eni) -> Result<(), Fault> {
    let node = enters(moment, walk, endpoint)?;
    let inspection = moment.world().inspection(node);
    let inspection = inspection.ok_or_else(|| told(endpoint, Reason::InspectionHasNoTarget))?;
    let flow = Flow::remembered(endpoint, &walk.header);
    let kin = Flow::of(endpoint, &walk.header).kin(inspection.stickiness());
    let appliance = choose(moment, walk, (endpoint, flow, kin), &inspection)?;
    measure(walk)?;
    let given = given(moment, walk, (node, endpoint), appliance);
    let passed = Passed {
        flow,
        sender: walk.header.src,
        appliance: Some(appliance),
        idle: inspection.idle(walk.header.protocol),
    };
    walk.changes.push(Change::Inspected { kin, passed });
    walk.changes.push(Change::Given(given));
    walk.gateways.push(Gateway::Inspected);
    ends_here(walk);
    let outer = Outer {
        node: moment.world().primary(node),
        appliance,
        port: given.port,
    };
    walk.frame = geneve::wrap(&walk.frame, &walk.header, outer, &given.options);
    begins_anew(moment, walk, node);
    Ok(())
}

/// What comes to an endpoint goes on to the node behind it, if it can.
fn enters(moment: Moment<'_>, walk: &mut Walk, endpoint: Eni) -> Result<Eni, Fault> {
    let world = moment.world();
    let told = |reason| told(endpoint, reason);
    // Nobody is at an endpoint.
    if world.interface(endpoint).has(walk.header.dst) {
        return Err(told(Reason::TargetCantCarryIt));
    }
    // 14.3: "Packets pass only in Available."
    if !world.is_available(endpoint) {
        return Err(told(Reason::EndpointIsNotAvailable));
    }
    // 16.3: "No IP fragmentation support".
    if walk.header.fragment.is_some() {
        return Err(told(Reason::InspectionTakesNoFragments));
    }
    if walk.header.ip_len > MOST {
        return Err(told(Reason::LargerThanTheEndpointTakes));
    }
    // 23: "interface endpoint, GWLBE: 8500, MSS clamped".
    walk.clamps = true;
    // 7.3: "Older list also names GWLB ...; treating those as tracked is harmless."
    walk.automatic = true;
    if walk.header.src.is_ipv6() {
        walk.mss = MSS6;
    }
    world
        .node_behind(endpoint)
        .ok_or_else(|| told(Reason::EndpointHasNoNode))
}

/// "afterwards only a SYN starts a new flow, data packets are
/// dropped".
fn choose(
    moment: Moment<'_>,
    walk: &mut Walk,
    (endpoint, flow, kin): (Eni, Option<Flow>, Flow),
    inspection: &Inspection<'_>,
) -> Result<Ipv4Addr, Fault> {
    let inspections = &moment.model.inspections;
    let known = flow.and_then(|flow| inspections.appliance_of(&flow, walk.header.src, moment.now));
    if known.is_none() && walk.header.protocol == TCP && !opens(walk.header.tcp_flags) {
        return Err(told(endpoint, Reason::InspectionKnowsNoFlow));
    }
    // "no_rebalance (default; existing flows keep going to the dead target and are lost) or rebalance".
    let keeps = |known: &Ipv4Addr| !inspection.rebalances() || inspection.holds(*known);
    if let Some(appliance) = known.flatten().filter(keeps) {
        return Ok(appliance);
    }
    // "Both directions of a flow reach the same appliance", and so does whatever the group says goes together.
    let chosen = inspections.chosen(&kin).filter(|_| known != Some(None));
    let candidates = chosen.map_or_else(|| inspection.candidates(), |chosen| vec![chosen]);
    walk.choices = candidates.len();
    let seen = moment.wrapped.map(|(outer, _)| outer.appliance);
    let seen = seen.filter(|seen| candidates.contains(seen));
    let guess = candidates.get(moment.guess).or(candidates.first()).copied();
    seen.or(guess)
        .ok_or_else(|| told(endpoint, Reason::InspectionHasNoTarget))
}

/// What an appliance is told of a flow is always the same. What that is, is the datapath's to choose.
fn given(moment: Moment<'_>, walk: &Walk, (node, endpoint): (Eni, Eni), appliance: Ipv4Addr) -> Given {
    let flow = Flow::of(endpoint, &walk.header);
    let known = moment.model.inspections.given(&flow, appliance);
    let seen = moment.wrapped.filter(|(outer, _)| {
        outer.node == moment.world().primary(node) && outer.appliance == appliance && SOURCE_PORTS.contains(&outer.port)
    });
    let (port, options) = known.unwrap_or_else(|| {
        let nobody_knows = (*SOURCE_PORTS.start(), [0; 20]);
        seen.map_or(nobody_knows, |(outer, inner)| (outer.port, inner.options))
    });
    Given {
        flow,
        appliance,
        port,
        options,
        is_seen: known.is_some() || seen.is_some(),
    }
}

/// Something has reached a node: what an appliance has let through comes out of its endpoint.
pub(super) fn come_back(moment: Moment<'_>, walk: &mut Walk, node: Eni) -> Result<(), Fault> {
    let world = moment.world();
    if !geneve::is_to_node(&walk.header) {
        return Err(told(node, Reason::NodeTakesGeneveAlone));
    }
    // The appliance has sent it, whatever is in it.
    ends_here(walk);
    let differs = Reason::InspectionOptionsDiffer;
    let inspections = &moment.model.inspections;
    let unwrapped = geneve::unwrap(&walk.frame, &walk.header);
    let unwrapped = unwrapped.ok_or_else(|| told(node, differs))?;
    let endpoint = inspections.endpoint_named(&unwrapped.options);
    let endpoint = endpoint.filter(|it| world.has_eni(*it) && world.node_behind(*it) == Some(node));
    let endpoint = endpoint.ok_or_else(|| told(node, differs))?;
    let IpAddr::V4(appliance) = walk.header.src else {
        return Err(told(node, differs));
    };
    walk.gateways.push(Gateway::InspectedBack);
    let broken = |reason| Fault::at(Spot::Eni(endpoint), Direction::Egress, reason);
    read(&unwrapped.frame, false).map_err(broken)?;
    walk.frame = unwrapped.frame;
    begins_anew(moment, walk, endpoint);
    walk.automatic = true;
    // "All three are mandatory and must come back unchanged."
    let flow = Flow::of(endpoint, &walk.header);
    if walk.header.fragment.is_some() || !inspections.has_given(&flow, appliance, &unwrapped.options) {
        return Err(walk.told(differs));
    }
    if !world.is_available(endpoint) {
        return Err(walk.told(Reason::EndpointIsNotAvailable));
    }
    walk.changes
        .extend(given_back(moment, walk, (node, endpoint), appliance));
    Ok(())
}

/// "Both directions of a flow reach the same appliance": whoever gets what one has given back answers by the same one,
/// if that takes any more.
fn given_back(moment: Moment<'_>, walk: &Walk, (node, endpoint): (Eni, Eni), appliance: Ipv4Addr) -> Option<Change> {
    let inspection = moment.world().inspection(node)?;
    let keeps = |it: &Ipv4Addr| !inspection.rebalances() || inspection.holds(*it);
    Some(Change::GivenBack(Passed {
        flow: Flow::remembered(endpoint, &walk.header),
        sender: walk.header.dst,
        appliance: Some(appliance).filter(keeps),
        idle: inspection.idle(walk.header.protocol),
    }))
}

/// What has become of a packet so far is remembered, whatever becomes of what is made of it.
fn ends_here(walk: &mut Walk) {
    walk.clamped |= walk.clamps && bytes::lower_mss(&mut walk.frame, &walk.header, walk.mss);
    bytes::repair(&walk.sent, &mut walk.frame);
    walk.parts.push(Part {
        kept: Kept {
            passages: std::mem::take(&mut walk.passages),
            changes: std::mem::take(&mut walk.changes),
        },
        automatic: walk.automatic,
        tcp_flags: walk.header.tcp_flags,
    });
}

/// It is another packet now, which a component sends. "SG references do not survive."
fn begins_anew(moment: Moment<'_>, walk: &mut Walk, component: Eni) {
    walk.sent.clone_from(&walk.frame);
    walk.read_again();
    walk.begin_at(component, moment.world().subnet_of(component));
    walk.mtu = MTU;
}
