//! `groundplane validate PATH…`: everything that is wrong with documents, without touching the host.

use super::documents::Documents;
use super::exit::Ended;
use super::output::Output;
use super::{Outcome, count};
use groundplane::document::{self, Diagnostic, Diagnostics, Source};
use groundplane::resources::{Resources, kinds};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Serialize)]
struct Report {
    valid: bool,
    files: Vec<String>,
    problems: Vec<Diagnostic>,
    omitted: usize,
    /// How many there are of each kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<BTreeMap<&'static str, usize>>,
}

pub(super) fn run(documents: &Documents, output: &Output) -> Ended {
    let sources = documents.load()?;
    let (diagnostics, resources) = match documents.check(document::read(&sources, None)) {
        Ok(resolved) => (resolved.warnings, Some(resolved.resources)),
        Err(problems) => (problems, None),
    };
    output.diagnostics(&diagnostics);
    let text = summary(&sources, &diagnostics, resources.as_ref());
    let Diagnostics { problems, omitted } = diagnostics;
    let report = Report {
        valid: resources.is_some(),
        files: sources.into_iter().map(|source| source.name).collect(),
        problems,
        omitted,
        counts: resources.as_ref().map(|resources| counts(resources).collect()),
    };
    output.result(&text, &report)?;
    Ok(match report.valid {
        true => Outcome::Done,
        false => Outcome::Refused,
    })
}

/// How many objects of each kind there are: always of those that packets depend on, of others if there are any.
fn counts(resources: &Resources) -> impl Iterator<Item = (&'static str, usize)> {
    let count = |kind| (resources.objects(kind).len(), kind);
    let counts = kinds().iter().map(count);
    counts
        .filter(|(count, kind)| kind.is_core || *count > 0)
        .map(|(count, kind)| (kind.section, count))
}

fn summary(sources: &[Source], diagnostics: &Diagnostics, resources: Option<&Resources>) -> String {
    let (what, verb) = match sources {
        [one] => (one.name.clone(), "is"),
        _ => (count(sources.len(), "file"), "are"),
    };
    let Some(resources) = resources else {
        let problems = count(diagnostics.problems.len() + diagnostics.omitted, "problem");
        return format!("{what} {verb} wrong: {problems}");
    };
    let names: BTreeMap<_, _> = kinds().iter().map(|kind| (kind.section, kind.name)).collect();
    let all: Vec<_> = counts(resources)
        .map(|(section, number)| count(number, names.get(section).unwrap_or(&section)))
        .collect();
    format!("{what} {verb} right: {}", all.join(", "))
}
