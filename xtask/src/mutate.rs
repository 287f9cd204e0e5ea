//! Plants faults in the datapath and the plan, one at a time, and asks whether the suites that need no root notice.
//!
//! cargo-mutants does the work; `.cargo/mutants.toml` says where and with which tests. A fault that no test catches is
//! a survivor: it gets a test, or a line in `tests/mutants.toml` that says why it can't have one.

mod outcome;

use crate::command::{cargo, read, root, target};
use crate::setup;
use crate::step::{Colour, note, paint, step};
use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use outcome::{Report, Survivors};
use std::fmt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::str::FromStr;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Of 100 faults, so many must be caught.
const REQUIRED_PERCENT: usize = 90;

/// The suites that must catch every fault. `.cargo/mutants.toml` names them too.
const PACKAGES: [&str; 4] = [
    "groundplane-abi",
    "groundplane-datapath",
    "groundplane",
    "groundplane-tests",
];

/// The targets of them that do. `.cargo/mutants.toml` names these too.
const TARGETS: [&str; 7] = ["--lib", "--test", "model", "--test", "semantics", "--test", "scenarios"];

/// How many packets the model judges for each fault: fewer than otherwise, since it does so for every fault that the
/// libraries' tests let through, but so many that chance keeps what is rare above its floor.
const PACKETS: &str = "100000";

/// Every so many-th fault, beginning with one of the first: `3/40`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shard {
    first: usize,
    step: usize,
}

impl FromStr for Shard {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (first, step) = text.split_once('/').context("a shard looks like 3/40")?;
        let shard = Self {
            first: first.parse()?,
            step: step.parse()?,
        };
        ensure!(
            shard.first < shard.step,
            "the first number of a shard is less than the second"
        );
        Ok(shard)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.step)
    }
}

/// `cargo xtask mutate [--sample N | --shard K/N] [--minutes N]`.
pub(crate) fn run_command(sample: Option<usize>, shard: Option<Shard>, minutes: Option<u32>) -> Result<()> {
    setup::need_cargo_tool("cargo-mutants", "it plants faults")?;
    let survivors = Survivors::parse(&std::fs::read_to_string(root().join("tests/mutants.toml"))?)?;
    let patience = step("run the suites on healthy code", baseline)?;
    let mut command = mutants();
    command
        .arg("--output")
        .arg(output())
        .args(["--baseline=skip", "--no-shuffle"])
        .arg(format!("--timeout={patience}"));
    let shard = match sample {
        Some(count) => Some(choose(list()?.len(), count, random())),
        None => shard,
    };
    if let Some(shard) = shard {
        note(format_args!(
            "a sample; the same again: cargo xtask mutate --shard {shard}"
        ));
        command.arg("--sharding=round-robin").arg(format!("--shard={shard}"));
    }
    let limit = minutes.map(|minutes| Duration::from_secs(60 * u64::from(minutes)));
    let report = step("plant faults", || run(&mut command, limit))?;
    judge(&report, &survivors, shard.is_none() && limit.is_none())
}

/// A shard of about `count` out of `total` faults.
fn choose(total: usize, count: usize, random: usize) -> Shard {
    let step = total.checked_div(count).unwrap_or(total).max(1);
    Shard {
        first: random % step,
        step,
    }
}

fn random() -> usize {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.subsec_micros() as usize)
}

/// Runs the suites without any fault, since otherwise every fault would count as caught, and returns how many seconds
/// they may take with one.
fn baseline() -> Result<u64> {
    let suites = || {
        let mut command = cargo();
        command
            .args(["test", "--quiet"])
            .env("GROUNDPLANE_PACKETS", PACKETS)
            .args(PACKAGES.iter().flat_map(|package| ["--package", package]))
            .args(TARGETS);
        command
    };
    read(suites().arg("--no-run"))?;
    let start = Instant::now();
    read(&mut suites()).context("the suites fail without any fault planted")?;
    Ok(start.elapsed().as_secs() * 2 + 30)
}

fn output() -> PathBuf {
    target().join("mutate")
}

fn mutants() -> Command {
    let mut command = cargo();
    // A folder for all runs, so that the dependencies are compiled once. Only one fault is compiled at a time.
    command
        .arg("mutants")
        .env("CARGO_TARGET_DIR", target().join("mutants"))
        // Where it is interrupted is of no interest.
        .env("RUST_BACKTRACE", "0")
        .env("GROUNDPLANE_PACKETS", PACKETS);
    command
}

