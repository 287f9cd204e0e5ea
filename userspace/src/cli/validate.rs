//! `groundplane validate FILE`: everything that is wrong with a document, without touching the host.

use super::output::Output;
use super::{Outcome, file};
use groundplane::document::{self, Diagnostic, Diagnostics, Resolved};
use groundplane::resources::Resources;
use serde::Serialize;
use std::path::Path;

#[derive(Debug, Serialize)]
struct Report {
    valid: bool,
    file: String,
    problems: Vec<Diagnostic>,
    omitted: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<Counts>,
}

#[derive(Debug, Serialize)]
struct Counts {
    vpcs: usize,
    subnets: usize,
    security_groups: usize,
    network_acls: usize,
    route_tables: usize,
    prefix_lists: usize,
    instances: usize,
}

impl Counts {
    fn of(resources: &Resources) -> Self {
        Self {
            vpcs: resources.vpcs.len(),
            subnets: resources.subnets.len(),
            security_groups: resources.security_groups.len(),
            network_acls: resources.network_acls.len(),
            route_tables: resources.route_tables.len(),
            prefix_lists: resources.prefix_lists.len(),
            instances: resources.network_interfaces.len(),
        }
    }
}

pub(super) fn run(path: &Path, output: &Output) -> anyhow::Result<Outcome> {
    let (diagnostics, counts) = match file::read(path, document::parse)? {
        Ok(Resolved {
            resources, warnings, ..
        }) => (warnings, Some(Counts::of(&resources))),
        Err(problems) => (problems, None),
    };
    output.diagnostics(&diagnostics);
    let outcome = if counts.is_some() {
        Outcome::Done
    } else {
        Outcome::Refused
    };
    let file = path.display().to_string();
    let text = summary(&file, &diagnostics, counts.as_ref());
    let Diagnostics { problems, omitted } = diagnostics;
    output.result(
        &text,
        &Report {
            valid: counts.is_some(),
            file,
            problems,
            omitted,
            counts,
        },
    )?;
    Ok(outcome)
}

fn summary(file: &str, diagnostics: &Diagnostics, counts: Option<&Counts>) -> String {
    let problems = number(diagnostics.problems.len() + diagnostics.omitted, "problem");
    let Some(counts) = counts else {
        return format!("{file} is wrong: {problems}");
    };
    let Counts {
        vpcs,
        subnets,
        security_groups,
        network_acls,
        route_tables,
        prefix_lists,
        instances,
    } = *counts;
    let all = [
        (vpcs, "VPC"),
        (subnets, "subnet"),
        (security_groups, "security group"),
        (network_acls, "network ACL"),
        (route_tables, "route table"),
        (prefix_lists, "prefix list"),
        (instances, "instance"),
    ];
    let all = all.map(|(count, noun)| number(count, noun)).join(", ");
    format!("{file} is right: {all}")
}

fn number(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
