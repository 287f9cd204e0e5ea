//! What a door has seen.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Written by the thread that splices, read by whoever asks. Each number is right by itself, not all of them together.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(super) accepted: AtomicU64,
    pub(super) open: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
    failure: Mutex<Option<String>>,
}

/// The same at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Connections that came, and that are there now.
    pub accepted: u64,
    pub open: u64,
    /// Those that were one too many.
    pub refused: u64,
    /// Those for which nobody behind was reached.
    pub failed: u64,
    /// Bytes from whoever connects, and to them.
    pub sent: u64,
    pub received: u64,
    /// Why nobody was reached when that happened last.
    pub last_failure: Option<String>,
}

/// A connection that is there, as long as this is.
#[derive(Debug)]
pub(super) struct Open<'a>(&'a Counters);

impl Counters {
    pub(super) fn opens(&self) -> Open<'_> {
        self.open.fetch_add(1, Relaxed);
        Open(self)
    }

    pub(super) fn fails(&self, why: String) {
        self.failed.fetch_add(1, Relaxed);
        // Nothing that is written here can be half written.
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    pub(super) fn read(&self) -> Counted {
        Counted {
            accepted: self.accepted.load(Relaxed),
            open: self.open.load(Relaxed),
            refused: self.refused.load(Relaxed),
            failed: self.failed.load(Relaxed),
            sent: self.sent.load(Relaxed),
            received: self.received.load(Relaxed),
            last_failure: self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}
