//! Everything a developer or CI runs.

mod bench;
mod build;
mod check;
mod command;
mod fuzz;
mod mutate;
mod setup;
mod step;
mod test;
mod tidy;
mod up;
mod verify;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Builds, runs and checks Groundplane.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Install what is missing for everything below
    Setup,
    /// Build the BPF object and the binary
    Build,
    /// Bring a VPC up on this machine, probe it, and leave it up
    Up {
        /// The VPC document
        #[arg(default_value = up::EXAMPLE)]
        file: PathBuf,
    },
    /// Take down what `up` brought up
    Down,
    /// Run every suite
    Test {
        /// Run this suite alone
        #[arg(long, value_enum)]
        only: Option<test::Suite>,
    },
    /// Format, clippy for host and BPF, tidy, documentation, dependencies
    Check,
    /// Load every program on this kernel and on an older one, and compare its cost with ebpf/budget.toml
    Verify,
    /// Plant faults in datapath and plan, and see whether the tests that need no root catch them
    Mutate {
        /// Only so many, chosen at random
        #[arg(long)]
        sample: Option<usize>,
        /// The choice of an earlier run: every N-th, from K on
        #[arg(long, value_name = "K/N", conflicts_with = "sample")]
        shard: Option<mutate::Shard>,
        /// No more once so much time has passed; what was tried until then is judged
        #[arg(long)]
        minutes: Option<u32>,
    },
    /// Throw arbitrary bytes at what reads bytes
    Fuzz {
        /// This alone
        #[arg(value_enum)]
        target: Option<fuzz::Target>,
        /// How long each
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Measure against the least that the same thing can cost on this machine
    Bench(bench::Options),
    /// Everything that has to hold before a change goes in: .ci/run
    Ci,
    /// The part of `check` that no other tool does
    Tidy,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Verb::Setup => setup::run_all().map(|()| ExitCode::SUCCESS),
        Verb::Build => build::run_command().map(|()| ExitCode::SUCCESS),
        Verb::Up { file } => up::up(&file),
        Verb::Down => up::down(),
        Verb::Test { only } => test::run_command(only),
        Verb::Check => check::run_command(),
        Verb::Verify => verify::run_command().map(|()| ExitCode::SUCCESS),
        Verb::Mutate { sample, shard, minutes } => {
            mutate::run_command(sample, shard, minutes).map(|()| ExitCode::SUCCESS)
        }
        Verb::Fuzz { target, seconds } => fuzz::run_command(target, seconds).map(|()| ExitCode::SUCCESS),
        Verb::Bench(options) => bench::run_command(&options).map(|()| ExitCode::SUCCESS),
        Verb::Ci => command::run(&mut command::program("./.ci/run")).map(|()| ExitCode::SUCCESS),
        Verb::Tidy => step::step("tidy", tidy::run).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        eprintln!("{} {error:#}", step::paint(step::Colour::Red, "error:"));
        ExitCode::FAILURE
    })
}
