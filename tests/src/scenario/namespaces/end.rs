//! The sockets of a conversation. A socket stays in the namespace that it was made in, whoever uses it.

use crate::scenario::{Flow, Protocol};
use crate::topology::Topology;
use anyhow::{Context as _, Result, bail};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Somebody who waits for connections.
#[derive(Debug)]
pub(super) struct Listener(Socket);

/// Both ends of a conversation, each connected with the other.
#[derive(Debug)]
pub(super) struct Ends {
    client: Socket,
    server: Socket,
    said: u64,
}

impl Listener {
    pub(super) fn start(address: IpAddr, port: u16) -> Result<Self> {
        let socket = bound(Protocol::Tcp, address, port)?;
        socket.listen(16)?;
        socket.set_nonblocking(true)?;
        Ok(Self(socket))
    }

    pub(super) fn accept(&self, patience: Duration) -> Result<Socket> {
        let start = Instant::now();
        loop {
            match self.0.accept() {
                Ok((socket, _)) => return Ok(socket),
                Err(error) if error.kind() == ErrorKind::WouldBlock && start.elapsed() < patience => {
                    sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Ends {
    pub(super) fn new(client: Socket, server: Socket) -> Self {
        Self {
            client,
            server,
            said: 0,
        }
    }

    pub(super) fn client_says(&mut self, patience: Duration) -> Result<bool> {
        self.said += 1;
        says(&self.client, &self.server, self.said, patience)
    }

    pub(super) fn server_says(&mut self, patience: Duration) -> Result<bool> {
        self.said += 1;
        says(&self.server, &self.client, self.said, patience)
    }
}

/// Whether what one says is what the other hears within a time.
fn says(mut speaker: &Socket, mut listener: &Socket, word: u64, patience: Duration) -> Result<bool> {
    let (word, mut heard, start) = (word.to_be_bytes(), [0; 256], Instant::now());
    speaker.write_all(&word)?;
    while let Some(left) = patience.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
        listener.set_read_timeout(Some(left))?;
        match listener.read(&mut heard) {
            // A raw socket hears the IP header, too.
            Ok(len) if heard[..len].ends_with(&word) => return Ok(true),
            Ok(0) => bail!("the other end is closed"),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok(false),
            Err(error) => return Err(error).context("hear"),
        }
    }
    Ok(false)
}

/// Opens a connection, if that can be done within a time.
pub(super) fn connect(flow: &Flow, topology: &Topology, patience: Duration) -> Result<Option<Socket>> {
    let socket = bound(flow.protocol, flow.client_address(topology), flow.client_port())?;
    socket.set_tcp_nodelay(true)?;
    let server = SocketAddr::new(flow.server_address(topology), flow.port);
    match socket.connect_timeout(&server.into(), patience) {
        Ok(()) => Ok(Some(socket)),
        Err(error) if error.kind() == ErrorKind::TimedOut => Ok(None),
        Err(error) => Err(error).with_context(|| format!("connect to {server}")),
    }
}

/// The client's end of anything but TCP.
pub(super) fn client(flow: &Flow, topology: &Topology) -> Result<Socket> {
    let (client, server) = (flow.client_address(topology), flow.server_address(topology));
    datagram(flow, (client, flow.client_port()), (server, flow.port))
}

/// The server's end of anything but TCP.
pub(super) fn server(flow: &Flow, topology: &Topology) -> Result<Socket> {
    let (client, server) = (flow.client_address(topology), flow.server_address(topology));
    datagram(flow, (server, flow.port), (client, flow.client_port()))
}

fn datagram(flow: &Flow, own: (IpAddr, u16), other: (IpAddr, u16)) -> Result<Socket> {
    if matches!(flow.protocol, Protocol::Tcp | Protocol::Ping) {
        bail!("{:?} has no such sockets", flow.protocol);
    }
    let socket = bound(flow.protocol, own.0, own.1)?;
    socket.connect(&SocketAddr::from(other).into())?;
    Ok(socket)
}

fn bound(protocol: Protocol, address: IpAddr, port: u16) -> Result<Socket> {
    let (kind, number) = match protocol {
        Protocol::Tcp => (Type::STREAM, 6),
        Protocol::Udp => (Type::DGRAM, 17),
        Protocol::Ping => (Type::RAW, 1),
        Protocol::Other(number) => (Type::RAW, i32::from(number)),
    };
    let address = SocketAddr::new(address, if kind == Type::RAW { 0 } else { port });
    let socket = Socket::new(Domain::for_address(address), kind, Some(number.into()))?;
    socket.set_reuse_address(true)?;
    socket
        .bind(&address.into())
        .with_context(|| format!("bind to {address}"))?;
    Ok(socket)
}

/// Sends an IPv4 packet, header and all.
pub(super) fn send_raw(packet: &[u8]) -> Result<()> {
    const IPPROTO_RAW: i32 = 255;
    let destination = packet.get(16..20).context("an IPv4 header")?;
    let destination = Ipv4Addr::from(<[u8; 4]>::try_from(destination)?);
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(IPPROTO_RAW.into()))?;
    socket.set_broadcast(true)?;
    socket.send_to(packet, &SocketAddr::new(destination.into(), 0).into())?;
    Ok(())
}
