//! What guests say to each other.

use crate::packet::{Packet, Parsed, flag};
use crate::topology::{OUTSIDE, S3_ADDRESS, Topology, address};
use std::fmt;
use std::net::IpAddr;

/// The port that the first client port is above. Below what Linux takes by itself, and an ephemeral one to everybody.
const CLIENT_PORTS: u16 = 20_000;

/// What `64:ff9b::/96` begins with.
const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// The host on the outside (semantics 32.0), which speaks and is spoken to like a guest.
pub const X: &str = "x";

/// What the service behind VPC links is seen as where its connections begin.
pub(super) const SERVICE: [u8; 4] = [100, 64, 0, 1];

/// Something that happens between guests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchange {
    Talk(Flow, Act),
    /// One packet and nothing more, from one guest to another.
    Only {
        from: String,
        to: String,
        packet: Packet,
    },
    /// Packets of as many connections, which nobody answers.
    Many {
        from: String,
        to: String,
        packets: Vec<Packet>,
    },
}

/// Which part of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The first packet and its answer; of TCP the whole handshake.
    Opens,
    ClientSpeaks,
    ServerSpeaks,
    /// Somebody at the server's address says by ICMP that what the client has sent is too large.
    ServerObjects,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Tcp,
    Udp,
    /// Echo requests and replies.
    Ping,
    /// Another protocol of IP.
    Other(u8),
}

/// A connection between guests, by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    pub protocol: Protocol,
    pub client: String,
    pub server: String,
    /// The port that the client speaks to, where there are ports.
    pub port: u16,
    /// The server's own, if a load balancer makes it another.
    own_port: Option<u16>,
    /// Tells the flows of a scenario apart; 0 as long as it is none of them.
    pub number: u16,
    pub is_ipv6: bool,
    /// An address of the client that isn't its primary one.
    source: Option<IpAddr>,
    /// The address the client speaks to, if it isn't the server's own.
    target: Option<IpAddr>,
}

/// A connection as its server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) client: IpAddr,
    /// The client's port, or the identifier of a ping.
    pub(super) port: u16,
    pub(super) server: IpAddr,
}

#[must_use]
pub fn tcp(client: &str, server: &str, port: u16) -> Flow {
    flow(Protocol::Tcp, client, server, port)
}

#[must_use]
pub fn udp(client: &str, server: &str, port: u16) -> Flow {
    flow(Protocol::Udp, client, server, port)
}

#[must_use]
pub fn ping(client: &str, server: &str) -> Flow {
    flow(Protocol::Ping, client, server, 0)
}

#[must_use]
pub fn protocol(number: u8, client: &str, server: &str) -> Flow {
    flow(Protocol::Other(number), client, server, 0)
}

/// One packet. Addresses that it doesn't say are filled in from the guests.
#[must_use]
pub fn only(from: &str, to: &str, packet: Packet) -> Exchange {
    Exchange::Only {
        from: from.to_owned(),
        to: to.to_owned(),
        packet,
    }
}

/// First packets of connections, one after another. They say the same, but for who they are from.
#[must_use]
pub fn many(from: &str, to: &str, packets: Vec<Packet>) -> Exchange {
    Exchange::Many {
        from: from.to_owned(),
        to: to.to_owned(),
        packets,
    }
}

fn flow(protocol: Protocol, client: &str, server: &str, port: u16) -> Flow {
    Flow {
        protocol,
        client: client.to_owned(),
        server: server.to_owned(),
        port,
        own_port: None,
        number: 0,
        is_ipv6: false,
        source: None,
        target: None,
    }
}

impl Flow {
    /// From another address of the client.
    #[must_use]
    pub fn source(self, source: &str) -> Self {
        Self {
            source: Some(address(source)),
            ..self
        }
    }

    /// To an address that stands for the server, or to another one than its primary one.
    #[must_use]
    pub fn to(self, target: &str) -> Self {
        Self {
            target: Some(address(target)),
            ..self
        }
    }

    /// Where the server listens, to which a load balancer passes on what comes to it.
    #[must_use]
    pub fn at_port(self, port: u16) -> Self {
        Self {
            own_port: Some(port),
            ..self
        }
    }

    /// The server's own port.
    #[must_use]
    pub fn server_port(&self) -> u16 {
        self.own_port.unwrap_or(self.port)
    }

    #[must_use]
    pub fn ipv6(self) -> Self {
        Self { is_ipv6: true, ..self }
    }

    #[must_use]
    pub fn client_speaks(&self) -> Exchange {
        Exchange::Talk(self.clone(), Act::ClientSpeaks)
    }

    #[must_use]
    pub fn server_speaks(&self) -> Exchange {
        Exchange::Talk(self.clone(), Act::ServerSpeaks)
    }

    #[must_use]
    pub fn server_objects(&self) -> Exchange {
        Exchange::Talk(self.clone(), Act::ServerObjects)
    }

    pub(super) fn numbered(self, number: u16) -> Self {
        Self { number, ..self }
    }

    #[must_use]
    pub fn client_port(&self) -> u16 {
        CLIENT_PORTS + self.number
    }

    #[must_use]
    pub fn client_address(&self, topology: &Topology) -> IpAddr {
        self.source
            .unwrap_or_else(|| address_of(topology, &self.client, self.is_ipv6))
    }

