//! Load balancers (semantics 13).

mod choice;
mod error;
mod flow;

pub(super) use flow::{By, Flow, Flows, Leg, Source};

use super::bytes::Side;
use super::fault::{Answer, Fault};
use super::gate::{Asked, pass_groups};
use super::header::{Header, Selector};
use super::held::opens;
use super::reason::Reason;
use super::tracking::Direction;
use super::walk::{Moment, Spot, Walk, ask_nacl};
use super::world::Eni;
use super::{Change, Gateway, endpoint};
use flow::Between;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Where a client's packet has come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entrance {
    /// The ENI that the client speaks to.
    pub(super) door: Eni,
    pub(super) node: Eni,
    /// Whether the node's groups are asked about what begins.
    pub(super) asks_groups: bool,
}

impl Entrance {
    fn is_endpoint(self) -> bool {
        self.door != self.node
    }
}

fn told(at: Eni, reason: Reason) -> Fault {
    Fault::at(Spot::Eni(at), Direction::Ingress, reason)
}

/// A packet has reached the ENI of a node, and goes on from there: 13.2, step by step.
pub(super) fn pass(moment: Moment<'_>, walk: &mut Walk, node: Eni) -> Result<(), Fault> {
    if let Some((flow, leg)) = answered(moment, node, &walk.header) {
        return go_back(moment, walk, flow, leg);
    }
    if let Some(errs) = error::known(moment, node, &walk.header) {
        return error::pass(moment, walk, errs);
    }
    let entrance = Entrance {
        door: node,
        node,
        asks_groups: moment.world().has_groups(node),
    };
    go_there(moment, walk, entrance)
}

/// From a client to a target.
pub(super) fn go_there(moment: Moment<'_>, walk: &mut Walk, entrance: Entrance) -> Result<(), Fault> {
    let going = go_on(moment, &walk.header, entrance)?;
    let is_guess = going.is_some_and(|(flow, _)| moment.model.flows.is_guess(&flow));
    let (flow, leg) = match going {
        Some((flow, leg)) if is_guess => (flow, learn(moment, walk, entrance, flow).unwrap_or(leg)),
        Some(going) => going,
        None => begin(moment, walk, entrance)?,
    };
    let node = leg.between.node;
    walk.translate(Side::Source, leg.between.source, Some(leg.source_port));
    walk.translate(
        Side::Destination,
        leg.between.target.address,
        Some(leg.between.target.port),
    );
    walk.gateways.push(match leg.is_preserved(&flow) {
        true => Gateway::BalancedPreserved,
        false => Gateway::Balanced,
    });
    walk.changes.push(Change::Balanced {
        flow,
        leg,
        by: match (is_guess || going.is_none()) && !choice::tells_port(moment) {
            true => By::ClientUnseen,
            false => By::Client,
        },
    });
    go_on_from(moment, walk, node);
    if going.is_none() && moment.world().has_groups(node) {
        // 13.2: "SG egress of the NLB (if any)".
        let left = pass_groups(moment, node, Direction::Egress, &Asked::by(walk));
        left.map_err(|reason| walk.told(reason))?;
    }
    Ok(())
}

/// What a node has chosen before, of which nobody has seen all.
fn learn(moment: Moment<'_>, walk: &mut Walk, entrance: Entrance, flow: Flow) -> Option<Leg> {
    let service = moment.world().service(entrance.node, flow.protocol, flow.port)?;
    choice::choose(moment, walk, &service, entrance, flow).ok()
}

/// A connection that is known goes on, as long as there is its listener, and its target. Else it is over, and what is
/// no beginning is told so.
fn go_on(moment: Moment<'_>, header: &Header, entrance: Entrance) -> Result<Option<(Flow, Leg)>, Fault> {
    let Some((flow, leg)) = known(moment, entrance.door, header) else {
        return Ok(None);
    };
    let node = entrance.node;
    let service = moment.world().service(node, flow.protocol, flow.port);
    let service = service.ok_or_else(|| told(node, Reason::NobodyListens))?;
    if service.keeps(leg.between.target) {
        return Ok(Some((flow, leg)));
    }
    if flow.protocol == TCP && !opens(header.tcp_flags) {
        return Err(reset(node, header));
    }
    Ok(None)
}

/// 13.2: "Existing flow: its target."
pub(super) fn known(moment: Moment<'_>, door: Eni, header: &Header) -> Option<(Flow, Leg)> {
    let flow = flow_of(moment, door, header)?;
    let flows = &moment.model.flows;
    let leg = flows.leg_of(moment.world(), &flow, header.tcp_flags, moment.now)?;
    Some((flow, leg))
}

/// Whether a packet from a client belongs to a connection that is known, or speaks of one.
pub(super) fn is_about_known(moment: Moment<'_>, door: Eni, header: &Header) -> bool {
    known(moment, door, header).is_some() || error::by_client(moment, door, header).is_some()
}

/// A client's packet's connection.
fn flow_of(moment: Moment<'_>, door: Eni, header: &Header) -> Option<Flow> {
    let Selector::Ports { src, dst } = header.selector else {
        return None;
    };
    let is_its = moment.world().interface(door).has(header.dst);
    is_its.then_some(Flow {
        door,
        protocol: header.protocol,
        client: header.src,
        client_port: src,
        address: header.dst,
        port: dst,
    })
}

