//! The one thread that changes the host. Whoever wants something of the engine sends a piece of work here and waits; it
//! is done in the order in which it was asked for.

use super::{systemd, work};
use crate::api::{Code, Failure, Line};
use crate::health::{Board, Checker};
use crate::herald::Herald;
use crate::install::netns::Identity;
use crate::install::state::Stage;
use crate::install::{self, Adopted, Aliases, Engine, EngineOptions, Progress};
use crate::splice::{self, Splicer};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::sync::{oneshot, watch};

/// How much work may wait. Whoever asks for more is told to come back.
const WAITING: usize = 8;

/// How often an idle worker looks around.
const IDLE: Duration = Duration::from_secs(10);

/// How long to wait until there is room for what has to be done.
pub(super) const BUSY: Duration = Duration::from_millis(200);

type Work = Box<dyn FnOnce(&mut Hand) + Send>;

/// What was found when the host was taken over.
pub(super) type Found = oneshot::Receiver<install::Result<Adopted>>;

/// Where work is handed in.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    work: SyncSender<Work>,
    /// Closed when the thread ends.
    alive: watch::Receiver<()>,
}

/// The engine and what it takes to have one again after everything was taken down.
#[derive(Debug)]
pub(super) struct Hand {
    options: EngineOptions,
    engine: Option<Engine>,
    checker: Checker,
    splicer: Splicer,
    herald: Herald,
    /// What all of them were last told by.
    charged: Option<Charged>,
    stop: Arc<AtomicBool>,
}

/// A generation, and the namespace of the service port.
type Charged = (u64, Option<Identity>);

impl Worker {
    /// Takes the host over on a thread of its own. What was found is told first; without an engine, the thread ends.
    pub(super) fn start(
        options: EngineOptions,
        board: Board,
        stop: Arc<AtomicBool>,
    ) -> io::Result<(Self, Found, JoinHandle<()>)> {
        let (work, waiting) = sync_channel(WAITING);
        let (tell, found) = oneshot::channel();
        let (lives, alive) = watch::channel(());
        let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(move || {
            let _lives = lives;
            let mut hand = Hand {
                options,
                engine: None,
                checker: Checker::new(board),
                splicer: Splicer::default(),
                herald: Herald::default(),
                charged: None,
                stop,
            };
            let opened = hand.open();
            let is_open = opened.is_ok();
            if tell.send(opened).is_ok() && is_open {
                hand.work(&waiting);
            }
        })?;
        Ok((Self { work, alive }, found, thread))
    }

    /// Has a piece of work done, and waits for what comes of it. Once it has begun, it is done also if nobody waits.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Hand) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let (tell, answer) = oneshot::channel();
        let work: Work = Box::new(move |hand| {
            // Whoever asked may have gone.
            let _ = tell.send(work(hand));
        });
        self.hand_in(work)?;
        answer.await.map_err(|_| ended())
    }

    /// Has a piece of work done, and waits for it, outside of the server. Too much else to do: it is tried until it
    /// fits. Whether it was done.
    pub(super) fn insist<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Hand) -> T + Clone + Send + 'static,
    ) -> Option<T> {
        loop {
            let (tell, answer) = oneshot::channel();
            let once = work.clone();
            match self.hand_in(Box::new(move |hand| drop(tell.send(once(hand))))) {
                Ok(()) => return answer.blocking_recv().ok(),
                Err(_) if self.alive.has_changed().is_ok() => std::thread::sleep(BUSY),
                Err(_) => return None,
            }
        }
    }

    /// Has the thread look whether it is to stop, if it waits for work.
    pub(super) fn wake(&self) {
        // With work waiting it looks soon enough.
        let _ = self.work.try_send(Box::new(|_| ()));
    }

    /// Waits until the thread ends.
    pub(super) async fn ended(&self) {
        // Nothing is ever sent: there is only the end to hear of.
        while self.alive.clone().changed().await.is_ok() {}
    }

    fn hand_in(&self, work: Work) -> Result<(), Failure> {
        self.work.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => Failure::new(Code::Unavailable, "too much is waiting to be done; ask again later"),
            TrySendError::Disconnected(_) => ended(),
        })
    }
}

fn ended() -> Failure {
    Failure::new(Code::Unavailable, "the agent is about to end")
}

