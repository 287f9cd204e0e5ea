//! Runs every suite and counts.
//!
//! Suites that need root are binaries of their own behind the feature `privileged`, so that a plain `cargo test` can't
//! pass by skipping them; here a suite of which nothing ran, or of which a test was ignored, has failed.

use crate::build;
use crate::command::{cargo, describe, is_root};
use crate::setup::{self, Purpose};
use crate::step::{Colour, Seconds, note, paint, step};
use anyhow::{Context as _, Result};
use clap::ValueEnum;
use std::io::{BufRead as _, BufReader};
use std::ops::AddAssign;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Suite {
    /// Everything that needs neither root nor BPF: units, promises, the model against the datapath
    Host,
    /// The loaded programs against the datapath, by test runs
    Kernel,
    /// Real sockets and tools between namespaces
    Netns,
}

impl Suite {
    fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Kernel => "kernel",
            Self::Netns => "netns",
        }
    }

    fn needs_root(self) -> bool {
        self != Self::Host
    }

    fn command(self) -> Command {
        let mut command = cargo();
        match self {
            Self::Host => command.args(["test", "--no-fail-fast"]),
            // One at a time: they want all cores and the whole of a table.
            Self::Kernel => self.select(command.arg("test")).args(["--", "--test-threads=1"]),
            // `.config/nextest.toml` says how many at a time, and why each has a process of its own.
            Self::Netns => self.select(command.args(["nextest", "run"])),
        };
        command
    }

    /// Names the one binary that a suite which needs root is.
    fn select(self, command: &mut Command) -> &mut Command {
        let package = ["--package", "groundplane-tests", "--features", "privileged"];
        command.args(package).args(["--test", self.name()])
    }
}

/// How many tests did what.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Count {
    passed: u32,
    failed: u32,
    ignored: u32,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

struct Outcome {
    suite: Suite,
    count: Count,
    took: Duration,
    /// Why the suite failed beyond its failed tests.
    complaint: Option<String>,
}

impl Outcome {
    fn is_good(&self) -> bool {
        self.count.failed == 0 && self.complaint.is_none()
    }
}

/// `cargo xtask test [--only SUITE]`.
pub(crate) fn run_command(only: Option<Suite>) -> Result<ExitCode> {
    let suites = only.map_or_else(|| vec![Suite::Host, Suite::Kernel, Suite::Netns], |suite| vec![suite]);
    if suites.iter().any(|suite| suite.needs_root()) && is_root() {
        build::all(&setup::run_for(&[Purpose::Test])?)?;
        if suites.contains(&Suite::Netns) {
            setup::need_cargo_tool("cargo-nextest", "it runs a process for each test between namespaces")?;
        }
    }
    let outcomes: Vec<Outcome> = suites.into_iter().map(run).collect::<Result<_>>()?;
    Ok(summarize(&outcomes))
}

fn run(suite: Suite) -> Result<Outcome> {
    let start = Instant::now();
    let result = step(&format!("suite {}", suite.name()), || {
        if suite.needs_root() && !is_root() {
            let complaint = format!("the suite {} needs root, so it did not run", suite.name());
            return Ok((Count::default(), Some(complaint)));
        }
        watch(suite)
    });
    let (mut count, complaint) = result?;
    if let Some(complaint) = &complaint {
        note(format_args!("{} {complaint}", paint(Colour::Red, "but")));
    }
    if complaint.is_some() && count.failed == 0 {
        // What couldn't run, or broke outside of a test, must not look like a success in the last line.
        count.failed = 1;
    }
    Ok(Outcome {
        suite,
        count,
        took: start.elapsed(),
        complaint,
    })
}

/// Runs a suite, passes its output on and reads the results from it.
fn watch(suite: Suite) -> Result<(Count, Option<String>)> {
    let mut command = suite.command();
    let words = describe(&command);
    let (output, input) = std::io::pipe()?;
    match suite {
        Suite::Host | Suite::Kernel => command.stdout(input),
        // nextest leaves the other stream to programs.
        Suite::Netns => command.stderr(input),
    };
    let mut child = command.spawn().context("can't start cargo")?;
    // It has an end that is written to, and while it has, what is read has no end.
    drop(command);
    let mut count = Count::default();
    for line in BufReader::new(output).lines() {
        let line = line?;
        count += parse_result(&line).or_else(|| parse_summary(&line)).unwrap_or_default();
        println!("{line}");
    }
    let status = child.wait()?;
    Ok((count, complain(count, status.success(), &words)))
}

