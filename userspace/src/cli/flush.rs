//! `groundplane flush`: connections ended on request.

use super::exit::Ended;
use super::flows::Selection;
use super::output::Output;
use super::{Outcome, count};
use groundplane::flows::{Connections, Flushed};
use std::path::Path;

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("which").required(true).multiple(true)
    .args(["eni", "group", "protocol", "src", "dst", "port", "all"])))]
pub(super) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Every connection
    #[arg(long)]
    all: bool,
    /// Say how many there are, and leave them alone
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(arguments: &Arguments, state_dir: &Path, output: &Output) -> Ended {
    let connections = Connections::open(state_dir)?;
    let flushed = connections.flush(&arguments.selection.selector(), arguments.dry_run)?;
    let Flushed { found, ended } = flushed;
    let text = match arguments.dry_run {
        true => format!("{} would be ended.", count(found, "connection")),
        false => format!("{} ended.", count(ended, "connection")),
    };
    output.result(&text, &flushed)?;
    Ok(Outcome::Done)
}
