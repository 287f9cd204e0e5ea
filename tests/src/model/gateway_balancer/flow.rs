//! What Gateway Load Balancers remember of flows, and what appliances have been told of them (semantics 16.3).

use super::super::geneve::Options;
use super::super::header::{Header, Selector};
use super::super::world::{Eni, Stickiness};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Where the cookie begins.
const COOKIE: usize = 16;

/// A flow in both directions: whoever has the lower address comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Flow {
    endpoint: Eni,
    /// Nothing where addresses alone tell flows apart.
    protocol: Option<u8>,
    ends: [(IpAddr, u16); 2],
    /// Of a ping and its like: which message asks, and its identifier.
    query: Option<(u16, u16)>,
}

/// What an appliance is told of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Given {
    pub(super) flow: Flow,
    pub(super) appliance: Ipv4Addr,
    pub(super) port: u16,
    pub(super) options: Options,
    /// It isn't made up.
    pub(super) is_seen: bool,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    appliance: Ipv4Addr,
    last_seen: Duration,
    /// After so much silence it is forgotten.
    idle: Duration,
}

#[derive(Clone, Debug, Default)]
pub(in super::super) struct Inspections {
    flows: HashMap<Flow, Known>,
    /// Which appliance flows that begin have got, by what they have in common, since the configuration has changed last.
    chosen: HashMap<Flow, Ipv4Addr>,
    /// "constant for a flow": nothing of it is ever forgotten.
    given: HashMap<(Flow, Ipv4Addr), (u16, Options)>,
}

impl Flow {
    pub(super) fn of(endpoint: Eni, header: &Header) -> Self {
        let (src, dst) = match header.selector {
            Selector::Ports { src, dst } => (src, dst),
            _ => (0, 0),
        };
        let mut ends = [(header.src, src), (header.dst, dst)];
        ends.sort_unstable();
        Self {
            endpoint,
            protocol: Some(header.protocol),
            ends,
            query: None,
        }
    }

    /// As a load balancer remembers it; what stands alone is of none.
    pub(super) fn remembered(endpoint: Eni, header: &Header) -> Option<Self> {
        let tuple = header.tuple();
        let query = tuple.is_icmp().then(|| (tuple.a.min(tuple.answered().a), tuple.b));
        let flow = Self::of(endpoint, header);
        (!header.is_icmp_error()).then_some(Self { query, ..flow })
    }

    /// What flows that go together have in common: "5-tuple default; stickiness.type source_ip_dest_ip_proto (3-tuple) or
    /// source_ip_dest_ip (2-tuple)", and "Non-TCP/UDP uses 3-tuple".
    pub(super) fn kin(self, stickiness: Stickiness) -> Self {
        let without_ports = self.ends.map(|(address, _)| (address, 0));
        match stickiness {
            Stickiness::Ports => self,
            Stickiness::Protocol => Self {
                ends: without_ports,
                ..self
            },
            Stickiness::Addresses => Self {
                ends: without_ports,
                protocol: None,
                ..self
            },
        }
    }
}

impl Inspections {
    pub(super) fn appliance_of(&self, flow: &Flow, now: Duration) -> Option<Ipv4Addr> {
        let known = self.flows.get(flow)?;
        let lives = now.saturating_sub(known.last_seen) <= known.idle;
        lives.then_some(known.appliance)
    }

    pub(super) fn chosen(&self, kin: &Flow) -> Option<Ipv4Addr> {
        self.chosen.get(kin).copied()
    }

    pub(super) fn given(&self, flow: &Flow, appliance: Ipv4Addr) -> Option<(u16, Options)> {
        self.given.get(&(*flow, appliance)).copied()
    }

    /// The endpoint that options speak of: type 1 is "GWLBE ENI id", and type 2 "attachment id".
    pub(super) fn endpoint_named(&self, options: &Options) -> Option<Eni> {
        let is_its = |(_, (_, given)): &(&(Flow, Ipv4Addr), &(u16, Options))| given[..COOKIE] == options[..COOKIE];
        let ((flow, _), _) = self.given.iter().find(is_its)?;
        Some(flow.endpoint)
    }

    /// Whether an appliance has got a flow with these options.
    pub(super) fn has_given(&self, flow: &Flow, appliance: IpAddr, options: &Options) -> bool {
        let mut given = self.given.iter();
        given.any(|((given, to), (_, said))| given == flow && *to == appliance && said == options)
    }

    /// A packet has been sent to an appliance.
    pub(in super::super) fn saw(
        &mut self,
        flow: Option<Flow>,
        (kin, appliance): (Flow, Ipv4Addr),
        idle: Duration,
        now: Duration,
    ) {
        let known = flow.and_then(|flow| self.appliance_of(&flow, now));
        if known != Some(appliance) {
            self.chosen.insert(kin, appliance);
        }
        if let Some(flow) = flow {
            let known = Known {
                appliance,
                last_seen: now,
                idle,
            };
            self.flows.insert(flow, known);
        }
    }

    pub(in super::super) fn give(&mut self, given: Given) {
        if given.is_seen {
            self.given
                .insert((given.flow, given.appliance), (given.port, given.options));
        }
    }

    /// Others may be chosen from now on. The flows of endpoints that are gone go with them.
    pub(in super::super) fn retain(&mut self, is_there: impl Fn(Eni) -> bool) {
        self.chosen.clear();
        self.flows.retain(|flow, _| is_there(flow.endpoint));
    }
}
