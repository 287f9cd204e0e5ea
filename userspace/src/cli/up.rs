//! `groundplane up PATH…`: documents to a running network, who is where, and on request a probe of it.

use super::Outcome;
use super::apply::{self, How};
use super::documents::Documents;
use super::exit::{Ended, Stop};
use super::host::Host;
use super::output::Output;
use super::progress::Bar;
use anyhow::Context;
use groundplane::document::{self, Source};
use groundplane::install::Progress as _;
use groundplane::install::state::{GuestState, State};
use groundplane::install::store::{self, DEFAULT_DIRECTORY};
use groundplane::probe::{self, Report};
use groundplane::status;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    documents: Documents,
    #[command(flatten)]
    how: How,
    /// Try out who reaches whom afterwards, with ping, curl, nginx and iperf3
    #[arg(long)]
    probe: bool,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    outcome: &'a Value,
    guests: &'a [GuestState],
    #[serde(skip_serializing_if = "Option::is_none")]
    probe: Option<&'a Report>,
}

pub(super) fn run(arguments: &Arguments, state_dir: &Path, output: &Output) -> Ended {
    let sources = arguments.documents.load()?;
    let bar = Bar::new()?;
    let applied = {
        let mut host = Host::open(&arguments.how.host, state_dir, &bar)?;
        host.apply(sources.clone(), arguments.documents.strict, arguments.how.cut, &bar)
    };
    let (outcome, warnings) = applied?;
    let state = store::read(state_dir)?.context("the journal is gone")?;
    let report = match arguments.probe {
        true => Some(try_out(&sources, &state, state_dir, &bar)?),
        false => None,
    };
    drop(bar);
    output.warnings(&warnings);
    let told = Told {
        outcome: &outcome,
        guests: &state.guests,
        probe: report.as_ref(),
    };
    output.result(&text(&told, &state, state_dir), &told)?;
    Ok(match report {
        Some(report) if !report.is_as_expected() => Outcome::Unexpected,
        _ => Outcome::Done,
    })
}

/// Runs the probe, which has to know what the documents mean.
fn try_out(sources: &[Source], state: &State, state_dir: &Path, bar: &Bar) -> Result<Report, Stop> {
    let resolved = document::read(sources, None).map_err(Stop::refused)?;
    let show = |step: &str| bar.step(step);
    let report = probe::run(&resolved.resources, state, state_dir, &show, bar.interrupted());
    Ok(report.context("it is up, but the probe could not run")?)
}

fn text(told: &Told<'_>, state: &State, state_dir: &Path) -> String {
    let mut text = apply::text(told.outcome) + "\n";
    if let Some(report) = told.probe {
        // Writing to a string can't fail; likewise below.
        let _ = writeln!(text, "\n{report}");
    }
    text + &look_around(state, state_dir)
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
    for uplink in &state.uplinks {
        let _ = writeln!(text, "  the internet: {}", status::way_out(uplink));
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
