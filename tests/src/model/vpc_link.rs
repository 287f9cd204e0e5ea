//! VPC links of HTTP APIs (semantics 17.2).

use super::bytes::Side;
use super::fault::Fault;
use super::gate::{Asked, pass_groups};
use super::header::{Header, Read, Selector, read};
use super::held::{Held, opens};
use super::reason::Reason;
use super::tracking::{Direction, Tuple};
use super::walk::{End, Moment, Spot, Walk, go_on};
use super::world::{Eni, World};
use super::{Change, Gateway, Model};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

const TCP: u8 = 6;

/// By which of a link's ENIs the service speaks to whom, where it says a name for the two.
pub(super) type Names = HashMap<IpAddr, (Eni, IpAddr)>;

/// A connection as the service has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Call {
    eni: Eni,
    protocol: u8,
    service: IpAddr,
    service_port: u16,
    name: IpAddr,
    target: IpAddr,
    port: u16,
}

/// All that have been made, by the ports that stand for the service.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(Vec<(Call, u16, Held)>);

impl Calls {
    fn port_of(&self, call: &Call, tcp_flags: u8, now: Duration) -> Option<u16> {
        let mut live = self.0.iter().filter(|(_, _, held)| held.is_live(now));
        let found = live.find(|(other, _, held)| other == call && !held.is_succeeded_by(tcp_flags))?;
        Some(found.1)
    }

    /// Whose call a target answers.
    fn answered(&self, world: &World, eni: Eni, header: &Header, now: Duration) -> Option<(Call, u16)> {
        let Selector::Ports { src, dst } = header.selector else {
            return None;
        };
        if !world.interface(eni).has(header.dst) {
            return None;
        }
        let mut live = self.0.iter().filter(|(_, _, held)| held.is_live(now));
        let found = live.find(|(call, own, _)| {
            let is_there = (call.eni, call.protocol) == (eni, header.protocol);
            is_there && (call.target, call.port) == (header.src, src) && *own == dst
        })?;
        Some((found.0, found.1))
    }

    /// Whether an error speaks of a call's packet.
    fn is_about(&self, eni: Eni, quoted: &Tuple, now: Duration) -> bool {
        let mut live = self.0.iter().filter(|(_, _, held)| held.is_live(now));
        live.any(|(call, own, _)| {
            let is_there = (call.eni, call.protocol) == (eni, quoted.protocol);
            is_there && (call.target, call.port, *own) == (quoted.dst, quoted.b, quoted.a)
        })
    }

    /// A packet of a call has passed.
    pub(super) fn saw(&mut self, (call, own): (Call, u16), outward: bool, tcp_flags: u8, now: Duration) {
        let is_it = |(other, port, _): &(Call, u16, Held)| *other == call && *port == own;
        let over = |held: &Held| !held.is_live(now) || outward && held.is_succeeded_by(tcp_flags);
        self.0.retain(|it| !(is_it(it) && over(&it.2)));
        match self.0.iter_mut().find(|it| is_it(it)) {
            Some((_, _, held)) => held.saw(outward, tcp_flags, now),
            None => {
                let mut held = Held::default();
                held.saw(outward, tcp_flags, now);
                self.0.push((call, own, held));
            }
        }
    }

    /// Those of ENIs that are gone go with them.
    pub(super) fn retain(&mut self, is_there: impl Fn(Eni) -> bool) {
        self.0.retain(|(call, _, _)| is_there(call.eni));
    }
}

impl Model {
    /// The service speaks to somebody by a link's ENI when it says this name.
    pub fn name(&mut self, name: IpAddr, eni: &str, target: IpAddr) {
        let eni = self.world.eni_named(eni);
        self.names.insert(name, (eni, target));
    }
}

