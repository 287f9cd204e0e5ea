//! The reference model: what semantics sections 2 to 16, 18 and 23 say, as naively as they can be said.
//!
//! It reads resources and nothing else: it knows neither the tables nor the code that judges packets in the kernel, and
//! shares nothing with either. Every packet is judged from the documents' sentences by searching lists; the only thing
//! remembered is what AWS remembers, the connections that each ENI tracks and each gateway holds, and the ports of
//! fragmented packets. Where the model and the datapath disagree, the specification decides who is wrong.

mod address;
mod answer;
mod block_public_access;
mod bytes;
mod endpoint;
mod error;
mod fault;
mod gate;
mod gateway_balancer;
mod gateway_endpoint;
mod geneve;
mod header;
mod held;
mod internet;
mod load_balancer;
mod memory;
mod nacl;
mod nat;
mod nat64;
mod neighbor;
mod peering;
mod reason;
mod route;
mod security_group;
#[cfg(test)]
mod tests;
mod tracking;
mod transit;
mod verdict;
mod vpc_link;
mod walk;
mod world;

pub use reason::Reason;
pub use tracking::{Connection, limits};
pub use verdict::{At, Drop, Gateway, Pass, Seen, Verdict, Way};

use fault::{Answer, Fault};
use gateway_balancer::Inspections;
use gateway_endpoint::Asked;
use geneve::{Outer, Unwrapped};
use groundplane::resources::{NetworkInterface, Resources};
use header::{Header, Read, Selector, check_options};
use held::Held;
use load_balancer::Flows;
use memory::{Change, Fragmented, Passage};
use nat::Mappings;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tracking::{Direction, Tracked, Tuple};
use vpc_link::{Calls, Names};
use walk::{End, Kept, Moment, Part, Spot, Walk};
use world::{Eni, World};

/// The implicit router's MAC address.
pub const ROUTER_MAC: [u8; 6] = [0x02, 0x67, 0x70, 0x00, 0x00, 0x01];

/// What a VPC does, with all that it remembers.
#[derive(Clone, Debug, Default)]
pub struct Model {
    world: World,
    /// The connections each ENI tracks, by the packet as it leaves that ENI.
    tracked: HashMap<(Eni, Tuple), Tracked>,
    /// The flows that the rule which admitted their first packet leaves untracked. "The rule that admits the initiating
    /// direction" decides (semantics 7.1), so what comes back mustn't be taken for a first packet.
    untracked: HashSet<(Eni, Tuple)>,
    /// What the first fragments said: their ports, and when.
    notes: HashMap<(Spot, Fragmented), (Selector, Duration)>,
    mappings: Mappings,
    flows: Flows,
    inspections: Inspections,
    /// The connections that egress-only gateways hold, by gateway and by the packet as it leaves.
    egress_only: HashMap<(String, Tuple), Held>,
    /// The connections that have gone out by gateway endpoints, by the packet as it leaves.
    asked: HashMap<Tuple, Asked>,
    /// Whom the service behind VPC links speaks to, and what it has begun.
    names: Names,
    calls: Calls,
    way: Option<Way>,
}

/// A packet's way, and how it ends.
struct Course {
    walk: Walk,
    end: Result<End, Fault>,
    /// The header as it was sent, with the ports that a first fragment has noted.
    noted: Header,
    by_note: bool,
}

impl Model {
    #[must_use]
    pub fn new(resources: Resources) -> Self {
        let mut model = Self::default();
        model.configure(resources);
        model
    }

    /// Puts another configuration in force. ENIs remember their connections (semantics 7.2); a flow without state is
    /// judged wholly anew.
    pub fn configure(&mut self, resources: Resources) {
        self.untracked.clear();
        self.world.configure(resources);
        let world = &self.world;
        self.mappings.retain(|nat| world.has_eni(nat));
        self.flows.retain(|eni| world.has_eni(eni));
        self.inspections.retain(|eni| world.has_eni(eni));
        self.calls.retain(|eni| world.has_eni(eni));
    }

