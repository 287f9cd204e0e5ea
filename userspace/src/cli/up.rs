//! `groundplane up FILE`: a document to a running network, and on request a probe of it.

use super::output::Output;
use super::{Outcome, file, progress};
use anyhow::Context;
use groundplane::document::{self, Host, Source};
use groundplane::install::engine::Change;
use groundplane::install::state::State;
use groundplane::install::store::{self, DEFAULT_DIRECTORY};
use groundplane::install::{self, ApplyOptions, Candidate, Engine, EngineOptions, LoadOptions, Watched};
use groundplane::object::object;
use groundplane::probe::{self, Report};
use groundplane::status;
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The document
    file: PathBuf,
    /// Try out who reaches whom afterwards, with ping, curl, nginx and iperf3
    #[arg(long)]
    probe: bool,
    /// Where programs and tables are pinned, on a BPF file system
    #[arg(long, value_name = "DIRECTORY", default_value = install::kernel::DEFAULT_PINS, value_parser = super::absolute)]
    pin_dir: PathBuf,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Result<'a> {
    #[serde(flatten)]
    outcome: &'a install::Outcome,
    guests: &'a [install::state::GuestState],
    #[serde(skip_serializing_if = "Option::is_none")]
    probe: Option<&'a Report>,
}

pub(super) fn run(arguments: &Arguments, state_dir: &Path, output: &Output) -> anyhow::Result<Outcome> {
    let host = Host {
        namespaces: install::netns::list()?,
        devices: Vec::new(),
    };
    let source = file::read(&arguments.file, |name, bytes| Source::new(name, bytes))?;
    let sources = vec![source];
    let resolved = match document::read(&sources, Some(&host)) {
        Ok(resolved) => resolved,
        Err(problems) => return output.refuse(problems),
    };
    output.diagnostics(&resolved.warnings);
    let candidate = Candidate::new(sources, resolved);
    let resources = candidate.deployment.resources.clone();
    let interrupted = progress::interrupted()?;
    let outcome = apply(candidate, arguments, state_dir, interrupted);
    progress::clear();
    let outcome = outcome?;
    let state = store::read(state_dir)?.context("the journal is gone")?;
    let report = arguments.probe.then(|| {
        let report = probe::run(&resources, &state, state_dir, &progress::show, interrupted);
        progress::clear();
        report.context("it is up, but the probe could not run")
    });
    tell(&outcome, report.transpose()?.as_ref(), &state, state_dir, output)
}

fn apply(
    candidate: Candidate,
    arguments: &Arguments,
    state_dir: &Path,
    interrupted: &AtomicBool,
) -> anyhow::Result<install::Outcome> {
    let options = EngineOptions {
        state_dir: state_dir.to_owned(),
        pins: Some(arguments.pin_dir.clone()),
        load: LoadOptions {
            object: object()?,
            ..LoadOptions::default()
        },
    };
    let watched = Watched {
        show: progress::show,
        interrupted,
    };
    let (mut engine, _) = Engine::open(options, &watched)?;
    Ok(engine.apply(candidate, ApplyOptions::default(), &watched)?)
}

fn tell(
    outcome: &install::Outcome,
    probe: Option<&Report>,
    state: &State,
    state_dir: &Path,
    output: &Output,
) -> anyhow::Result<Outcome> {
    let guests = &state.guests;
    let text = text(outcome, probe, state, state_dir);
    output.result(&text, &Result { outcome, guests, probe })?;
    Ok(match probe {
        Some(report) if !report.is_as_expected() => Outcome::Unexpected,
        _ => Outcome::Done,
    })
}

fn text(outcome: &install::Outcome, report: Option<&Report>, state: &State, state_dir: &Path) -> String {
    let mut text = match &outcome.change {
        Change::BroughtUp => "Up.\n".to_owned(),
        Change::AlreadyUp => "Already up, whole and enforced; nothing was changed.\n".to_owned(),
        Change::Changed { made, removed, stayed } => changed(made, removed, *stayed),
        Change::Replaced => {
            "Up. What was up before could not be changed any more, so it was taken down first.\n".to_owned()
        }
    };
    if let Some(report) = report {
        // Writing to a string can't fail; likewise below.
        let _ = writeln!(text, "\n{report}");
    }
    text + &look_around(state, state_dir)
}

/// What a change in place did to the guests.
fn changed(made: &[String], removed: &[String], stayed: usize) -> String {
    let mut text = format!("Up, changed in place: {} stayed", count(stayed));
    for (names, what) in [(made, "made"), (removed, "removed")] {
        if !names.is_empty() {
            let _ = write!(text, "; {what}: {}", names.join(", "));
        }
    }
    text + ".\n"
}

fn count(guests: usize) -> String {
    match guests {
        0 => "no guests".to_owned(),
        1 => "1 guest".to_owned(),
        _ => format!("{guests} guests"),
    }
}

/// This program as it was called: whoever named its path would not be helped by its name.
fn program() -> String {
    std::env::args_os()
        .next()
        .map_or_else(|| "groundplane".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// What to do next.
fn look_around(state: &State, state_dir: &Path) -> String {
    let mut text = "\nWho is where:\n".to_owned();
    for guest in &state.guests {
        let _ = writeln!(
            text,
            "  {}/{}, {}: {}",
            guest.vpc,
            guest.name,
            guest.address,
            status::place(guest)
        );
    }
    let program = program();
    let option = match state_dir == Path::new(DEFAULT_DIRECTORY) {
        true => String::new(),
        false => format!(" --state-dir {}", state_dir.display()),
    };
    let mut lines = vec![(
        format!("{program}{option} status"),
        "counters, and what was dropped and why",
    )];
    if let Some(namespace) = state.guests.iter().find_map(|guest| guest.place.namespace()) {
        lines.insert(0, (format!("ip netns exec {namespace} bash"), "a shell inside a guest"));
    }
    lines.push((format!("{program}{option} down"), "takes it down"));
    let width = lines.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    text += "\nLook around:\n";
    for (command, what) in lines {
        let _ = writeln!(text, "  {command:width$}   {what}");
    }
    text.trim_end().to_owned()
}
