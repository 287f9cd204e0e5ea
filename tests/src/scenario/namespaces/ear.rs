//! What arrives at a guest, before its own kernel makes anything of it.

use crate::scenario::{Flow, Protocol};
use crate::topology::Topology;
use anyhow::Result;
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read as _};
use std::net::{IpAddr, Ipv6Addr};

const ETH_P_IP: u16 = 0x0800;
const ETH_P_IPV6: u16 = 0x86dd;

/// Listens in the namespace that it was opened in.
#[derive(Debug)]
pub(super) struct Ear([Socket; 2]);

/// A packet that arrived, from its IP header on.
#[derive(Debug)]
pub(super) struct Heard(Vec<u8>);

/// Whose packets of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Client,
    Server,
}

impl Ear {
    pub(super) fn open() -> Result<Self> {
        // A socket for one ethertype gets what arrives, and not what the guest itself sends.
        let open = |ethertype: u16| -> Result<Socket> {
            let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(i32::from(ethertype.to_be()).into()))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        Ok(Self([open(ETH_P_IP)?, open(ETH_P_IPV6)?]))
    }

    /// All that arrived since it was asked last.
    pub(super) fn heard(&self) -> Result<Vec<Heard>> {
        let mut heard = Vec::new();
        let mut buffer = [0; 2048];
        for mut socket in &self.0 {
            loop {
                match socket.read(&mut buffer) {
                    Ok(len) => heard.push(Heard(buffer[..len].to_vec())),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(heard)
    }
}

impl Heard {
    /// Whether it is this IPv4 packet, but for what the sender's kernel fills in: identification and checksum.
    pub(super) fn is_copy(&self, packet: &[u8]) -> bool {
        let told = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            for at in [4, 5, 10, 11] {
                bytes.get_mut(at).into_iter().for_each(|byte| *byte = 0);
            }
            bytes
        };
        told(&self.0) == told(packet)
    }

    /// Whether it is a packet of a flow that one side has sent.
    pub(super) fn is_of(&self, flow: &Flow, topology: &Topology, sender: Whose) -> bool {
        let (client, server) = (flow.client_address(topology), flow.server_address(topology));
        let (protocol, has_ports) = match flow.protocol {
            Protocol::Tcp => (6, true),
            Protocol::Udp => (17, true),
            Protocol::Ping if flow.is_ipv6 => (58, false),
            Protocol::Ping => (1, false),
            Protocol::Other(number) => (number, false),
        };
        let (from, to, ports) = match sender {
            Whose::Client => (client, server, (flow.client_port(), flow.port)),
            Whose::Server => (server, client, (flow.port, flow.client_port())),
        };
        let Some((src, dst, its, payload)) = self.parts() else {
            return false;
        };
        (src, dst, its) == (from, to, protocol) && (!has_ports || ports_of(payload) == Some(ports))
    }

    /// Source, destination, protocol and what the IP header is followed by. Nobody here sends extension headers.
    fn parts(&self) -> Option<(IpAddr, IpAddr, u8, &[u8])> {
        let bytes = &self.0;
        if bytes.first()? >> 4 == 4 {
            let [src, dst] = [12, 16].map(|at| <[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok());
            let header = usize::from(bytes.first()? & 15) * 4;
            return Some((src?.into(), dst?.into(), *bytes.get(9)?, bytes.get(header..)?));
        }
        let [src, dst] = [8, 24].map(|at| Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(at..at + 16)?).ok()?)));
        Some((src?.into(), dst?.into(), *bytes.get(6)?, bytes.get(40..)?))
    }
}

fn ports_of(transport: &[u8]) -> Option<(u16, u16)> {
    let port = |at: usize| Some(u16::from_be_bytes(transport.get(at..at + 2)?.try_into().ok()?));
    Some((port(0)?, port(2)?))
}