    /// A frame leaves the guest of an ENI, `now` after some beginning of time. `tagged` says that a VLAN tag was found
    /// beside the bytes. What NAT gateways and load balancers choose is learned from what was `seen` of it, if the
    /// choice is allowed.
    pub fn leave(&mut self, eni: &str, frame: &[u8], tagged: bool, now: Duration, seen: Seen<'_>) -> Verdict {
        self.way = None;
        let eni = self.world.eni_named(eni);
        let told = |reason| Fault::at(Spot::Eni(eni), Direction::Egress, reason);
        let header = match header::read(frame, tagged) {
            Err(reason) => return self.dropped(&told(reason)),
            Ok(Read::Arp) => {
                let answer = neighbor::arp(&self.world, eni, frame);
                return answer.map_or_else(|reason| self.dropped(&told(reason)), Verdict::Answered);
            }
            Ok(Read::Ip(header)) => header,
        };
        if let Some(answer) = neighbor::answer(&self.world, eni, &header, frame) {
            return answer.map_or_else(|reason| self.dropped(&told(reason)), Verdict::Answered);
        }
        self.judge(Spot::Eni(eni), header, frame, now, seen)
    }

    /// A frame comes in by an uplink. Its MAC addresses don't matter.
    pub fn arrive(&mut self, frame: &[u8], tagged: bool, now: Duration, seen: Seen<'_>) -> Verdict {
        self.way = None;
        match header::read(frame, tagged) {
            Ok(Read::Ip(header)) if self.is_expected(&header, now) => {
                self.judge(Spot::Outside, header, frame, now, seen)
            }
            _ => Verdict::Passed,
        }
    }

    /// The service behind VPC links sends a frame, to a name that it has for somebody.
    pub fn call(&mut self, frame: &[u8], now: Duration, seen: Seen<'_>) -> Verdict {
        self.way = None;
        match header::read(frame, false) {
            Ok(Read::Ip(header)) => self.judge(Spot::Service, header, frame, now, seen),
            _ => Verdict::Passed,
        }
    }

    /// Whether a packet from the outside is for an address of ours, or for a client of a gateway endpoint.
    fn is_expected(&self, header: &Header, now: Duration) -> bool {
        let mut noted = header.clone();
        self.recall_ports(Spot::Outside, &mut noted, now);
        internet::is_ours(&self.world, header.dst) || gateway_endpoint::answered(self, &noted, now).is_some()
    }

    /// How the last packet came out, if it did.
    #[must_use]
    pub fn last_way(&self) -> Option<&Way> {
        self.way.as_ref()
    }

    /// How many connections an ENI tracks at a time.
    #[must_use]
    pub fn tracked_at(&self, eni: &str, now: Duration) -> usize {
        let eni = self.world.eni_named(eni);
        let limits = &self.interface(eni).connection_tracking;
        let here = self.tracked.iter().filter(|((at, _), _)| *at == eni);
        here.filter(|(_, tracked)| !tracked.has_expired(limits, now)).count()
    }

    /// Where a load balancer chooses, and nothing has come out from which that could be learned, it is learned from
    /// what was told: it has chosen whoever leads to that.
    fn judge(&mut self, from: Spot, sent: Header, frame: &[u8], now: Duration, seen: Seen<'_>) -> Verdict {
        let frames = (&sent, frame);
        let mut course = self.follow(from, frames, now, (seen.frame, 0));
        for guess in 1..course.walk.choices {
            if self.is_seen_to_end(&course, seen) {
                break;
            }
            let other = self.follow(from, frames, now, (seen.frame, guess));
            if self.is_seen_to_end(&other, seen) {
                course = other;
            }
        }
        self.settle(from, course, frame, now)
    }

