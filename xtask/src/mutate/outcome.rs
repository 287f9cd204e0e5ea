//! What cargo-mutants reports, and which survivors are accounted for.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The faults of a run, by name.
#[derive(Default, PartialEq, Eq, Debug)]
pub(super) struct Report {
    /// A test failed, or never ended.
    pub(super) caught: Vec<String>,
    pub(super) missed: Vec<String>,
    /// How many didn't compile, and so prove nothing.
    pub(super) unviable: usize,
}

#[derive(Deserialize)]
struct Outcomes {
    outcomes: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    scenario: Scenario,
    summary: String,
}

#[derive(Deserialize)]
enum Scenario {
    Baseline,
    Mutant { name: String },
}

impl Report {
    /// Reads cargo-mutants' `outcomes.json`.
    pub(super) fn parse(json: &str) -> Result<Self> {
        let outcomes: Outcomes = serde_json::from_str(json).context("outcomes.json of cargo-mutants")?;
        let mut report = Self::default();
        for Outcome { scenario, summary } in outcomes.outcomes {
            match (scenario, &*summary) {
                (Scenario::Baseline, _) => {}
                (Scenario::Mutant { name }, "CaughtMutant" | "Timeout") => report.caught.push(name),
                (Scenario::Mutant { name }, "MissedMutant") => report.missed.push(name),
                (Scenario::Mutant { .. }, "Unviable") => report.unviable += 1,
                (Scenario::Mutant { name }, other) => bail!("{name}: cargo-mutants says {other}"),
            }
        }
        Ok(report)
    }

    /// How many compiled, and so were caught or missed.
    pub(super) fn judged(&self) -> usize {
        self.caught.len() + self.missed.len()
    }
}

/// `tests/mutants.toml`: the faults that no test can catch, and why.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Survivors {
    /// Reasons by name, where a name has no line numbers.
    #[serde(default)]
    survivors: BTreeMap<String, String>,
}

impl Survivors {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let survivors: Self = toml::from_str(text).context("tests/mutants.toml")?;
        if let Some((name, _)) = survivors.survivors.iter().find(|(_, reason)| reason.trim().is_empty()) {
            bail!("tests/mutants.toml: {name} has no reason");
        }
        Ok(survivors)
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.survivors.contains_key(&plain(name))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.survivors.keys()
    }
}

/// A fault's name without line and column, which change with every edit: `file.rs: replace …`.
pub(super) fn plain(name: &str) -> String {
    let parts: Vec<&str> = name.splitn(4, ':').collect();
    match parts.as_slice() {
        [file, line, column, what] if is_number(line) && is_number(column) => format!("{file}:{what}"),
        _ => name.to_owned(),
    }
}

fn is_number(text: &str) -> bool {
    text.parse::<u32>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(rows: &[(&str, &str)]) -> String {
        let rows: Vec<String> = rows
            .iter()
            .map(|(scenario, summary)| format!("{{\"scenario\":{scenario},\"summary\":\"{summary}\"}}"))
            .collect();
        format!("{{\"outcomes\":[{}],\"total_mutants\":1}}", rows.join(","))
    }

    #[test]
    fn a_timeout_is_a_catch_and_what_does_not_compile_counts_for_nothing() {
        let report = Report::parse(&outcomes(&[
            ("\"Baseline\"", "Success"),
            ("{\"Mutant\":{\"name\":\"a\",\"genre\":\"FnValue\"}}", "CaughtMutant"),
            ("{\"Mutant\":{\"name\":\"b\"}}", "Timeout"),
            ("{\"Mutant\":{\"name\":\"c\"}}", "MissedMutant"),
            ("{\"Mutant\":{\"name\":\"d\"}}", "Unviable"),
        ]));
        let report = report.unwrap();
        assert_eq!(report.caught, ["a", "b"]);
        assert_eq!(report.missed, ["c"]);
        assert_eq!((report.unviable, report.judged()), (1, 3));
    }

    #[test]
    fn a_fault_that_could_not_be_tried_is_an_error() {
        assert!(Report::parse(&outcomes(&[("{\"Mutant\":{\"name\":\"a\"}}", "Failure")])).is_err());
    }

    #[test]
    fn a_survivor_is_known_wherever_its_line_moved() {
        let survivors = Survivors::parse("[survivors]\n\"a.rs: replace f -> u8 with 0\" = \"never read\"\n").unwrap();
        assert!(survivors.knows("a.rs:10:5: replace f -> u8 with 0"));
        assert!(!survivors.knows("a.rs:10:5: replace f -> u8 with 1"));
        assert!(!survivors.knows("b.rs:10:5: replace f -> u8 with 0"));
        assert!(Survivors::parse("[survivors]\n\"a.rs: x\" = \"\"\n").is_err());
    }
}
