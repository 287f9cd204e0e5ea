//! `groundplane doctor`: what this host has and lacks.

use super::Outcome;
use super::exit::Ended;
use super::host::HostArguments;
use super::output::{self, Output};
use groundplane::doctor::{self, Patient};
use groundplane::install::LoadOptions;
use groundplane::install::kernel::DEFAULT_PINS;
use groundplane::object::object;
use std::path::Path;

pub(super) fn run(arguments: &HostArguments, state_dir: &Path, output: &Output) -> Ended {
    let socket = arguments.socket.path(state_dir);
    let load = object().ok().map(|object| LoadOptions {
        object,
        ..LoadOptions::default()
    });
    let report = doctor::examine(&Patient {
        state_dir,
        socket: socket.as_deref(),
        pins: arguments.pin_dir.as_deref().unwrap_or(Path::new(DEFAULT_PINS)),
        load,
    });
    output.result(&report.render(output::colours_on_stdout()), &report)?;
    Ok(match report.healthy {
        true => Outcome::Done,
        false => Outcome::Unhealthy,
    })
}