    /// What becomes of a packet, if a load balancer chooses a certain target or the one that was seen.
    fn follow(
        &self,
        from: Spot,
        (sent, frame): (&Header, &[u8]),
        now: Duration,
        (seen, guess): (Option<&[u8]>, usize),
    ) -> Course {
        let mut walk = Walk::new(from, sent.clone(), frame);
        let by_note = self.recall_ports(from, &mut walk.header, now);
        let noted = walk.header.clone();
        let wrapped = seen.and_then(|seen| self.on_its_way_to_an_appliance(seen));
        let moment = Moment {
            model: self,
            now,
            seen: wrapped.as_ref().map(|(_, inner)| &*inner.frame).or(seen),
            wrapped: wrapped.as_ref(),
            guess,
        };
        let end = check_options(&sent.options).map_err(|reason| walk.told(reason));
        let end = end.and_then(|()| match from {
            Spot::Eni(eni) => walk::leave(moment, eni, &mut walk),
            Spot::Outside => walk::arrive(moment, &mut walk),
            Spot::Service => vpc_link::leave(moment, &mut walk),
        });
        let end = end.and_then(|end| measure(&walk).map(|()| end));
        Course {
            walk,
            end,
            noted,
            by_note,
        }
    }

    /// What a node has sent to an appliance is another packet inside.
    fn on_its_way_to_an_appliance(&self, seen: &[u8]) -> Option<(Outer, Unwrapped)> {
        let found = geneve::seen(seen)?;
        let world = &self.world;
        let mut nodes = world.enis().filter(|eni| world.is_gateway_node(*eni));
        nodes.any(|node| world.primary(node) == found.0.node).then_some(found)
    }

    /// Whether a packet was seen to end so.
    fn is_seen_to_end(&self, course: &Course, seen: Seen<'_>) -> bool {
        match (&course.end, self.dropped_by(course)) {
            (Ok(_), _) => seen.frame.is_some(),
            (Err(_), drop) => seen.frame.is_none() && drop.is_none_or(|drop| (seen.is_told)(&drop)),
        }
    }

    fn dropped_by(&self, course: &Course) -> Option<Drop> {
        let fault = course.end.as_ref().err()?;
        Some(self.drop_of(fault))
    }

    /// Everybody remembers what has become of a packet.
    fn settle(&mut self, from: Spot, course: Course, frame: &[u8], now: Duration) -> Verdict {
        let Course {
            walk,
            end,
            noted,
            by_note,
        } = course;
        match end {
            Ok(end) => {
                self.note_ports(from, &noted, now);
                self.come_out(walk, end, by_note, now)
            }
            Err(mut fault) => {
                // Beyond it is a NAT gateway that sends, and nobody tells that.
                fault.answer = fault.answer.filter(|_| walk.kept.is_none() && walk.parts.is_empty());
                let verdict = self.refused(from, &noted, frame, (&fault, now));
                self.keep_parts(walk.parts, now);
                if let Some(kept) = walk.kept {
                    self.note_ports(from, &noted, now);
                    self.keep_unseen(kept, walk.automatic, noted.tcp_flags, now);
                }
                verdict
            }
        }
    }

    /// A packet comes out, and everybody remembers it.
    fn come_out(&mut self, mut walk: Walk, end: End, by_note: bool, now: Duration) -> Verdict {
        let clamped = walk.clamps && bytes::lower_mss(&mut walk.frame, &walk.header, walk.mss) || walk.clamped;
        bytes::repair(&walk.sent, &mut walk.frame);
        let kept = Kept {
            passages: walk.passages,
            changes: walk.changes,
        };
        self.keep_parts(walk.parts, now);
        self.keep(kept, walk.automatic, walk.header.tcp_flags, now);
        self.way = Some(Way {
            passes: walk.passages.map(|passage| passage.map(|passage| passage.by)),
            by_note,
            gateways: walk.gateways,
            clamped,
        });
        match end {
            End::Outside => Verdict::Left(walk.frame),
            End::Service => Verdict::Served(walk.frame),
            End::Guest(to) => {
                let eni = self.interface(to).network_interface_id.clone();
                let frame = if walk.routed {
                    self.routed(to, &walk.frame)
                } else {
                    walk.frame
                };
                Verdict::Delivered { eni, frame }
            }
        }
    }

