//! `groundplane export` and `groundplane import`: resources written down again, as AWS prints them or as our YAML.

use super::Outcome;
use super::exit::{Ended, Stop};
use super::output::{self, Output};
use super::resources;
use anyhow::Context;
use clap::ValueEnum;
use groundplane::document::Resolved;
use groundplane::export;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// JSON as AWS's command line prints it
    Aws,
    /// A document
    Yaml,
}

#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// How
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Yaml)]
    format: Format,
    /// With --format aws: a file for each call into this directory, instead of all in one object
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
    /// Of these documents or dumps; without any, of what is in force
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// What AWS's command line printed, one file for each call or all in one; a directory stands for its *.json
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

pub(super) fn export(arguments: &Export, state_dir: &Path, output: &Output) -> Ended {
    let resolved = resources::read(&arguments.paths, state_dir)?;
    match (arguments.format, &arguments.directory) {
        (Format::Yaml, Some(_)) => {
            return Err(Stop::Usage("--directory is for --format aws".to_owned()));
        }
        (Format::Yaml, None) => yaml(&resolved)?,
        (Format::Aws, None) => output.json(&Value::Object(export::aws(&resolved.resources)))?,
        (Format::Aws, Some(directory)) => files(&resolved, directory)?,
    }
    Ok(Outcome::Done)
}

pub(super) fn import(arguments: &Import, state_dir: &Path, output: &Output) -> Ended {
    let resolved = resources::read(&arguments.paths, state_dir)?;
    output.diagnostics(&resolved.warnings);
    yaml(&resolved)?;
    Ok(Outcome::Done)
}

fn yaml(resolved: &Resolved) -> anyhow::Result<()> {
    output::bytes(export::yaml(resolved).as_bytes())
}

/// One file for each call, named like it.
fn files(resolved: &Resolved, directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("can't make {}", directory.display()))?;
    for answer in export::aws_answers(&resolved.resources) {
        let path = directory.join(format!("{}.json", answer.call.replace(' ', "-")));
        let text = format!("{:#}\n", answer.json);
        fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))?;
    }
    Ok(())
}
