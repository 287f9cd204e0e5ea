//! `groundplane agent`: has the host in hand until it is interrupted or terminated.

use super::Outcome;
use super::exit::Ended;
use super::output::Output;
use groundplane::agent::config::{DEFAULT_PATH, LogFormat, LogLevel};
use groundplane::agent::{self, AgentError, Config, logs};
use groundplane::api::Code;
use groundplane::install::store::DEFAULT_DIRECTORY;
use groundplane::install::{EngineOptions, LoadOptions};
use groundplane::object::object;
use std::path::{Path, PathBuf};

/// What the command line says wins over the file.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("Without --config, {DEFAULT_PATH} is read if it is there."))]
pub(super) struct Arguments {
    /// The agent's own configuration
    #[arg(long, value_name = "FILE", value_parser = super::absolute)]
    config: Option<PathBuf>,
    /// Documents to put in force, at the start and on SIGHUP; a directory stands for those in it
    #[arg(long, value_name = "PATH", num_args = 1.., value_parser = super::absolute)]
    network: Vec<PathBuf>,
    /// Where to listen
    #[arg(long, value_name = "PATH", value_parser = super::absolute)]
    socket: Option<PathBuf>,
    /// A group whose members may ask the agent, too
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Where programs and tables are pinned, on a BPF file system
    #[arg(long, value_name = "DIRECTORY", value_parser = super::absolute)]
    pin_dir: Option<PathBuf>,
    /// How it tells of itself
    #[arg(long, value_enum, value_name = "FORMAT")]
    log: Option<LogFormat>,
    /// How much it tells of itself
    #[arg(long, value_enum, value_name = "LEVEL")]
    log_level: Option<LogLevel>,
}

pub(super) fn run(arguments: Arguments, state_dir: &Path, output: &Output) -> Ended {
    let config = config(arguments, state_dir)?;
    logs::start(config.log);
    let engine = EngineOptions {
        state_dir: config.state_dir.clone(),
        pins: config.pin_dir.clone(),
        load: LoadOptions {
            object: object()?,
            capacities: config.tables.capacities(),
        },
    };
    match agent::run(&config, engine) {
        Ok(()) => Ok(Outcome::Done),
        Err(AgentError::Nothing(failure)) if failure.code == Code::Refused => {
            output.failure(&failure.into());
            Ok(Outcome::Refused)
        }
        Err(error) => Err(error.into()),
    }
}

fn config(arguments: Arguments, state_dir: &Path) -> anyhow::Result<Config> {
    let mut config = match &arguments.config {
        Some(path) => Config::read(path)?,
        None => Config::read_default()?,
    };
    if state_dir != Path::new(DEFAULT_DIRECTORY) {
        state_dir.clone_into(&mut config.state_dir);
    }
    let Arguments {
        config: _,
        network,
        socket,
        group,
        pin_dir,
        log,
        log_level,
    } = arguments;
    if !network.is_empty() {
        config.network = network;
    }
    config.socket = socket.unwrap_or(config.socket);
    config.group = group.or(config.group);
    config.pin_dir = pin_dir.or(config.pin_dir);
    config.log.format = log.unwrap_or(config.log.format);
    config.log.level = log_level.unwrap_or(config.log.level);
    Ok(config)
}
