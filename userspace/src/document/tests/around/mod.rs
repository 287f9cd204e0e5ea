//! Objects around VPCs: what AWS refuses of them (semantics 30), and what it takes although nobody means it (semantics
//! 31). One configuration has something of everything, and each test exchanges a part of it.

mod addresses;
mod endpoints;
mod gateway_balancers;
mod gateways;
mod load_balancers;
mod peers;
mod private_link;
mod target_groups;
mod usual_services;
mod usual_ways;
mod vpc_links;
mod vpns;

use super::*;

const GOOD: &str = include_str!("../good.yaml");

/// The configuration with parts exchanged that stand in it once.
fn exchanged(parts: &[(&str, &str)]) -> String {
    parts.iter().fold(GOOD.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    })
}

/// The problems of such a configuration, each as "label: message".
fn told(text: &str) -> Vec<String> {
    let problems = match parse("good.yaml", text.as_bytes()) {
        Ok(resolved) => resolved.warnings,
        Err(problems) => problems,
    };
    let told = problems.problems.iter().map(|problem| {
        let Place { line, column, .. } = problem.place;
        assert!(line > 1 || column > 1, "a problem is somewhere: {problems}");
        assert!(problem.help.is_some(), "a problem says what to do: {problems}");
        let label = problem.number.or(problem.code).unwrap_or_default();
        format!("{label}: {}", problem.message)
    });
    told.collect()
}

#[track_caller]
fn check(parts: &[(&str, &str)], expected: &[&str]) {
    let text = exchanged(parts);
    assert_eq!(told(&text), expected, "{parts:?}");
}

/// Reads what AWS would tell of the configuration, with something changed that AWS may tell.
#[track_caller]
fn check_dumped(change: impl Fn(&mut serde_json::Map<String, serde_json::Value>)) {
    let resolved = parse("good.yaml", GOOD.as_bytes()).expect("a configuration");
    let mut answers = crate::export::aws(&resolved.resources);
    change(&mut answers);
    let bytes = serde_json::to_vec(&answers).expect("JSON");
    if let Err(problems) = read(&[Source::new("all.json", bytes)], None) {
        panic!("{problems}");
    }
}

#[test]
fn nothing_is_said_of_a_configuration_in_which_nothing_is_wrong() {
    check(&[], &[]);
}

/// The rest of a line in which something is exchanged that stands there more than once.
const PRIVATE: &str = "10.2.0.0/16, transit_gateway: hub }\n          - {";

/// One more route of VPC a's private subnets.
fn with_route(route: &str) -> String {
    format!("10.2.0.0/16, transit_gateway: hub }}\n          - {{ {route} }}\n          - {{")
}