fn complain(count: Count, success: bool, command: &str) -> Option<String> {
    if !success && count.failed == 0 {
        return Some(format!("`{command}` failed outside of a test"));
    }
    if count.passed + count.failed == 0 {
        return Some("not one test ran".to_owned());
    }
    (count.ignored > 0).then(|| format!("{} tests were ignored, which proves nothing", count.ignored))
}

/// Reads libtest's line `test result: ok. 5 passed; 0 failed; 1 ignored; …`.
fn parse_result(line: &str) -> Option<Count> {
    let (_, figures) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let figure = |name: &str| {
        let part = figures.split("; ").find_map(|part| part.strip_suffix(name))?;
        part.trim().parse::<u32>().ok()
    };
    Some(Count {
        passed: figure("passed")?,
        failed: figure("failed")?,
        ignored: figure("ignored")?,
    })
}

/// Reads nextest's line `Summary [ 9.1s] 7 tests run: 5 passed (1 slow), 1 failed, 1 timed out, 3 skipped`.
fn parse_summary(line: &str) -> Option<Count> {
    let (_, run) = line.trim_start().strip_prefix("Summary [")?.split_once(" run: ")?;
    let mut count = Count::default();
    for part in run.split(", ") {
        // What follows in parentheses says more of some of them.
        let (figure, what) = part.split(" (").next()?.split_once(' ')?;
        let figure: u32 = figure.parse().ok()?;
        match what {
            "passed" => count.passed += figure,
            "skipped" => count.ignored += figure,
            within if within.ends_with(')') => {}
            _ => count.failed += figure,
        }
    }
    Some(count)
}

fn summarize(outcomes: &[Outcome]) -> ExitCode {
    let mut total = Count::default();
    println!("\n{:10} {:>7} {:>7} {:>12}", "suite", "passed", "failed", "time");
    for outcome in outcomes {
        let Count { passed, failed, .. } = outcome.count;
        println!(
            "{:10} {passed:>7} {failed:>7} {:>12}",
            outcome.suite.name(),
            Seconds(outcome.took).to_string()
        );
        total += outcome.count;
    }
    for outcome in outcomes.iter().filter(|outcome| !outcome.is_good()) {
        let reason = outcome.complaint.as_deref().unwrap_or("tests failed");
        note(format_args!(
            "{} {}: {reason}",
            paint(Colour::Red, "failed"),
            outcome.suite.name()
        ));
    }
    println!("\n{} passed, {} failed", total.passed, total.failed);
    if outcomes.iter().all(Outcome::is_good) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(passed: u32, failed: u32, ignored: u32) -> Count {
        Count {
            passed,
            failed,
            ignored,
        }
    }

    #[test]
    fn reads_the_line_that_libtest_prints() {
        let line = "test result: FAILED. 5 passed; 2 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.1s";
        assert_eq!(parse_result(line), Some(count(5, 2, 1)));
        assert_eq!(parse_result("test frame::loads ... ok"), None);
        assert_eq!(parse_result("test result: ok. nothing; to; see"), None);
    }

    #[test]
    fn reads_the_line_that_nextest_prints() {
        let line =
            "     Summary [ 510.552s] 300 tests run: 297 passed (1 slow, 1 leaky), 2 failed, 1 timed out, 4 skipped";
        assert_eq!(parse_summary(line), Some(count(297, 3, 4)));
        let shortest = "     Summary [   0.130s] 1 test run: 1 passed, 0 skipped";
        assert_eq!(parse_summary(shortest), Some(count(1, 0, 0)));
        assert_eq!(parse_summary("        PASS [   4.304s] (2/300) adopt::passed"), None);
        assert_eq!(parse_summary("     Summary [   0.130s] who knows"), None);
    }

    #[test]
    fn a_run_without_tests_or_with_ignored_ones_is_a_failure() {
        let cargo = "cargo";
        assert_eq!(complain(count(3, 0, 0), true, cargo), None);
        assert_eq!(
            complain(count(3, 1, 0), false, cargo),
            None,
            "the failed test says it already"
        );
        assert!(complain(count(0, 0, 0), true, cargo).is_some());
        assert!(complain(count(3, 0, 1), true, cargo).is_some());
        assert!(complain(count(3, 0, 0), false, cargo).is_some());
    }
}
