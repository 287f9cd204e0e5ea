//! The sockets of a conversation. A socket stays in the namespace that it was made in, whoever uses it.

use crate::netns::eventually;
use crate::scenario::{Flow, Protocol};
use crate::topology::Topology;
use anyhow::{Context as _, Result, bail};
use groundplane::document::Listen;
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Somebody who waits for connections.
#[derive(Debug)]
pub(super) struct Listener(Socket);

/// Both ends of a conversation. Whoever doesn't listen for connections learns from what it hears whom it talks to.
#[derive(Debug)]
pub(super) struct Ends {
    client: Socket,
    server: Socket,
    /// Whether the server's end knows the other one.
    is_met: bool,
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
    /// Of a connection.
    pub(super) fn of(client: Socket, server: Socket) -> Self {
        Self {
            client,
            server,
            is_met: true,
            said: 0,
        }
    }

    /// Of anything else: its two sockets.
    pub(super) fn new(client: Socket, server: Socket) -> Self {
        Self {
            is_met: false,
            ..Self::of(client, server)
        }
    }

    pub(super) fn client_says(&mut self, patience: Duration) -> Result<bool> {
        self.said += 1;
        if !self.is_met {
            return self.meet(patience);
        }
        says(&self.client, &self.server, self.said, patience)
    }

    pub(super) fn server_says(&mut self, patience: Duration) -> Result<bool> {
        self.said += 1;
        says(&self.server, &self.client, self.said, patience)
    }

    /// The client says the first thing.
    fn meet(&mut self, patience: Duration) -> Result<bool> {
        (&self.client).write_all(&self.said.to_be_bytes())?;
        // The standard library tells a datagram's sender, of raw sockets as well.
        let server = UdpSocket::from(self.server.try_clone()?);
        server.set_read_timeout(Some(patience))?;
        match server.recv_from(&mut [0; 256]) {
            Ok((_, client)) => {
                server.connect(client)?;
                self.is_met = true;
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(false),
            Err(error) => Err(error).context("hear"),
        }
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

/// Connects to a socket of the agent's, which takes everybody in. That it listens may take a moment.
pub(super) fn call(listen: &Listen) -> Result<Socket> {
    let Listen::Tcp(address) = listen else {
        bail!("no scenario has a file");
    };
    let socket = Socket::new(Domain::for_address(*address), Type::STREAM, None)?;
    eventually(|| Ok(socket.connect(&(*address).into()).is_ok()))?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

/// The client's end of anything but TCP.
pub(super) fn client(flow: &Flow, topology: &Topology) -> Result<Socket> {
    let socket = datagram(flow, (flow.client_address(topology), flow.client_port()))?;
    let server = SocketAddr::new(flow.server_address(topology), flow.port);
    socket.connect(&server.into())?;
    Ok(socket)
}

/// The server's end of anything but TCP.
pub(super) fn server(flow: &Flow, topology: &Topology) -> Result<Socket> {
    datagram(flow, (flow.untranslated(topology).server, flow.server_port()))
}

fn datagram(flow: &Flow, (address, port): (IpAddr, u16)) -> Result<Socket> {
    if matches!(flow.protocol, Protocol::Tcp | Protocol::Ping) {
        bail!("{:?} has no such sockets", flow.protocol);
    }
    bound(flow.protocol, address, port)
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

/// Sends a packet, IP header and all.
pub(super) fn send_raw(packet: &[u8]) -> Result<()> {
    const IPPROTO_RAW: i32 = 255;
    let destination: IpAddr = if packet.first().context("an IP header")? >> 4 == 4 {
        let octets = packet.get(16..20).context("an IPv4 header")?;
        <[u8; 4]>::try_from(octets)?.into()
    } else {
        let octets = packet.get(24..40).context("an IPv6 header")?;
        <[u8; 16]>::try_from(octets)?.into()
    };
    let destination = SocketAddr::new(destination, 0);
    let socket = Socket::new(Domain::for_address(destination), Type::RAW, Some(IPPROTO_RAW.into()))?;
    socket.set_broadcast(true)?;
    socket.send_to(packet, &destination.into())?;
    Ok(())
}
