//! What systemd is told: that the agent is ready, is reading its configuration anew, is alive, is about to end. Without
//! systemd nobody is told.

use sd_notify::NotifyState;
use std::time::Duration;

/// The configuration is in force.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The documents are being read anew; [`ready`] says that they have been.
pub(super) fn reloading() {
    let mut states = vec![NotifyState::Reloading];
    states.extend(NotifyState::monotonic_usec_now().ok());
    tell(&states);
}

pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

pub(super) fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// Whoever works is alive.
pub(super) fn alive() {
    if watchdog().is_some() {
        tell(&[NotifyState::Watchdog]);
    }
}

/// How often [`alive`] has to be told, at least, if systemd wants to hear it.
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd can't be told");
    }
}
