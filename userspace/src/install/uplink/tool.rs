//! The host's own tools for its packet filter, which are told everything on their standard input.

use crate::install::error::{Doing as _, Error, Result};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a tool said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) is_done: bool,
    pub(super) out: String,
    pub(super) error: String,
}

/// A tool by its name. Where root's tools are is looked at as well: a service's path may be short.
#[must_use]
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from));
    directories
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
}

/// Runs a tool. Its options are always the same words.
pub(super) fn run(tool: &Path, options: &[&str], input: &str) -> Result<Said> {
    let what = || format!("run {}", tool.display());
    let mut command = Command::new(tool);
    command.args(options).env("LC_ALL", "C");
    let pipes = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = pipes.spawn().doing(what)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that doesn't read all of it says why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().doing(what)?;
    Ok(Said {
        is_done: output.status.success(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        error: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

impl Said {
    /// What it said, if it did what it was to.
    pub(super) fn done(self, what: &str) -> Result<String> {
        if self.is_done {
            return Ok(self.out);
        }
        Err(Error::Tool {
            what: what.to_owned(),
            said: self.error.trim().to_owned(),
        })
    }
}
