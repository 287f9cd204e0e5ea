//! `docs/scenarios.md` tells the same as the code.

use super::waiting::{WAITING, Waiting};
use groundplane_tests::scenario::{BY_AN_AGENT, all_played};

const TEXT: &str = include_str!("../../../docs/scenarios.md");
const TOLD: &str = include_str!("../netns/balancer/told.rs");

/// The cells of the rows that begin with a scenario's number.
fn rows() -> Vec<Vec<&'static str>> {
    let rows = TEXT.lines().filter(|line| line.starts_with("| S"));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// A promise as a test's name: "An ENI's rules" is `an_enis_rules`.
fn name(promise: &str) -> String {
    let words = promise.to_lowercase().replace(['\'', ','], "");
    words.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_")
}

#[test]
fn every_scenario_that_is_played_is_listed_with_its_promise() {
    let rows = rows();
    let listed = rows
        .iter()
        .filter(|row| row.last().is_some_and(|cell| cell.starts_with('`')));
    let listed: Vec<_> = listed.collect();
    for (index, test) in all_played().enumerate() {
        let row = listed.get(index).map(|row| &***row);
        let Some([number, promise, listed]) = row else {
            panic!("docs/scenarios.md has {row:?} where {test} is expected");
        };
        assert_eq!(*listed, format!("`{test}`"));
        let number: u32 = number[1..].parse().expect("S and a number");
        assert_eq!(format!("s{number:02}_{}", name(promise)), test);
    }
    assert_eq!(
        listed.len(),
        all_played().count(),
        "docs/scenarios.md lists what isn't played"
    );
}

#[test]
fn everything_that_waits_is_listed_with_what_it_waits_for() {
    let rows = rows();
    let listed = rows
        .iter()
        .filter(|row| row.last().is_some_and(|cell| !cell.starts_with('`')));
    let listed: Vec<_> = listed.cloned().collect();
    let expected = WAITING
        .iter()
        .map(|Waiting(number, what, feature)| vec![format!("S{number}"), (*what).to_owned(), feature.to_string()]);
    assert_eq!(listed, expected.collect::<Vec<_>>());
}

#[test]
fn what_an_agent_plays_is_a_test_between_namespaces() {
    for test in BY_AN_AGENT {
        assert!(TOLD.contains(&format!("#[test]\nfn {test}()")), "{test}");
    }
}
