//! Measures Groundplane against the least that the same thing can cost on this machine, in the same run.
//!
//! Each measurement is a file: it makes what it needs in a lab of its own, which goes with it, and gives rows. Ours and
//! theirs take turns, so that a machine that slows down slows both. Bars stand beside the figures; missing one is news,
//! not a failure, since what else runs on a machine is nobody's fault.

mod established;
mod program;
mod report;
mod throughput;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use report::{Report, Row};
use std::path::PathBuf;

/// What Groundplane's side of every measurement runs in; `$` stands for the lab's prefix.
const DOCUMENT: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: { CidrBlock: 10.0.1.0/24 }
      back: { CidrBlock: 10.0.2.0/24 }
    instances:
      web: { subnet: front, PrivateIpAddress: 10.0.1.10, namespace: $web }
      web2: { subnet: front, PrivateIpAddress: 10.0.1.11, namespace: $web2 }
      db: { subnet: back, PrivateIpAddress: 10.0.2.10, namespace: $db }
";

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
    /// The program's time for an established packet, against a floor program
    Established,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
enum Output {
    #[default]
    Text,
    Json,
}

impl Measurement {
    fn run(self, options: &Options) -> Result<Vec<Row>> {
        match self {
            Self::Throughput => throughput::measure(options),
            Self::Established => established::measure(options),
        }
    }
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
            report.rows.extend(measurement.run(&options)?);
        }
    }
    match options.output {
        Output::Text => print!("{report}"),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(())
}
