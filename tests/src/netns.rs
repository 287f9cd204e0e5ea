//! A host of its own for each test: a network namespace in which `groundplane up` runs, with directories of its own.
//!
//! Everything is named `gpt-<pid>-<number>-…` and removed when the [`Lab`] is dropped, also by a panic. What a killed
//! run has left is removed when the next one starts: its process is gone.

mod agent;
mod capture;
mod outside;
mod talk;
mod tool;
mod wire;

pub use agent::Agent;
pub use capture::Capture;
pub use talk::Talk;
pub use tool::{Background, Output, eventually, within};
pub use wire::Wire;

use anyhow::{Context, Result, bail, ensure};
use groundplane::install::{names, netns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

const PREFIX: &str = "gpt-";
const NAMESPACES: &str = "/run/netns";
const BPFFS: &str = "/sys/fs/bpf";

/// A private host.
#[derive(Debug)]
pub struct Lab {
    name: String,
    dir: PathBuf,
}

impl Lab {
    /// Makes an empty host. Fails, loudly, where that can't be done.
    pub fn new() -> Result<Self> {
        static SWEEP: Once = Once::new();
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        ensure!(
            nix::unistd::geteuid().is_root(),
            "this suite needs root: it makes network namespaces and loads programs"
        );
        SWEEP.call_once(sweep);
        let name = format!(
            "{PREFIX}{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let lab = Self {
            dir: std::env::temp_dir().join(&name),
            name,
        };
        fs::create_dir_all(&lab.dir).with_context(|| format!("can't make {}", lab.dir.display()))?;
        make_namespace(&lab.namespace("host"))?;
        lab.on_host(&["ip", "link", "set", "lo", "up"])?.success()?;
        Ok(lab)
    }

    /// The real name of a namespace that the test calls `short`.
    #[must_use]
    pub fn namespace(&self, short: &str) -> String {
        format!("{}-{short}", self.name)
    }

    /// The namespaces that there are of this lab, whatever others have at the same time: guests and annexes.
    pub fn namespaces(&self) -> Result<BTreeSet<String>> {
        let annexes = [names::cutter, names::service, names::finisher].map(|name| name(&self.state_dir()));
        let (prefix, host) = (self.namespace(""), self.namespace("host"));
        let is_its = |name: &String| name.starts_with(&prefix) && *name != host || annexes.contains(name);
        Ok(netns::list()?.into_iter().filter(is_its).collect())
    }

    /// A directory that goes with the lab.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    #[must_use]
    pub fn pin_dir(&self) -> PathBuf {
        Path::new(BPFFS).join(&self.name)
    }

    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// Writes a document, in which `$` stands for this lab's prefix of namespace names.
    pub fn document(&self, text: &str) -> Result<PathBuf> {
        let path = self.dir.join("vpc.yaml");
        fs::write(&path, text.replace('$', &format!("{}-", self.name)))?;
        Ok(path)
    }

    /// `groundplane up` with a document, which must succeed.
    pub fn up(&self, text: &str) -> Result<()> {
        let path = self.document(text)?;
        self.groundplane(&["up", &path.to_string_lossy()])?.success()?;
        Ok(())
    }

    pub fn down(&self) -> Result<()> {
        self.groundplane(&["down"])?.success()?;
        Ok(())
    }

    /// Makes a namespace that is nobody's yet, as whoever starts a container does.
    pub fn make_guest(&self, short: &str) -> Result<()> {
        make_namespace(&self.namespace(short))
    }

    /// Removes a namespace.
    pub fn remove_guest(&self, short: &str) -> Result<()> {
        remove_namespace(&self.namespace(short))
    }

    /// Runs the real binary on this host.
    pub fn groundplane(&self, args: &[&str]) -> Result<Output> {
        tool::run(self.groundplane_command(args)?)
    }

    /// The command that runs the real binary on this host.
    pub fn groundplane_command(&self, args: &[&str]) -> Result<Command> {
        self.through(&[], args)
    }

    /// The same by way of another program, which is told to become it.
    fn through(&self, through: &[&str], args: &[&str]) -> Result<Command> {
        let binary = binary()?;
        let host = self.namespace("host");
        let mut command = match through.split_first() {
            None => tool::inside(&host, &binary),
            Some((program, rest)) => {
                let mut command = tool::inside(&host, Path::new(program));
                command.args(rest).arg(binary);
                command
            }
        };
        command.args(args).arg("--state-dir").arg(self.state_dir());
        let takes_pins = matches!(args.first(), Some(&("up" | "plan" | "apply" | "rollback" | "doctor")));
        if takes_pins && !args.contains(&"--pin-dir") {
            command.arg("--pin-dir").arg(self.pin_dir());
        }
        Ok(command)
    }

    /// `groundplane status --output json`.
    pub fn status(&self) -> Result<serde_json::Value> {
        self.groundplane(&["status", "--output", "json"])?.json()
    }

    /// Runs a tool on the private host.
    pub fn on_host(&self, command: &[&str]) -> Result<Output> {
        self.run("host", command)
    }

    /// Runs a tool in a guest.
    pub fn run(&self, guest: &str, command: &[&str]) -> Result<Output> {
        tool::run(self.command(guest, command)?)
    }

    /// Starts a tool in a guest and lets it run.
    pub fn start(&self, guest: &str, command: &[&str]) -> Result<Background> {
        Background::start(self.command(guest, command)?)
    }

    /// Runs something on a thread of its own inside a namespace.
    pub fn inside<T: Send>(&self, guest: &str, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let namespace = fs::File::open(Path::new(NAMESPACES).join(self.namespace(guest)))?;
        let thread = || {
            nix::sched::setns(&namespace, nix::sched::CloneFlags::CLONE_NEWNET)?;
            work()
        };
        std::thread::scope(|scope| scope.spawn(thread).join())
            .map_err(|_| anyhow::anyhow!("panicked inside {guest}"))?
    }

    fn command(&self, guest: &str, command: &[&str]) -> Result<Command> {
        let (program, args) = command.split_first().context("no command")?;
        let mut command = tool::inside(&self.namespace(guest), Path::new(program));
        command.args(args);
        Ok(command)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            match self.groundplane(&["status"]) {
                Ok(status) => eprintln!("groundplane status said:\n{}{}", status.stdout, status.stderr),
                Err(error) => eprintln!("groundplane status failed: {error:#}"),
            }
        }
        // Everything is tried, whatever fails: what is left over would stand in the next test's way.
        if self.state_dir().exists()
            && let Err(error) = self.down()
        {
            eprintln!("{}: down: {error:#}", self.name);
        }
        remove(&self.name);
    }
}

