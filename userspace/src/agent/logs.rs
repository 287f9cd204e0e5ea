//! What the agent tells of itself, on standard error, where systemd's journal picks it up.

use super::config::{Log, LogFormat, LogLevel};
use std::io::IsTerminal as _;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Tells from now on. In a process that tells already, everything stays as it is.
pub fn start(log: Log) {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level(log.level))
        .with_writer(std::io::stderr)
        .with_ansi(colours())
        .with_target(false);
    let started = match log.format {
        LogFormat::Json => subscriber.json().flatten_event(true).finish().try_init(),
        // The journal has times of its own.
        LogFormat::Text if std::env::var_os("JOURNAL_STREAM").is_some() => {
            subscriber.without_time().finish().try_init()
        }
        LogFormat::Text => subscriber.finish().try_init(),
    };
    if let Err(told) = started {
        tracing::debug!("{told}");
    }
}

const fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
