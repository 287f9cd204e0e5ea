//! `groundplane show target-health [TARGET GROUP]`: how targets of load balancers are.

use super::Arguments;
use crate::cli::Outcome;
use crate::cli::exit::{Ended, Stop};
use crate::cli::output::Output;
use crate::cli::table::{Column, table};
use anyhow::anyhow;
use groundplane::health::{DescribedTarget, Found, TargetHealthReport};
use groundplane::install::store;
use std::path::Path;

/// What is told below the table where nobody looks after targets.
const NOT_CHECKED: &str = "No agent runs, so nobody checks targets: they count as healthy unless the document, or an agent \
                           that has ended, says otherwise. `groundplane agent` checks them.";

pub(super) fn run(arguments: &Arguments, state_dir: &Path, output: &Output) -> Ended {
    let mut report = report(arguments, state_dir)?;
    if let Some(name) = &arguments.name {
        let is_meant = |target: &DescribedTarget| [&target.target_group_arn, &target.target_group_name].contains(&name);
        report.target_health_descriptions.retain(is_meant);
        if report.target_health_descriptions.is_empty() {
            return Err(anyhow!("no target group with targets is called {name:?}").into());
        }
    }
    output.result(&text(&report), &report)?;
    Ok(Outcome::Done)
}

/// What the agent says, if there is one.
fn report(arguments: &Arguments, state_dir: &Path) -> Result<TargetHealthReport, Stop> {
    let is_in_force = !arguments.from.is_of_documents();
    if is_in_force && let Some(agent) = arguments.socket.agent(state_dir)? {
        return Ok(agent.get("/v1/target-health")?);
    }
    let state = if is_in_force { store::read(state_dir)? } else { None };
    let unhealthy = state.map(|state| state.unhealthy).unwrap_or_default();
    let resources = arguments.from.read(state_dir)?.resources;
    Ok(TargetHealthReport::of(&resources, Found::Before(&unhealthy)))
}

fn text(report: &TargetHealthReport) -> String {
    let targets = &report.target_health_descriptions;
    if targets.is_empty() {
        return "No targets.".to_owned();
    }
    let columns = [
        "TARGET GROUP",
        "TARGET",
        "PORT",
        "ZONE",
        "CHECKED PORT",
        "STATE",
        "REASON",
        "DESCRIPTION",
    ];
    let text = table(&columns.map(Column::Text), targets.iter().map(row));
    match report.is_checked {
        true => text,
        false => format!("{text}\n\n{NOT_CHECKED}"),
    }
}

fn row(described: &DescribedTarget) -> [String; 8] {
    let DescribedTarget {
        target_group_name: group,
        target,
        health_check_port: checked,
        target_health: health,
        ..
    } = described;
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        group.clone(),
        target.id.clone(),
        target.port.map(|port| port.to_string()).unwrap_or_default(),
        said(&target.availability_zone),
        checked.clone(),
        said(&health.state),
        said(&health.reason),
        said(&health.description),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_agent_runs_it_is_said() {
        let described = DescribedTarget {
            target_group_arn: "arn".to_owned(),
            target_group_name: "web".to_owned(),
            target: Default::default(),
            health_check_port: "80".to_owned(),
            target_health: Default::default(),
        };
        let report = |is_checked, targets| TargetHealthReport {
            is_checked,
            target_health_descriptions: targets,
        };
        assert!(!text(&report(true, vec![described.clone()])).contains("agent"));
        assert!(text(&report(false, vec![described])).contains("No agent runs"));
        assert_eq!(text(&report(true, Vec::new())), "No targets.");
    }
}
