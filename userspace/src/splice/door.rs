//! A door: takes in whoever connects to its socket, up to its limit.

use super::counters::Counters;
use super::socket::Socket;
use super::stream::{Client, carry};
use crate::document::Listen;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long to wait when nobody can be taken in, such as because there are too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Who is behind, and for how many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) behind: Arc<[SocketAddr]>,
    pub(super) connections: u32,
}

/// A socket with what is behind it. What is behind may change; who is connected stays.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) listen: Listen,
    pub(super) socket: Socket,
    pub(super) settings: watch::Receiver<Settings>,
    pub(super) counters: Arc<Counters>,
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Of the runtime that this is called in.
    fn of(socket: &Socket) -> io::Result<Self> {
        Ok(match socket {
            Socket::Tcp(listener) => Self::Tcp(TcpListener::from_std(listener.try_clone()?)?),
            Socket::Unix(listener) => Self::Unix(UnixListener::from_std(listener.try_clone()?)?),
        })
    }

    async fn accept(&self) -> io::Result<Client> {
        Ok(match self {
            Self::Tcp(listener) => Client::Tcp(listener.accept().await?.0),
            Self::Unix(listener) => Client::Unix(listener.accept().await?.0),
        })
    }
}

impl Door {
    /// Takes in whoever comes, until this isn't asked for any more, which ends all connections.
    /// `room` is what all doors have together.
    pub(super) async fn attend(self: Arc<Self>, room: Arc<Semaphore>) {
        let listener = loop {
            match Listener::of(&self.socket) {
                Ok(listener) => break listener,
                Err(error) => tracing::error!(%error, "nobody can be taken in at {}", self.listen),
            }
            sleep(PAUSE * 50).await;
        };
        let mut running = JoinSet::new();
        let mut turn = 0_usize;
        loop {
            tokio::select! {
                came = listener.accept() => match came {
                    Ok(client) => {
                        turn = turn.wrapping_add(1);
                        self.take_in(client, turn, (&mut running, &room));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "nobody can be taken in at {}", self.listen);
                        sleep(PAUSE).await;
                    }
                },
                Some(_) = running.join_next() => {}
            }
        }
    }

    fn take_in(&self, client: Client, turn: usize, (running, room): (&mut JoinSet<()>, &Arc<Semaphore>)) {
        self.counters.accepted.fetch_add(1, Relaxed);
        let Settings { behind, connections } = self.settings.borrow().clone();
        let place = Arc::clone(room).try_acquire_owned().ok();
        let Some(place) = place.filter(|_| running.len() < connections as usize) else {
            self.counters.refused.fetch_add(1, Relaxed);
            return client.reset();
        };
        let counters = Arc::clone(&self.counters);
        running.spawn(async move {
            let (_open, _place) = (counters.opens(), place);
            carry(client, &in_turn(&behind, turn), &counters).await;
        });
    }
}

/// Those behind, another one first each time.
fn in_turn(behind: &[SocketAddr], turn: usize) -> Vec<SocketAddr> {
    let first = turn.checked_rem(behind.len()).unwrap_or_default();
    let (before, after) = behind.split_at_checked(first).unwrap_or_default();
    [after, before].concat()
}
