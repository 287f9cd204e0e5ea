//! What the agent can be asked over its socket, and what it answers: HTTP/1.1 and JSON, the same for the command line,
//! for curl and for programs.

pub mod client;

pub use client::Client;

use crate::flows::FlowSelector;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where the agent listens.
pub const DEFAULT_SOCKET: &str = "/run/groundplane/api.sock";

/// The longest request, in bytes.
pub const MAX_BODY: usize = 64 << 20;

/// A text of a configuration and what problems call it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub name: String,
    pub text: String,
}

/// `POST /v1/plan`: what would change. The answer is a [`crate::preview::Preview`] with the warnings beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    pub sources: Vec<Source>,
    /// Warnings refuse the configuration as well.
    #[serde(default)]
    pub strict: bool,
    /// How many of the connections that would end are named.
    #[serde(default = "named")]
    pub named: usize,
}

const fn named() -> usize {
    20
}

/// `POST /v1/apply`: put a configuration in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    pub sources: Vec<Source>,
    #[serde(default)]
    pub strict: bool,
    /// End the connections that would not be admitted any more.
    #[serde(default)]
    pub cut: bool,
}

/// `POST /v1/rollback`: put the configuration before in force again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    #[serde(default)]
    pub cut: bool,
}

/// `POST /v1/flush`: end connections. The answer is [`crate::flows::Flushed`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlushRequest {
    /// Which; there is no way to say all.
    pub selector: FlowSelector,
    /// Only count them.
    #[serde(default)]
    pub dry_run: bool,
}

/// One line of an answer that is told while it comes about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// A step that begins, and how much of it is done where that is counted.
    Progress {
        step: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        done: Option<usize>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        all: Option<usize>,
    },
    /// The last line: what came of it.
    Result(Value),
    /// The last line: why nothing came of it.
    Error(Failure),
}

/// Why a request failed: the `error` of an answer whose status isn't 200.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    pub code: Code,
    pub message: String,
    /// What is wrong with the configuration: [`crate::document::Diagnostics`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnostics: Option<Value>,
    /// The same as people read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rendered: Option<String>,
}

/// The body of an answer whose status isn't 200.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    pub error: Failure,
}

/// What kind of failure it is. Each has one status of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Code {
    /// The request isn't one.
    BadRequest,
    /// Who asks may not.
    Forbidden,
    NotFound,
    MethodNotAllowed,
    /// The request, or the rest of it, didn't come in time.
    Timeout,
    /// It asks for what the state of the host doesn't allow, such as going back when there is nothing before.
    Conflict,
    TooLarge,
    /// The configuration is wrong; nothing was changed.
    Refused,
    /// It was tried and went wrong; what was in force is in force.
    Failed,
    /// Too many ask at once, or the agent is about to end.
    Unavailable,
}

impl Code {
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Timeout => 408,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Refused => 422,
            Self::Failed => 500,
            Self::Unavailable => 503,
        }
    }
}

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            diagnostics: None,
            rendered: None,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_are_objects_with_one_key_that_says_what_they_are() {
        let lines = [
            (
                json!({"progress": {"step": "loading"}}),
                Line::Progress {
                    step: "loading".to_owned(),
                    done: None,
                    all: None,
                },
            ),
            (
                json!({"result": {"generation": 2}}),
                Line::Result(json!({"generation": 2})),
            ),
            (
                json!({"error": {"code": "Conflict", "message": "nothing is up"}}),
                Line::Error(Failure::new(Code::Conflict, "nothing is up")),
            ),
        ];
        for (text, line) in lines {
            assert_eq!(serde_json::to_value(&line).expect("a line is JSON"), text);
            assert_eq!(serde_json::from_value::<Line>(text).expect("a line"), line);
        }
    }

    #[test]
    fn a_misspelt_request_is_refused() {
        let text = r#"{"sources": [], "cutt": true}"#;
        assert!(serde_json::from_str::<ApplyRequest>(text).is_err());
    }
}
