//! Throws arbitrary bytes at what reads bytes, for a bounded time.
//!
//! The package `tests/fuzz` has cargo-fuzz's form, and `cargo fuzz run` works there. Here it is compiled without that
//! tool, and so without a nightly compiler: coverage needs only flags that the stable one has.

use crate::command::{cargo, program, root, run, target};
use crate::setup::{self, Purpose};
use crate::step::{note, step};
use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use std::path::PathBuf;

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Target {
    /// A frame through the datapath's parser
    Parse,
    /// Frames through the whole datapath, with tables
    Process,
    /// A VPC document
    Document,
    /// What AWS's command line prints
    Dump,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Process => "process",
            Self::Document => "document",
            Self::Dump => "dump",
        }
    }

    /// The longest input: a frame, or a document of some screens.
    fn max_length(self) -> u32 {
        match self {
            Self::Parse => 2048,
            Self::Process | Self::Document | Self::Dump => 8192,
        }
    }

    /// Files to begin with, from the workspace's root.
    fn seeds(self) -> &'static [&'static str] {
        match self {
            Self::Parse | Self::Process => &[],
            Self::Document => &["examples"],
            Self::Dump => &["examples/aws"],
        }
    }
}

/// What makes the compiler count how often each edge of the program is taken, for libFuzzer to read.
const FLAGS: [&str; 8] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];

/// `cargo xtask fuzz [TARGET] [--seconds N]`.
pub(crate) fn run_command(only: Option<Target>, seconds: u32) -> Result<()> {
    setup::run_for(&[Purpose::Fuzz])?;
    let targets = only.map_or_else(|| Target::value_variants().to_vec(), |target| vec![target]);
    step("build the fuzz targets", build)?;
    for target in targets {
        step(&format!("fuzz {} for {seconds} s", target.name()), || {
            fuzz(target, seconds)
        })?;
    }
    Ok(())
}

/// The machine's own target has to be named: otherwise build scripts would be compiled with coverage too.
fn host() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

fn build() -> Result<()> {
    let mut command = cargo();
    command.args([
        "build",
        "--quiet",
        "--release",
        "--manifest-path",
        "tests/fuzz/Cargo.toml",
        "--target",
        &host(),
    ]);
    command
        .env("CARGO_TARGET_DIR", target().join("fuzz"))
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f"));
    run(command
        .env("CXX", "clang++")
        .env("RUSTC_WRAPPER", "")
        .env("RUSTC_WORKSPACE_WRAPPER", ""))
}

fn fuzz(target: Target, seconds: u32) -> Result<()> {
    let folder = root().join("tests/fuzz");
    let corpus = folder.join("corpus").join(target.name());
    let artifacts = folder.join("artifacts").join(target.name());
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&artifacts)?;
    let log = artifacts.join("log");
    let mut command = program(binary(target));
    command.arg(&corpus).args(target.seeds());
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={}", target.max_length()));
    // No single input may take this long: a loop without end is a failure too.
    command
        .args(["-timeout=10", "-print_final_stats=1"])
        .stderr(std::fs::File::create(&log)?);
    let result = run(&mut command);
    let text = std::fs::read_to_string(&log).context("the fuzzer left no log")?;
    if let Err(error) = result {
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines
            .get(lines.len().saturating_sub(40)..)
            .unwrap_or_default()
            .join("\n");
        bail!("{tail}\n{error:#}\nthe input that did it is in {}", artifacts.display());
    }
    let executions = executions(&text).context("the fuzzer's log doesn't say how many inputs it tried")?;
    if executions == 0 {
        bail!("the fuzzer tried no input");
    }
    note(format_args!("{executions} inputs, nothing found"));
    Ok(())
}

fn binary(fuzz: Target) -> PathBuf {
    target().join("fuzz").join(host()).join("release").join(fuzz.name())
}

/// Reads libFuzzer's line `stat::number_of_executed_units: 4711`.
fn executions(log: &str) -> Option<u64> {
    log.lines().find_map(|line| {
        line.strip_prefix("stat::number_of_executed_units:")?
            .trim()
            .parse()
            .ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_inputs_is_read_from_the_log() {
        assert_eq!(
            executions("#2 INITED\nstat::number_of_executed_units: 4711\nstat::x: 1\n"),
            Some(4711)
        );
        assert_eq!(executions("#2 INITED\n"), None);
    }
}
