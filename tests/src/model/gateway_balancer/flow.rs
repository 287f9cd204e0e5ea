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
    /// Of a ping and its like: the message of whoever comes first, and its identifier.
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

/// What passes an appliance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Passed {
    /// None of an error, which stands alone.
    pub(super) flow: Option<Flow>,
    pub(super) sender: IpAddr,
    /// None if another one takes its place, and nobody has seen which.
    pub(super) appliance: Option<Ipv4Addr>,
    /// After so much silence it is forgotten.
    pub(super) idle: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    appliance: Option<Ipv4Addr>,
    last_seen: Duration,
    /// Nothing has been configured since.
    is_settled: bool,
    /// After so much silence it is forgotten.
    idle: Duration,
}

#[derive(Clone, Debug, Default)]
pub(in super::super) struct Inspections {
    /// By who sends: the answers are known once somebody could have heard the question.
    flows: HashMap<(Flow, IpAddr), Known>,
    /// Which appliance flows that begin have got, by what they have in common, since the configuration has changed
    /// last.
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
        let (tuple, flow) = (header.tuple(), Self::of(endpoint, header));
        let comes_first = flow.ends[0].0 == header.src;
        let message = if comes_first { tuple.a } else { tuple.answered().a };
        let query = tuple.is_icmp().then_some((message, tuple.b));
        (!header.is_icmp_error()).then_some(Self { query, ..flow })
    }

    /// What flows that go together have in common: "5-tuple default; stickiness.type source_ip_dest_ip_proto (3-tuple)
    /// or source_ip_dest_ip (2-tuple)", and "Non-TCP/UDP uses 3-tuple".
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

impl Known {
    fn lives(&self, now: Duration) -> bool {
        now.saturating_sub(self.last_seen) <= self.idle
    }
}

impl Inspections {
    /// Who has what a sender says in a flow, if that is known; nobody if it is one that nobody has seen.
    pub(super) fn appliance_of(&self, flow: &Flow, sender: IpAddr, now: Duration) -> Option<Option<Ipv4Addr>> {
        let known = self.flows.get(&(*flow, sender))?;
        known.lives(now).then_some(known.appliance)
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
    pub(super) fn has_given(&self, flow: &Flow, appliance: Ipv4Addr, options: &Options) -> bool {
        let mut given = self.given.iter();
        given.any(|((given, to), (_, said))| given == flow && *to == appliance && said == options)
    }

    /// A packet has been sent to an appliance, whose flow has something in common with others.
    pub(in super::super) fn chose(&mut self, kin: Flow, passed: &Passed, now: Duration) {
        let known = passed
            .flow
            .and_then(|flow| self.appliance_of(&flow, passed.sender, now));
        // Who has taken a place was chosen before, and maybe otherwise than now.
        let is_chosen = known != Some(None) && known != Some(passed.appliance);
        if let Some(appliance) = passed.appliance.filter(|_| is_chosen) {
            self.chosen.insert(kin, appliance);
        }
        self.saw(passed, now);
    }

    /// An appliance has given something back, and gets what whoever hears that answers; unless that has one already.
    pub(in super::super) fn gave_back(&mut self, mut passed: Passed, now: Duration) {
        let known = passed.flow.and_then(|flow| self.flows.get(&(flow, passed.sender)));
        if let Some(known) = known.filter(|known| known.is_settled && known.lives(now)) {
            passed.appliance = known.appliance;
        }
        self.saw(&passed, now);
    }

    /// An appliance has the packets of a sender.
    fn saw(&mut self, passed: &Passed, now: Duration) {
        if let Some(flow) = passed.flow {
            let known = Known {
                appliance: passed.appliance,
                last_seen: now,
                is_settled: true,
                idle: passed.idle,
            };
            self.flows.insert((flow, passed.sender), known);
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
        self.flows.values_mut().for_each(|known| known.is_settled = false);
        self.flows.retain(|(flow, _), _| is_there(flow.endpoint));
    }
}
