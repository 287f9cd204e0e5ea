//! The reference model: what semantics sections 2 to 8 say, as naively as they can be said.
//!
//! It reads resources and nothing else: it knows neither the tables nor the code that judges packets in the kernel,
//! and shares nothing with either. Every packet is judged from the documents' sentences by searching lists; the only
//! thing remembered is what AWS remembers, the connections each ENI tracks, and the ports of fragmented packets. Where
//! the model and the datapath disagree, the specification decides who is wrong.

mod address;
mod error;
mod header;
mod nacl;
mod neighbor;
mod reason;
mod route;
mod security_group;
mod tracking;
mod walk;
mod world;

pub use reason::Reason;
pub use tracking::{Connection, limits};

use groundplane::resources::{NetworkInterface, Resources};
use header::{Fragment, Header, Read, Selector, check_options};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;
use tracking::{Direction, Tracked, Tuple};
use walk::Fault;
use world::{Eni, World};

/// The implicit router's MAC address.
pub const ROUTER_MAC: [u8; 6] = [0x02, 0x67, 0x70, 0x00, 0x00, 0x01];

/// What becomes of a frame that an ENI's guest has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// These bytes reach the guest of this ENI (its `NetworkInterfaceId`).
    Delivered {
        eni: String,
        frame: Vec<u8>,
    },
    /// These bytes go back to the guest that sent it: the platform's own answer.
    Answered(Vec<u8>),
    Dropped(Drop),
}

/// A drop and its cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drop {
    pub reason: Reason,
    /// The ENI at which it happened.
    pub eni: String,
    /// Leaving that ENI, not arriving at it.
    pub egress: bool,
    /// The number of the NACL rule that denied it.
    pub rule: Option<u16>,
}

/// A VPC's behaviour, with all that it remembers.
#[derive(Clone, Debug, Default)]
pub struct Model {
    world: World,
    /// The connections each ENI tracks, by the packet as it leaves that ENI.
    tracked: HashMap<(Eni, Tuple), Tracked>,
    /// The flows that the rule which admitted their first packet leaves untracked. "The rule that admits the initiating
    /// direction" decides (semantics 7.1), so what comes back mustn't be taken for a first packet.
    untracked: HashSet<(Eni, Tuple)>,
    /// What the first fragments said: their ports, and when.
    notes: HashMap<(Eni, Fragmented), (Selector, Duration)>,
    way: Option<Way>,
}

/// What the fragments of a packet have in common (semantics 7.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Fragmented {
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    id: u32,
}

/// Why the groups of an ENI let a packet pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pass {
    /// The ENI tracks the connection.
    State,
    /// A rule for a CIDR block.
    Cidr,
    PrefixList,
    /// A rule for the members of a group.
    Reference,
    ErrorAboutAutomatic,
    ErrorAboutUntracked,
}

/// How a packet was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// By what it left the one ENI, and came into the other.
    pub passes: [Pass; 2],
    /// It was a later fragment whose ports were known.
    pub by_note: bool,
}

/// An ENI that a packet passes, and what that ENI will remember of it if the packet arrives.
#[derive(Clone, Copy, Debug)]
struct Passage {
    eni: Eni,
    direction: Direction,
    tuple: Tuple,
    by: Pass,
    /// It isn't one of those that leave no state.
    is_remembered: bool,
    /// Whether the rule that admits it asks for state, if any does; an existing connection goes on anyway.
    tracked: Option<bool>,
}

