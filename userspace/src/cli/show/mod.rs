//! `groundplane show KIND [NAME]`: tables for people. `show` without a kind says which there are.

mod detail;
mod integrations;
mod list;
mod target_health;

use super::exit::Ended;
use super::get::{answer, ids};
use super::host::SocketArguments;
use super::output::{Format, Output};
use super::resources::{From, kind};
use super::table::{Column, table};
use super::{Outcome, count};
use anyhow::anyhow;
use groundplane::doctor::size;
use groundplane::install::kernel::{Datapath, TableFill};
use groundplane::install::{self, Error, Manifest, store};
use groundplane::monitor::moment;
use groundplane::resources::{Resources, kinds};
use std::path::Path;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What: subnets, route-tables, enis, nat-gateways …, or tables, generations, target-health, or integrations; left
    /// out, all kinds there are
    kind: Option<String>,
    /// One of them with its rules, routes or entries: its name, VPC/NAME, or its id
    name: Option<String>,
    #[command(flatten)]
    from: From,
    #[command(flatten)]
    socket: SocketArguments,
}

pub(super) fn run(arguments: &Arguments, state_dir: &Path, output: &Output) -> Ended {
    match (arguments.kind.as_deref(), &arguments.name) {
        (Some("tables"), None) => return tables(state_dir, output),
        (Some("generations"), None) => return generations(state_dir, output),
        (Some("integrations"), _) => return integrations::run(arguments, state_dir, output),
        (Some("target-health"), _) => return target_health::run(arguments, state_dir, output),
        _ => {}
    }
    let resources = arguments.from.read(state_dir)?.resources;
    let Some(word) = &arguments.kind else {
        return all_kinds(&resources, output);
    };
    let kind = kind(word)?;
    if output.format() == Format::Json {
        output.json(&answer(&resources, kind, arguments.name.as_deref())?)?;
        return Ok(Outcome::Done);
    }
    let text = match &arguments.name {
        None => list::list(&resources, kind),
        Some(name) => {
            let ids = ids(&resources, kind, name);
            if ids.is_empty() {
                return Err(anyhow!("no {} is called {name:?}", kind.name).into());
            }
            let details: Vec<_> = ids.iter().map(|id| detail::detail(&resources, kind, id)).collect();
            details.join("\n\n")
        }
    };
    output.text(&text)?;
    Ok(Outcome::Done)
}

/// Which kinds there are, and how many of each.
fn all_kinds(resources: &Resources, output: &Output) -> Ended {
    let counts: Vec<_> = kinds()
        .iter()
        .map(|kind| (kind, resources.objects(kind).len()))
        .collect();
    let rows = counts
        .iter()
        .map(|(kind, count)| [kind.section.replace('_', "-"), count.to_string(), kind.call.to_owned()]);
    let columns = [
        Column::Text("KIND"),
        Column::Number("OBJECTS"),
        Column::Text("AWS CALL"),
    ];
    let value: serde_json::Map<_, _> = counts
        .iter()
        .map(|(kind, count)| (kind.section.to_owned(), (*count).into()))
        .collect();
    output.result(&table(&columns, rows), &value)?;
    Ok(Outcome::Done)
}

/// How full the kernel's tables are.
fn tables(state_dir: &Path, output: &Output) -> Ended {
    let state = store::read(state_dir)?.ok_or(Error::NothingUp)?;
    let tables = Datapath::open(&state.pins)?.fill()?;
    let columns = [
        Column::Text("TABLE"),
        Column::Number("ROWS"),
        Column::Number("CAPACITY"),
        Column::Number("FULL"),
        Column::Number("MEMORY"),
    ];
    let rows = tables.iter().map(|fill| {
        let TableFill {
            table,
            rows,
            capacity,
            memory_bytes,
        } = fill;
        [
            table.clone(),
            rows.map(|rows| rows.to_string()).unwrap_or_default(),
            capacity.to_string(),
            rows.map(|rows| format!("{} %", 100 * rows / (*capacity).max(1)))
                .unwrap_or_default(),
            memory_bytes.map(size).unwrap_or_default(),
        ]
    });
    let all = tables.iter().filter_map(|table| table.memory_bytes).sum();
    let text = format!("{}\n\n{} in all.", table(&columns, rows), size(all));
    output.result(&text, &tables)?;
    Ok(Outcome::Done)
}

/// Configurations that are or were in force.
fn generations(state_dir: &Path, output: &Output) -> Ended {
    let generations = install::past(state_dir)?;
    let columns = [
        Column::Number("GENERATION"),
        Column::Text("SINCE"),
        Column::Text("DOCUMENTS"),
        Column::Text(""),
    ];
    let rows = generations.iter().enumerate().map(|(index, manifest)| {
        let Manifest {
            generation,
            time,
            files,
            rollback_to,
        } = manifest;
        let names: Vec<_> = files.iter().map(|file| &*file.name).collect();
        let names = match names[..] {
            [] | [_] | [_, _] => names.join(", "),
            [first, ..] => format!("{first} and {}", count(names.len() - 1, "more file")),
        };
        let mut remarks = Vec::new();
        remarks.extend((index == 0).then(|| "in force".to_owned()));
        remarks.extend((index == 1).then(|| "what rollback takes up again".to_owned()));
        remarks.extend(rollback_to.map(|generation| format!("rolled back to {generation}")));
        [generation.to_string(), moment(*time), names, remarks.join("; ")]
    });
    let text = match generations.is_empty() {
        true => "Nothing is up.".to_owned(),
        false => table(&columns, rows),
    };
    output.result(&text, &generations)?;
    Ok(Outcome::Done)
}
