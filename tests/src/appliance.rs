//! An appliance behind a Gateway Load Balancer: what it gets in GENEVE it sends back as it is, or it doesn't.

use anyhow::{Context as _, Result};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

/// Where appliances listen, and where they are asked whether they are well.
pub const GENEVE: u16 = 6081;
const HEALTH: u16 = 80;
/// Where in a datagram the cookie ends: behind the header and two options of eight bytes.
const COOKIE_END: usize = 8 + 12 + 12 + 8;
/// The largest datagram there is.
const LARGEST: usize = 65_536;
/// How soon an appliance ends that is told to.
const SOON: Duration = Duration::from_millis(50);

/// What an appliance does with what it gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    #[default]
    Return,
    Drop,
    ChangeCookie,
}

impl Manner {
    const ALL: [Self; 3] = [Self::Return, Self::Drop, Self::ChangeCookie];

    /// Whether a datagram goes back, which is what is left of it then.
    #[must_use]
    pub fn answers(self, datagram: &mut [u8]) -> bool {
        if self == Self::ChangeCookie
            && let Some(byte) = datagram.get_mut(COOKIE_END - 1)
        {
            *byte = !*byte;
        }
        self != Self::Drop
    }
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    manner: AtomicU8,
    got: AtomicU64,
    returned: AtomicU64,
}

/// One that runs, until it is dropped.
#[derive(Debug)]
pub struct Appliance {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Appliance {
    /// In the network namespace in which it is started.
    pub fn start() -> Result<Self> {
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let socket = UdpSocket::bind((any, GENEVE)).with_context(|| format!("can't listen at UDP port {GENEVE}"))?;
        socket.set_read_timeout(Some(SOON))?;
        let listener =
            TcpListener::bind((any, HEALTH)).with_context(|| format!("can't listen at TCP port {HEALTH}"))?;
        listener.set_nonblocking(true)?;
        let shared = Arc::new(Shared::default());
        let (inspecting, being_well) = (Arc::clone(&shared), Arc::clone(&shared));
        Ok(Self {
            shared,
            threads: vec![
                spawn(move || inspect(&socket, &inspecting)),
                spawn(move || be_well(&listener, &being_well)),
            ],
        })
    }

    pub fn behave(&self, manner: Manner) {
        self.shared.manner.store(manner as u8, Ordering::Relaxed);
    }

    /// How many packets it has got, and how many of these it has sent back.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.shared.got), count(&self.shared.returned))
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that has panicked has said so.
            _ = thread.join();
        }
    }
}

fn inspect(socket: &UdpSocket, shared: &Shared) {
    let mut buffer = vec![0; LARGEST];
    while !shared.is_over.load(Ordering::Relaxed) {
        let Ok((len, node)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        shared.got.fetch_add(1, Ordering::Relaxed);
        let manner = usize::from(shared.manner.load(Ordering::Relaxed));
        let manner = Manner::ALL.get(manner).copied().unwrap_or_default();
        let Some(datagram) = buffer.get_mut(..len).filter(|datagram| !datagram.is_empty()) else {
            continue;
        };
        if manner.answers(datagram) && socket.send_to(datagram, SocketAddr::new(node.ip(), GENEVE)).is_ok() {
            shared.returned.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whoever connects is told by that alone that the appliance is well.
fn be_well(listener: &TcpListener, shared: &Shared) {
    while !shared.is_over.load(Ordering::Relaxed) {
        if listener.accept().is_err() {
            sleep(SOON);
        }
    }
}
