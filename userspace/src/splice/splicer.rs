//! Whoever has connections spliced: the doors, and the thread inside of the namespace in which what is behind them is
//! found.

use super::counters::{Counted, Counters};
use super::door::{Door, Settings};
use super::socket::{File as SocketFile, Socket};
use crate::document::Listen;
use crate::install::{self, AnnexState, Resident};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;

/// A socket that is wanted, and who is behind it in the other namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    pub name: String,
    pub listen: Listen,
    pub behind: Vec<SocketAddr>,
    /// How many connections at a time.
    pub connections: u32,
}

/// How it stands with one that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Why nobody listens, if nobody does.
    pub problem: Option<String>,
    pub counted: Counted,
}

type Doors = Arc<BTreeMap<Listen, Arc<Door>>>;

/// What can be read of all of them, by name.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<BTreeMap<String, Shown>>>);

#[derive(Debug)]
struct Shown {
    problem: Option<String>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
pub struct Splicer {
    board: Board,
    held: BTreeMap<Listen, Held>,
    round: Resident<Doors>,
    /// Some socket could not be listened at.
    is_incomplete: bool,
}

/// A door, and what it is told. The thread may have a door a moment longer than this; its file is gone with this.
#[derive(Debug)]
struct Held {
    door: Arc<Door>,
    settings: watch::Sender<Settings>,
    _file: Option<SocketFile>,
}

impl Splicer {
    /// Has exactly these spliced from now on, by way of an annex. Who is connected by one that stays is not disturbed.
    pub fn splice(&mut self, port: Option<&AnnexState>, wanted: Vec<Splice>) -> install::Result<()> {
        let is_made = port.is_some_and(|port| port.identity.is_some());
        let wanted = if is_made { wanted } else { Vec::new() };
        self.held
            .retain(|listen, _| wanted.iter().any(|one| one.listen == *listen));
        let shown: BTreeMap<_, _> = wanted
            .into_iter()
            .map(|one| (one.name.clone(), self.hold(one)))
            .collect();
        self.is_incomplete = shown.values().any(|one| one.problem.is_some());
        self.board.replace(shown);
        self.tell(port)
    }

    /// Whether it has to be tried again: nobody listens at a socket, or the thread has ended.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.is_incomplete || self.round.has_ended()
    }

    #[must_use]
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// Opens a door, or tells the one that is there who is behind it now.
    fn hold(&mut self, one: Splice) -> Shown {
        let settings = Settings {
            behind: one.behind.into(),
            connections: one.connections,
        };
        if let Some(held) = self.held.get(&one.listen) {
            held.settings.send_replace(settings);
            return Shown {
                problem: None,
                counters: Arc::clone(&held.door.counters),
            };
        }
        let counters = self.board.counters(&one.name);
        let opened = Held::open(one.listen.clone(), settings, Arc::clone(&counters));
        let problem = match opened {
            Ok(held) => {
                self.held.insert(one.listen, held);
                None
            }
            Err(error) => {
                tracing::error!(name = one.name, %error, "can't listen at {}", one.listen);
                Some(format!("can't listen at {}: {error}", one.listen))
            }
        };
        Shown { problem, counters }
    }

    /// Tells the thread which doors there are.
    fn tell(&mut self, port: Option<&AnnexState>) -> install::Result<()> {
        let doors = self.held.iter();
        let doors: BTreeMap<_, _> = doors
            .map(|(listen, held)| (listen.clone(), Arc::clone(&held.door)))
            .collect();
        let doors = Some(doors).filter(|doors| !doors.is_empty());
        self.round.tell("splice", port, doors.map(Arc::new), attend_all)
    }
}

impl Held {
    fn open(listen: Listen, settings: Settings, counters: Arc<Counters>) -> io::Result<Self> {
        let (socket, file) = Socket::bind(&listen)?;
        let (tell, settings) = watch::channel(settings);
        let door = Door {
            listen,
            socket,
            settings,
            counters,
        };
        Ok(Self {
            door: Arc::new(door),
            settings: tell,
            _file: file,
        })
    }
}

/// Sockets that are listened at were made before, in another namespace.
async fn attend_all(mut told: watch::Receiver<Doors>) {
    let room = Arc::new(Semaphore::new(room()));
    let mut running: BTreeMap<Listen, (Arc<Door>, AbortHandle)> = BTreeMap::new();
    loop {
        let doors = Arc::clone(&told.borrow_and_update());
        running.retain(|listen, (door, task)| {
            let stays = doors.get(listen).is_some_and(|one| Arc::ptr_eq(one, door));
            if !stays {
                task.abort();
            }
            stays
        });
        for (listen, door) in &*doors {
            if !running.contains_key(listen) {
                let task = tokio::spawn(Arc::clone(door).attend(Arc::clone(&room)));
                running.insert(listen.clone(), (Arc::clone(door), task.abort_handle()));
            }
        }
        drop(doors);
        if told.changed().await.is_err() {
            return;
        }
    }
}

/// How many connections a splicer or a herald may have: each takes two of the files that a process may have open, there
/// are these two, and half of the files are for everything else. The soft limit, which is for programs that can't count
/// above 1024, is raised first.
pub(crate) fn room() -> usize {
    const MOST: u64 = 131_072;
    const LEAST: u64 = 1024;
    let files = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) if soft < hard.min(MOST) => match setrlimit(Resource::RLIMIT_NOFILE, hard.min(MOST), hard) {
            Ok(()) => hard.min(MOST),
            Err(_) => soft,
        },
        Ok((soft, _)) => soft.min(MOST),
        Err(_) => LEAST,
    };
    usize::try_from(files / 8).unwrap_or_default()
}

impl Board {
    /// How it stands with one; nothing of one that isn't wanted.
    #[must_use]
    pub fn state(&self, name: &str) -> Option<State> {
        let shown = self.shown();
        let one = shown.get(name)?;
        Some(State {
            problem: one.problem.clone(),
            counted: one.counters.read(),
        })
    }

    /// What is counted of one already, or new counters.
    fn counters(&self, name: &str) -> Arc<Counters> {
        let shown = self.shown();
        let found = shown.get(name).map(|one| Arc::clone(&one.counters));
        found.unwrap_or_default()
    }

    fn replace(&self, shown: BTreeMap<String, Shown>) {
        *self.shown() = shown;
    }

    fn shown(&self) -> MutexGuard<'_, BTreeMap<String, Shown>> {
        // Nothing that is written here can be half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
