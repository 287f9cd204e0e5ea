//! Who is told of what is being done, and may ask for it to stop.

use std::sync::atomic::{AtomicBool, Ordering};

/// A listener to long work.
pub trait Progress: Sync {
    /// A step begins.
    fn step(&self, what: &str);

    /// So many of the step's parts are done.
    fn counted(&self, _done: usize, _all: usize) {}

    /// Looked at between steps until the configuration is in force: once it is set, what has been done is undone.
    fn is_interrupted(&self) -> bool {
        false
    }
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn step(&self, _what: &str) {}
}

/// Shows steps, and stops when a flag is set.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a, F> {
    pub show: F,
    pub interrupted: &'a AtomicBool,
}

impl<F: Fn(&str) + Sync> Progress for Watched<'_, F> {
    fn step(&self, what: &str) {
        (self.show)(what);
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}
