//! Exit codes: what scripts know a run's end by.

use groundplane::agent::AgentError;
use groundplane::api::{Code, client};
use groundplane::document::{Diagnostics, LoadError};
use groundplane::object::ObjectMissing;
use groundplane::{flows, install};
use serde_json::Value;
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
    /// Something was missing that the verb looks for, and has been told so.
    Unhealthy,
    /// Something would change.
    WouldChange,
    /// It is up, but doesn't behave as expected.
    Unexpected,
    /// What the user wrote is wrong, and has been told so.
    Refused,
}

impl Outcome {
    const fn code(&self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Unhealthy => 1,
            Self::WouldChange => 2,
            Self::Unexpected => 3,
            Self::Refused => 4,
        }
    }
}

/// Why a verb didn't do what it is for.
#[derive(Debug)]
pub(super) enum Stop {
    /// What the user wrote is wrong: the problems for programs, and as people read them.
    Refused {
        problems: Value,
        text: String,
    },
    Failed(anyhow::Error),
    /// The command line asks for what can't be.
    Usage(String),
}

pub(super) type Ended = Result<Outcome, Stop>;

impl Stop {
    /// Problems of a document.
    #[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
    pub(super) fn refused(problems: Diagnostics) -> Self {
        Self::Refused {
            // Structs of strings and numbers always have a JSON.
            problems: serde_json::to_value(&problems).unwrap_or_default(),
            text: problems.render(super::output::colours_on_stderr()),
        }
    }
}

impl From<client::Error> for Stop {
    fn from(error: client::Error) -> Self {
        match error {
            client::Error::Failure(failure) if failure.code == Code::Refused => Self::Refused {
                text: failure.rendered.unwrap_or(failure.message),
                problems: failure.diagnostics.unwrap_or_default(),
            },
            other => Self::Failed(other.into()),
        }
    }
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

macro_rules! failures {
    ($($error:ty),+) => {$(
        impl From<$error> for Stop {
            fn from(error: $error) -> Self {
                Self::Failed(error.into())
            }
        }
    )+};
}

failures!(
    AgentError,
    install::Error,
    flows::Error,
    LoadError,
    ObjectMissing,
    std::io::Error
);

/// The exit code, after everything has been told.
pub(super) fn code(ended: Ended, output: &super::output::Output) -> ExitCode {
    ExitCode::from(match ended {
        Ok(outcome) => outcome.code(),
        Err(Stop::Refused { problems, text }) => {
            output.refusal(&problems, &text);
            Outcome::Refused.code()
        }
        Err(Stop::Usage(message)) => {
            output.failure(&anyhow::Error::msg(message));
            USAGE
        }
        Err(Stop::Failed(error)) => {
            output.failure(&error);
            // A file that isn't there is a word of the command line that is wrong.
            if error.is::<LoadError>() { USAGE } else { 1 }
        }
    })
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
