//! What is checked of the objects around VPCs.

use super::{Context, configuration};
use crate::document::diagnostic::Problems;
use crate::document::places::Places;
use crate::document::quotas::Quotas;
use crate::document::source::SourceMap;
use crate::document::{Severity, parse};
use crate::resources::{Resources, kinds};
use serde_json::{Value, json};

const CORE: &str = include_str!("tests/core.yaml");

fn resources(yaml: &str, later: &Value) -> Resources {
    let mut resources = parse("core.yaml", yaml.as_bytes())
        .unwrap_or_else(|problems| panic!("{problems}"))
        .resources;
    for (key, objects) in later.as_object().expect("objects by key") {
        let kind = kinds()
            .iter()
            .find(|kind| kind.key == key)
            .unwrap_or_else(|| panic!("{key}"));
        for object in objects.as_array().expect("a list") {
            let said = object.as_object().expect("an object");
            let read = resources.read(kind, String::new(), object, said);
            read.unwrap_or_else(|error| panic!("{object}: {error}"));
        }
    }
    resources.sort();
    resources
}

/// What is told of a configuration, each as "label: message".
fn told(yaml: &str, later: &Value) -> Vec<String> {
    let resources = resources(yaml, later);
    let sources = SourceMap::default();
    let mut problems = Problems::default();
    configuration(
        &Context::new(&resources, &Quotas::default(), &Places::new(&sources)),
        &mut problems,
    );
    let problems = problems.into_diagnostics(&sources).problems;
    let line = |problem: &crate::document::Diagnostic| {
        let label = problem.number.or(problem.code).unwrap_or(match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        });
        assert!(problem.help.is_some(), "{problem:?}");
        format!("{label}: {}", problem.message)
    };
    problems.iter().map(line).collect()
}

/// Checks what is told of later objects beside the core.
fn check(later: Value, expected: &[&str]) {
    assert_eq!(told(CORE, &later), expected, "{later:#}");
}

/// The same with a part of the core exchanged.
fn check_with((from, to): (&str, &str), later: Value, expected: &[&str]) {
    assert_eq!(CORE.matches(from).count(), 1, "{from}");
    assert_eq!(told(&CORE.replace(from, to), &later), expected, "{later:#}");
}

#[test]
fn the_core_alone_is_as_it_should_be() {
    check(json!({}), &[]);
}
