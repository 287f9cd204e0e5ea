//! What is remembered of packets: by ENIs, by gateways, and of fragments.

use super::gateway_balancer::{self, Given, Passed};
use super::header::{Fragment, Header};
use super::held::Held;
use super::load_balancer::{By, Flow, Leg, Source};
use super::nat::{Chosen, Client};
use super::tracking::{Direction, Tracked, Tuple};
use super::vpc_link::Call;
use super::walk::{Kept, Spot};
use super::world::{Eni, Target};
use super::{Model, Pass};
use std::net::IpAddr;
use std::time::Duration;

/// "verdict cached ... for at most 30 s" (semantics 7.7).
const NOTED_FOR: Duration = Duration::from_secs(30);

/// What the fragments of a packet have in common (semantics 7.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fragmented {
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    id: u32,
}

/// What a gateway remembers of a packet that has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Mapping {
        client: Client,
        chosen: Chosen,
        outward: bool,
    },
    Balanced {
        flow: Flow,
        leg: Leg,
        by: By,
    },
    Stuck {
        source: Source,
        candidates: Vec<Target>,
        target: Target,
    },
    /// To an appliance.
    Inspected {
        kin: gateway_balancer::Flow,
        passed: Passed,
    },
    GivenBack(Passed),
    Given(Given),
    EgressOnly {
        gateway: String,
        tuple: Tuple,
        outward: bool,
    },
    /// By a VPC link, with a port of its ENI's.
    Called {
        call: Call,
        own: u16,
        outward: bool,
    },
    /// By a gateway endpoint.
    Asked {
        tuple: Tuple,
        vpc_id: String,
        outward: bool,
    },
}

/// An ENI that a packet passes, and what that ENI will remember of it if the packet arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passage {
    pub(super) eni: Eni,
    pub(super) direction: Direction,
    pub(super) tuple: Tuple,
    pub(super) by: Pass,
    /// It isn't one of those that leave no state.
    pub(super) is_remembered: bool,
    /// Whether the rule that admits it asks for state, if any does; an existing connection goes on anyway.
    pub(super) tracked: Option<bool>,
}

impl Model {
    /// Everybody remembers a packet.
    pub(super) fn keep(&mut self, kept: Kept, automatic: bool, tcp_flags: u8, now: Duration) {
        for passage in kept.passages.into_iter().flatten() {
            self.remember(passage, automatic, tcp_flags, now);
        }
        for change in kept.changes {
            self.hold(change, tcp_flags, now);
        }
    }

    /// The same for a packet that doesn't come out: what a NAT gateway has chosen nobody has seen, unless it was
    /// before.
    pub(super) fn keep_unseen(&mut self, kept: Kept, automatic: bool, tcp_flags: u8, now: Duration) {
        let new = kept.changes.iter().filter_map(|change| match change {
            Change::Mapping { client, .. } => Some(*client),
            _ => None,
        });
        let new: Vec<_> = new.filter(|client| !self.is_seen(client, tcp_flags, now)).collect();
        self.keep(kept, automatic, tcp_flags, now);
        for client in new {
            self.mappings.guessed(&client);
        }
    }

    fn is_seen(&self, client: &Client, tcp_flags: u8, now: Duration) -> bool {
        let known = self.mappings.of_client(&self.world, client, tcp_flags, now);
        known.is_some() && !self.mappings.is_guess(client)
    }

    /// A gateway remembers a packet.
    fn hold(&mut self, change: Change, tcp_flags: u8, now: Duration) {
        match change {
            Change::Mapping {
                client,
                chosen,
                outward,
            } => self.mappings.saw(client, chosen, outward, tcp_flags, now),
            Change::Balanced { flow, leg, by } => {
                self.flows.saw(&self.world, (flow, leg), by, tcp_flags, now);
            }
            Change::Stuck {
                source,
                candidates,
                target,
            } => self.flows.stick(source, candidates, target),
            Change::Inspected { kin, passed } => self.inspections.chose(kin, &passed, now),
            Change::GivenBack(passed) => self.inspections.gave_back(passed, now),
            Change::Given(given) => self.inspections.give(given),
            Change::EgressOnly {
                gateway,
                tuple,
                outward,
            } => {
                let held = self.egress_only.entry((gateway, tuple)).or_default();
                if !held.is_live(now) || outward && held.is_succeeded_by(tcp_flags) {
                    *held = Held::default();
                }
                held.saw(outward, tcp_flags, now);
            }
            Change::Called { call, own, outward } => self.calls.saw((call, own), outward, tcp_flags, now),
            Change::Asked { tuple, vpc_id, outward } => self.saw_asked(tuple, vpc_id, outward, (tcp_flags, now)),
        }
    }

    /// A first fragment that has arrived notes its ports for those that follow.
    pub(super) fn note_ports(&mut self, from: Spot, header: &Header, now: Duration) {
        if let Some(Fragment { id, first: true }) = header.fragment {
            let (src, dst, protocol) = (header.src, header.dst, header.protocol);
            let key = (from, Fragmented { src, dst, protocol, id });
            self.notes.insert(key, (header.selector, now));
        }
    }

    /// A later fragment is judged by what was noted, if anything was.
    pub(super) fn recall_ports(&self, from: Spot, header: &mut Header, now: Duration) -> bool {
        let Some(Fragment { id, first: false }) = header.fragment else {
            return false;
        };
        let (src, dst, protocol) = (header.src, header.dst, header.protocol);
        let key = (from, Fragmented { src, dst, protocol, id });
        if let Some((selector, noted)) = self.notes.get(&key)
            && now - *noted <= NOTED_FOR
        {
            header.selector = *selector;
            return true;
        }
        false
    }

    fn remember(&mut self, passage: Passage, automatic: bool, tcp_flags: u8, now: Duration) {
        if !passage.is_remembered {
            return;
        }
        // 7.3: "Flows through: EIGW, NAT gateway" are tracked, whatever the rules say.
        let wants_state = if automatic { Some(true) } else { passage.tracked };
        let lives = self.knows(passage.eni, &passage.tuple, tcp_flags, now);
        let key = (passage.eni, passage.tuple);
        if !lives {
            self.tracked.remove(&key);
            if wants_state == Some(false) {
                self.untracked.insert(key);
            }
            if wants_state != Some(true) || self.untracked.contains(&key) {
                return;
            }
        }
        let tracked = self.tracked.entry(key).or_insert_with(|| Tracked::new(&passage.tuple));
        tracked.saw(passage.direction, tcp_flags, now);
        tracked.is_automatic |= automatic;
    }
}
