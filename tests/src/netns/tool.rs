//! Real tools: run to their end, or in the background for as long as a test needs them.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longer than anything a test waits for; whatever takes longer hangs.
const LIMIT: &str = "180";

/// What a tool said.
#[derive(Clone, Debug)]
pub struct Output {
    command: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// The same, if the tool said that all went well.
    pub fn success(self) -> Result<Self> {
        ensure!(self.code == Some(0), "{self}");
        Ok(self)
    }

    /// The same, if the tool said that something was wrong.
    pub fn failure(self) -> Result<Self> {
        ensure!(self.code != Some(0), "should have failed: {self}");
        Ok(self)
    }

    pub fn json(self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("no JSON: {self}"))
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} ended with {:?}", self.command, self.code)?;
        write!(f, "{}{}", self.stdout, self.stderr)
    }
}

/// A tool in a namespace. `nsenter` rather than `ip netns exec`, which hides bpffs behind a mount of its own.
pub(super) fn inside(namespace: &str, program: &Path) -> Command {
    let mut command = Command::new("nsenter");
    command
        .arg(format!("--net=/run/netns/{namespace}"))
        .arg("--")
        .arg(program);
    command
}

/// Runs a command to its end, which comes within three minutes.
pub(super) fn run(command: Command) -> Result<Output> {
    let text = format!("{command:?}");
    let mut limited = Command::new("timeout");
    limited
        .args(["--kill-after=2", LIMIT])
        .arg(command.get_program())
        .args(command.get_args());
    for (key, value) in command.get_envs() {
        limited.env(key, value.unwrap_or_default());
    }
    let output = limited
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't start {text}"))?;
    Ok(Output {
        command: text,
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// A tool that runs until it is dropped.
#[derive(Debug)]
pub struct Background {
    child: Child,
    command: String,
}

impl Background {
    pub(super) fn start(mut command: Command) -> Result<Self> {
        let text = format!("{command:?}");
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = quiet.spawn().with_context(|| format!("can't start {text}"))?;
        Ok(Self { child, command: text })
    }

    /// Ends the tool as a user would by Ctrl-C, and waits until it has written everything down.
    pub fn stop(mut self) -> Result<()> {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id())?);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT)?;
        let command = self.command.clone();
        eventually(|| Ok(self.child.try_wait()?.is_some())).with_context(|| format!("{command} doesn't end"))
    }

    /// Whether the tool still runs.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Waits for the tool to end by itself.
    pub fn wait(mut self) -> Result<()> {
        let command = self.command.clone();
        eventually(|| Ok(self.child.try_wait()?.is_some())).with_context(|| format!("{command} doesn't end"))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // An error means that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits until something is so, for a minute at most: a busy machine takes its time.
pub fn eventually(is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    within(Duration::from_secs(60), is_so)
}

/// The same where it may well not become so.
pub fn within(limit: Duration, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !is_so()? {
        ensure!(start.elapsed() < limit, "not within {limit:?}");
        sleep(Duration::from_millis(20));
    }
    Ok(())
}
