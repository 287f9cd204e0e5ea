//! What is being done just now, and the wish to stop.

use groundplane::install::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// One line at the bottom of a terminal; elsewhere, nothing. It goes when this is dropped.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    interrupted: &'static AtomicBool,
}

impl Bar {
    /// From now on, interrupt and termination are wishes to stop.
    pub(super) fn new() -> io::Result<Self> {
        const TICK: Duration = Duration::from_millis(120);
        // Hides itself where standard error is no terminal.
        let bar = ProgressBar::no_length();
        bar.enable_steady_tick(TICK);
        Ok(Self {
            bar,
            interrupted: interrupted()?,
        })
    }

    /// The flag that is set when somebody wishes to stop.
    pub(super) const fn interrupted(&self) -> &'static AtomicBool {
        self.interrupted
    }

    fn style(&self, template: &str) {
        // The templates stand here, and a wrong one shows itself on every terminal.
        self.bar
            .set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner()));
    }
}

impl Progress for Bar {
    fn step(&self, what: &str) {
        self.bar.unset_length();
        self.style("{spinner} {msg} …");
        self.bar.set_message(what.to_owned());
    }

    fn counted(&self, done: usize, all: usize) {
        if self.bar.length().is_none() {
            self.style("{spinner} {msg} {wide_bar} {pos} of {len}");
        }
        self.bar.set_length(all as u64);
        self.bar.set_position(done as u64);
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A flag that interrupt and termination set from now on. What was begun is then undone instead of left half made.
pub(super) fn interrupted() -> io::Result<&'static AtomicBool> {
    static INTERRUPTED: AtomicBool = AtomicBool::new(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate) = {
        let _context = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        INTERRUPTED.store(true, Ordering::Relaxed);
    });
    Ok(&INTERRUPTED)
}
