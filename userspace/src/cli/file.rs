//! Documents from files.

use anyhow::Context;
use groundplane::document::{self, Diagnostics, Resolved};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A file that can't be read: the command line names the wrong one.
#[derive(Debug)]
pub(super) struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "can't read {}", self.0)
    }
}

/// Reads and resolves a document. The outer error is about the file, the inner one about what is in it.
pub(super) fn read(path: &Path) -> anyhow::Result<Result<Resolved, Diagnostics>> {
    let name = path.display().to_string();
    let bytes = bytes(path).with_context(|| Unreadable(name.clone()))?;
    Ok(document::parse(&name, &bytes))
}

/// One byte more than a document may have is enough to see that it is too long, and bounds what a pipe can send.
fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(document::MAX_LEN as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