/// "verdict cached ... for at most 30 s" (semantics 7.7).
const NOTED_FOR: Duration = Duration::from_secs(30);

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
    }

    /// A frame leaves the guest of an ENI, `now` after some beginning of time. `tagged` says that a VLAN tag was found
    /// beside the bytes.
    pub fn leave(&mut self, eni: &str, frame: &[u8], tagged: bool, now: Duration) -> Verdict {
        let eni = self.world.eni_named(eni);
        match self.judge(eni, frame, tagged, now) {
            Ok(verdict) => verdict,
            Err(fault) => Verdict::Dropped(Drop {
                reason: fault.reason,
                eni: self.interface(fault.at).network_interface_id.clone(),
                egress: fault.direction == Direction::Egress,
                rule: fault.rule,
            }),
        }
    }

    /// How the last packet was delivered, if it was.
    #[must_use]
    pub fn last_way(&self) -> Option<Way> {
        self.way
    }

    /// How many connections an ENI tracks at a time.
    #[must_use]
    pub fn tracked_at(&self, eni: &str, now: Duration) -> usize {
        let eni = self.world.eni_named(eni);
        let limits = &self.interface(eni).connection_tracking;
        let here = self.tracked.iter().filter(|((at, _), _)| *at == eni);
        here.filter(|(_, tracked)| !tracked.has_expired(limits, now)).count()
    }

    fn judge(&mut self, eni: Eni, frame: &[u8], tagged: bool, now: Duration) -> Result<Verdict, Fault> {
        let told = |reason| Fault::at(eni, Direction::Egress, reason);
        self.way = None;
        let mut header = match header::read(frame, tagged).map_err(told)? {
            Read::Arp => {
                return neighbor::arp(&self.world, eni, frame)
                    .map(Verdict::Answered)
                    .map_err(told);
            }
            Read::Ip(header) => header,
        };
        if let Some(answer) = neighbor::answer(&self.world, eni, &header, frame) {
            return answer.map(Verdict::Answered).map_err(told);
        }
        check_options(&header.options).map_err(told)?;
        let by_note = self.recall_ports(eni, &mut header, now);
        let arrival = walk::leave(self, eni, &header, now)?;
        self.note_ports(eni, &header, now);
        for passage in arrival.passages {
            self.remember(passage, header.tcp_flags, now);
        }
        let passes = arrival.passages.map(|passage| passage.by);
        self.way = Some(Way { passes, by_note });
        let frame = if arrival.routed {
            self.routed(arrival.eni, frame)
        } else {
            frame.to_vec()
        };
        let eni = self.interface(arrival.eni).network_interface_id.clone();
        Ok(Verdict::Delivered { eni, frame })
    }

    /// A first fragment that has arrived notes its ports for those that follow.
    fn note_ports(&mut self, eni: Eni, header: &Header, now: Duration) {
        if let Some(Fragment { id, first: true }) = header.fragment {
            let (src, dst, protocol) = (header.src, header.dst, header.protocol);
            let key = (eni, Fragmented { src, dst, protocol, id });
            self.notes.insert(key, (header.selector, now));
        }
    }

    /// A later fragment is judged by what was noted, if anything was.
    fn recall_ports(&mut self, eni: Eni, header: &mut Header, now: Duration) -> bool {
        let Some(Fragment { id, first: false }) = header.fragment else {
            return false;
        };
        let (src, dst, protocol) = (header.src, header.dst, header.protocol);
        let key = (eni, Fragmented { src, dst, protocol, id });
        if let Some((selector, noted)) = self.notes.get(&key)
            && now - *noted <= NOTED_FOR
        {
            header.selector = *selector;
            return true;
        }
        false
    }

    /// A routed frame comes from the router and goes to the receiver; nothing else about it changes, not even its TTL
    /// (semantics 3.1).
    fn routed(&self, to: Eni, frame: &[u8]) -> Vec<u8> {
        let mut frame = frame.to_vec();
        frame[..6].copy_from_slice(&self.interface(to).mac_address.0);
        frame[6..12].copy_from_slice(&ROUTER_MAC);
        frame
    }

    fn remember(&mut self, passage: Passage, tcp_flags: u8, now: Duration) {
        if !passage.is_remembered {
            return;
        }
        let lives = self.knows(passage.eni, &passage.tuple, tcp_flags, now);
        let key = (passage.eni, passage.tuple);
        if !lives {
            self.tracked.remove(&key);
            if passage.tracked == Some(false) {
                self.untracked.insert(key);
            }
            if passage.tracked != Some(true) || self.untracked.contains(&key) {
                return;
            }
        }
        let tracked = self.tracked.entry(key).or_insert_with(|| Tracked::new(&passage.tuple));
        tracked.saw(passage.direction, tcp_flags, now);
    }

    /// Whether a packet belongs to a connection that an ENI tracks.
    fn knows(&self, eni: Eni, tuple: &Tuple, tcp_flags: u8, now: Duration) -> bool {
        let limits = &self.interface(eni).connection_tracking;
        let tracked = self.tracked.get(&(eni, *tuple));
        tracked.is_some_and(|tracked| !tracked.has_expired(limits, now) && !tracked.is_succeeded_by(tcp_flags))
    }

    fn interface(&self, eni: Eni) -> &NetworkInterface {
        self.world.interface(eni)
    }
}
