//! One flow between two guests, and what its ends say.

use super::{SHORTEST_LIMIT, rules};
use crate::packet::{Extension, Packet, ROUTER, flag};
use crate::topology::Topology;
use groundplane::resources::NetworkInterface;
use groundplane_abi::Device;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use std::net::IpAddr;
use std::time::Duration;

#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) number: u16,
    /// How much silence the flow may still meet before nothing more is said in it.
    ends_within: Option<Duration>,
    /// One of the ends has said that it is over.
    closes: bool,
    /// How much silence the flow has met.
    silence: Duration,
    /// The ENIs that it may pass remember for different times.
    is_uneven: bool,
    client: End,
    server: End,
    protocol: Protocol,
    ports: (u16, u16),
    /// Both ends address frames to each other's MAC.
    switched: bool,
}

/// The shortest that an ENI can be told to remember.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(30);

fn is_uneven(topology: &Topology, vpc_id: &str) -> bool {
    let enis = topology.resources.network_interfaces.iter();
    let mut tracking = enis
        .filter(|eni| eni.vpc_id == vpc_id)
        .map(|eni| eni.connection_tracking);
    let first = tracking.next();
    tracking.any(|it| Some(it) != first)
}

/// An ENI, by one of its addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) device: Device,
    pub(super) mac: [u8; 6],
    pub(super) ip: IpAddr,
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
    /// The client reports an error about the server's.
    ClientError,
    /// IP options, or extension headers.
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
        Self::Error,
        Self::ClientError,
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
            Self::Error => "server's error",
            Self::ClientError => "client's error",
            Self::Options => "options",
            Self::OtherMac => "other MAC",
        }
    }

    fn is_the_servers(self) -> bool {
        matches!(self, Self::Answer | Self::ServerFin | Self::ServerReset | Self::Error)
    }
}

impl End {
    /// Any of the ENI's addresses of a family, or any in a prefix delegated to it.
    pub(super) fn of(
        topology: &Topology,
        eni: &NetworkInterface,
        is_ipv6: bool,
        random: &mut ChaCha8Rng,
    ) -> Option<Self> {
        // In a /28 and a /80 alike only the last bits are chosen.
        let host = random.random_range(0..16_u8);
        let addresses: Vec<IpAddr> = if is_ipv6 {
            let delegated = eni.ipv6_prefixes.iter().map(|prefix| u128::from(prefix.network()));
            let delegated = delegated.map(|first| IpAddr::from((first + u128::from(host)).to_be_bytes()));
            eni.ipv6_addresses
                .iter()
                .map(|&ip| ip.into())
                .chain(delegated)
                .collect()
        } else {
            let delegated = eni.ipv4_prefixes.iter().map(|prefix| u32::from(prefix.network()));
            let delegated = delegated.map(|first| IpAddr::from((first + u32::from(host)).to_be_bytes()));
            let own = eni.private_ip_addresses.iter().map(|&ip| ip.into());
            own.chain(delegated).collect()
        };
        // The first address more often than the others.
        let first = addresses.first().filter(|_| random.random_bool(0.6));
        Some(Self {
            device: topology.bindings[&eni.network_interface_id].device,
            mac: eni.mac_address.0,
            ip: *first.or_else(|| addresses.choose(random))?,
        })
    }
}

