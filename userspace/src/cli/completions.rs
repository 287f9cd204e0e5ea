//! `groundplane completions SHELL`: what makes a shell complete the command line.

use super::exit::Ended;
use super::{CommandLine, Outcome, output};
use clap::{CommandFactory, ValueEnum};

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl From<Shell> for clap_complete::Shell {
    fn from(shell: Shell) -> Self {
        match shell {
            Shell::Bash => Self::Bash,
            Shell::Zsh => Self::Zsh,
            Shell::Fish => Self::Fish,
        }
    }
}

pub(super) fn run(shell: Shell) -> Ended {
    let mut script = Vec::new();
    let shell = clap_complete::Shell::from(shell);
    clap_complete::generate(shell, &mut CommandLine::command(), "groundplane", &mut script);
    output::bytes(&script)?;
    Ok(Outcome::Done)
}
