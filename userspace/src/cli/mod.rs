//! The verbs, one file each. `run` reads the command line, calls the verb and turns what comes of it into an exit code.

mod agent;
mod apply;
mod completions;
mod doctor;
mod documents;
mod down;
mod exit;
mod export;
mod flows;
mod flush;
mod get;
mod host;
mod man;
mod monitor;
mod output;
mod plan;
mod progress;
mod resources;
mod show;
mod status;
mod table;
mod top;
mod up;
mod validate;

use clap::{Parser, Subcommand};
use exit::{Ended, Outcome};
use groundplane::install::store::DEFAULT_DIRECTORY;
use output::Output;
use std::path::{Path, PathBuf};
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
    /// Check documents and say everything that is wrong with them; needs no privileges and changes nothing
    Validate(documents::Documents),
    /// Show what documents would change, and which connections would end
    Plan(plan::Arguments),
    /// Put documents in force: guests that are there already go on undisturbed
    Apply(apply::Apply),
    /// Put the configuration before in force again
    Rollback(apply::Rollback),
    /// Put documents in force, say who is where, and try it out on request
    Up(up::Arguments),
    /// Take down what is up, and nothing else
    Down(host::SocketArguments),
    /// Show ENIs, counters, and what was dropped and why
    Status,
    /// Show subnets, routes, rules and everything else in force, in tables
    Show(show::Arguments),
    /// Print objects as AWS's command line does
    Get(get::Arguments),
    /// Write what is in force, or documents, as a document or as AWS's JSON
    Export(export::Export),
    /// Make a document of what AWS's command line printed
    Import(export::Import),
    /// Show drops while they happen, one line each, until interrupted
    Monitor(monitor::Arguments),
    /// List live connections
    Flows(flows::Arguments),
    /// End live connections
    Flush(flush::Arguments),
    /// Show who sends most, again and again, until interrupted
    Top(top::Arguments),
    /// Say what this host has and lacks, and what that means
    Doctor(host::HostArguments),
    /// Keep the host in hand: put documents in force, and answer over a socket
    Agent(agent::Arguments),
    /// Print what makes a shell complete this command line
    Completions {
        /// Whose
        shell: completions::Shell,
    },
    /// Print the manual page, or write those of all verbs into a directory
    Man(man::Arguments),
    /// Print the JSON Schema of documents, for editors
    Schema,
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
    exit::code(verb.run(&state_dir, &output), &output)
}

impl Verb {
    fn run(self, state_dir: &Path, output: &Output) -> Ended {
        match self {
            Self::Validate(documents) => validate::run(&documents, output),
            Self::Plan(arguments) => plan::run(&arguments, state_dir, output),
            Self::Apply(arguments) => apply::apply(&arguments, state_dir, output),
            Self::Rollback(arguments) => apply::rollback(&arguments, state_dir, output),
            Self::Up(arguments) => up::run(&arguments, state_dir, output),
            Self::Down(arguments) => down::run(&arguments, state_dir, output),
            Self::Status => status::run(state_dir, output),
            Self::Show(arguments) => show::run(&arguments, state_dir, output),
            Self::Get(arguments) => get::run(&arguments, state_dir, output),
            Self::Export(arguments) => export::export(&arguments, state_dir, output),
            Self::Import(arguments) => export::import(&arguments, state_dir, output),
            Self::Monitor(arguments) => monitor::run(&arguments, state_dir, output),
            Self::Flows(arguments) => flows::run(&arguments, state_dir, output),
            Self::Flush(arguments) => flush::run(&arguments, state_dir, output),
            Self::Top(arguments) => top::run(&arguments, state_dir, output),
            Self::Doctor(arguments) => doctor::run(&arguments, state_dir, output),
            Self::Agent(arguments) => agent::run(arguments, state_dir, output),
            Self::Completions { shell } => completions::run(shell),
            Self::Man(arguments) => man::run(&arguments),
            Self::Schema => {
                output.json(&groundplane::document::json_schema())?;
                Ok(Outcome::Done)
            }
        }
    }
}

/// A directory is noted down and handed to servers, who run elsewhere, so it must not depend on where we are.
fn absolute(path: &str) -> std::io::Result<PathBuf> {
    std::path::absolute(path)
}

/// So many of something, in words.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
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

    /// What docs/commands.md says below a verb's heading.
    fn documented(verb: &str) -> Option<&'static str> {
        const TEXT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/commands.md"));
        let mut sections = TEXT.split("\n## ").skip(1);
        sections.find_map(|section| section.strip_prefix(verb)?.strip_prefix('\n'))
    }

    #[test]
    fn every_verb_and_every_option_of_its_own_is_documented() {
        let mut command = CommandLine::command();
        command.build();
        let for_all = documented("For all verbs").expect("a section for all verbs");
        for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
            let name = verb.get_name();
            let section = documented(name).unwrap_or_else(|| panic!("docs/commands.md has no section {name}"));
            for option in verb.get_arguments().filter_map(|argument| argument.get_long()) {
                let words = format!("--{option}");
                let said = [section, for_all].iter().any(|text| text.contains(&words));
                assert!(
                    said || option == "help",
                    "docs/commands.md doesn't speak of {words} of {name}"
                );
            }
        }
    }

    #[test]
    fn no_verb_is_documented_that_is_not_there() {
        const TEXT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/commands.md"));
        let command = CommandLine::command();
        let headings = TEXT.lines().filter_map(|line| line.strip_prefix("## "));
        for heading in headings.filter(|heading| *heading != "For all verbs") {
            assert!(command.find_subcommand(heading).is_some(), "there is no verb {heading}");
        }
    }
}
