//! Runs every measurement in a process of its own: one that fails, hangs or is killed costs its own figures and no
//! other's, and what it has left on the machine is removed before the next one begins.

use crate::report::{Report, Section};
use crate::{Measurement, Options};
use anyhow::{Context as _, Result, bail, ensure};
use groundplane_tests::{kernel, netns};
use std::io::IsTerminal as _;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Longer than any measurement takes on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(420);

/// Some of them, in turn.
pub(crate) fn run(options: &Options, chosen: &[Measurement]) -> Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = runtime.block_on(async { Signals::new() })?;
    let mut report = Report::of_this_machine(options.quick)?;
    sweep()?;
    for (number, measurement) in (1..).zip(chosen) {
        if std::io::stderr().is_terminal() {
            eprintln!("{number} of {}: {}", chosen.len(), measurement.command(options));
        }
        let begun = Instant::now();
        let measured = runtime.block_on(apart(options, *measurement, &mut signals));
        sweep()?;
        let mut section = match measured {
            Ok(section) => section,
            Err(Ended::Failed(error)) => {
                eprintln!("{} has failed: {error:#}", measurement.name());
                measurement.failed(options, &error)
            }
            Err(Ended::Interrupted) => bail!("interrupted; nothing is left on the machine"),
        };
        section.seconds = begun.elapsed().as_secs_f64();
        report.sections.push(section);
    }
    Ok(report)
}

/// Why a measurement has given no figures.
enum Ended {
    Failed(anyhow::Error),
    /// Whoever has started this has had enough.
    Interrupted,
}

impl<E: Into<anyhow::Error>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// One of them, by this program started anew.
async fn apart(options: &Options, measurement: Measurement, signals: &mut Signals) -> Result<Section, Ended> {
    // Not its path, under which another one may have been built meanwhile.
    let mut command = Command::new("/proc/self/exe");
    command.arg("--programs").arg(&options.programs);
    command.args(["--here", "--only", &measurement.name()]);
    if options.quick {
        command.arg("--quick");
    }
    // A terminal tells all its foreground processes at once: then this one says what becomes of the other.
    command.process_group(0);
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let mut said = Vec::new();
    let mut pipe = child.stdout.take().context("its output is a pipe")?;
    let read = async {
        pipe.read_to_end(&mut said).await?;
        child.wait().await
    };
    let status = tokio::select! {
        ended = tokio::time::timeout(LIMIT, read) => ended.ok(),
        () = signals.told() => {
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
    serde_json::from_slice(said).context("its output is no section of a report")
}

/// By which this is told to end. From the first measurement on, so that none is lost between two.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn told(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// Removes what processes that are gone have left.
fn sweep() -> Result<()> {
    netns::sweep();
    kernel::sweep()
}
