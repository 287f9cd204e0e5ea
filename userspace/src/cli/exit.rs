//! Exit codes: what scripts know a run's end by.

use super::file::Unreadable;
use std::process::ExitCode;

/// What `--help` and the manual say of them.
pub(super) const CODES: &str = "\
Exit codes: 0 it worked (plan: nothing would change); 1 it failed; 2 plan: something would change; \
3 it is up, but the probe found something other than expected; 4 the document is refused, and nothing was changed; \
64 the command line is wrong.";

/// The command line is wrong, as `sysexits.h` has it.
const USAGE: u8 = 64;

/// How a verb ended, if it didn't fail.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// What the user wrote is wrong, and has been told so.
    Refused,
    /// It is up, but doesn't behave as expected.
    Unexpected,
}

impl Outcome {
    pub(super) fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Done => 0,
            Self::Unexpected => 3,
            Self::Refused => 4,
        })
    }
}

/// The code of a verb that failed.
pub(super) fn of_error(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(if error.is::<Unreadable>() { USAGE } else { 1 })
}

/// Says what the reader of the command line has to say: what is wrong with it, or the help that was asked for.
pub(super) fn told(told: &clap::Error) -> ExitCode {
    // There is nowhere left to report that it can't be printed.
    _ = told.print();
    if told.use_stderr() {
        ExitCode::from(USAGE)
    } else {
        ExitCode::SUCCESS
    }
}
