//! One connection: somebody behind is connected to, and then both hear each other, until each has said that it is done.

use super::counters::Counters;
use nix::sys::socket::{setsockopt, sockopt};
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// How long somebody behind has to answer. A SYN that is lost is sent again after one second, and after two more.
const PATIENCE: Duration = Duration::from_secs(4);
/// How many are asked one after another, if there are several.
const ATTEMPTS: usize = 3;
/// After how many seconds of silence the other end is asked whether it lives, how often, and how many times: what
/// translates addresses on the way forgets a connection that is silent for 350 s.
const SILENCE: u32 = 60;
const AGAIN: u32 = 15;
const TIMES: u32 = 4;
/// How long one direction may be silent once the other has ended. Whoever is gone altogether looks like one who still
/// listens.
const HALF_OPEN: Duration = Duration::from_secs(350);
/// How much is on its way in one direction at a time.
const BUFFER: usize = 16 << 10;

/// Whoever has connected.
#[derive(Debug)]
pub(super) enum Client {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Client {
    /// Ends it as broken connections end.
    pub(super) fn reset(self) {
        if let Self::Tcp(stream) = self {
            // It ends in any case.
            let _ = stream.set_zero_linger();
        }
    }
}

/// Carries a connection to the first of these who answers.
pub(super) async fn carry(client: Client, behind: &[SocketAddr], counters: &Counters) {
    carry_with(client, behind, &[], counters).await;
}

/// Carries a connection to somebody who is told something first.
pub(crate) async fn carry_from(client: TcpStream, behind: SocketAddr, told: &[u8], counters: &Counters) {
    carry_with(Client::Tcp(client), &[behind], told, counters).await;
}

async fn carry_with(client: Client, behind: &[SocketAddr], told: &[u8], counters: &Counters) {
    let connected = connect(behind).await;
    let connected = match connected {
        Ok(mut stream) => tell(&mut stream, told).await.map(|()| stream),
        Err(why) => Err(why),
    };
    let mut stream = match connected {
        Ok(stream) => stream,
        Err(why) => {
            counters.fails(why);
            return client.reset();
        }
    };
    let done = match client {
        Client::Tcp(mut client) => {
            // That it can't be set is no reason to end.
            let _ = prepare(&client);
            let done = splice(&mut client, &mut stream, counters).await;
            if done.is_err() {
                let _ = client.set_zero_linger();
            }
            done
        }
        Client::Unix(mut client) => splice(&mut client, &mut stream, counters).await,
    };
    if done.is_err() {
        let _ = stream.set_zero_linger();
    }
}

async fn connect(behind: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut why = "there is nobody behind it".to_owned();
    for address in behind.iter().take(ATTEMPTS) {
        match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                prepare(&stream).map_err(|error| error.to_string())?;
                return Ok(stream);
            }
            Ok(Err(error)) => why = error.to_string(),
            Err(_) => why = "no answer: `groundplane status` counts what was dropped, and why".to_owned(),
        }
    }
    Err(why)
}

async fn tell(stream: &mut TcpStream, told: &[u8]) -> Result<(), String> {
    stream.write_all(told).await.map_err(|error| error.to_string())
}

/// Without the first one small answers wait for each other; by the others it ends when the other side is gone without a
/// word.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    setsockopt(stream, sockopt::KeepAlive, &true)?;
    setsockopt(stream, sockopt::TcpKeepIdle, &SILENCE)?;
    setsockopt(stream, sockopt::TcpKeepInterval, &AGAIN)?;
    setsockopt(stream, sockopt::TcpKeepCount, &TIMES)?;
    Ok(())
}

/// Until both directions have ended, or one has broken.
async fn splice<C: AsyncRead + AsyncWrite + Unpin>(
    client: &mut C,
    behind: &mut TcpStream,
    counters: &Counters,
) -> io::Result<()> {
    let (from_client, to_client) = tokio::io::split(client);
    let (from_behind, to_behind) = behind.split();
    let is_half_open = AtomicBool::new(false);
    let there = pour(from_client, to_behind, &counters.sent, &is_half_open);
    let back = pour(from_behind, to_client, &counters.received, &is_half_open);
    tokio::try_join!(there, back).map(|_| ())
}

/// One direction, to its end, which is then passed on.
async fn pour(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    count: &AtomicU64,
    is_half_open: &AtomicBool,
) -> io::Result<()> {
    loop {
        let said = match timeout(HALF_OPEN, hear(&mut from)).await {
            Ok(said) => said?,
            Err(silence) if is_half_open.load(Relaxed) => return Err(silence.into()),
            Err(_) => continue,
        };
        if said.is_empty() {
            is_half_open.store(true, Relaxed);
            return to.shutdown().await;
        }
        to.write_all(&said).await?;
        count.fetch_add(said.len() as u64, Relaxed);
    }
}

/// What is said next; nothing at the end. While nobody says anything no memory is held, for thousands may be silent.
async fn hear(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    poll_fn(|context| {
        let mut space = [MaybeUninit::uninit(); BUFFER];
        let mut heard = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut *from).poll_read(context, &mut heard))?;
        Poll::Ready(Ok(heard.filled().to_vec()))
    })
    .await
}
