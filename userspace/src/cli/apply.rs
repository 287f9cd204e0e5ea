//! `groundplane apply PATH…` and `groundplane rollback`: a configuration in force, and the one before again.

use super::documents::Documents;
use super::exit::Ended;
use super::host::{Host, HostArguments};
use super::output::Output;
use super::progress::Bar;
use super::{Outcome, count};
use serde_json::Value;
use std::path::Path;

#[derive(Debug, clap::Args)]
pub(super) struct Apply {
    #[command(flatten)]
    documents: Documents,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
pub(super) struct Rollback {
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
pub(super) struct How {
    /// End the connections that the configuration would not admit, which go on otherwise
    #[arg(long)]
    pub(super) cut: bool,
    #[command(flatten)]
    pub(super) host: HostArguments,
}

pub(super) fn apply(arguments: &Apply, state_dir: &Path, output: &Output) -> Ended {
    let sources = arguments.documents.load()?;
    let (outcome, warnings) = {
        let bar = Bar::new()?;
        let mut host = Host::open(&arguments.how.host, state_dir, &bar)?;
        host.apply(sources, arguments.documents.strict, arguments.how.cut, &bar)?
    };
    output.warnings(&warnings);
    output.result(&text(&outcome), &outcome)?;
    Ok(Outcome::Done)
}

pub(super) fn rollback(arguments: &Rollback, state_dir: &Path, output: &Output) -> Ended {
    let outcome = {
        let bar = Bar::new()?;
        let mut host = Host::open(&arguments.how.host, state_dir, &bar)?;
        host.rollback(arguments.how.cut, &bar)?
    };
    output.result(&text(&outcome), &outcome)?;
    Ok(Outcome::Done)
}

/// What came of a change, in words.
pub(super) fn text(outcome: &Value) -> String {
    let number = |name: &str| outcome.get(name).and_then(Value::as_u64);
    let what = match outcome.get("outcome").and_then(Value::as_str) {
        Some("already_up") => "Already up, whole and enforced; nothing was changed".to_owned(),
        Some("changed") => changed(outcome),
        Some("replaced") => {
            "Up. What was up before could not be changed any more, so it was taken down first".to_owned()
        }
        _ => "Up".to_owned(),
    };
    let generation = number("generation").map(|generation| format!("configuration {generation}"));
    let cut = number("cut").map(|cut| {
        format!(
            "{} cut",
            count(usize::try_from(cut).unwrap_or(usize::MAX), "connection")
        )
    });
    let more: Vec<_> = generation.into_iter().chain(cut).collect();
    format!("{what} ({}).", more.join(", "))
}

/// What a change in place did to the guests.
fn changed(outcome: &Value) -> String {
    let stayed = outcome.get("stayed").and_then(Value::as_u64).unwrap_or_default();
    let mut text = format!(
        "Up, changed in place: {} stayed",
        count(usize::try_from(stayed).unwrap_or(usize::MAX), "guest")
    );
    for what in ["made", "removed"] {
        let names = outcome.get(what).and_then(Value::as_array).into_iter().flatten();
        let names: Vec<_> = names.filter_map(Value::as_str).collect();
        if !names.is_empty() {
            text = format!("{text}; {what}: {}", names.join(", "));
        }
    }
    text
}