impl Flow {
    /// A flow between two ENIs of one VPC; nothing if there are none that can.
    pub(super) fn open(topology: &Topology, number: u16, random: &mut ChaCha8Rng) -> Option<Self> {
        let enis = &topology.resources.network_interfaces;
        let client = enis.choose(random)?;
        let peers: Vec<_> = enis
            .iter()
            .filter(|eni| eni.vpc_id == client.vpc_id && eni.name != client.name)
            .collect();
        let server = *peers.choose(random)?;
        let is_ipv6 = random.random_bool(0.45);
        let protocol = match random.random_range(0..20) {
            0..9 => Protocol::Tcp,
            9..14 => Protocol::Udp,
            17 if !is_ipv6 => Protocol::Timestamp,
            14..18 => Protocol::Ping,
            // A number of its own, which stands for the ports it hasn't.
            _ => Protocol::Other(140 + (number % 100) as u8),
        };
        let client_port = 32768 + number;
        let server_port = *[22, 53, 80, 443, 1024].choose(random)?;
        let mut flow = Self {
            number,
            ends_within: None,
            closes: false,
            silence: Duration::ZERO,
            is_uneven: is_uneven(topology, &client.vpc_id),
            client: End::of(topology, client, is_ipv6, random)?,
            server: End::of(topology, server, is_ipv6, random)?,
            protocol,
            ports: (client_port, server_port),
            switched: client.subnet_id == server.subnet_id && random.random_bool(0.7),
        };
        if flow.is_lopsided(topology) {
            flow.end_within(SHORTEST_LIMIT);
        }
        Some(flow)
    }

    /// Whether it matters who of the two speaks first (semantics 7.1). Who did isn't remembered for ever of a flow that
    /// nobody tracks, nor beyond a change of the configuration; AWS says nothing of either.
    pub(super) fn is_lopsided(&self, topology: &Topology) -> bool {
        let protocol = match self.protocol {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            _ => return false,
        };
        let enis = &topology.resources.network_interfaces;
        let on = |device| {
            enis.iter()
                .find(move |eni| topology.bindings[&eni.network_interface_id].device == device)
        };
        let vpc_id = on(self.client.device).map(|eni| &eni.vpc_id);
        let middleboxes = enis
            .iter()
            .filter(|eni| Some(&eni.vpc_id) == vpc_id && eni.name.ends_with("box0"));
        let passed = middleboxes.chain(on(self.client.device)).chain(on(self.server.device));
        let mut passed = passed.filter(|eni| !eni.interface_type.is_automatically_tracked());
        passed.any(|eni| rules::is_lopsided(topology, eni, protocol, self.is_ipv6()))
    }

    /// Lets the flow end before the silence in it adds up to `time`. It has ended if it has begun to close: who has
    /// seen which of the two FINs is another thing that ENIs may no longer agree about.
    pub(super) fn end_within(&mut self, time: Duration) -> bool {
        self.ends_within = Some(self.ends_within.map_or(time, |left| left.min(time)));
        !self.closes
    }

    /// Notes what is being said.
    pub(super) fn note(&mut self, act: Act) {
        self.closes |= matches!(
            act,
            Act::ClientFin | Act::ServerFin | Act::ClientReset | Act::ServerReset
        );
    }

    /// Whether anything is said in the flow after a silence.
    ///
    /// An ENI that has forgotten a connection while the other has not learns of it anew, and in the datapath, which
    /// keeps one count of packets for both, takes a UDP stream for one at once. So where ENIs remember differently, the
    /// first silence that one of them can't bear is the last.
    pub(super) fn outlives(&mut self, silence: Duration) -> bool {
        self.silence += silence;
        if let Some(left) = self.ends_within {
            self.ends_within = left.checked_sub(silence);
            return self.ends_within.is_some_and(|left| !left.is_zero());
        }
        if self.may_be_half_forgotten() {
            return self.end_within(SHORTEST_LIMIT);
        }
        true
    }

    /// Whether one ENI may have forgotten the connection and another not. If it is led another way then, the datapath
    /// can't tell a packet that the one has just seen from one that the other has.
    pub(super) fn may_be_half_forgotten(&self) -> bool {
        self.is_uneven && self.silence > SHORTEST_TIMEOUT
    }

    pub(super) fn is_in(&self, topology: &Topology, vpc: &str) -> bool {
        let eni = topology.eni_on(self.client.device);
        let enis = &topology.resources.network_interfaces;
        enis.iter()
            .any(|it| Some(&*it.network_interface_id) == eni && it.name.starts_with(vpc))
    }

