//! Rules of this repository that no compiler checks.

mod alone;
mod architecture;
mod drop_reasons;
mod source;
mod text;

use crate::command::{program, read, root};
use crate::step::{Colour, note, paint};
use anyhow::{Context as _, Result, bail};
use std::fmt;

/// A tracked file.
struct File {
    /// From the workspace's root.
    path: String,
    text: String,
}

#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Problem {
    path: String,
    /// Counted from one; zero stands for the whole file.
    line: usize,
    what: String,
}

impl Problem {
    fn new(file: &File, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: file.path.clone(),
            line,
            what: what.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

/// Checks every tracked file. Warnings are for the eye; errors fail.
pub(crate) fn run() -> Result<()> {
    let files = tracked_files()?;
    for warning in files.iter().flat_map(source::sizes) {
        note(format_args!("{} {warning}", paint(Colour::Yellow, "long:")));
    }
    let mut errors: Vec<Problem> = files.iter().flat_map(text::check).collect();
    errors.extend(files.iter().flat_map(source::check));
    errors.extend(alone::check(&files));
    errors.extend(drop_reasons::check(&files));
    errors.extend(architecture::check(&files));
    for error in &errors {
        note(format_args!("{} {error}", paint(Colour::Red, "untidy:")));
    }
    if !errors.is_empty() {
        bail!("tidy found {}", errors.len());
    }
    Ok(())
}

/// The text files that git knows of, also those not committed yet.
fn tracked_files() -> Result<Vec<File>> {
    let mut command = program("git");
    command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let list = read(&mut command).context("tidy asks git which files are ours")?;
    let paths: Vec<&str> = list.split('\0').filter(|path| !path.is_empty()).collect();
    if paths.is_empty() {
        bail!("git knows of no file here");
    }
    let mut files = Vec::new();
    for path in paths {
        let full = root().join(path);
        // A deleted file stays on the list until the deletion is committed.
        if full.is_file() {
            let bytes = std::fs::read(&full).with_context(|| format!("can't read {path}"))?;
            files.extend(String::from_utf8(bytes).ok().map(|text| File {
                path: path.to_owned(),
                text,
            }));
        }
    }
    Ok(files)
}
