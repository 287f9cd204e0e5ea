//! What is being done just now, and the wish to stop.

use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tokio::signal::unix::{SignalKind, signal};

/// One line that overwrites itself, for eyes only.
pub(super) fn show(step: &str) {
    if stderr().is_terminal() {
        eprint!("\r\x1b[2K{step} …");
        // It is no matter if the terminal doesn't get it.
        let _ = stderr().flush();
    }
}

pub(super) fn clear() {
    if stderr().is_terminal() {
        eprint!("\r\x1b[2K");
    }
}

/// A flag that interrupt and termination set from now on. What was begun is then undone instead of left half made.
pub(super) fn interrupted() -> std::io::Result<&'static AtomicBool> {
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