/// Something begins, if it may.
fn begin(moment: Moment<'_>, walk: &mut Walk, entrance: Entrance) -> Result<(Flow, Leg), Fault> {
    let node = entrance.node;
    let told = |reason| told(node, reason);
    if entrance.asks_groups {
        pass_groups(moment, node, Direction::Ingress, &Asked::by(walk)).map_err(told)?;
    }
    let header = walk.header.clone();
    if !matches!(header.protocol, TCP | UDP) {
        return Err(told(Reason::BalancerDoesNotCarryIt));
    }
    if header.selector == Selector::Absent {
        return Err(told(Reason::BalancerDropsFragments));
    }
    let flow = flow_of(moment, entrance.door, &header);
    let flow = flow.ok_or_else(|| told(Reason::NobodyListens))?;
    let service = moment.world().service(node, flow.protocol, flow.port);
    let service = service.ok_or_else(|| told(Reason::NobodyListens))?;
    if flow.protocol == TCP && !opens(header.tcp_flags) {
        return Err(reset(node, &header));
    }
    let leg = choice::choose(moment, walk, &service, entrance, flow).map_err(told)?;
    Ok((flow, leg))
}

/// RFC 9293 section 3.10.7.1: a RST isn't answered by a RST. A fragment doesn't say how long the segment is.
fn reset(node: Eni, header: &Header) -> Fault {
    const RST: u8 = 4;
    let fault = told(node, Reason::BalancerKnowsNoConnection);
    if header.tcp_flags & RST != 0 || header.fragment.is_some() {
        return fault;
    }
    fault.answered(Answer::Reset)
}

/// The connection that a target answers to a node's own address.
fn answered(moment: Moment<'_>, node: Eni, header: &Header) -> Option<(Flow, Leg)> {
    let is_its = moment.world().interface(node).has(header.dst);
    is_its.then(|| by_target(moment, node, header))?
}

/// The connection that a packet belongs to that a target has sent.
fn by_target(moment: Moment<'_>, node: Eni, header: &Header) -> Option<(Flow, Leg)> {
    let Selector::Ports { src, dst } = header.selector else {
        return None;
    };
    let between = Between::of_answer(node, header.protocol, (header.src, src), header.dst);
    let flows = &moment.model.flows;
    flows.flow_of(moment.world(), &between, dst, moment.now)
}

/// 13.3: "replies must flow back through the NLB, which the platform arranges for ENIs it controls". Whether a packet
/// that has left its ENI is one, or an error about what has come by a node. Then it is past the node.
pub(super) fn catch(moment: Moment<'_>, walk: &mut Walk, sender: Eni) -> Result<bool, Fault> {
    let world = moment.world();
    for node in world.nodes() {
        let answer = by_target(moment, node, &walk.header);
        let answer = answer.filter(|(flow, leg)| leg.is_preserved(flow));
        let error = error::by_target(moment, node, &walk.header);
        if !world.may_answer(node, sender) || answer.is_none() && error.is_none() {
            continue;
        }
        let subnet = world.subnet_of(sender);
        if subnet != world.subnet_of(node) {
            ask_nacl(world, subnet, walk.last, Direction::Egress, &walk.header)?;
            ask_nacl(
                world,
                world.subnet_of(node),
                Spot::Eni(node),
                Direction::Ingress,
                &walk.header,
            )?;
        }
        match (answer, error) {
            (Some((flow, leg)), _) => go_back(moment, walk, flow, leg)?,
            (None, Some(errs)) => error::pass(moment, walk, errs)?,
            (None, None) => unreachable!("there is one of the two"),
        }
        return Ok(true);
    }
    Ok(false)
}

/// From a target to a client: "reverse-translate".
fn go_back(moment: Moment<'_>, walk: &mut Walk, flow: Flow, leg: Leg) -> Result<(), Fault> {
    let node = leg.between.node;
    let service = moment.world().service(node, flow.protocol, flow.port);
    service.ok_or_else(|| told(node, Reason::NobodyListens))?;
    if flow.door != node {
        endpoint::pass_back(moment, walk, (node, flow.door))?;
    }
    walk.translate(Side::Source, flow.address, Some(flow.port));
    walk.translate(Side::Destination, flow.client, Some(flow.client_port));
    walk.changes.push(Change::Balanced {
        flow,
        leg,
        by: By::Target,
    });
    walk.gateways.push(match leg.is_preserved(&flow) {
        true => Gateway::BalancedBackPreserved,
        false => Gateway::BalancedBack,
    });
    go_on_from(moment, walk, flow.door);
    Ok(())
}

/// 4.4: "the route table consulted is that of the subnet the component's ENI is in". 4.1: "NLB replaces it with the
/// NLB's own SGs", and PrivateLink discards it.
pub(super) fn go_on_from(moment: Moment<'_>, walk: &mut Walk, component: Eni) {
    let world = moment.world();
    walk.automatic = true;
    walk.routed = true;
    walk.last = Spot::Eni(component);
    walk.place = Some(world.subnet_of(component));
    let has_groups = world.is_node(component) && world.has_groups(component);
    walk.identity = has_groups.then_some(component);
}
