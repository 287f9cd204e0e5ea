//! A TCP connection between two guests on which something is said all the time.

use super::Lab;
use anyhow::{Context, Result, anyhow};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

/// Longer than TCP needs to say something again, and shorter than a test.
const PATIENCE: Duration = Duration::from_secs(30);

/// The connection. A guest says a number, the other one says it again, and so on until the end.
#[derive(Debug)]
pub struct Talk {
    rounds: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    client: JoinHandle<Result<Duration>>,
    server: JoinHandle<Result<()>>,
    pace: JoinHandle<Duration>,
}

impl Talk {
    /// Connects one guest with another one at an address with a port.
    pub fn start(lab: &Lab, from: &str, to: &str, address: &str) -> Result<Self> {
        let listener = lab.inside(to, || Ok(TcpListener::bind(address)?))?;
        // A socket stays in the namespace it was made in, whoever uses it.
        let server = spawn(move || answer(&listener));
        let stream = lab
            .inside(from, || Ok(TcpStream::connect_timeout(&address.parse()?, PATIENCE)?))
            .with_context(|| format!("{from} doesn't reach {address}"))?;
        let (rounds, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, ended) = (Arc::clone(&rounds), Arc::clone(&over));
        let client = spawn(move || ask(stream, &counted, &ended));
        let ended = Arc::clone(&over);
        let pace = spawn(move || worst_pause(&ended));
        Ok(Self {
            rounds,
            over,
            client,
            server,
            pace,
        })
    }

    /// How often something has been said and answered.
    #[must_use]
    pub fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Ends the talk, which must have gone well, and says how long its slowest round took, apart from what the machine
    /// stood still meanwhile.
    pub fn end(self) -> Result<Duration> {
        self.over.store(true, Ordering::Relaxed);
        let panicked = |_| anyhow!("a side of the talk panicked");
        let slowest = self.client.join().map_err(panicked)??;
        self.server.join().map_err(panicked)??;
        Ok(slowest.saturating_sub(self.pace.join().map_err(panicked)?))
    }
}

fn ask(mut stream: TcpStream, rounds: &AtomicU64, over: &AtomicBool) -> Result<Duration> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut slowest = Duration::ZERO;
    while !over.load(Ordering::Relaxed) {
        let round = rounds.load(Ordering::Relaxed) + 1;
        let (began, said, mut heard) = (Instant::now(), round.to_be_bytes(), [0; 8]);
        stream.write_all(&said)?;
        stream
            .read_exact(&mut heard)
            .with_context(|| format!("no answer in round {round}"))?;
        anyhow::ensure!(said == heard, "another answer in round {round}");
        slowest = slowest.max(began.elapsed());
        rounds.store(round, Ordering::Relaxed);
        sleep(Duration::from_millis(1));
    }
    Ok(slowest)
}

fn answer(listener: &TcpListener) -> Result<()> {
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut heard = [0; 8];
    loop {
        match stream.read_exact(&mut heard) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        stream.write_all(&heard)?;
    }
}

/// How much longer than it should the longest of many short pauses takes until the end.
fn worst_pause(over: &AtomicBool) -> Duration {
    const PAUSE: Duration = Duration::from_millis(5);
    let mut worst = Duration::ZERO;
    while !over.load(Ordering::Relaxed) {
        let began = Instant::now();
        sleep(PAUSE);
        worst = worst.max(began.elapsed().saturating_sub(PAUSE));
    }
    worst
}
