//! The specification's promises by name, on the datapath's host twin: a few lines each.

mod allowance;
mod arp;
mod classification;
mod configuration;
mod connection;
mod documentation;
mod filter;
mod fragment;
mod gateway_balancer;
mod gateways;
mod half_open;
mod icmp_error;
mod load_balancer;
mod malformed;
mod nacl;
mod neighbor;
mod reclaim;
mod reference;
mod rerouted;
mod routing;
mod tables;
mod timeout;
mod uplink;

use groundplane_abi::event::Event;
use groundplane_abi::{DropReason, Ip4, Ip6};
use groundplane_datapath::FlowTable;
use groundplane_tests::packet::{Packet, Parsed, ROUTER, flag};
use groundplane_tests::topology::Topology;
use groundplane_tests::twin::{Heard, Path, Twin};
use std::net::IpAddr;
use std::time::Duration;

/// A topology and the datapath that it was compiled for.
struct World {
    topology: Topology,
    twin: Twin,
    /// Of IP: which addresses the guests speak from and to.
    version: u8,
}

/// Both versions of IP. What holds for one holds for the other, unless a promise says otherwise.
const VERSIONS: [u8; 2] = [4, 6];

impl World {
    fn new(topology: Topology) -> Self {
        let twin = Twin::new(&topology);
        Self::of(topology, twin)
    }

    fn of(topology: Topology, twin: Twin) -> Self {
        Self {
            topology,
            twin,
            version: 4,
        }
    }

    fn speaking(self, version: u8) -> Self {
        Self { version, ..self }
    }

    /// The address by which a guest is spoken to.
    fn ip(&self, guest: &str) -> IpAddr {
        let guest = self.topology.guest(guest);
        match self.version {
            4 => guest.ip.into(),
            _ => guest.ip6.expect("everybody has an address of either family").into(),
        }
    }

    /// `web`, `web2`, `db` and `box`, everything open.
    fn open() -> Self {
        Self::new(Topology::three_subnets())
    }

    /// The same, with something different.
    fn with(change: impl FnOnce(&mut Topology)) -> Self {
        let mut topology = Topology::three_subnets();
        change(&mut topology);
        Self::new(topology)
    }

    /// Puts a changed configuration in force.
    fn change(&mut self, change: impl FnOnce(&mut Topology)) {
        change(&mut self.topology);
        self.twin.configure(&self.topology);
    }

    fn wait(&mut self, seconds: u64) {
        self.twin.wait(Duration::from_secs(seconds));
    }

    /// The packet from one guest to another by way of the router, client port 40000 and server port 80.
    fn there(&self, from: &str, to: &str, packet: Packet) -> Packet {
        let mac = self.topology.guest(from).mac;
        packet.from(mac, self.ip(from), 40_000).to(ROUTER, self.ip(to), 80)
    }

    /// What the server answers.
    fn back(&self, from: &str, to: &str, packet: Packet) -> Packet {
        let mac = self.topology.guest(from).mac;
        packet.from(mac, self.ip(from), 80).to(ROUTER, self.ip(to), 40_000)
    }

    fn send(&mut self, from: &str, packet: &Packet) -> (Heard, Option<Path>) {
        self.twin.send(self.topology.guest(from).device, &packet.build(), false)
    }

    /// The packet is delivered to this guest; as it arrives there.
    #[track_caller]
    fn arrives(&mut self, from: &str, packet: &Packet, to: &str) -> Parsed {
        match self.send(from, packet).0 {
            Heard::Delivered { to: device, frame } => {
                assert_eq!(device, self.topology.guest(to).device, "delivered, but not to {to}");
                Parsed::read(&frame).expect("a delivered frame is well-formed")
            }
            other => panic!("not delivered to {to}: {other:?}"),
        }
    }

    #[track_caller]
    fn is_dropped(&mut self, from: &str, packet: &Packet, reason: DropReason) {
        assert_eq!(self.send(from, packet).0, Heard::Dropped(reason));
    }

    /// What was told of the packet that was dropped last.
    fn last_drop(&self) -> Event {
        self.twin.tables().last_drop().expect("something was dropped")
    }

    /// Entries of a flow table of the version that is spoken.
    fn flows(&self, table: FlowTable) -> usize {
        let tables = self.twin.tables();
        match self.version {
            4 => tables.entries::<Ip4>(table).len(),
            _ => tables.entries::<Ip6>(table).len(),
        }
    }

    /// A client opens a TCP connection and the server answers.
    fn connect(&mut self, client: &str, server: &str) {
        let syn = self.there(client, server, Packet::tcp().flags(flag::SYN));
        self.arrives(client, &syn, server);
        let answer = self.back(server, client, Packet::tcp().flags(flag::SYN | flag::ACK));
        self.arrives(server, &answer, client);
        let ack = self.there(client, server, Packet::tcp());
        self.arrives(client, &ack, server);
    }
}
