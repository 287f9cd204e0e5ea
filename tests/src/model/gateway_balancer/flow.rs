//! What Gateway Load Balancers remember of flows, and what appliances have been told of them (semantics 16.3).

use super::super::geneve::{Options, Unwrapped};
use super::super::header::{Header, Selector};
use super::super::world::{Eni, Stickiness};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// A flow in both directions: whoever has the lower address comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Flow {
    endpoint: Eni,
    /// Nothing where addresses alone tell flows apart.
    protocol: Option<u8>,
    ends: [(IpAddr, u16); 2],
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
    /// "constant for a flow": nothing of it is ever forgotten.
    given: HashMap<(Flow, Ipv4Addr), (u16, Options)>,
}

impl Flow {
    /// "5-tuple default; stickiness.type source_ip_dest_ip_proto (3-tuple) or source_ip_dest_ip (2-tuple)", and "Non-TCP/UDP
    /// uses 3-tuple".
    pub(super) fn of(endpoint: Eni, header: &Header, stickiness: Stickiness) -> Self {
        let whole = Self::whole(endpoint, header);
        let [(low, _), (high, _)] = whole.ends;
        let protocol = whole.protocol.filter(|_| stickiness != Stickiness::Addresses);
        let ends = match stickiness {
            Stickiness::Ports => whole.ends,
            Stickiness::Protocol | Stickiness::Addresses => [(low, 0), (high, 0)],
        };
        Self {
            endpoint,
            protocol,
            ends,
        }
    }

    pub(super) fn whole(endpoint: Eni, header: &Header) -> Self {
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
        }
    }
}

impl Inspections {
    pub(super) fn appliance_of(&self, flow: &Flow, now: Duration) -> Option<Ipv4Addr> {
        let known = self.flows.get(flow)?;
        let lives = now.saturating_sub(known.last_seen) <= known.idle;
        lives.then_some(known.appliance)
    }

    pub(super) fn given(&self, flow: &Flow, appliance: Ipv4Addr) -> Option<(u16, Options)> {
        self.given.get(&(*flow, appliance)).copied()
    }

    /// Whose endpoint has given an appliance a packet's flow with these options.
    pub(super) fn endpoint_of(&self, unwrapped: &Unwrapped, appliance: Ipv4Addr) -> Option<Eni> {
        if unwrapped.header.fragment.is_some() {
            return None;
        }
        let is_its = |((flow, to), (_, options)): &(&(Flow, Ipv4Addr), &(u16, Options))| {
            *flow == Flow::whole(flow.endpoint, &unwrapped.header) && *to == appliance && *options == unwrapped.options
        };
        let ((flow, _), _) = self.given.iter().find(is_its)?;
        Some(flow.endpoint)
    }

    /// A packet of a flow has been sent to an appliance.
    pub(in super::super) fn saw(&mut self, flow: Flow, appliance: Ipv4Addr, idle: Duration, now: Duration) {
        let known = Known {
            appliance,
            last_seen: now,
            idle,
        };
        self.flows.insert(flow, known);
    }

    pub(in super::super) fn give(&mut self, given: Given) {
        if given.is_seen {
            self.given
                .insert((given.flow, given.appliance), (given.port, given.options));
        }
    }

    /// The flows of endpoints that are gone go with them.
    pub(in super::super) fn retain(&mut self, is_there: impl Fn(Eni) -> bool) {
        self.flows.retain(|flow, _| is_there(flow.endpoint));
    }
}
