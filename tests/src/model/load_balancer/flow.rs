//! What nodes remember of connections (semantics 13.3, 13.6).

use super::super::held::Held;
use super::super::world::{Eni, Target, World};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// 13.3: "~55 000 concurrent connections per node IP per target IP:port".
const MOST: usize = 55_000;

/// A connection as its client has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Flow {
    /// The ENI that the client speaks to: a node's, or an endpoint's.
    pub(in super::super) door: Eni,
    pub(super) protocol: u8,
    pub(super) client: IpAddr,
    pub(super) client_port: u16,
    /// The door's own.
    pub(super) address: IpAddr,
    pub(super) port: u16,
}

/// Between which ends a node and a target speak: its ports are told apart for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Between {
    pub(super) node: Eni,
    pub(super) protocol: u8,
    /// Whom the target sees.
    pub(super) source: IpAddr,
    pub(super) target: Target,
}

/// What a node has made of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Leg {
    pub(super) between: Between,
    pub(super) source_port: u16,
}

/// What a source address and its target are remembered by (13.2, stickiness), and whom the node could choose then.
#[derive(Clone, Debug)]
struct Stuck {
    candidates: Vec<Target>,
    target: Target,
}

/// A connection as a node knows it.
#[derive(Clone, Copy, Debug)]
struct Known {
    leg: Leg,
    held: Held,
    /// After so much silence it is forgotten.
    idle: Duration,
    /// How often it has begun after it was over.
    era: u64,
    /// The node's port is made up.
    is_guess: bool,
}

/// Who has sent a packet of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum By {
    Client,
    /// And the port that the node has chosen isn't in what came out.
    ClientUnseen,
    Target,
}

/// Whose a port is, and since when.
#[derive(Clone, Copy, Debug)]
struct Port {
    flow: Flow,
    era: u64,
}

/// All connections of all nodes.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Flows {
    by_flow: HashMap<Flow, Known>,
    by_port: HashMap<Between, HashMap<u16, Port>>,
    stuck: HashMap<(Eni, String, IpAddr), Stuck>,
}

/// A source of which all flows of a group go to one target.
pub(in super::super) type Source = (Eni, String, IpAddr);

impl Between {
    /// Where a client is seen as it is.
    pub(super) fn of(node: Eni, flow: Flow, target: Target) -> Self {
        Self {
            node,
            protocol: flow.protocol,
            source: flow.client,
            target,
        }
    }

    /// As a target's packet says it, to whom it sees.
    pub(super) fn of_answer(node: Eni, protocol: u8, (address, port): (IpAddr, u16), source: IpAddr) -> Self {
        Self {
            node,
            protocol,
            source,
            target: Target { address, port },
        }
    }
}

impl Leg {
    pub(super) fn is_preserved(&self, flow: &Flow) -> bool {
        self.between.source == flow.client
    }
}

impl Flows {
    /// What stands for a connection, as long as it lives and isn't over.
    pub(super) fn leg_of(&self, world: &World, flow: &Flow, tcp_flags: u8, now: Duration) -> Option<Leg> {
        let known = self.by_flow.get(flow)?;
        let is_there = world.interface(flow.door).has(flow.address);
        let lives = known.held.is_live_for(known.idle, now) && !known.held.is_succeeded_by(tcp_flags);
        (is_there && lives).then_some(known.leg)
    }

    pub(super) fn is_guess(&self, flow: &Flow) -> bool {
        self.by_flow.get(flow).is_some_and(|known| known.is_guess)
    }

    /// The connection that a target speaks of. One that goes on with another target, because its own has gone, may
    /// still be answered by that.
    pub(super) fn flow_of(&self, world: &World, between: &Between, port: u16, now: Duration) -> Option<(Flow, Leg)> {
        let Port { flow, era } = *self.by_port.get(between)?.get(&port)?;
        self.leg_of(world, &flow, 0, now)?;
        let leg = Leg {
            between: *between,
            source_port: port,
        };
        (self.by_flow.get(&flow)?.era == era).then_some((flow, leg))
    }

    /// Whether nobody else has a port.
    pub(super) fn is_free(&self, world: &World, between: &Between, port: u16, (flow, now): (&Flow, Duration)) -> bool {
        let other = self.flow_of(world, between, port, now);
        other.is_none_or(|(other, _)| other == *flow)
    }

    pub(super) fn has_room(&self, world: &World, between: &Between, now: Duration) -> bool {
        let Some(ports) = self.by_port.get(between) else {
            return true;
        };
        let live = || {
            let ports = ports.keys();
            ports.filter(|port| self.flow_of(world, between, **port, now).is_some())
        };
        ports.len() < MOST || live().count() < MOST
    }

    /// A packet of a connection has passed, from its client or to it.
    pub(in super::super) fn saw(
        &mut self,
        world: &World,
        (flow, leg): (Flow, Leg),
        by: By,
        tcp_flags: u8,
        now: Duration,
    ) {
        let outward = by != By::Target;
        let lives = self
            .leg_of(world, &flow, if outward { tcp_flags } else { 0 }, now)
            .is_some();
        let service = world.service(leg.between.node, flow.protocol, flow.port);
        let known = self.by_flow.entry(flow).or_insert(Known {
            leg,
            held: Held::default(),
            idle: Duration::ZERO,
            era: 0,
            is_guess: false,
        });
        if !lives {
            (known.held, known.era) = (Held::default(), known.era + 1);
        }
        known.held.saw(outward, tcp_flags, now);
        known.idle = service.map(|service| service.idle()).unwrap_or_default();
        if outward {
            known.leg = leg;
            known.is_guess = by == By::ClientUnseen;
            let port = Port { flow, era: known.era };
            self.by_port
                .entry(leg.between)
                .or_default()
                .insert(leg.source_port, port);
        }
    }

    /// The target of a source, while the node could choose among the same ones.
    pub(super) fn stuck_to(&self, source: &Source, candidates: &[Target]) -> Option<Target> {
        let stuck = self.stuck.get(source)?;
        (stuck.candidates == candidates).then_some(stuck.target)
    }

    pub(in super::super) fn stick(&mut self, source: Source, candidates: Vec<Target>, target: Target) {
        self.stuck.insert(source, Stuck { candidates, target });
    }

    /// The connections of nodes and endpoints that are gone go with them.
    pub(in super::super) fn retain(&mut self, is_there: impl Fn(Eni) -> bool) {
        self.by_flow
            .retain(|flow, known| is_there(flow.door) && is_there(known.leg.between.node));
        self.by_port.retain(|between, _| is_there(between.node));
        self.stuck.retain(|(door, _, _), _| is_there(*door));
    }
}
