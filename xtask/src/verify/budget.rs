//! What the programs may cost, and what they do cost.

use super::stack::Chain;
use anyhow::{Context as _, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

/// `ebpf/budget.toml`: one table a program.
#[derive(Deserialize, PartialEq, Eq, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Budget {
    pub(super) program: BTreeMap<String, Limits>,
}

/// The most that a program may cost.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    /// Instructions the verifier walks, on every kernel.
    pub(super) verified_instructions: u64,
    /// Stack of the deepest chain of calls, in bytes.
    pub(super) stack: u64,
    /// Instructions of the loaded program, global functions included, in bytes.
    pub(super) bytes: u64,
    /// Time to load on the kernel that runs here; an emulated one says nothing about time.
    pub(super) load_ms: u64,
}

/// What the loader prints for each program.
#[derive(Clone, Deserialize, PartialEq, Eq, Debug)]
pub(super) struct Loaded {
    pub(super) program: String,
    pub(super) verified_instructions: u64,
    pub(super) bytes: u64,
    pub(super) load_ms: u64,
}

/// One figure beside its limit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Figure {
    pub(super) program: String,
    pub(super) what: &'static str,
    pub(super) is: u64,
    pub(super) limit: u64,
}

impl Figure {
    pub(super) fn fits(&self) -> bool {
        self.is <= self.limit
    }
}

pub(super) fn parse(text: &str) -> Result<Budget> {
    toml::from_str(text).context("ebpf/budget.toml")
}

/// Picks the loader's lines out of a console's output, in which a firmware's control codes may precede them.
pub(super) fn parse_loaded(output: &str) -> Vec<Loaded> {
    let objects = output.lines().filter_map(|line| line.get(line.find('{')?..));
    objects
        .filter_map(|object| serde_json::from_str(object.trim_end()).ok())
        .collect()
}

/// Every figure of one kernel. `stacks` and `timed` belong to the kernel that runs here only.
pub(super) fn figures(
    budget: &Budget,
    loaded: &[Loaded],
    stacks: &BTreeMap<String, Chain>,
    timed: bool,
) -> Vec<Figure> {
    let mut figures = Vec::new();
    for program in loaded {
        let Some(limits) = budget.program.get(&program.program) else {
            continue;
        };
        let mut figure = |what, is, limit| {
            figures.push(Figure {
                program: program.program.clone(),
                what,
                is,
                limit,
            });
        };
        figure(
            "verified instructions",
            program.verified_instructions,
            limits.verified_instructions,
        );
        figure("bytes", program.bytes, limits.bytes);
        if let Some(stack) = stacks.get(&program.program) {
            figure("stack", stack.bytes, limits.stack);
        }
        if timed {
            figure("load time in ms", program.load_ms, limits.load_ms);
        }
    }
    figures
}

/// Programs that only one of the two knows, in words.
pub(super) fn differences(budget: &Budget, loaded: &[Loaded]) -> Vec<String> {
    let is_loaded = |name: &str| loaded.iter().any(|program| program.program == name);
    let absent = budget
        .program
        .keys()
        .filter(|name| !is_loaded(name))
        .map(|name| format!("{name} was not loaded"));
    let without = loaded
        .iter()
        .filter(|program| !budget.program.contains_key(&program.program));
    absent
        .chain(without.map(|program| format!("{} has no budget", program.program)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[program.eni_egress]\nverified_instructions = 100\nstack = 64\nbytes = 800\nload_ms = 5\n";

    fn loaded(program: &str, verified_instructions: u64) -> Loaded {
        Loaded {
            program: program.to_owned(),
            verified_instructions,
            bytes: 8,
            load_ms: 6,
        }
    }

    #[test]
    fn a_budget_with_a_wrong_word_is_refused() {
        assert!(parse(TEXT).is_ok());
        assert!(parse(&TEXT.replace("stack", "stak")).is_err());
        assert!(parse(&TEXT.replace("stack = 64\n", "")).is_err());
        assert!(parse(&TEXT.replace("64", "-64")).is_err());
        assert!(parse("").is_err());
    }

    #[test]
    fn the_loaders_lines_are_found_between_the_kernels() {
        let output = "[    0.1] Linux\r\n\x1b[2J{\"program\":\"a\",\"verified_instructions\":7,\"bytes\":8,\"load_ms\":6}\r\n{}\r\n";
        assert_eq!(parse_loaded(output), [loaded("a", 7)]);
    }

    #[test]
    fn a_figure_above_its_limit_is_seen_and_one_at_the_limit_fits() {
        let budget = parse(TEXT).unwrap();
        let stacks = BTreeMap::from([(
            "eni_egress".to_owned(),
            Chain {
                bytes: 65,
                ..Chain::default()
            },
        )]);
        let over = |instructions, timed| {
            let figures = figures(&budget, &[loaded("eni_egress", instructions)], &stacks, timed);
            figures
                .into_iter()
                .filter(|figure| !figure.fits())
                .map(|figure| figure.what)
                .collect::<Vec<_>>()
        };
        assert_eq!(over(100, false), ["stack"]);
        assert_eq!(over(101, true), ["verified instructions", "stack", "load time in ms"]);
    }

    #[test]
    fn budget_and_object_have_the_same_programs() {
        let budget = parse(TEXT).unwrap();
        assert_eq!(differences(&budget, &[loaded("eni_egress", 1)]), [""; 0]);
        assert_eq!(
            differences(&budget, &[loaded("new", 1)]),
            ["eni_egress was not loaded", "new has no budget"]
        );
    }
}