/// Every fault that could be planted, by name.
fn list() -> Result<Vec<String>> {
    let list = read(mutants().arg("--list"))?;
    let names: Vec<String> = list.lines().map(str::to_owned).collect();
    if names.is_empty() {
        bail!("cargo-mutants finds nothing to change");
    }
    Ok(names)
}

fn run(command: &mut Command, limit: Option<Duration>) -> Result<Report> {
    forget_last_fault()?;
    std::fs::create_dir_all(output())?;
    // Its exit code tells that there are survivors; who they are is in its report, and so is everything else.
    let mut child = command.spawn().context("can't start cargo-mutants")?;
    let status = wait(&mut child, limit)?;
    let path = output().join("mutants.out/outcomes.json");
    let report = std::fs::read_to_string(&path).with_context(|| format!("cargo-mutants ended with {status}"))?;
    let report = Report::parse(&report)?;
    if report.judged() == 0 {
        bail!("not one fault was judged; cargo-mutants ended with {status}");
    }
    Ok(report)
}

/// Waits for its end, or ends it when its time is up, as people do at a terminal: its report has what was judged.
fn wait(child: &mut Child, mut limit: Option<Duration>) -> Result<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if limit.take_if(|limit| start.elapsed() >= *limit).is_some() {
            note("the time is up");
            kill(Pid::from_raw(child.id().try_into()?), Signal::SIGINT)?;
        }
        sleep(Duration::from_millis(200));
    }
}

/// Throws away what was compiled from our own crates: cargo compares times, and what the last run compiled last, with
/// a fault in it, is newer than the healthy source.
fn forget_last_fault() -> Result<()> {
    let old_report = output().join("mutants.out");
    if old_report.exists() {
        std::fs::remove_dir_all(old_report)?;
    }
    let Ok(profiles) = std::fs::read_dir(target().join("mutants")) else {
        return Ok(());
    };
    for fingerprints in profiles.flatten().map(|profile| profile.path().join(".fingerprint")) {
        for crate_ in std::fs::read_dir(fingerprints).into_iter().flatten().flatten() {
            if crate_.file_name().to_string_lossy().starts_with("groundplane") {
                std::fs::remove_dir_all(crate_.path())?;
            }
        }
    }
    Ok(())
}

/// The whole set must be caught to 90 %, and every survivor be accounted for. A sample is too small for the first and
/// would fail by bad luck, so it is judged by its unaccounted survivors, of which the smallest may have one.
fn judge(report: &Report, survivors: &Survivors, whole: bool) -> Result<()> {
    let unknown: Vec<&str> = report
        .missed
        .iter()
        .map(String::as_str)
        .filter(|name| !survivors.knows(name))
        .collect();
    for name in &unknown {
        note(format_args!("{} {name}", paint(Colour::Red, "survivor:")));
    }
    for name in survivors
        .names()
        .filter(|name| report.caught.iter().any(|caught| outcome::plain(caught) == **name))
    {
        note(format_args!(
            "{} {name} is on the list, but was caught",
            paint(Colour::Yellow, "stale:")
        ));
    }
    println!(
        "\n{} of {} faults caught ({} % required), {} survivors with a reason, {} without; {} didn't compile",
        report.caught.len(),
        report.judged(),
        REQUIRED_PERCENT,
        report.missed.len() - unknown.len(),
        unknown.len(),
        report.unviable,
    );
    if whole && !unknown.is_empty() {
        bail!("each survivor needs a test, or its line in tests/mutants.toml that says why it can't have one");
    }
    let (missed, least) = if whole {
        (report.missed.len(), 0)
    } else {
        (unknown.len(), 1)
    };
    let tolerated = report.judged() * (100 - REQUIRED_PERCENT) / 100;
    if missed > tolerated.max(least) {
        bail!("fewer than {REQUIRED_PERCENT} % of the faults were caught");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_about_the_size_asked_for() {
        assert_eq!(choose(660, 20, 70), Shard { first: 4, step: 33 });
        assert_eq!(choose(10, 20, 7), Shard { first: 0, step: 1 });
        assert_eq!(choose(10, 0, 7), Shard { first: 7, step: 10 });
        assert_eq!(choose(0, 5, 7), Shard { first: 0, step: 1 });
    }

    #[test]
    fn a_shard_is_read_as_it_is_written() {
        assert_eq!("3/40".parse::<Shard>().unwrap().to_string(), "3/40");
        for wrong in ["", "3", "40/40", "a/b", "1/0"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
