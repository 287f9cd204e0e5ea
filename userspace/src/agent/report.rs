//! What the agent tells of itself beside what the kernel has.

use crate::install::Adopted;
use crate::status::Status;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Written by who works, read by who asks.
#[derive(Clone, Debug)]
pub(super) struct Report(Arc<Mutex<About>>);

/// The agent itself.
#[derive(Clone, Debug, Serialize)]
pub(super) struct About {
    version: &'static str,
    pid: u32,
    /// Which host it has in hand: whoever means another one must not ask this agent.
    state_dir: PathBuf,
    /// In seconds since 1970, as all times here.
    started: u64,
    /// What was found at the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    adopted: Option<Adopted>,
    /// The last thing that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Last>,
}

#[derive(Clone, Debug, Serialize)]
struct Last {
    what: String,
    time: u64,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The answer to `GET /v1/status`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct AgentStatus {
    #[serde(flatten)]
    status: Status,
    agent: About,
}

impl Report {
    pub(super) fn new(state_dir: &Path) -> Self {
        Self(Arc::new(Mutex::new(About {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            state_dir: state_dir.to_owned(),
            started: now(),
            adopted: None,
            last: None,
        })))
    }

    pub(super) fn adopted(&self, adopted: Adopted) {
        self.about().adopted = Some(adopted);
    }

    /// Whether the host has been taken over yet.
    pub(super) fn has_adopted(&self) -> bool {
        self.about().adopted.is_some()
    }

    pub(super) fn note(&self, what: &str, error: Option<String>) {
        self.about().last = Some(Last {
            what: what.to_owned(),
            time: now(),
            error,
        });
    }

    pub(super) fn on(&self, status: Status) -> AgentStatus {
        AgentStatus {
            status,
            agent: self.about().clone(),
        }
    }

    fn about(&self) -> MutexGuard<'_, About> {
        // Nothing that is written here can be half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for AgentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let About { version, pid, last, .. } = &self.agent;
        writeln!(f, "{}\n", self.status)?;
        write!(f, "Agent {version}, process {pid}")?;
        match last {
            Some(Last {
                what,
                error: Some(error),
                ..
            }) => write!(f, "; the last {what} failed: {error}"),
            Some(Last { what, error: None, .. }) => write!(f, "; the last {what} was done"),
            None => Ok(()),
        }
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}
