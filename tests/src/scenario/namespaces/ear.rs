//! What arrives at a guest, before its own kernel makes anything of it.

use crate::appliance::GENEVE;
use crate::packet::{Packet, Parsed, checksum, flag};
use crate::scenario::arrival::{Arrival, ETHERNET, is_error, port};
use crate::scenario::expected::Seen;
use crate::scenario::{Flow, Protocol};
use crate::topology::Topology;
use anyhow::{Context as _, Result};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read as _};

const ETH_P_IP: u16 = 0x0800;
const ETH_P_IPV6: u16 = 0x86dd;
const UDP: u8 = 17;
/// With the options of a Gateway Load Balancer.
const GENEVE_HEADER: usize = 40;
/// Without options.
const IP_HEADER: usize = 20;
/// Of IPv4, and of IPv6.
const ICMP: [u8; 2] = [1, 58];

/// Listens in the namespace that it was opened in.
#[derive(Debug)]
pub(super) struct Ear([(u16, Socket); 2]);

/// A packet that arrived, its checksums right.
#[derive(Debug)]
pub(super) struct Heard {
    parsed: Parsed,
    /// Nobody has looked at the MAC addresses, so they are zero.
    frame: Vec<u8>,
}

/// Whose packets of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Client,
    Server,
}

impl Ear {
    pub(super) fn open() -> Result<Self> {
        // A socket for one ethertype gets what arrives, and not what the guest itself sends.
        let open = |ethertype: u16| -> Result<_> {
            let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(i32::from(ethertype.to_be()).into()))?;
            socket.set_nonblocking(true)?;
            Ok((ethertype, socket))
        };
        Ok(Self([open(ETH_P_IP)?, open(ETH_P_IPV6)?]))
    }

    /// All that arrived since it was asked last.
    pub(super) fn heard(&self) -> Result<Vec<Heard>> {
        let mut heard = Vec::new();
        let mut buffer = vec![0; 65_536];
        for (ethertype, socket) in &self.0 {
            let mut socket = socket;
            loop {
                match socket.read(&mut buffer) {
                    Ok(len) => heard.push(Heard::read(*ethertype, &buffer[..len])?),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(heard)
    }
}

/// The packet that is heard in so many fragments, each no larger than an internet gateway lets through.
pub(super) fn together(heard: &[Heard], fragments: usize) -> Result<Option<Heard>> {
    let mut pieces: Vec<_> = heard.iter().filter_map(Heard::fragment).collect();
    pieces.sort_unstable();
    let payload: Vec<_> = pieces
        .iter()
        .flat_map(|(_, packet)| &packet[IP_HEADER..])
        .copied()
        .collect();
    let mut whole = match pieces.first() {
        Some((0, first)) if pieces.len() == fragments => first[..IP_HEADER].to_vec(),
        _ => return Ok(None),
    };
    let len = u16::try_from(IP_HEADER + payload.len())?;
    whole[2..4].copy_from_slice(&len.to_be_bytes());
    whole[6..8].fill(0);
    whole[10..12].fill(0);
    let sum = checksum(&whole);
    whole[10..12].copy_from_slice(&sum.to_be_bytes());
    whole.extend(payload);
    Heard::read(ETH_P_IP, &whole).map(Some)
}

impl Heard {
    /// Where it stands in the packet that it is a fragment of, if it is one, and its bytes.
    fn fragment(&self) -> Option<(u16, &[u8])> {
        const MORE: u16 = 0x2000;
        const OFFSET: u16 = 0x1fff;
        let packet = self.frame.get(ETHERNET..).filter(|packet| packet.len() <= 1500)?;
        let field = u16::from_be_bytes([*packet.get(6)?, *packet.get(7)?]);
        let is_fragment = self.parsed.ethertype == ETH_P_IP && field & (MORE | OFFSET) != 0;
        is_fragment.then_some((field & OFFSET, packet))
    }

    /// What is in GENEVE is what an appliance gets.
    fn read(ethertype: u16, packet: &[u8]) -> Result<Self> {
        let frame = [&[0; ETHERNET - 2], &ethertype.to_be_bytes()[..], packet].concat();
        let parsed = Parsed::read(&frame).with_context(|| format!("a guest gets {packet:02x?}"))?;
        match parsed.payload.get(..GENEVE_HEADER) {
            Some(&[8, 0, high, low, ..]) if parsed.protocol == UDP && parsed.ports.1 == GENEVE => {
                let inner = &parsed.payload[GENEVE_HEADER..];
                Self::read(u16::from_be_bytes([high, low]), inner)
            }
            _ => Ok(Self { parsed, frame }),
        }
    }

    pub(super) fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Whether it is this packet by a name that its sender has where it arrives.
    pub(super) fn is(&self, sent: &Packet, seen: Option<Seen>) -> bool {
        let frame = sent.build();
        if seen.is_none() && self.is_copy(&frame) {
            return true;
        }
        let is_translated =
            Parsed::read(&frame).is_ok_and(|sent| (sent.src, sent.dst) != (self.parsed.src, self.parsed.dst));
        let arrival = self.arrival();
        is_translated && arrival.ensure_says(sent).is_ok() && arrival.ensure_seen(sent, seen).is_ok()
    }

    /// Whether it is this packet, but for what the sender's kernel fills in: identification and checksum of IPv4.
    fn is_copy(&self, frame: &[u8]) -> bool {
        let told = |bytes: &[u8]| {
            let mut bytes = bytes.get(ETHERNET..).unwrap_or_default().to_vec();
            let filled_in = if self.parsed.ethertype == ETH_P_IP {
                &[4, 5, 10, 11][..]
            } else {
                &[]
            };
            for at in filled_in {
                bytes.get_mut(*at).into_iter().for_each(|byte| *byte = 0);
            }
            bytes
        };
        told(&self.frame) == told(frame)
    }

    /// Whether it is a packet of a flow that one side has sent, as either side sees it.
    pub(super) fn is_of(&self, flow: &Flow, topology: &Topology, sender: Whose) -> bool {
        let own = flow.untranslated(topology);
        let (src, dst) = (self.parsed.src.0, self.parsed.dst.0);
        let (server, client) = match sender {
            Whose::Client => ((dst, self.parsed.ports.1), (src, self.parsed.ports.0)),
            Whose::Server => ((src, self.parsed.ports.0), (dst, self.parsed.ports.1)),
        };
        let is_port = [flow.port, flow.server_port()].contains(&server.1);
        let is_server = [own.server, flow.server_address(topology)].contains(&server.0);
        // Whose address isn't the client's own is translated, and its port may be.
        let is_own = client.0 == own.client;
        let is_said = match flow.protocol {
            Protocol::Tcp => self.parsed.protocol == 6 && is_port && (!is_own || client.1 == own.port),
            Protocol::Udp => self.parsed.protocol == 17 && is_port && (!is_own || client.1 == own.port),
            Protocol::Ping => self.is_echo(flow, sender) && (!is_own || port(&self.parsed) == own.port),
            Protocol::Other(number) => self.parsed.protocol == number,
        };
        is_server && is_said
    }

    /// A request of a client's, or a server's reply.
    fn is_echo(&self, flow: &Flow, sender: Whose) -> bool {
        let icmp_type = match (flow.is_ipv6, sender) {
            (false, Whose::Client) => 8,
            (false, Whose::Server) => 0,
            (true, Whose::Client) => 128,
            (true, Whose::Server) => 129,
        };
        self.parsed.protocol == ICMP[usize::from(flow.is_ipv6)] && self.parsed.ports.0 == icmp_type << 8
    }

    /// Whether it is what the server says that doesn't take what the client has sent.
    pub(super) fn is_objection(&self, flow: &Flow, topology: &Topology) -> bool {
        is_error(&self.parsed) && self.arrival().ensure_answers(flow, topology).is_ok()
    }

    /// Whether it tells whoever gets it that something it has sent doesn't go on.
    pub(super) fn is_refusal(&self) -> bool {
        let icmp_type = self.parsed.ports.0 >> 8;
        match self.parsed.protocol {
            1 => matches!(icmp_type, 3 | 11 | 12),
            58 => icmp_type < 128,
            6 => self.parsed.tcp_flags & flag::RST != 0,
            _ => false,
        }
    }

    /// As whom the server sees the client of a flow.
    pub(super) fn seen(&self, flow: &Flow) -> crate::scenario::exchange::Seen {
        flow.seen(&self.parsed)
    }

    /// The port that it is from, or a ping's identifier.
    pub(super) fn port(&self) -> u16 {
        port(&self.parsed)
    }

    pub(super) fn ensure_seen(&self, sent: &Packet, seen: Option<Seen>) -> Result<()> {
        self.arrival().ensure_seen(sent, seen)
    }

    fn arrival(&self) -> Arrival {
        Arrival {
            at: String::new(),
            through: Vec::new(),
            frame: self.frame.clone(),
        }
    }
}
