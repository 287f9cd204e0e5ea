//! Measures Groundplane against the least that the same thing can cost on this machine, in the same run.
//!
//! Each measurement is a file: it makes what it needs in a lab of its own, which goes with it, and gives rows. Ours and
//! theirs take turns, so that a machine that slows down slows both. Bars stand beside the figures; missing one is news,
//! not a failure, since what else runs on a machine is nobody's fault.

mod apply;
mod bed;
mod bridge;
mod core;
mod drop;
mod established;
mod first;
mod flood;
mod flow;
mod gateways;
mod markdown;
mod memory;
mod nat;
mod nftables;
mod packets;
mod plot;
mod probe;
mod program;
mod random;
mod report;
mod requests;
mod results;
mod runner;
mod sample;
mod scales;
mod sides;
mod stream;
mod throughput;
mod ways;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Parser, ValueEnum};
use groundplane::install::bpffs;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use report::{Figures, Section};
use std::path::PathBuf;
use std::time::Instant;

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
    /// A document that is to have the figures of this run between its marks, and its plots beside it
    #[arg(long, value_name = "DOCUMENT", conflicts_with_all = ["quick", "only"])]
    record: Option<PathBuf>,
    /// Where the compiled programs of tests/bench are
    #[arg(long)]
    programs: PathBuf,
    /// Where the report and the plots are written to
    #[arg(long)]
    results: Option<PathBuf>,
    /// In this process: what is left on the machine if it is killed is somebody else's to remove
    #[arg(long, hide = true, requires = "only")]
    here: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Measurement {
    /// One TCP stream, against a bare redirect
    Throughput,
    /// The same through a NAT gateway, both ways, against bare redirects and the kernel's masquerade
    Nat,
    /// Requests and their answers, and connections opened and closed, against redirects and the kernel with and without
    /// rules
    Requests,
    /// Small packets on one core, by every kind of way, against redirects and the kernel with and without rules
    Packets,
    /// Small packets and a stream inside of a subnet, against a Linux bridge
    Bridge,
    /// The program's time for an established packet, against a floor program
    Established,
    /// The same through gateways of every kind, against floor programs and each other
    Gateways,
    /// What packets cost with ever more rules, routes and ENIs
    Scales,
    /// The same over ever more connections at random, up to a million, against a floor program
    Random,
    /// The program's time for the first packets of a connection, against a floor program and with many rules
    First,
    /// Packets from outside that are dropped, against a bare XDP_DROP and against nftables
    Drop,
    /// What ten million first packets from outside cost others
    Flood,
    /// The memory that a connection takes
    Memory,
    /// Ever larger configurations put in force, and one rule of them changed
    Apply,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
enum Output {
    #[default]
    Text,
    Json,
    Markdown,
}

impl Measurement {
    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// What measures just this.
    fn command(self, options: &Options) -> String {
        let quick = if options.quick { " --quick" } else { "" };
        format!("cargo xtask bench{quick} --only {}", self.name())
    }

    fn section(self, options: &Options) -> Result<Section> {
        let begun = Instant::now();
        Ok(Section {
            command: self.command(options),
            figures: self.run(options)?,
            seconds: begun.elapsed().as_secs_f64(),
            failure: None,
        })
    }

    fn failed(self, options: &Options, error: &anyhow::Error) -> Section {
        Section {
            command: self.command(options),
            seconds: 0.0,
            figures: Figures::default(),
            failure: Some(format!("{error:#}")),
        }
    }

    fn run(self, options: &Options) -> Result<Figures> {
        Ok(match self {
            Self::Throughput => throughput::measure(options)?.into(),
            Self::Nat => nat::measure(options)?.into(),
            Self::Requests => requests::measure(options)?.into(),
            Self::Packets => packets::measure(options)?.into(),
            Self::Bridge => bridge::measure(options)?.into(),
            Self::Established => apart(|| established::measure(options))?.into(),
            Self::Gateways => apart(|| gateways::measure(options))?.into(),
            Self::Scales => apart(|| scales::measure(options))?,
            Self::Random => apart(|| random::measure(options))?,
            Self::First => apart(|| first::measure(options))?.into(),
            Self::Drop => drop::measure(options)?.into(),
            Self::Flood => apart(|| flood::measure(options))?.into(),
            Self::Memory => apart(memory::measure)?.into(),
            Self::Apply => apply::measure(options)?,
        })
    }
}

impl Options {
    /// How often everything is measured. Many short rounds: what else the machine does comes and goes within seconds,
    /// so it slows all that take turns in a round, or spoils few of them.
    fn rounds(&self) -> u32 {
        if self.quick { 9 } else { 31 }
    }
}

/// Measures on a thread of its own, which the loaded datapath puts into a network namespace of its own.
fn apart<T: Send>(measure: impl FnOnce() -> Result<T> + Send) -> Result<T> {
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
    // Where nobody has done so yet. It stays, as it does wherever something that uses BPF has run.
    bpffs::ensure_mounted()?;
    if options.here {
        let measurement = options.only.context("one measurement is made in a process")?;
        // Also if the one that would remove what this leaves is killed: the next one does.
        set_pdeathsig(Signal::SIGKILL)?;
        println!("{}", serde_json::to_string(&measurement.section(&options)?)?);
        return Ok(());
    }
    let all = Measurement::value_variants();
    let chosen = options.only.as_ref().map_or(all, std::slice::from_ref);
    let report = runner::run(&options, chosen)?;
    if let Some(directory) = &options.results {
        results::write(&report, directory)?;
    }
    if let Some(document) = &options.record {
        results::record(&report, document)?;
    }
    match options.output {
        Output::Text => print!("{report}"),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
        Output::Markdown => print!("{}", markdown::write(&report, "")),
    }
    let failed = report
        .sections
        .iter()
        .filter(|section| section.failure.is_some())
        .count();
    ensure!(failed == 0, "{failed} measurements have failed");
    Ok(())
}
