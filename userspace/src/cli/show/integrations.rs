//! `groundplane show integrations [NAME]`: where processes of the host reach what is behind VPC links.

use super::Arguments;
use crate::cli::Outcome;
use crate::cli::exit::{Ended, Stop};
use crate::cli::output::Output;
use crate::cli::table::{Column, table};
use anyhow::anyhow;
use groundplane::integration::{DescribedIntegration, Found, IntegrationReport};
use std::path::Path;

/// What is told below the table where nobody listens.
const NOT_SERVED: &str = "No agent runs, so nobody listens. `groundplane agent` does.";

pub(super) fn run(arguments: &Arguments, state_dir: &Path, output: &Output) -> Ended {
    let mut report = report(arguments, state_dir)?;
    if let Some(name) = &arguments.name {
        report.integrations.retain(|one| one.name == *name);
        if report.integrations.is_empty() {
            return Err(anyhow!("no integration is called {name:?}").into());
        }
    }
    output.result(&text(&report), &report)?;
    Ok(Outcome::Done)
}

/// What the agent says, if there is one.
fn report(arguments: &Arguments, state_dir: &Path) -> Result<IntegrationReport, Stop> {
    if !arguments.from.is_of_documents()
        && let Some(agent) = arguments.socket.agent(state_dir)?
    {
        return Ok(agent.get("/v1/integrations")?);
    }
    let read = arguments.from.read(state_dir)?;
    Ok(IntegrationReport::of(
        &read.resources,
        &read.integrations,
        Found::ByNobody,
    ))
}

fn text(report: &IntegrationReport) -> String {
    if report.integrations.is_empty() {
        return "No integrations.".to_owned();
    }
    let columns = [
        Column::Text("NAME"),
        Column::Text("VPC LINK"),
        Column::Text("STATUS"),
        Column::Text("LISTENS AT"),
        Column::Text("REACHES"),
        Column::Number("OPEN"),
        Column::Number("ACCEPTED"),
        Column::Number("REFUSED"),
        Column::Number("FAILED"),
        Column::Number("SENT"),
        Column::Number("RECEIVED"),
        Column::Text("WHY NOT"),
    ];
    let text = table(&columns, report.integrations.iter().map(row));
    match report.is_served {
        true => text,
        false => format!("{text}\n\n{NOT_SERVED}"),
    }
}

fn row(described: &DescribedIntegration) -> [String; 12] {
    let counted = &described.counted;
    let why_not = described.refused.as_ref().or(counted.last_failure.as_ref());
    [
        described.name.clone(),
        described.vpc_link.clone(),
        described.status.clone(),
        described.listen.clone(),
        described.target.join(" "),
        counted.open.to_string(),
        counted.accepted.to_string(),
        counted.refused.to_string(),
        counted.failed.to_string(),
        counted.sent.to_string(),
        counted.received.to_string(),
        why_not.cloned().unwrap_or_default(),
    ]
}
