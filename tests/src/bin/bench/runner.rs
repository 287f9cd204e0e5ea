//! Runs every measurement in a process of its own: one that fails, hangs or is killed costs its own figures and no other's,
//! and what it has left on the machine is removed before the next one begins.

use crate::report::{Report, Section};
use crate::{Measurement, Options};
use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum as _;
use groundplane_tests::{kernel, netns};
use std::io::IsTerminal as _;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

/// Longer than any measurement takes on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(240);

/// All of them, in turn.
pub(crate) fn run_all(options: &Options) -> Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut report = Report::of_this_machine(options.quick)?;
    let all = Measurement::value_variants();
    for (number, measurement) in (1..).zip(all) {
        if std::io::stderr().is_terminal() {
            eprintln!("{number} of {}: {}", all.len(), measurement.command(options));
        }
        let begun = Instant::now();
        let measured = runtime.block_on(apart(options, *measurement));
        sweep()?;
        let mut section = match measured {
            Ok(section) => section,
            Err(Ended::Failed(error)) => {
                eprintln!("{} has failed: {error:#}", measurement.name());
                measurement.failed(options, &error)
            }
            Err(Ended::Interrupted) => bail!("interrupted"),
        };
        section.seconds = begun.elapsed().as_secs_f64();
        report.sections.push(section);
    }
    Ok(report)
}

/// Why a measurement has given no figures.
enum Ended {
    Failed(anyhow::Error),
    /// Whoever is in front of the terminal has had enough.
    Interrupted,
}

impl<E: Into<anyhow::Error>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// One of them, by this program started anew.
async fn apart(options: &Options, measurement: Measurement) -> Result<Section, Ended> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--programs").arg(&options.programs);
    command.args(["--output", "json", "--only", &measurement.name()]);
    if options.quick {
        command.arg("--quick");
    }
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let mut said = Vec::new();
    let mut pipe = child.stdout.take().context("its output is a pipe")?;
    let read = async {
        pipe.read_to_end(&mut said).await?;
        child.wait().await
    };
    let status = tokio::select! {
        ended = tokio::time::timeout(LIMIT, read) => ended.ok(),
        _ = tokio::signal::ctrl_c() => {
            child.kill().await?;
            return Err(Ended::Interrupted);
        }
    };
    let Some(status) = status else {
        child.kill().await?;
        return Err(anyhow::anyhow!("not within {} s", LIMIT.as_secs()).into());
    };
    Ok(section(status?, &said)?)
}

fn section(status: std::process::ExitStatus, said: &[u8]) -> Result<Section> {
    ensure!(status.success(), "{status}; what it said stands above");
    let report: Report = serde_json::from_slice(said).context("its output is no report")?;
    report.sections.into_iter().next().context("its report is empty")
}

/// Removes what processes that are gone have left.
fn sweep() -> Result<()> {
    netns::sweep();
    kernel::sweep()
}
