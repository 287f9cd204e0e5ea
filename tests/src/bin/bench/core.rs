//! What something takes of a core, by which it is done alone: on a machine that does other things, too, the clock on
//! the wall would tell of those.

use anyhow::{Context as _, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::ClockId;
use nix::unistd::Pid;
use std::path::PathBuf;
use std::time::Duration;

/// Does something on the machine's last core, and says what of the core it took: this thread's time, in which the
/// kernel also passes on what the thread sends, and that of the kernel's own thread for what gets too much.
pub(crate) fn taken<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let core = (0..CpuSet::count())
        .rev()
        .find(|core| allowed.is_set(*core).unwrap_or(false));
    let core = core.context("there is a core")?;
    let mut own = CpuSet::new();
    own.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &own)?;
    let helper = helper(core)?;
    let clock = ClockId::CLOCK_THREAD_CPUTIME_ID;
    let (helped, began) = (run_time(&helper)?, Duration::from(clock.now()?));
    let result = work()?;
    let taken = Duration::from(clock.now()?) - began;
    Ok((result, taken + (run_time(&helper)? - helped)))
}

/// Where the kernel says how long its thread of a core has run.
fn helper(core: usize) -> Result<PathBuf> {
    let name = format!("ksoftirqd/{core}\n");
    for process in std::fs::read_dir("/proc")? {
        let process = process?.path();
        if std::fs::read_to_string(process.join("comm")).is_ok_and(|found| found == name) {
            return Ok(process.join("schedstat"));
        }
    }
    anyhow::bail!("no {}", name.trim())
}

fn run_time(schedstat: &PathBuf) -> Result<Duration> {
    let said = std::fs::read_to_string(schedstat)?;
    let nanoseconds = said.split(' ').next().context("it says so")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}