impl Hand {
    /// Does what is asked for until nobody can ask any more or everything is to stop. The watchdog hears from here, so
    /// that it notices if this thread hangs.
    fn work(&mut self, waiting: &Receiver<Work>) {
        let pause = systemd::watchdog().map_or(IDLE, |limit| limit / 3);
        while !self.is_stopping() {
            systemd::alive();
            match waiting.recv_timeout(pause) {
                Ok(work) => {
                    work(self);
                    self.rest();
                }
                Err(RecvTimeoutError::Timeout) => self.look_around(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Tries again what an earlier change could not do once its configuration was in force, and else looks whether the
    /// uplink still has what it needs of the host: of rules that are gone nobody tells.
    fn look_around(&mut self) {
        match self.engine.as_ref().and_then(Engine::state) {
            Some(state) if state.stage == Stage::Changing => work::reconcile(self),
            Some(_) => work::see_to_surroundings(self),
            None => {}
        }
        self.see_to_targets();
    }

    /// Does what was left for when nobody waits.
    fn rest(&mut self) {
        self.see_to_targets();
        if let Some(engine) = &mut self.engine
            && let Err(error) = engine.catch_up()
        {
            tracing::warn!(%error, "what the next change needs can't be prepared; it will take longer");
        }
    }

    /// Tells the checker whom to look after, and has what it has found out in force: also what could not be put in
    /// force when it was found.
    fn see_to_targets(&mut self) {
        self.charge();
        if self.engine.is_some() {
            work::see_to_health(self);
        }
    }

    /// Tells the checker whom to look after, the splicer whom to let in, and the herald whom to tell of clients, if
    /// that may have changed or could not be done.
    fn charge(&mut self) {
        let engine = self.engine.as_ref();
        let port = engine.and_then(Engine::service_port);
        let generation = engine
            .and_then(Engine::applied)
            .map_or(0, |applied| applied.manifest.generation);
        let now = (generation, port.and_then(|port| port.identity));
        let is_incomplete = self.checker.is_incomplete() || self.splicer.is_incomplete() || self.herald.is_incomplete();
        if self.charged == Some(now) && !is_incomplete {
            return;
        }
        let aliases = engine.map_or_else(|| Ok(Aliases::default()), Engine::aliases);
        let told = aliases.and_then(|aliases| {
            self.checker.look_after(port, aliases.charges)?;
            self.splicer.splice(port, aliases.splices)?;
            self.herald.tell(port, aliases.orders)
        });
        match told {
            Ok(()) => self.charged = Some(now),
            Err(error) => {
                tracing::error!(%error, "targets can't be looked after or told of clients, nor integrations be let in")
            }
        }
    }

    /// What is known of integrations.
    pub(super) const fn doors(&self) -> &splice::Board {
        self.splicer.board()
    }

    /// What is known of targets.
    pub(super) const fn board(&self) -> &Board {
        self.checker.board()
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn open(&mut self) -> install::Result<Adopted> {
        let (engine, adopted) = Engine::open(self.options.clone(), &self.progress(None))?;
        self.engine = Some(engine);
        Ok(adopted)
    }

    /// The engine. After everything was taken down it is a new one.
    pub(super) fn engine(&mut self) -> install::Result<&mut Engine> {
        if self.engine.is_none() {
            self.open()?;
        }
        self.engine.as_mut().ok_or(install::Error::NothingUp)
    }

    /// Takes down what is up. The agent goes on, with nothing up.
    pub(super) fn down(&mut self, tell: &Sender<Line>) -> install::Result<Option<install::state::State>> {
        self.engine()?;
        let progress = self.progress(Some(tell));
        match self.engine.take() {
            Some(engine) => engine.down(&progress),
            None => Ok(None),
        }
    }

    /// What long work tells its steps to.
    pub(super) fn progress(&self, tell: Option<&Sender<Line>>) -> Steps {
        Steps {
            tell: tell.cloned(),
            step: Mutex::default(),
            stop: Arc::clone(&self.stop),
        }
    }

    /// Tells systemd's status what is in force.
    pub(super) fn summarise(&self) {
        let applied = self.engine.as_ref().and_then(Engine::applied);
        let text = applied.map_or("nothing is up".to_owned(), |applied| {
            let enis = applied.deployment.resources.network_interfaces.len();
            format!(
                "generation {} is in force, with {enis} network interfaces",
                applied.manifest.generation
            )
        });
        systemd::status(&text);
    }
}

/// Passes on what is being done, tells the watchdog of it, and asks for it to stop when the agent is to end.
#[derive(Debug)]
pub(super) struct Steps {
    tell: Option<Sender<Line>>,
    step: Mutex<String>,
    stop: Arc<AtomicBool>,
}

impl Steps {
    fn tell(&self, counted: Option<(usize, usize)>) {
        systemd::alive();
        let Some(tell) = &self.tell else { return };
        let step = self.step.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (done, all) = counted.unzip();
        // Who reads slowly misses steps: the work doesn't wait for readers.
        let _ = tell.try_send(Line::Progress { step, done, all });
    }
}

impl Progress for Steps {
    fn step(&self, what: &str) {
        tracing::debug!("{what}");
        what.clone_into(&mut self.step.lock().unwrap_or_else(PoisonError::into_inner));
        self.tell(None);
    }

    fn counted(&self, done: usize, all: usize) {
        self.tell(Some((done, all)));
    }

    fn is_interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
