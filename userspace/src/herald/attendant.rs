//! The thread that speaks to targets in their clients' place, inside of the service port's namespace.

use super::header::header;
use super::orders::Orders;
use crate::install::{self, AnnexState, Client, Resident};
use crate::splice::{Counters, carry_from, room};
use nix::sys::socket::{setsockopt, sockopt};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// How many may wait to be taken in at a port.
const BACKLOG: u32 = 4096;
/// How long to wait when nobody can be taken in, such as because there are too many open files, or listened to.
const PAUSE: Duration = Duration::from_millis(100);

/// Whoever has targets told.
#[derive(Debug, Default)]
pub struct Herald {
    round: Resident<Arc<Orders>>,
}

impl Herald {
    /// Has targets told as these orders say from now on. Who is connected is not disturbed while any port stays.
    pub fn tell(&mut self, port: Option<&AnnexState>, orders: Orders) -> install::Result<()> {
        let orders = Some(orders).filter(|orders| !orders.ports.is_empty());
        self.round.tell("herald", port, orders.map(Arc::new), attend_all)
    }

    /// Whether it has to be told again: its thread has ended.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.round.has_ended()
    }
}

/// Listens at every port there is to be, until nobody asks for any.
async fn attend_all(mut told: watch::Receiver<Arc<Orders>>) {
    let room = Arc::new(Semaphore::new(room()));
    let mut running: BTreeMap<u16, AbortHandle> = BTreeMap::new();
    loop {
        let orders = Arc::clone(&told.borrow_and_update());
        running.retain(|port, task| {
            let stays = orders.ports.contains(port);
            if !stays {
                task.abort();
            }
            stays
        });
        for port in &orders.ports {
            if !running.contains_key(port) {
                let task = tokio::spawn(attend(*port, told.clone(), Arc::clone(&room)));
                running.insert(*port, task.abort_handle());
            }
        }
        drop(orders);
        if told.changed().await.is_err() {
            return;
        }
    }
}

async fn attend(port: u16, told: watch::Receiver<Arc<Orders>>, room: Arc<Semaphore>) {
    let listener = loop {
        match listen(port) {
            Ok(listener) => break listener,
            Err(error) => tracing::error!(port, %error, "nobody listens in the place of targets"),
        }
        sleep(PAUSE * 50).await;
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => match Arc::clone(&room).try_acquire_owned() {
                Ok(place) => {
                    let orders = Arc::clone(&told.borrow());
                    tokio::spawn(async move {
                        serve(stream, &orders).await;
                        drop(place);
                    });
                }
                // It ends in any case.
                Err(_) => _ = stream.set_zero_linger(),
            },
            Err(error) => {
                tracing::warn!(port, %error, "nobody can be taken in");
                sleep(PAUSE).await;
            }
        }
    }
}

/// At every address: the packets that come in here are for targets, whose addresses this namespace doesn't have.
fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    setsockopt(&socket, sockopt::IpTransparent, &true)?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?;
    socket.listen(BACKLOG)
}

/// Speaks to the target in the client's place; resets whom nothing is known of.
async fn serve(stream: TcpStream, orders: &Orders) {
    match introduced(&stream, orders) {
        Some((header, target)) => carry_from(stream, target, &header, &Counters::default()).await,
        None => {
            tracing::debug!(from = ?stream.peer_addr().ok(), "nobody knows who a client is, and it is reset");
            // It ends in any case.
            let _ = stream.set_zero_linger();
        }
    }
}

/// What the target is told, and by which address.
fn introduced(stream: &TcpStream, orders: &Orders) -> Option<(Vec<u8>, SocketAddr)> {
    let (SocketAddr::V4(seen), SocketAddr::V4(target)) = (stream.peer_addr().ok()?, stream.local_addr().ok()?) else {
        return None;
    };
    let Client { door, client, listener } = orders.clients.as_ref()?.find(seen, target)?;
    let door = orders.doors.get(&door)?;
    let alias = *orders.aliases.get(&(door.node, (*target.ip()).into()))?;
    let node = SocketAddrV4::new(door.address, listener);
    let header = header(client, node, door.endpoint.as_deref());
    Some((header, SocketAddr::from((alias, target.port()))))
}