    fn keep_parts(&mut self, parts: Vec<Part>, now: Duration) {
        for Part {
            kept,
            automatic,
            tcp_flags,
        } in parts
        {
            self.keep(kept, automatic, tcp_flags, now);
        }
    }

    /// A packet goes no further, and its sender may be told.
    fn refused(&self, from: Spot, sent: &Header, frame: &[u8], (fault, now): (&Fault, Duration)) -> Verdict {
        let moment = Moment {
            model: self,
            now,
            seen: None,
            wrapped: None,
            guess: 0,
        };
        let told = match (from, fault.answer) {
            (Spot::Eni(sender), Some(answer)) => answer::answer(moment, sender, sent, frame, answer),
            // A load balancer's; MAC addresses are the link's business.
            (Spot::Outside, Some(Answer::Reset)) => Some(answer::reset(sent, frame, [0; 6])),
            _ => None,
        };
        match (self.dropped(fault), told) {
            (Verdict::Dropped(drop), Some(answer)) => Verdict::Refused { drop, answer },
            (verdict, _) => verdict,
        }
    }

    fn dropped(&self, fault: &Fault) -> Verdict {
        Verdict::Dropped(self.drop_of(fault))
    }

    fn drop_of(&self, fault: &Fault) -> Drop {
        Drop {
            reason: fault.reason,
            at: match fault.at {
                Spot::Eni(eni) => At::Eni(self.interface(eni).network_interface_id.clone()),
                Spot::Outside | Spot::Service => At::Internet,
            },
            egress: fault.direction == Direction::Egress,
            rule: fault.rule,
        }
    }

    /// A routed frame comes from the router and goes to the receiver; nothing else about it changes, not even its TTL
    /// (semantics 3.1).
    fn routed(&self, to: Eni, frame: &[u8]) -> Vec<u8> {
        let mut frame = frame.to_vec();
        frame[..6].copy_from_slice(&self.interface(to).mac_address.0);
        frame[6..12].copy_from_slice(&ROUTER_MAC);
        frame
    }

    /// Whether a packet belongs to a connection that an ENI tracks.
    fn knows(&self, eni: Eni, tuple: &Tuple, tcp_flags: u8, now: Duration) -> bool {
        let limits = &self.interface(eni).connection_tracking;
        let tracked = self.tracked.get(&(eni, *tuple));
        tracked.is_some_and(|tracked| !tracked.has_expired(limits, now) && !tracked.is_succeeded_by(tcp_flags))
    }

    /// Whether a packet belongs to a connection that an ENI tracks because of what it passes.
    fn is_automatic(&self, eni: Eni, tuple: &Tuple, now: Duration) -> bool {
        let tracked = self.tracked.get(&(eni, *tuple));
        self.knows(eni, tuple, 0, now) && tracked.is_some_and(|tracked| tracked.is_automatic)
    }

    fn interface(&self, eni: Eni) -> &NetworkInterface {
        self.world.interface(eni)
    }
}

/// 23: "DF clear: fragment; DF set: drop + ICMP 3/4 (IPv6: type 2 always)". Whole or in fragments, it says the same
/// where it arrives, so that this is no business of the model's.
fn measure(walk: &Walk) -> Result<(), Fault> {
    if walk.header.ip_len <= walk.mtu || !walk.header.dont_fragment {
        return Ok(());
    }
    let answer = Answer::TooBig {
        mtu: walk.mtu,
        automatic: walk.automatic,
    };
    Err(walk.told(Reason::LargerThanThePath).answered(answer))
}
