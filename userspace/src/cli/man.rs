//! `groundplane man`: manual pages, made of what the command line says of itself.

use super::exit::Ended;
use super::{CommandLine, Outcome, output};
use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Write a page for the command and for each verb into this directory
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    let mut command = CommandLine::command();
    command.build();
    match &arguments.directory {
        None => output::bytes(&page(command)?)?,
        Some(directory) => write_all(&command, directory)?,
    }
    Ok(Outcome::Done)
}

fn page(command: Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(page)
}

fn write_all(command: &Command, directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("can't make {}", directory.display()))?;
    let verbs = command.get_subcommands().filter(|verb| verb.get_name() != "help");
    for command in std::iter::once(command).chain(verbs) {
        // The display name of a verb is that of the command, a hyphen and its own.
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        let path = directory.join(format!("{name}.1"));
        fs::write(&path, page(command.clone())?).with_context(|| format!("can't write {}", path.display()))?;
    }
    Ok(())
}
