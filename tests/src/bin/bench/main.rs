//! Measures Groundplane against the least that the same thing can cost on this machine, in the same run.
//!
//! Each measurement is a file: it makes what it needs in a lab of its own, which goes with it, and gives rows. Ours and
//! theirs take turns, so that a machine that slows down slows both. Bars stand beside the figures; missing one is news,
//! not a failure, since what else runs on a machine is nobody's fault.

mod apply;
mod bed;
mod drop;
mod established;
mod first;
mod flood;
mod flow;
mod gateways;
mod memory;
mod nat;
mod program;
mod random;
mod report;
mod stream;
mod throughput;
mod ways;

use anyhow::{Result, bail, ensure};
use clap::{Parser, ValueEnum};
use report::{Report, Row, Section};
use std::path::PathBuf;

/// Measures Groundplane against the least that the same thing can cost.
#[derive(Parser, Debug)]
struct Options {
    /// Fewer and shorter rounds
    #[arg(long)]
    quick: bool,
    /// This measurement alone
    #[arg(long, value_enum)]
    only: Option<Measurement>,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Where the compiled programs of tests/bench are
    #[arg(long)]
    programs: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Measurement {
    /// One TCP stream, against a bare redirect
    Throughput,
    /// The same through a NAT gateway, both ways, against bare redirects and the kernel's masquerade
    Nat,
    /// The program's time for an established packet, against a floor program
    Established,
    /// The same through gateways of every kind, against floor programs and each other
    Gateways,
    /// The same with many rules and routes, against few
    Scales,
    /// The same over a million connections at random, against a floor program
    Random,
    /// The program's time for the first packets of a connection, against a floor program and with many rules
    First,
    /// Packets from outside that are dropped, against a bare XDP_DROP and against nftables
    Drop,
    /// What ten million first packets from outside cost others
    Flood,
    /// The memory that a connection takes
    Memory,
    /// A large configuration put in force, and one rule of it changed
    Apply,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
enum Output {
    #[default]
    Text,
    Json,
}

impl Measurement {
    /// What measures just this.
    fn command(self, options: &Options) -> String {
        let name = self.to_possible_value().map(|value| value.get_name().to_owned());
        let quick = if options.quick { " --quick" } else { "" };
        format!("cargo xtask bench{quick} --only {}", name.unwrap_or_default())
    }

    fn run(self, options: &Options) -> Result<Vec<Row>> {
        match self {
            Self::Throughput => throughput::measure(options),
            Self::Nat => nat::measure(options),
            Self::Established => apart(|| established::measure(options)),
            Self::Gateways => apart(|| gateways::measure(options)),
            Self::Scales => apart(|| established::measure_scales(options)),
            Self::Random => apart(|| random::measure(options)),
            Self::First => apart(|| first::measure(options)),
            Self::Drop => drop::measure(options),
            Self::Flood => apart(|| flood::measure(options)),
            Self::Memory => apart(memory::measure),
            Self::Apply => apart(|| apply::measure(options)),
        }
    }
}

impl Options {
    /// How often everything is measured.
    fn rounds(&self) -> u32 {
        if self.quick { 5 } else { 15 }
    }
}

/// Measures on a thread of its own, which the loaded datapath puts into a network namespace of its own.
fn apart(measure: impl FnOnce() -> Result<Vec<Row>> + Send) -> Result<Vec<Row>> {
    std::thread::scope(|scope| {
        let measured = scope.spawn(measure).join();
        measured.unwrap_or_else(|_| bail!("measuring has panicked"))
    })
}

fn main() -> Result<()> {
    let options = Options::parse();
    ensure!(
        nix::unistd::geteuid().is_root(),
        "measuring needs root: it makes network namespaces and loads programs"
    );
    let mut report = Report::of_this_machine(options.quick)?;
    for measurement in Measurement::value_variants() {
        if options.only.is_none_or(|only| only == *measurement) {
            report.sections.push(Section {
                command: measurement.command(&options),
                rows: measurement.run(&options)?,
            });
        }
    }
    match options.output {
        Output::Text => print!("{report}"),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(())
}
