//! Real tools, run inside network namespaces.

use crate::install::error::{Doing as _, Error, Result};
use crate::install::netns;
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// No tool is given more: each is told to end by itself long before.
const PATIENCE: Duration = Duration::from_secs(15);
const MOMENT: Duration = Duration::from_millis(20);

/// A program with its arguments, to be run inside a namespace, or on the host if there is none.
pub(super) fn command(namespace: Option<&str>, words: &[String]) -> Result<Command> {
    let (program, arguments) = words
        .split_first()
        .map_or(("", [].as_slice()), |(first, rest)| (first.as_str(), rest));
    let namespace = namespace.map(netns::open).transpose()?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let prepare = move || {
        // A server must not outlive a probe that is killed.
        set_pdeathsig(Signal::SIGKILL)?;
        match &namespace {
            Some(namespace) => Ok(setns(namespace, CloneFlags::CLONE_NEWNET)?),
            None => io::Result::Ok(()),
        }
    };
    // SAFETY: between fork and exec the closure makes two system calls, and it neither allocates nor takes a lock.
    unsafe { command.pre_exec(prepare) };
    Ok(command)
}

/// Starts a server. Its output goes nowhere, so that it never waits for a reader.
pub(super) fn start(namespace: &str, words: &[String]) -> Result<Child> {
    let mut command = command(Some(namespace), words)?;
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
        .spawn()
        .map_err(|error| explained(words, error))
        .doing(|| describe(words))
}

/// Runs a tool to its end.
pub(super) fn run(namespace: Option<&str>, words: &[String]) -> Result<Output> {
    let mut child = command(namespace, words)?
        .spawn()
        .map_err(|error| explained(words, error))
        .doing(|| describe(words))?;
    let until = Instant::now() + PATIENCE;
    while child.try_wait().doing(|| describe(words))?.is_none() {
        if Instant::now() > until {
            stop(&mut child);
            let error = io::Error::new(io::ErrorKind::TimedOut, "it didn't come to an end");
            return Err(error).doing(|| describe(words));
        }
        thread::sleep(MOMENT);
    }
    // All the tools here say little, less than a pipe holds, so that none has waited for this.
    child.wait_with_output().doing(|| describe(words))
}

pub(super) fn stop(child: &mut Child) {
    // An error means that it has ended already.
    let _ = child.kill();
    let _ = child.wait();
}

/// Waits until somebody in a namespace listens on a TCP port.
pub(super) fn wait_for_listener(namespace: &str, port: u16) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(3);
    while !netns::run(namespace, || sockets().map(|text| has_listener(&text, port)))? {
        if Instant::now() > until {
            let error = io::Error::new(io::ErrorKind::TimedOut, "nobody listens");
            return Err(Error::Io {
                what: format!("start a server on port {port} in {namespace}"),
                error,
            });
        }
        thread::sleep(MOMENT);
    }
    Ok(())
}

/// The TCP sockets of the namespace this thread is in. IPv6 sockets accept IPv4 as well.
fn sockets() -> Result<String> {
    let four = std::fs::read_to_string("/proc/thread-self/net/tcp").doing(|| "read the list of sockets".to_owned())?;
    // A kernel without IPv6 has no such file.
    Ok(four + &std::fs::read_to_string("/proc/thread-self/net/tcp6").unwrap_or_default())
}

fn has_listener(sockets: &str, port: u16) -> bool {
    const LISTEN: &str = "0A";
    let port = format!(":{port:04X}");
    sockets.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().is_some_and(|address| address.ends_with(&port));
        local && fields.nth(1) == Some(LISTEN)
    })
}

fn explained(words: &[String], error: io::Error) -> io::Error {
    let program = words.first().map_or("", |program| program);
    match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(io::ErrorKind::NotFound, format!("{program} is not installed")),
        _ => error,
    }
}

fn describe(words: &[String]) -> String {
    format!("run `{}`", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_told_from_a_connection() {
        let sockets = "  sl  local_address rem_address   st tx_queue rx_queue\n\
                       \x20  0: 00000000:46A0 00000000:0000 0A 00000000:00000000\n\
                       \x20  1: 0A01000A:0050 0B01000A:D431 01 00000000:00000000\n";
        assert!(has_listener(sockets, 0x46a0));
        assert!(!has_listener(sockets, 80), "an established connection is no listener");
        assert!(!has_listener(sockets, 0x6a0));
    }

    #[test]
    fn a_missing_tool_is_named() {
        let error = run(None, &["groundplane-no-such-tool".to_owned()]).unwrap_err();
        assert!(
            error.to_string().ends_with("groundplane-no-such-tool is not installed"),
            "{error}"
        );
    }

    #[test]
    fn what_a_tool_says_comes_back() {
        let output = run(None, &["echo".to_owned(), "well".to_owned()]).unwrap();
        assert_eq!(output.stdout, b"well\n");
    }
}