    /// The address that the client speaks to.
    #[must_use]
    pub fn server_address(&self, topology: &Topology) -> IpAddr {
        self.target
            .unwrap_or_else(|| address_of(topology, &self.server, self.is_ipv6))
    }

    /// The server's own address: of the two that the outside has the one that it is spoken to by.
    fn own_server_address(&self, topology: &Topology) -> IpAddr {
        let service = address(S3_ADDRESS);
        match self.target {
            Some(target) if self.server == X && target == service => service,
            _ => address_of(topology, &self.server, self.is_ipv6 && !self.is_nat64()),
        }
    }

    /// Whether the client speaks IPv6 to what IPv6 has IPv4 as (semantics 10.8).
    fn is_nat64(&self) -> bool {
        matches!(self.target, Some(IpAddr::V6(target)) if target.segments()[..6] == NAT64)
    }

    /// A packet from the client, without link addresses.
    #[must_use]
    pub fn from_client(&self, topology: &Topology, tcp_flags: u8) -> Packet {
        let packet = match self.protocol {
            Protocol::Ping if self.is_ipv6 => Packet::ping6(self.client_port()),
            Protocol::Ping => Packet::ping(self.client_port()),
            _ => self.packet(tcp_flags),
        };
        packet
            .ip_from(self.client_address(topology), self.client_port())
            .ip_to(self.server_address(topology), self.port)
    }

    /// A packet from the server, likewise.
    #[must_use]
    pub fn from_server(&self, topology: &Topology, tcp_flags: u8) -> Packet {
        self.answer(self.untranslated(topology), tcp_flags)
    }

    /// What the server sees if nothing is translated but what the client speaks to.
    pub(super) fn untranslated(&self, topology: &Topology) -> Seen {
        Seen {
            client: self.client_address(topology),
            port: self.client_port(),
            server: self.own_server_address(topology),
        }
    }

    /// What the server has seen of a packet that arrived.
    pub(super) fn seen(&self, arrived: &Parsed) -> Seen {
        let (first, second) = arrived.ports;
        Seen {
            client: arrived.src.into(),
            port: if self.protocol == Protocol::Ping { second } else { first },
            server: arrived.dst.into(),
        }
    }

    /// A packet from the server to whom it has seen.
    pub(super) fn answer(&self, seen: Seen, tcp_flags: u8) -> Packet {
        let packet = match self.protocol {
            Protocol::Ping if self.is_ipv6 => Packet::pong6(seen.port),
            Protocol::Ping => Packet::pong(seen.port),
            _ => self.packet(tcp_flags),
        };
        let packet = packet.ip_from(seen.server, self.server_port());
        packet.ip_to(seen.client, seen.port)
    }

    /// An ICMP error from the server about what it has seen.
    pub(super) fn objection(&self, seen: Seen) -> Packet {
        let about = self.packet(flag::ACK).dont_fragment();
        let about = about
            .ip_from(seen.client, seen.port)
            .ip_to(seen.server, self.server_port());
        let error = Packet::icmp_error(3, 4, &about).mtu(1400);
        error.ip_from(seen.server, 0).ip_to(seen.client, 0)
    }

    fn packet(&self, tcp_flags: u8) -> Packet {
        match self.protocol {
            Protocol::Tcp => Packet::tcp().flags(tcp_flags),
            Protocol::Udp => Packet::udp().payload(b"said"),
            Protocol::Ping => Packet::ping(self.client_port()),
            Protocol::Other(number) => Packet::protocol(number).payload(&[0; 8]),
        }
    }

    /// The packets of an act: who sends each, the client or not, and with which TCP flags.
    pub(super) fn packets(&self, act: Act) -> &'static [(bool, u8)] {
        match (act, self.protocol) {
            (Act::Opens, Protocol::Tcp) => &[(true, flag::SYN), (false, flag::SYN | flag::ACK), (true, flag::ACK)],
            (Act::Opens, _) => &[(true, 0), (false, 0)],
            (Act::ClientSpeaks, _) => &[(true, flag::PSH | flag::ACK)],
            (Act::ServerSpeaks | Act::ServerObjects, _) => &[(false, flag::PSH | flag::ACK)],
        }
    }
}

/// Somebody's own address.
fn address_of(topology: &Topology, guest: &str, is_ipv6: bool) -> IpAddr {
    if guest == X {
        return address(OUTSIDE[usize::from(is_ipv6)]);
    }
    if topology.integration_named(guest).is_some() {
        return SERVICE.into();
    }
    let guest = topology.guest(guest);
    match guest.ip6 {
        Some(address) if is_ipv6 => address.into(),
        _ => guest.ip.into(),
    }
}

impl Exchange {
    /// Who may send packets.
    pub(super) fn speakers(&self) -> Vec<&str> {
        match self {
            Self::Talk(flow, _) => vec![&flow.client, &flow.server],
            Self::Only { from, .. } | Self::Many { from, .. } => vec![from],
        }
    }
}

impl From<Flow> for Exchange {
    fn from(flow: Flow) -> Self {
        Self::Talk(flow, Act::Opens)
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Only { from, to, packet } => write!(f, "one packet from {from} to {to}: {packet:?}"),
            Self::Many { from, to, packets } => write!(f, "{} packets from {from} to {to}", packets.len()),
            Self::Talk(flow, act) => {
                let Flow {
                    client, server, port, ..
                } = flow;
                write!(f, "{:?} from {client} to {server}, port {port}, {act:?}", flow.protocol)
            }
        }
    }
}
