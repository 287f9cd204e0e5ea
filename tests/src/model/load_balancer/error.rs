//! ICMP errors about what has passed a node (semantics 13.2: "ICMP other than type 3 dropped").

use super::super::bytes::{self, Side};
use super::super::fault::Fault;
use super::super::header::{Header, Selector};
use super::super::reason::Reason;
use super::super::tracking::Tuple;
use super::super::walk::{Moment, Walk};
use super::super::world::{Eni, Target};
use super::super::{Gateway, endpoint};
use super::flow::{Between, Flow, Leg};
use super::{go_on_from, told};
use std::net::IpAddr;

/// What an error speaks of, and to whom.
pub(super) struct Errs {
    flow: Flow,
    leg: Leg,
    quoted: Tuple,
    to_client: bool,
}

/// Unreachable; in ICMPv6 "too big" is a type of its own.
fn is_unreachable(header: &Header) -> bool {
    match (header.src, header.selector) {
        (IpAddr::V4(_), Selector::Icmp { icmp_type, .. }) => icmp_type == 3,
        (IpAddr::V6(_), Selector::Icmp { icmp_type, .. }) => matches!(icmp_type, 1 | 2),
        _ => false,
    }
}

fn quoted(header: &Header) -> Option<Tuple> {
    let quoted = header.quoted.filter(|_| header.is_icmp_error())?;
    let is_about_sender = quoted.src == header.dst;
    (is_about_sender && matches!(quoted.protocol, super::TCP | super::UDP)).then_some(quoted)
}

/// An error to a node about what it has sent, to a target or to a client.
pub(super) fn known(moment: Moment<'_>, node: Eni, header: &Header) -> Option<Errs> {
    about_request(moment, node, quoted(header)?).or_else(|| by_client(moment, node, header))
}

/// An error from a client about an answer that has come out of a node, or of an endpoint.
pub(super) fn by_client(moment: Moment<'_>, door: Eni, header: &Header) -> Option<Errs> {
    let quoted = quoted(header)?;
    let flow = Flow {
        door,
        protocol: quoted.protocol,
        client: quoted.dst,
        client_port: quoted.b,
        address: quoted.src,
        port: quoted.a,
    };
    let flows = &moment.model.flows;
    let leg = flows.leg_of(moment.world(), &flow, 0, moment.now)?;
    Some(Errs {
        flow,
        leg,
        quoted,
        to_client: false,
    })
}

/// The same from a target that sees its clients, to one of those.
pub(super) fn by_target(moment: Moment<'_>, node: Eni, header: &Header) -> Option<Errs> {
    let errs = about_request(moment, node, quoted(header)?)?;
    let is_from_target = header.src == errs.leg.between.target.address;
    (is_from_target && errs.leg.is_preserved(&errs.flow)).then_some(errs)
}

/// An error about what a node has passed on to a target.
fn about_request(moment: Moment<'_>, node: Eni, quoted: Tuple) -> Option<Errs> {
    let between = Between {
        node,
        protocol: quoted.protocol,
        source: quoted.src,
        target: Target {
            address: quoted.dst,
            port: quoted.b,
        },
    };
    let flows = &moment.model.flows;
    let (flow, leg) = flows.flow_of(moment.world(), &between, quoted.a, moment.now)?;
    Some(Errs {
        flow,
        leg,
        quoted,
        to_client: true,
    })
}

/// It goes on to whoever has sent what it quotes, who sees the packet as he sent it.
pub(super) fn pass(moment: Moment<'_>, walk: &mut Walk, errs: Errs) -> Result<(), Fault> {
    let Errs {
        flow,
        leg,
        quoted,
        to_client,
    } = errs;
    let (between, protocol) = (leg.between, quoted.protocol);
    let (target, source) = (
        (between.target.address, between.target.port),
        (between.source, leg.source_port),
    );
    let (client, own) = ((flow.client, flow.client_port), (flow.address, flow.port));
    let (from, to) = if to_client { (client, own) } else { (target, source) };
    if to_client && flow.door != between.node {
        endpoint::pass_back(moment, walk, (between.node, flow.door))?;
    }
    if !is_unreachable(&walk.header) {
        return Err(told(between.node, Reason::BalancerDoesNotCarryIt));
    }
    for (side, (address, port)) in [(Side::Source, from), (Side::Destination, to)] {
        bytes::set_quoted_address(&mut walk.frame, &walk.header, side, address);
        bytes::set_quoted_port(&mut walk.frame, &walk.header, side, protocol, port);
    }
    // "the outer source becomes the node's address"; towards the target it is whoever the target sees.
    let outer = if to_client {
        Some(own.0)
    } else {
        (!leg.is_preserved(&flow)).then_some(source.0)
    };
    if let Some(outer) = outer {
        walk.translate(Side::Source, outer, None);
    }
    walk.translate(Side::Destination, from.0, None);
    walk.gateways.push(Gateway::BalancedError);
    go_on_from(moment, walk, if to_client { flow.door } else { between.node });
    Ok(())
}
