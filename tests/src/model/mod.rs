//! The reference model: what semantics sections 2 to 8 say, as naively as they can be said.
//!
//! It reads resources and nothing else: it knows neither the tables nor the code that judges packets in the kernel,
//! and shares nothing with either. Every packet is judged from the documents' sentences by searching lists; the only
//! thing remembered is what AWS remembers, the connections each ENI tracks. Where the model and the datapath disagree,
//! the specification decides who is wrong.

mod arp;
mod header;
mod nacl;
mod reason;
mod route;
mod security_group;
mod tracking;
mod walk;

pub use reason::Reason;
pub use tracking::{Connection, limits};

use groundplane::resources::{NetworkInterface, Resources, Subnet, Vpc};
use std::collections::BTreeMap;
use std::time::Duration;
use tracking::{Direction, Tracked, Tuple};

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
    /// These bytes go back to the guest that sent it: an ARP answer.
    Answered(Vec<u8>),
    Dropped(Reason),
}

/// A VPC's behaviour, with all that it remembers.
#[derive(Clone, Debug, Default)]
pub struct Model {
    resources: Resources,
    /// The connections each ENI tracks, by `NetworkInterfaceId` and the packet as it leaves that ENI.
    tracked: BTreeMap<(String, Tuple), Tracked>,
}

/// An ENI that a packet passes, and what that ENI will remember of it if the packet arrives.
#[derive(Clone, Debug)]
struct Passage {
    eni: String,
    direction: Direction,
    tuple: Tuple,
    /// The rule that admitted it asks for state; an existing connection goes on anyway.
    opens: bool,
}

impl Model {
    #[must_use]
    pub fn new(resources: Resources) -> Self {
        Self {
            resources,
            tracked: BTreeMap::new(),
        }
    }

    /// Puts another configuration in force. ENIs remember their connections (semantics 7.2).
    pub fn configure(&mut self, resources: Resources) {
        self.resources = resources;
    }

    /// A frame leaves the guest of an ENI, `now` after some beginning of time. `tagged` says that a VLAN tag was found
    /// beside the bytes.
    pub fn leave(&mut self, eni: &str, frame: &[u8], tagged: bool, now: Duration) -> Verdict {
        let header = match header::read(frame, tagged) {
            Ok(header::Read::Arp) => {
                return arp::answer(self, self.eni(eni), frame).map_or_else(Verdict::Dropped, Verdict::Answered);
            }
            Ok(header::Read::Ip(header)) => header,
            Err(reason) => return Verdict::Dropped(reason),
        };
        match walk::leave(self, self.eni(eni), &header, now) {
            Ok(arrival) => {
                let to = arrival.eni.to_owned();
                let frame = if arrival.routed {
                    self.routed(&to, frame)
                } else {
                    frame.to_vec()
                };
                for passage in arrival.passages {
                    self.remember(passage, header.tcp_flags, now);
                }
                Verdict::Delivered { eni: to, frame }
            }
            Err(reason) => Verdict::Dropped(reason),
        }
    }

    /// How many connections an ENI tracks at a time.
    #[must_use]
    pub fn tracked_at(&self, eni: &str, now: Duration) -> usize {
        self.tracked
            .iter()
            .filter(|((at, _), tracked)| at == eni && !tracked.has_expired(now))
            .count()
    }

    /// A routed frame comes from the router and goes to the receiver; nothing else about it changes, not even its TTL
    /// (semantics 3.1).
    fn routed(&self, to: &str, frame: &[u8]) -> Vec<u8> {
        let mut frame = frame.to_vec();
        frame[..6].copy_from_slice(&self.eni(to).mac_address.0);
        frame[6..12].copy_from_slice(&ROUTER_MAC);
        frame
    }

    fn remember(&mut self, passage: Passage, tcp_flags: u8, now: Duration) {
        let key = (passage.eni, passage.tuple);
        let lives = self.knows(&key.0, &key.1, tcp_flags, now);
        if !lives {
            self.tracked.remove(&key);
            if !passage.opens {
                return;
            }
        }
        let protocol = key.1.protocol;
        let tracked = self.tracked.entry(key).or_insert_with(|| Tracked::new(protocol));
        tracked.saw(passage.direction, tcp_flags, now);
    }

    /// Whether a packet belongs to a connection that an ENI tracks.
    fn knows(&self, eni: &str, tuple: &Tuple, tcp_flags: u8, now: Duration) -> bool {
        let tracked = self.tracked.get(&(eni.to_owned(), *tuple));
        tracked.is_some_and(|tracked| !tracked.has_expired(now) && !tracked.is_succeeded_by(tcp_flags))
    }

    fn eni(&self, id: &str) -> &NetworkInterface {
        let mut all = self.resources.network_interfaces.iter();
        all.find(|eni| eni.network_interface_id == id)
            .expect("the test names ENIs that are there")
    }

    fn subnet_of(&self, eni: &NetworkInterface) -> &Subnet {
        let mut all = self.resources.subnets.iter();
        all.find(|subnet| subnet.subnet_id == eni.subnet_id)
            .expect("every ENI is in a subnet")
    }

    fn vpc_of(&self, eni: &NetworkInterface) -> &Vpc {
        self.resources
            .vpcs
            .iter()
            .find(|vpc| vpc.vpc_id == eni.vpc_id)
            .expect("every ENI is in a VPC")
    }

    /// The ENI of a VPC that has an address.
    fn owner(&self, vpc_id: &str, address: std::net::Ipv4Addr) -> Option<&NetworkInterface> {
        let mut in_vpc = self
            .resources
            .network_interfaces
            .iter()
            .filter(|eni| eni.vpc_id == vpc_id);
        in_vpc.find(|eni| eni.private_ip_addresses.contains(&address))
    }
}