    /// The packet by which an end does something, and the device it leaves by.
    pub(super) fn packet(&self, act: Act, random: &mut ChaCha8Rng) -> (Device, Packet) {
        // It could close for some and not for others; and who spoke first is forgotten when a packet takes another way.
        let act = match act {
            Act::OtherMac if self.ends_within.is_some() => Act::Ask,
            Act::ClientFin if self.ends_within.is_some() => Act::Ask,
            Act::ServerFin if self.ends_within.is_some() => Act::Answer,
            act => act,
        };
        match act {
            Act::Error => self.error(Act::Ask, random),
            Act::ClientError => self.error(Act::Answer, random),
            Act::Options => {
                let (device, packet) = self.whole(act);
                let extended = if self.is_ipv6() {
                    packet.extension(Extension::Destination(vec![1, 4, 0, 0, 0, 0]))
                } else {
                    packet.options(&[1, 7, 7, 4, 0, 0, 0, 0])
                };
                (device, extended)
            }
            _ => self.whole(act),
        }
    }

    /// The device, MAC and address of the side that an act is of, and the other side.
    fn sides(&self, act: Act) -> (End, End) {
        if act.is_the_servers() {
            (self.server, self.client)
        } else {
            (self.client, self.server)
        }
    }

    fn whole(&self, act: Act) -> (Device, Packet) {
        let (from, to) = self.sides(act);
        let ports = if act.is_the_servers() {
            (self.ports.1, self.ports.0)
        } else {
            self.ports
        };
        let switched = self.switched != (act == Act::OtherMac);
        let mac = if switched { to.mac } else { ROUTER };
        let packet = self.bare(act);
        (
            from.device,
            packet.from(from.mac, from.ip, ports.0).to(mac, to.ip, ports.1),
        )
    }

    /// The other side's error about a packet: quoted as it should be, or less of it, or with options.
    fn error(&self, about: Act, random: &mut ChaCha8Rng) -> (Device, Packet) {
        const ERRORS: [(u8, u8); 7] = [(3, 1), (3, 3), (3, 4), (4, 0), (5, 1), (11, 0), (12, 0)];
        const ERRORS6: [(u8, u8); 5] = [(1, 0), (1, 4), (2, 0), (3, 0), (4, 1)];
        let (to, from) = self.sides(about);
        let (_, mut quoted) = self.whole(about);
        if random.random_bool(0.1) {
            quoted = quoted
                .options(&[7, 7, 4, 0, 0, 0, 0])
                .extension(Extension::HopByHop(vec![1, 4]));
        }
        let packet = if self.is_ipv6() {
            let (icmp_type, code) = *ERRORS6.choose(random).expect("some");
            Packet::icmp6_error(icmp_type, code, &quoted).mtu(1280)
        } else {
            let (icmp_type, code) = *ERRORS.choose(random).expect("some");
            Packet::icmp_error(icmp_type, code, &quoted).mtu(1280)
        };
        let quote = random.random_range(0..if self.is_ipv6() { 400 } else { 280 });
        let mac = if self.switched { to.mac } else { ROUTER };
        (
            from.device,
            packet
                .truncate_payload(quote)
                .from(from.mac, from.ip, 0)
                .to(mac, to.ip, 0),
        )
    }

    fn is_ipv6(&self) -> bool {
        self.client.ip.is_ipv6()
    }

    /// The packet without addresses.
    fn bare(&self, act: Act) -> Packet {
        let answers = act.is_the_servers();
        match (self.protocol, self.is_ipv6()) {
            (Protocol::Tcp, _) => Packet::tcp().flags(Self::tcp_flags(act)).payload(b"data"),
            (Protocol::Udp, _) => Packet::udp().payload(b"data"),
            (Protocol::Ping, true) => Packet::icmp6(if answers { 129 } else { 128 }, 0, self.ports.0),
            (Protocol::Ping, false) => Packet::icmp(if answers { 0 } else { 8 }, 0, self.ports.0),
            (Protocol::Timestamp, _) => Packet::icmp(if answers { 14 } else { 13 }, 0, self.ports.0).payload(&[0; 12]),
            (Protocol::Other(number), _) => Packet::protocol(number).payload(b"data"),
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
}
