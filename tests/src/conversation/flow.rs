//! One flow between two guests, and what its ends say.

use crate::packet::{Packet, ROUTER, flag};
use crate::topology::{Guest, Topology};
use groundplane_abi::Device;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) number: u16,
    /// How much silence the flow may still meet before nothing more is said in it.
    ends_within: Option<Duration>,
    client: Guest,
    server: Guest,
    protocol: Protocol,
    ports: (u16, u16),
    /// Both ends address frames to each other's MAC.
    switched: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Tcp,
    Udp,
    Ping,
    /// Timestamp request and reply, which few remember.
    Timestamp,
    Other(u8),
}

/// What an end of a flow does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// The first packet, or the same once more.
    Open,
    Ask,
    Answer,
    /// Many packets and no answer.
    Burst,
    ClientFin,
    ServerFin,
    ClientReset,
    ServerReset,
    /// The server reports an error about the client's packet.
    Error,
    /// A fragment, first or later.
    Fragment,
    Options,
    /// To the router although both are in one subnet, or to the other's MAC although they aren't.
    OtherMac,
}

impl Act {
    /// What may happen at any time in a flow, as often as it stands here.
    pub(super) const USUAL: [Self; 20] = [
        Self::Open,
        Self::Ask,
        Self::Ask,
        Self::Ask,
        Self::Ask,
        Self::Answer,
        Self::Answer,
        Self::Answer,
        Self::Answer,
        Self::Answer,
        Self::Burst,
        Self::ClientFin,
        Self::ServerFin,
        Self::ClientReset,
        Self::ServerReset,
        Self::Error,
        Self::Fragment,
        Self::Fragment,
        Self::Options,
        Self::OtherMac,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Ask => "ask",
            Self::Answer => "answer",
            Self::Burst => "burst",
            Self::ClientFin => "client's FIN",
            Self::ServerFin => "server's FIN",
            Self::ClientReset => "client's RST",
            Self::ServerReset => "server's RST",
            Self::Error => "ICMP error",
            Self::Fragment => "fragment",
            Self::Options => "options",
            Self::OtherMac => "other MAC",
        }
    }

    fn is_the_servers(self) -> bool {
        matches!(self, Self::Answer | Self::ServerFin | Self::ServerReset | Self::Error)
    }
}

impl Flow {
    /// A flow between two ENIs of one VPC; nothing if there are none.
    pub(super) fn open(topology: &Topology, number: u16, random: &mut ChaCha8Rng) -> Option<Self> {
        let enis = &topology.resources.network_interfaces;
        let client = enis.choose(random)?;
        let peers: Vec<_> = enis
            .iter()
            .filter(|eni| eni.vpc_id == client.vpc_id && eni.name != client.name)
            .collect();
        let server = *peers.choose(random)?;
        let protocol = match random.random_range(0..20) {
            0..9 => Protocol::Tcp,
            9..14 => Protocol::Udp,
            14..17 => Protocol::Ping,
            17 => Protocol::Timestamp,
            // A number of its own, which stands for the ports it hasn't.
            _ => Protocol::Other(140 + (number % 100) as u8),
        };
        let client_port = 32768 + number;
        let server_port = *[22, 53, 80, 443, 1024].choose(random)?;
        Some(Self {
            number,
            ends_within: None,
            client: topology.guest(&client.name),
            server: topology.guest(&server.name),
            protocol,
            ports: (client_port, server_port),
            switched: client.subnet_id == server.subnet_id && random.random_bool(0.7),
        })
    }

    /// Lets the flow end before the silence in it adds up to `time`.
    pub(super) fn end_within(&mut self, time: Duration) {
        self.ends_within = Some(self.ends_within.map_or(time, |left| left.min(time)));
    }

    /// Whether anything is said in the flow after a silence.
    pub(super) fn outlives(&mut self, silence: Duration) -> bool {
        let Some(left) = self.ends_within else { return true };
        self.ends_within = left.checked_sub(silence);
        self.ends_within.is_some_and(|left| !left.is_zero())
    }

    pub(super) fn is_in(&self, topology: &Topology, vpc: &str) -> bool {
        let eni = topology.eni_on(self.client.device);
        let enis = &topology.resources.network_interfaces;
        enis.iter()
            .any(|it| Some(&*it.network_interface_id) == eni && it.name.starts_with(vpc))
    }

    /// The packet by which an end does something, and the device it leaves by.
    pub(super) fn packet(&self, act: Act, random: &mut ChaCha8Rng) -> (Device, Packet) {
        let (from, to) = if act.is_the_servers() {
            (self.server, self.client)
        } else {
            (self.client, self.server)
        };
        let packet = match act {
            Act::Error => {
                let (icmp_type, code) = *[(3, 1), (3, 3), (3, 4), (4, 0), (5, 1), (11, 0), (12, 0)]
                    .choose(random)
                    .expect("some");
                Packet::icmp_error(icmp_type, code, &self.bare(Act::Ask))
            }
            Act::Fragment => self.fragment(random),
            Act::Options => self.bare(act).options(&[1, 7, 7, 4, 0, 0, 0, 0]),
            _ => self.bare(act),
        };
        let ports = if act.is_the_servers() {
            (self.ports.1, self.ports.0)
        } else {
            self.ports
        };
        let switched = self.switched != (act == Act::OtherMac);
        let mac = if switched { to.mac } else { ROUTER };
        (
            from.device,
            packet.from(from.mac, from.ip, ports.0).to(mac, to.ip, ports.1),
        )
    }

    /// The packet without addresses.
    fn bare(&self, act: Act) -> Packet {
        let answers = act.is_the_servers();
        match self.protocol {
            Protocol::Tcp => Packet::tcp().flags(Self::tcp_flags(act)).payload(b"data"),
            Protocol::Udp => Packet::udp().payload(b"data"),
            Protocol::Ping => Packet::icmp(if answers { 0 } else { 8 }, 0, self.ports.0),
            Protocol::Timestamp => Packet::icmp(if answers { 14 } else { 13 }, 0, self.ports.0).payload(&[0; 12]),
            Protocol::Other(number) => Packet::protocol(number).payload(b"data"),
        }
    }

    fn tcp_flags(act: Act) -> u8 {
        match act {
            Act::Open => flag::SYN,
            Act::ClientFin | Act::ServerFin => flag::FIN | flag::ACK,
            Act::ClientReset | Act::ServerReset => flag::RST,
            _ => flag::ACK,
        }
    }

    fn fragment(&self, random: &mut ChaCha8Rng) -> Packet {
        let packet = self.bare(Act::Ask).payload(&[7; 32]);
        match random.random_range(0..3) {
            0 => packet.fragment(random.random(), 0, true),
            1 => packet.fragment(random.random(), random.random_range(3..100), true),
            _ => packet.fragment(random.random(), random.random_range(3..100), false),
        }
    }
}

/// The frame as a middlebox sends it on to the router, if the ENI on `device` is one and the packet isn't its own.
#[must_use]
pub fn relay(topology: &Topology, device: Device, frame: &[u8]) -> Option<Vec<u8>> {
    let id = topology.eni_on(device)?;
    let eni = topology
        .resources
        .network_interfaces
        .iter()
        .find(|eni| eni.network_interface_id == id)?;
    let destination: [u8; 4] = frame.get(30..34)?.try_into().ok()?;
    if eni.source_dest_check || eni.private_ip_addresses.contains(&destination.into()) {
        return None;
    }
    let mut frame = frame.to_vec();
    frame.get_mut(..6)?.copy_from_slice(&ROUTER);
    frame.get_mut(6..12)?.copy_from_slice(&eni.mac_address.0);
    Some(frame)
}