/// "The service side initiates; packets are source-NATed to a link ENI's private IP and then behave like any packet
/// emitted by that ENI".
pub(super) fn leave(moment: Moment<'_>, walk: &mut Walk) -> Result<End, Fault> {
    let (model, world) = (moment.model, moment.world());
    let Selector::Ports { src, dst } = walk.header.selector else {
        return Err(walk.told(Reason::BalancerDoesNotCarryIt));
    };
    let named = model.names.get(&walk.header.dst).copied();
    let (eni, target) = named.ok_or_else(|| walk.told(Reason::NobodyHasTheAddress))?;
    walk.last = Spot::Eni(eni);
    walk.place = Some(world.subnet_of(eni));
    let call = Call {
        eni,
        protocol: walk.header.protocol,
        service: walk.header.src,
        service_port: src,
        name: walk.header.dst,
        target,
        port: dst,
    };
    let known = model.calls.port_of(&call, walk.header.tcp_flags, moment.now);
    if known.is_none() && call.protocol == TCP && !opens(walk.header.tcp_flags) {
        return Err(walk.told(Reason::BalancerKnowsNoConnection));
    }
    let own = known.unwrap_or_else(|| free_port(moment, &call));
    let address = world.address_like(eni, target);
    let address = address.ok_or_else(|| walk.told(Reason::NobodyHasTheAddress))?;
    walk.translate(Side::Source, address, Some(own));
    walk.translate(Side::Destination, target, None);
    walk.changes.push(Change::Called {
        call,
        own,
        outward: true,
    });
    walk.gateways.push(Gateway::Called);
    walk.automatic = true;
    walk.identity = Some(eni);
    if known.is_none() {
        // "SG egress of the link SG, subnet NACL, subnet routes, destination SG".
        let left = pass_groups(moment, eni, Direction::Egress, &Asked::by(walk));
        left.map_err(|reason| walk.told(reason))?;
    }
    go_on(moment, walk)
}

/// The port that was seen, if nobody else's call has it, or else the first that is free.
fn free_port(moment: Moment<'_>, call: &Call) -> u16 {
    let is_free = |port: &u16| {
        let mut others = moment.model.calls.0.iter();
        !others.any(|(other, own, held)| {
            let is_like = (other.eni, other.protocol, other.target, other.port);
            held.is_live(moment.now) && *own == *port && is_like == (call.eni, call.protocol, call.target, call.port)
        })
    };
    let seen = moment.seen.and_then(|frame| match read(frame, false) {
        Ok(Read::Ip(header)) => Some(header.selector),
        _ => None,
    });
    let seen = seen.and_then(|selector| match selector {
        Selector::Ports { src, .. } => Some(src),
        _ => None,
    });
    let seen = seen.filter(|port| *port >= 1024 && is_free(port));
    let free = || (1024..=u16::MAX).find(is_free);
    seen.or_else(free).expect("few calls are made")
}

/// "One-way: nothing in the customer VPC can initiate toward the service": a packet has reached the ENI of a link.
pub(super) fn answer(moment: Moment<'_>, walk: &mut Walk, eni: Eni) -> Result<End, Fault> {
    let found = moment
        .model
        .calls
        .answered(moment.world(), eni, &walk.header, moment.now);
    let told = |reason| Fault::at(Spot::Eni(eni), Direction::Ingress, reason);
    let is_about = |quoted| moment.model.calls.is_about(eni, quoted, moment.now);
    if walk.header.quoted.as_ref().is_some_and(is_about) {
        // This project's choice: the service hears no errors.
        return Err(told(Reason::BalancerDoesNotCarryIt));
    }
    let (call, own) = found.ok_or_else(|| told(Reason::LinkTakesAnswersAlone))?;
    walk.translate(Side::Source, call.name, None);
    walk.translate(Side::Destination, call.service, Some(call.service_port));
    walk.changes.push(Change::Called {
        call,
        own,
        outward: false,
    });
    walk.gateways.push(Gateway::CalledBack);
    walk.automatic = true;
    walk.routed = true;
    Ok(End::Service)
}