/// The binary that xtask has built.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("GROUNDPLANE_BIN") {
        return Ok(path.into());
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the package is in a workspace")?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    let path = target.join("debug/groundplane");
    ensure!(
        path.is_file(),
        "{} isn't there; `cargo xtask build` makes it",
        path.display()
    );
    Ok(path)
}

fn make_namespace(name: &str) -> Result<()> {
    let mut command = Command::new("ip");
    command.args(["netns", "add", name]);
    tool::run(command)?.success().map(drop)
}

/// Removes what labs of processes that are gone have left. For whoever has no lab yet: what is under its own number, an
/// earlier process with that number has left.
pub fn sweep() {
    let dirs = [PathBuf::from(NAMESPACES), PathBuf::from(BPFFS), std::env::temp_dir()];
    let entries = dirs.iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten();
    let mut stale: Vec<String> = entries
        .filter_map(|entry| lab_of(&entry.file_name().to_string_lossy()))
        .collect();
    stale.sort();
    stale.dedup();
    for name in stale {
        end_all(&name);
        remove(&name);
    }
}

/// Ends what still runs in a lab's namespaces: servers whose starter is gone.
fn end_all(lab: &str) {
    for entry in fs::read_dir(NAMESPACES).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with(&format!("{lab}-")) {
            continue;
        }
        let mut command = Command::new("ip");
        command.args(["netns", "pids", &name]);
        let pids = tool::run(command).map(|output| output.stdout).unwrap_or_default();
        for pid in pids.lines().filter_map(|pid| pid.trim().parse().ok()) {
            // An error means that it has ended by itself.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// The lab a name belongs to, if its process is gone.
fn lab_of(name: &str) -> Option<String> {
    let mut parts = name.strip_prefix(PREFIX)?.splitn(3, '-');
    let (pid, number) = (parts.next()?, parts.next()?);
    let pid: u32 = pid.parse().ok()?;
    number.parse::<u32>().ok()?;
    let is_gone = pid == std::process::id() || !Path::new("/proc").join(pid.to_string()).exists();
    is_gone.then(|| format!("{PREFIX}{pid}-{number}"))
}

/// Removes a lab's namespaces, pins and files. A namespace takes its devices and whatever runs in it loses its network.
fn remove(lab: &str) {
    let belongs = |name: &str| name.starts_with(&format!("{lab}-"));
    for entry in fs::read_dir(NAMESPACES).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if belongs(&name)
            && let Err(error) = remove_namespace(&name)
        {
            eprintln!("{name}: {error:#}");
        }
    }
    let (pins, dir) = (Path::new(BPFFS).join(lab), std::env::temp_dir().join(lab));
    // What a killed run's host has made is named after its state directory.
    let state_dir = dir.join("state");
    let annexes = [names::cutter, names::finisher, names::service];
    for name in annexes.map(|named| named(&state_dir)) {
        if Path::new(NAMESPACES).join(&name).exists()
            && let Err(error) = remove_namespace(&name)
        {
            eprintln!("{name}: {error:#}");
        }
    }
    for dir in [pins, dir] {
        if dir.exists()
            && let Err(error) = fs::remove_dir_all(&dir)
        {
            eprintln!("{}: {error}", dir.display());
        }
    }
}

fn remove_namespace(name: &str) -> Result<()> {
    let mut command = Command::new("ip");
    command.args(["netns", "delete", name]);
    let output = tool::run(command)?;
    if output.code != Some(0) {
        bail!("{}", output.stderr.trim());
    }
    Ok(())
}
