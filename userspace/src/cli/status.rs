//! `groundplane status`: ENIs, whether they are enforced, counters, drops.

use super::Outcome;
use super::exit::Ended;
use super::output::Output;
use groundplane::status;
use std::path::Path;

pub(super) fn run(state_dir: &Path, output: &Output) -> Ended {
    let status = status::gather(state_dir)?;
    output.result(&status.to_string(), &status)?;
    Ok(Outcome::Done)
}
