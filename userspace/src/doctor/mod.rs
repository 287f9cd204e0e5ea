//! What this host has and lacks, and what that means.

mod annex;
mod files;
mod host;
mod kernel;
mod neighbours;
mod own;
mod text;
mod uplink;

pub use files::size;

use crate::install::kernel::LoadOptions;
use serde::Serialize;
use std::path::Path;

/// Everything that was looked at. Field names are part of the command's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether nothing that is needed is missing.
    pub healthy: bool,
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub health: Health,
    /// What was found.
    pub found: String,
    /// What that means.
    pub meaning: String,
    /// What to do, if there is something to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Ok,
    /// It works, but not as well as it could, or it can't be found out.
    Warning,
    /// It doesn't work.
    Failure,
}

/// What is looked at.
#[derive(Debug)]
pub struct Patient<'a> {
    pub state_dir: &'a Path,
    /// Where its agent would listen, if it can have one.
    pub socket: Option<&'a Path>,
    /// Where programs are pinned if nothing is up.
    pub pins: &'a Path,
    /// The programs; nothing if this binary was built without them.
    pub load: Option<LoadOptions<'a>>,
}

/// Looks at everything. Nothing is changed; programs are loaded and thrown away.
#[must_use]
pub fn examine(patient: &Patient<'_>) -> Report {
    let is_root = nix::unistd::geteuid().is_root();
    let mut checks = kernel::checks();
    checks.extend(host::checks());
    checks.extend(own::checks(patient, is_root));
    Report {
        healthy: checks.iter().all(|check| check.health != Health::Failure),
        checks,
    }
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self {
            name,
            health: Health::Ok,
            found: found.into(),
            meaning: meaning.into(),
            advice: None,
        }
    }

    fn warning(
        name: &'static str,
        found: impl Into<String>,
        meaning: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            health: Health::Warning,
            advice: Some(advice.into()),
            ..Self::ok(name, found, meaning)
        }
    }

    fn failure(
        name: &'static str,
        found: impl Into<String>,
        meaning: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            health: Health::Failure,
            ..Self::warning(name, found, meaning, advice)
        }
    }
}
