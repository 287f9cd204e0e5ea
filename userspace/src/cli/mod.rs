//! The verbs, one file each. `run` reads the command line, calls the verb and turns what comes of it into an exit code.

mod agent;
mod completions;
mod down;
mod exit;
mod file;
mod flows;
mod man;
mod monitor;
mod output;
mod progress;
mod status;
mod table;
mod up;
mod validate;

use clap::{Parser, Subcommand};
use exit::Outcome;
use groundplane::install::store::DEFAULT_DIRECTORY;
use output::Output;
use std::path::PathBuf;
use std::process::ExitCode;

/// VPC networks for plain Linux hosts, enforced in the kernel
#[derive(Debug, Parser)]
#[command(name = "groundplane", version, after_help = exit::CODES)]
struct CommandLine {
    /// What to print: text for people, or JSON for programs
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t = output::Format::Text)]
    output: output::Format,
    /// Where the journal of what is up is kept
    #[arg(long, global = true, value_name = "DIRECTORY", default_value = DEFAULT_DIRECTORY, value_parser = absolute)]
    state_dir: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check a document and say everything that is wrong with it; needs no privileges and changes nothing
    Validate {
        /// The document
        file: PathBuf,
    },
    /// Bring up the VPCs of a document, or change what is up into it: guests that are in both go on undisturbed
    Up(up::Arguments),
    /// Take down what is up, and nothing else
    Down,
    /// Show ENIs, counters, and what was dropped and why
    Status,
    /// Show drops while they happen, one line each, until interrupted
    Monitor(monitor::Arguments),
    /// List live connections
    Flows(flows::Arguments),
    /// Keep the host in hand: put documents in force, and answer over a socket
    Agent(agent::Arguments),
    /// Print what makes a shell complete this command line
    Completions {
        /// Whose
        shell: completions::Shell,
    },
    /// Print the manual page, or write those of all verbs into a directory
    Man(man::Arguments),
}

pub(crate) fn run() -> ExitCode {
    let CommandLine {
        output,
        state_dir,
        verb,
    } = match CommandLine::try_parse() {
        Ok(parsed) => parsed,
        Err(told) => return exit::told(&told),
    };
    let output = Output::new(output);
    let outcome = match verb {
        Verb::Validate { file } => validate::run(&file, &output),
        Verb::Up(arguments) => up::run(&arguments, &state_dir, &output),
        Verb::Down => down::run(&state_dir, &output),
        Verb::Status => status::run(&state_dir, &output),
        Verb::Monitor(arguments) => monitor::run(&arguments, &state_dir, &output),
        Verb::Flows(arguments) => flows::run(&arguments, &state_dir, &output),
        Verb::Agent(arguments) => agent::run(arguments, &state_dir, &output),
        Verb::Completions { shell } => completions::run(shell),
        Verb::Man(arguments) => man::run(&arguments),
    };
    outcome.map_or_else(
        |error| {
            output.failure(&error);
            exit::of_error(&error)
        },
        Outcome::code,
    )
}

/// A directory is noted down and handed to servers, who run elsewhere, so it must not depend on where we are.
fn absolute(path: &str) -> std::io::Result<PathBuf> {
    std::path::absolute(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn the_output_format_may_stand_before_or_after_the_verb() {
        for words in [
            ["--output", "json", "validate", "x"],
            ["validate", "x", "--output", "json"],
        ] {
            let parsed = CommandLine::try_parse_from(["groundplane"].into_iter().chain(words)).expect("a command line");
            assert_eq!(parsed.output, output::Format::Json);
        }
    }
}
