//! The agent: has the host in hand for as long as it lives, answers over its socket, and puts in force what it is told.
//!
//! It is not needed for packets: when it ends, however it ends, connections go on, and the next one takes over.

mod answer;
mod body;
mod changes;
pub mod config;
mod events;
pub mod logs;
mod patient;
mod report;
mod routes;
mod server;
mod socket;
mod systemd;
#[cfg(test)]
mod tests;
mod work;
mod worker;

pub use config::Config;
pub use socket::SocketError;

use crate::api::Failure;
use crate::health::Board;
use crate::install::{self, Adopted, EngineOptions};
use changes::Changes;
use report::Report;
use socket::Socket;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, mpsc, watch};
use work::Job;
use worker::{Found, Worker};

/// How many may listen to drops at the same time: each takes a thread.
const LISTENERS: usize = 16;

/// How many bodies of requests are read at the same time: each may be large.
const BODIES: usize = 2;

/// How many threads ask the kernel what there is.
const READERS: usize = 8;

/// How long the engine has to end once it is told to.
const FAREWELL: Duration = Duration::from_secs(60);

/// The same while it may still wait for somebody else to let go of the host.
const SHORT_FAREWELL: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error(transparent)]
    Install(#[from] install::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The documents it was given can't be put in force, and there is nothing else that is.
    #[error("{0}")]
    Nothing(Failure),
    #[error("the thread that changes the host has ended")]
    EngineEnded,
}

/// What every request needs.
#[derive(Clone, Debug)]
struct Shared {
    worker: Worker,
    report: Report,
    state_dir: Arc<Path>,
    network: Arc<[PathBuf]>,
    listeners: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

/// Runs until it is interrupted or terminated. What is in force stays in force.
pub fn run(config: &Config, engine: EngineOptions) -> Result<(), AgentError> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(READERS)
        .build()?;
    let ended = runtime.block_on(live(config, engine));
    // A reader that is still asking the kernel isn't waited for.
    runtime.shutdown_background();
    ended
}

async fn live(config: &Config, options: EngineOptions) -> Result<(), AgentError> {
    let mut end = End::new()?;
    let mut hangup = signal(SignalKind::hangup())?;
    // Before anything else: whoever is second must not wait for the first one's hold on the host.
    let socket = Socket::bind(&config.socket, config.group.as_deref())?;
    let stop = Arc::new(AtomicBool::new(false));
    let board = Board::default();
    let (worker, found, thread) = Worker::start(options, board.clone(), Arc::clone(&stop))?;
    tokio::spawn(follow(board, worker.clone()));
    let (stopped, stopping) = watch::channel(false);
    let shared = Shared {
        worker,
        report: Report::new(&config.state_dir),
        state_dir: Arc::from(&*config.state_dir),
        network: Arc::from(&*config.network),
        listeners: Arc::new(Semaphore::new(LISTENERS)),
        bodies: Arc::new(Semaphore::new(BODIES)),
        stop: stopping.clone(),
    };
    let server = tokio::spawn(server::serve(socket, routes::routes(shared.clone()), stopping));
    let ended = tokio::select! {
        ended = serve(&shared, found, &mut hangup) => ended,
        () = end.wait() => Ok(()),
    };
    systemd::stopping();
    tracing::info!("the agent ends; what is in force stays in force");
    stop.store(true, Ordering::Relaxed);
    shared.worker.wake();
    // Nobody listens any more: then all have ended already.
    let _ = stopped.send(true);
    let patience = if shared.report.has_adopted() {
        FAREWELL
    } else {
        SHORT_FAREWELL
    };
    drop(shared);
    let _ = server.await;
    finish(thread, patience).await;
    ended
}

/// Takes over what is up, puts the documents in force, and then does what is asked for until the engine ends.
async fn serve(shared: &Shared, found: Found, hangup: &mut Signal) -> Result<(), AgentError> {
    let adopted = found.await.map_err(|_| AgentError::EngineEnded)??;
    tell_adopted(&adopted);
    let (is_up, damaged) = (adopted.generation.is_some(), !adopted.findings.is_empty());
    shared.report.adopted(adopted);
    if is_up {
        let report = shared.report.clone();
        let upgraded = shared.worker.ask(move |hand| work::upgrade(hand, &report)).await;
        upgraded.map_err(|_| AgentError::EngineEnded)?;
    }
    let network = shared.network.to_vec();
    match carry_out(shared, Job::Begin { network, damaged }).await {
        Err(failure) if !is_up => return Err(AgentError::Nothing(failure)),
        // It is logged and in the status; what is in force stays.
        _ => {}
    }
    watch(shared.worker.clone())?;
    systemd::ready();
    tracing::info!(state_dir = %shared.state_dir.display(), "ready");
    loop {
        tokio::select! {
            hung_up = hangup.recv() => hung_up.ok_or(AgentError::EngineEnded)?,
            () = shared.worker.ended() => return Err(AgentError::EngineEnded),
        };
        systemd::reloading();
        // What came of it is logged and in the status; the old configuration is in force if it was refused.
        let _ = carry_out(shared, Job::Reload(shared.network.to_vec())).await;
        systemd::ready();
    }
}

/// Sees to guests that come and go from now on, and to those that did while nobody watched.
fn watch(worker: Worker) -> io::Result<()> {
    let changes = Changes::open()?;
    let look = move || match worker.insist(work::reconcile) {
        Some(()) => ControlFlow::Continue(()),
        None => ControlFlow::Break(()),
    };
    changes.watch(look)
}

/// Has every change of targets' health put in force. Those that come meanwhile are one.
async fn follow(board: Board, worker: Worker) {
    loop {
        board.news().await;
        while worker.ask(work::see_to_health).await.is_err() {
            tokio::time::sleep(worker::BUSY).await;
        }
    }
}

async fn carry_out(shared: &Shared, job: Job) -> Result<serde_json::Value, Failure> {
    // Nobody listens to the steps.
    let (tell, _) = mpsc::channel(1);
    let report = shared.report.clone();
    let done = shared
        .worker
        .ask(move |hand| work::carry_out(hand, job, &report, &tell))
        .await;
    done.and_then(|found| found)
}

fn tell_adopted(adopted: &Adopted) {
    match adopted.generation {
        Some(generation) => tracing::info!(generation, guests = adopted.guests, "took over what is up"),
        None => tracing::info!("nothing was up"),
    }
    for finding in &adopted.findings {
        tracing::warn!("{finding}");
    }
}

/// Waits for the engine to end what it does: a change that isn't in force yet is undone, one that is gets finished.
async fn finish(thread: JoinHandle<()>, patience: Duration) {
    let joined = tokio::task::spawn_blocking(move || thread.join());
    if tokio::time::timeout(patience, joined).await.is_err() {
        tracing::warn!("the engine doesn't end; whoever takes over finishes or undoes what it has begun");
    }
}

/// What ends the agent.
struct End {
    interrupt: Signal,
    terminate: Signal,
}

impl End {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
