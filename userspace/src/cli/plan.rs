//! `groundplane plan PATH…`: what a configuration would change.

use super::Outcome;
use super::documents::Documents;
use super::exit::Ended;
use super::host::{Host, HostArguments, Planned};
use super::output::{self, Format, Output};
use super::progress::Bar;
use groundplane::cut::NAMED;
use std::path::Path;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    documents: Documents,
    #[command(flatten)]
    host: HostArguments,
}

pub(super) fn run(arguments: &Arguments, state_dir: &Path, output: &Output) -> Ended {
    // Programs are told of every connection.
    let named = match output.format() {
        Format::Text => NAMED,
        Format::Json => usize::MAX,
    };
    let sources = arguments.documents.load()?;
    let planned = {
        let bar = Bar::new()?;
        let mut host = Host::open(&arguments.host, state_dir, &bar)?;
        host.plan(sources, arguments.documents.strict, named)?
    };
    let Planned { preview, warnings } = planned;
    output.warnings(&warnings);
    output.result(&preview.render(output::colours_on_stdout()), &preview)?;
    Ok(match preview.is_empty() {
        true => Outcome::Done,
        false => Outcome::WouldChange,
    })
}
